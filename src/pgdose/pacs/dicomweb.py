"""A server that is asked over DICOMweb: QIDO-RS to search, WADO-RS to fetch."""

import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.datadict import tag_for_keyword
from requests.auth import AuthBase, HTTPBasicAuth

from pgdose.errors import Rejected
from pgdose.pacs.answers import KEYS, UID_OF, Answer, Search, first
from pgdose.pacs.connection import Deliver, Pace, Request
from pgdose.pacs.credentials import Credentials
from pgdose.pacs.failures import InstanceFailure, Refused, ServerDown, TooMany
from pgdose.pacs.multipart import only_part
from pgdose.pacs.tls import trusted_file
from pgdose.study.pacs import DicomWeb, Tls
from pgdose.xray.dicom_file import LARGEST_FILE

PAGE = 500  # answers that are asked for at a time
WHOLE = 1_000_000  # where pages may be missing
MOST_PAGES = 100_000
CHUNK = 2**20  # bytes
ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'  # as it is stored
BUSY = (408, 429, 503)
UNREACHABLE = (502, 504)  # a web server says so of the PACS behind it
GONE = (404, 410)
TOO_LARGE = (413,)
LONGEST_PAUSE = 3600.0  # seconds that a server may ask for


class BearerAuth(AuthBase):
    """The login by a token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class Session(requests.Session):
    """A session that goes to its server and nowhere else, and whose errors say no address."""

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        options["allow_redirects"] = False  # a login goes to the server that the study names
        (options.get("headers") or {}).pop("Host", None)  # dicomweb_client leaves out the port
        with _as_failures():
            response = super().request(method, url, *args, **options)
        _check_status(response)
        return response


class DicomWebArchive:
    """Opens connections, each with a session of its own."""

    def __init__(
        self, server: DicomWeb, tls: Tls | None, credentials: Credentials, timeout: float
    ) -> None:
        self.server, self.tls, self.credentials, self.timeout = server, tls, credentials, timeout
        self.trusted = trusted_file(tls)

    def connect(self) -> "DicomWebConnection":
        session = Session()
        # No proxy, .netrc or other authorities of the environment: the study names its server.
        session.trust_env = False
        session.verify = self.trusted
        # Packing films takes a server longer than sending them.
        session.headers["Accept-Encoding"] = "identity"
        if self.tls and self.tls.certificate:
            key = self.tls.key or self.tls.certificate
            session.cert = (self.tls.certificate, key)
        if self.credentials.token:
            session.auth = BearerAuth(self.credentials.token)
        elif self.credentials.user is not None and self.credentials.password is not None:
            user, password = (text.encode() for text in self.credentials[:2] if text is not None)
            session.auth = HTTPBasicAuth(user, password)
        return DicomWebConnection(self.server, session, self.timeout)

    def close(self) -> None:
        pass


class DicomWebConnection:
    def __init__(self, server: DicomWeb, session: Session, timeout: float) -> None:
        self.session, self.timeout = session, timeout
        self.client = DICOMwebClient(
            server.url,
            session=session,
            qido_url_prefix=server.qido_prefix,
            wado_url_prefix=server.wado_prefix,
            permissive_uid=True,
            timeout=timeout,
        )
        self.client.set_http_retry_params(retry=False)  # `fetching` and `listing` try again
        self.wado = "/".join(part for part in (server.url, server.wado_prefix) if part)

    def close(self) -> None:
        self.session.close()

    def find(self, search: Search) -> list[Answer]:
        """All pages of a search.

        Some servers (Orthanc 1.10) have no second page of a search by a computed attribute such as
        ModalitiesInStudy: a list that ends with a full page is asked for once more, as a whole.
        """
        answers = self._pages(search)
        if answers and len(answers) % PAGE == 0:
            with contextlib.suppress(TooMany):
                answers = max(answers, self._page(search, 0, limit=WHOLE), key=len)
        return answers

    def _pages(self, search: Search) -> list[Answer]:
        """Page after page, until one brings nothing new."""
        answers: list[Answer] = []
        uids: set[str] = set()
        for _ in range(MOST_PAGES):
            page = self._page(search, offset=len(answers))
            new = {first(answer, UID_OF[search.level]) for answer in page} - uids
            if not new:
                break
            uids |= new
            answers += page
        return answers

    def _page(self, search: Search, offset: int, limit: int | None = None) -> list[Answer]:
        options: dict[str, Any] = {
            "limit": limit or PAGE,
            "offset": offset,
            "fields": list(KEYS[search.level]),
            "search_filters": dict(search.filters),
        }
        try:
            if search.level == "STUDY":
                content = self.client.search_for_studies(**options)
            elif search.level == "SERIES":
                content = self.client.search_for_series(search.study, **options)
            else:
                content = self.client.search_for_instances(search.study, search.series, **options)
            return [_texts(entry) for entry in content]
        except _StatusError as error:
            if error.status in GONE and search.study:  # deleted since; `listing` counts it
                return []
            raise _search_failure(error.status) from None
        except requests.RequestException as error:  # while the content is read
            raise _failure(error) from None
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise ServerDown("the answer to a search is no DICOM JSON") from None

    def retrieve(
        self, request: Request, deliver: Deliver, pace: Pace
    ) -> dict[str, InstanceFailure]:
        """Each instance by a request of its own: the connection stays open between them."""
        failures = {}
        for uid in request.instances:
            pace()
            try:
                content = self._instance(request.study, request.series, uid)
            except _StatusError as error:
                failures[uid] = _instance_failure(error.status)
            except Rejected as error:
                is_final = isinstance(error, _TooLarge)
                failures[uid] = InstanceFailure(error.reason, error.detail, final=is_final)
            else:
                deliver(uid, content)
        return failures

    def _instance(self, study: str, series: str, uid: str) -> bytes:
        parts = ("studies", study, "series", series, "instances", uid)
        url = "/".join([self.wado, *(quote(part, safe="") for part in parts)])
        with _as_failures():
            response = self.session.get(
                url, headers={"Accept": ACCEPT}, stream=True, timeout=self.timeout
            )
            with response:
                return only_part(response.headers.get("Content-Type", ""), _body(response))


class _TooLarge(Rejected):
    """An instance that is too large at any further try, too."""


def _body(response: requests.Response) -> bytes:
    body = bytearray()
    try:
        for chunk in response.iter_content(CHUNK):
            body += chunk
            if len(body) > LARGEST_FILE:
                raise _TooLarge("not_fetched", "larger than any film")
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
        raise Rejected("cut_short", "the connection ends within the instance") from None
    return bytes(body)


class _StatusError(Exception):
    """An answer without what was asked for, by its HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _check_status(response: requests.Response) -> None:
    """Raise unless the answer holds what was asked for: ServerDown, Refused, _StatusError."""
    status = response.status_code
    if status < 300:
        return
    response.close()
    if status in BUSY:
        pause = response.headers.get("Retry-After", "")
        seconds = min(float(pause), LONGEST_PAUSE) if pause.isdecimal() else 0.0
        raise ServerDown(f"it is busy (HTTP {status})", busy=True, retry_after=seconds)
    if status in UNREACHABLE:
        raise ServerDown(f"its web server does not reach the PACS (HTTP {status})")
    if status == 401:
        raise Refused(
            "server.credentials: the server refuses the login (HTTP 401); correct the user and "
            "password or the token"
        )
    if status < 400:
        raise Refused(
            f"server.dicomweb.url: the server sends us to another address (HTTP {status}); give "
            "the address that it sends a browser to"
        )
    raise _StatusError(status)


