"""`pgdose where RECORD_ID` tells the file of a record; `pgdose schema` the form of a study."""

import argparse
import json
import sys
from pathlib import Path

from pgdose.study import Study


def schema() -> str:
    """The JSON schema of a study file."""
    return json.dumps(Study.model_json_schema(by_alias=True), indent=1, sort_keys=True) + "\n"


def where(record_id: str, private: Path) -> list[str]:
    """The files of a record, of all sources below the private folder."""
    import pyarrow.parquet as pq

    tables = sorted(private.rglob("paths.parquet"))
    if not tables:
        raise FileNotFoundError(f"no paths.parquet below {private}; run the study first")
    found = [
        pq.read_table(table, filters=[("record_id", "=", record_id)]).column("path").to_pylist()
        for table in tables
    ]
    return sorted({path for paths in found for path in paths})


def main() -> int:
    parser = argparse.ArgumentParser(prog="pgdose", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    finder = commands.add_parser("where", help="the file of a record, for who may read private/")
    finder.add_argument("record_id")
    finder.add_argument(
        "--private", type=Path, default=Path("private"), help="folder with the paths of all studies"
    )
    commands.add_parser("schema", help="the JSON schema of a study file")
    given = parser.parse_args()
    if given.command == "schema":
        print(schema(), end="")
        return 0
    try:
        paths = where(given.record_id, given.private)
    except OSError as error:
        print(f"pgdose where: {error}", file=sys.stderr)
        return 1
    if not paths:
        print(f"pgdose where: no record {given.record_id!r} in {given.private}", file=sys.stderr)
        return 1
    print("\n".join(paths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
