"""Fetching listed instances into the folder of a source, however often it takes.

Threads take requests from a queue, each over a connection of its own, and hand what arrives to
writers, which check and keep it. What fails goes back into the queue, later and by itself, up to
`fetch.retries` times. An instance is rejected only if the server answers and does not deliver it;
a server that does not answer stops the job.
"""

import contextlib
import heapq
import itertools
import logging
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from pgdose.errors import Rejected, UserError
from pgdose.pacs.answers import Search
from pgdose.pacs.connection import Archive, Connection, Request, open_archive
from pgdose.pacs.credentials import Credentials
from pgdose.pacs.failures import InstanceFailure, Refused, ServerDown, stopped
from pgdose.pacs.folder import Folder
from pgdose.pacs.pacing import Clock, Hours, TokenBucket, wait_before_try, wait_for_opening
from pgdose.study.sources import PacsArchive

MOST_INSTANCES = 100  # of a request that asks for each by itself
LAST_SECONDS = 5  # that a thread gets to end
LINE_SECONDS = 60  # between two lines of the log
NAP = 0.5  # seconds between two looks at whether a thread has failed
MOST_TO_LOSE = 3  # instances, all of which may be missing: of more the server is at fault
GOES_ON = "it goes on where it stopped"
TWICE = "the server lists it in several series or studies"


class Wanted(NamedTuple):
    """An instance to fetch, a row of LISTED."""

    study: str
    series: str
    instance: str
    sop_class: str | None
    role: str


def fetch(
    rows: Iterable[Mapping],
    source: PacsArchive,
    credentials: Credentials,
    log: logging.Logger,
    clock: Clock = Clock(),  # noqa: B008 - it never changes
) -> Iterator[dict]:
    """Rows of FETCHED, one for each row of LISTED, in no order.

    What lies whole in the folder is not fetched again. UserError if the server stops to answer,
    refuses us, or there is no room left: what was fetched until then stays.
    """
    rows = list(rows)
    folder = Folder(Path(source.root), source.fetch, {row["instance"] for row in rows})
    pending: list[Wanted] = []
    for row in rows:
        if row["times"] > 1:
            yield _rejected(row["instance"], row["role"], "listed_twice", TWICE)
        elif (size := folder.size_if_whole(row["instance"])) is not None:
            yield _kept(folder, row["instance"], row["role"], size)
        else:
            pending.append(Wanted(*(row[name] for name in Wanted._fields)))
    log.info("%d of %d instances are to be fetched", len(pending), len(rows))
    if not pending:
        return
    archive = open_archive(source, credentials)
    try:
        any_kept = len(pending) < len(rows)
        with Fetcher(archive, folder, source, log, clock, pending, any_kept) as fetcher:
            yield from fetcher.fetch(_requests(pending, rows, source))
    finally:
        archive.close()


def _requests(
    pending: Iterable[Wanted], rows: Iterable[Mapping], source: PacsArchive
) -> list[Request]:
    """One for each series, or several for a part of a large one.

    A series is asked for as a whole if all of it is wanted and nothing paces its instances.
    """
    listed = Counter(row["series"] for row in rows)
    by_series: dict[tuple[str, str], list[Wanted]] = {}
    for one in pending:
        by_series.setdefault((one.study, one.series), []).append(one)
    requests = []
    for (study, series), instances in by_series.items():
        whole = source.fetch.per_second is None and len(instances) == listed[series]
        step = len(instances) if whole else MOST_INSTANCES
        for start in range(0, len(instances), step):
            part = instances[start : start + step]
            classes = {one.sop_class: None for one in part if one.sop_class}
            uids = tuple(one.instance for one in part)
            requests.append(Request(study, series, uids, tuple(classes), whole))
    return requests


class Stopped(Exception):  # noqa: N818 - it names a state
    """Another thread has failed, or the job ends: nothing more is to be done."""


