"""Which rows figures show, and how the epsilon is named at which an attack is shown."""

import pandas as pd
import pytest

from pgdose.plots import curve_rows, rows

GROUPS = {"X": "xray", "H": "histology"}


@pytest.mark.parametrize(
    ("epsilon", "target", "label"),
    [
        (0.1, 0.1, "ε = 0.1"),
        (0.1, 0.1 + 1e-12, "ε = 0.1"),
        (0.08, 0.1, "ε = 0.08 (nearest to 0.1)"),
        (0.0005, 0.02, "ε = 0.0005 (nearest to 0.02)"),
    ],
)
def test_an_epsilon_that_is_not_the_asked_one_says_so(
    epsilon: float, target: float, label: str
) -> None:
    assert rows.epsilon_label(epsilon, target) == label


def table() -> pd.DataFrame:
    measured = {"paper": [0.02, 0.1], "sign": [0.04, 0.3], "lost": [0.1, 0.5]}
    return pd.DataFrame(
        [
            (group, "main", attack, epsilon, 20, 0 if (group, attack) == ("H", "lost") else 9)
            for group in GROUPS
            for attack, epsilons in measured.items()
            for epsilon in epsilons
        ],
        columns=["group", "role", "attack", "epsilon", "iteration", "n_attacked"],
    )


def test_each_attack_has_its_own_nearest_epsilon() -> None:
    shown = rows.at_nearest_epsilon(table(), 0.1)
    assert dict(zip(shown["attack"], shown["epsilon"], strict=True)) == {
        **{"paper": 0.1, "sign": 0.04, "lost": 0.1},
    }
    assert len(shown) == 3 * len(GROUPS)  # groups without an image keep their rows
    assert rows.at_nearest_epsilon(table().iloc[:0], 0.1).empty


def test_a_label_names_the_epsilon_only_where_it_is_another_one() -> None:
    assert rows.attack_label("paper", 0.1, 0.1) == "paper"
    assert rows.attack_label("sign", 0.04, 0.1) == "sign at ε = 0.04 (nearest to 0.1)"


def test_main_networks_are_chosen_by_role() -> None:
    further = table().assign(role="further")
    assert rows.main_networks(pd.concat([further, table()])).equals(table())


def test_figure_3c_shows_an_attack_at_its_nearest_epsilon() -> None:
    names = {"bin_low": 0.9, "bin_high": 0.95, "n_flipped": 1, "asr": 0.1}
    bins = table().assign(**names, ci_low=0.0, ci_high=0.2)
    shown = curve_rows.over_confidence(bins, GROUPS, 0.1, 20)
    shown_at = set(zip(shown["attack"], shown["epsilon"], strict=True))
    assert shown_at == {("paper", 0.1), ("sign", 0.04), ("lost", 0.1)}
