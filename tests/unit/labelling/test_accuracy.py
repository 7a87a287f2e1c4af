"""How well the labeller does on the synthetic hospital's reports and on hand-written passages."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pgdose.analysis.agreement import label_errors, measure_agreement
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.reports import states
from pgdose_phantom.report_phrases import REPORT_FINDINGS
from pgdose_phantom.report_texts import write_report

PASSAGES = Path(__file__).parents[2] / "data" / "passages"


def reports(n: int, seed: int) -> tuple[pd.Series, pd.DataFrame]:
    """n reports and their states, one column per label."""
    rng = np.random.default_rng(seed)
    texts, truth = [], []
    for _ in range(n):
        findings = frozenset(str(f) for f in rng.choice(REPORT_FINDINGS, rng.integers(0, 5), False))
        text, said = write_report(rng, findings, str(rng.choice(["F", "M"])), rng.uniform(17, 90))
        texts.append(text)
        truth.append(said | {"norm": "unmentioned" if findings else "present"})
    return pd.Series(texts), pd.DataFrame(truth)


def test_phantom_truth_is_found_again(lexicon: Lexicon) -> None:
    texts, truth = reports(3000, seed=11)
    found = pd.DataFrame([states(text, lexicon) for text in texts])
    measured = measure_agreement(found, truth).set_index("label")
    assert (measured["n"] == 3000).all() and set(measured.index) == {"norm", *REPORT_FINDINGS}
    assert measured[["precision", "recall"]].min(axis=None) >= 0.97, measured.to_string()


def measure_passages(path: Path, lexicon: Lexicon) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Agreement with the hand labels of a passages file, and the errors."""
    passages = yaml.safe_load(path.read_text(encoding="utf-8"))
    unmentioned = dict.fromkeys(lexicon.findings, "unmentioned")
    hand = {
        p["id"]: unmentioned | p["labels"] | {"norm": "present" if p["norm"] else "unmentioned"}
        for p in passages
    }
    found = {p["id"]: states(p["text"], lexicon) for p in passages}
    tables = pd.DataFrame(found).T, pd.DataFrame(hand).T
    return measure_agreement(*tables).set_index("label"), label_errors(*tables)


@pytest.mark.parametrize("half", ["ru_tuning.yaml", "ru_final.yaml", "ru_third.yaml"])
def test_hand_made_passages(half: str, lexicon: Lexicon) -> None:
    measured, wrong = measure_passages(PASSAGES / half, lexicon)
    shown = f"{measured.round(3).to_string()}\n{wrong.to_string()}"
    assert measured["n"].min() >= 100, shown
    assert measured.loc[list(lexicon.findings), "f1"].min() >= 0.95, shown
    assert measured.loc["norm", "precision"] >= 0.99, shown
