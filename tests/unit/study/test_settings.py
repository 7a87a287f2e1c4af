"""Which fields a rule's settings hold, and that a script can read them back."""

import pytest
from pydantic import BaseModel

from pgdose.study.attacks import ExternalAttack, GradientAttack, NoiseAttack
from pgdose.study.augmentation import Augment
from pgdose.study.base import JOB_ONLY, Model, UsedBy
from pgdose.study.evaluation import Checks, Measures, OperatingPoints, TrainingSize
from pgdose.study.networks import ExistingNetwork, Input
from pgdose.study.sources import ImageTable, MicroscopeFields, Slides
from pgdose.study.training import Training

TRAINING = Training(
    architecture="resnet18", tensorboard=True, threads=7, augment=Augment(flip=True)
)
EXISTING = ExistingNetwork(file="a.pt2", classes=["C1", "C2"], input=Input(mean=[0.5], std=[0.5]))
GRADIENT = GradientAttack(epsilon=[0.1], form="pgd", alpha=0.1, threads=9, export=3)
APGD = GradientAttack(epsilon=[0.1, 0.2], form="apgd-dlr")
NOISE = NoiseAttack(epsilon=[0.1], kind="noise", batch=8, images=5)
EXTERNAL = ExternalAttack(epsilon=[0.1], kind="external", library="art", name="PGD", runtime=5)
TABLE = ImageTable(root="images", kind="table", table="images.csv", patients="clinic")
FIELDS = MicroscopeFields(
    root="fields", kind="microscope_fields", layout="{class}/{patient}/*.tif", bits=12
)
SLIDES = Slides(root="slides", kind="slides", table="s.csv", tiles_per_class=5, shards=3, mpp=0.5)

COMMON_TO_ATTACKS = {"epsilon", "max_iter", "images", "precision", "batch", "kind"}
PARTS = {"gradient_of", "target", "step", "momentum", "clip", "start", "restarts", "schedule"}
HOW_TRAINED = {
    *("architecture", "width", "weights", "dropout", "auxiliary", "optimizer", "schedule", "lr"),
    *("weight_decay", "label_smoothing", "epochs", "batch", "augment", "keep", "patience"),
    *("held_out", "adversarial", "precision", "deterministic", "gpus"),
}
OF_TABLES = {"separator", "encoding", "patients", "several", "similar_patients"}
OF_SLIDES = {"kind", "columns", "classes", "rest", "tile", "level", "mpp", "overlap"}

# Section, rule, fields in its settings, fields that are not. A new field belongs into one of both.
SETTINGS: list[tuple[Model, str, set[str], set[str]]] = [
    (TRAINING, "train", HOW_TRAINED, {"tensorboard", "threads", "mem_mb", "runtime"}),
    (
        EXISTING,
        "import_network",
        {
            *("classes", "architecture", "input", "outputs", "trust"),
            *("threshold", "label", "labels", "activation"),
        },
        {"file"},
    ),
    (
        GRADIENT,
        "attack",
        COMMON_TO_ATTACKS | PARTS | {"lr", "alpha", "shortcuts"},
        {"export", "shards", "threads", "mem_mb", "runtime", "form"},
    ),
    (NOISE, "attack", COMMON_TO_ATTACKS, {"export", "shards", "threads", "mem_mb", "runtime"}),
    (
        EXTERNAL,
        "attack",
        COMMON_TO_ATTACKS | {"library", "name", "arguments", "iterations_as", "at"},
        {"export", "shards", "threads", "mem_mb", "runtime"},
    ),
    (
        TABLE,
        "index_table",
        OF_TABLES
        | {"kind", "modality", "columns", "labels", "layout", "sex_words", "classes"}
        | {"modalities", "orientation"},
        {"root", "table", "screen", "shards", "bits"},
    ),
    (
        FIELDS,
        "index_fields",
        OF_TABLES | {"table", "columns", "layout", "tile", "margin", "shards", "classes"},
        {"root", "bits", "kind", "least_focus"},
    ),
    (
        SLIDES,
        "candidates",
        OF_TABLES | OF_SLIDES | {"class_share", "tissue", "colour"},
        {"root", "outlines_root", "shards", "table", "tiles_per_class", "threads", "least_focus"},
    ),
    (
        SLIDES,
        "index_slides",
        OF_TABLES | {"tile", "tiles_per_class", "shards", "columns", "colour"},
        {"root", "outlines_root", "table", "threads", "class_share", "tissue", "least_focus"}
        | (OF_SLIDES - {"tile", "columns"}),
    ),
    (
        Augment(),
        "plan_members",
        {"rotation", "shift", "scale", "brightness", "contrast", "noise", "flip"},
        set(),
    ),
    (Checks(), "diagnose", {"images", "queries", "positives"}, set()),
    (Measures(), "measure", {"success", "draws"}, {"margins"}),
    (
        OperatingPoints(),
        "curves",
        {"attack", "epsilon", "iterations", "epsilons_over_iterations", "flips_epsilon"},
        set(),
    ),
    (
        TrainingSize(group="X", sizes=[8], attacks=["a"]),
        "tables",
        {"group", "sizes", "repeats", "attacks"},
        set(),
    ),
]
IDS = [f"{type(section).__name__}-{rule}" for section, rule, *_ in SETTINGS]


@pytest.mark.parametrize(("section", "rule", "held", "left_out"), SETTINGS, ids=IDS)
def test_settings_hold_the_fields_that_results_depend_on(
    section: Model, rule: str, held: set[str], left_out: set[str]
) -> None:
    fields = {field.alias or name for name, field in type(section).model_fields.items()}
    assert set(section.settings(rule)) == held
    assert fields == held | left_out and not held & left_out


@pytest.mark.parametrize(
    ("section", "rule"),
    [*((section, rule) for section, rule, *_ in SETTINGS), (APGD, "attack")],
    ids=[*IDS, "apgd"],
)
def test_a_script_reads_settings_back(section: Model, rule: str) -> None:
    """Equal but for fields of the job; required ones among those are inputs of the rule."""
    settings = section.settings(rule)
    values = section.to_dict()
    required = {
        field.alias or name
        for name, field in type(section).model_fields.items()
        if field.is_required()
    }
    # A table of images is an input that may be left out.
    inputs = {key: values[key] for key in (required | {"table"} & set(values)) - set(settings)}
    read = type(section).model_validate({**settings, **inputs})
    assert read.settings(rule) == settings
    assert {key: read.to_dict()[key] for key in settings} == settings


def test_changing_how_a_job_is_run_changes_no_settings() -> None:
    for model in (Training, GradientAttack):
        for name in ("threads", "mem_mb", "runtime"):
            assert JOB_ONLY in model.model_fields[name].metadata
    assert TRAINING.settings() == TRAINING.model_copy(update={"threads": 1}).settings()
    assert TRAINING.settings() != TRAINING.model_copy(update={"lr": 0.5}).settings()


def test_markers_stand_on_sections_alone() -> None:
    """`settings` looks at a section's own fields: a marker further inside would do nothing."""
    sections = {type(section) for section, *_ in SETTINGS}

    def inner(model: type[BaseModel]) -> set[type[BaseModel]]:
        values = [field.default for field in model.model_fields.values()]
        return {type(value) for value in values if isinstance(value, Model)}

    for model in {part for section in sections for part in inner(section)} - sections:
        for field in model.model_fields.values():
            assert not any(isinstance(marker, UsedBy) for marker in field.metadata), model
