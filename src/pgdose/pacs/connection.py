"""What DICOMweb and DIMSE have in common, and opening the one that a study names."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from pgdose.errors import UserError
from pgdose.pacs.answers import Answer, Search
from pgdose.pacs.credentials import Credentials
from pgdose.pacs.failures import InstanceFailure
from pgdose.pacs.quiet_logs import quieten
from pgdose.study.pacs import is_loopback
from pgdose.study.sources import PacsArchive

# Takes the UID under which an instance is delivered, and its content as a DICOM file.
Deliver = Callable[[str, bytes], None]
# Called before each instance that is asked for by itself; waits as the study wants it.
Pace = Callable[[], None]


class Request(NamedTuple):
    """Instances of one series to fetch.

    whole: all that the series has is wanted, so that the series can be asked for as one
    """

    study: str
    series: str
    instances: tuple[str, ...]
    sop_classes: tuple[str, ...] = ()  # of the instances, as far as they are known
    whole: bool = False


class Connection(Protocol):
    """One connection to a server; for one thread at a time."""

    def find(self, search: Search) -> list[Answer]:
        """What the server lists. Raises ServerDown, TooMany, Refused."""

    def retrieve(
        self, request: Request, deliver: Deliver, pace: Pace
    ) -> dict[str, InstanceFailure]:
        """Have instances delivered; what failed, by UID, though nothing may have come of others.

        Raises ServerDown, Refused, and what `deliver` raises.
        """

    def close(self) -> None: ...


class Archive(Protocol):
    """A server of which connections can be opened. Close it in the end."""

    def connect(self) -> Connection:
        """Raises ServerDown, Refused."""

    def close(self) -> None: ...


def open_archive(source: PacsArchive, credentials: Credentials) -> Archive:
    """The server of a source; UserError if its settings and the login do not fit."""
    quieten()
    server, timeout = source.server, source.fetch.timeout
    if server.dicomweb:
        from pgdose.pacs.dicomweb import DicomWebArchive

        return DicomWebArchive(server.dicomweb, server.tls, credentials, timeout)
    from pgdose.pacs.dimse import DimseArchive

    assert server.dimse
    if any(credentials) and server.tls is None and not is_loopback(server.host):
        raise UserError(
            "server.tls: missing, and without it the login would cross the network in the clear; "
            "add it, or take the login out of 'credentials' and of PGDOSE_PACS_..."
        )
    return DimseArchive(server.dimse, server.tls, credentials, timeout, source.fetch.at_once)
