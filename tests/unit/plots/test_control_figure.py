"""The figure of controls: its rows, and what stands in it."""

import numpy as np
import pandas as pd

from pgdose.plots import control_rows, controls, style
from pgdose.plots.panels import NO_RATE

GROUPS = {"X-TB": "xray", "H-BR": "histology", "H-OV": "histology"}
EPSILONS = [0.001, 0.01, 0.1]
BY_GROUP = {
    "X-TB": ("exposure", "marker", "quantum_noise"),
    "H-BR": ("defocus", "bubbles", "stain_shift"),
}
ATTACKS = {"sign": "l_inf", "noise": "l_inf", "pgd-l2": "l2"}


def rates(rate: float) -> dict[str, float]:
    ends = {"ci_low": max(rate - 0.1, 0), "ci_high": min(rate + 0.15, 1)}
    return {"n_attacked": 40, "n_flipped": round(40 * rate), "asr": rate, **ends}


def asr() -> pd.DataFrame:
    return pd.DataFrame(
        {"group": group, "run": "full", "role": "main", "attack": attack, "epsilon": epsilon}
        | {"iteration": iteration}
        | rates(0.0 if iteration == 0 else (level + 1) / 3 / (1 + (attack == "noise")))
        for group in GROUPS
        for attack in (*ATTACKS, "raw")
        for level, epsilon in enumerate(EPSILONS)
        for iteration in (0, 5)
    )


def table() -> pd.DataFrame:
    rows = [
        {"group": group, "run": run, "judge": judge, "control": name, "kind": "corruption"}
        | {"role": "main" if run == "full" else "further", "severity": severity}
        | {"l_inf": 0.05 * severity * (1 + place), "l2": 2.0 * severity}
        | rates(0.15 * severity * (1 + place) / 3)
        for group, names in BY_GROUP.items()
        for place, name in enumerate(names)
        for severity in (1, 3, 5)
        for run, judge in (("full", "full"), ("other", "other"), ("full", "other"))
    ]
    frame = pd.DataFrame(rows).astype({"severity": "Int32"})
    ends = {f"{n}_{end}": frame[n] * f for n in ("l_inf", "l2") for end, f in ENDS.items()}
    return frame.assign(**ends)


ENDS = {"low": 0.5, "high": 1.5}


def test_attacks_and_controls_of_each_norm_are_rows_of_the_groups_with_controls() -> None:
    reached = pd.DataFrame(
        [{"group": g, "role": "main", "attack": "noise", "epsilon": 0.1, "reached": False}
         for g in GROUPS]
    )  # fmt: skip
    rows = control_rows.over_size(asr(), table(), GROUPS, ATTACKS, 5, reached)
    assert set(rows["group"]) == set(BY_GROUP)
    box = rows[(rows["group"] == "X-TB") & (rows["norm"] == "l_inf")]
    attacks = box[box["kind"] == "attack"]
    assert attacks["name"].tolist() == ["sign"] * 3 + ["noise"] * 2  # "raw" has another epsilon
    assert attacks["size"].tolist() == [*EPSILONS, *EPSILONS[:2]]
    assert (attacks["asr"] > 0).all() and attacks["severity"].isna().all()
    exposure = box[box["name"] == "exposure"]
    assert exposure["severity"].tolist() == [1, 3, 5]
    assert exposure["size"].tolist() == [0.05, 0.15000000000000002, 0.25]
    lengths = rows[(rows["group"] == "X-TB") & (rows["norm"] == "l2")]
    assert lengths[lengths["kind"] == "attack"]["name"].unique().tolist() == ["pgd-l2"]
    assert lengths[lengths["name"] == "marker"]["size"].tolist() == [2.0, 6.0, 10.0]


def test_each_group_has_a_panel_for_each_norm_with_its_attacks_and_controls() -> None:
    rows = control_rows.over_size(asr(), table(), GROUPS, ATTACKS, 5)
    figure = controls.asr_over_size(rows, GROUPS)
    panels = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_title(loc="left") for panel in panels] == ["X-TB", "H-BR"] * 2
    assert [panel.get_xlabel()[:7] for panel in panels] == ["largest"] * 2 + ["length "] * 2
    first = panels[0]
    lines = [line for line in first.lines if len(line.get_xdata()) > 1]  # type: ignore[arg-type]
    assert len(lines) == 2 + 3
    left, right = first.get_xlim()
    assert left < 0.001 and right > 0.05 * 5 * 3
    words = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"sign (L∞)", "noise (L∞)", "pgd-l2 (L2)", "larger: more severe"} < words
    assert {name for names in BY_GROUP.values() for name in names} < words


def test_a_severity_is_drawn_larger_than_the_one_before() -> None:
    rows = control_rows.over_size(asr(), table(), GROUPS, {}, 5)
    assert set(rows["norm"]) == {"l_inf"} and not (rows["kind"] == "attack").any()
    panel = controls.asr_over_size(rows, GROUPS).axes[0]
    sizes = [line.get_markersize() for line in panel.lines if len(line.get_xdata()) == 1]  # type: ignore[arg-type]
    assert np.allclose(np.reshape(sizes, (3, 3)) - sizes[0], [[0, 2, 4]] * 3)


def test_without_a_rate_there_are_words() -> None:
    unknown = table().assign(asr=np.nan, ci_low=np.nan, ci_high=np.nan)
    rows = control_rows.over_size(asr(), unknown, GROUPS, {}, 5)
    assert controls.asr_over_size(rows, GROUPS).texts[0].get_text() == NO_RATE
    one = control_rows.over_size(asr(), table()[:0], GROUPS, ATTACKS, 5)
    assert controls.asr_over_size(one, GROUPS).texts[0].get_text() == NO_RATE


def test_attacks_of_one_norm_look_different() -> None:
    attacks = {**dict.fromkeys("abcdef", "l_inf"), **dict.fromkeys("uvwxyz", "l2")}
    rates_of = asr().query("attack == 'sign'")
    every = pd.concat([rates_of.assign(attack=name) for name in attacks])
    rows = control_rows.over_size(every, table(), GROUPS, attacks, 5)
    figure = controls.asr_over_size(rows, GROUPS)
    for panel in [panel for panel in figure.axes if panel.get_visible()]:
        lines = [line for line in panel.lines if line.get_linewidth() == 1.6]
        looks = {(line.get_color(), str(line._dash_pattern)) for line in lines}  # type: ignore[attr-defined]
        assert len(lines) == len(looks) == 6
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {f"{name} ({'L∞' if name in 'abcdef' else 'L2'})" for name in attacks} < set(words)


def test_twelve_controls_have_looks_of_their_own() -> None:
    assert len(set(style.CONTROL_LOOKS)) == 12
