"""How labeller and person are compared, on examples counted by hand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from pgdose.analysis.agreement import (
    errors_by_record,
    film_states,
    hand_states,
    label_confusion,
    label_errors,
    labeller_states,
    measure_agreement,
    reports_of_both,
)
from pgdose.errors import UserError
from pgdose.user_tables.source_tables import hand_label_table

P, A, Q, U = "present", "absent", "uncertain", "unmentioned"
# Two labels, ten reports: fibrosis has 3 hits, 2 false alarms, 2 misses (one for doubt), 3 rest.
HAND = pd.DataFrame(
    {"fibrosis": [P, P, P, P, P, Q, A, U, A, Q], "aorta": [U] * 10},
    index=pd.Index(list("abcdefghij"), name="id"),
)
LABELLED = pd.DataFrame(
    {"fibrosis": [P, P, P, Q, A, P, P, U, A, A], "aorta": [U] * 10}, index=HAND.index
)


def test_counts_and_measures() -> None:
    row = measure_agreement(LABELLED, HAND).set_index("label").loc["fibrosis"]
    counted = ["n", "n_present", "true_positive", "false_positive", "false_negative"]
    assert row[[*counted, "true_negative"]].tolist() == [10, 5, 3, 2, 2, 3]
    assert row[["precision", "recall", "f1"]].tolist() == [0.6, 0.6, 0.6]


def test_wilson_intervals() -> None:
    """(p + z2/2n +- z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n) for 3 of 5, z = 1.96."""
    row = measure_agreement(LABELLED, HAND).set_index("label").loc["fibrosis"]
    assert row["precision_low"] == row["recall_low"] == pytest.approx(0.2307, abs=5e-5)
    assert row["precision_high"] == row["recall_high"] == pytest.approx(0.8824, abs=5e-5)


def test_f1_interval_is_that_of_redrawn_reports() -> None:
    """Against a bootstrap written out: reports drawn with replacement, F1 of each draw."""
    hand, labeller = pd.concat([HAND] * 20), pd.concat([LABELLED] * 20)
    hand.index = labeller.index = pd.RangeIndex(200)
    row = measure_agreement(labeller, hand, seed=1).set_index("label").loc["fibrosis"]
    is_true, is_labelled = (
        (hand["fibrosis"] == P).to_numpy(),
        (labeller["fibrosis"] == P).to_numpy(),
    )
    drawn = np.random.default_rng(2).integers(200, size=(4000, 200))
    hits = (is_true & is_labelled)[drawn].sum(axis=1)
    f1 = 2 * hits / (is_true[drawn].sum(axis=1) + is_labelled[drawn].sum(axis=1))
    assert row[["f1_low", "f1_high"]].tolist() == pytest.approx(
        np.percentile(f1, [2.5, 97.5]).tolist(), abs=0.015
    )
    assert measure_agreement(labeller, hand, seed=1).equals(
        measure_agreement(labeller, hand, seed=1)
    )


def test_kappa_is_that_of_present_against_the_rest() -> None:
    """3 hits, 2 false alarms, 2 misses, 3 rest: 0.6 agree, 0.5 by chance."""
    row = measure_agreement(LABELLED, HAND).set_index("label").loc["fibrosis"]
    assert row["kappa"] == pytest.approx((0.6 - 0.5) / (1 - 0.5))
    opposite = HAND.replace({P: A, Q: P, A: P, U: P})
    assert measure_agreement(opposite, HAND)["kappa"][0] == pytest.approx(-1)


@pytest.mark.parametrize("counts", [(90, 10, 20, 280), (30, 4, 6, 60), (3, 40, 50, 307)])
def test_kappa_and_its_interval_beside_another_library(counts: tuple[int, ...]) -> None:
    """statsmodels' interval is the asymptotic one; with some hundred reports they are close."""
    hits, alarms, misses, rest = counts
    hand = [P] * hits + [A] * alarms + [P] * misses + [A] * rest
    labelled = [P] * (hits + alarms) + [A] * (misses + rest)
    tables = [pd.DataFrame({"fibrosis": states}) for states in (labelled, hand)]
    row = measure_agreement(*tables).set_index("label").loc["fibrosis"]
    other = cohens_kappa([[hits, alarms], [misses, rest]])
    assert row["kappa"] == pytest.approx(other.kappa)
    ends = row[["kappa_low", "kappa_high"]].tolist()
    assert ends == pytest.approx([other.kappa_low, other.kappa_upp], abs=0.03)


def test_nothing_there_is_no_measure() -> None:
    row = measure_agreement(LABELLED, HAND).set_index("label").loc["aorta"]
    assert row["true_negative"] == 10
    assert row[["kappa", "kappa_low", "kappa_high"]].isna().all()
    assert row[["precision", "precision_low", "recall", "recall_high", "f1", "f1_low"]].isna().all()


def test_perfect_agreement() -> None:
    row = measure_agreement(HAND, HAND).set_index("label").loc["fibrosis"]
    assert row[["precision", "recall", "f1", "f1_low", "f1_high"]].tolist() == [1] * 5
    assert row[["kappa", "kappa_low", "kappa_high"]].tolist() == [1] * 3


def test_what_was_not_judged_is_left_out() -> None:
    hand = HAND.drop(index="j")
    hand.loc["a", "fibrosis"] = None
    hand.loc["unknown"] = P
    row = measure_agreement(LABELLED, hand).set_index("label").loc["fibrosis"]
    assert row[["n", "n_present", "true_positive"]].tolist() == [8, 4, 2]
    assert measure_agreement(LABELLED, hand.drop(columns="aorta"))["label"].tolist() == ["fibrosis"]
    with pytest.raises(ValueError, match="once"):
        measure_agreement(LABELLED, pd.concat([hand, hand]))


