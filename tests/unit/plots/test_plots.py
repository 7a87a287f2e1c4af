"""Figures from made-up tables; nothing here needs a network or a trained one."""

import base64
import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.workflow import PROJECT
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.figure import Figure
from PIL import Image

from pgdose.plots import (
    axes,
    confidence,
    curve_rows,
    curves,
    examples,
    heatmap,
    network,
    sheets,
    style,
    training_size,
)

# No study's group may have a dollar sign; a figure must print it as it is all the same.
GROUPS = {"X-NR2": "xray", "X-$AO$": "xray", "H-OV": "histology", "H-OV-TH": "histology"}
PIXELS = np.full((8, 8), 200, np.uint8)
ONE = {"X-NR2": GROUPS["X-NR2"]}
EPSILONS = {"paper": [0.02, 0.1, 0.2], "sign": [0.0005, 0.002, 0.02], "noise": [0.02, 0.1, 0.2]}


def asr_table(attacks: list[str], attacked: int = 40) -> pd.DataFrame:
    rows = []
    for attack in attacks:
        for iteration in range(2 if attack == "noise" else 21):
            for epsilon in EPSILONS[attack]:
                for i, group in enumerate(GROUPS):
                    n = 0 if group == "X-$AO$" and epsilon == 0.1 else attacked
                    rate = min(1.0, (i + 1) * epsilon * iteration / 20) if n else np.nan
                    limits = (max(0, rate - 0.1), min(1, rate + 0.1)) if n else (np.nan, np.nan)
                    counts = (60, 50, n, round(n * rate) if n else 0)
                    place = (group, "full", "main", attack, epsilon, iteration)
                    rows.append((*place, *counts, rate, *limits))
    columns = "group run role attack epsilon iteration n_images n_correct n_attacked n_flipped asr"
    table = pd.DataFrame(rows, columns=[*columns.split(), "ci_low", "ci_high"])
    # A partial run must never be drawn: its rates would leave the axis.
    partial = table.assign(run="n100-r0", role="sized", asr=17.0)
    return pd.concat([table, partial], ignore_index=True)


