"""The figure of abstention: which rows it shows, and what it draws of them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pgdose.plots import abstention

GROUPS = {"X-TB": "xray", "H-OV": "histology"}
SHARES = [0.0, 0.1, 0.5, 0.9]


def table(*, tie: bool = False) -> pd.DataFrame:
    rows = []
    conditions: list[tuple[Any, float, str]] = [(None, 0.0, "")]
    conditions += [("sign", e, choice) for e in (0.002, 0.02, 0.05) for choice in ("last", "best")]
    conditions += [("noise", 0.05, "last")]
    for group in GROUPS:
        for attack, epsilon, choice in conditions:
            for score in ("confidence", "margin"):
                for share in SHARES:
                    place = {"group": group, "run": "full", "role": "main", "attack": attack}
                    place |= {"epsilon": epsilon, "choice": choice, "score": score}
                    place |= {"iteration": 5 if attack else 0, "clean_rejected": share}
                    error = min(1.0, epsilon * 10 + share / 10)
                    ends = {"ci_low": error / 2, "ci_high": min(1, error + 0.1)}
                    rejected = 0.2 if tie else share
                    counts = {"n_images": 40, "n_accepted": round(40 * (1 - share))}
                    counts |= {"threshold": np.nan, "rejected": rejected}
                    rows.append(place | counts | ends | {"error": error})
    frame = pd.DataFrame(rows)
    return pd.concat([frame, frame.assign(run="r2", role="repeat", error=17.0)])


def test_main_networks_are_shown_at_two_amplitudes_and_their_last_iterates() -> None:
    rows = abstention.over_rejected(table(), GROUPS, 0.02, 0.002)
    assert rows["error"].max() <= 1
    conditions = rows[["attack", "condition", "epsilon"]].drop_duplicates()
    assert set(conditions.fillna("").itertuples(index=False, name=None)) == {
        *(("", "clean", 0.0), ("sign", "small", 0.002), ("sign", "operating", 0.02)),
        ("noise", "operating", 0.05),  # the nearest that it has
    }
    assert len(rows) == 4 * len(GROUPS) * 2 * len(SHARES)


def test_an_amplitude_that_is_both_is_shown_once() -> None:
    rows = abstention.over_rejected(table(), GROUPS, 0.002, 0.002)
    assert set(rows.loc[rows["attack"] == "sign", "condition"]) == {"operating"}


@pytest.mark.parametrize("tie", [False, True])
def test_each_panel_has_a_line_for_each_condition_and_score(tie: bool) -> None:
    rows = abstention.over_rejected(table(tie=tie), GROUPS, 0.02, 0.002)
    figure = abstention.error_over_rejected(rows, GROUPS)
    assert len(figure.axes) == 4
    sign = figure.axes[0]
    assert sign.get_title(loc="left") == "sign, iteration 5\nε = 0.002, 0.02"
    # Of each line all errors faintly, those of ten images and more, and the point at 10 %.
    assert len(sign.lines) == 3 * 3 * 2 and len(sign.collections) == 3
    whole, many, point = sign.lines[:3]
    assert (len(whole.get_xdata()), len(many.get_xdata()), len(point.get_xdata())) == (4, 3, 1)
    assert point.get_ydata()[0] == pytest.approx(0.01)
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"clean", "attacked, smaller ε", "confidence", "margin"} <= set(words)
    assert "disagreement" not in words


def test_without_attacks_the_figure_says_so() -> None:
    rows = table()
    rows = abstention.over_rejected(rows[rows["attack"].isna()], GROUPS, 0.02, 0.002)
    figure = abstention.error_over_rejected(rows, GROUPS)
    assert "No image was attacked" in figure.texts[0].get_text()
