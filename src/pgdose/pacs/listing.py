"""Listing the instances that a PACS has of a source.

A server is asked for studies by date and modality, then for the series of each study and the
instances of each series. It may page oddly, ignore what it is asked for, stop at a limit of its
own, or list an instance twice: every filter is checked again on the answers, and what does not add
up is counted.

A server may fail at one study (its index is damaged there) and list all others. Such a study is
tried again after all others, passed over if the server still fails at it, and counted. A server
that fails at more than MOST_UNLISTED studies in a row is not well itself: the job stops.
"""

import contextlib
import datetime
import logging
import queue
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from pgdose.pacs.answers import UID_OF, Answer, Level, Search, first, is_uid, number
from pgdose.pacs.connection import Archive, Connection, open_archive
from pgdose.pacs.credentials import Credentials
from pgdose.pacs.failures import RetriesExhausted, ServerDown, TooMany, stopped
from pgdose.pacs.filters import (
    DOCUMENT_MODALITIES,
    ENCAPSULATED,
    series_left_out,
    study_left_out,
)
from pgdose.pacs.pacing import Clock, Hours, wait_before_try, wait_for_opening
from pgdose.study.sources import PacsArchive
from pgdose.tables.pacs_schemas import DOCUMENT, FILM, shard_of

# A server that cuts its lists does so at a round number.
CUT_LEAST, CUT_STEP = 100, 50
FIRST_DAY = datetime.date(1970, 1, 1)  # from it on, what is split by dates is split further
STUDIES = 500  # between two lines of the log
BEGINS_ANEW = "it lists from the start, and keeps the films that are there"
MOST_UNLISTED = 3  # studies in a row at which a server may fail, in the order of their list
ATTEMPTS = 3  # at a list that is shorter than the server claims


class Listing(NamedTuple):
    """Rows of LISTED, and counts for its metadata.

    claimed_not_listed   instances that the server counts in a series and does not list
    claimed_series_not_listed  series that it counts in a study and does not list
                         (a series or study without a count has at least one)
    studies_not_listed   studies that the server fails to list, in both rounds; nothing else of
                         them is counted
    listed_again         answers that repeat an earlier one of the same list
    listed_twice         instances that stand in several series
    impossible_uids      answers without a UID that a file can be named by
    not_asked_for        answers of another study or series than the one that was asked about
    cut_lists            lists of studies that the server cut, and that were asked for in parts
    hours_maybe_cut      hours of a day whose list of studies is still so round that it may be cut
    body_part_not_stated series that stay though the server says no body part
    left_out_studies_*, left_out_series_*  what the filters left out, and by which of them
    """

    rows: list[dict]
    counts: dict[str, int]


class Series(NamedTuple):
    study: str
    uid: str
    modality: str
    role: str
    claimed: int  # instances, as the server counts them; see `_claimed`


class Instance(NamedTuple):
    series: Series
    uid: str
    sop_class: str | None


class StudyContent(NamedTuple):
    """The instances of a study that pass the filters, and its share of the counts."""

    instances: list[Instance]
    counts: Counter[str]


def list_instances(
    source: PacsArchive,
    credentials: Credentials,
    log: logging.Logger,
    clock: Clock = Clock(),  # noqa: B008 - it never changes
) -> Listing:
    """What the server lists of the source: rows of LISTED, sorted by instance.

    Waits outside of `fetch.hours`. UserError if the server cannot be asked, if a search for studies
    fails at each of `1 + fetch.retries` tries, or if searches in more than MOST_UNLISTED studies in
    a row do.
    """
    archive = open_archive(source, credentials)
    try:
        with Asker(archive, source, log, clock) as asker:
            return Lister(source, asker, log, clock).listing()
    finally:
        archive.close()


