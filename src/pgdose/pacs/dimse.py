"""A server that is asked over DIMSE: C-FIND to search, C-GET or C-MOVE to fetch."""

import socket
import ssl
from collections.abc import Iterator
from typing import Any

from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID
from pynetdicom import AE, _config, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from pynetdicom.sop_class import (  # type: ignore[attr-defined] # it makes them as it is imported
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from pgdose.pacs.answers import KEYS, Answer, Search
from pgdose.pacs.connection import Deliver, Pace, Request
from pgdose.pacs.contexts import storage_classes, storage_contexts
from pgdose.pacs.credentials import Credentials
from pgdose.pacs.failures import InstanceFailure, Refused, ServerDown, TooMany
from pgdose.pacs.move_listener import FAILED, STORED, MoveListener, stored_instance
from pgdose.pacs.tls import client_context
from pgdose.study.pacs import Dimse, Tls

_config.LOG_HANDLER_LEVEL = "none"  # its texts of messages hold names, and take half the time
_config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False

PDU_BYTES = 131_072  # the largest that common servers send
FIND = StudyRootQueryRetrieveInformationModelFind
GET = StudyRootQueryRetrieveInformationModelGet
MOVE = StudyRootQueryRetrieveInformationModelMove
SUCCESS = 0x0000
PENDING = (0xFF00, 0xFF01)
OUT_OF_RESOURCES = (0xA700, 0xA701)
UNKNOWN_DESTINATION = 0xA801
NOT_AUTHORISED = 0x0124


class DimseArchive:
    """Opens connections. With C-MOVE it listens, too, for as long as it is open."""

    def __init__(
        self,
        server: Dimse,
        tls: Tls | None,
        credentials: Credentials,
        timeout: float,
        at_once: int,
    ) -> None:
        self.server, self.timeout = server, timeout
        self.tls = client_context(tls) if tls else None
        self.identity = _identity(credentials)
        self.listener = None
        if server.retrieve == "move":
            self.listener = MoveListener(server.calling, server.listener, tls, timeout, at_once)

    def connect(self) -> "DimseConnection":
        return DimseConnection(self)

    def close(self) -> None:
        if self.listener:
            self.listener.close()


class DimseConnection:
    """Associations with a server, one at a time: for searches, and for SOP classes to fetch."""

    def __init__(self, archive: DimseArchive) -> None:
        self.archive = archive
        self._association: Association | None = None
        self._classes: tuple[str, ...] | None = None
        self._deliver: Deliver | None = None
        self._error: BaseException | None = None
        self._associate(None)

    def close(self) -> None:
        if self._association and self._association.is_established:
            self._association.release()
        self._association = None

    def find(self, search: Search) -> list[Answer]:
        association = self._associate(None)
        keys = dict.fromkeys(KEYS[search.level], "")
        if search.study:
            keys["StudyInstanceUID"] = search.study
        if search.series:
            keys["SeriesInstanceUID"] = search.series
        identifier = _identifier(search.level, **keys | dict(search.filters))
        answers: list[Answer] = []
        for status, answer in association.send_c_find(identifier, FIND):
            code = self._code(status, "C-FIND")
            if code in PENDING and answer is None:
                self._abort()
                raise ServerDown("an answer to a search (C-FIND) cannot be read")
            if code in PENDING and answer is not None:
                answers.append(_texts(answer, KEYS[search.level]))
            elif code in OUT_OF_RESOURCES:
                raise TooMany
            elif code == NOT_AUTHORISED:
                raise _not_authorised("search (C-FIND)")
            elif code != SUCCESS and code not in PENDING:
                raise ServerDown(f"a search fails (C-FIND, status {code:04X})")
        return answers

    def retrieve(
        self, request: Request, deliver: Deliver, pace: Pace
    ) -> dict[str, InstanceFailure]:
        """By series where all of it is wanted, else by instance, on one association."""
        failures: dict[str, InstanceFailure] = {}
        for uids in [request.instances] if request.whole else zip(request.instances, strict=True):
            pace()
            code = self._retrieve(request, uids, deliver)
            if code != SUCCESS:
                failures |= dict.fromkeys(uids, _failure(code))
        return failures

    def _retrieve(self, request: Request, uids: tuple[str, ...], deliver: Deliver) -> int:
        """Have instances delivered; the status that the server ends with."""
        names = {"StudyInstanceUID": request.study, "SeriesInstanceUID": request.series}
        if request.whole:
            identifier = _identifier("SERIES", **names)
        else:
            identifier = _identifier("IMAGE", **names, SOPInstanceUID=list(uids))
        self._deliver, self._error = deliver, None
        if self.archive.listener is None:
            association = self._associate(storage_classes(request.sop_classes))
            return self._follow(association.send_c_get(identifier, GET), "C-GET")
        association, title = self._associate(()), self.archive.server.calling
        with self.archive.listener.expecting(uids, self._keep) as message:
            statuses = association.send_c_move(identifier, title, MOVE, msg_id=message)
            return self._follow(statuses, "C-MOVE")

    def _follow(self, statuses: Iterator[tuple[Dataset, Any]], service: str) -> int:
        code = SUCCESS
        for status, _ in statuses:
            if self._error:
                error, self._error = self._error, None
                self._abort()
                raise error
            code = self._code(status, service)
        if self._error:
            raise self._error
        return code

    def _code(self, status: Dataset, service: str) -> int:
        """The status of a response; ServerDown if none came."""
        code = status.get("Status")
        if code is None:
            self._abort()
            raise ServerDown(f"the association ends during {service}, or a response takes too long")
        if code == UNKNOWN_DESTINATION:
            server = self.archive.server
            raise Refused(
                f"server.dimse: the server does not know where {server.calling} listens (C-MOVE, "
                "status A801); have its administrator enter this machine and port "
                f"{server.listener.port}"
            )
        return int(code)

    def _store(self, event: Event) -> int:
        """Handle C-STORE of C-GET; an error is raised where the responses are followed."""
        return STORED if self._keep(*stored_instance(event)) else FAILED

    def _keep(self, uid: str, content: bytes) -> bool:
        if self._error or self._deliver is None:
            return False
        try:
            self._deliver(uid, content)
        except BaseException as error:
            self._error = error
            return False
        return True

    def _associate(self, classes: tuple[str, ...] | None) -> Association:
        """The association for SOP classes to fetch, or for searches (None); made if need be."""
        present = self._association
        if present and present.is_established and self._fits(classes):
            return present
        self.close()
        contexts = [build_context(FIND)]
        roles = []
        if classes is not None and self.archive.listener:
            contexts = [build_context(MOVE)]
        elif classes is not None:
            contexts = [build_context(GET), *storage_contexts(classes)]
            roles = [build_role(name, scp_role=True) for name in map(UID, classes)]
        self._association = self._open(contexts, roles)
        self._classes = classes
        return self._association

    def _fits(self, classes: tuple[str, ...] | None) -> bool:
        if classes is None or self._classes is None:
            return classes is self._classes
        return set(classes) <= set(self._classes)

    def _open(self, contexts: list, roles: list) -> Association:
        archive, server = self.archive, self.archive.server
        address = self._address()
        entity = AE(ae_title=server.calling)
        entity.connection_timeout = entity.acse_timeout = archive.timeout
        entity.dimse_timeout = entity.network_timeout = archive.timeout
        association = entity.associate(
            *address,
            contexts,
            ae_title=server.called,
            max_pdu=PDU_BYTES,
            ext_neg=[*roles, *archive.identity],
            tls_args=(archive.tls, server.host) if archive.tls else None,
            evt_handlers=[(evt.EVT_C_STORE, self._store), (evt.EVT_CONN_OPEN, self._limit_silence)],
        )
        if association.is_established:
            model = contexts[0].abstract_syntax
            if model in {context.abstract_syntax for context in association.accepted_contexts}:
                return association
            association.release()
            raise Refused(
                f"server.dimse: the server does not offer {_service(model)} to {server.calling}; "
                "have its administrator allow it, or choose another 'retrieve'"
            )
        if association.is_rejected:
            raise _rejection(association, server, bool(archive.identity))
        raise self._no_association(address)

    def _address(self) -> tuple[str, int]:
        """The server's address: pynetdicom takes names without a dot for IPv6 addresses."""
        server = self.archive.server
        try:
            addresses = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
        except OSError:
            raise ServerDown(f"the name {server.host} has no address") from None
        # The older protocol first: many a PACS listens on it alone.
        addresses.sort(key=lambda entry: entry[0] != socket.AF_INET)
        return str(addresses[0][4][0]), server.port

    def _limit_silence(self, event: Event) -> None:
        """pynetdicom would wait forever for the rest of a PDU."""
        wrapped = event.assoc.dul.socket
        if wrapped and wrapped.socket:
            wrapped.socket.settimeout(self.archive.timeout)
            wrapped.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _no_association(self, address: tuple[str, int]) -> Exception:
        """Why there is no association: pynetdicom does not tell, so try the connection alone."""
        place = f"{self.archive.server.host}:{self.archive.server.port}"
        try:
            with socket.create_connection(address, self.archive.timeout) as plain:
                if self.archive.tls:
                    name = self.archive.server.host
                    self.archive.tls.wrap_socket(plain, server_hostname=name).close()
        except ssl.SSLCertVerificationError:
            return Refused(
                f"server.tls: the certificate of {place} is not trusted, or is for another name; "
                "give the file of its authority as 'tls.ca', and the name that stands in the "
                "certificate as 'dimse.host'"
            )
        except ssl.SSLError:
            return ServerDown(f"TLS with {place} fails")
        except OSError as error:
            return ServerDown(f"no connection to {place} ({error.strerror or 'no answer'})")
        return ServerDown(f"{place} ends the connection before there is an association")

    def _abort(self) -> None:
        if self._association:
            self._association.abort()
        self._association = None


def _identity(credentials: Credentials) -> list[UserIdentityNegotiation]:
    item = UserIdentityNegotiation()
    if credentials.token:
        item.user_identity_type, item.primary_field = 5, credentials.token.encode()
    elif credentials.user is not None and credentials.password is not None:
        item.user_identity_type, item.primary_field = 2, credentials.user.encode()
        item.secondary_field = credentials.password.encode()
    else:
        return []
    return [item]


def _identifier(level: str, **values: Any) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(identifier, keyword, value or None)
    return identifier


def _texts(answer: Dataset, keywords: tuple[str, ...]) -> Answer:
    texts = {}
    for keyword in keywords:
        try:
            value = answer.get(keyword)
        except Exception:  # a value that pydicom cannot convert is none
            value = None
        values = value if isinstance(value, MultiValue | list) else [value]
        texts[keyword] = [str(entry) for entry in values if entry is not None and entry != ""]
    return texts


def _failure(code: int) -> InstanceFailure:
    detail = f"the server ends with status {code:04X}"
    return InstanceFailure("not_fetched", detail, forbidden=code == NOT_AUTHORISED)


def _not_authorised(what: str) -> Refused:
    return Refused(
        f"server.dimse: the server does not let us {what}, status 0124; have its administrator "
        "allow it to 'calling' and to the login"
    )


def _service(model: UID | None) -> str:
    return {GET: "C-GET", MOVE: "C-MOVE"}.get(model, "C-FIND")


def _rejection(association: Association, server: Dimse, has_login: bool) -> Exception:
    """Why a server rejects an association, by PS3.8, 9.3.4."""
    primitive = association.acceptor.primitive
    assert primitive
    source, reason = primitive.result_source, primitive.diagnostic
    # Too many at a time. Some servers call it transient, too, that they do not know a login.
    if source == 3 or (primitive.result == 2 and not has_login):
        return ServerDown("it takes no more associations for now", busy=True)
    if source == 1 and reason == 7:
        return Refused(f"server.dimse.called: the server is not called {server.called}; correct it")
    if source == 1 and reason == 3:
        return Refused(
            f"server.dimse.calling: the server does not know {server.calling}; have its "
            "administrator enter it, or give the title that is entered"
        )
    return Refused(
        "server.dimse: the server rejects the association, as for a title or a login that it does "
        "not know; correct 'called', 'calling' or the credentials"
    )