class Fetcher:
    """The queue of requests, the threads that work it off, and the writers of what arrives."""

    def __init__(
        self,
        archive: Archive,
        folder: Folder,
        source: PacsArchive,
        log: logging.Logger,
        clock: Clock,
        wanted: Iterable[Wanted],
        any_kept: bool,
    ) -> None:
        self.archive, self.folder, self.limits = archive, folder, source.fetch
        self.log, self.clock = log, clock
        self.hours = Hours(source.fetch.hours)
        self.bucket = TokenBucket(source.fetch.per_second, clock)
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self._changed = threading.Condition()  # guards all below
        self._queue: list[tuple[float, int, Request]] = []
        self._order = itertools.count()
        self._wanted = {one.instance: one for one in wanted}  # not settled yet
        self._arrived: set[str] = set()  # at the writers
        self._tries: Counter[str] = Counter()
        self._any_kept = any_kept
        self._settled = 0
        self._rejected: Counter[str] = Counter()  # by reason and detail
        self._results: queue.SimpleQueue[dict] = queue.SimpleQueue()
        self._writers = ThreadPoolExecutor(self.limits.at_once)
        self._room = threading.Semaphore(2 * self.limits.at_once)  # contents in memory
        self.connections: list[Connection] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(LAST_SECONDS)
        self._writers.shutdown(cancel_futures=True)
        for connection in self.connections:
            with contextlib.suppress(Exception):
                connection.close()

    def fetch(self, requests: list[Request]) -> Iterator[dict]:
        """Rows of FETCHED, as the instances are settled."""
        total, done, last_line = len(self._wanted), 0, time.monotonic()
        for request in requests:
            self.push(request, 0.0)
        for number in range(min(self.limits.at_once, len(requests))):
            name = f"connection {number + 1}"
            thread = threading.Thread(target=self._work, args=(name,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        while done < total:
            rows = self._next_results()
            if rows:
                self.folder.sync()
            yield from rows
            done += len(rows)
            if self.error and self._results.empty():
                raise self.error
            if time.monotonic() - last_line >= LINE_SECONDS:
                last_line = time.monotonic()
                self.log.info("%d of %d instances fetched or rejected", done, total)
        for what, count in sorted(self._rejected.items()):
            self.log.warning("%d of %d instances rejected: %s", count, total, what)
        if not self._any_kept and total > MOST_TO_LOSE:
            what = self._rejected.most_common(1)[0][0]
            raise UserError(
                f"server: it lists {total} instances of this shard and delivers none, mostly "
                f"{what}; have its administrator look, correct 'server' of the study (a wrong "
                "wado_prefix looks like this), and start the study anew. If all of them are gone, "
                "list the films again: -R list_on_pacs"
            )

    def _next_results(self) -> list[dict]:
        rows = []
        with contextlib.suppress(queue.Empty):
            rows.append(self._results.get(timeout=NAP))
            while True:
                rows.append(self._results.get_nowait())
        return rows

    # --- the queue --------------------------------------------------------------------------------

    def push(self, request: Request, seconds: float) -> None:
        with self._changed:
            entry = (self.clock.monotonic() + seconds, next(self._order), request)
            heapq.heappush(self._queue, entry)
            self._changed.notify()

    def _take(self) -> Request | None:
        """The next request whose time has come; None once all instances are settled."""
        while not self.stop.is_set():
            with self._changed:
                if not self._wanted:
                    return None
                if not self._queue:
                    self._changed.wait(NAP)
                    continue
                seconds = self._queue[0][0] - self.clock.monotonic()
                if seconds <= 0:
                    return heapq.heappop(self._queue)[2]
            self.clock.wait(self.stop, min(seconds, NAP))
        return None

    def _settle(self, row: dict) -> None:
        with self._changed:
            if self._wanted.pop(row["instance"], None) is None:
                return
            self._arrived.discard(row["instance"])
            self._any_kept = self._any_kept or row["path"] is not None
            self._settled += 1
            if row["reason"]:
                self._rejected[f"{row['reason']} ({row['detail']})"] += 1
            self._results.put(row)
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self.error is None and not isinstance(error, Stopped):
                self.error = error
            self.stop.set()
            self._changed.notify_all()

    # --- a thread with a connection ---------------------------------------------------------------

    def _work(self, name: str) -> None:
        worker = Worker(self, name)
        try:
            while request := self._take():
                worker.wait_for_opening()
                worker.serve(request)
        except BaseException as error:  # the main thread raises it
            self._fail(error)
        finally:
            worker.disconnect()

    # --- what becomes of an instance --------------------------------------------------------------

    def accept(self, uid: str, content: bytes) -> None:
        """Hand an instance that arrives to the writers, unless it is there already."""
        with self._changed:
            if uid not in self._wanted or uid in self._arrived:
                return
            self._arrived.add(uid)
        while not self._room.acquire(timeout=NAP):
            self.check_stop()
        try:
            self._writers.submit(self._keep, uid, content)
        except RuntimeError:  # they are shut down already
            raise Stopped from None

    def check_stop(self) -> None:
        if self.stop.is_set():
            raise Stopped

    def pace(self) -> None:
        """Wait as the study wants it; a request may have many instances, and the hours may end."""
        self.bucket.take(self.stop)
        wait_for_opening(self.hours, self.clock, self.stop, self.log.info)
        self.check_stop()

    def _keep(self, uid: str, content: bytes) -> None:
        try:
            size = self.folder.write(uid, content)
        except Rejected as error:
            with self._changed:
                self._arrived.discard(uid)
            self.try_again(uid, InstanceFailure(error.reason, error.detail))
        except BaseException as error:
            self._fail(error)
        else:
            self._settle(_kept(self.folder, uid, self._wanted[uid].role, size))
        finally:
            self._room.release()

    def settled(self) -> int:
        return self._settled

    def try_again(self, uid: str, failure: InstanceFailure, counts: bool = True) -> None:
        """Ask for an instance again, later and by itself, or reject it after the last try."""
        with self._changed:
            one = self._wanted.get(uid)
            if one is None:
                return
            self._tries[uid] += counts
            tries = self._tries[uid]
            if failure.forbidden and not self._any_kept:
                raise Refused(
                    "server.credentials: the server lists films and does not let us fetch them "
                    f"({failure.detail}); have its administrator allow it"
                )
        if failure.final or tries > self.limits.retries:
            self._settle(_rejected(uid, one.role, failure.reason, failure.detail))
            return
        classes = (one.sop_class,) if one.sop_class else ()
        request = Request(one.study, one.series, (uid,), classes)
        self.push(request, wait_before_try(max(tries, 1), uid))

    def is_last_try(self, uid: str) -> bool:
        return self._tries[uid] >= self.limits.retries


class Worker:
    """One connection, made when it is needed, and made anew when it breaks."""

    def __init__(self, fetcher: Fetcher, name: str) -> None:
        self.fetcher, self.name = fetcher, name
        self._connection: Connection | None = None
        self._failures, self._settled_before = 0, 0

    def wait_for_opening(self) -> None:
        fetcher = self.fetcher
        if fetcher.hours.seconds_to_opening(fetcher.clock.now()):
            self.disconnect()
        wait_for_opening(fetcher.hours, fetcher.clock, fetcher.stop, fetcher.log.info)

    def disconnect(self) -> None:
        if self._connection:
            with contextlib.suppress(Exception):
                self._connection.close()
            self.fetcher.connections.remove(self._connection)
        self._connection = None

    def serve(self, request: Request) -> None:
        """Ask for instances, and say what became of those that do not arrive."""
        self.fetcher.check_stop()
        delivered: set[str] = set()

        def deliver(uid: str, content: bytes) -> None:
            self.fetcher.check_stop()
            delivered.add(uid)
            if uid in request.instances:
                self.fetcher.accept(uid, content)

        try:
            connection = self._connect()
        except ServerDown as error:
            self._push_back(request)
            self._wait(error)
            return
        try:
            failures = connection.retrieve(request, deliver, self.fetcher.pace)
        except ServerDown as error:
            self.disconnect()
            self._lost(request, delivered, error)
            self._wait(error)
            return
        self._failures = 0
        strangers = delivered.difference(request.instances)
        for uid in request.instances:
            if uid not in delivered:  # of the others the writers say what becomes of them
                self.fetcher.try_again(uid, failures.get(uid) or _missing(strangers, request))

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self.fetcher.archive.connect()
            self.fetcher.connections.append(self._connection)
        return self._connection

    def _push_back(self, request: Request) -> None:
        self.fetcher.push(request, 0.0)

    def _lost(self, request: Request, delivered: Collection[str], error: ServerDown) -> None:
        """A connection broke while instances were asked for: it may be because of one of them."""
        for uid in request.instances:
            if uid in delivered:
                continue
            counts = not error.busy
            if counts and self.fetcher.is_last_try(uid) and not self._answers(request):
                raise stopped(error.what, self.fetcher.limits.retries + 1, then=GOES_ON)
            self.fetcher.try_again(uid, InstanceFailure("not_fetched", error.what), counts)

    def _wait(self, error: ServerDown) -> None:
        """Before the next try; UserError after the last one, if no connection has got on."""
        fetcher = self.fetcher
        if self._failures and fetcher.settled() > self._settled_before:
            self._failures = 0
        self._failures += 1
        self._settled_before = fetcher.settled()
        if self._failures > fetcher.limits.retries:
            raise stopped(error.what, self._failures, then=GOES_ON)
        seconds = max(wait_before_try(self._failures, self.name), error.retry_after)
        fetcher.log.warning("server: %s; next try in %.0f s", error.what, seconds)
        fetcher.clock.wait(fetcher.stop, seconds)

    def _answers(self, request: Request) -> bool:
        """Whether the server answers at all, so that it is the instance that does not come."""
        the_study = (("StudyInstanceUID", request.study),)
        with contextlib.suppress(ServerDown):
            connection = self.fetcher.archive.connect()
            try:
                connection.find(Search("STUDY", filters=the_study))
            finally:
                connection.close()
            return True
        return False


def _missing(strangers: Collection[str], request: Request) -> InstanceFailure:
    if strangers and not request.whole:
        return InstanceFailure("other_instance", "another instance arrives")
    return InstanceFailure("not_fetched", "the server ends without it")


def _kept(folder: Folder, uid: str, role: str, size: int) -> dict:
    path = os.fsencode(folder.path(uid))
    return _row(uid, role) | {"path": path, "size": size}


def _rejected(uid: str, role: str, reason: str, detail: str) -> dict:
    return _row(uid, role) | {"reason": reason, "detail": detail}


def _row(uid: str, role: str) -> dict:
    empty = dict.fromkeys(("path", "size", "reason", "detail"))
    return {"instance": uid, "role": role, **empty}