def confidence_table(attacks: list[str]) -> pd.DataFrame:
    lows = [0.0, *np.arange(0.5, 1, 0.05)]
    highs = [0.5, *np.arange(0.55, 1.01, 0.05)]
    rows = []
    for attack in attacks:
        for group in GROUPS:
            for i, (low, high) in enumerate(zip(lows, highs, strict=True)):
                n = (i + 1) ** 2 if low >= 0.5 or group == "H-OV-TH" else 0
                rate = (0.5, 0.4, 0.6) if n else (np.nan,) * 3
                place = (group, "full", "main", attack, 0.1, 20, low, high)
                rows.append((*place, n, n // 2, *rate))
    columns = "group run role attack epsilon iteration bin_low bin_high n_attacked n_flipped asr"
    return pd.DataFrame(rows, columns=[*columns.split(), "ci_low", "ci_high"])


def training_table(attacks: list[str]) -> pd.DataFrame:
    rows = [
        ("H-OV", attack, epsilon, 20, size, repeat, 0.9, 40, 20, 0.5 + repeat / 10, 0.4, 0.7)
        for attack in attacks
        for epsilon in EPSILONS[attack]
        for size in (1000, 2000, 12345)
        for repeat in range(2)
    ]
    columns = "group attack epsilon iteration size repeat accuracy n_attacked n_flipped asr"
    return pd.DataFrame(rows, columns=[*columns.split(), "ci_low", "ci_high"])


def test_adversarial_training_has_an_accuracy_of_attacked_images_alone() -> None:
    """pgd and free look at no clean training image; their accuracy is not known."""
    training, calibration, confusion = network_tables()
    training["adversarial_accuracy"] = training.pop("training_accuracy")
    training["training_accuracy"] = np.nan
    rows = network.measures(training, calibration, confusion, "H-OV")
    accuracy = network.panels(rows, "H-OV").axes[1]
    labels = [text.get_text() for text in accuracy.get_legend().get_texts()]
    assert labels[:2] == ["training, attacked", "validation"]
    (line,) = [line for line in accuracy.lines if line.get_label() == "training, attacked"]
    assert list(line.get_ydata()) == [0.5, 0.8, 0.9]


def network_tables(absent: bool = False) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Training, calibration and confusion of two groups; with `absent`, H-OV has no norm image."""
    training = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "lr": 0.1,
            "loss": [0.9, 0.5, 0.4],
            "training_accuracy": [0.5, 0.8, 0.9],
            "validation_accuracy": [0.5, np.nan, 0.75],
        }
    )
    bins = [
        ("X-$AO$", 0.95, 1.0, 99, 0.99, 0.5, 0.4, 0.6),
        ("H-OV", 0.5, 0.55, 0, np.nan, np.nan, np.nan, np.nan),
        ("H-OV", 0.9, 0.95, 10, 0.92, 0.7, 0.4, 0.9),
        ("H-OV", 0.95, 1.0, 30, 0.98, 1.0, 0.9, 1.0),
    ]
    counts = [
        ("X-$AO$", "a", "a", 99),
        ("H-OV", "tumour", "tumour", 31),
        ("H-OV", "tumour", "norm", 9),
    ]
    counts += [("H-OV", "norm", name, 0 if absent else 20) for name in ("tumour", "norm")]
    names = ["group", "bin_low", "bin_high", "n", "confidence", "accuracy", "ci_low", "ci_high"]
    return (
        training,
        pd.DataFrame(bins, columns=names),
        pd.DataFrame(counts, columns=["group", "class", "predicted", "n"]),
    )


def versions(figure: int, flipped: bool) -> tuple[list[np.ndarray], pd.DataFrame]:
    rng = np.random.default_rng(0)
    images, rows = [], []
    for group in GROUPS:
        shape = (16, 16, 3) if group.startswith("H") else (16, 16)
        original = rng.random(shape)
        for epsilon in (0.0, 0.02, 0.2):
            images.append(np.clip(original + epsilon * rng.choice([-1, 1], shape), 0, 1))
            after = "norm" if flipped and epsilon else "tumour"
            rows.append((figure, group, "paper", epsilon, 20, "tumour", after, 0.97, 0.8, 3))
    columns = "figure group attack epsilon iteration class_before class_after confidence_before"
    names = [*columns.split(), "confidence_after", "index"]
    return images, pd.DataFrame(rows, columns=names)


ALL = list(EPSILONS)


def fig3a(asr: pd.DataFrame, groups: style.Groups = GROUPS) -> Figure:
    return curves.asr_over_epsilon(curve_rows.over_epsilon(asr, groups, 20), groups)


def fig3b(asr: pd.DataFrame, epsilons: list[float], groups: style.Groups = GROUPS) -> Figure:
    return curves.asr_over_iterations(curve_rows.over_iterations(asr, groups, epsilons), groups)


def fig3c(table: pd.DataFrame, epsilon: float = 0.1, groups: style.Groups = GROUPS) -> Figure:
    rows = curve_rows.over_confidence(table, groups, epsilon, 20)
    return confidence.asr_over_confidence(rows, groups, epsilon, table["attack"].unique())


def fig3d(sizes: pd.DataFrame, epsilon: float = 0.1) -> Figure:
    rows = curve_rows.over_training_size(sizes, GROUPS)
    return training_size.asr_over_training_size(rows, GROUPS, epsilon)


def surface(asr: pd.DataFrame, group: str = "H-OV") -> Figure:
    return heatmap.heat_map(heatmap.surfaces(asr, group), group)


def of_network(absent: bool = False, group: str = "H-OV") -> Figure:
    return network.panels(network.measures(*network_tables(absent), group), group)


def without_rates(asr: pd.DataFrame, group: str) -> pd.DataFrame:
    """As of a group whose images were all misclassified before the attack."""
    names = ["asr", "ci_low", "ci_high"]
    return asr.assign(**{name: asr[name].mask(asr["group"] == group) for name in names})


CASES: dict[str, tuple[Callable[[], Figure], list[str]]] = {
    "3a": (
        lambda: fig3a(asr_table(ALL)),
        [
            *("attack success rate", "noise, iteration 1", ">X-$AO$<", "0.01"),
            *("full intensity range = 1", "95 % confidence interval"),
        ],
    ),
    "3a one": (lambda: fig3a(asr_table(["paper"]), ONE), ["paper, iteration 20"]),
    "3a nothing": (
        lambda: fig3a(asr_table(["paper"], attacked=0)),
        ["No image was attacked"],
    ),
    "3a one group without": (
        lambda: fig3a(without_rates(asr_table(["paper", "sign"]), "H-OV")),
        ["H-OV  (no rate is known)", ">H-OV-TH<"],
    ),
    "3a a kind without": (
        lambda: fig3a(without_rates(asr_table(["paper"]), "X-NR2"), ONE | {"H-OV": GROUPS["H-OV"]}),
        ["no image attacked"],
    ),
    "3b": (
        lambda: fig3b(asr_table(ALL), [0.02, 0.1, 0.7]),
        ["sign", "X-ray, ε = 0.02", "Histology, ε = 0.1", "not measured", "number of iterations"],
    ),
    "3b nothing": (
        lambda: fig3b(asr_table(["sign"]), [0.7], ONE),
        ["No image was attacked"],
    ),
    "3c": (
        lambda: fig3c(confidence_table(ALL)),
        ["clean confidence", "paper, iteration 20", "H-OV-TH", "Images in a bin", "&lt;0.5"],
    ),
    "3c one": (
        lambda: fig3c(confidence_table(["sign"]), groups=ONE),
        ["sign, iteration 20"],
    ),
    "3c one at another dose": (
        lambda: fig3c(
            pd.concat([confidence_table(["paper"]), confidence_table(["sign"]).assign(epsilon=0.2)])
        ),
        [
            *("paper, iteration 20", "sign, iteration 20", "ε = 0.2 (nearest to 0.1)"),
            "all at ε = 0.1 unless the title says otherwise",
        ],
    ),
    "3c one absent": (
        lambda: fig3c(
            pd.concat(
                [confidence_table(["paper"]), confidence_table(["sign"]).assign(n_attacked=0)]
            )
        ),
        ["all at ε = 0.1; these attacks attacked no image: sign"],
    ),
    "3c nothing": (
        lambda: fig3c(confidence_table(["sign"]).assign(n_attacked=0), 0.3, ONE),
        ["No image was attacked"],
    ),
    "3d": (
        lambda: fig3d(training_table(ALL)),
        ["accuracy on clean images", "12,345", "ε, sign", ">H-OV<", "lowest to highest"],
    ),
    "3d one": (
        lambda: fig3d(training_table(["paper"]).query("epsilon == 0.1 and size == 1000")),
        ["paper, iteration 20, ε = 0.1"],
    ),
    "3d at another dose": (
        lambda: fig3d(training_table(["paper"]).query("epsilon == 0.1"), epsilon=0.12),
        ["paper, iteration 20", "ε = 0.1 (nearest to 0.12)"],
    ),
    "3d nothing": (lambda: fig3d(training_table([])), ["No network was trained"]),
    "heat map": (
        lambda: surface(asr_table(ALL)),
        ["H-OV", "noise", "0.0005", "number of iterations", "full intensity range = 1"],
    ),
    "heat map with gaps": (lambda: surface(asr_table(ALL), "X-$AO$"), ["not known"]),
    "heat map nothing": (
        lambda: surface(asr_table(["paper"], attacked=0)),
        ["H-OV: no image was attacked"],
    ),
    "network": (
        lambda: of_network(),
        ["loss (nats)", "31", "78 %", "ECE = 0.070, 40 images", "validation", "epoch"],
    ),
    "network, a class absent": (lambda: of_network(True), ["no image", "78 %"]),
    "network nothing": (lambda: of_network(group="X-NR2"), ["no validation image", "loss"]),
    "1": (
        lambda: examples.adversarial_examples(*versions(1, True), GROUPS),
        ["original", "difference", "× 2.5", "max |Δ| 0.2", "p = 0.97", "norm", "attack: paper"],
    ),
    "1 none": (
        lambda: examples.adversarial_examples(*versions(2, True), GROUPS),
        ["no adversarial examples"],
    ),
    "2": (
        lambda: examples.flips(*versions(2, True), GROUPS, 0.02),
        [
            "→ norm",
            "X-NR2, ε = 0.02",
            "X-NR2, ε = 0.2 (nearest to 0.02)",
            "attack: paper; iteration 20",
        ],
    ),
    "2 few": (
        lambda: examples.flips(*versions(2, True), ONE, 0.02),
        ["Successful attacks found: 2 of the 8 asked for."],
    ),
    "2 none": (
        lambda: examples.flips(*versions(2, False), GROUPS, 0.02),
        ["No attack flipped a diagnosis"],
    ),
    "sheet": (
        lambda: sheets.contact_sheet(
            [np.full((8, 8), 200, np.uint8), np.full((9, 7, 3), 0.5)], ["0a1b", "2c3d"], columns=3
        ),
        ["0a1b", "2c3d"],
    ),
    "sheet none": (lambda: sheets.contact_sheet([], []), ["no images"]),
    "aorta": (
        lambda: sheets.aorta_sheet(
            [np.full((90, 80), 90, np.uint8)] * 2,
            [(40.0, 30.0, 20.0), (5.0, 5.0, 20.0)],
            [np.full((8, 8), 200, np.uint8)] * 2,
            ["0a1b\n0.91", "2c3d\n0.87"],
            columns=3,
        ),
        ["0a1b", "2c3d", "0.91", "stroke: #ff5a00"],
    ),
    "slide": (
        lambda: sheets.slide_sheet(
            sheets.SlidePicture(np.full((60, 80, 3), 200, np.uint8), cell=10.0, corner=(100, 50)),
            "0a1b",
            pd.DataFrame({"x": [250, 500], "y": [200, 200], "class": ["tumour", "norm"]}),
            contours=sheets.Contours(
                tissue=[np.array([(150, 100), (700, 100), (700, 500), (150, 100)])],
                ink=[np.array([(300, 300), (350, 300), (350, 350), (300, 300)])],
                outlines={"tumour": [np.array([(200, 150), (400, 150), (400, 350), (200, 150)])]},
            ),
            extent=100.0,
            classes=["ignore", "tumour", "norm"],
        ),
        [
            "0a1b",
            "tissue",
            "ink",
            "outline: tumour",
            "1 tiles: tumour",
            "1 tiles: norm",
            "stroke: #56b4e9",
            "stroke: #009e73",
        ],
    ),
    "aorta none": (lambda: sheets.aorta_sheet([], [], [], []), ["no images"]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES)
def test_figures(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(style.RC_PARAMS, "figure.dpi", 60)  # two of each take their time
    draw, words = CASES[case]
    for name, figure in (("first", draw()), ("second", draw())):
        for suffix in (".png", ".svg"):
            style.save(figure, tmp_path / f"{name}{suffix}")
    for suffix in (".png", ".svg"):
        first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
        assert first.read_bytes() == second.read_bytes(), suffix
    svg = (tmp_path / "first.svg").read_text()
    for text in words:
        assert text in svg
    assert "mathdefault" not in svg
    assert (tmp_path / "first.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 4  # nothing is left beside them


def test_save_refuses_other_formats(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pdf"):
        style.save(Figure(), tmp_path / "figure.pdf")
    assert not list(tmp_path.iterdir())


def test_resolutions(tmp_path: Path) -> None:
    for figure, dpi in (
        (fig3a(asr_table(["paper"])), 300),
        (sheets.contact_sheet([PIXELS], [""]), 200),
    ):
        style.save(figure, tmp_path / "figure.png")
        with Image.open(tmp_path / "figure.png") as picture:
            assert picture.info["dpi"] == pytest.approx((dpi, dpi), abs=0.1)
            inches = figure.get_size_inches()
            assert picture.size == pytest.approx(inches * dpi, abs=1)


@pytest.mark.parametrize("draw", ["3a", "3b", "3c", "3d", "heat map", "network"])
def test_what_is_saved_beside_a_figure_draws_it_again(draw: str, tmp_path: Path) -> None:
    asr = asr_table(ALL)
    rows, again = {
        "3a": (
            curve_rows.over_epsilon(asr, GROUPS, 20),
            lambda t: curves.asr_over_epsilon(t, GROUPS),
        ),
        "3b": (
            curve_rows.over_iterations(asr, GROUPS, [0.02, 0.1]),
            lambda t: curves.asr_over_iterations(t, GROUPS),
        ),
        "3c": (
            curve_rows.over_confidence(confidence_table(ALL), GROUPS, 0.1, 20),
            lambda t: confidence.asr_over_confidence(t, GROUPS, 0.1),
        ),
        "3d": (
            curve_rows.over_training_size(training_table(ALL), GROUPS),
            lambda t: training_size.asr_over_training_size(t, GROUPS, 0.1),
        ),
        "heat map": (heatmap.surfaces(asr, "X-$AO$"), lambda t: heatmap.heat_map(t, "X-$AO$")),
        "network": (
            network.measures(*network_tables(), "H-OV"),
            lambda t: network.panels(t, "H-OV"),
        ),
    }[draw]
    read = pd.read_csv(io.StringIO(rows.to_csv(index=False)))
    for table, name in ((rows, "first.svg"), (read, "second.svg")):
        style.save(again(table), tmp_path / name)
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()


def test_the_rows_of_each_curve() -> None:
    asr = asr_table(ALL)
    rows = curve_rows.over_epsilon(asr, GROUPS, 20)
    assert "run" not in rows and rows["asr"].max() <= 1  # the partial run is not there
    assert rows.groupby("attack")["iteration"].unique().map(list).to_dict() == {
        **{"noise": [1], "paper": [20], "sign": [20]},
    }
    assert set(curve_rows.over_epsilon(asr, GROUPS, 7)["iteration"]) == {1, 7}
    assert set(curve_rows.over_epsilon(asr, ONE, 20)["group"]) == {"X-NR2"}

    rows = curve_rows.over_iterations(asr, GROUPS, [0.02, 0.1 + 1e-10, 0.7])
    assert set(rows["epsilon"]) == {0.02, 0.1}
    assert rows["ci_low"].isna().equals((rows["iteration"] == 0) | rows["asr"].isna())

    rows = curve_rows.over_confidence(confidence_table(ALL), GROUPS, 0.1, 20)
    assert rows["n_attacked"].min() > 0 and set(rows["group"][rows["bin_low"] == 0]) == {"H-OV-TH"}

    sizes = training_table(["paper"])
    early = sizes.assign(iteration=3, asr=17.0)
    assert curve_rows.over_training_size(pd.concat([early, sizes]), GROUPS)["asr"].max() <= 1


def lines(panel: Axes) -> list[np.ndarray]:
    return [np.asarray(line.get_ydata(), float) for line in panel.lines]


def bands(panel: Axes) -> list[list[tuple[float, float, float]]]:
    """Of each band, the x it stands at with the lowest and the highest y there."""
    places_of_bands = []
    for band in panel.collections:
        if isinstance(band, PolyCollection):
            corners = np.concatenate([path.vertices for path in band.get_paths()] or [[]])
            places = {x: [y for at, y in corners if at == x] for x, _ in corners}
            places_of_bands.append([(x, min(ys), max(ys)) for x, ys in sorted(places.items())])
    return places_of_bands


def bars(panel: Axes) -> list[np.ndarray]:
    return [s for c in panel.collections if isinstance(c, LineCollection) for s in c.get_segments()]


def test_a_lost_rate_is_a_gap() -> None:
    figure = fig3a(asr_table(["paper"]))
    xray, histology = figure.axes
    assert len(lines(xray)) == len(lines(histology)) == 2
    assert np.isnan(lines(xray)[1]).tolist() == [False, True, False]  # X-AO at 0.1
    assert np.nanmax(np.concatenate(lines(xray))) <= 1


def test_bands_are_the_intervals_and_points_without_neighbours_have_bars() -> None:
    panel = fig3a(asr_table(["paper"])).axes[0]
    whole, broken = bands(panel)
    assert whole == [(0.02, 0, pytest.approx(0.12)), (0.1, 0, pytest.approx(0.2)),
                     (0.2, pytest.approx(0.1), pytest.approx(0.3))]  # fmt: skip
    assert broken == [] and [bar[0][0] for bar in bars(panel)] == [0.02, 0.2]
    assert bars(panel)[1][:, 1] == pytest.approx([0.3, 0.5])
    # A patient alone has no interval.
    table = asr_table(["paper"])
    table.loc[table["group"] == "X-NR2", ["ci_low", "ci_high"]] = np.nan
    panel = fig3a(table, ONE).axes[0]
    assert len(lines(panel)) == 1 and not any(bands(panel)) and not bars(panel)


def test_groups_with_different_doses_are_not_joined_over_them() -> None:
    table = asr_table(["paper"])
    other = table["group"] == "H-OV"
    table.loc[other, "epsilon"] += 0.01
    missing = (table["group"] == "H-OV-TH") & (table["epsilon"] == 0.1)
    shifted, gap = lines(fig3a(table[~missing]).axes[1])
    assert np.isfinite(shifted).tolist() == [False, True] * 3
    assert np.isfinite(gap).tolist() == [True, False, False, False, True, False]


def test_iterations_that_were_not_measured_are_not_bridged() -> None:
    table = asr_table(["paper"])
    few = table[table["iteration"].isin([0, 10, 20])]
    panel = fig3b(few, [0.2], ONE).axes[0]
    (line,) = panel.lines
    assert np.flatnonzero(np.isfinite(line.get_ydata())).tolist() == [0, 10, 20]
    assert line.get_markevery() == [0, 5, 10, 15, 20]
    assert not any(bands(panel)) and [bar[0][0] for bar in bars(panel)] == [10, 20]


def test_every_point_without_neighbours_is_marked() -> None:
    table = asr_table(["paper"])
    panel = fig3b(table[table["iteration"].isin([0, 3, 20])], [0.2], ONE).axes[0]
    assert 3 in panel.lines[0].get_markevery()  # type: ignore[operator]


def test_wide_doses_are_logarithmic() -> None:
    figure = fig3a(asr_table(["paper", "sign"]))
    assert [panel.get_xscale() for panel in figure.axes] == ["linear", "log"] * 2


def test_empty_bins_and_the_bin_apart_are_not_joined() -> None:
    table = confidence_table(["paper"])
    table = table[table["group"] == "H-OV-TH"].assign(n_attacked=20, asr=0.5)
    table.loc[table["bin_low"].between(0.69, 0.71), ["n_attacked", "asr"]] = [0, np.nan]
    panel = fig3c(table).axes[0]
    joined = [line for line in panel.lines if len(line.get_xdata()) == 2]  # type: ignore[arg-type]
    # 10 bins from 0.5 on have 9 joints, of which the empty bin takes two; the divider is a line.
    assert len(joined) == 9 - 2 + 1
    assert len(bands(panel)) == 9 - 2 and [bar[0][0] for bar in bars(panel)] == [0.44]


def test_fine_bins_stand_side_by_side() -> None:
    """Of any width; neighbours are joined, and the shade begins at 0.95."""
    edges = [0.0, 0.9, 0.95, 0.99, 0.999, 1.0]
    table = confidence_table(["paper"]).query("group == 'H-OV'").head(5)
    table = table.assign(bin_low=edges[:-1], bin_high=edges[1:], n_attacked=20, asr=0.5)
    rows = curve_rows.over_confidence(table.drop(table.index[3]), ONE | GROUPS, 0.1, 20)
    panel = confidence.asr_over_fine_confidence(rows, GROUPS, 0.1).axes[0]
    points = [line.get_xdata()[0] for line in panel.lines if len(line.get_xdata()) == 1]
    assert points == [0.5, 1.5, 2.5, 4.5]
    joined = [tuple(line.get_xdata()) for line in panel.lines if len(line.get_xdata()) == 2]
    assert joined == [(0.5, 1.5), (1.5, 2.5)]
    assert [tick.get_text() for tick in panel.get_xticklabels()][2] == ".95"
    shade = panel.patches[0].get_extents().transformed(panel.transData.inverted())
    assert shade.x0 == pytest.approx(2) and shade.x1 == pytest.approx(5)


def test_few_images_are_faint() -> None:
    table = confidence_table(["paper"])
    table = table[(table["group"] == "H-OV") & (table["bin_low"] > 0.79)]
    for n, faint in ((axes.FEW, False), (axes.FEW - 1, True)):
        panel = fig3c(table.assign(n_attacked=n)).axes[0]
        shades = {
            float(np.asarray(band.get_facecolor())[0, 3])
            for band in panel.collections
            if isinstance(band, PolyCollection)
        }
        assert len(shades) == 1 and (shades.pop() < 0.1) == faint


def test_bands_of_groups_that_overlap_are_told_apart_without_colours() -> None:
    many = {f"X{i}": "xray" for i in range(4)}
    table = pd.concat(asr_table(["paper"]).query("group == 'X-NR2'").assign(group=g) for g in many)
    panel = fig3a(table, many).axes[0]
    kinds = [band.get_hatch() for band in panel.collections if isinstance(band, PolyCollection)]
    assert len(set(kinds)) == len(kinds) == len(many)


def test_one_training_has_no_spread() -> None:
    table = training_table(["paper"]).query("epsilon == 0.1")
    panel = fig3d(table[(table["repeat"] == 0) | (table["size"] < 2500)]).axes[0]
    assert bands(panel) == [[(1000, 0.5, 0.6), (2000, 0.5, 0.6)]]
    assert lines(panel)[0].tolist() == [0.55, 0.55, 0.5]
    assert len(bars(panel)) == 5


def test_trainings_of_one_size_stand_side_by_side_also_those_of_two_groups() -> None:
    table = training_table(["paper"]).query("epsilon == 0.1")
    other = table.assign(group="X-NR2", asr=table["asr"] / 2)
    figure = fig3d(pd.concat([table, other]))
    for panel, rated in zip(figure.axes, (True, False), strict=True):
        points = np.concatenate(
            [line.get_xdata() for line in panel.lines if line.get_marker() != "None"]
        )
        assert len(set(points.round(6))) == len(points) == 12
        assert len(bars(panel)) == (12 if rated else 0)
        means = [
            line.get_xdata().tolist() for line in panel.lines if line.get_linestyle() != "None"
        ]
        assert means == [[1000, 2000, 12345]] * 2
    alone = fig3d(table).axes[0].lines[1]
    assert alone.get_xdata()[:2] == pytest.approx([1000 / 1.04**0.5, 1000 * 1.04**0.5])


def test_sizes_of_two_groups_that_lie_close_share_a_label() -> None:
    table = training_table(["paper"]).query("epsilon == 0.1")
    other = table.assign(group="X-NR2", size=table["size"] + 100)
    panel = fig3d(pd.concat([table, other])).axes[0]
    labels = [label.get_text() for label in panel.get_xticklabels()]
    assert panel.get_xticks().tolist() == [1000, 1100, 2000, 2100, 12345, 12445]
    assert labels == ["", "1,100", "", "2,100", "", "12,445"]
    alone = [label.get_text() for label in fig3d(table).axes[0].get_xticklabels()]
    assert alone == ["1,000", "2,000", "12,345"]


def test_a_surface_s_gaps_and_its_line() -> None:
    table = asr_table(["paper", "sign"])
    table = table[(table["group"] != "H-OV") | (table["epsilon"] != 0.02)]
    rows = heatmap.surfaces(table, "H-OV")
    assert len(rows) == 21 * 6 and rows["asr"].isna().sum() == 21 * 2
    assert rows["asr"].isna().equals(rows["n_attacked"].isna())
    panel = heatmap.heat_map(rows, "H-OV").axes[0]
    (mesh,) = [c for c in panel.collections if isinstance(c, QuadMesh)]
    shown: np.ma.MaskedArray = np.ma.asarray(mesh.get_array()).reshape(3, 21)
    assert mesh.get_clim() == (0, 1) and shown.mask.sum(axis=1).tolist() == [21, 0, 0]
    assert shown[2, 20] == pytest.approx(0.6) and shown[1, 20] == pytest.approx(0.3)
    # Over 0.5 from iteration 17 on, of the largest dose alone: four cells below, one beside.
    rise = {tuple(map(tuple, segment)) for segment in bars(panel)}
    below = {((x - 0.5, 1.5), (x + 0.5, 1.5)) for x in range(17, 21)}
    assert rise == {((16.5, 1.5), (16.5, 2.5))} | below
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert labels == ["0.02", "0.1", "0.2"]
    # What is not known is on no side of the line.
    rows.loc[rows["epsilon"] == 0.1, "asr"] = np.nan
    panel = heatmap.heat_map(rows, "H-OV").axes[0]
    assert [segment.tolist() for segment in bars(panel)] == [[[16.5, 1.5], [16.5, 2.5]]] * 2


def test_a_heat_map_of_attacks_that_fill_no_row() -> None:
    attacks = [f"attack {n}" for n in range(7)]
    figure = surface(pd.concat([asr_table(["paper"]).assign(attack=name) for name in attacks]))
    assert [panel.get_title(loc="left") for panel in figure.axes[:-1]] == attacks


def test_the_measures_of_a_network() -> None:
    training, calibration, confusion = network_tables(absent=True)
    rows = network.measures(training, calibration, confusion, "H-OV")
    by = rows.set_index(["panel", "series"])["value"]
    # |0.7 - 0.92| of 10 images and |1 - 0.98| of 30.
    assert by["ece", "ece"] == pytest.approx((2.2 + 0.6) / 40)
    assert by["training", "loss"].tolist() == [0.9, 0.5, 0.4]
    shares = rows[rows["panel"] == "confusion"].set_index(["class", "predicted"])["value"]
    assert shares["tumour", "norm"] == pytest.approx(9 / 40)
    assert shares["norm"].isna().all()  # a share of nothing is not 0
    none = network.measures(training, calibration, confusion, "X-NR2")
    assert np.isnan(none.set_index("panel")["value"]["ece"])
    panel = network.panels(rows, "H-OV").axes[3]
    points = next(line for line in panel.lines if line.get_marker() == "o")
    assert points.get_xdata().tolist() == [0.92, 0.98]  # type: ignore[union-attr]
    assert [bar[:, 1].tolist() for bar in bars(panel)] == [[0.4, 0.9], [0.9, 1.0]]


def test_the_pixels_of_an_image_are_its_own(tmp_path: Path) -> None:
    """Neither smoothed when there are few of them nor resampled in an SVG."""
    images, table = versions(1, True)
    style.save(examples.adversarial_examples(images, table, ONE), tmp_path / "figure.svg")
    svg = (tmp_path / "figure.svg").read_text()
    embedded = re.findall(r'base64,\s*([^"]+)"', svg)
    sizes = {Image.open(io.BytesIO(base64.b64decode(data))).size for data in embedded}
    assert sizes == {(16, 16)}


COLOR = r"#[0-9A-Fa-f]{3,8}\b|cmap=\"|colormaps\[\"|get_cmap\(\""


@pytest.mark.parametrize(
    "path",
    [
        path
        for room in ("plots", "report")
        for path in (PROJECT / "src/pgdose" / room).glob("*.py")
        if path.name != "style.py"
    ],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_colours_stand_in_style_alone(path: Path) -> None:
    assert not re.search(COLOR, path.read_text(encoding="utf-8")), "name it in plots/style.py"


def test_looks_do_not_depend_on_the_figure() -> None:
    looks = style.looks(GROUPS)
    assert len({(look.color, look.marker, look.filled) for look in looks.values()}) == len(GROUPS)
    assert looks["X-NR2"].filled and not looks["H-OV"].filled
    assert looks["X-NR2"].line != looks["H-OV"].line
    many = {f"g{i}": "histology" for i in range(8)}
    assert len(set(style.looks(many).values())) == 8


def test_eight_pairs_at_most() -> None:
    images, table = versions(2, True)
    doubled = pd.concat([table, table.assign(index=4)], ignore_index=True)
    figure = examples.flips([*images, *images], doubled, GROUPS, 0.02)
    assert sum(len(panel.images) for panel in figure.axes) == 2 * examples.PAIRS
    with pytest.raises(ValueError, match="rows"):
        examples.flips(images[1:], table, GROUPS, 0.02)


def test_plots_never_import_torch() -> None:
    code = (
        "import sys; from pgdose.plots import confidence, curves, examples, heatmap, network;"
        "from pgdose.plots import sheet_samples, sheets, style, training_size;"
        "assert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_group_without_images_does_not_choose_iterations_for_the_others() -> None:
    """It has a row for every iteration; the attack gives 0 and 40 alone."""
    some = pd.DataFrame(
        {"group": "X-NR2", "iteration": [0, 40], "n_attacked": 9, "asr": [0.0, 0.6]}
    )
    none = pd.DataFrame({"group": "X-TB", "iteration": range(41), "n_attacked": 0, "asr": np.nan})
    asr = pd.concat([some, none]).assign(role="main", attack="ext", epsilon=0.1, n_flipped=0)
    asr = asr.assign(ci_low=asr["asr"], ci_high=asr["asr"])
    rows = curve_rows.over_epsilon(asr, GROUPS, 20)
    assert rows.loc[rows["group"] == "X-NR2", "iteration"].tolist() == [40]
    assert heatmap.surfaces(asr, "X-NR2")["iteration"].tolist() == [0, 40]


def test_a_star_marks_the_network_that_is_attacked() -> None:
    tables = network_tables()
    rows = network.measures(*tables, "H-OV")
    confusion = tables[2][tables[2]["group"] == "H-OV"]
    right = confusion.loc[confusion["class"] == confusion["predicted"], "n"].sum()
    (final,) = rows[rows["series"] == network.FINAL].to_dict("records")
    assert final["value"] == right / confusion["n"].sum()
    assert final["epoch"] == tables[0]["epoch"].max()
    panel = network.panels(rows, "H-OV").axes[1]
    (star,) = [line for line in panel.lines if line.get_marker() == "*"]
    assert star.get_ydata() == [final["value"]]


def test_classes_of_a_matrix_have_their_titles() -> None:
    rows = network.measures(*network_tables(), "H-OV")
    names = list(dict.fromkeys(rows["class"].dropna()))
    titles = {str(name): f"Title of {name}" for name in names}
    matrix = network.panels(rows, "H-OV", titles).axes[2]
    assert [t.get_text() for t in matrix.get_yticklabels()] == list(titles.values())


def test_long_titles_of_classes_keep_what_tells_them_apart() -> None:
    names = [f"Norm of women, view PA, aged {a}" for a in ("20 to 35 years", "50 to 70 years")]
    short = [style.shorten_middle(name, 20) for name in names]
    assert len(set(short)) == 2 and all(len(text) <= 20 for text in short)
    assert style.shorten_middle("Norm", 4) == "Norm"
