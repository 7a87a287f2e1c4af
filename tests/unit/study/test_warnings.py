"""What a study may say, but hardly means."""

from typing import Annotated, Any

import pytest
import yaml
from helpers.workflow import PROJECT
from pydantic import Field

from pgdose.analysis.certificates import largest_radius
from pgdose.study.base import Model
from pgdose.study.defended_networks import Smoothing
from pgdose.study.parsing import parse
from pgdose.study.warnings import _deprecated_keys, study_warnings

OPERATING = {"epsilon": 0.1, "iterations": 20, "epsilons_over_iterations": [0.1]}


def warned(attack: dict[str, Any], **sections: Any) -> list[str]:
    study = yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())
    del study["training_size"]
    study["attacks"] = {"one": {"epsilon": [0.02, 0.1], "gradient_of": "cross_entropy", **attack}}
    study["operating_points"] = OPERATING | {"flips_epsilon": 0.02}
    return study_warnings(parse(study | sections))


@pytest.mark.parametrize(
    ("attack", "missed"),
    [
        ({"step": "sign", "alpha": 0.002}, "0.1"),
        ({"step": "sign", "alpha": 0.0005}, "0.02, 0.1"),
        ({"step": "sign", "alpha": {"of_epsilon": 0.04}}, "0.02, 0.1"),
        ({"form": "mi-fgsm", "alpha": 0.002}, "0.1"),
        ({"step": "l2", "clip": "l2", "alpha": 0.003}, "0.1"),
    ],
    ids=str,
)
def test_steps_that_do_not_reach_a_box_are_told(attack: dict[str, Any], missed: str) -> None:
    (line,) = warned(attack)
    assert line.startswith("attacks.one.alpha: warning: 20 steps change no image by more than ")
    assert f"so epsilon {missed} cannot be reached" in line


@pytest.mark.parametrize(
    "attack",
    [
        {"step": "sign", "alpha": 0.005},
        {"step": "sign", "alpha": {"of_epsilon": 0.05}},
        {"step": "sign", "alpha": {"of_epsilon": 1}},
        {"step": "sign", "alpha": 0.002, "start": "random"},  # begins anywhere in the box
        {"step": "sign", "clip": "l2", "alpha": 0.0001},  # its length goes by the image's size
        {"form": "fgsm"},  # one step to every edge
        {"form": "apgd-ce"},
        {"lr": 1e-9},  # how long raw steps are, nobody knows before
    ],
    ids=str,
)
def test_other_steps_are_left_alone(attack: dict[str, Any]) -> None:
    (line,) = warned(attack) or [""]
    assert not line or ("form" in attack and "has 20 iterations" in line)


@pytest.mark.parametrize(
    ("attack", "long"),
    [
        ({"step": "sign", "alpha": 0.03}, "0.02"),
        ({"step": "sign", "alpha": {"of_epsilon": 1.5}}, "0.02, 0.1"),
        ({"form": "pgd", "alpha": 0.2}, "0.02, 0.1"),
        ({"form": "pgd-l2", "alpha": 0.03}, "0.02"),
    ],
    ids=str,
)
def test_steps_longer_than_epsilon_are_told(attack: dict[str, Any], long: str) -> None:
    (line,) = warned(attack)
    assert f"attacks.one.alpha: warning: a step is longer than epsilon {long}, so" in line


def test_operating_points_that_no_attack_measures_are_told() -> None:
    points = {"iterations": 30, "epsilons_over_iterations": [0.1, 0.03], "flips_epsilon": 0.05}
    lines = warned({"lr": 0.1}, operating_points=OPERATING | points)
    assert [line.partition(": warning: ")[0] for line in lines] == [
        "operating_points.iterations",
        "operating_points.epsilons_over_iterations",
        "operating_points.flips_epsilon",
    ]
    assert "no attack has 30 iterations" in lines[0] and "at most 20" in lines[0]
    assert "no attack has epsilon 0.03" in lines[1] and "0.02, 0.1" in lines[1]
    assert "attack one does not have epsilon 0.05" in lines[2]


def test_repeats_of_networks_that_exist_are_told() -> None:
    training = {"width": 0.0625, "repeats": 3}
    assert not warned({"lr": 0.1}, training=training)
    study = yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())
    groups = study["groups"]
    groups["X-AO"]["network"] = {"file": "a.pt2", "classes": ["C1", "C2"]}
    (line,) = warned({"lr": 0.1}, training=training, groups=groups)
    assert line.startswith("training.repeats: warning: 3 trainings are not for group X-AO, whose")


