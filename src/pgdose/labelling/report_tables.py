"""Labels of a whole table of reports: equal texts are read once, wrong encodings refused.

`label_report_file` reads the table of a study and gives the tables that the job writes;
`label_reports` labels texts that are already in memory.
"""

import gc
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.reports import Mention, label_of_mentions, read_report
from pgdose.tables.user_tables import read_pieces

MENTION_COLUMNS = list(Mention._fields)

_LETTER = re.compile(r"[^\W_]")
_TEXTS_TO_CHECK = 1000  # of each piece of a table, for its encoding

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReportTable:
    """A table of reports (CSV or Parquet) as the study names it.

    `id` and `text` are the names of its columns, `field` the path of the section in the study that
    names it, for messages. `negation`: see `reports.read_report`.
    """

    path: Path
    field: str
    id: str
    text: str
    encoding: str
    negation: bool


def label_report_file(table: ReportTable, lexicon: Lexicon) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels of all reports of a table, and the mentions that they rest on.

    labels: columns report (the row in the table, from 0), link (its id, stripped) and
    label_<name> (Int8: 1, 0, or NA for uncertain and for no text). Reports without an id are left
    out, and so are those whose id stood before. mentions: columns report, then those of a Mention,
    for every report. Raises UserError for a table that cannot be read or has a wrong encoding.
    """
    labels, mentions = [], []
    columns = {"id": table.id, "text": table.text}
    for piece in read_pieces(table.path, columns, table.field, table.encoding):
        if piece.empty:
            continue
        check_encoding(piece["text"], table.field, table.path.name)
        piece_labels, piece_mentions = label_reports(piece["text"], lexicon, table.negation)
        labels.append(piece_labels.assign(link=piece["id"].str.strip()))
        mentions.append(piece_mentions.rename(columns={"index": "report"}))
        log.info("%s: %d reports labelled", table.field, piece.index[-1] + 1)
    names = [f"label_{name}" for name in lexicon.names]
    of_reports = pd.concat(labels) if labels else pd.DataFrame(columns=[*names, "link"])
    of_reports = of_reports.rename_axis("report").reset_index()
    of_reports = of_reports[of_reports["link"] != ""]
    repeated = of_reports["link"].duplicated()
    log.info(
        "%s: %d reports left out because an earlier one has the same id",
        table.field,
        repeated.sum(),
    )
    no_mentions = pd.DataFrame(columns=["report", *MENTION_COLUMNS])
    return of_reports[~repeated], pd.concat(mentions) if mentions else no_mentions


def label_reports(
    texts: pd.Series, lexicon: Lexicon, negation: bool = True
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels of many reports, and the mentions that they rest on. Equal texts are read once.

    labels: columns `label_<name>` (Int8: 1, 0, or NA for uncertain and for no text), the index
    of `texts`. mentions: columns `index` (that of `texts`) and MENTION_COLUMNS, a row each, in the
    order of the texts.
    """
    codes, unique = pd.factorize(texts.astype(object), use_na_sentinel=False)
    labels, mentions, counts = [], [], np.zeros(len(unique), int)
    with _no_garbage_collection():
        for i, text in enumerate(unique):
            of_text = read_report(text, lexicon, negation)
            labels.append(label_of_mentions(text, of_text, lexicon))
            mentions += of_text
            counts[i] = len(of_text)
    label_table = pd.DataFrame(labels, columns=lexicon.names, dtype="Int8").iloc[codes]
    rows, places = _repeat_rows(counts, codes)
    mention_table = pd.DataFrame(mentions, columns=MENTION_COLUMNS)
    mention_table = mention_table.astype({"start": "int32", "end": "int32"})
    mention_table = mention_table.iloc[rows].reset_index(drop=True)
    mention_table.insert(0, "index", texts.index.take(places))
    return label_table.set_axis(texts.index).add_prefix("label_"), mention_table


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


def check_encoding(texts: pd.Series, field: str, file_name: str) -> None:
    """Raise UserError if the texts look like Cyrillic that was read in a wrong encoding.

    cp1251 read as Latin-1 is letters like Ïíåâìî, UTF-8 read as cp1251 every other letter Р or С.
    `field` and `file_name` go into the message.
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
    raise UserError(
        f"{field}.encoding: the texts of {file_name} seem to be in another encoding; try {encoding}"
    )
