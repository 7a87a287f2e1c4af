"""The secret key of a site's opaque ids: its file, its fingerprint, and what was made with it.

Tables of ids carry the fingerprint of their key in their metadata, so that a study never goes on
with another key: its new ids would not fit those that it has. The Snakefile runs these checks
before any job, so this module imports nothing heavy.
"""

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import stat
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from pgdose.errors import UserError
from pgdose.tables.output_files import make_private_folders, sync

DIGITS = 64  # of a key's file, hexadecimal: 256 bits
BYTES = 4096  # of a key's file, at most
DISTINCT = 8  # different digits of a key, at least; fewer come from no random numbers
MOST_OF_A_DIGIT = 1 / 3  # share; a random key has one so often once in 10**10
ENTRY = "key_fingerprint"  # of the metadata of tables
SYNTHETIC = "synthetic"  # in place of the fingerprint, where the key follows from the seed


def load_key(path: Path, seed: int | None = None) -> bytes:
    """The key; with a `seed` (the synthetic hospital) one that follows from it, so that ids repeat.

    UserError if there is no file, or if it is not as `make_key` wrote it. A job never makes a key:
    the key may be lost, or may not be there on this machine.
    """
    if seed is not None:
        return hashlib.sha256(f"pgdose synthetic hospital {seed}".encode()).digest()
    try:
        content = _read(path)
    except FileNotFoundError:
        raise _no_file(path) from None
    except OSError as error:
        raise UserError(
            f"privacy.key: {str(path)!r} cannot be read ({error.strerror}); let its owner make it "
            "readable for you, or restore it from a backup"
        ) from None
    if not is_random(content.lower()):
        raise UserError(
            f"privacy.key: {str(path)!r} {_described(content)}, but a key is {DIGITS} random "
            "hexadecimal digits; restore it from a backup, or delete it if no results were made "
            "with it"
        )
    if path.stat().st_mode & 0o077:  # a person copied it here, maybe
        with contextlib.suppress(PermissionError):  # its owner may let others read it
            path.chmod(0o600)
    return bytes.fromhex(content.decode())


def is_missing(path: Path) -> bool:
    """Whether nothing stands at a key's place, not even a link that leads nowhere."""
    return not os.path.lexists(path)


def is_random(digits: bytes) -> bool:
    """Whether a text may be a key: 64 hexadecimal digits or more that do not repeat."""
    if not re.fullmatch(rb"([0-9a-f]{2}){%d,}" % (DIGITS // 2), digits):
        return False
    counts = Counter(digits)
    has_period = any(digits[n:] == digits[:-n] for n in range(1, len(digits) // 2 + 1))
    is_even = max(counts.values()) <= MOST_OF_A_DIGIT * len(digits)
    return len(counts) >= DISTINCT and is_even and not has_period


def _read(path: Path) -> bytes:
    """The text of a key's file. A pipe would never end, and a device would fill the memory."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise UserError(f"privacy.key: {str(path)!r} is no regular file; give the path of one")
    with path.open("rb") as file:
        content = file.read(BYTES + 1)
    if len(content) > BYTES:
        raise UserError(
            f"privacy.key: {str(path)!r} has more than {BYTES} bytes, but a key is {DIGITS} "
            "hexadecimal digits; give the path of a key"
        )
    return content.strip()


def _no_file(path: Path) -> UserError:
    if path.is_symlink():
        return UserError(
            f"privacy.key: {str(path)!r} is a link to a file that is not there; restore that file "
            "from a backup, or delete the link if no results were made with it"
        )
    return UserError(
        f"privacy.key: there is no key file {str(path)!r}; restore it from a backup, or begin "
        "anew with `snakemake` in the folder of the study, which makes it"
    )


def _described(content: bytes) -> str:
    """What stands in a file that is no key, without a word of it: it may be most of one."""
    if not content:
        return "is empty"
    if len(content) < DIGITS:
        return f"is too short ({len(content)} characters)"
    return "holds something else"


def make_key(path: Path) -> None:
    """Make a key, readable by its owner alone, unless there is one.

    The file appears whole or not at all, and survives a loss of power: ids that were made with a
    lost key are worth nothing.
    """
    if not is_missing(path):
        if path.is_symlink() and not path.exists():
            raise _no_file(path)
        return
    make_private_folders(path.parent)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        unfinished.touch(mode=0o600, exist_ok=False)
        unfinished.write_text(secrets.token_hex(DIGITS // 2))
        sync(unfinished)
        with contextlib.suppress(FileExistsError):  # another study was first: its key counts
            path.hardlink_to(unfinished)
    finally:
        unfinished.unlink(missing_ok=True)
    sync(path.parent)


def _is_unreadable(path: Path) -> bool:
    """Whether only its permissions keep a person from a key."""
    try:
        _read(path)
    except PermissionError:
        return True
    except (OSError, UserError):  # `load_key` says what to do
        return False
    return False


def fingerprint(key: bytes) -> str:
    """16 hex digits that tell keys apart; the key cannot be computed from them."""
    return hmac.new(key, b"pgdose key fingerprint", hashlib.sha256).hexdigest()[:16]


def key_metadata(key: bytes, seed: int | None) -> dict[str, str]:
    """The metadata of a table of ids; `seed` as for `load_key`."""
    return {ENTRY: fingerprint(key) if seed is None else SYNTHETIC}


def check_key(path: Path, made: Mapping[str, Collection[str]]) -> list[str]:
    """A line for each place whose ids were made with another key than that at `path`.

    None may be made where there are ids already, even if their tables say nothing of a key.
    `made`: for each place that a person would have to delete, what its tables say at ENTRY; "" of a
    table that says nothing. What the synthetic hospital's key made does not count.
    """
    entries = {place: {*said} - {SYNTHETIC} for place, said in made.items()}
    if is_missing(path):
        return [
            f"privacy.key: there is no key file {str(path)!r}, but a key made the ids in {place}"
            f"{' (maybe: it is of an earlier version)' if said == {''} else ''}; "
            "restore the key from a backup, or delete that folder to begin with new ids"
            for place, said in entries.items()
            if said
        ]
    if _is_unreadable(path):  # who only draws figures need not read it
        return []
    try:
        present = fingerprint(load_key(path))
    except UserError as error:
        return [str(error)]
    return [
        f"privacy.key: the key in {str(path)!r} (fingerprint {present}) did not make the ids in "
        f"{place} (fingerprint {other}); restore that key from a backup, or delete that folder to "
        "begin with new ids"
        for place, said in entries.items()
        for other in sorted(said - {"", present})
    ]
