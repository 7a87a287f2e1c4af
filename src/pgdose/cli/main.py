"""The parser of the command line."""

import argparse
import codecs
import os
import sys
from collections.abc import Callable
from pathlib import Path

from pgdose.errors import UserError

DESCRIPTION = """Commands beside the workflow.

where RECORD_ID      the file of a record
evidence RECORD_ID   its report, and the words in it that made each label
disagreements STUDY SOURCE   a page of the reports that a person labels otherwise
label FILE           what the labeller reads in reports, and why: for tuning a lexicon
words STUDY [SOURCE] the words for classes in the files of its sources, and the class of each
verify RESULTS       whether all results are there and as they were written; signs them
check STUDY          whether a study file is in order, before Snakemake reads it
schema               the JSON schema of a study file
migrate STUDY        rewrite an older study file for this version

The first four are for people who may read the reports and `private/`, and `words`, which shows what
people wrote, for those who may read the sources.
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


def _disagreements(arguments: argparse.Namespace) -> list[str]:
    from pgdose.cli.disagreements import disagreements

    return disagreements(arguments.study, arguments.source)


def _label(arguments: argparse.Namespace) -> list[str]:
    from pgdose.cli.label import label

    return label(arguments)


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
    command = add("disagreements", _disagreements)
    command.add_argument("study", type=Path)
    command.add_argument("source", help="an archive with reports and labels by hand")
    _add_label_options(add("label", _label))
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


def _add_label_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", help="a text, a table (CSV, Excel, Parquet), or - to read a text")
    command.add_argument("--lexicon", type=Path, required=True)
    reading = command.add_argument_group("a table of reports")
    reading.add_argument("--text", metavar="COLUMN", help="of the texts (default: report or text)")
    reading.add_argument("--id", metavar="COLUMN", help="of the reports' ids")
    reading.add_argument(
        "--separator", type=_separator, help="of a CSV's cells, where it is not found"
    )
    reading.add_argument("--encoding", type=_encoding, help="of a CSV or a text, such as cp1251")
    choosing = command.add_argument_group("which reports are shown")
    number = choosing.add_mutually_exclusive_group()
    number.add_argument("--first", type=_positive, metavar="N", help="so many (default: 50)")
    number.add_argument("--sample", type=_positive, metavar="N", help="so many by chance")
    choosing.add_argument("--seed", type=int, default=2019, help="of the chance (default: 2019)")
    choosing.add_argument(
        "--only",
        action="append",
        metavar="LABEL=STATE",
        help="of present, uncertain, absent, unmentioned; or `differ`, with labels by hand; "
        "several of them must all hold",
    )
    measuring = command.add_argument_group("labels by hand")
    measuring.add_argument("--hand-labels", type=Path, metavar="FILE", help="measure against them")
    measuring.add_argument("--hand-id", metavar="COLUMN", help="of its ids (default: as --id)")
    command.add_argument("--html", type=Path, metavar="OUT.html", help="write a page, too")
    command.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    command.add_argument(
        "--no-negation", action="store_true", help="every mention counts, as with negation: false"
    )
    command.add_argument(
        "--norm",
        choices=("phrases", "composed"),
        default="phrases",
        help="which reports are norm, as reports.norm of the study (default: phrases)",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of at least 1")
    return int(text)


def _encoding(text: str) -> str:
    try:
        return codecs.lookup(text).name
    except LookupError:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be the name of an encoding, such as cp1251 or utf-16"
        ) from None


def _separator(text: str) -> str:
    if text != "tab" and len(text) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be one character, or tab")
    return text


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
