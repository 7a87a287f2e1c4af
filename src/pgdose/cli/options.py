"""The options of each command, as `commands` lists them."""

import argparse
import codecs
import os
from fractions import Fraction
from pathlib import Path

from pgdose.cli.audit_study import ATTACKS
from pgdose.cli.init_kinds import KINDS

Parser = argparse.ArgumentParser


def record(command: Parser) -> None:
    command.add_argument("record_id")
    command.add_argument(
        "--private", type=Path, default=Path("private"), help="holds the paths of all studies"
    )


def study(command: Parser) -> None:
    command.add_argument("study", type=Path, help="a study file (YAML)")


def check(command: Parser) -> None:
    study(command)
    command.add_argument(
        "--quick", action="store_true", help="only mistakes: do not plan jobs, nor time networks"
    )


def doctor(command: Parser) -> None:
    command.epilog = (
        "Each line begins with ok, missing (studies fail: exit status 1), slow (they take longer) "
        "or optional (only some studies need it). It looks at the folder in which you call it."
    )
    command.add_argument("--json", action="store_true", help="print the findings as JSON")


def gate(command: Parser) -> None:
    command.epilog = (
        "Without --attack, --epsilon and --max-asr the limits of the study's section `acceptance` "
        "count. A limit is kept only if the upper bound of the success rate is at most --max-asr; "
        "if the data allow both, it is undecided, which counts as not kept."
    )
    command.add_argument("results", type=Path, help="the results folder of a finished study")
    command.add_argument("--attack", metavar="NAME", help="an attack of the study")
    command.add_argument(
        "--epsilon", type=_amplitude, help="one of its amplitudes, as 0.004, 1/255"
    )
    command.add_argument("--max-asr", type=_share, help="the success rate that is allowed, 0 to 1")
    command.add_argument("--confidence", type=_confidence, help="one-sided (default: 0.95)")
    command.add_argument(
        "--group", action="append", default=[], metavar="NAME", help="one group; several times"
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts as JSON")
    command.add_argument(
        "--junit", type=Path, metavar="FILE", help="write them as tests for a build server"
    )


def nothing(command: Parser) -> None:
    pass


def disagreements(command: Parser) -> None:
    study(command)
    command.add_argument("source", help="an archive with reports and labels by hand")


def words(command: Parser) -> None:
    study(command)
    command.add_argument("source", nargs="?", help="all sources if left out")


def init(command: Parser) -> None:
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    kinds = [f"  {name:14} {what}" for name, what in KINDS.items()]
    command.epilog = "\n".join(["kinds:", *kinds])
    command.add_argument("kind", choices=KINDS, metavar="KIND", help="see below")
    command.add_argument(
        "file", type=Path, nargs="?", help="to write (default: KIND.yaml); none is overwritten"
    )


def audit(command: Parser) -> None:
    command.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE",
        help="the network: an exported program (.pt2), ONNX, weights (.safetensors, with "
        "--architecture) or TorchScript (with --trust)",
    )
    command.add_argument(
        "--images", type=Path, required=True, metavar="FOLDER", help="with all images below it"
    )
    table = command.add_argument_group("labels: a table, or a folder for each class")
    table.add_argument("--labels", type=Path, metavar="TABLE", help="CSV, Excel or Parquet")
    table.add_argument("--image-column", metavar="NAME", help="default: the one that names files")
    table.add_argument("--label-column", metavar="NAME", help="default: label, class, ...")
    table.add_argument(
        "--patients",
        metavar="COLUMN",
        help="default: patient, subject, ...; `none`: nobody knows them",
    )
    table.add_argument("--separator", type=_separator, help="of a CSV's cells, if it is not found")
    table.add_argument("--encoding", type=_encoding, help="of a CSV, such as cp1251")
    table.add_argument(
        "--layout",
        action="append",
        metavar="PATTERN",
        help="of class folders with patients, such as '{class}/{patient}_*.png'",
    )
    _add_network_options(command.add_argument_group("the network's input and outputs"))
    _add_dose_options(command.add_argument_group("the attack"))
    running = command.add_argument_group("the run")
    running.add_argument(
        "--out", type=Path, metavar="FOLDER", help="of the study and its results (audit-MODEL)"
    )
    running.add_argument("--cores", type=_positive, default=os.cpu_count() or 1, metavar="N")
    running.add_argument("--gpu", type=int, choices=(0, 1), help="default: 1 if there is one")
    running.add_argument("--seed", type=int, default=2019)
    running.add_argument(
        "--dry-run", action="store_true", help="write and check the study, but do not carry it out"
    )


