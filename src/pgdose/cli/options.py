"""The options of each command, as `commands` lists them."""

import argparse
import codecs
from pathlib import Path

Parser = argparse.ArgumentParser


def record(command: Parser) -> None:
    command.add_argument("record_id")
    command.add_argument(
        "--private", type=Path, default=Path("private"), help="holds the paths of all studies"
    )


def study(command: Parser) -> None:
    command.add_argument("study", type=Path, help="a study file (YAML)")


def nothing(command: Parser) -> None:
    pass


def disagreements(command: Parser) -> None:
    study(command)
    command.add_argument("source", help="an archive with reports and labels by hand")


def words(command: Parser) -> None:
    study(command)
    command.add_argument("source", nargs="?", help="all sources if left out")


def verify(command: Parser) -> None:
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


def run(command: Parser) -> None:
    study(command)
    command.add_argument(
        "options",
        nargs=argparse.REMAINDER,
        help="options of Snakemake, such as --cores 8 --resources gpu=1, and names of groups; "
        "without --cores all cores are used",
    )


def label(command: argparse.ArgumentParser) -> None:
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
