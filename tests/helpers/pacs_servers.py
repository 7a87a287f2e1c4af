"""Servers in this process that stand in for a PACS: DICOMweb over HTTP(S), and DIMSE.

Both hold the same films and have the same faults, see `Faults`.
"""

import base64
import contextlib
import dataclasses
import datetime
import io
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
import pydicom
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydicom import uid
from pydicom.datadict import tag_for_keyword
from pynetdicom import AE, AllStoragePresentationContexts, build_context, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from helpers.dicom_files import film

ROOT = "1.2.826.0.1.3680043.10.543"  # of the UIDs of these tests: planted, never in a log
PATIENT = "IVANOVA^ANNA"
PASSWORD, TOKEN = "Winter-2019-Geheim", "eyJ0b2tlbiI6InBsYW50ZWQifQ"
USER = "radiologist7"


@dataclasses.dataclass(frozen=True)
class Stored:
    """An instance that a server holds."""

    study: str
    series: str
    uid: str
    content: bytes = b""
    modality: str = "CR"
    date: str = "20190614"
    time: str = ""
    body_part: str = "CHEST"
    study_description: str = "THORAX pa"
    series_description: str = "stehend"
    sop_class: str = uid.ComputedRadiographyImageStorage


def stored(
    study: int,
    series: int = 1,
    number: int = 1,
    side: int = 32,
    syntax: str = uid.ExplicitVRLittleEndian,
    **attributes: Any,
) -> Stored:
    """A film, with noise of its own for pixels."""
    names = [f"{ROOT}.{study}", f"{ROOT}.{study}.{series}", f"{ROOT}.{study}.{series}.{number}"]
    instance = Stored(*names, **attributes)
    random = np.random.default_rng([study, series, number])
    ds = film(random.integers(0, 4096, (side, side), dtype=np.uint16))
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = names
    ds.Modality, ds.PatientName, ds.SOPClassUID = instance.modality, PATIENT, instance.sop_class
    ds.BodyPartExamined = instance.body_part or None
    if syntax != uid.ExplicitVRLittleEndian:
        ds.compress(syntax, generate_instance_uid=False)
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return dataclasses.replace(instance, content=file.getvalue())


def films(studies: int = 3, series: int = 1, instances: int = 1, **attributes: Any) -> list[Stored]:
    return [
        stored(study, one, number, **attributes)
        for study in range(1, studies + 1)
        for one in range(1, series + 1)
        for number in range(1, instances + 1)
    ]


@dataclasses.dataclass
class Faults:
    """What a server does wrong. Counts say how often; they run down."""

    vanished: set[str] = dataclasses.field(default_factory=set)  # listed, not delivered
    deleted: set[str] = dataclasses.field(default_factory=set)  # studies and series: not found
    broken: dict[str, int] = dataclasses.field(default_factory=dict)  # see `Holdings.failure`
    cut: Counter[str] = dataclasses.field(default_factory=Counter)  # arrives incomplete
    swapped: Counter[str] = dataclasses.field(default_factory=Counter)  # another one arrives
    dies_at: Counter[str] = dataclasses.field(default_factory=Counter)  # the connection breaks
    doubled: set[str] = dataclasses.field(default_factory=set)  # delivered twice
    busy: int = 0  # requests that are answered "not now"
    busy_status: int = 503  # of HTTP
    forbids_fetching: bool = False
    ignores_filters: bool = False
    ignores_paging: bool = False
    has_one_page: bool = False  # of studies: any further one is empty
    page: int = 10**9  # answers that it lists at a time, whatever is asked for
    cut_list: int = 10**9  # studies that it lists at most, without a word
    short_lists: int = 0  # of series and instances, that miss their last answer
    repeats: bool = False  # lists each answer twice
    says_null: bool = False  # of DICOM JSON: `[null]` for what has no value
    claims: int = 0  # instances of a series that it counts beyond what it lists
    seconds: float = 0.0  # before each answer

    def happens(self, counts: Counter[str], name: str) -> bool:
        with LOCK:
            counts[name] -= 1
            return counts[name] >= 0


LOCK = threading.Lock()
LEVELS = {"STUDY": "study", "SERIES": "series", "IMAGE": "uid"}


