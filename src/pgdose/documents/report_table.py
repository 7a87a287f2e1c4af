"""All documents or messages of a source as one table of reports, with what was left out and why.

    read_messages(folder, ...) or read_documents(files, ...) -> outcomes -> settle_reports

The table is private, and read as if a person had made it: `labelling` needs not know where reports
come from. Its rows stand in the order of time, so that `several: last` is the newest.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pgdose.documents.dicom_documents import document_report, is_document
from pgdose.documents.hl7_files import messages_of
from pgdose.documents.hl7_messages import kind_of, read_message
from pgdose.documents.hl7_reports import reports_of
from pgdose.documents.reasons import NO_REPORTS, NOT_UNDERSTOOD, OUTDATED, REASONS
from pgdose.documents.report import Outcome, Report, Tally, UnreadReport
from pgdose.documents.versions import Version, settle
from pgdose.errors import Rejected, UserError
from pgdose.tables.report_schemas import REPORTS, UNREAD_REPORTS
from pgdose.tables.source_files import check_inside, walk


class ReportTables(NamedTuple):
    """What a source's documents or messages give: tables of REPORTS and UNREAD_REPORTS, notes."""

    reports: pd.DataFrame
    unread: pd.DataFrame
    notes: list[str]


# Reading


def read_messages(
    folder: Path, accession: str, encoding: str | None, tally: Tally
) -> Iterator[Outcome]:
    """An outcome for each report of each message below a folder, file by file.

    accession: the field of a message with the films' number; encoding: of messages that declare
    none. `tally` counts files and messages, and what notes tell.
    """
    for path in walk(folder):
        tally.add("files")
        part = 0
        try:
            check_inside(folder, path)
            for chunk in messages_of(path):
                part += 1
                if isinstance(chunk, Rejected):
                    yield Outcome(path, part, chunk)
                    continue
                tally.add("messages")
                if chunk.is_last:
                    tally.add("unended files" if chunk.end == "open" else "ended files")
                for result in _of_message(chunk.content, chunk.end, accession, encoding, tally):
                    yield Outcome(path, part, result, chunk.end == "open")
        except Rejected as rejected:
            yield Outcome(path, part, rejected)


def _of_message(
    content: bytes, end: str, accession: str, encoding: str | None, tally: Tally
) -> Iterator[Report | Rejected]:
    try:
        if kind_of(content).upper() != "ORU":
            raise Rejected("other_message", "")
        if end == "broken":
            raise Rejected("cut_short", "its frame, batch or last line does not end")
        message = read_message(content, encoding)
        if end == "open" and (message.stray_lines or not message.text_is_closed):
            raise Rejected("cut_short", "the file ends within a text")
        yield from reports_of(message, accession, tally)
    except Rejected as rejected:
        if rejected.reason == "encoding" and end == "open":
            rejected = Rejected("cut_short", "the file ends within a letter")
        yield _with_numbers(rejected, content, accession)


def _with_numbers(rejected: Rejected, content: bytes, accession: str) -> Rejected:
    """Which reports a message has that cannot be read: their numbers and times are mostly ASCII."""
    reports: list[Report] = []
    if rejected.reason in ("encoding", "cut_short"):
        with suppress(Rejected):
            message = read_message(content, "latin-1")
            results = list(reports_of(message, accession, Tally()))
            reports = [report for result in results for report in _reports(result)]
    if not reports:
        return rejected
    return UnreadReport(rejected, *(report._replace(text="") for report in reports))


def _reports(result: Report | Rejected) -> tuple[Report, ...]:
    """The reports that a result tells of, with or without a text."""
    if isinstance(result, Report):
        return (result,)
    return result.reports if isinstance(result, UnreadReport) else ()


def read_documents(
    files: Iterable[Path],
    root: Path,
    tag: str,
    encoding: str | None,
    tally: Tally,
    only_documents: bool = False,
) -> Iterator[Outcome]:
    """An outcome for each DICOM document among the files of a source.

    tag: the attribute with the films' number; encoding: of texts that declare a wrong one.
    only_documents: all of the files should be some, as those that a PACS lists; otherwise other
    files, and damaged ones, are passed over: they stand among the rejects of the films.
    """
    for path in files:
        tally.add("files")
        try:
            check_inside(root, path)
            if not (only_documents or _is_readable_document(path)):
                continue
            tally.add("documents")
            if not is_document(path):
                raise Rejected("no_document", "")
            yield Outcome(path, 1, document_report(path, tag, encoding, tally))
        except Rejected as rejected:
            yield Outcome(path, 1, rejected)


