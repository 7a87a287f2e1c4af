"""`pgdose audit`: the dose-response of a network that exists, in one command.

It looks at the network, the images and their labels, writes a study file for them, shows it, and
carries it out. All that does not fit together is said before any job.
"""

import argparse
import contextlib
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pgdose.cli import labelled_images
from pgdose.cli.audit_classes import choose_classes
from pgdose.cli.audit_study import EPSILONS, AuditPlan, study_text
from pgdose.cli.check import expect
from pgdose.cli.labelled_images import Labelled
from pgdose.cli.outcome_lines import main_numbers
from pgdose.cli.workflow import run_study
from pgdose.errors import Rejected, UserError
from pgdose.names import UNKNOWN_PATIENTS, is_name
from pgdose.preflight import check_inputs
from pgdose.study.class_patterns import fold
from pgdose.study.image_size import sides
from pgdose.study.network_content import misfit
from pgdose.study.networks import NETWORK_FORMATS, OF_ONE_NUMBER, ExistingNetwork
from pgdose.study.parsing import parse
from pgdose.study.sections import section_of
from pgdose.study.study_file import read_study_file
from pgdose.user_tables.formats import TableFormat

STUDY = "study.yaml"
GREY_SAMPLE = 16  # images that decide whether all are grey
SECONDS, MEMORY = 300, 4000  # that trying the network may take; MB beside torch


class DeclaredInput(NamedTuple):
    """The input that a network's file declares; None: it takes any, or does not say."""

    size: int | list[int] | None = None  # pixels of a side, or [height, width]
    channels: int | None = None


def audit(arguments: argparse.Namespace) -> tuple[list[str], int]:
    """Write the study, show it, carry it out; lines with its main numbers, and the exit status."""
    folder: Path = arguments.out or Path(f"audit-{_study_name(arguments.model)}")
    declared = declared_input(arguments.model, arguments.layout_of_input, arguments.trust)
    labelled = _labelled(arguments)
    notes = labelled.notes
    classes = choose_classes(labelled.words, arguments.classes, notes)
    if arguments.outputs in OF_ONE_NUMBER:
        notes.append(f"the network's number speaks for {list(classes)[-1]}, the second class")
    plan = _plan(arguments, folder, declared, labelled, classes)
    with _written(folder, study_text(plan)) as study:
        print(f"--- {study}")
        print(study.read_text(encoding="utf-8"), end="")
        print("---")
        for note in notes:
            print(f"note: {note}")
        counts = {name: _images_of(word, labelled) for name, word in classes.items()}
        print("images: " + ", ".join(f"{name} {n}" for name, n in counts.items()), flush=True)
        with contextlib.chdir(folder):
            check_inputs(parse(read_study_file(Path(STUDY)).content))
        try_network(folder, plan)
    options = ["--cores", str(arguments.cores), "--resources", f"gpu={_gpus(arguments)}"]
    if arguments.dry_run:
        with contextlib.chdir(folder):
            lines = expect(Path(STUDY))
        return [*lines, f"Nothing was run. Carry it out: {_again(folder)}"], 0
    status = run_study(Path(STUDY), options, folder)
    if status:
        return [f"The study has not come to its end; go on: {_again(folder)}"], 1
    return main_numbers(folder / "results" / plan.name), 0


def _images_of(word: str, labelled: Labelled) -> int:
    """How many images have a label, in any of its spellings."""
    return sum(n for other, n in labelled.words.items() if fold(other) == fold(word))


def _again(folder: Path) -> str:
    """The command that carries the study out again."""
    return f"cd {shlex.quote(str(folder))} && pgdose run {STUDY}"


def _study_name(model: Path) -> str:
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in model.stem)
    name = name.strip("-_")[:30]
    return name if is_name(name) else f"network-{name}"[:30].rstrip("-")


# --- the network ----------------------------------------------------------------------------------


