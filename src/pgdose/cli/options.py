"""The options of each command, as `commands` lists them."""

import argparse
import codecs
import os
from fractions import Fraction
from pathlib import Path

from pgdose.cli.audit_study import ATTACKS, EPSILONS
from pgdose.cli.init_kinds import KINDS

Parser = argparse.ArgumentParser


def record(command: Parser) -> None:
    command.add_argument("record_id", help="the id of an image in the tables of a study")
    command.add_argument(
        "--private",
        type=Path,
        default=Path("private"),
        help="the folder that holds the paths of all studies (default: private)",
    )


def study(command: Parser) -> None:
    command.add_argument("study", type=Path, help="a study file (YAML)")


def check(command: Parser) -> None:
    study(command)
    command.add_argument(
        "--quick",
        action="store_true",
        help="print the mistakes alone: plan no jobs and time no networks",
    )


def doctor(command: Parser) -> None:
    command.epilog = (
        "Each line begins with ok, missing (studies fail: exit status 1), slow (they take longer) "
        "or optional (only some studies need it). Call it in the folder that studies will run in."
    )
    command.add_argument("--json", action="store_true", help="print the findings as JSON")


def gate(command: Parser) -> None:
    command.epilog = (
        "Without --attack, --epsilon and --max-asr the limits are those of the study's section "
        "`acceptance`. A network keeps a limit only if the upper bound of its success rate is at "
        "most --max-asr. If the data do not decide, the limit counts as not kept."
    )
    command.add_argument("results", type=Path, help="the results folder of a finished study")
    command.add_argument("--attack", metavar="NAME", help="an attack of the study")
    command.add_argument(
        "--epsilon", type=_amplitude, help="one of its epsilons, such as 0.004 or 1/255"
    )
    command.add_argument("--max-asr", type=_share, help="the highest success rate allowed, 0 to 1")
    command.add_argument(
        "--confidence",
        type=_confidence,
        help="of the one-sided bound, 0.5 to 0.9999 (default: 0.95)",
    )
    command.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="NAME",
        help="judge this group alone; repeat it for several groups",
    )
    command.add_argument(
        "--json", type=Path, metavar="FILE", help="write the verdicts to this JSON file"
    )
    command.add_argument(
        "--junit",
        type=Path,
        metavar="FILE",
        help="write the verdicts to this JUnit file, as tests for a build server",
    )


def nothing(command: Parser) -> None:
    pass


def disagreements(command: Parser) -> None:
    study(command)
    command.add_argument("source", help="a source of the study with reports and hand labels")


def words(command: Parser) -> None:
    study(command)
    command.add_argument("source", nargs="?", help="a source of the study (default: all)")


def demo(command: Parser) -> None:
    command.epilog = (
        "It writes the study file and all results into FOLDER. The same command continues a demo "
        "that was interrupted. Start it again after you have edited the study file, and it carries "
        "out what changed."
    )
    command.add_argument(
        "folder",
        type=Path,
        nargs="?",
        metavar="FOLDER",
        help="default: pgdose-demo, with --quick pgdose-demo-quick",
    )
    command.add_argument(
        "--quick",
        action="store_true",
        help="only try the installation: tiny networks that learn nothing, in about a minute",
    )
    command.add_argument("--cores", type=_positive, default=os.cpu_count() or 1, metavar="N")


def init(command: Parser) -> None:
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    kinds = [f"  {name:14} {what}" for name, what in KINDS.items()]
    command.epilog = "\n".join(["kinds:", *kinds])
    command.add_argument(
        "kind", choices=KINDS, metavar="KIND", help="the kind of your data, one of the list"
    )
    command.add_argument(
        "file", type=Path, nargs="?", help="the file to write (default: KIND.yaml); must not exist"
    )