PAIR = yaml.safe_load((PROJECT / "tests/data/studies/pair.yaml").read_text())


def of_pair(group: dict[str, Any], training: dict[str, Any] | None = None) -> list[str]:
    groups = {"X-TB": PAIR["groups"]["X-TB"] | group}
    return study_warnings(
        parse(PAIR | {"groups": groups, "training": PAIR["training"] | (training or {})})
    )


def of_field(field: str, lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(f"{field}: warning: ")]


def test_a_norm_that_the_classes_contradict_is_told() -> None:
    field = "groups.X-TB.norm"
    (line,) = of_field(field, of_pair({"norm": "C1"}))
    assert "names C1 (tuberculosis), but" in line and "are C2 (norm); write norm: C2" in line
    right: list[Any] = ["C2", [], None]
    assert not [line for norm in right for line in of_field(field, of_pair({"norm": norm}))]


def test_a_main_network_that_is_trained_on_attacked_images_is_told() -> None:
    training = {"adversarial": {"method": "pgd", "epsilon": 0.001}}
    networks = {"plain": {"adversarial": None}}
    (line,) = of_field("training.adversarial", of_pair({"networks": networks}, training))
    assert "full of group X-TB is itself trained on attacked images, so tables/defence.csv" in line
    assert not of_field("training.adversarial", of_pair({}, training))
    assert not of_field("training.adversarial", of_pair({"networks": {"b": training}}))


@pytest.mark.parametrize(("samples", "is_short"), [(10, True), (18, True), (19, False)])
def test_short_certificates_are_told(samples: int, is_short: bool) -> None:
    smoothing = Smoothing(sigma=0.2, samples=samples)
    assert (largest_radius(smoothing) < 0.5 * 0.2) == is_short
    networks = {"a": {"defence": {"smoothing": {"sigma": 0.2, "samples": samples}}}}
    lines = of_field(
        "groups.X-TB.networks.a.defence.smoothing.samples", of_pair({"networks": networks})
    )
    assert len(lines) == is_short
    assert not lines or f"{largest_radius(smoothing):.2g}, even where all agree" in lines[0]


def test_training_at_doses_that_no_attack_has_is_told() -> None:
    boxes = [a for a in PAIR["attacks"].values() if a.get("kind", "gradient") == "gradient"]
    largest = max(attack["epsilon"][-1] for attack in boxes)
    entry = "groups.X-TB.networks.a.adversarial.epsilon"
    for epsilon, count in ((largest, 0), (largest + 0.1, 1)):
        adversarial = {"method": "pgd", "epsilon": epsilon}
        networks = {"a": {"adversarial": adversarial}}
        lines = of_pair({"networks": networks})
        assert len(of_field(entry, lines)) == count
        everywhere = of_pair({"networks": {"a": {}}}, {"adversarial": adversarial})
        assert len(of_field("training.adversarial.epsilon", everywhere)) == count
        assert not of_field(entry, everywhere)


@pytest.mark.parametrize(
    "path", sorted([PROJECT / "config.yaml", *PROJECT.glob("resources/studies/*.yaml")]), ids=str
)
def test_the_studies_that_come_with_pgdose_have_no_warning(path: Any) -> None:
    assert study_warnings(parse(yaml.safe_load(path.read_text()))) == []


class Part(Model):
    rate: float = 1.0
    lr: Annotated[float, Field(deprecated="since 1.1; write `rate` instead")] = 1.0


class Whole(Model):
    parts: dict[str, Part] = Field(default_factory=dict)
    listed: list[Part] = Field(default_factory=list)


def test_a_deprecated_key_still_works_and_is_named() -> None:
    study = Whole.model_validate(
        {"parts": {"a": {"lr": 2}, "b": {"rate": 1}}, "listed": [{"lr": 3}]}
    )
    assert study.parts["a"].__dict__["lr"] == 2
    text = "deprecated since 1.1; write `rate` instead"
    assert sorted(_deprecated_keys(study)) == [("listed[0].lr", text), ("parts.a.lr", text)]
    assert Part.model_json_schema()["properties"]["lr"]["deprecated"] is True
