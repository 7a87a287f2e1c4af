"""The login at a PACS: of a private file, or of the environment.

The Snakefile checks it before any job, so this module imports nothing heavy.
"""

import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pgdose.errors import UserError
from pgdose.study.pacs import Server

KEYS = ("user", "password", "token")
PREFIX = "PGDOSE_PACS_"  # of the environment's variables, with a key in capitals
MOST_BYTES = 65_536
WHERE = "server.credentials"


class Credentials(NamedTuple):
    """A login; all None where the server asks for none. No text of it shows its values."""

    user: str | None = None
    password: str | None = None
    token: str | None = None

    def __repr__(self) -> str:
        keys = [key for key in KEYS if getattr(self, key) is not None]
        return f"Credentials({', '.join(keys)})"


def read_credentials(path: str | None, environment: Mapping[str, str]) -> Credentials:
    """The login of a file, or of the environment where no file is named.

    UserError if the file is missing, can be read by others, or is not as it should be.
    """
    if path is None:
        values = {key: environment.get(PREFIX + key.upper()) or None for key in KEYS}
        return _checked(values, "the environment")
    return _checked(_parse(_read_private(Path(path), WHERE)), WHERE)


def check_server_files(server: Server) -> None:
    """UserError unless the files that section `server` names are there, and private ones private.

    The values of the login are not needed yet: a job reads them from the environment it runs in.
    """
    if server.credentials is not None:
        read_credentials(server.credentials, {})
    if server.tls is None:
        return
    for key in ("ca", "certificate", "key"):
        name = getattr(server.tls, key)
        is_private = key == "key" or (key == "certificate" and server.tls.key is None)
        if name is not None and is_private:
            _read_private(Path(name), f"server.tls.{key}")
        elif name is not None and not Path(name).is_file():
            raise UserError(f"server.tls.{key}: there is no file {name!r}; correct the path")


def _read_private(path: Path, where: str) -> str:
    """The text of a file that only its owner can read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{where}: {str(path)!r} is no regular file; give the path of one")
        if status.st_mode & 0o077:
            raise UserError(
                f"{where}: other users can read {str(path)!r} (mode {status.st_mode & 0o777:04o}); "
                f"make it yours alone with `chmod 600 {path}`"
            )
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"{where}: there is no file {str(path)!r}; correct the path") from None
    except OSError as error:
        raise UserError(
            f"{where}: {str(path)!r} cannot be read ({error.strerror}); let its owner be the user "
            "who runs the study"
        ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{where}: {str(path)!r} is no text in UTF-8; write it anew") from None
    if len(content) > MOST_BYTES:
        raise UserError(f"{where}: {str(path)!r} has more than {MOST_BYTES} bytes; shorten it")
    return text


def _parse(text: str) -> dict[str, str | None]:
    """The values of lines `key: value`. No message repeats a line: it may be the password."""
    values: dict[str, str | None] = dict.fromkeys(KEYS)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, colon, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if not colon or key not in KEYS or not value:
            raise UserError(
                f"{WHERE}: line {number} of the file is not as it should be; write lines "
                "'user: NAME' and 'password: WORD', or one line 'token: TOKEN'"
            )
        if values[key] is not None:
            raise UserError(f"{WHERE}: line {number} of the file gives {key} again; remove one")
        values[key] = value
    if not any(values.values()):
        raise UserError(
            f"{WHERE}: the file holds no login; write lines 'user: NAME' and 'password: WORD', or "
            "one line 'token: TOKEN', or leave out 'credentials'"
        )
    return values


def _checked(values: Mapping[str, str | None], where: str) -> Credentials:
    login = Credentials(**values)
    if login.token and (login.user or login.password):
        raise UserError(f"{where}: has both a token and a user's login; keep one of them")
    if (login.user is None) != (login.password is None):
        raise UserError(f"{where}: has only one of user and password; give both")
    if login.token and not re.fullmatch(r"[\x21-\x7e]+", login.token):
        raise UserError(
            f"{where}: the token holds a space or a letter that no token has; write it alone, "
            "without 'Bearer'"
        )
    if any(value and not value.isprintable() for value in login):
        raise UserError(f"{where}: a value holds control characters; write it anew")
    return login