def audit(command: Parser) -> None:
    command.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE",
        help="the network: an exported program (.pt2), ONNX, weights (.safetensors; give "
        "--architecture) or TorchScript (give --trust)",
    )
    command.add_argument(
        "--images", type=Path, required=True, metavar="FOLDER", help="the folder with all images"
    )
    table = command.add_argument_group("labels (a table, or a folder for each class)")
    table.add_argument(
        "--labels",
        type=Path,
        metavar="TABLE",
        help="a CSV, Excel or Parquet file (default: the folders are classes)",
    )
    table.add_argument(
        "--image-column",
        metavar="NAME",
        help="the column of file names (default: the one whose cells name images)",
    )
    table.add_argument(
        "--label-column",
        metavar="NAME",
        help="the column of labels (default: the one called label, class, diagnosis, ...)",
    )
    table.add_argument(
        "--patients",
        metavar="COLUMN",
        help="the column of patients, or none (default: the one called patient, subject, ...)",
    )
    table.add_argument(
        "--separator",
        type=_separator,
        metavar="CHARACTER",
        help="what separates the cells of a CSV file, or tab (default: detected)",
    )
    table.add_argument(
        "--encoding",
        type=_encoding,
        metavar="NAME",
        help="of a CSV file, such as cp1251 (default: detected)",
    )
    table.add_argument(
        "--layout",
        action="append",
        metavar="PATTERN",
        help="for class folders: where class and patient stand in the path of an image, such as "
        "'{class}/{patient}_*.png'; repeat it for several patterns",
    )
    _add_network_options(command.add_argument_group("the network's input and outputs"))
    _add_dose_options(command.add_argument_group("the attack"))
    running = command.add_argument_group("the run")
    running.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="the folder of the study and its results (default: audit-MODEL)",
    )
    running.add_argument(
        "--cores",
        type=_positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="to use (default: all)",
    )
    running.add_argument(
        "--gpu", type=int, choices=(0, 1), help="1: use a GPU (default: 1 if there is one)"
    )
    running.add_argument(
        "--seed", type=int, default=2019, metavar="N", help="of all random draws (default: 2019)"
    )
    running.add_argument(
        "--dry-run", action="store_true", help="write and check the study, but do not carry it out"
    )


def _add_network_options(network: argparse._ArgumentGroup) -> None:
    network.add_argument(
        "--classes",
        type=_words,
        metavar="A,B",
        help="the labels in the order of the outputs (default: sorted)",
    )
    network.add_argument(
        "--outputs",
        default="logits",
        metavar="KIND",
        help="logits, probabilities, logit or sigmoid (one number for two classes), or multilabel "
        "(give --label) (default: logits)",
    )
    network.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="the probability from which the network decides for the second class (default: 0.5)",
    )
    network.add_argument(
        "--label",
        metavar="OUTPUT",
        help="for multilabel: the output to audit, its number from 0 or its name",
    )
    network.add_argument(
        "--label-names",
        type=_words,
        metavar="A,B",
        help="for multilabel: the names of all outputs, in order",
    )
    network.add_argument(
        "--activation",
        choices=["none", "sigmoid"],
        help="for multilabel: sigmoid if the outputs are probabilities, none if they are logits "
        "although they all lie in [0, 1]",
    )
    network.add_argument(
        "--size",
        type=_size,
        metavar="PIXELS",
        help="of the input: the side of a square, or HEIGHT,WIDTH (default: by the network's file)",
    )
    network.add_argument(
        "--fit",
        choices=("squeeze", "crop", "pad"),
        help="how images of other proportions get that size (default: squeeze)",
    )
    network.add_argument(
        "--resize",
        type=_size,
        metavar="PIXELS",
        help="for --fit crop: the shorter side before the crop",
    )
    network.add_argument(
        "--channels",
        type=int,
        choices=(1, 3),
        help="of the input (default: by the network's file, or 3)",
    )
    network.add_argument(
        "--mean", type=_numbers, metavar="M,M,M", help="subtracted from each channel (default: 0)"
    )
    network.add_argument(
        "--std",
        type=_numbers,
        metavar="S,S,S",
        help="by which each channel is divided (default: 1)",
    )
    network.add_argument(
        "--range",
        type=_numbers,
        default=[0.0, 1.0],
        metavar="BLACK,WHITE",
        help="the values of black and white before mean and std (default: 0,1)",
    )
    network.add_argument(
        "--input-layout",
        dest="layout_of_input",
        choices=("channels_first", "channels_last"),
        default="channels_first",
        help="the order of the axes of the input (default: channels_first)",
    )
    network.add_argument(
        "--architecture", metavar="NAME", help="for a file of weights, such as resnet18"
    )
    network.add_argument(
        "--trust",
        action="store_true",
        help="run a TorchScript file, which is a program: only if you know who made it",
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
        help=f"some of {', '.join(ATTACKS)} (default: sign); noise is always added as the control",
    )
    attack.add_argument(
        "--epsilons",
        type=_epsilons,
        metavar="E,E",
        help="rising, over 0 and up to 1, such as 0.002,1/255,0.01 (default: "
        f"{','.join(map(str, EPSILONS))})",
    )
    attack.add_argument(
        "--max-asr",
        type=_share,
        metavar="RATE",
        help="write a limit for `pgdose gate`, on the first attack at the epsilon nearest to 1/255",
    )
    attack.add_argument(
        "--iterations", type=_positive, default=40, metavar="N", help="of each attack (default: 40)"
    )
    attack.add_argument(
        "--at-most",
        type=_positive,
        default=200,
        metavar="N",
        help="the largest number of images to attack, drawn at random (default: 200)",
    )


