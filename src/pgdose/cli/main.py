"""The parser of the command line."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from pgdose.errors import UserError

DESCRIPTION = """Commands beside the workflow.

where RECORD_ID      the file of a record
evidence RECORD_ID   its report, and the words in it that made each label
words STUDY [SOURCE] the words for classes in the files of its sources, and the class of each
verify RESULTS       whether all results are there and as they were written; signs them
check STUDY          whether a study file is in order, before Snakemake reads it
schema               the JSON schema of a study file
migrate STUDY        rewrite an older study file for this version

The first two are for people who may read `private/`, and `words`, which shows what people wrote,
for those who may read the sources.
"""


# A command imports its module when it runs: no command waits for another's libraries.
def _where(arguments: argparse.Namespace) -> list[str]:
    from pgdose.cli.where import where

    return sorted(set(where(arguments.record_id, arguments.private).values()))


def _evidence(arguments: argparse.Namespace) -> list[str]:
    from pgdose.cli.evidence import evidence
    from pgdose.cli.where import where

    files = where(arguments.record_id, arguments.private)
    return sorted(set(files.values())) + evidence(arguments.record_id, next(iter(files)))


def _words(arguments: argparse.Namespace) -> list[str]:
    from pgdose.cli.words import words

    return words(arguments.study, arguments.source)


def _verify(arguments: argparse.Namespace) -> list[str]:
    from pgdose.cli.verify import verify

    return verify(arguments.results, arguments.sign, arguments.public_key)


def _check(arguments: argparse.Namespace) -> list[str]:
    from pgdose.cli.check import check

    return check(arguments.study)


def _schema(arguments: argparse.Namespace) -> list[str]:
    from pgdose.cli.schema import schema

    return schema().splitlines()


def _migrate(arguments: argparse.Namespace) -> list[str]:
    from pgdose.cli.migrate import migrate

    return migrate(arguments.study)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pgdose", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], list[str]]) -> argparse.ArgumentParser:
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        return command

    for name, run in (("where", _where), ("evidence", _evidence)):
        command = add(name, run)
        command.add_argument("record_id")
        command.add_argument(
            "--private", type=Path, default=Path("private"), help="holds the paths of all studies"
        )
    command = add("words", _words)
    command.add_argument("study", type=Path)
    command.add_argument("source", nargs="?", help="all sources if left out")
    command = add("verify", _verify)
    command.add_argument("results", type=Path)
    command.add_argument(
        "--sign",
        type=Path,
        metavar="KEY",
        help="if all is in order, sign the manifest with this private key (Ed25519, PEM)",
    )
    command.add_argument(
        "--public-key",
        type=Path,
        metavar="KEY",
        help="whose signature there must be (Ed25519, PEM)",
    )
    add("check", _check).add_argument("study", type=Path)
    add("schema", _schema)
    add("migrate", _migrate).add_argument("study", type=Path)
    return parser


def main() -> int:
    arguments = _parser().parse_args()
    try:
        lines = arguments.run(arguments)
    except UserError as error:
        print(f"pgdose {arguments.command}: {error}", file=sys.stderr)
        return 1
    # A file's name need not be UTF-8; its bytes are passed on.
    sys.stdout.buffer.write(os.fsencode("\n".join(lines) + "\n"))
    return 0
