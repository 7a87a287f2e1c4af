"""What tables call a defence, the passes of its training, and the margins of verdicts."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.workflow import PAIR, PROJECT

from pgdose.errors import UserError
from pgdose.study.defence_words import defence_words, training_passes
from pgdose.study.parsing import parse
from pgdose.study.study import Study

PGD = {"method": "pgd", "epsilon": 0.01, "steps": 7}
NETWORKS: dict[str, Any] = {
    "plain": {"lr": 0.01},
    "pgd": {"adversarial": PGD},
    "trades": {"adversarial": {**PGD, "method": "trades"}},
    "free": {"adversarial": {**PGD, "method": "free"}, "epochs": 7},
    "jpeg": {"defence": {"jpeg": {"quality": 50}}, "of": "pgd"},
    "range": {"defence": {"jpeg": {"quality": [40, 90]}}},
    "bits": {"defence": {"bit_depth": {"bits": 4}}},
    "median": {"defence": {"median": {"size": 3}}},
    "smooth": {"defence": {"smoothing": {"sigma": 0.1}}},
    "both": {"ensemble": ["full", "trades"]},
}


def study(**changed: Any) -> Study:
    content = yaml.safe_load(Path(PROJECT, PAIR).read_text())
    content["groups"]["X-TB"]["networks"] = NETWORKS
    return parse({**content, **changed})


def test_words_and_passes_of_every_kind_of_defence() -> None:
    runs = study().runs("X-TB")
    said = {name: (defence_words(run), training_passes(run, runs)) for name, run in runs.items()}
    assert said == {
        "full": ("", 1),
        "plain": ("", 1),
        "pgd": ("adversarial training (PGD, epsilon 0.01)", 8),
        "trades": ("adversarial training (TRADES, epsilon 0.01)", 9),
        "free": ("adversarial training (free, epsilon 0.01)", 1),
        "jpeg": ("jpeg (quality 50) before pgd", 8),
        "range": ("jpeg (quality 40 to 90) before full", 1),
        "bits": ("bit_depth (4 bits) before full", 1),
        "median": ("median (size 3) before full", 1),
        "smooth": ("smoothing (sigma 0.1) before full", 1),
        "both": ("ensemble of full, trades", 10),
    }
    assert {name for name, run in runs.items() if run.is_defended} == {*NETWORKS} - {"plain"}


@pytest.mark.parametrize(("margin", "value"), [("asr", 0), ("accuracy", 1), ("asr", -0.1)])
def test_a_margin_that_is_none_is_refused(margin: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"measures\.margins\.{margin}"):
        study(measures={"margins": {margin: value}})
