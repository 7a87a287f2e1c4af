"""What a source of kind `pacs` asks of a picture archive: `server`, `find` and `fetch`.

The source itself, `PacsArchive`, stands beside the other kinds in `sources`.
"""

import datetime
import ipaddress
import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from pgdose.study.base import IS_PATH, Integer, Model, Real, mistake
from pgdose.study.field_types import InputFile, Modalities

MOST_CONNECTIONS = 32  # at once; more of them is an attack on a clinic's archive


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _check_host(host: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}", host):
        raise mistake("must be the name or the address of a machine, such as pacs.hospital")
    return host


def _check_ae_title(title: str) -> str:
    if not re.fullmatch(
        r"[\x21-\x5b\x5d-\x7e]([\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?", title
    ):
        raise mistake(
            "must be an AE title: 1 to 16 letters, digits and signs, without a backslash and "
            "without spaces at its ends"
        )
    return title


# Where a server is stands in no report, as where files lie.
Host = Annotated[str, IS_PATH, AfterValidator(_check_host)]
Port = Annotated[Integer, Field(ge=1, le=65_535)]
AeTitle = Annotated[str, IS_PATH, AfterValidator(_check_ae_title)]


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or re.search(r"[\s<>{}\x7f]", url):
        raise mistake(
            "must be the address of a DICOMweb service, such as https://pacs.hospital/dicom-web"
        )
    if parts.username is not None or parts.password is not None:
        raise mistake(
            # The value is not shown: no sentence that begins with "must".
            "holds a login, which a study would spread; put it into the file that 'credentials' "
            "names, and take it out here"
        )
    if parts.query or parts.fragment:
        raise mistake("must end before ? and #; give the part before them")
    if parts.scheme == "http" and not is_loopback(host):
        raise mistake(
            "must begin with https:// (over http:// the login and the patients' films could be "
            "read on their way); only this machine itself may be asked over http://"
        )
    return url.rstrip("/")


def _check_prefix(prefix: str) -> str:
    prefix = prefix.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*", prefix) or ".." in prefix:
        raise mistake("must be a part of the address, such as qidors")
    return prefix


Prefix = Annotated[str, AfterValidator(_check_prefix)]


class DicomWeb(Model):
    """A server that is asked over DICOMweb (QIDO-RS and WADO-RS)."""

    url: Annotated[str, IS_PATH, AfterValidator(_check_url)]
    """Address of the service, such as `https://pacs.hospital/dicom-web`. `http://` only for this
    machine itself; no login in it.
    """
    qido_prefix: Prefix | None = None
    """What stands between `url` and `studies` for searches (QIDO-RS), where a server keeps its
    services apart.
    """
    wado_prefix: Prefix | None = None
    """The same for fetching (WADO-RS)."""


class Listener(Model):
    """Where a server that only knows C-MOVE sends films to: a port of this machine."""

    host: Host = "0.0.0.0"
    """Address of this machine at which it listens."""
    port: Port = 11_113
    """Port at which it listens.

    Unit: none
    """


class Dimse(Model):
    """A server that is asked over DIMSE (C-FIND, and C-GET or C-MOVE)."""

    host: Host
    """Name or address of the server."""
    port: Port = 104
    """Port of the server.

    Unit: none
    """
    called: AeTitle
    """AE title of the server."""
    calling: AeTitle = "PGDOSE"
    """AE title of pgdose, which the server must know.

    Reruns: the page
    """
    retrieve: Literal["get", "move"] = "get"
    """How films come: `get` (C-GET), over the connection that asks for them; `move` (C-MOVE), to
    the port of `listen`.

    Reruns: the page
    """
    listen: Listener | None = None
    """Where this machine listens for what the server sends.

    Only: with `retrieve: move`
    Reruns: the page
    """

    @property
    def listener(self) -> Listener:
        return self.listen or Listener()

    @model_validator(mode="after")
    def _check_listen(self) -> Self:
        if self.listen is not None and self.retrieve == "get":
            raise mistake(
                "is for 'retrieve: move'; with 'get' films come over the connection that asks for "
                "them, leave it out",
                field="listen",
            )
        return self


class Tls(Model):
    """How a server's identity is checked, and how this machine shows its own."""

    ca: Annotated[InputFile | None, IS_PATH] = None
    """PEM file of the authorities to trust. Left out: those of the system."""
    certificate: Annotated[InputFile | None, IS_PATH] = None
    """PEM file of this machine's certificate.

    Only: needed with `retrieve: move`
    """
    key: Annotated[InputFile | None, IS_PATH] = None
    """PEM file of its private key. Left out: it stands in `certificate`."""

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise mistake("'key' belongs to a 'certificate'; give both, or neither")
        return self


