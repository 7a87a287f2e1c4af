"""Commands beside the workflow.

where RECORD_ID      the file of a record
evidence RECORD_ID   its report, and the words in it that made each label
verify RESULTS       whether image stores, tables and networks are as they were written
schema               the JSON schema of a study file

The first two are for who may read `private/`.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from pgdose.errors import UserError
from pgdose.study.study import Study


def schema() -> str:
    """The JSON schema of a study file."""
    return json.dumps(Study.model_json_schema(by_alias=True), indent=1, sort_keys=True) + "\n"


def where(record_id: str, private: Path) -> dict[Path, str]:
    """The record's file, by the private folder of each study and source that knows it."""
    import pyarrow.parquet as pq

    tables = sorted(private.rglob("paths.parquet"))
    if not tables:
        raise UserError(f"no paths.parquet below {private}; run the study first")
    found = {}
    for table in tables:
        rows = pq.read_table(table, filters=[("record_id", "=", record_id)])
        if len(rows):
            found[table.parent] = os.fsdecode(rows["path"][0].as_py())
    if not found:
        raise UserError(f"no record {record_id!r} in {private}")
    return found


def evidence(record_id: str, folder: Path) -> list[str]:
    """The report of a film and what was found in it; `folder` is its source's private one."""
    import pyarrow.parquet as pq

    from pgdose.tables.user_tables import read_pieces

    def rows(table: str, column: str, value: object) -> list[dict]:
        return pq.read_table(folder / table, filters=[(column, "=", value)]).to_pylist()

    if not (folder / "labels.parquet").is_file():
        raise UserError(f"source {folder.name} has no reports")
    header = rows("headers", "record_id", record_id)
    report = rows("labels.parquet", "link", header[0]["link"]) if header else []
    if not report:
        return ["no report belongs to this record"]
    number = report[0]["report"]
    about = pq.read_schema(folder / "labels.parquet").metadata
    place = {key.decode(): value.decode() for key, value in about.items()}
    table, columns = Path(place["table"]), {"text": place["text"]}
    pieces = read_pieces(table, columns, "sources", place["encoding"])
    text = next(piece.loc[number, "text"] for piece in pieces if number in piece.index)
    lines = [text, ""]
    for mention in rows("mentions.parquet", "report", number):
        words = text[mention["start"] : mention["end"]]
        why = " ".join(filter(None, (mention["pattern"], mention["cue"])))
        lines.append(f"{mention['label']}: {mention['state']}, {words!r}, by {why}")
    return lines


def verify(results: Path) -> list[str]:
    """A line for each file below a folder that is not as it was written, and one that counts."""
    from pgdose import tensor_files
    from pgdose.images import stores
    from pgdose.tables import parquet

    def table(path: Path) -> None:
        parquet.read_metadata(path)
        parquet.read_parquet(path)

    def store(path: Path) -> None:
        stores.Store(path).check()

    checks = {".npy": store, ".parquet": table, ".safetensors": tensor_files.load}
    files = sorted(path for path in results.rglob("[!.]*") if path.suffix in checks)
    if not files:
        raise UserError(f"no image stores, tables or networks below {results}")
    lines = []
    for path in files:
        try:
            checks[path.suffix](path)
        except UserError as error:
            lines.append(f"{error}; delete it, and name it as a target to make it again")
    if lines:
        raise UserError("\n".join([f"{len(lines)} of {len(files)} files are damaged:", *lines]))
    return [f"{len(files)} image stores, tables and networks are as they were written"]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="pgdose", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("where", "evidence"):
        command = commands.add_parser(name)
        command.add_argument("record_id")
        command.add_argument(
            "--private", type=Path, default=Path("private"), help="holds the paths of all studies"
        )
    commands.add_parser("verify").add_argument("results", type=Path)
    commands.add_parser("schema")
    given = parser.parse_args()
    try:
        if given.command == "schema":
            lines = [schema().rstrip("\n")]
        elif given.command == "verify":
            lines = verify(given.results)
        else:
            places = where(given.record_id, given.private)
            lines = sorted(set(places.values()))
            if given.command == "evidence":
                lines += evidence(given.record_id, next(iter(places)))
    except UserError as error:
        print(f"pgdose {given.command}: {error}", file=sys.stderr)
        return 1
    # A file's name need not be UTF-8: its bytes are passed on.
    sys.stdout.buffer.write(os.fsencode("\n".join(lines) + "\n"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
