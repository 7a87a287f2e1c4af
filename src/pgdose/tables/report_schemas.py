"""Schemas of what the labeller reads in reports: labels, mentions, conflicts."""

from collections.abc import Iterable

import pyarrow as pa

from pgdose.tables.label_columns import label_columns

_MENTION = [  # where a report says something: positions in its plain text, never the text
    ("label", pa.string()),
    ("state", pa.string()),  # present, absent or uncertain
    ("start", pa.int32()),  # characters of the report without marks of HTML, RTF, line breaks
    ("end", pa.int32()),
    ("pattern", pa.string()),  # the lexicon's entries that decided
    ("cue", pa.string()),
]
MENTIONS = pa.schema([("record_id", pa.string()), *_MENTION])
REPORT_MENTIONS = pa.schema([("report", pa.int64()), *_MENTION])  # private; `report` numbers rows
CONFLICTS = pa.schema([("record_id", pa.string()), ("label", pa.string()), ("state", pa.string())])

# Reports that came as documents or messages; private, like a table of reports that a person made.
REPORTS = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("time", pa.string()),  # digits; "" where it is unknown
        ("status", pa.string()),  # preliminary, unverified, final or corrected
        ("path", pa.binary()),
        ("part", pa.int32()),  # which message of the file, from 1
    ]
)
# Files, documents and messages that gave no report, or one that does not count; private.
UNREAD_REPORTS = pa.schema(
    [
        ("path", pa.binary()),
        ("part", pa.int32()),
        ("reason", pa.string()),  # a code of documents.reasons
        ("detail", pa.string()),
    ]
)


def report_labels_schema(labels: Iterable[str]) -> pa.Schema:
    """Labels of the reports themselves; private, since `link` is an identifier."""
    rows = [("report_rows", pa.list_(pa.int64())), ("differ", pa.bool_())]
    return pa.schema([("report", pa.int64()), *rows, ("link", pa.string()), *label_columns(labels)])


def film_labels_schema(labels: Iterable[str]) -> pa.Schema:
    """The states of films by a table of labels (1, 0, -1 uncertain, null); private, with `link`."""
    return pa.schema([("record_id", pa.string()), ("link", pa.string()), *label_columns(labels)])