class Server(Model):
    """The archive's server: over DICOMweb, or over DIMSE."""

    dicomweb: DicomWeb | None = None
    """The server over DICOMweb (QIDO-RS, WADO-RS). Give this or `dimse`."""
    dimse: Dimse | None = None
    """The server over DIMSE (C-FIND, and C-GET or C-MOVE)."""
    tls: Tls | None = None
    """Certificates. With this key DIMSE is encrypted; without it, DIMSE is not.

    Reruns: the page
    """
    credentials: Annotated[InputFile | None, IS_PATH] = None
    """A file that only you can read (`chmod 600`), with the lines `user: ...` and `password: ...`,
    or `token: ...`.

    Left out: `PGDOSE_PACS_USER`, `PGDOSE_PACS_PASSWORD` or `PGDOSE_PACS_TOKEN` of the environment,
    or no login.

    Reruns: the page
    """

    @property
    def host(self) -> str:
        if self.dimse:
            return self.dimse.host
        assert self.dicomweb
        return urlsplit(self.dicomweb.url).hostname or ""

    @model_validator(mode="after")
    def _check_one_way(self) -> Self:
        if (self.dicomweb is None) == (self.dimse is None):
            raise mistake("give either 'dicomweb' or 'dimse', which says how the server is asked")
        if self.tls and self.dicomweb and self.dicomweb.url.startswith("http:"):
            raise mistake(
                "is for https://, and 'dicomweb.url' begins with http://; change the address, or "
                "leave it out",
                field="tls",
            )
        moves = self.dimse and self.dimse.retrieve == "move"
        if moves and self.tls and self.tls.certificate is None:
            raise mistake(
                "needs 'certificate' with 'retrieve: move': this machine's listener shows it to "
                "the server; add it, or choose 'retrieve: get'",
                field="tls",
            )
        return self


def _read_date(value: Any) -> datetime.date:
    """Pydantic would take a number for seconds since 1970."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    try:
        return datetime.datetime.strptime(value, "%Y-%m-%d").date()
    except (TypeError, ValueError):
        raise mistake("must be a date such as 2019-01-31, or null for an open end") from None


Day = Annotated[datetime.date, BeforeValidator(_read_date)]


def _check_pattern(text: str) -> str:
    if not text.strip("* ") or not text.isprintable() or "\\" in text:
        raise mistake(
            "must be a text to look for, such as *THORAX* (* stands for any characters, ? for "
            "one), without a backslash"
        )
    return text.strip()


def _check_body_part(text: str) -> str:
    if not re.fullmatch(r"[A-Z0-9_ ]{1,16}", text) or text != text.strip():
        raise mistake(
            "must be a code of the DICOM attribute BodyPartExamined, of at most 16 capitals, "
            "digits, spaces and '_', such as CHEST"
        )
    return text


class Find(Model):
    """Which series of the archive are listed. Each filter is checked on the answers, too."""

    modalities: Modalities | None = None
    """Modalities of the series that are listed. Left out: those of the source's `modalities`."""
    dates: tuple[Day | None, Day | None] = (None, None)
    """First and last day of the study, such as `[2019-01-01, null]`; `null` leaves an end open."""
    body_parts: list[Annotated[str, AfterValidator(_check_body_part)]] = []
    """Words for BodyPartExamined; a series that states none is listed too. Empty: any."""
    descriptions: list[Annotated[str, AfterValidator(_check_pattern)]] = []
    """Patterns for StudyDescription or SeriesDescription, such as `"*THORAX*"`, in capitals or not.
    Empty: any.
    """

    @field_validator("dates")
    @classmethod
    def _check_order(
        cls, dates: tuple[datetime.date | None, datetime.date | None]
    ) -> tuple[datetime.date | None, datetime.date | None]:
        first, last = dates
        if first and last and first > last:
            raise mistake("must be [first, last], and the first is later than the last")
        return dates


def _check_time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise mistake('must be a time of day from "00:00" to "23:59", in quotes, such as "20:00"')
    return text


TimeOfDay = Annotated[str, AfterValidator(_check_time)]


class Fetch(Model):
    """How gently films are fetched. No result depends on it."""

    per_second: Annotated[Real, Field(gt=0, le=100_000)] | None = None
    """Most films that are fetched in a second, over all connections. Left out: no limit.

    Unit: films per second
    """
    at_once: Annotated[Integer, Field(ge=1, le=MOST_CONNECTIONS)] = 4
    """Connections at once.

    Unit: connections
    """
    hours: tuple[TimeOfDay, TimeOfDay] | None = None
    """Time of day at which the server may be asked, such as `["20:00", "06:00"]`, by this machine's
    clock; the job waits outside of it. Left out: any time.
    """
    retries: Annotated[Integer, Field(ge=0, le=100)] = 5
    """How often an instance is asked for again, and a server that does not answer.

    Unit: tries
    """
    timeout: Annotated[Real, Field(gt=0, le=86_400)] = 60
    """How long the server may be silent.

    Unit: seconds
    """
    most_gb: Annotated[Real, Field(gt=0)] | None = None
    """Size of all files in `root` over which the job stops. Left out: no limit.

    Unit: GB
    """
    least_free_gb: Annotated[Real, Field(ge=0)] = 5
    """Free space on the disk of `root` under which the job stops.

    Unit: GB
    """

    @field_validator("hours")
    @classmethod
    def _check_hours(cls, hours: tuple[str, str] | None) -> tuple[str, str] | None:
        if hours and hours[0] == hours[1]:
            raise mistake("must be two different times; leave it out to fetch at any time")
        return hours
