"""A source of kind `pacs` with a server that stands in, and a clock that does not wait."""

import contextlib
import dataclasses
import datetime
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.pacs_servers import DimseSettings, Holdings, dimse_server
from pgdose.pacs.credentials import Credentials
from pgdose.pacs.fetching import fetch
from pgdose.pacs.listing import Listing, list_instances
from pgdose.pacs.pacing import Clock
from pgdose.study.sources import PacsArchive

LOG = logging.getLogger("test of pacs")
NONE = Credentials()


class FakeTime:
    """Seconds pass by waiting only; other threads get a moment to go on."""

    def __init__(
        self, start: datetime.datetime = datetime.datetime(2026, 3, 1, 12), moment: float = 0.001
    ) -> None:
        self.start, self.seconds, self.moment = start, 0.0, moment
        self.waits: list[float] = []
        self._lock = threading.Lock()

    @property
    def clock(self) -> Clock:
        return Clock(self.now, lambda: self.seconds, self.wait)

    def now(self) -> datetime.datetime:
        return self.start + datetime.timedelta(seconds=self.seconds)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        with self._lock:
            self.waits.append(seconds)
            self.seconds += seconds
        time.sleep(self.moment)
        return stop.is_set()


@dataclasses.dataclass
class Pacs:
    """A running server, and a folder of what is fetched from it."""

    holdings: Holdings
    server: dict[str, Any]
    root: Path
    time: FakeTime = dataclasses.field(default_factory=FakeTime)

    def source(self, **sections: Any) -> PacsArchive:
        least = {"timeout": 10, "least_free_gb": 0}
        sections["fetch"] = least | sections.get("fetch", {})
        return PacsArchive.model_validate(
            {"kind": "pacs", "root": str(self.root), "server": self.server} | sections
        )

    def listing(self, credentials: Credentials = NONE, **sections: Any) -> Listing:
        return list_instances(self.source(**sections), credentials, LOG, self.time.clock)

    def fetch(
        self, rows: list[dict] | None = None, credentials: Credentials = NONE, **sections: Any
    ) -> list[dict]:
        rows = self.listing(credentials, **sections).rows if rows is None else rows
        return list(fetch(rows, self.source(**sections), credentials, LOG, self.time.clock))

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.root.iterdir())}


Start = Callable[..., Pacs]


def start_dimse(stack: contextlib.ExitStack, holdings: Holdings, retrieve: str) -> dict[str, Any]:
    listen = {"host": "127.0.0.1", "port": free_port()}
    move_to = {"PGDOSE": ("127.0.0.1", listen["port"])}
    port = stack.enter_context(dimse_server(holdings, DimseSettings(move_to=move_to)))
    server = {"host": "localhost", "port": port, "called": "STANDIN", "retrieve": retrieve}
    return server | ({"listen": listen} if retrieve == "move" else {})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
