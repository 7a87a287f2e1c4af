"""The tables that a study names, as `UserTable`s: for the checks before any job, and the jobs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pgdose.names import UNKNOWN_PATIENTS
from pgdose.user_tables.formats import TableFormat, UserTable

EXCLUSION_COLUMNS = ("record_id", "reason")
BOX_COLUMNS = ("record_id", "x", "y", "side")


def table_format(section: Mapping[str, Any]) -> TableFormat:
    """What a section of the study says of its table's format."""
    return TableFormat(section.get("separator"), section.get("encoding"))


def describing_table(path: Path, source: str, settings: Mapping[str, Any]) -> UserTable:
    """The table of a source that a table describes; `settings` are its keys in the study.

    What the layout says, or nobody knows, is no column.
    """
    columns, keys = dict(settings["columns"]), dict[str, str]()
    layout = settings.get("layout") or ""
    for name in ("patient", "class"):
        if f"{{{name}}}" in str(layout):
            columns.pop(name, None)
    if settings.get("patients") == UNKNOWN_PATIENTS:
        columns.pop("patient", None)
    if labels := settings.get("labels"):
        more, keys = _label_columns(labels)
        columns |= more
    return UserTable(path, f"sources.{source}", columns, table_format(settings), keys)


def report_table(path: Path, source: str, settings: Mapping[str, Any]) -> UserTable:
    """The table of an archive's reports: columns id and text.

    `origin` in the settings says that it was made of documents or messages, which messages name.
    """
    columns = {name: settings[name] for name in ("id", "text")}
    keys = {name: name for name in columns}
    field, origin = f"sources.{source}.reports", settings.get("origin", "table")
    if origin != "table":
        keys = {"id": {"documents": "tag", "hl7": "accession"}[origin], "text": origin}
    encoding = f"sources.{source}.encoding" if origin == "documents" else ""
    return UserTable(path, field, columns, table_format(settings), keys, origin, encoding)


def label_table(path: Path, source: str, settings: Mapping[str, Any]) -> UserTable:
    """The table of an archive's labels: columns id, and label or label_<name>."""
    columns, keys = _label_columns(settings["labels"])
    return UserTable(
        path,
        f"sources.{source}.label_table",
        {"id": settings["id"], **columns},
        table_format(settings),
        {"id": "id", **keys},
    )


def hand_label_table(path: Path, source: str, settings: Mapping[str, Any]) -> UserTable:
    """The table of an archive's labels by hand: column id, and others that it may have."""
    return UserTable(
        path,
        f"sources.{source}.reports.hand_labels",
        {"id": settings["id"]},
        table_format(settings),
        {"id": "id"},
    )


def _label_columns(labels: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The columns of labels by their meaning, and the keys that name them."""
    if labels["column"] is not None:
        return {"label": labels["column"]}, {"label": "labels.column"}
    columns = {f"label_{name}": column for name, column in labels["columns"].items()}
    return columns, {f"label_{n}": f"labels.columns.{n}" for n in labels["columns"]}


def list_table(
    path: Path, field: str, names: Sequence[str], settings: Mapping[str, Any]
) -> UserTable:
    """A table that the study names at `field`, with columns of these names."""
    columns, keys = {name: name for name in names}, dict.fromkeys(names, "")
    return UserTable(path, field, columns, table_format(settings), keys, key="")