class Asker:
    """Asks a server from several threads, each with a connection, and tries again."""

    def __init__(
        self, archive: Archive, source: PacsArchive, log: logging.Logger, clock: Clock
    ) -> None:
        self.archive, self.retries, self.log, self.clock = archive, source.fetch.retries, log, clock
        self.hours = Hours(source.fetch.hours)
        self.stop = threading.Event()
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue()

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        while not self._idle.empty():
            with contextlib.suppress(Exception):
                self._idle.get().close()

    def find(self, search: Search) -> list[Answer]:
        """The server's answers.

        Raises TooMany, RetriesExhausted after `1 + fetch.retries` tries, Refused, and ServerDown
        once `stop` is set.
        """
        for attempt in range(1, self.retries + 2):
            wait_for_opening(self.hours, self.clock, self.stop, self.log.info)
            if self.stop.is_set():  # which ends any wait
                raise ServerDown("nothing more is asked")
            try:
                with self._connection() as connection:
                    return connection.find(search)
            except ServerDown as error:
                if attempt > self.retries:
                    raise stopped(error.what, attempt, then=BEGINS_ANEW) from None
                seconds = max(wait_before_try(attempt, search.level), error.retry_after)
                self.log.warning("server: %s; next try in %.0f s", error.what, seconds)
                self.clock.wait(self.stop, seconds)
        raise AssertionError("the last try returns or raises")

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self.archive.connect()
        try:
            yield connection
        except BaseException:
            with contextlib.suppress(Exception):
                connection.close()
            raise
        self._idle.put(connection)


