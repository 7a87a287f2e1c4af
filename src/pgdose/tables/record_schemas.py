"""Schemas of the tables that describe a source: records, headers, labels, rejects."""

from collections.abc import Iterable

import pyarrow as pa

REJECTS = pa.schema(
    [
        ("record_id", pa.string()),
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
RECORDS = pa.schema(
    [
        ("record_id", pa.string()),
        ("patient", pa.string()),
        ("source", pa.string()),
        ("class", pa.string()),
        ("age", pa.float64()),
        ("sex", pa.string()),
        ("view", pa.string()),
        ("body_part", pa.string()),
        ("instance", pa.string()),  # keyed hash of the SOPInstanceUID
        ("mojibake", pa.bool_()),  # the file's text looks wrongly declared
        ("rows", pa.int32()),
        ("columns", pa.int32()),
        ("bits_stored", pa.int16()),
        ("photometric", pa.string()),
        ("transfer_syntax", pa.string()),
        ("mm_per_px", pa.float64()),
        ("um_per_px", pa.float64()),
        ("parent", pa.string()),  # record_id of the field or slide that a tile was cut from
        ("x", pa.int32()),
        ("y", pa.int32()),
        ("level", pa.int16()),
        ("extent", pa.float64()),  # of a tile along a side, pixels of level 0
        ("scale_from", pa.string()),  # what told um_per_px: table, mpp or objective
        ("tissue_share", pa.float64()),
        ("class_share", pa.float64()),
        ("store", pa.string()),  # tiles: the store below the results folder, and the row in it
        ("row", pa.int32()),
    ]
)
HEADERS = pa.schema(  # private: `link` is an identifier that joins a film to its report
    [*RECORDS, ("link", pa.string()), ("reason", pa.string()), ("detail", pa.string())]
)
_MENTION = [  # where a report says something: positions in its text, never the text
    ("label", pa.string()),
    ("state", pa.string()),  # present, absent or uncertain
    ("start", pa.int32()),
    ("end", pa.int32()),
    ("pattern", pa.string()),  # the lexicon's entries that decided
    ("cue", pa.string()),
]
MENTIONS = pa.schema([("record_id", pa.string()), *_MENTION])
REPORT_MENTIONS = pa.schema([("report", pa.int64()), *_MENTION])  # private; a row of the table
CONFLICTS = pa.schema([("record_id", pa.string()), ("label", pa.string()), ("state", pa.string())])


def records_schema(labels: Iterable[str]) -> pa.Schema:
    """RECORDS with one tri-state column `label_<name>` (1, 0 or null) for each label."""
    return pa.schema([*RECORDS, *_label_columns(labels)])


def report_labels_schema(labels: Iterable[str]) -> pa.Schema:
    """Labels of the reports themselves; private, since `link` is an identifier."""
    columns = [("report", pa.int64()), ("link", pa.string())]
    return pa.schema([*columns, *_label_columns(labels)])


def _label_columns(labels: Iterable[str]) -> list[tuple[str, pa.DataType]]:
    return [(f"label_{name}", pa.int8()) for name in labels]