def _is_readable_document(path: Path) -> bool:
    try:
        return is_document(path)
    except Rejected:
        return False


# Settling


def settle_reports(
    outcomes: Iterable[Outcome], tally: Tally, field: str, settings: Mapping[str, str]
) -> ReportTables:
    """The tables of all outcomes. UserError where not one report is left.

    field: the study's path to `reports`. settings: `origin` (documents or hl7), `tag`, and of
    messages `accession`.
    """
    outcomes = list(outcomes)  # the tally is complete when the last one is read
    versions: list[Version] = []
    unread: list[tuple[Path, int, str, str]] = []
    documents: set[Report] = set()
    for path, part, result, unfinished in outcomes:
        if isinstance(result, Report) and unfinished and tally["ended files"]:
            # Others end their last line: this file was cut off, be it between two fields.
            cut = Rejected("cut_short", "its last line does not end, as those of others do")
            result = UnreadReport(cut, result._replace(text=""))
        if isinstance(result, Report) and result in documents:
            result = Rejected("duplicate", "")
        if isinstance(result, Rejected):
            unread.append((path, part, result.reason, result.detail))
        elif result.uid:
            documents.add(result)
        versions += _versions(path, part, result)
    kept, outdated, unknown_predecessors = settle(versions)
    reasons = Counter(reason for _, _, reason, _ in unread)
    of_versions = Counter(reason for _, reason in outdated)
    if not kept:
        raise UserError(_nothing(field, settings, tally, reasons + of_versions, unread))
    unread += [(one.path, one.part, reason, "") for one, reason in outdated]
    reports = pd.DataFrame([_row(one) for one in kept], columns=REPORTS.names)
    rows = [(os.fsencode(path), *rest) for path, *rest in unread]
    return ReportTables(
        reports,
        pd.DataFrame(rows, columns=UNREAD_REPORTS.names),
        [
            *_notes(kept, of_versions, reasons, tally, settings),
            *_note_of_predecessors(unknown_predecessors),
            *_advice(reasons, field, settings),
        ],
    )


def _versions(path: Path, part: int, result: Report | Rejected) -> Iterator[Version]:
    """What a result says of the reports of each id."""
    is_unread = isinstance(result, Rejected)
    is_empty = isinstance(result, Rejected) and result.reason == "no_text"
    for report in _reports(result):
        if is_empty and report.status == "preliminary":
            continue  # an order on its way, not a later draft
        for id in report.ids:
            yield Version(
                id=id,
                text=report.text,
                time=report.time,
                status=report.status,
                uid=report.uid,
                replaces=report.replaces,
                path=path,
                part=part,
                patient=report.patient,
                is_unread=is_unread,
            )


def _advice(reasons: Counter[str], field: str, settings: Mapping[str, str]) -> list[str]:
    if not reasons["encoding"]:
        return []
    key = _encoding_key(field, settings)
    return [
        f"set {key} (cp1251, koi8-r, ...) to read the {reasons['encoding']} in another encoding"
    ]


def _row(one: Version) -> tuple:
    return one.id, one.text, one.time, one.status, os.fsencode(one.path), one.part


def _nothing(
    field: str,
    settings: Mapping[str, str],
    tally: Tally,
    reasons: Counter[str],
    unread: list[tuple[Path, int, str, str]],
) -> str:
    """The message for a source without a single report."""
    if settings["origin"] == "documents":
        of_files = f"{tally['documents']} DICOM documents among {tally['files']} files"
        if not tally["documents"]:
            return (
                f"{field}.documents: none of the {tally['files']} files of the source is a DICOM "
                "structured report or encapsulated document; export them with the films, or give "
                "'table' or 'hl7' in place of 'documents'"
            )
        if set(reasons) == {"no_id"}:
            return (
                f"{field}.tag: {settings['tag']} is empty in all of the {reasons['no_id']} reports "
                "among the documents; use an attribute that documents and films share, such as "
                "StudyInstanceUID"
            )
    else:
        of_files = f"{tally['messages']} HL7 messages in {tally['files']} files"
        if reasons["no_id"] and not set(reasons) - {"no_id"} - set(NO_REPORTS):
            return _no_accession(field, settings["accession"], reasons["no_id"], unread)
    why = _listed(reasons) or "nothing that could be one"
    hint = f" Set {_encoding_key(field, settings)}." if reasons["encoding"] else ""
    return (
        f"{field}: no report in {of_files}: {why}.{hint} "
        "docs/reference/rejection-reasons.md says what to do about each"
    )


