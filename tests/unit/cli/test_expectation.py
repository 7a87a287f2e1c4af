"""What a study will take: adversarial training, transfer, certificates, controls."""

import copy
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.cli import expectation
from pgdose.study.parsing import parse
from pgdose.study.study import Study

FORWARD, BOTH = 0.1, 0.3  # seconds of an image
JOBS = ("train", "attack_sign", "transfer", "certify", "corrupt", "universal")
GROUP = "X-TB"


@pytest.fixture
def study() -> dict[str, Any]:
    fields = yaml.safe_load((PROJECT / "tests/data/studies/pair.yaml").read_text())
    fields["groups"] = {GROUP: fields["groups"][GROUP]}
    return fields


def changed(study: dict[str, Any], controls: Any = None, **networks: Any) -> Study:
    study = copy.deepcopy(study)
    if networks:
        study["groups"][GROUP]["networks"] = networks
    return parse({**study, "controls": controls or {}})


def seconds(study: Study, what: str, jobs: tuple[str, ...] = JOBS) -> float:
    """The most seconds of a part."""
    steps = {key: [FORWARD, BOTH] for key in expectation.networks_to_time(study)}
    parts = {part.what: part for part in expectation.parts(study, dict.fromkeys(jobs, 1), steps)}
    found = parts[what].seconds
    assert found is not None
    return found[1]


def counts(study: Study) -> tuple[float, float]:
    """Training and validation images."""
    images = expectation.images_of(study, GROUP)
    assert images is not None
    training = images * study.training_share(GROUP)
    return training, images - training


@pytest.mark.parametrize(
    ("adversarial", "factor"),
    [
        ({"method": "pgd", "epsilon": 0.01, "steps": 7}, 6.1),
        ({"method": "trades", "epsilon": 0.01, "steps": 7}, 7.0),
        ({"method": "free", "epsilon": 0.01, "steps": 2}, 1.03),
        ({"method": "pgd", "epsilon": 0.01, "steps": 15}, 12.2),
    ],
)
def test_adversarial_training_takes_what_was_measured(
    study: dict[str, Any], adversarial: dict[str, Any], factor: float
) -> None:
    """The measured costs stand in docs/explanation/training.md."""
    alone, twice, robust = (
        seconds(changed(study, **networks), "training")
        for networks in ({}, {"plain": {"lr": 0.0005}}, {"robust": {"adversarial": adversarial}})
    )
    assert robust - alone == pytest.approx(factor * (twice - alone), rel=0.01)


def test_a_certificate_takes_its_copies_through_the_base_network(study: dict[str, Any]) -> None:
    smoothing = {"sigma": 0.1, "samples": 200, "selection": 50, "images": 3, "draws": 5}
    parsed = changed(study, smooth={"defence": {"smoothing": smoothing}})
    assert seconds(parsed, "certificates") == pytest.approx(3 * 250 * FORWARD)
    assert seconds(changed(study), "certificates") == 0


def test_corruptions_are_judged_once_for_each_severity_and_run(study: dict[str, Any]) -> None:
    noise = {"kind": "corruption", "corruption": "quantum_noise", "severities": [1, 3], "images": 4}
    parsed = changed(study, {"motes": noise}, other={"lr": 0.0005})
    judged = sum(run.role != "sized" for run in parsed.runs(GROUP).values())
    assert judged > 1
    expected = judged * 4 * 2 * FORWARD
    assert seconds(parsed, "controls: corruptions") == pytest.approx(expected)


def test_universal_perturbations_are_learned_and_judged_by_all_networks(
    study: dict[str, Any],
) -> None:
    entry = {"kind": "universal", "epsilon": [0.01, 0.02], "epochs": 3, "images": 4}
    parsed = changed(study, {"uap": entry}, other={"lr": 0.0005})
    training, _ = counts(parsed)
    each = 2 * (3 * training * BOTH + 4 * 2 * FORWARD)
    assert seconds(parsed, "controls: universal perturbations") == pytest.approx(2 * each)


def test_transfer_attacks_again_and_is_judged_by_all_networks(study: dict[str, Any]) -> None:
    study["attacks"] = {
        "sign": {"lr": 0.1, "epsilon": [0.01, 0.1], "max_iter": 9},
        "noise": {"kind": "noise", "epsilon": [0.1], "max_iter": 1},
    }
    study["operating_points"] = {"iterations": 5}
    parsed = changed(study, other={"lr": 0.0005})
    _, validation = counts(parsed)
    each = validation * (2 * 5 * BOTH + 3 * 2 * FORWARD)
    assert seconds(parsed, "transfer") == pytest.approx(2 * each)
    assert seconds(changed(study), "transfer") == 0


def test_only_what_has_jobs_left_is_counted(study: dict[str, Any]) -> None:
    parsed = changed(study)
    steps = {key: [FORWARD, BOTH] for key in expectation.networks_to_time(parsed)}
    jobs = {"attack_sign": 2, "universal_picture": 1}
    parts = {part.what: part for part in expectation.parts(parsed, jobs, steps)}
    assert set(parts) == {"starting jobs", "attacks"}
    assert parts["starting jobs"].seconds == (19.0, 19.0)  # a picture needs no torch
