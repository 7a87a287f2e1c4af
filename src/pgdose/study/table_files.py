"""How the study names tables that people made."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from pgdose.study.base import IS_PATH, Model
from pgdose.study.field_types import Encoding, InputFile, Separator, check_input_file


class AnyTable(Model):
    """How a table that a person made is written; null: it is found in the file."""

    separator: Separator | None = None
    """Character between the cells of a CSV file, such as `";"`, or the word `tab`. Left out: found
    in the file.
    """
    encoding: Encoding | None = None
    """Encoding of a CSV file, such as `cp1251` or `koi8-r`; of reports also that of HL7 messages
    that declare none, or a wrong one. Left out: found in the file.
    """


class TableFile(AnyTable):
    """A table with columns of fixed names: its path, or the path and how it is written."""

    table: Annotated[InputFile, IS_PATH]
    """Path of the table: CSV, Excel or Parquet."""


def _as_section(path: Any) -> Any:
    # Checked here, so that a mistake is reported at the key that the study has.
    return {"table": check_input_file(path)} if isinstance(path, str) else path


ListTable = Annotated[
    TableFile, BeforeValidator(_as_section, json_schema_input_type=str | TableFile)
]