class Holdings:
    """The films of a server, and what it was asked for."""

    def __init__(self, instances: list[Stored], faults: Faults | None = None) -> None:
        self.instances, self.faults = instances, faults or Faults()
        self.fetched: list[str] = []  # instances, each time that one was delivered
        self.times: list[float] = []
        self.asked: list[tuple[str, dict[str, str]]] = []  # levels and filters

    def note(self, name: str) -> None:
        with LOCK:
            self.fetched.append(name)
            self.times.append(time.monotonic())

    def search(self, level: str, filters: dict[str, str]) -> list[dict[str, Any]]:
        """Answers by keyword, as a server without faults gives them, but for those of lists."""
        with LOCK:
            self.asked.append((level, filters))
        answers: dict[str, dict[str, Any]] = {}
        for one in self.instances:
            if self.faults.ignores_filters or _fits(one, filters):
                name = getattr(one, LEVELS[level])
                place = name if level != "IMAGE" else f"{one.series}/{name}"
                answers.setdefault(place, self._answer(level, one))
        result = list(answers.values())
        if level == "STUDY":
            result = result[: self.faults.cut_list]
        elif self.faults.short_lists > 0:
            self.faults.short_lists -= 1
            result = result[:-1]
        return [*result, *result] if self.faults.repeats else result

    def failure(self, level: str, filters: dict[str, str]) -> int | None:
        """The status of a search below a study of `broken`, always, as of a damaged index."""
        return None if level == "STUDY" else self.faults.broken.get(filters["StudyInstanceUID"])

    def _answer(self, level: str, one: Stored) -> dict[str, Any]:
        if level == "STUDY":
            modalities = {other.modality for other in self.instances if other.study == one.study}
            series = {other.series for other in self.instances if other.study == one.study}
            return {
                "StudyInstanceUID": one.study,
                "StudyDate": one.date,
                "ModalitiesInStudy": sorted(modalities),
                "StudyDescription": one.study_description,
                "PatientName": PATIENT,
                "NumberOfStudyRelatedSeries": len(series),
            }
        if level == "SERIES":
            count = sum(other.series == one.series for other in self.instances)
            return {
                "StudyInstanceUID": one.study,
                "SeriesInstanceUID": one.series,
                "Modality": one.modality,
                "BodyPartExamined": one.body_part,
                "SeriesDescription": one.series_description,
                "NumberOfSeriesRelatedInstances": count + self.faults.claims,
            }
        return {
            "StudyInstanceUID": one.study,
            "SeriesInstanceUID": one.series,
            "SOPInstanceUID": one.uid,
            "SOPClassUID": one.sop_class,
        }

    def content(self, one: Stored) -> bytes:
        """What is delivered for an instance."""
        if self.faults.happens(self.faults.swapped, one.uid):
            return next(other.content for other in self.instances if other.uid != one.uid)
        if self.faults.happens(self.faults.cut, one.uid):
            return one.content[:-100]
        return one.content


def _fits(one: Stored, filters: dict[str, str]) -> bool:
    if (date := filters.get("StudyDate")) and "-" in date:
        first, last = date.split("-")
        if not (first or "0") <= one.date <= (last or "9"):
            return False
    if (time := filters.get("StudyTime")) and one.time:
        first, last = time.split("-")
        if not first <= one.time <= last:
            return False
    pairs = {
        "StudyInstanceUID": one.study,
        "SeriesInstanceUID": one.series,
        "SOPInstanceUID": one.uid,
        "ModalitiesInStudy": one.modality,
        "Modality": one.modality,
    }
    return all(filters.get(key) in (None, "", value) for key, value in pairs.items())


# --- DICOMweb -------------------------------------------------------------------------------------


@dataclasses.dataclass
class WebSettings:
    """login: the Authorization header that is asked for; tls: the server's certificate"""

    login: str | None = None
    tls: ssl.SSLContext | None = None
    redirect: str | None = None
    prefix: str = "/dicom-web"


