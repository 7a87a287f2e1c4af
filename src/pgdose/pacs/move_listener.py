"""Where the films of C-MOVE arrive: a listener on a port of this machine.

It takes only instances that are asked for at the moment, whoever sends them.
"""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator

from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.transport import ThreadedAssociationServer

from pgdose.errors import UserError
from pgdose.pacs.contexts import TRANSFER_SYNTAXES
from pgdose.pacs.tls import listener_context
from pgdose.study.pacs import Listener, Tls

STORED, NOT_ASKED_FOR, FAILED = 0x0000, 0x0124, 0xA700
# Takes an instance's UID and content; returns whether it keeps it.
Keep = Callable[[str, bytes], bool]
VERIFICATION = "1.2.840.10008.1.1"


def stored_instance(event: Event) -> tuple[str, bytes]:
    """The UID under which C-STORE delivers an instance, and its content as a DICOM file."""
    return _uid(event), event.encoded_dataset()


def _uid(event: Event) -> str:
    request = event.request
    assert isinstance(request, C_STORE)
    return str(request.AffectedSOPInstanceUID)


class MoveListener:
    """Listens from the start; `expecting` says what becomes of the instances of one C-MOVE."""

    def __init__(
        self, title: str, listener: Listener, tls: Tls | None, timeout: float, at_once: int
    ) -> None:
        self._waiting: dict[str | int, Keep] = {}
        self._messages = itertools.cycle(range(1, 2**16))
        self._lock = threading.Lock()
        entity = AE(ae_title=title)
        entity.require_called_aet = True
        entity.maximum_associations = 2 * at_once + 2
        entity.maximum_pdu_size = 0
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = timeout
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(str(context.abstract_syntax), list(TRANSFER_SYNTAXES))
        entity.add_supported_context(VERIFICATION)
        try:
            server = entity.start_server(
                (listener.host, listener.port),
                block=False,
                ssl_context=listener_context(tls) if tls else None,
                evt_handlers=[(evt.EVT_C_STORE, self._store)],
            )
        except OSError as error:
            raise UserError(
                f"server.dimse.listen: {listener.host}:{listener.port} cannot be listened on "
                f"({error.strerror}); give a free port of this machine"
            ) from None
        assert isinstance(server, ThreadedAssociationServer)
        self._server = server

    @contextlib.contextmanager
    def expecting(self, instances: tuple[str, ...], deliver: Keep) -> Iterator[int]:
        """Hand these instances to `deliver`, and what else their C-MOVE brings.

        Yields the number of the message to send it with.
        """
        with self._lock:
            message = next(self._messages)
            names: tuple[str | int, ...] = (*instances, message)
            self._waiting |= dict.fromkeys(names, deliver)
        try:
            yield message
        finally:
            with self._lock:
                for name in names:
                    self._waiting.pop(name, None)

    def close(self) -> None:
        self._server.shutdown()

    def _store(self, event: Event) -> int:
        request = event.request
        assert isinstance(request, C_STORE)
        with self._lock:
            by_message = self._waiting.get(request.MoveOriginatorMessageID or 0)
            deliver = self._waiting.get(_uid(event), by_message)
        if deliver is None:
            return NOT_ASKED_FOR
        return STORED if deliver(*stored_instance(event)) else FAILED