def declared_input(model: Path, layout: str, trust: bool) -> DeclaredInput:
    """What the network's file says of its input. UserError if it cannot be read."""
    if not model.is_file():
        raise UserError(f"--model: there is no file {str(model)!r}; correct the path")
    format = NETWORK_FORMATS.get(model.suffix.lower())
    if format is None:  # the study's own check says what to do
        try:
            section_of(ExistingNetwork, {"file": model.name, "classes": ["a", "b"]}, "")
        except UserError as error:
            raise UserError(str(error).replace("file: ", "--model: ", 1)) from None
    if format in (None, "weights") or (format == "torchscript" and not trust):
        return DeclaredInput()  # the study's own check says what is wrong
    if fault := misfit(model, str(format)):
        raise UserError(f"--model: {model.name} {fault}")
    # Imported here: torch takes seconds, and a mistake above is told without it.
    from pgdose.networks.formats import read_module
    from pgdose.study.onnx_locations import data_files

    module = read_module(str(format), model.read_bytes(), model.name, data_files(model))
    shape: tuple[int | None, ...] = getattr(module, "shape", ())
    if len(shape) != 4:
        return DeclaredInput()
    rows, columns, channels = shape[1:] if layout == "channels_last" else (*shape[2:], shape[1])
    size: int | list[int] | None = None
    if rows is not None and columns is not None:
        size = rows if rows == columns else [rows, columns]
    return DeclaredInput(size, channels if channels in (1, 3) else None)


def try_network(folder: Path, plan: AuditPlan) -> None:
    """Carry the network out on two images of noise, so that what it cannot do is told at once."""
    import torch

    from pgdose.networks.trial import try_network as try_on

    with contextlib.chdir(folder):
        existing = ExistingNetwork.model_validate(plan.network)
        channels = 1 if plan.source["modality"] == "xray" else 3
        size = plan.image["size"]
        source = torch.Generator().manual_seed(plan.seed)
        rows, columns = sides(size)
        images = torch.rand(2, channels, rows, columns, generator=source)
        try_on(existing, list(plan.classes), images, memory=MEMORY, seconds=SECONDS)


def _gpus(arguments: argparse.Namespace) -> int:
    if arguments.gpu is not None:
        return int(arguments.gpu)
    import torch

    return int(torch.cuda.is_available())


# --- the study ------------------------------------------------------------------------------------


def _labelled(arguments: argparse.Namespace) -> Labelled:
    if not arguments.images.is_dir():
        raise UserError(f"--images: there is no folder {str(arguments.images)!r}; correct the path")
    if arguments.labels is None:
        for name in ("image_column", "label_column", "patients", "separator", "encoding"):
            if getattr(arguments, name) is not None:
                option = f"--{name.replace('_', '-')}"
                raise UserError(f"{option} is for a table; give --labels TABLE too")
        return labelled_images.class_folders(arguments.images, arguments.layout or ())
    if arguments.layout:
        raise UserError("--layout is for class folders; leave it out, or leave out --labels")
    columns = labelled_images.Columns(
        arguments.image_column, arguments.label_column, arguments.patients
    )
    form = TableFormat(arguments.separator, arguments.encoding)
    return labelled_images.from_table(arguments.images, arguments.labels, columns, form)


def _plan(
    arguments: argparse.Namespace,
    folder: Path,
    declared: DeclaredInput,
    labelled: Labelled,
    classes: dict[str, str],
) -> AuditPlan:
    notes = labelled.notes
    size = arguments.size or declared.size
    if size is None:
        raise UserError(
            f"--size: {arguments.model.name} does not say for images of which size it was made; "
            "give it, such as --size 224"
        )
    if arguments.size is None:
        notes.append(f"read from {arguments.model.name}: images of {_shown(size)} pixels")
    modality = arguments.modality or _modality(labelled.examples, declared, notes)
    channels = arguments.channels or declared.channels or 3
    if arguments.mean is None and arguments.std is None:
        notes.append(
            "guessed: the network takes values from 0 to 1 as they are; give --mean and --std "
            "(torchvision: --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225) if it does not"
        )
    if not labelled.knows_patients:
        notes.append(
            "patients are not known, so intervals are by images, and are too narrow if some have "
            "several; give "
            + ("--patients COLUMN" if labelled.columns else "--layout '{class}/{patient}_*'")
        )
    return AuditPlan(
        name=_study_name(folder.resolve()),
        source=_source(arguments, folder, labelled, classes, modality),
        network=_network(arguments, folder, classes, channels),
        classes=classes,
        image=_image(arguments, size, _window(labelled) if modality == "xray" else ""),
        epsilons=arguments.epsilons or EPSILONS,
        iterations=arguments.iterations,
        attacks=arguments.attack,
        counted=arguments.at_most,
        seed=arguments.seed,
        max_asr=arguments.max_asr,
        notes=notes,
    )


def _shown(size: int | list[int]) -> str:
    return f"{size} x {size}" if isinstance(size, int) else f"{size[0]} x {size[1]}"


