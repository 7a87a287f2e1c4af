"""Labels of a whole table of reports: equal texts are read once, wrong encodings refused.

`label_report_file` reads the table of a study and gives the tables that the job writes;
`label_reports` labels texts that are already in memory.
"""

import gc
import logging
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.plain_text import plain_text
from pgdose.labelling.report_looks import ReportLooks
from pgdose.labelling.reports import (
    RANK,
    Mention,
    label_of_mentions,
    read_report,
    says_something,
)
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.identifiers import clean_identifiers
from pgdose.user_tables.odd_marks import says_nothing
from pgdose.user_tables.reader import read_pieces

MENTION_COLUMNS = list(Mention._fields)
JOINT = "\n\n"  # between the rows of one report

_LETTER = re.compile(r"[^\W_]")
_TEXTS_TO_CHECK = 1000  # of each piece of a table, for its encoding

log = logging.getLogger(__name__)


def label_report_file(
    table: UserTable,
    lexicon: Lexicon,
    several: str,
    negation: bool,
    notes: list[str],
    norm: str = "phrases",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels of all reports of a table, and the mentions that they rest on.

    table: columns id and text. several: what rows with one id are; join, one report in parts;
    union, several reports of one film; first or last, the row that counts; error, a UserError if
    they differ. negation, norm: see `reports.read_report`.

    labels: columns report (the first row in the table, from 0), report_rows (all that count), link
    (the id) and label_<name> (Int8: 1, 0, or NA for uncertain and for no text), differ (whether
    rows of the id differ). Reports without an id are left out. mentions: columns report, then
    those of a Mention; positions are those in the rows' plain texts (`report_texts`), joined by
    JOINT. Raises UserError for a table that cannot be read or has a wrong encoding.
    """
    _check_norm(table, lexicon, norm)
    labels, mentions, lines, looks = [], [], [], ReportLooks()
    for piece in read_pieces(table, notes):
        texts = piece["text"].mask(piece["text"].map(says_nothing), "")
        plain = plain_texts(texts)
        looks.add(texts, plain)
        piece["text"] = plain.fillna("")
        check_encoding(piece["text"], table)
        piece_labels, piece_mentions = label_reports(piece["text"], lexicon, negation, norm)
        texts = piece["text"].str.strip()
        labels.append(piece_labels.assign(link=piece["id"], text=pd.util.hash_array(texts.array)))
        mentions.append(piece_mentions.rename(columns={"index": "report"}))
        lines.append(piece["line"])
        log.info("%s: %d reports labelled", table.at, piece.index[-1] + 1)
    names = [f"label_{name}" for name in lexicon.names]
    no_mentions = pd.DataFrame(columns=["report", *MENTION_COLUMNS])
    if not labels:
        return pd.DataFrame(
            columns=["report", "report_rows", *names, "link", "differ"]
        ), no_mentions
    notes += looks.notes(sum(map(len, mentions)))
    notes += _notes_of_context(mentions)
    if n := len(lexicon.warnings):
        notes.append(f"{n} entries of the lexicon have no effect; 'pgdose label' shows them")
    of_rows = _different_rows(pd.concat(labels), pd.concat(lines), table, several, notes)
    twice = of_rows["link"].duplicated(keep=False)
    of_rows["differ"] = twice
    of_mentions = pd.concat(mentions)
    if twice.any():
        reports = _SeveralReports(table, lexicon, several, negation, norm)
        of_rows, of_mentions = reports.settle(of_rows, of_mentions, notes)
    of_mentions = of_mentions[of_mentions["report"].isin(of_rows["report"])]
    return of_rows[["report", "report_rows", *names, "link", "differ"]], of_mentions


def _different_rows(
    labels: pd.DataFrame, lines: pd.Series, table: UserTable, several: str, notes: list[str]
) -> pd.DataFrame:
    """The rows with an id, with their lines in the file; of equal texts of one id the first.

    Where the last row counts, it is the last of equal texts: a correction may be taken back.
    """
    rows = labels.assign(link=clean_identifiers(labels["link"], table, "id", notes))
    rows = rows.rename_axis("report").reset_index()
    rows["report_rows"] = rows["report"].map(lambda row: [row])
    rows = rows[rows["link"] != ""]
    rows = rows.assign(line=lines.loc[rows["report"]].to_numpy())
    is_last = several == "last"
    again = rows.duplicated(["link", "text"], keep="last" if is_last else "first")
    if n := int(again.sum()):
        other = "a later" if is_last else "an earlier"
        notes.append(f"{n} reports say the same as {other} one with their id; left out")
    return rows[~again]


class _SeveralReports(NamedTuple):
    """Rows of a table of reports that share an id and differ."""

    table: UserTable
    lexicon: Lexicon
    several: str
    negation: bool
    norm: str

    def settle(
        self, rows: pd.DataFrame, mentions: pd.DataFrame, notes: list[str]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """One row for each id, and the mentions of all."""
        twice = rows["differ"]
        ids = rows.loc[twice, "link"].nunique()
        if self.several == "error":
            raise self._differ(rows, ids)
        notes.append(f"{ids} ids have several different reports; 'several: {self.several}'")
        if self.several in ("first", "last"):
            return rows[~rows["link"].duplicated(keep=self.several)], mentions  # type: ignore[arg-type]
        texts = report_texts(self.table, rows.loc[twice, "report"])
        merged, of_merged = [], []
        for _, group in rows[twice].groupby("link", sort=False):
            parts = [texts[report] for report in group["report"]]
            found = self._mentions(parts)
            row = group.iloc[0].to_dict() | {"report_rows": group["report"].tolist()}
            values = label_of_mentions(JOINT.join(parts), found, self.lexicon)
            merged.append(row | {f"label_{name}": value for name, value in values.items()})
            of_merged.append(
                pd.DataFrame(found, columns=MENTION_COLUMNS).assign(report=row["report"])
            )
        kept = mentions[~mentions["report"].isin(rows.loc[twice, "report"])]
        table = pd.DataFrame(merged, columns=rows.columns).astype(rows.dtypes)
        settled = pd.concat([rows[~twice], table]).sort_values("report")
        return settled, pd.concat([kept, *of_merged])

    def _mentions(self, parts: list[str]) -> list[Mention]:
        """Of one report in parts, or of several reports; positions in the joined text."""
        if self.several == "join":
            return read_report(JOINT.join(parts), self.lexicon, self.negation, self.norm)
        mentions, start = [], 0
        for part in parts:
            mentions += [
                mention._replace(start=mention.start + start, end=mention.end + start)
                for mention in read_report(part, self.lexicon, self.negation, self.norm)
            ]
            start += len(part) + len(JOINT)
        return mentions

    def _differ(self, rows: pd.DataFrame, ids: int) -> UserError:
        link = rows.loc[rows["differ"], "link"].iloc[0]
        lines = rows.loc[rows["link"] == link, "line"].head(2).tolist()
        return UserError(
            f"{self.table.field}.several: {ids} ids of {self.table.path.name} have several "
            f"different reports, such as lines {lines[0]} and {lines[1]}; set 'several' to what "
            "they are: join (parts of one report), union (all hold), first or last (that one "
            "holds)"
        )


def report_texts(table: UserTable, numbers: Collection[int]) -> dict[int, str]:
    """The plain texts of some rows of a table of reports, by their number (from 0).

    "" where a text cannot be told from the marks of its format.
    """
    texts = dict[int, str]()
    for piece in read_pieces(table):
        some = plain_texts(piece.loc[piece.index.isin(list(numbers)), "text"]).fillna("")
        texts |= dict(zip(some.index, some, strict=True))
    return texts


def _check_norm(table: UserTable, lexicon: Lexicon, norm: str) -> None:
    if norm == "composed" and lexicon.composed is None:
        raise UserError(
            f"{table.field}.norm: 'composed' needs norm.composed in the lexicon; add it, or set "
            "norm to 'phrases'"
        )


def _notes_of_context(mentions: list[pd.DataFrame]) -> list[str]:
    """How many reports hold nothing but context; the labeller leaves their norm in doubt."""
    n = sum(((m["label"] == "norm") & (m["state"] == "uncertain")).sum() for m in mentions)
    if not n:
        return []
    return [
        f"{n} reports hold only a referral, history, comparison or technique (heads in "
        "sections.context of the lexicon); their norm and the findings they name are uncertain"
    ]


def plain_texts(texts: pd.Series) -> pd.Series:
    """Reports without the marks of HTML, RTF and line breaks; missing where they are unreadable."""
    return pd.Series([plain_text(text) for text in texts], texts.index, texts.dtype)


def label_reports(
    texts: pd.Series, lexicon: Lexicon, negation: bool = True, norm: str = "phrases"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels of many reports, and the mentions that they rest on. Equal texts are read once.

    labels: columns `label_<name>` (Int8: 1, 0, or NA for uncertain and for no text), the index
    of `texts`. mentions: columns `index` (that of `texts`) and MENTION_COLUMNS, a row each, in the
    order of the texts.
    """
    codes, unique = pd.factorize(texts.astype(object), use_na_sentinel=False)
    mentions: list[Mention] = []
    counts = np.zeros(len(unique), int)
    with _no_garbage_collection():
        for i, text in enumerate(unique):
            of_text = read_report(text, lexicon, negation, norm)
            mentions += of_text
            counts[i] = len(of_text)
    labels = _labels_of_all(list(unique), mentions, counts, lexicon)
    label_table = pd.DataFrame(labels, columns=lexicon.names).iloc[codes]
    rows, places = _repeat_rows(counts, codes)
    mention_table = pd.DataFrame(mentions, columns=MENTION_COLUMNS)
    mention_table = mention_table.astype({"start": "int32", "end": "int32"})
    mention_table = mention_table.iloc[rows].reset_index(drop=True)
    mention_table.insert(0, "index", texts.index.take(places))
    return label_table.set_axis(texts.index).add_prefix("label_"), mention_table


def _labels_of_all(
    texts: list[str], mentions: list[Mention], counts: np.ndarray, lexicon: Lexicon
) -> dict[str, pd.arrays.IntegerArray]:
    """The same as `reports.label_of_mentions` for each text; text i has counts[i] mentions."""
    place_of = {name: k for k, name in enumerate(lexicon.names)}
    ranks = np.zeros((len(texts), len(place_of)), np.int8)
    labels = np.fromiter((place_of[m.label] for m in mentions), int, len(mentions))
    of_mentions = np.fromiter((RANK[m.state] for m in mentions), np.int8, len(mentions))
    np.maximum.at(ranks, (np.repeat(np.arange(len(texts)), counts), labels), of_mentions)
    is_norm = ranks[:, 0] == RANK["present"]
    conflicts = is_norm & (ranks[:, 1:] >= RANK["uncertain"]).any(axis=1)
    ranks[conflicts, 0] = RANK["uncertain"]
    empty = ranks == RANK["uncertain"]
    empty |= np.array([not says_something(text, lexicon) for text in texts], bool)[:, None]
    present = (ranks == RANK["present"]).astype(np.int8)
    return {
        name: pd.arrays.IntegerArray(present[:, k].copy(), empty[:, k].copy())
        for name, k in place_of.items()
    }


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Reading makes no cycles, and looking for them takes a quarter of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _repeat_rows(counts: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a table sorted by code, with counts[code] rows each, for a sequence of codes.

    Returns the rows, and for each of them its place in the sequence.
    """
    places = np.repeat(np.arange(len(codes)), counts[codes])
    first = np.cumsum(counts) - counts
    begin = np.cumsum(counts[codes]) - counts[codes]
    return np.arange(len(places)) + (first[codes] - begin)[places], places


def check_encoding(texts: pd.Series, table: UserTable) -> None:
    """Raise UserError if the texts look like Cyrillic that was read in a wrong encoding.

    cp1251 read as Latin-1 is letters like Ïíåâìî, UTF-8 read as cp1251 every other letter Р or С.
    """
    text = " ".join(texts.dropna().astype(str).head(_TEXTS_TO_CHECK))
    letters = "".join(_LETTER.findall(text))
    latin1 = sum("\u00c0" <= letter <= "\u00ff" for letter in letters)
    if text.count("\ufffd") > 0.01 * len(letters) or latin1 / max(len(letters), 1) > 0.5:
        encoding = "cp1251"
    elif sum(letters.count(letter) for letter in "РС") > 0.35 * len(letters):
        encoding = "utf-8"
    else:
        return
    key = table.encoding_key or f"{table.field}.encoding"
    raise UserError(
        f"{key}: the texts of {table.path.name} seem to be in another encoding; try {encoding}"
    )