def _add_network_options(network: argparse._ArgumentGroup) -> None:
    network.add_argument(
        "--classes",
        type=_words,
        metavar="A,B",
        help="labels in the order of the outputs (default: sorted)",
    )
    network.add_argument(
        "--outputs",
        default="logits",
        metavar="KIND",
        help="logits (default), probabilities, logit or sigmoid (one number for two classes), "
        "multilabel (with --label)",
    )
    network.add_argument(
        "--threshold", type=float, help="of the second class's probability (default: 0.5)"
    )
    network.add_argument(
        "--label", metavar="OUTPUT", help="of multilabel: the number of its output from 0, or name"
    )
    network.add_argument(
        "--label-names", type=_words, metavar="A,B", help="of multilabel: of all outputs, in order"
    )
    network.add_argument(
        "--activation",
        choices=["none", "sigmoid"],
        help="of multilabel: sigmoid if its outputs are probabilities; none: they are logits, also "
        "where they all lie in [0, 1]",
    )
    network.add_argument(
        "--size", type=_size, metavar="PIXELS", help="or HEIGHT,WIDTH (default: by its file)"
    )
    network.add_argument(
        "--fit",
        choices=("squeeze", "crop", "pad"),
        help="how images of other proportions become that size (default: squeeze)",
    )
    network.add_argument(
        "--resize", type=_size, metavar="PIXELS", help="of --fit crop: the shorter side before it"
    )
    network.add_argument("--channels", type=int, choices=(1, 3), help="default: by its file, or 3")
    network.add_argument("--mean", type=_numbers, metavar="M,M,M", help="that is subtracted")
    network.add_argument("--std", type=_numbers, metavar="S,S,S", help="by which is divided")
    network.add_argument(
        "--range",
        type=_numbers,
        default=[0.0, 1.0],
        metavar="BLACK,WHITE",
        help="before mean and std (default: 0,1)",
    )
    network.add_argument(
        "--input-layout",
        dest="layout_of_input",
        choices=("channels_first", "channels_last"),
        default="channels_first",
    )
    network.add_argument("--architecture", help="of a file of weights, such as resnet18")
    network.add_argument(
        "--trust", action="store_true", help="run a TorchScript file, which is a program"
    )
    network.add_argument(
        "--modality",
        choices=("xray", "histology", "other"),
        help="xray: grey images and grey attacks (default: xray if all images are grey)",
    )


def _add_dose_options(attack: argparse._ArgumentGroup) -> None:
    attack.add_argument(
        "--attack",
        type=_attacks,
        default=["sign"],
        metavar="A,B",
        help=f"of {', '.join(ATTACKS)} (default: sign); noise is always beside it",
    )
    attack.add_argument(
        "--epsilons", type=_epsilons, metavar="E,E", help="from 0 to 1, such as 0.002,1/255,0.01"
    )
    attack.add_argument(
        "--max-asr",
        type=_share,
        metavar="RATE",
        help="a limit for `pgdose gate`: of the first attack, at the epsilon nearest to 1/255",
    )
    attack.add_argument("--iterations", type=_positive, default=40, metavar="N")
    attack.add_argument(
        "--at-most",
        type=_positive,
        default=200,
        metavar="N",
        help="images that are attacked, drawn by chance (default: 200)",
    )


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


def _size(text: str) -> int | list[int]:
    """224, or 512,256 (also 512x256) as [height, width]."""
    parts = [_positive(part.strip()) for part in text.lower().replace("x", ",").split(",")]
    if len(parts) > 2:
        raise argparse.ArgumentTypeError(f"{text!r} must be PIXELS, or HEIGHT,WIDTH")
    return parts[0] if len(parts) == 1 or parts[0] == parts[1] else parts


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(text: str) -> list[float]:
    try:
        return [float(Fraction(part.strip())) for part in text.split(",")]
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(
            f"{text!r} must be numbers separated by commas, such as 0.5,0.5,0.5"
        ) from None


def _between(text: str, low: float, high: float) -> float:
    values = _numbers(text)
    if len(values) != 1 or not low <= values[0] <= high:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number from {low:g} to {high:g}")
    return values[0]


def _share(text: str) -> float:
    return _between(text, 0, 1)


def _confidence(text: str) -> float:
    return _between(text, 0.5, 0.9999)


def _amplitude(text: str) -> float:
    return _between(text, 1e-9, 1e6)


def _epsilons(text: str) -> list[float]:
    values = _numbers(text)
    if not all(0 < value <= 1 for value in values) or sorted(set(values)) != values:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be numbers over 0 and up to 1 in rising order, such as 0.002,1/255,0.01"
        )
    return values


def _attacks(text: str) -> list[str]:
    names = list(dict.fromkeys(_words(text)))
    if not names or set(names) - set(ATTACKS):
        raise argparse.ArgumentTypeError(f"{text!r} must be some of: {', '.join(ATTACKS)}")
    return names


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