def test_confusion() -> None:
    table = label_confusion(LABELLED, HAND)
    assert list(table) == ["label", "hand", "found", "n"]
    assert len(table) == 2 * 16
    counts = table.set_index(["label", "hand", "found"])["n"]
    some = counts[counts > 0].to_dict()
    assert some == {
        ("fibrosis", P, P): 3,
        ("fibrosis", P, Q): 1,
        ("fibrosis", P, A): 1,
        ("fibrosis", Q, P): 1,
        ("fibrosis", Q, A): 1,
        ("fibrosis", A, P): 1,
        ("fibrosis", A, A): 1,
        ("fibrosis", U, U): 1,
        ("aorta", U, U): 10,
    }


def test_errors() -> None:
    assert label_errors(LABELLED, HAND).to_numpy().tolist() == [
        ["fibrosis", "d", P, Q],
        ["fibrosis", "e", P, A],
        ["fibrosis", "f", Q, P],
        ["fibrosis", "g", A, P],
    ]
    assert list(label_errors(HAND, HAND)) == ["label", "id", "hand", "found"]


def test_states_from_the_labellers_tables() -> None:
    labels = pd.DataFrame(
        {"label_norm": [0, None, 1], "label_fibrosis": [1, 1, 0], "label_aorta": [None, 0, 0]},
        dtype="Int8",
    ).assign(report=[4, 7, 9], link=["c", "a", "b"])
    rows = [
        (4, "fibrosis", A),
        (4, "fibrosis", P),
        (4, "aorta", Q),
        (4, "aorta", A),
        (7, "norm", P),
        (7, "fibrosis", P),
        (9, "norm", P),
        (9, "fibrosis", A),
    ]
    mentions = pd.DataFrame(rows, columns=["report", "label", "state"])
    table = labeller_states(labels, mentions)
    assert table.index.tolist() == ["c", "a", "b"]
    assert table.to_numpy().tolist() == [[U, P, Q], [Q, P, U], [P, A, U]]


def test_only_reports_of_both_tables_are_compared() -> None:
    hand = HAND.loc[["e", "b"]].rename(index={"b": "elsewhere"})
    labeller, judged = reports_of_both(LABELLED, hand, "field")
    assert labeller.index.tolist() == judged.index.tolist() == ["e"]
    with pytest.raises(UserError, match=r"^field: none of its 1 ids is the id of a report"):
        reports_of_both(LABELLED, hand.loc[["elsewhere"]], "field")


def test_errors_have_records_and_no_accession_numbers() -> None:
    errors = label_errors(LABELLED, HAND)
    headers = pd.DataFrame({"record_id": ["r1", "r2", "r3", "r4"], "link": ["e", "d", "e", None]})
    table = errors_by_record(errors, headers)
    assert list(table) == ["record_id", "label", "hand", "found"]
    assert table["record_id"].fillna("").tolist() == ["r1", "r2", "", ""]


# --- a person's table -------------------------------------------------------------------------


def hand(path: Path, content: str, names: Sequence[str] = ("norm", "fibrosis")) -> pd.DataFrame:
    path.write_text(content, encoding="utf-8")
    return hand_states(hand_label_table(path, "xray", {"id": "id"}), names)


def test_hand_labels(tmp_path: Path) -> None:
    cells = ["1", "0", "?", "", " Present ", "absent", "UNCERTAIN", "unmentioned"]
    rows = [f"{n},{cell},50,{(n + 1) % 2}.0" for n, cell in enumerate(cells)]
    content = "\n".join(["\ufeffid,fibrosis,age,norm", *rows])
    states = hand(tmp_path / "hand.csv", content, ["norm", "fibrosis", "aorta"])
    assert states.index.tolist() == list("01234567") and states.index.name == "id"
    assert states["fibrosis"].tolist() == [P, A, Q, U] * 2
    assert states["norm"].tolist() == [P, A] * 4
    assert list(states) == ["norm", "fibrosis"]


MISTAKES = [
    ("nr,fibrosis\n1,1\n", r"no column 'id' in hand.csv; its columns are: nr"),
    (
        "id,fibrose\n1,1\n",
        r"no column of hand.csv is named after a label; .* norm, fibrosis; .*id and 1 not shown",
    ),
    ("id,fibrosis\na,1\nb,0\na,1\n", r"line 4: repeats the id of an earlier line"),
    ("id,fibrosis\na,1\nb,yes\n", r"line 3: column 'fibrosis' must be 1, 0, \?"),
    ("id,fibrosis\na,Пневмония у Иванова\n", r"line 2: column 'fibrosis' must be"),
    ("", r"no column of hand.csv is named after a label"),
    ("id,fibrosis\na,1,x\nb,0,x\n", r"line 2: 3 cells, but the header has 2"),
]


@pytest.mark.parametrize(("content", "message"), MISTAKES)
def test_mistakes_in_hand_labels(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as error:
        hand(tmp_path / "hand.csv", content)
    assert str(error.value).startswith("sources.xray.reports.hand_labels.")
    assert str(tmp_path) not in str(error.value) and "Иванов" not in str(error.value)


def test_hand_labels_that_are_not_there(tmp_path: Path) -> None:
    made = hand_label_table(tmp_path / "none.csv", "xray", {"id": "id"})
    with pytest.raises(UserError, match=r"none\.csv cannot be read: No such file"):
        hand_states(made, ["fibrosis"])


def test_labels_of_a_table_are_states_of_their_reports() -> None:
    labels = pd.DataFrame(
        {
            "record_id": list("abcd"),
            "link": ["1", "1", "2", None],
            "label_fibrosis": pd.array([1, 0, -1, 1], "Int8"),
        }
    )
    assert film_states(labels)["fibrosis"].to_dict() == {"1": P, "2": Q}
