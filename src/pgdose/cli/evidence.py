"""`pgdose evidence RECORD_ID`: a record's report, and the words in it that made each label."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pgdose.cli.label_lines import printable
from pgdose.errors import UserError
from pgdose.labelling.report_tables import JOINT, report_texts
from pgdose.user_tables.source_tables import report_table


def evidence(record_id: str, folder: Path) -> list[str]:
    """The report of a film, then a line for each mention of a label in it.

    folder: the private folder of the film's source
    """
    if not (folder / "labels.parquet").is_file():
        raise UserError(
            f"source {folder.name} has no reports; use a record of a source with reports"
        )
    header = _rows(folder / "headers", "record_id", record_id)
    report = _rows(folder / "labels.parquet", "link", header[0]["link"]) if header else []
    if not report:
        return ["no report belongs to this record"]
    text = _report_text(folder / "labels.parquet", report[0]["report_rows"])
    lines = [printable(text) if text.strip() else "its report has no words that can be read", ""]
    for mention in _rows(folder / "mentions.parquet", "report", report[0]["report"]):
        words = text[mention["start"] : mention["end"]]
        rule = " ".join(filter(None, (mention["pattern"], mention["cue"])))
        lines.append(f"{mention['label']}: {mention['state']}, {words!r}, by {rule}")
    return lines


def _rows(table: Path, column: str, value: object) -> list[dict[str, Any]]:
    return pq.read_table(table, filters=[(column, "=", value)]).to_pylist()


def _report_text(labels: Path, rows: list[int]) -> str:
    """The text of a report, from the table of reports that the metadata of `labels` names."""
    metadata = pq.read_schema(labels).metadata
    place = {key.decode(): value.decode() for key, value in metadata.items()}
    table = report_table(Path(place["table"]), labels.parent.name, json.loads(place["settings"]))
    texts = report_texts(table, rows)
    return JOINT.join(texts[row] for row in rows)