def verify(command: Parser) -> None:
    command.add_argument("results", type=Path, help="the results folder of a finished study")
    command.add_argument(
        "--sign",
        type=Path,
        metavar="KEY",
        help="sign the manifest with this private key (Ed25519, PEM) if all is in order",
    )
    command.add_argument(
        "--public-key",
        type=Path,
        metavar="KEY",
        help="require a signature by the private key of this public key (Ed25519, PEM)",
    )


def results(command: Parser) -> None:
    command.add_argument("results", type=Path, help="the results folder of a finished study")


def share(command: Parser) -> None:
    results(command)
    command.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FOLDER", help="a new folder"
    )
    command.add_argument(
        "--name", help="what readers see as the study's name (default: the study's own)"
    )
    command.add_argument(
        "--smallest-count",
        type=int,
        default=5,
        metavar="N",
        help="counts from 1 to N - 1 are not shown (default: 5)",
    )
    command.add_argument("--yes", action="store_true", help="write without asking")


def pool(command: Parser) -> None:
    command.add_argument(
        "folders", type=Path, nargs="+", metavar="FOLDER", help="what `pgdose share` wrote"
    )
    command.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("atlas"),
        metavar="ATLAS",
        help="folder for the page and its tables (default: atlas)",
    )


def run(command: Parser) -> None:
    study(command)
    command.add_argument(
        "options",
        nargs=argparse.REMAINDER,
        help="options of Snakemake, such as --cores 8 --resources gpu=1, and names of groups "
        "(default: --cores all)",
    )


def label(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file", help="a text, a table (CSV, Excel, Parquet), or - for a text from standard input"
    )
    command.add_argument("--lexicon", type=Path, required=True, help="the lexicon (YAML)")
    reading = command.add_argument_group("a table of reports")
    reading.add_argument(
        "--text", metavar="COLUMN", help="the column of the texts (default: report or text)"
    )
    reading.add_argument("--id", metavar="COLUMN", help="the column of the reports' ids")
    reading.add_argument(
        "--separator",
        type=_separator,
        metavar="CHARACTER",
        help="what separates the cells of a CSV file, or tab (default: detected)",
    )
    reading.add_argument(
        "--encoding",
        type=_encoding,
        metavar="NAME",
        help="of a CSV or text file, such as cp1251 (default: detected)",
    )
    choosing = command.add_argument_group("which reports are shown")
    number = choosing.add_mutually_exclusive_group()
    number.add_argument("--first", type=_positive, metavar="N", help="the first N (default: 50)")
    number.add_argument("--sample", type=_positive, metavar="N", help="N at random")
    choosing.add_argument(
        "--seed", type=int, default=2019, metavar="N", help="of the random choice (default: 2019)"
    )
    choosing.add_argument(
        "--only",
        action="append",
        metavar="LABEL=STATE",
        help="reports whose LABEL is present, uncertain, absent or unmentioned, or differ: those "
        "that a person labels otherwise (give --hand-labels); repeat it, and all must hold",
    )
    measuring = command.add_argument_group("hand labels")
    measuring.add_argument(
        "--hand-labels", type=Path, metavar="FILE", help="compare with the labels of this table"
    )
    measuring.add_argument(
        "--hand-id", metavar="COLUMN", help="the column of its ids (default: that of --id)"
    )
    command.add_argument("--html", type=Path, metavar="OUT.html", help="write a page as well")
    command.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="of the terminal (default: auto)",
    )
    command.add_argument(
        "--no-negation",
        action="store_true",
        help="count every mention, as `negation: false` in a study does",
    )
    command.add_argument(
        "--norm",
        choices=("phrases", "composed"),
        default="phrases",
        help="which reports are normal, as `reports.norm` in a study (default: phrases)",
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
