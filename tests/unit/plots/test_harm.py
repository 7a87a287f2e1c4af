"""The figures of missed disease, false alarms and expected harm."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pgdose.plots import harm, style

GROUPS = {"X-TB": "xray", "X-AO": "xray", "X-NR2": "xray", "H-BR": "histology"}
EPSILONS = {"sign": [0.0005, 0.002, 0.02], "noise": [0.02, 0.1]}


def table() -> pd.DataFrame:
    """X-NR2 has no norm, X-AO no image of any kind, and only H-BR has weights."""
    rows: list[dict[str, Any]] = []
    for group in GROUPS:
        for attack, epsilons in EPSILONS.items():
            for e in [0.0, *epsilons]:
                point = {"group": group, "run": "full", "role": "main", "attack": attack}
                point |= {"epsilon": e, "iteration": 7 * (e > 0), "n_images": 9, "n": 3}
                for error, rate in (("missed", 0.1 + 9 * e), ("false_alarm", 0.1 + e)):
                    rate = np.nan if group == "X-AO" else min(rate, 1.0)
                    ends = {"rate": rate, "ci_low": rate * 0.8, "ci_high": rate * 1.1}
                    if group != "X-NR2":
                        rows.append({**point, "error": error, **ends})
                        rows.append({**point, "error": error, "class": "C1", **ends, "rate": 17.0})
                ends = {"rate": 1 + e, "ci_low": 0.5 + e, "ci_high": 3 + e}
                weights = "study" if group == "H-BR" else "equal"
                rows.append({**point, "error": "expected_harm", "weights": weights, **ends})
    frame = pd.DataFrame(rows)
    return pd.concat([frame, frame.assign(role="sized", rate=17.0)], ignore_index=True)


def reached() -> pd.DataFrame:
    places = [(g, "main", a, e) for g in GROUPS for a, es in EPSILONS.items() for e in es]
    frame = pd.DataFrame(places, columns=["group", "role", "attack", "epsilon"])
    return frame.assign(reached=frame["epsilon"] < 0.1)


def texts(figure: Figure) -> str:
    of_panels = [text.get_text() for panel in figure.axes for text in panel.texts]
    titles = [panel.get_title("left") + panel.get_ylabel() for panel in figure.axes]
    legend = [text.get_text() for box in figure.legends for text in box.get_texts()]
    return " ".join([*titles, *of_panels, *legend])


def test_the_rows_are_of_main_networks_and_of_all_classes() -> None:
    rows = harm.missed_and_false_alarms(table(), GROUPS, reached())
    assert set(rows["group"]) == set(GROUPS) - {"X-NR2"} and rows["rate"].max() <= 1
    assert len(rows) == 3 * 2 * (4 + 3)
    assert (rows["reached"] == (rows["epsilon"] < 0.1)).all()
    weighed = harm.expected_harms(table(), GROUPS)
    assert set(weighed["group"]) == {"H-BR"} and len(weighed) == 4 + 3


def test_each_group_has_its_panels() -> None:
    figure = harm.errors_over_epsilon(
        harm.missed_and_false_alarms(table(), GROUPS, reached()), GROUPS
    )
    assert len(figure.axes) == 3 * 2
    shown = texts(figure)
    for words in ("X-TB", "H-BR", "sign, iteration 7", "no image attacked", "missed", "never"):
        assert words in shown, words
    assert "X-NR2" not in shown
    lines = figure.axes[0].get_lines()
    curve = next(line for line in lines if len(line.get_xdata()) == 3)
    np.testing.assert_allclose(curve.get_ydata(), [0.1 + 9 * e for e in EPSILONS["sign"]])
    assert any(list(line.get_ydata()) == [0.1, 0.1] for line in lines)  # before the attack


def test_expected_harm_has_its_own_axis() -> None:
    figure = harm.expected_harm_over_epsilon(harm.expected_harms(table(), GROUPS), GROUPS)
    assert len(figure.axes) == 2
    assert figure.axes[0].get_ylim()[1] == pytest.approx(3.1 * 1.05)
    assert "H-BR" in texts(figure) and "X-TB" not in texts(figure)


@pytest.mark.parametrize("draw", [harm.errors_over_epsilon, harm.expected_harm_over_epsilon])
def test_nothing_measured_is_said_in_words(draw: Any) -> None:
    rows = harm.missed_and_false_alarms(table(), {"X-AO": "xray"})
    figure = draw(rows, GROUPS)
    assert not figure.axes and "measured" in figure.texts[0].get_text()


def test_the_file_is_the_same_each_time(tmp_path: Any) -> None:
    rows = harm.missed_and_false_alarms(table(), GROUPS, reached())
    for name in ("a.svg", "b.svg"):
        style.save(harm.errors_over_epsilon(rows, GROUPS), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
