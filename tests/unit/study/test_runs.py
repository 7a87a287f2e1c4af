"""The runs of a group, and the doses of an attack."""

from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.errors import UserError
from pgdose.study.attacks import GradientAttack
from pgdose.study.doses import TOLERANCE, Doses
from pgdose.study.networks import ExistingNetwork
from pgdose.study.parsing import parse
from pgdose.study.runs import may_be_further


@pytest.fixture
def study() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())


def test_the_main_run_comes_first_then_further_networks_then_sizes(study: dict[str, Any]) -> None:
    study["training_size"] = {
        "group": "H-OV",
        "sizes": [8, 16],
        "repeats": 2,
        "attacks": ["noise"],
    }
    parsed = parse(study)
    runs = parsed.runs("H-OV")
    further = list(study["groups"]["H-OV"]["networks"])
    assert list(runs) == ["full", *further, "n8-r1", "n8-r2", "n16-r1", "n16-r2"]
    assert all(run.name == name and run.group == "H-OV" for name, run in runs.items())
    assert runs["full"].role == "main" and runs["full"].network == parsed.training
    assert runs["full"].attacks == tuple(study["attacks"])
    assert runs[further[0]].role == "further" and runs[further[0]].network != parsed.training
    sized = runs["n16-r2"]
    assert sized.network == parsed.training and sized.attacks == ("noise",)
    assert sized.path == "H-OV/n16-r2"
    assert list(parsed.runs("X-TB")) == ["full"]


def test_several_groups_have_sizes_and_attacks_of_their_own(study: dict[str, Any]) -> None:
    study["training_size"] = [
        {"group": "H-OV", "sizes": [8], "repeats": 2, "attacks": ["noise"]},
        {"group": "X-TB", "sizes": [4], "repeats": 1, "attacks": ["paper", "noise"]},
    ]
    parsed = parse(study)
    sized = {
        group: {run.name: run.attacks for run in parsed.runs(group).values() if run.role == "sized"}
        for group in parsed.groups
    }
    assert sized.pop("H-OV") == {"n8-r1": ("noise",), "n8-r2": ("noise",)}
    assert sized.pop("X-TB") == {"n4-r1": ("paper", "noise")}
    assert not any(sized.values())


def test_repeats_of_the_main_run_have_names_and_draws_of_their_own(study: dict[str, Any]) -> None:
    study["training"] = {**study.get("training", {}), "repeats": 3}
    study["training_size"] = {"group": "H-OV", "sizes": [8], "repeats": 1, "attacks": ["noise"]}
    parsed = parse(study)
    runs = parsed.runs("H-OV")
    further = list(study["groups"]["H-OV"]["networks"])
    assert list(runs) == ["full", "full-r2", "full-r3", *further, "n8-r1"]
    roles = {run.name: (run.role, run.repeat, run.size) for run in runs.values()}
    assert roles["full"] == ("main", None, None)
    assert roles["full-r2"] == ("repeat", 2, None) and roles["full-r3"] == ("repeat", 3, None)
    assert runs["full-r2"].attacks == runs["full"].attacks == tuple(study["attacks"])
    # The digest of a training does not know how many there are, nor do further networks.
    assert "repeats" not in parsed.training.settings()
    assert runs["full-r2"].network.settings() == runs["full"].network.settings()
    assert "repeats" not in type(runs[further[0]].network).model_fields


def test_a_group_whose_network_exists_has_no_repeats(study: dict[str, Any]) -> None:
    study["training"] = {**study.get("training", {}), "repeats": 2}
    study["groups"]["X-AO"]["network"] = {"file": "a.pt2", "classes": ["C1", "C2"]}
    parsed = parse(study)
    assert list(parsed.runs("X-AO")) == ["full"]
    assert "full-r2" in parsed.runs("H-OV")


@pytest.mark.parametrize("repeats", [0, -1, 1.5, True, 1001])
def test_impossible_numbers_of_repeats_are_refused(study: dict[str, Any], repeats: Any) -> None:
    study["training"] = {**study.get("training", {}), "repeats": repeats}
    with pytest.raises(UserError, match=r"training\.repeats: "):
        parse(study)