def _encoding_key(field: str, settings: Mapping[str, str]) -> str:
    """The key with the encoding of messages, or of documents as of films."""
    of_source = settings["origin"] == "documents"
    return f"{field.removesuffix('.reports') if of_source else field}.encoding"


def _no_accession(
    field: str, accession: str, count: int, unread: list[tuple[Path, int, str, str]]
) -> str:
    """Where the number of the films stands instead, as far as fields tell."""
    filled = Counter(
        name for _, _, reason, detail in unread if reason == "no_id" for name in detail.split()
    )
    others = ", ".join(f"{name} in {n}" for name, n in filled.most_common() if name != accession)
    return (
        f"{field}.accession: {accession} is empty in all of the {count} reports; of other fields "
        f"these hold a value: {others or 'none of the usual ones'}. Set 'accession' to the one "
        "with the number that the films have"
    )


# Notes


def _notes(
    kept: list[Version],
    outdated: Counter[str],
    reasons: Counter[str],
    tally: Tally,
    settings: Mapping[str, str],
) -> list[str]:
    """What a person should know, in counts."""
    reports = len({(one.path, one.part, one.text) for one in kept})
    if settings["origin"] == "hl7":
        notes = [
            f"{reports} reports in {tally['messages']} HL7 messages of {tally['files']} files, by "
            f"{settings['accession']}"
        ]
    else:
        notes = [
            f"{reports} reports in {tally['documents']} DICOM documents among {tally['files']} "
            f"files, by {settings['tag']}"
        ]
    for kind, text in (
        (NOT_UNDERSTOOD, "documents, messages or files are not understood, and give no report"),
        (NO_REPORTS, "documents or messages are no reports"),
    ):
        some = Counter({code: n for code, n in reasons.items() if code in kind})
        if some:
            notes.append(f"{some.total()} {text}: {_listed(some)}")
    outdated = outdated + Counter({code: n for code, n in reasons.items() if code in OUTDATED})
    if outdated:
        notes.append(f"{outdated.total()} reports do not count: {_listed(outdated)}")
    counts = {
        "are preliminary, and no later version is there": sum(
            one.status == "preliminary" for one in kept
        ),
        "were signed by nobody (UNVERIFIED)": sum(one.status == "unverified" for one in kept),
        "do not say when they were written; among several with one number they come first, and "
        "corrections last": sum(not one.time for one in kept),
        "are from PDF: letterheads and footers are part of their text": tally["pdf"],
    }
    notes += [f"{n} of {len(kept)} reports {text}" for text, n in counts.items() if n]
    counts = {
        "messages have line breaks inside of fields, which are kept": tally["broken lines"],
        "OBX segments hold no text (dates, pointers, names), and are left out": tally[
            "other types"
        ],
        "attachments stand beside a text, and are not read": tally["attachments beside text"],
        "pictures are attached to a text, and are not read": tally["pictures beside text"],
        "segments of the site's own (Z..) hold words, and are not read": tally[
            "segments of the site"
        ],
    }
    notes += [f"{n} {text}" for text, n in counts.items() if n]
    if tally["unended files"] and not tally["ended files"]:
        notes.append(
            f"none of {tally['unended files']} files ends its last line, so that nobody can tell "
            "whether one was cut off between two lines"
        )
    return notes


def _note_of_predecessors(unknown: int) -> list[str]:
    if not unknown:
        return []
    return [
        f"{unknown} documents replace one that is not there: other reports with their number count "
        "beside them, and may be earlier versions; export all versions, or set 'several' to last"
    ]


def _listed(counts: Counter[str]) -> str:
    """Reason codes with their numbers and meanings, the most frequent first."""
    return "; ".join(f"{n} {code} ({REASONS[code]})" for code, n in counts.most_common())
