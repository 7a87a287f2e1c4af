"""The study file: mistakes in words, the schema, the studies that are shipped."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT, checkout, snakemake

from pgdose import cli
from pgdose.errors import UserError
from pgdose.images.augmentation import AUGMENTATION
from pgdose.study.augmentation import Augment
from pgdose.study.parsing import parse
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
            "groups.X-TB.classes.C1.where.age: [70, 50]: "
            "a range of full years [from, to], 0 <= from <= to <= 130",
        ),
        (
            "trainig",
            {},
            "trainig: unknown key, did you mean 'training'?; known: study, seed, results, privacy, "
            "phantom, sources, groups, split, training, attacks, checks, training_size, "
            "operating_points",
        ),
        (
            "groups.X-TB.classes.C1.source",
            "xrays",
            "groups.X-TB.classes.C1.source: 'xrays' is no source of this study, "
            "did you mean 'xray'?; known: xray, fields, breast",
        ),
        (
            "sources.xray.kind",
            "dicom",
            "sources.xray.kind: 'dicom' is no kind; "
            "known: dicom_archive, microscope_fields, slides, table",
        ),
        (
            "sources.xray.reports.encoding",
            "russian",
            "sources.xray.reports.encoding: 'russian': an encoding that Python knows, such as",
        ),
        (
            "sources.fields.layout",
            "{class}/*.tif",
            "sources.fields.layout: '{class}/*.tif': a path with {class} and {patient} once each",
        ),
        (
            "sources.fields.table",
            None,
            "sources.fields: exactly one of 'table' and 'layout' says what each field is",
        ),
        (
            "sources.breast.rest",
            "stroma",
            "sources.breast: rest: 'stroma' is no class of the source; one of: tumour, norm, ",
        ),
        (
            "sources.breast.classes.norm",
            ["TUMOR "],
            "sources.breast: classes: 'tumor' stands for two classes",
        ),
        (
            "sources.breast.classes.tumour",
            "Tumor",
            "sources.breast.classes.tumour: 'Tumor': input should be a valid list",
        ),
        (
            "sources.breast.classes.tumour",
            None,
            "sources.breast.classes.tumour: None: input should be a valid list",
        ),
        (
            "sources.breast.columns",
            {"outlines": None},
            "sources.breast: 'columns' names neither outlines nor class; one is needed",
        ),
        (
            "sources.breast.tissue",
            {"between": [0.2, 0.1]},
            "sources.breast.tissue.between: [0.2, 0.1]: a range [from, to], 0 < from <= to",
        ),
        (
            "groups.H-BR.classes.C1.where.class",
            "tumor",
            "groups.H-BR.classes.C1.where.class: 'tumor' is no class of its source of this study, "
            "did you mean 'tumour'?; known: tumour, norm",
        ),
        (
            "groups.H-OV.image.window",
            "voi",
            "groups.H-OV.image.window: 'voi' is for DICOM files, but source fields is of kind "
            "microscope_fields; leave it out",
        ),
        ("groups.X-TB.image.boxes", "boxes.csv", "groups.X-TB.image: 'boxes' goes with 'crop:"),
        (
            "sources.xray.screen",
            {"smalest": 9},
            "sources.xray.screen.smalest: unknown key, did you mean 'smallest'?",
        ),
        (
            "attacks.paper.step",
            "sgn",
            "attacks.paper.step: 'sgn': input should be 'raw', 'sign' or",
        ),
        ("attacks.paper.epsilon", [0.2, 0.1], "attacks.paper.epsilon: [0.2, 0.1]: amplitudes in"),
        ("attacks.paper.alpha", 0.1, "attacks.paper: 'step: raw' takes 'lr' and no 'alpha'"),
        (
            "groups.; rm -rf ~",
            {},
            "groups.; rm -rf ~: '; rm -rf ~' is no valid name; "
            "a letter, then at most 39 letters, digits, '_' or '-'",
        ),
        (
            "groups.H-OV.image.size",
            64,
            "groups.H-OV.image.size: 64, but inception_v3 takes 75 pixels and more",
        ),
        (
            "groups.H-OV.image.size",
            300,
            "groups.H-OV.image.size: 300 is larger than the tiles of source fields (256)",
        ),
        ("groups.H-OV.image.crop", "aorta", "groups.H-OV.image.crop: 'aorta' needs X-rays"),
        ("groups.X-TB.classes.C2.count", None, "groups.X-TB.classes.C2: exactly one of 'count'"),
        (
            "groups.H-OV.classes.C1.source",
            "xray",
            "groups.H-OV.classes: sources of different kinds",
        ),
        ("training.width", 0.3, "training.width: 0.3: a multiple of 1/16"),
        ("training_size.attacks", ["pap"], "training_size.attacks: 'pap' is no attack of this"),
        ("study", None, "study: None: input should be a valid string"),
        (
            "training.architecture",
            "resnet19",
            "training.architecture: 'resnet19': no network of torchvision's, did you mean "
            "'resnet18'?",
        ),
        (
            "training.architecture",
            "resnet18",
            "training: 'width: 0.0625' is of inception_v3; leave it out for resnet18",
        ),
        ("training.weights", "imagenet", "training.weights: 'imagenet' fits 'width: 1' only"),
        ("training.keep", "first", "training.keep: 'first': input should be 'last' or 'best'"),
        ("training.gpus", 8, "training: 'batch' must be at least 2 images for each of 'gpus'"),
        ("training.precision", "fp8", "training.precision: 'fp8': input should be 'fp32', 'tf32'"),
        (
            "groups.X-TB.network",
            {"file": "model.h5", "classes": ["C1", "C2"]},
            "groups.X-TB.network: file: '.h5' is no kind of network; one of .pt2, .onnx,",
        ),
        (
            "groups.X-TB.network",
            {"file": "model.pt", "classes": ["C1", "C2"]},
            "groups.X-TB.network: file: TorchScript is a program that reading it would run",
        ),
        (
            "groups.X-TB.network",
            {"file": "weights.safetensors", "classes": ["C1", "C2"]},
            "groups.X-TB.network: 'architecture' goes with a file of weights",
        ),
        (
            "groups.H-OV.network",
            {"file": "a.pt2", "classes": ["C1", "C3"]},
            "groups.H-OV.network.classes: ['C1', 'C3']; the group's classes, ['C1', 'C2'], in",
        ),
        (
            "groups.H-OV.network",
            {"file": "a.pt2", "classes": ["C1", "C2"], "input": {"size": 224}},
            "groups.H-OV.image.size: 75, but a network takes 224 pixels",
        ),
        (
            "groups.H-OV.network",
            {"file": "a.pt2", "classes": ["C1", "C2"], "input": {"channels": 1}},
            "groups.H-OV.network.input.channels: 1, but the group's images have colours",
        ),
        (
            "groups.H-OV.network",
            {"file": "a.pt2", "classes": ["C1", "C2"], "input": {"mean": [0.5, 0.5]}},
            "groups.H-OV.network.input: 'mean' and 'std' have one number for all channels",
        ),
        (
            "groups.X-TB.network",
            {"file": "a.pt2", "classes": ["C1", "C2"]},
            "groups.X-TB.classes.C1.augment_to: a network that exists already learns from no",
        ),
        (
            "groups.H-BR.network",
            {"file": "a.pt2", "classes": ["C1", "C2"]},
            "training_size.group: H-BR has a network that exists already",
        ),
        (
            "groups.H-OV.networks.shuffle.lr",
            -1,
            "groups.H-OV.networks.shuffle.lr: -1: input should be greater than 0",
        ),
        (
            "groups.H-OV.networks.shuffle",
            {"file": "a.pt2", "classes": ["C1", "C2"], "epochs": 3},
            "groups.H-OV.networks.shuffle.epochs: unknown key",
        ),
        (
            "groups.H-OV.networks",
            {"n8-r1": {"lr": 0.1}},
            "groups.H-OV.networks.n8-r1: 'n8-r1' is the name of another run or folder",
        ),
        (
            "groups.H-OV.networks.shuffle.tensorboard",
            True,
            "groups.H-OV.networks.shuffle.tensorboard: true, but training.tensorboard is false",
        ),
        (
            "groups.H-OV.network",
            {"file": "a.pt2", "classes": ["C1", "C2"]},
            "groups.H-OV.networks.shuffle: nothing is left to train on beside groups.H-OV.network",
        ),
    ],
)
def test_a_mistake_names_the_field_what_stands_there_and_what_may(
    study: dict[str, Any], path: str, value: Any, message: str
) -> None:
    parse(study)
    found = mistakes(change(study, path, value))
    assert any(line.startswith(message) for line in found), found


def test_a_further_network_is_trained_as_the_others_but_for_what_it_says(
    study: dict[str, Any],
) -> None:
    more = {"slow": {"lr": 0.5}, "deep": {"architecture": "resnet18", "epochs": 9}}
    study["training"] |= {"dropout": 0.1, "label_smoothing": 0.05}
    known = parse(change(study, "groups.H-OV.networks", more)).networks("H-OV")
    usual = known["full"].known()
    assert list(known) == ["full", "slow", "deep"]
    assert known["slow"].known() == usual | {"lr": 0.5}
    # Another architecture takes over neither width nor dropout nor weights.
    deep = {"architecture": "resnet18", "epochs": 9, "width": 1.0, "dropout": None}
    assert known["deep"].known() == usual | deep
    same = {"same": {"architecture": "inception_v3", "epochs": 9}}
    known = parse(change(study, "groups.H-OV.networks", same)).networks("H-OV")
    assert known["same"].known() == usual | {"epochs": 9}


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
    assert "classes.C2.count is 7" in mistakes(study)[0]


def test_equal_classes_are_for_caps(study: dict[str, Any]) -> None:
    study = change(study, "groups.X-TB.balance", ["class"])
    assert "'balance: [class]' is for 'at_most' and 'count: all'" in mistakes(study)[0]


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
    assert json.loads(stored) == json.loads(cli.schema())


def test_the_models_refuse_unknown_keys() -> None:
    def models(schema: dict[str, Any]) -> list[dict[str, Any]]:
        return [schema, *schema["$defs"].values()]

    for model in models(Study.model_json_schema(by_alias=True)):
        if model.get("type") == "object":
            assert model["additionalProperties"] is False, model["title"]


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


def test_a_group_may_not_be_called_like_a_rule(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    text = (folder / "tests/data/studies/small.yaml").read_text().replace("X-AO:", "train:")
    (folder / "wrong.yaml").write_text(text)
    run = snakemake(folder, "--dry-run", study="wrong.yaml")
    assert "groups.train: 'train' is the name of a rule; choose another" in run.stderr + run.stdout


def test_copies_differ_by_default_as_the_library_says() -> None:
    assert Augment().known() == dict(AUGMENTATION)


RAW = {"lr": 0.1}
SIGN = {"step": "sign", "alpha": 0.01}


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ({"epsilon": [0.0, 0.1], **RAW}, ".epsilon.0: 0.0: input should be greater than 0"),
        ({"epsilon": [-0.1], **RAW}, ".epsilon.0: -0.1: input should be greater than 0"),
        ({"epsilon": [0.1, 1.5], **RAW}, ": epsilon: 1.5; at most 1, the full intensity range"),
        ({"epsilon": [0.1, 0.1], **RAW}, ".epsilon: [0.1, 0.1]: amplitudes in rising order, none"),
        ({"max_iter": 0, **RAW}, ".max_iter: 0: input should be greater than or equal to 1"),
        ({"step": "sign", "alpha": 2}, ": alpha: 2.0; at most 1 with 'step: sign'"),
        ({"step": "l2", "lr": 2}, ": 'step: l2' takes 'alpha' and no 'lr'"),
        ({**SIGN, "clip": "gradient"}, ": 'clip: gradient' bounds a raw gradient"),
        ({"momentum": 1, **RAW}, ": 'momentum' adds up gradients of length 1"),
        ({**RAW, "clip": "gradient", "start": "random"}, ": 'start: random' draws from a box or"),
        ({**SIGN, "restarts": 2}, ": 'restarts' from the clean image would all be one"),
        ({"schedule": "apgd", "alpha": 0.1}, ": 'schedule: apgd' has its own step, momentum"),
        ({"schedule": "apgd", "clip": "gradient"}, ": 'schedule: apgd' needs a box or ball"),
        ({**SIGN, "gradient_of": "dlr", "target": "C1"}, ": 'gradient_of: dlr' has no target"),
        (
            {"form": "pgd", "alpha": 0.01, "start": "clean"},
            ": form: pgd means 'start: random', but",
        ),
        ({"form": "pdg", "alpha": 0.01}, ".form: 'pdg': input should be 'fgsm', 'bim', 'pgd'"),
        ({"form": "pgd"}, ": 'step: sign' takes 'alpha' and no 'lr'"),
        ({"form": "fgsm", "max_iter": 5}, ": form: fgsm means 'max_iter: 1', but 5 stands there"),
        ({**SIGN, "gradient_of": "dlr"}, ".gradient_of: 'dlr' compares three classes, but group"),
        ({**SIGN, "target": "tumour"}, ".target: 'tumour' is no class of group X-TB; least_likely"),
        ({"kind": "external", "library": "art"}, ".name: missing; it must be given"),
        ({"kind": "external", "library": "cleverhans"}, ".library: 'cleverhans': input should be"),
        (
            {"kind": "external", "library": "art", "name": "os.system"},
            ".name: 'os.system': a name of the library's own, such as PGD",
        ),
        (
            {"kind": "external", "library": "art", "name": "Square", "at": [5]},
            ": 'at' needs 'iterations_as'",
        ),
        (
            {"kind": "external", "library": "art", "name": "Square", "export": 2},
            ": 'export' makes images again",
        ),
        ({"epsilon": [0.1, float("inf")], **RAW, "clip": "l2"}, ".epsilon.1: inf: input should be"),
        ({"kind": "exernal"}, ".kind: 'exernal' is no kind, did you mean 'external'?"),
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
    known = parse(study).attacks["paper"].known()
    assert known["gradient_of"] == "cross_entropy"
    assert parts.items() <= known.items()


def test_an_attack_without_a_form_is_the_paper_s(study: dict[str, Any]) -> None:
    known = parse(study).attacks["paper"].known()
    expected = {"gradient_of": "probability", "step": "raw", "clip": "iterate", "start": "clean"}
    assert expected.items() <= known.items()


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
    assert "operating_points.attack: 'square' is of another library" in mistakes(study)[0]


def test_how_fine_tiles_are_is_said_once(study: dict[str, Any]) -> None:
    study["sources"]["breast"] |= {"level": 0, "mpp": 0.5}
    with pytest.raises(UserError, match="'level' or 'mpp' says how fine the tiles are, not both"):
        parse(study)
