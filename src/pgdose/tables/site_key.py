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
from collections.abc import Collection, Mapping
from pathlib import Path

from pgdose.errors import UserError
from pgdose.tables.output_files import make_private_folders, sync

DIGITS = 64  # of a key's file, hexadecimal: 256 bits
DISTINCT = 8  # different digits of a key, at least; fewer come from no random numbers
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
        content = path.read_bytes().strip()
    except FileNotFoundError:
        raise UserError(
            f"privacy.key: there is no key file {str(path)!r}; restore it from a backup, or begin "
            "anew with `snakemake` in the folder of the study, which makes it"
        ) from None
    is_random = len({*content.lower()}) >= DISTINCT
    if not is_random or not re.fullmatch(rb"([0-9a-fA-F]{2}){%d,}" % (DIGITS // 2), content):
        raise UserError(
            f"privacy.key: {str(path)!r} {_described(content)}, but a key is {DIGITS} random "
            "hexadecimal digits; restore it from a backup, or delete it if no results were made "
            "with it"
        )
    if path.stat().st_mode & 0o077:  # a person copied it here, maybe
        with contextlib.suppress(PermissionError):  # its owner may let others read it
            path.chmod(0o600)
    return bytes.fromhex(content.decode())


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
    if path.exists():
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


def fingerprint(key: bytes) -> str:
    """16 hex digits that tell keys apart; the key cannot be computed from them."""
    return hmac.new(key, b"pgdose key fingerprint", hashlib.sha256).hexdigest()[:16]


def key_metadata(key: bytes, seed: int | None) -> dict[str, str]:
    """The metadata of a table of ids; `seed` as for `load_key`."""
    return {ENTRY: fingerprint(key) if seed is None else SYNTHETIC}


def check_key(path: Path, made: Mapping[str, Collection[str]]) -> list[str]:
    """A line for each place whose ids were made with another key than that at `path`.

    `made`: for each place that a person would have to delete, what its tables say at ENTRY; "" of a
    table that says nothing. What the synthetic hospital's key made does not count.
    """
    entries = {place: {*said} - {SYNTHETIC} for place, said in made.items()}
    try:
        path.stat()
        present = fingerprint(load_key(path))
    except PermissionError:  # who only draws figures need not read it
        return []
    except FileNotFoundError:
        return [
            f"privacy.key: there is no key file {str(path)!r}, but a key made the ids in {place}; "
            "restore the key from a backup, or delete that folder to begin with new ids"
            for place, said in entries.items()
            if said
        ]
    except UserError as error:
        return [str(error)]
    return [
        f"privacy.key: the key in {str(path)!r} (fingerprint {present}) did not make the ids in "
        f"{place} (fingerprint {other}); restore that key from a backup, or delete that folder to "
        "begin with new ids"
        for place, said in entries.items()
        for other in sorted(said - {"", present})
    ]