def _search_failure(status: int) -> Exception:
    if status in TOO_LARGE:
        return TooMany()
    if status == 403:
        return Refused(
            "server.credentials: the server does not let this login search (HTTP 403); have its "
            "administrator allow QIDO-RS"
        )
    if status in GONE:
        return Refused(
            f"server.dicomweb: there is no QIDO-RS at this address (HTTP {status}); correct 'url' "
            "and 'qido_prefix'"
        )
    return ServerDown(f"a search fails (HTTP {status})")


def _instance_failure(status: int) -> InstanceFailure:
    return InstanceFailure(
        "not_fetched", f"HTTP {status}", final=status in GONE, forbidden=status == 403
    )


@contextlib.contextmanager
def _as_failures() -> Iterator[None]:
    """Errors of `requests` as ours: their texts hold addresses with UIDs in them."""
    try:
        yield
    except requests.RequestException as error:
        raise _failure(error) from None


def _failure(error: requests.RequestException) -> Exception:
    if isinstance(error, requests.exceptions.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Refused(
                "server.tls: the server's certificate is not trusted, or is for another name; give "
                "the file of its authority as 'tls.ca', and the name that stands in the certificate"
            )
        # A server that misses a certificate ends the handshake, at times after it has begun.
        return ServerDown("TLS fails; a server may ask for 'tls.certificate' and 'tls.key'")
    if isinstance(error, requests.Timeout):
        return ServerDown("it does not answer within 'fetch.timeout'")
    return ServerDown("no connection, or it breaks off")


def _texts(entry: Any) -> Answer:
    """An object of DICOM JSON by keywords. Raises AttributeError, TypeError for something else."""
    keywords = {f"{tag_for_keyword(name):08X}": name for keys in KEYS.values() for name in keys}
    return {
        keywords[tag.upper()]: _values(element.get("Value", []))
        for tag, element in entry.items()
        if tag.upper() in keywords
    }


def _values(values: Any) -> list[str]:
    """Values as texts; an empty one is `null` in DICOM JSON. Raises TypeError for no list."""
    if not isinstance(values, list):
        raise TypeError("the values are no list")
    return [str(value) for value in values if value is not None]
