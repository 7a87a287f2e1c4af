"""Images that any attack flips."""

import math

import numpy as np
import pandas as pd
from helpers.twelve_images import DRAWS, SEED, ends, interval_by_hand

from pgdose.analysis.worst_case import all_epsilons, highest_level, worst_case
from pgdose.study.doses import Doses


def smallest(doses: Doses, **of: float) -> pd.DataFrame:
    """Images by the smallest epsilon that flips them; m2 and m3 are of patient p1, and so on."""
    members = [int(name.removeprefix("m")) for name in of]
    patient = [f"p{member // 2}" for member in members]
    levels = [len(doses) if e == math.inf else doses.level_of(e) for e in of.values()]
    return pd.DataFrame({"member": members, "patient": patient, "smallest_level": levels})


def test_the_worst_case_over_two_attacks() -> None:
    inf = math.inf
    ladders = {"paper": Doses((0.02, 0.1), 2), "sign": Doses((0.05, 0.1), 2)}
    images = {
        "paper": smallest(ladders["paper"], m0=0.02, m1=inf, m2=0.1, m3=inf, m4=inf, m9=0.02),
        "sign": smallest(ladders["sign"], m0=0.1, m1=0.05, m2=0.05, m3=inf, m4=inf, m8=0.05),
    }
    table = worst_case(images, ladders, DRAWS, SEED)
    assert table["epsilon"].tolist() == [0.02, 0.05, 0.1]
    assert (table["attacks"] == "paper+sign").all()
    assert (table["n_attacked"] == 5).all()  # 8 and 9 were tried by one attack alone
    assert table["n_flipped"].tolist() == [1, 3, 3]
    assert table["asr"].tolist() == [0.2, 0.6, 0.6]
    patients = ["p0", "p0", "p1", "p1", "p2"]
    assert interval_by_hand([True] * 3 + [False] * 2, patients=patients) == ends(table.iloc[1])


def test_the_worst_case_is_at_least_each_attack() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.choice([0.02, 0.05, 0.1, math.inf], (2, 30))
    ladder = Doses((0.02, 0.05, 0.1), 2)
    images = {
        name: smallest(ladder, **{f"m{i}": e for i, e in enumerate(of)})
        for name, of in zip(("a", "b"), drawn, strict=True)
    }
    both = worst_case(images, {"a": ladder, "b": ladder}, 50, SEED)
    for i, (name, table) in enumerate(images.items()):
        alone = worst_case({name: table}, {name: ladder}, 50, SEED)
        assert (alone["asr"] <= both["asr"]).all()
        assert alone["n_flipped"].tolist() == [(drawn[i] <= e).sum() for e in ladder.epsilons]


def test_epsilons_of_several_attacks_stand_once() -> None:
    """In spite of rounding; and an attack counts at the doses that it has up to each epsilon."""
    fine, coarse = Doses((0.05, 0.1, 0.2), 2), Doses((0.1 + 1e-12, 0.3), 2)
    assert all_epsilons([fine, coarse]) == [0.05, 0.1, 0.2, 0.3]
    assert [highest_level(coarse, epsilon) for epsilon in (0.05, 0.1, 0.2, 0.3)] == [-1, 0, 0, 1]


def test_without_attacks_there_is_no_worst_case() -> None:
    assert worst_case({}, {}, DRAWS, SEED).empty
