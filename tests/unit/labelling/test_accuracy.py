"""How well the labeller does on the synthetic hospital's reports and on hand-written passages."""

import numpy as np
import pandas as pd
import pytest
from helpers.lexicons import shipped
from helpers.passages import measure_passages

from pgdose.analysis.agreement import measure_agreement
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.reports import states
from pgdose_phantom.report_phrases import REPORT_FINDINGS
from pgdose_phantom.report_texts import write_report


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


@pytest.mark.parametrize("half", ["ru_tuning", "ru_final", "ru_third"])
def test_hand_made_passages(half: str, lexicon: Lexicon) -> None:
    measured, wrong = measure_passages(half, lexicon)
    shown = f"{measured.round(3).to_string()}\n{wrong.to_string()}"
    assert measured["n"].min() >= 100, shown
    assert measured.loc[list(lexicon.findings), "f1"].min() >= 0.95, shown
    assert measured.loc["norm", "precision"] >= 0.99, shown


@pytest.mark.parametrize("language", ["ru", "en"])
def test_open_half_of_whole_reports(language: str) -> None:
    measured, wrong = measure_passages(f"{language}_reports_open", shipped(language), "composed")
    shown = f"{measured.round(3).to_string()}\n{wrong.to_string()}"
    findings = measured.drop(index="norm")
    assert measured["n"].min() >= 150, shown
    assert findings["f1"].min() >= 0.95, shown
    assert findings.loc[findings["n_present"] >= 10, "precision"].min() >= 0.92, shown
    assert measured.loc["norm", "precision"] >= 0.99, shown
    assert measured.loc["norm", "recall"] >= 0.85, shown


@pytest.mark.parametrize(("language", "norm_precision"), [("ru", 0.98), ("en", 0.99)])
def test_passages_to_tune_on(language: str, norm_precision: float) -> None:
    measured, wrong = measure_passages(f"{language}_tuning_more", shipped(language), "composed")
    shown = f"{measured.round(3).to_string()}\n{wrong.to_string()}"
    findings = measured.drop(index="norm")
    assert measured["n"].min() >= 300, shown
    assert findings.loc[findings["n_present"] >= 10, "precision"].min() >= 0.95, shown
    assert findings["recall"].dropna().min() >= 0.95, shown
    assert measured.loc["norm", "precision"] >= norm_precision, shown
    assert measured.loc["norm", "recall"] >= 0.88, shown