class Lister:
    def __init__(
        self, source: PacsArchive, asker: Asker, log: logging.Logger, clock: Clock
    ) -> None:
        self.source, self.find, self.asker, self.log = source, source.find, asker, log
        self.modalities = source.asked_modalities
        self.today = clock.now().date()
        self.counts: Counter[str] = Counter()

    def listing(self) -> Listing:
        studies = list(self._studies().values())
        self.log.info("%d studies pass the filters", len(studies))
        instances: list[Instance] = []
        pool = ThreadPoolExecutor(self.source.fetch.at_once)
        try:
            for content in self._contents(studies, pool):
                instances += content.instances
                self.counts += content.counts
        finally:
            self.asker.stop.set()
            pool.shutdown(cancel_futures=True)
        rows = list(self._rows(instances))
        self.log.info("%d instances listed", len(rows))
        counts = dict(sorted((+self.counts).items()))  # without those of 0
        for name, count in counts.items():
            self.log.info("%s: %d", name, count)
        return Listing(rows, counts)

    def _contents(self, studies: list[Answer], pool: ThreadPoolExecutor) -> Iterator[StudyContent]:
        """The content of each study that the server lists.

        A first round is over all studies, a second one over those that failed in the first, so that
        a short outage costs none. Failures in a row are counted in the order of the studies,
        whichever thread ends first, and in the first round only: the second one has no other
        studies between the damaged ones.
        """
        failed, failures_in_a_row = [], 0
        results = pool.map(self._content_or_error, studies)
        for done, (study, result) in enumerate(zip(studies, results, strict=True), 1):
            if isinstance(result, RetriesExhausted):
                failed.append(study)
                failures_in_a_row += 1
                if failures_in_a_row > MOST_UNLISTED:
                    what = f"{result.reason}, in {failures_in_a_row} studies one after another"
                    raise stopped(what, 1, then=BEGINS_ANEW)
            else:
                failures_in_a_row = 0
                yield result
            if done % STUDIES == 0:
                self.log.info("%d of %d studies listed", done, len(studies))
        if failed:
            self.log.info("%d studies that the server fails to list are tried again", len(failed))
        for result in pool.map(self._content_or_error_again, failed):
            if isinstance(result, RetriesExhausted):
                self.log.warning("server: %s; a study is passed over", result.reason)
                self.counts["studies_not_listed"] += 1
            else:
                yield result

    def _rows(self, instances: Iterable[Instance]) -> Iterator[dict]:
        by_uid: dict[str, list[Instance]] = {}
        for instance in instances:
            by_uid.setdefault(instance.uid, []).append(instance)
        for uid in sorted(by_uid):
            # Of several series a film's comes first, so that it is counted among the films.
            places = sorted(by_uid[uid], key=lambda place: (place.series.role != FILM, place[:1]))
            first_place = places[0]
            self.counts["listed_twice"] += len(places) > 1
            yield {
                "study": first_place.series.study,
                "series": first_place.series.uid,
                "instance": uid,
                "sop_class": first_place.sop_class,
                "modality": first_place.series.modality,
                "role": first_place.series.role,
                "shard": shard_of(first_place.series.study, self.source.shards),
                "times": len(places),
            }

    def _studies(self) -> dict[str, Answer]:
        """The studies that pass the filters, by UID."""
        answers: dict[str, Answer] = {}
        for modality in self.modalities:
            answers |= self._studies_between(modality, *self.find.dates)
        kept = {}
        for uid, answer in answers.items():
            reason = study_left_out(answer, self.find, self.modalities)
            if reason is None:
                kept[uid] = answer
            else:
                self.counts[f"left_out_studies_{reason}"] += 1
        return kept

    def _studies_between(
        self, modality: str, first_day: datetime.date | None, last_day: datetime.date | None
    ) -> dict[str, Answer]:
        """Studies of a time; in two halves, too, if the server may have cut the list."""
        filters = [("ModalitiesInStudy", modality)]
        if first_day or last_day:
            days = (f"{day:%Y%m%d}" if day else "" for day in (first_day, last_day))
            filters.append(("StudyDate", "-".join(days)))
        answers: dict[str, Answer] | None = None
        with contextlib.suppress(TooMany):
            answers = self._ask(Search("STUDY", filters=tuple(filters)), self.counts)
        if answers is not None and not may_be_cut(answers):
            return answers
        start = first_day or min(FIRST_DAY, last_day or FIRST_DAY)
        end = last_day or max(self.today, start)
        if start >= end:
            return self._studies_of_day(filters, answers)
        # An open end stays open: some films have dates of before FIRST_DAY, or of the future.
        middle = start + (end - start) // 2
        halves = self._studies_between(modality, first_day, middle)
        halves |= self._studies_between(modality, middle + datetime.timedelta(days=1), last_day)
        self.counts["cut_lists"] += answers is None or bool(halves.keys() - answers.keys())
        return (answers or {}) | halves

    def _studies_of_day(
        self, filters: Iterable[tuple[str, str]], answers: dict[str, Answer] | None
    ) -> dict[str, Answer]:
        """Studies of one day, hour by hour; those that state no time are in `answers` at most."""
        hours: dict[str, Answer] = {}
        for hour in range(24):
            time = ("StudyTime", f"{hour:02}0000-{hour:02}5959.999999")
            with refusal_as_error("the studies of one hour"):
                part = self._ask(Search("STUDY", filters=(*filters, time)), self.counts)
            self.counts["hours_maybe_cut"] += may_be_cut(part)
            hours |= part
        self.counts["cut_lists"] += answers is None or bool(hours.keys() - answers.keys())
        return (answers or {}) | hours

    def _content_or_error(self, study_answer: Answer) -> StudyContent | RetriesExhausted:
        try:
            with refusal_as_error("the series or instances of a study"):
                return self._content(study_answer)
        except RetriesExhausted as error:
            return error

    def _content_or_error_again(self, study_answer: Answer) -> StudyContent | RetriesExhausted:
        """The same of a server that is up, before and after; raises RetriesExhausted if not."""
        self._check_that_server_is_up(study_answer)
        result = self._content_or_error(study_answer)
        if isinstance(result, RetriesExhausted):
            self._check_that_server_is_up(study_answer)
        return result

    def _check_that_server_is_up(self, study_answer: Answer) -> None:
        study = first(study_answer, UID_OF["STUDY"])
        with refusal_as_error("a single study"):
            self.asker.find(Search("STUDY", filters=(("StudyInstanceUID", study),)))

    def _content(self, study_answer: Answer) -> StudyContent:
        """Raises TooMany, RetriesExhausted, Refused."""
        counts: Counter[str] = Counter()
        study = first(study_answer, UID_OF["STUDY"])
        claimed = _claimed(study_answer, "NumberOfStudyRelatedSeries")
        answers = self._ask(Search("SERIES", study), counts, claimed)
        counts["claimed_series_not_listed"] += max(claimed - len(answers), 0)
        series = self._films(study_answer, answers, counts)
        instances = []
        for one in series:
            answers = self._ask(Search("IMAGE", study, one.uid), counts, one.claimed)
            counts["claimed_not_listed"] += max(one.claimed - len(answers), 0)
            for uid, answer in answers.items():
                sop_class = first(answer, "SOPClassUID")
                is_no_document = one.modality == "OT" and not sop_class.startswith(ENCAPSULATED)
                if one.role != DOCUMENT or not is_no_document:
                    instances.append(Instance(one, uid, sop_class or None))
        return StudyContent(instances, counts)

    def _films(
        self, study_answer: Answer, answers: dict[str, Answer], counts: Counter[str]
    ) -> list[Series]:
        """The series of films of a study, and with them those of its documents."""
        study = first(study_answer, UID_OF["STUDY"])
        films, documents = [], []
        for uid, answer in answers.items():
            modality = first(answer, "Modality")
            count = _claimed(answer, "NumberOfSeriesRelatedInstances")
            reason = series_left_out(answer, study_answer, self.find, self.modalities)
            if reason is None:
                says_part = bool(first(answer, "BodyPartExamined"))
                counts["body_part_not_stated"] += bool(self.find.body_parts) and not says_part
                films.append(Series(study, uid, modality, FILM, count))
            elif self.source.asks_for_documents and modality in DOCUMENT_MODALITIES:
                documents.append(Series(study, uid, modality, DOCUMENT, count))
            else:
                counts[f"left_out_series_{reason}"] += 1
        return [*films, *documents] if films else []

    def _ask(
        self, search: Search, counts: Counter[str], claimed: int | None = None
    ) -> dict[str, Answer]:
        """The answers by UID, each once, and only those about what was asked for.

        claimed: how many there are, as the server counts them. A busy server at times lists fewer:
                 then it is asked again.
        """
        answers: dict[str, Answer] = {}
        for attempt in range(ATTEMPTS):
            for answer in self.asker.find(search):
                uid = first(answer, UID_OF[search.level])
                if not is_uid(uid):
                    counts["impossible_uids"] += attempt == 0
                elif _is_of_another(answer, search):
                    counts["not_asked_for"] += attempt == 0
                elif uid in answers:
                    counts["listed_again"] += attempt == 0
                else:
                    answers[uid] = answer
            if claimed is None or len(answers) >= claimed:
                break
        return answers


@contextlib.contextmanager
def refusal_as_error(what: str) -> Iterator[None]:
    """TooMany as RetriesExhausted: `what` cannot be asked for in parts."""
    try:
        yield
    except TooMany:
        raise stopped(f"it refuses to list {what}", 1, then=BEGINS_ANEW) from None


def may_be_cut(answers: Collection[str]) -> bool:
    """Whether a list ends at a round number, as one that the server cut without a word."""
    return len(answers) >= CUT_LEAST and len(answers) % CUT_STEP == 0


def _claimed(answer: Answer, keyword: str) -> int:
    """How much a server counts below what it lists; where it does not say it, there is one."""
    count = number(answer, keyword)
    return 1 if count is None else count


def _is_of_another(answer: Answer, search: Search) -> bool:
    levels: list[tuple[Level, str | None]] = [("STUDY", search.study), ("SERIES", search.series)]
    return any(
        asked is not None and first(answer, UID_OF[level]) not in ("", asked)
        for level, asked in levels
    )