def test_only_section_training_has_repeats(study: dict[str, Any]) -> None:
    name = next(iter(study["groups"]["H-OV"]["networks"]))
    study["groups"]["H-OV"]["networks"][name] = {"lr": 0.01, "repeats": 2}
    with pytest.raises(UserError, match=rf"groups\.H-OV\.networks\.{name}\.repeats"):
        parse(study)


def test_repeats_that_plan_too_many_jobs_are_named(study: dict[str, Any]) -> None:
    study["training"] = {**study.get("training", {}), "repeats": 1000}
    for attack in study["attacks"].values():
        attack["shards"] = 100
    with pytest.raises(UserError, match=r"training\.repeats: the study plans over"):
        parse(study)


def test_the_identity_of_a_run_is_plain_values(study: dict[str, Any]) -> None:
    study["training_size"] = {"group": "H-OV", "sizes": [8], "repeats": 1, "attacks": ["noise"]}
    runs = parse(study).runs("H-OV")
    main = {"group": "H-OV", "run": "full", "role": "main", "size": None, "repeat": None}
    sized = {"group": "H-OV", "run": "n8-r1", "role": "sized", "size": 8, "repeat": 1}
    assert runs["full"].identity() == main
    assert runs["n8-r1"].identity() == sized


def test_a_run_knows_where_its_network_stands_in_the_study(study: dict[str, Any]) -> None:
    network = {"file": "a.pt2", "classes": ["C1", "C2"]}
    study["groups"]["H-OV"]["networks"] = {"other": network}
    assert parse(study).runs("H-OV")["full"].field == "training"
    study["groups"]["H-OV"]["network"] = network
    runs = parse(study).runs("H-OV")
    assert isinstance(runs["full"].network, ExistingNetwork)
    assert runs["full"].field == "groups.H-OV.network"
    assert runs["other"].field == "groups.H-OV.networks.other"


@pytest.mark.parametrize(
    ("name", "free"),
    [
        *[(name, False) for name in ("full", "images", "n8-r1", "full-r2", "full-r10")],
        *[(name, True) for name in ("n8", "n8-r1x", "full-r2x", "full-", "full2")],
    ],
)
def test_further_networks_leave_the_names_of_other_runs(name: str, free: bool) -> None:
    assert may_be_further(name) == free


def test_an_attack_has_doses() -> None:
    attack = GradientAttack(epsilon=[0.02, 0.1], max_iter=7, lr=0.1)
    assert attack.doses == Doses((0.02, 0.1), 7)
    assert attack.doses.level_of(0.1 + TOLERANCE / 2) == 1
    assert attack.doses.level_of(0.1 + 2 * TOLERANCE) is None
    assert attack.doses.nearest_level(0.05) == 0
    assert attack.doses.nearest_level(0.06) == 0  # of two equally near ones the smaller
    assert attack.doses.nearest_level(0.02, measured=[1]) == 1


@pytest.mark.parametrize(
    ("epsilons", "max_iter"),
    [((), 1), ((0.1, 0.1), 1), ((0.2, 0.1), 1), ((0.0,), 1), ((float("nan"),), 1), ((0.1,), 0)],
)
def test_doses_that_make_no_sense_are_refused(epsilons: tuple[float, ...], max_iter: int) -> None:
    with pytest.raises(UserError):
        Doses(epsilons, max_iter)


def test_two_amplitudes_that_are_the_same_are_refused(study: dict[str, Any]) -> None:
    study["attacks"]["paper"]["epsilon"] = [0.02, 0.1, 0.1 + 1e-12]
    with pytest.raises(
        UserError, match=r"attacks\.paper\.epsilon: .* in rising order, without repeats"
    ):
        parse(study)


def test_the_operating_epsilon_is_an_amplitude_of_some_attack(study: dict[str, Any]) -> None:
    study["operating_points"] = {"epsilon": 0.1 + 1e-12}
    parse(study)
    study["operating_points"] = {"epsilon": 0.11}
    with pytest.raises(
        UserError, match=r"operating_points\.epsilon: no attack has epsilon 0.11; use one"
    ):
        parse(study)
