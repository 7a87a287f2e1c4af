"""Checks of a PACS source before any job: its root, its login and its certificates.

They run whenever the Snakefile is parsed, so nothing heavy is imported, and no server is asked.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pgdose.errors import UserError
from pgdose.pacs.credentials import PREFIX, check_server_files, read_credentials
from pgdose.pacs.tls import client_context
from pgdose.study.sources import PacsArchive


def pacs_mistakes(
    name: str, source: PacsArchive, environment: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """A line for each thing of a source that is missing or cannot be used: root, login, TLS."""
    field, server = f"sources.{name}", source.server
    yield from _root(f"{field}.root", source.root)
    try:
        check_server_files(server)
        if server.tls:
            client_context(server.tls)
    except UserError as error:
        yield f"{field}.{error}"
    if server.credentials is None:
        try:
            read_credentials(None, environment)
        except UserError as error:
            yield f"{field}.server.credentials: {error} ({PREFIX}USER, ...)"


def _root(field: str, root: str) -> Iterator[str]:
    """A line if films cannot be kept in the root, which need not be there yet."""
    path = Path(root)
    place = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not place.is_dir():
        yield f"{field}: {root!r} is, or lies in, a file; give a folder, which is made if missing"
    elif not os.access(place, os.W_OK | os.X_OK):
        what = "it" if place == path else "the folder that it is to be made in"
        yield f"{field}: {root!r}: you may not write to {what}; make it writable, or give another"
