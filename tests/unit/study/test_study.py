"""The study file: mistakes in words, the schema, the studies that are shipped."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from helpers.workflow import PROJECT, checkout, snakemake

from pgdose.cli.schema import schema
from pgdose.errors import UserError
from pgdose.study.parsing import parse
from pgdose.study.sources import ImageTable
from pgdose.study.study import Study

STUDIES = [PROJECT / "config.yaml", *sorted((PROJECT / "resources/studies").glob("*.yaml"))]


@pytest.fixture
def study() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())


def mistakes(study: dict[str, Any]) -> list[str]:
    with pytest.raises(UserError) as caught:
        parse(study)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def change(study: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(study)
    *parents, last = path.split(".")
    place = changed
    for part in parents:
        place = place[part]
    place[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "groups.X-TB.classes.C1.where.age",
            [70, 50],
            "groups.X-TB.classes.C1.where.age: [70, 50] "
            "must be a range of full years [from, to] with 0 <= from <= to <= 130",
        ),
        (
            "trainig",
            {},
            "trainig: unknown key, did you mean 'training'?; use one of: format_version, study, "
            "seed, results, privacy, phantom, sources, groups, split, training, attacks, controls, "
            "checks, training_size, operating_points",
        ),
        (
            "groups.X-TB.classes.C1.source",
            "xrays",
            "groups.X-TB.classes.C1.source: 'xrays' is not a source of this study, "
            "did you mean 'xray'?; use one of: xray, fields, breast",
        ),
        (
            "sources.xray.kind",
            "dicom",
            "sources.xray.kind: 'dicom' is not a kind of source; "
            "use one of: dicom_archive, pacs, microscope_fields, slides, table",
        ),
        (
            "sources.xray.reports.encoding",
            "russian",
            "sources.xray.reports.encoding: 'russian' must be the encoding of a text, such as",
        ),
        *[
            ("sources.xray.reports", reports, f"sources.xray.reports{text}")
            for reports, text in (
                ({}, ": give exactly one of 'table' (a table of reports), 'documents: true'"),
                ({"table": "a.csv", "hl7": "in"}, ": give exactly one of 'table'"),
                ({"documents": False}, ": give exactly one of 'table'"),
                ({"documents": True, "id": "number"}, ".id: names a column of a table, and"),
                ({"documents": True, "encoding": "cp1251"}, ".encoding: 'cp1251' is of a table or"),
                ({"hl7": "in", "separator": ";"}, ".separator: ';' is of a table, and"),
                ({"table": "a.csv", "accession": "OBR-3"}, ".accession: names a field of HL7"),
                ({"hl7": "in", "accession": "OBR"}, ".accession: 'OBR' must be a field of an HL7"),
                ({"hl7": "in", "accession": "MSH-7"}, ".accession: 'MSH-7' must be a field of"),
            )
        ],
        (
            "sources.fields.layout",
            "{class}/*.tif",
            "sources.fields: give either 'table' or 'layout'",
        ),
        (
            "sources.fields.table",
            None,
            "sources.fields: give either 'table' or 'layout'",
        ),
        (
            "sources.breast.rest",
            "stroma",
            "sources.breast.rest: 'stroma' is not a class of the source; use one of: tumour, ",
        ),
        (
            "sources.breast.classes.norm",
            ["TUMOR "],
            "sources.breast.classes: 'tumor' stands for two classes; remove it from one of them",
        ),
        (
            "sources.breast.classes",
            {"norm": ["tum*"], "tumour": ["tumor*"]},
            "sources.breast.classes: 'tumor*' of class tumour can never count, because 'tum*' of "
            "class norm before it matches all of its words; put class tumour first",
        ),
        (
            "sources.breast.classes.norm",
            ["Normal", "\u200b "],
            "sources.breast.classes: a word of class norm is empty and can never count; remove it",
        ),
        (
            "sources.fields.classes",
            {"a": ["x"], "b": ["X"]},
            "sources.fields.classes: 'x' stands for two classes; remove it from one of them",
        ),
        (
            "sources.fields.classes",
            {"stomach": ["желудок"]},
            "groups.H-OV.classes.C1.where.class: 'ovary_tumour' is not a class of its source",
        ),
        (
            "sources.breast.classes.tumour",
            "Tumor",
            "sources.breast.classes.tumour: 'Tumor' must be a list",
        ),
        (
            "sources.breast.classes.tumour",
            None,
            "sources.breast.classes.tumour: null must be a list",
        ),
        (
            "sources.breast.columns",
            {"outlines": None},
            "sources.breast.columns: must name a column 'outlines' or 'class'",
        ),
        (
            "sources.breast.tissue",
            {"between": [0.2, 0.1]},
            "sources.breast.tissue.between: [0.2, 0.1] must be a range [from, to] with 0 < from",
        ),
        (
            "groups.H-BR.classes.C1.where.class",
            "tumor",
            "groups.H-BR.classes.C1.where.class: 'tumor' is not a class of its source, "
            "did you mean 'tumour'?; use one of: tumour, norm",
        ),
        (
            "groups.H-OV.image.window",
            "voi",
            "groups.H-OV.image.window: 'voi' is for X-rays, but source fields is histology, whose "
            "values are never stretched; leave 'window' out",
        ),
        ("groups.X-TB.image.boxes", "boxes.csv", "groups.X-TB.image: 'boxes' needs 'crop: a"),
        (
            "sources.xray.screen",
            {"smalest": 9},
            "sources.xray.screen.smalest: unknown key, did you mean 'smallest'?",
        ),
        (
            "attacks.paper.step",
            "sgn",
            "attacks.paper.step: 'sgn' must be 'raw', 'sign' or",
        ),
        ("attacks.paper.epsilon", [0.2, 0.1], "attacks.paper.epsilon: [0.2, 0.1] must be amp"),
        ("attacks.paper.alpha", 0.1, "attacks.paper: 'step: raw' needs 'lr' and does not use"),
        (
            "attacks.paper.alpha",
            {"of_epsilon": 0.25},
            "attacks.paper: 'alpha' in parts of epsilon is for sign and l2 steps, but 'step: raw'",
        ),
        ("attacks.paper.alpha", {"of_eps": 0.25}, "attacks.paper.alpha.of_eps: unknown key, did"),
        ("attacks.paper.alpha", {"of_epsilon": 3}, "attacks.paper.alpha.of_epsilon: 3 must be at"),
        ("attacks.paper.alpha", {"of_epsilon": 0}, "attacks.paper.alpha.of_epsilon: 0 must be mo"),
        ("attacks.paper.alpha", "long", "attacks.paper.alpha: 'long' must be a number"),
        (
            "groups.; rm -rf ~",
            {},
            "groups.; rm -rf ~: '; rm -rf ~' is not a valid name; "
            "use a letter, then at most 39 letters, digits, '_' or '-'",
        ),
        (
            "groups.H-OV.image.size",
            64,
            "groups.H-OV.image.size: 64 is too small for inception_v3; use at least 75",
        ),
        (
            "groups.H-OV.image.size",
            300,
            "groups.H-OV.image.size: 300 is larger than the tiles of source fields; use at",
        ),
        (
            "groups.H-OV.image.size",
            [75, 150],
            "groups.H-OV.image.size: [75, 150] is not square, but the tiles of source fields are, "
            "and would be distorted; use one number, or 'fit: crop' or 'fit: pad'",
        ),
        (
            "groups.H-BR.image.size",
            [75, 150],
            "groups.H-BR.image.size: [75, 150] is not square, but the tiles of source breast are, "
            "and would be distorted; use one number",
        ),
        (
            "groups.H-OV.image",
            {"size": 96, "fit": "crop", "resize": 300},
            "groups.H-OV.image.resize: 300 is larger than the tiles of source fields; use at most",
        ),
        (
            "groups.H-BR.image",
            {"size": 96, "fit": "crop"},
            "groups.H-BR.image.fit: 'crop' is for whole images, but source breast cuts its slides "
            "into tiles of the side sources.breast.tile; give that the size, and leave 'fit' out",
        ),
        (
            "groups.X-TB.image",
            {"size": 96, "resize": 128},
            "groups.X-TB.image: 'resize' needs 'fit: crop'; set it, or leave 'resize' out",
        ),
        (
            "groups.X-TB.image",
            {"size": [96, 128], "fit": "crop", "resize": 96},
            "groups.X-TB.image.resize: 96 must be at least 128, the longer side of 'size', which",
        ),
        (
            "groups.X-TB.image",
            {"size": [96, 128], "fit": "crop", "resize": [128, 96]},
            "groups.X-TB.image.resize: [128, 96] must be at least [96, 128], as 'size', which is",
        ),
        (
            "groups.X-TB.image",
            {"size": [96, 128], "crop": "aorta"},
            "groups.X-TB.image: the aorta's window is a square, which 'fit: squeeze' would distort "
            "to [96, 128]; use one number for 'size', or 'fit: crop' or 'fit: pad'",
        ),
        (
            "groups.X-TB.image.size",
            [128, 4],
            "groups.X-TB.image.size.1: 4 must be at least 16",
        ),
        ("groups.X-TB.image.size", [128], "groups.X-TB.image.size: has too few"),
        ("groups.X-TB.image.size", "256x128", "groups.X-TB.image.size: '256x128' must be a whole"),
        ("groups.H-OV.image.crop", "aorta", "groups.H-OV.image.crop: 'aorta' needs X-rays"),
        ("groups.X-TB.classes.C2.count", None, "groups.X-TB.classes.C2: give either 'count'"),
        (
            "groups.H-OV.classes.C1.source",
            "xray",
            "groups.H-OV.classes: one group mixes tiles with whole images",
        ),
        ("training.width", 0.3, "training.width: 0.3 must be a multiple of 1/16"),
        ("training_size.attacks", ["pap"], "training_size.attacks: 'pap' is not an attack of this"),
        ("study", None, "study: null must be a text"),
        (
            "training.architecture",
            "resnet19",
            "training.architecture: 'resnet19' must be a classification network of torchvision, "
            "or timm/NAME for one of timm, did you mean 'resnet18'?",
        ),
        (
            "training.architecture",
            "resnet18",
            "training: 'width' is only for inception_v3; leave it out for resnet18",
        ),
        ("training.weights", "imagenet", "training.weights: 'imagenet' needs 'width: 1'"),
        ("training.keep", "first", "training.keep: 'first' must be 'last' or 'best'"),
        ("training.gpus", 8, "training.batch: 8 must be at least 16, two images for each of the 8"),
        ("training.precision", "fp8", "training.precision: 'fp8' must be 'fp32', 'tf32'"),
        (
            "groups.X-TB.network",
            {"file": "model.zip", "classes": ["C1", "C2"]},
            "groups.X-TB.network.file: '.zip' is not a network format; use one of: .pt2, .onnx,",
        ),
        (
            "groups.X-TB.network",
            {"file": "model.h5", "classes": ["C1", "C2"]},
            "groups.X-TB.network.file: 'model.h5' is a Keras model (HDF5), which is not read; in",
        ),
        (
            "groups.X-TB.network",
            {"file": "model.pt", "classes": ["C1", "C2"]},
            "groups.X-TB.network.file: reading a TorchScript file can run code from it",
        ),
        (
            "groups.X-TB.network",
            {"file": "weights.safetensors", "classes": ["C1", "C2"]},
            "groups.X-TB.network: a .safetensors file holds only weights; give 'architecture'",
        ),
        (
            "groups.H-OV.network",
            {"file": "a.pt2", "classes": ["C1", "C3"]},
            "groups.H-OV.network.classes: ['C1', 'C3'] are not the group's classes; list "
            "['C1', 'C2'] in the order",
        ),
        (
            "groups.H-OV.network",
            {"file": "a.pt2", "classes": ["C1", "C2"], "input": {"size": 224}},
            "groups.H-OV.image.size: 75 differs from groups.H-OV.network.input.size, 224; use",
        ),
        (
            "groups.H-OV.network",
            {"file": "a.pt2", "classes": ["C1", "C2"], "input": {"size": [75, 96]}},
            "groups.H-OV.image.size: 75 differs from groups.H-OV.network.input.size, [75, 96]; use "
            "the same in both (both [height, width])",
        ),
        (
            "groups.H-OV.network",
            {"file": "a.pt2", "classes": ["C1", "C2"], "input": {"channels": 1}},
            "groups.H-OV.network.input.channels: 1 is for grey images",
        ),
        (
            "groups.H-OV.network",
            {"file": "a.pt2", "classes": ["C1", "C2"], "input": {"mean": [0.5, 0.5]}},
            "groups.H-OV.network.input.mean: [0.5, 0.5] must hold one number for all",
        ),
        (
            "groups.X-TB.network",
            {"file": "a.pt2", "classes": ["C1", "C2"]},
            "groups.X-TB.classes.C1.augment_to: an existing network is not trained",
        ),
        (
            "groups.H-BR.network",
            {"file": "a.pt2", "classes": ["C1", "C2"]},
            "training_size.group: H-BR has an existing network; use a group whose",
        ),
        (
            "groups.H-OV.networks.shuffle.lr",
            -1,
            "groups.H-OV.networks.shuffle.lr: -1 must be more than 0",
        ),
        (
            "groups.H-OV.networks.shuffle",
            {"file": "a.pt2", "classes": ["C1", "C2"], "epochs": 3},
            "groups.H-OV.networks.shuffle.epochs: unknown key",
        ),
        (
            "groups.H-OV.networks",
            {"n8-r1": {"lr": 0.1}},
            "groups.H-OV.networks.n8-r1: 'n8-r1' is a reserved name",
        ),
        (
            "groups.H-OV.networks.shuffle.tensorboard",
            True,
            "groups.H-OV.networks.shuffle.tensorboard: true differs from training.tensorboard",
        ),
        (
            "groups.H-OV.network",
            {"file": "a.pt2", "classes": ["C1", "C2"]},
            "groups.H-OV.networks.shuffle: no images are left to train on, because "
            "groups.H-OV.network",
        ),
    ],
)
def test_a_mistake_names_the_field_what_stands_there_and_what_may(
    study: dict[str, Any], path: str, value: Any, message: str
) -> None:
    parse(study)
    found = mistakes(change(study, path, value))
    assert any(line.startswith(message) for line in found), found


@pytest.mark.parametrize(
    ("modality", "window", "message"),
    [
        ("xray", "percentile", None),
        ("xray", "full", None),
        (
            "xray",
            "voi",
            "'voi' takes the window of each DICOM file, but source pictures is of kind",
        ),
        ("other", "percentile", None),
        ("other", "full", "'full' is for X-rays, but source pictures is other, whose values are"),
        ("histology", "voi", "'voi' is for X-rays, but source pictures is histology"),
    ],
)
def test_the_windows_that_pictures_may_have(
    study: dict[str, Any], modality: str, window: str, message: str | None
) -> None:
    pictures = {"kind": "table", "root": "p", "table": "p.csv", "modality": modality}
    pictures["columns"] = {"class": "class"}
    classes = {c: {"source": "pictures", "where": {"class": c}, "count": "all"} for c in ("A", "B")}
    study["sources"]["pictures"] = pictures
    study["groups"]["P"] = {"title": "P", "classes": classes, "image": {"window": window}}
    if message is None:
        parse(study)
    else:
        found = mistakes(study)
        assert any(line.startswith(f"groups.P.image.window: {message}") for line in found), found


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("groups.X-TB.classes.C2.count", "x", "'x' must be a whole number or 'all'"),
        (
            "sources.breast.columns.class",
            3,
            "3 must be a text or a list; put it in quotes (YAML reads it as a number)",
        ),
        ("groups.X-TB.image", 3, "3 must be a mapping of keys and values"),
        ("groups.X-TB.image.size", 4, "4 must be at least 16"),
        ("training.dropout", 1, "1 must be less than 1"),
        ("training.tensorboard", "often", "'often' must be true or false"),
        ("groups.H-OV.networks.shuffle.lr", "fast", "'fast' must be a number"),
        ("attacks", {}, "has too few entries; give at least 1"),
        (
            "training.[key]",
            3,
            "unknown key; use one of: architecture, width, weights, dropout, auxiliary, optimizer, "
            "schedule, lr, weight_decay, label_smoothing, epochs, batch, augment, keep, patience, "
            "held_out, adversarial, precision, deterministic, gpus, tensorboard, threads, mem_mb, "
            "runtime, repeats",
        ),
    ],
)
def test_wrong_types_and_ranges_have_plain_words(
    study: dict[str, Any], path: str, value: Any, line: str
) -> None:
    study["sources"]["breast"].setdefault("columns", {})
    assert mistakes(change(study, path, value)) == [f"{path}: {line}"]


def test_a_further_network_is_trained_as_the_others_but_for_what_it_says(
    study: dict[str, Any],
) -> None:
    more = {"slow": {"lr": 0.5}, "deep": {"architecture": "resnet18", "epochs": 9}}
    study["training"] |= {"dropout": 0.1, "label_smoothing": 0.05}
    runs = parse(change(study, "groups.H-OV.networks", more)).runs("H-OV")
    usual = runs["full"].network.to_dict()
    assert usual.pop("repeats") == 1  # of the group's own network alone
    assert list(runs) == ["full", "slow", "deep"]
    assert runs["slow"].network.to_dict() == usual | {"lr": 0.5}
    # Another architecture takes over neither width nor dropout nor weights.
    deep = {"architecture": "resnet18", "epochs": 9, "width": 1.0, "dropout": None}
    assert runs["deep"].network.to_dict() == usual | deep
    same = {"same": {"architecture": "inception_v3", "epochs": 9}}
    runs = parse(change(study, "groups.H-OV.networks", same)).runs("H-OV")
    assert runs["same"].network.to_dict() == usual | {"epochs": 9}


def test_other_networks_take_smaller_images(study: dict[str, Any]) -> None:
    study["training"] = {"architecture": "resnet18"}
    for group in study["groups"].values():
        group["image"] = {**group["image"], "size": 32}
    parse(study)


def test_each_mistake_has_its_line(study: dict[str, Any]) -> None:
    study = change(study, "training.epoch", 3)
    study = change(study, "attacks.noise.max_iter", 0)
    del study["groups"]["X-TB"]["title"]
    found = mistakes(study)
    assert [line.split(":")[0] for line in found] == [
        "groups.X-TB.title",
        "training.epoch",
        "attacks.noise.max_iter",
    ]


def test_balanced_sexes_need_even_counts(study: dict[str, Any]) -> None:
    study = change(study, "groups.X-TB.balance", ["sex"])
    study = change(study, "groups.X-TB.classes.C2.count", 7)
    assert "classes.C2.count: 7 must be even" in mistakes(study)[0]


def test_equal_classes_are_for_caps(study: dict[str, Any]) -> None:
    study = change(study, "groups.X-TB.balance", ["class"])
    assert "'balance: [class]' would change it; use 'at_most' or 'count: all'" in mistakes(study)[0]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_shipped_studies_are_right(path: Path) -> None:
    parse(yaml.safe_load(path.read_text()))


def test_the_paper_s_study_has_the_paper_s_numbers() -> None:
    study = parse(yaml.safe_load((PROJECT / "resources/studies/paper.yaml").read_text()))
    sizes = {
        name: sum(entry.augment_to or entry.count for entry in group.classes.values())
        for name, group in study.groups.items()
    }
    assert sizes == {
        "X-NR2": 200_000,
        "X-NR3": 550_080,
        "X-AO": 27_000,
        "X-TB": 28_000,
        "H-OV": 96_000,
        "H-TH": 96_000,
        "H-OV-TH": 192_000,
        "H-BR": 125_000,
    }
    assert study.attacks["paper"].epsilon == [round(0.02 * i, 2) for i in range(1, 11)]
    assert study.training.width == 1


def test_the_schema_has_not_drifted() -> None:
    """`pgdose schema > workflow/schemas/study.schema.json` after a change of the models."""
    stored = (PROJECT / "workflow/schemas/study.schema.json").read_text()
    assert json.loads(stored) == json.loads(schema())


def test_the_models_refuse_unknown_keys() -> None:
    def models(schema: dict[str, Any]) -> list[dict[str, Any]]:
        return [schema, *schema["$defs"].values()]

    for model in models(Study.model_json_schema(by_alias=True)):
        if model.get("type") == "object":
            assert model["additionalProperties"] is False, model["title"]


@pytest.mark.workflow
def test_a_wrong_study_stops_before_any_job(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    (folder / "wrong.yaml").write_text(
        (folder / "tests/data/studies/small.yaml").read_text().replace("training:", "trainig:", 1)
    )
    run = snakemake(folder, study="wrong.yaml")
    assert run.returncode == 1
    assert "trainig: unknown key, did you mean 'training'?" in run.stderr + run.stdout
    assert "Traceback" not in run.stderr + run.stdout
    for made in ("results", "hospital", "private", "work"):
        assert not (folder / made).exists()


@pytest.mark.workflow
def test_a_group_may_not_be_called_like_a_rule(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    text = (folder / "tests/data/studies/small.yaml").read_text().replace("X-AO:", "train:")
    (folder / "wrong.yaml").write_text(text)
    run = snakemake(folder, "--dry-run", study="wrong.yaml")
    assert "groups.train: 'train' is the name of a rule; choose another" in run.stderr + run.stdout


RAW = {"lr": 0.1}
SIGN = {"step": "sign", "alpha": 0.01}


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ({"epsilon": [0.0, 0.1], **RAW}, ".epsilon.0: 0.0 must be more than 0"),
        ({"epsilon": [-0.1], **RAW}, ".epsilon.0: -0.1 must be more than 0"),
        ({"epsilon": [0.1, 1.5], **RAW}, ".epsilon: 1.5 is more than 1, the full intensity range"),
        (
            {"epsilon": [0.1, 0.1], **RAW},
            ".epsilon: [0.1, 0.1] must be amplitudes above 0 in rising",
        ),
        ({"max_iter": 0, **RAW}, ".max_iter: 0 must be at least 1"),
        ({"step": "sign", "alpha": 2}, ": 'alpha: 2.0' is more than 1, the full intensity range"),
        ({"step": "l2", "lr": 2}, ": 'step: l2' needs 'alpha' and does not use 'lr'"),
        ({**SIGN, "clip": "gradient"}, ": 'clip: gradient' needs 'step: raw'"),
        ({"momentum": 1, **RAW}, ": 'momentum' does not work with 'step: raw'"),
        ({**RAW, "clip": "gradient", "start": "random"}, ": 'start: random' needs a box"),
        ({**SIGN, "restarts": 2}, ": 'restarts' from the clean image all give the same"),
        ({"schedule": "apgd", "alpha": 0.1}, ": 'schedule: apgd' sets step, momentum"),
        ({"schedule": "apgd", "clip": "gradient"}, ": 'schedule: apgd' needs a box or a ball"),
        ({**SIGN, "gradient_of": "dlr", "target": "C1"}, ": 'gradient_of: dlr' takes no 'target'"),
        (
            {**SIGN, "gradient_of": "wrong_class", "target": "C1"},
            ": 'gradient_of: wrong_class' takes no 'target', since it raises the likeliest wrong",
        ),
        (
            {"form": "pgd", "alpha": 0.01, "start": "clean"},
            ".start: 'form: pgd' sets 'start: random', but",
        ),
        ({"form": "pdg", "alpha": 0.01}, ".form: 'pdg' must be 'fgsm', 'bim', 'pgd'"),
        ({"form": "pgd"}, ": 'step: sign' needs 'alpha' and does not use 'lr'"),
        (
            {"form": "fgsm", "max_iter": 5},
            ".max_iter: 'form: fgsm' sets 'max_iter: 1', but the study sets 5",
        ),
        ({**SIGN, "gradient_of": "dlr"}, ".gradient_of: 'dlr' compares three classes, but group"),
        (
            {**SIGN, "target": "tumour"},
            ".target: 'tumour' is not a class of group X-TB; use least_",
        ),
        ({"kind": "external", "library": "art"}, ".name: missing; add it"),
        ({"kind": "external", "library": "cleverhans"}, ".library: 'cleverhans' must be"),
        (
            {"kind": "external", "library": "art", "name": "os.system"},
            ".name: 'os.system' must be a name that the library uses",
        ),
        (
            {"kind": "external", "library": "art", "name": "Square", "at": [5]},
            ": 'at' needs 'iterations_as'",
        ),
        (
            {"kind": "external", "library": "art", "name": "Square", "export": 2},
            ": 'export' repeats the attack",
        ),
        (
            {"kind": "external", "library": "art", "name": "Square", "export": {"images": 2}},
            ": 'export' repeats the attack",
        ),
        ({**SIGN, "export": True}, ".export: true must be a number"),
        ({**SIGN, "export": -1}, ".export: -1 must be at least 0"),
        ({**SIGN, "export": "dicom"}, ".export: 'dicom' must be"),
        ({**SIGN, "export": {"dicom": True}}, ".export.images: missing; add it"),
        ({**SIGN, "export": {"images": 2, "dicom": 3}}, ".export.dicom: 3 must be"),
        ({**SIGN, "export": {"images": 2, "dcm": True}}, ".export.dcm: "),
        (
            {"epsilon": [0.1, float("inf")], **RAW, "clip": "l2"},
            ".epsilon.1: inf must be a finite",
        ),
        ({"kind": "exernal"}, ".kind: 'exernal' is not a kind of attack, did you mean 'external'?"),
    ],
    ids=str,
)
def test_parts_of_an_attack_that_make_no_sense_are_refused(
    study: dict[str, Any], attack: dict[str, Any], message: str
) -> None:
    study["attacks"]["paper"] = {"epsilon": [0.02, 0.1]} | attack
    found = mistakes(study)
    assert any(line.startswith("attacks.paper" + message) for line in found), found


@pytest.mark.parametrize(
    ("form", "parts"),
    [
        ({"form": "fgsm"}, {"step": "sign", "alpha": 1.0, "max_iter": 1, "start": "clean"}),
        ({"form": "bim", "alpha": 0.1}, {"step": "sign", "start": "clean", "clip": "iterate"}),
        ({"form": "pgd", "alpha": 0.1, "restarts": 3}, {"start": "random", "restarts": 3}),
        ({"form": "mi-fgsm", "alpha": 0.1}, {"momentum": 1.0, "start": "clean"}),
        ({"form": "pgd-l2", "alpha": 9.0, "epsilon": [3.0]}, {"step": "l2", "clip": "l2"}),
        ({"form": "apgd-ce"}, {"schedule": "apgd", "start": "random", "step": None}),
    ],
    ids=str,
)
def test_a_form_stands_for_its_parts(
    study: dict[str, Any], form: dict[str, Any], parts: dict[str, Any]
) -> None:
    study["attacks"]["paper"] = {"epsilon": [0.02, 0.1]} | form
    settings = parse(study).attacks["paper"].settings()
    assert settings["gradient_of"] == "cross_entropy"
    assert parts.items() <= settings.items()


def test_an_attack_without_a_form_is_the_paper_s(study: dict[str, Any]) -> None:
    settings = parse(study).attacks["paper"].settings()
    expected = {"gradient_of": "probability", "step": "raw", "clip": "iterate", "start": "clean"}
    assert expected.items() <= settings.items()


def test_a_target_is_a_class_of_each_group(study: dict[str, Any]) -> None:
    attack = {"epsilon": [0.1], "step": "sign", "alpha": 0.01}
    study["attacks"] = {"to": attack | {"target": "C2"}, "away": attack}
    study["attacks"]["least"] = attack | {"target": "least_likely"}
    study["training_size"] = None
    parsed = parse(study)
    targets = [parsed.target("X-TB", name) for name in ("to", "away", "least")]
    assert targets == [1, None, "least_likely"]


def test_pictures_are_of_an_attack_of_pgdose(study: dict[str, Any]) -> None:
    square = {"kind": "external", "library": "art", "name": "SquareAttack", "epsilon": [0.1]}
    study["attacks"] = {"square": square} | study["attacks"]
    assert parse(study).shown_attack() == "paper"
    study["operating_points"] = {"attack": "square"}
    assert "operating_points.attack: 'square' is an attack of another library" in mistakes(study)[0]


def test_how_fine_tiles_are_is_said_once(study: dict[str, Any]) -> None:
    study["sources"]["breast"] |= {"level": 0, "mpp": 0.5}
    with pytest.raises(UserError, match="'level' and 'mpp' both set the resolution of the tiles"):
        parse(study)


@pytest.mark.parametrize("name", ["measures", "tensorboard"])
def test_an_attack_is_not_called_as_a_folder_of_its_runs(study: dict[str, Any], name: str) -> None:
    study["attacks"][name] = study["attacks"].pop("noise")
    with pytest.raises(UserError, match=rf"attacks\.{name}: the folder of a run has this name"):
        parse(study)


@pytest.mark.parametrize(
    "title", ["a\n=2+2", "a\tb", "a\rb", "", "  ", "a\u2028b", "a\0b", "\u202ea", "\u200b"]
)
def test_a_title_is_one_line(title: str, study: dict[str, Any]) -> None:
    study["groups"]["X-TB"]["title"] = title
    with pytest.raises(UserError, match=r"groups\.X-TB\.title: .* must be a text of one line"):
        parse(study)
    study["groups"]["X-TB"]["title"] = "of a block of YAML\n"
    assert parse(study).groups["X-TB"].title == "of a block of YAML"


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (["CRX"], "must be a code of the DICOM attribute Modality, did you mean 'CR'?"),
        (["cr"], "must be a code of the DICOM attribute Modality, of capitals and digits"),
        (["C"], "must be a code"),
        ([], "give at least 1"),
        ("CR", "write [CR]"),
    ],
)
def test_modalities_are_codes(codes: Any, message: str, study: dict[str, Any]) -> None:
    assert message in "".join(mistakes(change(study, "sources.xray.modalities", codes)))


def test_codes_of_a_station_s_own_may_stand_among_modalities(study: dict[str, Any]) -> None:
    made = parse(change(study, "sources.xray.modalities", ["CR", "OT", "RADIOGRAPHY"]))
    assert made.sources["xray"].modalities == ["CR", "OT", "RADIOGRAPHY"]
    assert parse(study).sources["xray"].modalities == ["CR", "DX", "RF"]
    assert "'sideways'" in "".join(mistakes(change(study, "sources.xray.orientation", "sideways")))


@pytest.mark.parametrize(("key", "value"), [("modalities", ["CR"]), ("orientation", "turn")])
def test_keys_of_films_are_for_x_rays(key: str, value: Any, study: dict[str, Any]) -> None:
    table = {"kind": "table", "root": "images", "table": "t.csv", key: value}
    ImageTable.model_validate(table | {"modality": "xray"})
    changed = change(study, "sources.photos", table)
    assert f"sources.photos.{key}" in "".join(mistakes(changed))


@pytest.mark.parametrize(
    "name", ["zlib", "rot13", "hex", "undefined", "punycode", "idna", "utf_7", "utf 8", "a\0b", ""]
)
def test_an_encoding_is_that_of_a_text(name: str, study: dict[str, Any]) -> None:
    for section in (study["sources"]["xray"]["reports"], study["sources"]["xray"]):
        section["encoding"] = name
    with pytest.raises(UserError) as caught:
        parse(study)
    assert str(caught.value).count("must be the encoding of a text") == 2


@pytest.mark.parametrize(
    ("limit", "lines"),
    [
        (
            {},
            [
                "acceptance.attack: missing; add it",
                "acceptance.epsilon: missing; add it",
                "acceptance.max_asr: missing; add it",
            ],
        ),
        (
            {"attack": "sign", "epsilon": 0.1, "max_asr": 1.1},
            ["acceptance.max_asr: 1.1 must be at most 1"],
        ),
        (
            [{"attack": "sign", "epsilon": 0.1, "max_asr": 1.1}],
            ["acceptance.0.max_asr: 1.1 must be at most 1"],
        ),
    ],
)
def test_a_single_limit_is_told_by_its_own_keys(
    limit: Any, lines: list[str], study: dict[str, Any]
) -> None:
    assert mistakes(study | {"acceptance": limit}) == lines


@pytest.mark.parametrize("size", [[32], [32, 64, 3]])
def test_a_list_of_another_length_is_one_mistake(size: Any, study: dict[str, Any]) -> None:
    group = next(iter(study["groups"]))
    (line,) = mistakes(change(study, f"groups.{group}.image.size", size))
    assert line.startswith(f"groups.{group}.image.size: has too ")


SIZES = {"sizes": [8], "repeats": 1, "attacks": ["paper"]}


def test_one_group_of_training_sizes_may_stand_without_a_list(study: dict[str, Any]) -> None:
    one = {"group": "H-BR", **SIZES}
    alone, listed = (parse(study | {"training_size": value}) for value in (one, [one]))
    assert alone == listed and len(alone.training_size) == 1
    for nothing in (None, []):
        assert parse(study | {"training_size": nothing}).training_size == []
    validator = jsonschema.Draft202012Validator(json.loads(schema()))
    for value in (one, [one], None, []):
        validator.validate(study | {"training_size": value})


def test_mistakes_in_one_of_several_training_sizes_name_the_entry(study: dict[str, Any]) -> None:
    first = {"group": "H-BR", **SIZES}
    wrong = {"group": "X-TB", "sizes": [7, 7], "repeats": 1, "attacks": ["pap"]}
    found = mistakes(study | {"training_size": [first, wrong]})
    assert [line.split(": ")[0] for line in found] == [
        "training_size.1.attacks",
        "training_size.1.sizes",
        "training_size.1.sizes",
    ]
    alone = mistakes(study | {"training_size": [wrong]})
    assert {line.split(": ")[0] for line in alone} == {
        "training_size.attacks",
        "training_size.sizes",
    }
    unknown = mistakes(study | {"training_size": [first, first | {"group": "X-TP"}]})
    assert unknown[0].startswith("training_size.1.group: 'X-TP' is not a group of this study, did")
    missing = mistakes(study | {"training_size": [first, {"group": "X-TB"}]})
    assert missing == [
        "training_size.1.sizes: missing; add it",
        "training_size.1.attacks: missing; add it",
    ]


def test_a_group_has_one_entry_of_training_sizes(study: dict[str, Any]) -> None:
    entry = {"group": "H-BR", **SIZES}
    parse(study | {"training_size": [entry, entry | {"group": "H-OV"}]})
    assert mistakes(study | {"training_size": [entry, entry | {"sizes": [16]}]}) == [
        "training_size.1.group: H-BR has an entry already, training_size.0; give each group one "
        "entry with all of its sizes"
    ]


@pytest.mark.parametrize(
    ("export", "images", "dicom"),
    [
        (3, 3, False),
        ({"images": 3}, 3, False),
        ({"images": 3, "dicom": True}, 3, True),
        ({"images": 0, "dicom": True}, 0, True),
    ],
)
def test_export_is_a_number_or_says_more(
    study: dict[str, Any], export: object, images: int, dicom: bool
) -> None:
    study["attacks"]["paper"]["export"] = export
    settings = parse(study).attacks["paper"].export_settings
    assert (settings.images, settings.dicom) == (images, dicom)


def test_text_in_histology_cannot_be_a_reason_to_reject(study: dict[str, Any]) -> None:
    """It is not searched there, so the setting would do nothing."""
    source = {"kind": "table", "root": "r", "table": "t.csv"}
    reject = {"screen": {"burned_in_text": "reject"}}
    study["sources"]["ready"] = source | reject | {"modality": "histology"}
    found = mistakes(study)
    assert any(
        line.startswith("sources.ready.screen.burned_in_text: 'reject' must be count")
        for line in found
    ), found
    study["sources"]["ready"] = source | reject | {"modality": "xray"}
    assert parse(study).sources["ready"].screen.burned_in_text == "reject"
    study["sources"]["ready"] = source | {"screen": {"burned_in_text": "hide"}}
    assert any("burned_in_text: 'hide' must be" in line for line in mistakes(study))
