"""Which attacks share a process."""

from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.study.attack_jobs import attack_jobs
from pgdose.study.parsing import parse
from pgdose.study.study import Study


def study(name: str, **attacks: Any) -> Study:
    """A study of the project, with other keys of its attacks."""
    raw = yaml.safe_load((PROJECT / name).read_text())
    for attack, keys in attacks.items():
        raw["attacks"].setdefault(attack.replace("_", "-"), {}).update(keys)
    return parse(raw)


def divided(study: Study) -> list[tuple[str, tuple[str, ...]]]:
    return [(job.rule, job.attacks) for job in attack_jobs(study)]


@pytest.mark.parametrize("name", ["config.yaml", "resources/studies/paper.yaml"])
def test_all_attacks_of_a_run_share_a_job(name: str) -> None:
    """Also at the paper's size."""
    whole = study(name)
    alone = tuple(whole.training_size[0].attacks)
    expected = [("attack", tuple(whole.attacks)), ("_".join(("attack", *alone)), alone)]
    assert divided(whole) == expected
    runs = [run.path for job in attack_jobs(whole) for run in job.runs]
    assert runs == list(dict.fromkeys(runs))  # no run twice, since each has one job a shard


@pytest.mark.parametrize("keys", [{"shards": 3}, {"threads": 5}, {"mem_mb": 5000}])
def test_an_attack_that_needs_something_else_has_another_job(keys: dict[str, int]) -> None:
    first, second, sized = attack_jobs(study("config.yaml", sign=keys))
    assert first.attacks == ("paper", "paper-literal", "margin", "noise")
    assert (second.rule, second.attacks) == ("attack_sign", ("sign",))
    assert sized.rule == "attack_paper_paper-literal_margin"
    assert all(getattr(second, key) == value != getattr(first, key) for key, value in keys.items())


def test_a_job_takes_the_time_of_all_its_attacks() -> None:
    """A longer one does not divide them."""
    first, sized = attack_jobs(study("config.yaml", sign={"runtime": 100}))
    assert first.runtime == 4 * 60 + 100
    assert sized.runtime == 3 * 60 + 100


def test_an_attack_of_another_library_has_a_job_to_itself() -> None:
    square = {"kind": "external", "library": "torchattacks", "name": "Square", "epsilon": [0.1]}
    names = [
        job.attacks for job in attack_jobs(study("config.yaml", square=square | {"threads": 1}))
    ]
    assert ("square",) in names