def basic(user: str = USER, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextlib.contextmanager
def web_server(holdings: Holdings, settings: WebSettings | None = None) -> Iterator[str]:
    """The address of a running server."""
    settings = settings or WebSettings()
    handler = type("Handler", (WebHandler,), {"holdings": holdings, "settings": settings})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if settings.tls:
        server.socket = settings.tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    scheme = "https" if settings.tls else "http"
    try:
        yield f"{scheme}://localhost:{server.server_port}{settings.prefix}"
    finally:
        server.shutdown()
        server.server_close()


class WebHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    holdings: Holdings
    settings: WebSettings

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        faults = self.holdings.faults
        time.sleep(faults.seconds)
        if self.settings.redirect:
            return self._send(302, b"", Location=self.settings.redirect)
        if self.settings.login and self.headers.get("Authorization") != self.settings.login:
            return self._send(401, b"who are you?")
        with LOCK:
            faults.busy -= 1
        if faults.busy >= 0:
            return self._send(faults.busy_status, b"", **{"Retry-After": "1"})
        address = urlsplit(self.path)
        if not address.path.startswith(f"{self.settings.prefix}/"):
            return self._send(404, b"")
        parts = unquote(address.path.removeprefix(self.settings.prefix)).strip("/").split("/")
        query = dict(parse_qsl(address.query))
        names = dict(zip(parts[::2], parts[1::2], strict=False))
        if len(parts) == 6:
            return self._instance(names["instances"])
        return self._search(parts[-1], names, query)

    def _search(self, what: str, names: dict[str, str], query: dict[str, str]) -> None:
        level = {"studies": "STUDY", "series": "SERIES", "instances": "IMAGE"}[what]
        filters = dict(query)
        if "studies" in names:
            filters["StudyInstanceUID"] = names["studies"]
        if "series" in names:
            filters["SeriesInstanceUID"] = names["series"]
        faults = self.holdings.faults
        if faults.deleted & set(names.values()):
            self._send(404, b"")
            return
        if status := self.holdings.failure(level, filters):
            self._send(status, b"")
            return
        answers = self.holdings.search(level, filters)
        if not faults.ignores_paging:
            start = int(query.get("offset", 0))
            answers = answers[start : start + min(int(query["limit"]), faults.page)]
            if start and level == "STUDY" and faults.has_one_page:
                answers = []
        content = json.dumps([_json(answer, faults.says_null) for answer in answers]).encode()
        self._send(200 if answers else 204, content if answers else b"")

    def _instance(self, name: str) -> None:
        holdings, faults = self.holdings, self.holdings.faults
        assert "transfer-syntax=*" in self.headers["Accept"]
        one = next((one for one in holdings.instances if one.uid == name), None)
        if faults.forbids_fetching:
            return self._send(403, b"")
        if one is None or name in faults.vanished:
            return self._send(404, f"there is no {name}".encode())
        head = b"--b0\r\nContent-Type: application/dicom\r\n\r\n"
        body = head + holdings.content(one) + b"\r\n--b0--\r\n"
        if faults.happens(faults.dies_at, name):
            self.send_response(200)
            self.send_header("Content-Type", 'multipart/related; boundary="b0"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return None
        holdings.note(name)
        kind = 'multipart/related; type="application/dicom"; boundary=b0'
        return self._send(200, body, **{"Content-Type": kind})

    def _send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _json(answer: dict[str, Any], says_null: bool) -> dict[str, Any]:
    empty = {"vr": "UN", "Value": [None]} if says_null else {"vr": "UN"}
    result = {}
    for keyword, value in answer.items():
        values = value if isinstance(value, list) else [value] if value != "" else []
        if keyword == "PatientName":
            values = [{"Alphabetic": value}]
        element = {"vr": "UN", "Value": values} if values else empty
        result[f"{tag_for_keyword(keyword):08X}"] = element
    return result


# --- DIMSE ----------------------------------------------------------------------------------------


@dataclasses.dataclass
class DimseSettings:
    """login: (user, password) that is asked for; move_to: where C-MOVE sends to, by title"""

    tls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    seen: list[tuple[bytes, bytes]] = dataclasses.field(default_factory=list)  # logins
    title: str = "STANDIN"
    callers: tuple[str, ...] = ()
    move_to: dict[str, tuple[str, int]] = dataclasses.field(default_factory=dict)
    move_tls: ssl.SSLContext | None = None
    models: tuple[str, ...] = (
        StudyRootQueryRetrieveInformationModelFind,
        StudyRootQueryRetrieveInformationModelGet,
        StudyRootQueryRetrieveInformationModelMove,
    )
    syntaxes: tuple[str, ...] = (
        uid.ExplicitVRLittleEndian,
        uid.ImplicitVRLittleEndian,
        uid.RLELossless,
        uid.JPEG2000Lossless,
    )


@contextlib.contextmanager
def dimse_server(holdings: Holdings, settings: DimseSettings | None = None) -> Iterator[int]:
    """The port of a running server."""
    settings = settings or DimseSettings()
    entity = AE(ae_title=settings.title)
    entity.require_called_aet = True
    entity.require_calling_aet = list(settings.callers)
    entity.maximum_associations = 20
    entity.maximum_pdu_size = 0
    for model in settings.models:
        entity.add_supported_context(model)
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(
            context.abstract_syntax, list(settings.syntaxes), scu_role=True, scp_role=True
        )
    service = DimseService(holdings, settings)
    server = entity.start_server(
        ("127.0.0.1", 0),
        block=False,
        ssl_context=settings.tls,
        evt_handlers=[
            (evt.EVT_C_FIND, service.find),
            (evt.EVT_C_GET, service.get),
            (evt.EVT_C_MOVE, service.move),
            (evt.EVT_USER_ID, service.login),
        ],
    )
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


class DimseService:
    def __init__(self, holdings: Holdings, settings: DimseSettings) -> None:
        self.holdings, self.settings = holdings, settings

    def login(self, event: Event) -> tuple[bool, bytes | None]:
        login = event.assoc.requestor.user_identity
        self.settings.seen.append((login.primary_field, login.secondary_field))
        expected = tuple(text.encode() for text in self.settings.login or ())
        return (login.primary_field, login.secondary_field) == expected, None

    def find(self, event: Event) -> Iterator[tuple[int, pydicom.Dataset | None]]:
        time.sleep(self.holdings.faults.seconds)
        identifier = event.identifier
        level = identifier.QueryRetrieveLevel
        filters = {element.keyword: _one_text(element.value) for element in identifier}
        if status := self.holdings.failure(level, filters):
            yield status, None
            return
        for answer in self.holdings.search(level, filters):
            ds = pydicom.Dataset()
            ds.QueryRetrieveLevel = level
            for keyword in filters:
                if keyword in answer:
                    setattr(ds, keyword, answer[keyword])
            yield 0xFF00, ds

    def get(self, event: Event) -> Iterator[Any]:
        chosen = list(self._chosen(event))
        yield len(chosen)
        yield from self._deliver(event, chosen)

    def move(self, event: Event) -> Iterator[Any]:
        place = self.settings.move_to.get(event.move_destination)
        if place is None:
            yield None, None
            return
        tls = self.settings.move_tls
        options = {"tls_args": (tls, "localhost")} if tls else {}
        kinds = [
            build_context(uid.ComputedRadiographyImageStorage, syntax)
            for syntax in self.settings.syntaxes
        ]
        yield (*place, {"contexts": kinds, "ae_title": event.move_destination, **options})
        chosen = list(self._chosen(event))
        yield len(chosen)
        yield from self._deliver(event, chosen)

    def _chosen(self, event: Event) -> Iterator[Stored]:
        identifier, faults = event.identifier, self.holdings.faults
        names = identifier.get("SOPInstanceUID", "")
        names = [names] if isinstance(names, str) else list(names)
        for one in self.holdings.instances:
            is_asked = one.series == identifier.SeriesInstanceUID and (
                identifier.QueryRetrieveLevel == "SERIES" or one.uid in names
            )
            if is_asked and one.uid not in faults.vanished:
                yield one
                if one.uid in faults.doubled:
                    yield one

    def _deliver(self, event: Event, chosen: list[Stored]) -> Iterator[Any]:
        faults = self.holdings.faults
        for one in chosen:
            time.sleep(faults.seconds)
            if faults.happens(faults.dies_at, one.uid):
                event.assoc.abort()
                return
            ds = pydicom.dcmread(io.BytesIO(one.content))
            if faults.happens(faults.swapped, one.uid):
                ds.SOPInstanceUID = f"{ROOT}.999"
            if faults.happens(faults.cut, one.uid):
                ds.PixelData = ds.PixelData[:-100]
            self.holdings.note(one.uid)
            yield 0xFF00, ds


def _one_text(value: Any) -> str:
    return "" if value is None or not isinstance(value, str) else str(value)


# --- certificates ---------------------------------------------------------------------------------


class Authority:
    """Signs certificates for a test; its own is `ca.pem` in a folder."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key.public_key(), ca=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, host: str) -> tuple[Path, Path]:
        """Files of a certificate for a host, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._sign(subject, key.public_key(), host=host)
        files = self.folder / f"{host}.pem", self.folder / f"{host}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        files[1].chmod(0o600)
        return files

    def server_context(self, host: str = "localhost", asks: bool = False) -> ssl.SSLContext:
        """For a server; `asks`: who connects must show a certificate of this authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.file))
        context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
        context.load_cert_chain(*self.issue(host))
        return context

    def _sign(self, subject: x509.Name, key: Any, host: str = "", ca: bool = False) -> Any:
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        if ca:
            usage = x509.KeyUsage(
                *(False,) * 5,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        if host:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())
