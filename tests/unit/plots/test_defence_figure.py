"""The figure of defended networks, from made-up tables."""

import numpy as np
import pandas as pd

from pgdose.plots import defence, style

GROUPS = {"X-TB": "xray", "H-BR": "histology"}
NETWORKS = {"full": "", "robust": "adversarial training", "jpeg": "JPEG of quality 50"}
EPSILONS = [0.001, 0.01, 0.1]


def rows(groups: list[str] | None = None, **changed: object) -> pd.DataFrame:
    """The figure's rows: of two networks in H-BR, of three in X-TB, and of one that is plain."""
    asr, networks, shown, reached = [], [], [], []
    for group in groups if groups is not None else ["H-BR", "X-TB"]:
        for run, words in {**NETWORKS, "plain": "", "n9-r1": ""}.items():
            if group == "H-BR" and run == "jpeg":
                continue
            networks.append((group, run, 0.9, 0.8, 1.0))
            shown += [(group, run, words)] * 2 if words else []
            for iteration in (1, 2):
                for place, epsilon in enumerate(EPSILONS):
                    rate = 0.1 * place + 0.05 * iteration
                    dose = (group, run, "sign", epsilon)
                    asr.append((*dose, iteration, 9, rate, rate - 0.1, rate + 0.1))
                    reached.append((*dose, epsilon < 0.1))
    names = ["group", "run", "attack", "epsilon"]
    table = defence.defence_rows(
        pd.DataFrame(asr, columns=[*names, "iteration", "n_attacked", "asr", "ci_low", "ci_high"]),
        pd.DataFrame(networks, columns=["group", "run", "accuracy", "ci_low", "ci_high"]),
        pd.DataFrame(shown, columns=["group", "run", "defence"]),
        GROUPS,
        2,
        pd.DataFrame(reached, columns=[*names, "reached"]).drop_duplicates(),
    )
    return table.assign(**changed)


def test_main_and_defended_networks_stand_in_the_order_of_the_study() -> None:
    table = rows()
    assert table["group"].unique().tolist() == ["X-TB", "H-BR"]
    assert table.loc[table["group"] == "X-TB", "run"].unique().tolist() == list(NETWORKS)
    assert table.loc[table["group"] == "H-BR", "run"].unique().tolist() == ["full", "robust"]
    attacked = table[table["attack"] == "sign"]
    assert set(attacked["iteration"]) == {2} and not attacked["reached"].all()
    assert len(attacked) == 5 * len(EPSILONS)
    assert len(table) == len(attacked) + 5


def test_a_row_of_panels_for_each_group_and_the_accuracy_at_its_side() -> None:
    figure = defence.defences(rows(), GROUPS)
    titles = [panel.get_title("left") for panel in figure.axes]
    assert titles == ["sign, iteration 2", "clean images", "", ""]
    curves, clean = figure.axes[:2]
    drawn = [line for line in curves.lines if line.get_gid() != "unreached"]
    assert len(drawn) == 3 and len({line.get_color() for line in drawn}) == 3
    grey = [line for line in curves.lines if line.get_gid() == "unreached"]
    assert [list(line.get_xdata()) for line in grey] == [[0.1]] * 3
    assert [label.get_text() for label in clean.get_xticklabels()] == list(NETWORKS)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[:3] == [
        "full: not defended",
        "robust: adversarial training",
        "jpeg: JPEG of quality 50",
    ]
    assert texts[3] == style.INTERVAL and "never reached" in texts[4]


def test_a_network_has_one_look_in_all_groups() -> None:
    figure = defence.defences(rows(), GROUPS)
    first, second = (figure.axes[place].lines for place in (0, 2))
    assert first[0].get_color() == second[0].get_color() == style.UNDEFENDED
    looks = style.defence_looks(list(NETWORKS), "full")
    assert second[2].get_color() == looks["robust"].color


def test_what_is_not_known_is_said_and_not_drawn() -> None:
    figure = defence.defences(rows(rate=np.nan, ci_low=np.nan, ci_high=np.nan), GROUPS)
    assert [text.get_text() for text in figure.axes[0].texts] == ["no image attacked"]
    assert "No network was defended" in defence.defences(rows([]), GROUPS).texts[0].get_text()