def _image(arguments: argparse.Namespace, size: int | list[int], window: str) -> dict[str, Any]:
    """The group's key `image`."""
    given = {"fit": arguments.fit, "resize": arguments.resize, "window": window or None}
    return {"size": size, **{key: value for key, value in given.items() if value is not None}}


def _source(
    arguments: argparse.Namespace,
    folder: Path,
    labelled: Labelled,
    classes: dict[str, str],
    modality: str,
) -> dict[str, Any]:
    source: dict[str, Any] = {
        "kind": "table",
        "modality": modality,
        "root": os.path.relpath(arguments.images, folder),
    }
    if labelled.columns:
        names = {"image": "image", "label": "class", "patient": "patient"}
        source["table"] = os.path.relpath(arguments.labels, folder)
        source["columns"] = {names[key]: column for key, column in labelled.columns.items()}
        given = {"separator": arguments.separator, "encoding": arguments.encoding}
        source |= {key: value for key, value in given.items() if value is not None}
    else:
        source["layout"] = labelled.layout
    source["classes"] = {name: [word] for name, word in classes.items()}
    if not labelled.knows_patients:
        source["patients"] = UNKNOWN_PATIENTS
    source["screen"] = {"smallest": 8, "least_spread": 0, "most_at_ends": 1}  # leave none out
    return source


def _network(
    arguments: argparse.Namespace, folder: Path, classes: dict[str, str], channels: int
) -> dict[str, Any]:
    expected: dict[str, Any] = {"channels": channels, "range": arguments.range}
    for name in ("mean", "std"):
        if (values := getattr(arguments, name)) is not None:
            expected[name] = values
    if arguments.layout_of_input != "channels_first":
        expected["layout"] = arguments.layout_of_input
    network: dict[str, Any] = {
        "file": os.path.relpath(arguments.model, folder),
        "classes": list(classes),  # in the order of the outputs
        "outputs": arguments.outputs,
    }
    label = arguments.label
    given = {
        "threshold": arguments.threshold,
        "label": int(label) if label and label.isdecimal() else label,
        "labels": arguments.label_names,
        "activation": arguments.activation,
    }
    network |= {key: value for key, value in given.items() if value is not None}
    if arguments.architecture:
        network["architecture"] = arguments.architecture
    if arguments.trust:
        network["trust"] = True
    return network | {"input": expected}


def _modality(examples: Sequence[Path], declared: DeclaredInput, notes: list[str]) -> str:
    """`xray` for grey images, whose attack is grey too, else `other`."""
    from pgdose.images.codecs import read_image
    from pgdose.xray.dicom_file import is_dicom

    step = max(len(examples) // GREY_SAMPLE, 1)
    grey, read = True, 0
    for path in examples[::step][:GREY_SAMPLE]:
        try:
            pixels = read_image(path, channels=3)
        except Rejected:
            if is_dicom(path):
                notes.append("guessed: DICOM films (--modality xray)")
                return "xray"
            continue  # counted, with a reason, when the source is indexed
        read += 1
        grey &= bool((pixels[..., 0] == pixels[..., 1]).all())
        grey &= bool((pixels[..., 0] == pixels[..., 2]).all())
    if declared.channels == 1 and not grey:
        notes.append("guessed: colours become grey (--modality xray), since the network takes that")
        return "xray"
    if grey and read:
        notes.append(
            f"guessed: grey images (--modality xray), as all of {read} are; the attack is grey too"
        )
        return "xray"
    notes.append("guessed: colour images (--modality other)")
    return "other"


def _window(labelled: Labelled) -> str:
    """The whole range of a picture's values, as at home; DICOM films have no such range."""
    from pgdose.xray.dicom_file import is_dicom

    return "percentile" if any(map(is_dicom, labelled.examples[:1])) else "full"


@contextlib.contextmanager
def _written(folder: Path, text: str) -> Iterator[Path]:
    """The study file in its folder; never in place of another one, and gone after a mistake."""
    path = folder / STUDY
    is_new = not path.exists()
    try:
        if not is_new and path.read_bytes() != text.encode():
            raise UserError(
                f"--out: {path} is there already, and says something else; give another folder "
                f"with --out, or carry that study out: {_again(folder)}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"--out: {path} cannot be written: {error.strerror}; give a folder that you may write"
        ) from None
    try:
        yield path
    except UserError:
        if is_new:
            path.unlink()
            with contextlib.suppress(OSError):  # it holds something else
                folder.rmdir()
        raise
