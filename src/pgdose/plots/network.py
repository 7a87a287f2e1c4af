"""How a group's network was trained, and how good it is on clean validation images."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pgdose.plots import style
from pgdose.plots.panels import note
from pgdose.plots.style import (
    ATTACKED,
    FINAL_COLOR,
    GAP,
    GREY,
    INTERVAL,
    TRAINING,
    VALIDATION,
)

_ACCURACIES: Mapping[str, Mapping[str, Any]] = {
    "training_accuracy": {"label": "training", "color": TRAINING, "marker": "o"},
    "adversarial_accuracy": {
        "label": "training, attacked",
        "color": ATTACKED,
        "marker": "^",
        "linestyle": (0, (1, 1)),
    },
    "validation_accuracy": {
        "label": "validation",
        "color": VALIDATION,
        "marker": "s",
        "linestyle": (0, (4, 2)),
        "markerfacecolor": "white",
    },
}
FINAL = "final_accuracy"  # of the network that is attacked
_COLUMNS = [
    *("panel", "series", "epoch", "class", "predicted", "bin_low", "bin_high", "confidence"),
    *("value", "ci_low", "ci_high", "n"),
]


def measures(
    training: pd.DataFrame, calibration: pd.DataFrame, confusion: pd.DataFrame, group: str
) -> pd.DataFrame:
    """The rows of a group's panels in long form; the numbers to draw stand in `value`.

    Args:
        training: the group's `epoch loss training_accuracy validation_accuracy`, and of adversarial
            training `adversarial_accuracy`.
        calibration: `group bin_low bin_high n confidence accuracy ci_low ci_high`.
        confusion: `group class predicted n ci_low ci_high`.
        group: its name.

    Returns:
        `panel series epoch class predicted bin_low bin_high confidence value ci_low ci_high n`.
        Panels are "training" (series loss and the accuracies of `training`, and after the last
        epoch final_accuracy, that of the network which is attacked), "confusion"
        (share: of the images of the class; NaN if it has none), "reliability" (accuracy of a bin)
        and "ece" (expected calibration error, over all images; Guo et al. 2017).
    """
    series = ["loss", *(name for name in _ACCURACIES if name in training)]
    losses = training.melt(id_vars="epoch", value_vars=series, var_name="series").assign(
        panel="training"
    )
    pairs = confusion[confusion["group"] == group].drop(columns="group")
    of_class = pairs.groupby("class")["n"].transform("sum")
    pairs = pairs.assign(
        panel="confusion", series="share", value=pairs["n"] / of_class.where(of_class > 0)
    )
    bins = calibration[calibration["group"] == group].drop(columns="group")
    gaps = (bins["accuracy"] - bins["confidence"]).abs() * bins["n"]
    images = bins["n"].sum()
    error = gaps.sum() / images if images else np.nan
    bins = bins.rename(columns={"accuracy": "value"}).assign(panel="reliability", series="accuracy")
    ece = pd.DataFrame([{"panel": "ece", "series": "ece", "value": error, "n": images}])
    final = _final_accuracy(training, pairs)
    tables = [table.reindex(columns=_COLUMNS) for table in (losses, final, pairs, bins, ece)]
    rows = pd.DataFrame(
        {name: [value for table in tables for value in table[name]] for name in _COLUMNS}
    )
    return rows.astype({"epoch": "Int64", "n": "Int64"})


def _final_accuracy(training: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The accuracy of the network that is attacked: batch norm was settled after the last epoch."""
    images = pairs["n"].sum()
    if training.empty or not images:
        return pd.DataFrame()
    right = pairs.loc[pairs["class"] == pairs["predicted"], "n"].sum()
    row = {"panel": "training", "series": FINAL, "epoch": training["epoch"].max()}
    return pd.DataFrame([{**row, "value": right / images, "n": images}])


@style.drawing()
def panels(rows: pd.DataFrame, group: str, titles: Mapping[str, str] | None = None) -> Figure:
    """Loss and accuracies over the epochs, the confusion matrix, and the reliability diagram.

    Args:
        rows: of `measures`.
        group: the title.
        titles: what a reader calls the classes, by their names.
    """
    rows = rows.astype({"epoch": float, "n": float})
    figure = Figure(figsize=(10.4, 3.5), layout="constrained")
    places = figure.add_gridspec(4, 3, width_ratios=[1.0, 1.0, 1.0])
    loss = figure.add_subplot(places[:2, 0])
    accuracy = figure.add_subplot(places[2:, 0], sharex=loss)
    matrix = figure.add_subplot(places[:, 1])
    reliability = figure.add_subplot(places[:3, 2])
    counts = figure.add_subplot(places[3, 2], sharex=reliability)
    of_panel = dict(list(rows.groupby("panel")))
    _training(loss, accuracy, of_panel.get("training", rows[:0]))
    _confusion(matrix, of_panel.get("confusion", rows[:0]), titles or {})
    _reliability(reliability, counts, of_panel.get("reliability", rows[:0]), of_panel["ece"])
    figure.suptitle(group, fontweight="bold", fontsize=9.5)
    return figure


def _training(loss: Axes, accuracy: Axes, rows: pd.DataFrame) -> None:
    series = {name: values.sort_values("epoch") for name, values in rows.groupby("series")}
    series = {name: one for name, one in series.items() if one["value"].notna().any()}
    loss.set_title("training")
    loss.set_ylabel("loss (nats)")
    loss.tick_params(labelbottom=False)
    accuracy.set_ylabel("accuracy (share)")
    accuracy.set_ylim(-0.04, 1.04)
    accuracy.set_xlabel("epoch (number)")
    accuracy.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if "loss" in series:
        epochs, losses = series["loss"]["epoch"], series["loss"]["value"]
        loss.plot(epochs, losses, color=TRAINING, marker="o", markersize=3)
        loss.set_ylim(bottom=0)
    else:
        note(loss, "not known", GAP)
    for name, look in _ACCURACIES.items():
        if name in series:
            accuracy.plot(series[name]["epoch"], series[name]["value"], markersize=3, **look)
    if FINAL in series:
        final = series[FINAL]
        accuracy.plot(
            final["epoch"], final["value"], color=FINAL_COLOR, marker="*", markersize=9,
            linestyle="none", label="validation, as attacked", clip_on=False, zorder=3,
        )  # fmt: skip
    if accuracy.lines:
        accuracy.legend(loc="lower right")
    else:
        note(accuracy, "not known", GAP)


def _confusion(panel: Axes, rows: pd.DataFrame, titles: Mapping[str, str]) -> None:
    panel.set_title("confusion: images, share of their class")
    panel.grid(visible=False)
    # A class may be predicted that has no image, and a class with images may never be predicted.
    names = list(dict.fromkeys([*rows["class"], *rows["predicted"]]))
    if not names:
        panel.set_axis_off()
        note(panel, "no validation image", GAP)
        return
    values, counts = (
        rows.pivot(index="class", columns="predicted", values=value)
        .reindex(names, columns=names)
        .to_numpy(float)
        for value in ("value", "n")
    )
    panel.patch.set(facecolor="white", edgecolor=GAP, hatch="////")
    edges = np.arange(len(names) + 1) - 0.5
    panel.pcolormesh(
        edges, edges, np.ma.masked_invalid(values), cmap=style.SHARE_MAP, vmin=0, vmax=1.25,
        edgecolors=style.BARS, linewidth=0.5,
    )  # fmt: skip
    size = min(9.0, 27 / len(names))
    for (y, x), share in np.ndenumerate(values):
        if np.isfinite(share):
            words = f"{int(counts[y, x]):,}\n{100 * share:.0f} %"
            color = "white" if share > 0.6 else "black"
            panel.text(x, y, words, ha="center", va="center", fontsize=size, color=color)
    for y in np.flatnonzero(np.isnan(values).all(axis=1)).tolist():
        middle = (len(names) - 1) / 2
        white = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        panel.text(middle, y, "no image", ha="center", va="center", fontsize=size, bbox=white)
    labels = [style.shorten_middle(titles.get(str(name), str(name)), 18) for name in names]
    long = max(map(len, labels)) * len(labels) > 24
    panel.set_xticks(
        range(len(names)), labels, rotation=35 if long else 0, ha="right" if long else "center"
    )
    panel.set_yticks(range(len(names)), labels)
    panel.tick_params(length=0)
    panel.set(xlabel="predicted class", ylabel="true class")
    panel.invert_yaxis()
    for spine in panel.spines.values():
        spine.set_visible(False)


def _reliability(panel: Axes, counts: Axes, rows: pd.DataFrame, ece: pd.DataFrame) -> None:
    rows = rows[rows["n"] > 0].sort_values("bin_low")
    panel.tick_params(labelbottom=False)
    panel.set(ylabel="accuracy (share)", ylim=(-0.04, 1.25), yticks=np.linspace(0, 1, 6))
    counts.set(xlabel="confidence (probability)", ylabel="images")
    start = 0.0 if (rows["bin_low"] < 0.5).any() else 0.5
    counts.set_xlim(start - 0.01, 1.01)
    if rows.empty:
        panel.set_title("reliability")
        panel.set_axis_off()
        counts.set_axis_off()
        note(panel, "no validation image", GAP)
        return
    error = ece.iloc[0]
    panel.set_title(f"reliability: ECE = {error['value']:.3f}, {int(error['n']):,} images")
    panel.plot([start, 1], [start, 1], color=GREY, linestyle=(0, (1, 1.5)), label="calibrated")
    panel.vlines(
        rows["confidence"], rows["ci_low"], rows["ci_high"], color=TRAINING, linewidth=1.2,
        alpha=0.6, label=INTERVAL,
    )  # fmt: skip
    panel.plot(rows["confidence"], rows["value"], color=TRAINING, marker="o", linestyle="none")
    panel.legend(loc="upper left", ncols=2, borderaxespad=0.1, fontsize=7.5, columnspacing=1.2)
    counts.bar(
        rows["bin_low"], rows["n"], rows["bin_high"] - rows["bin_low"], align="edge",
        color=style.BARS, edgecolor=GAP, linewidth=0.6,
    )  # fmt: skip
    counts.set_ylim(0, rows["n"].max() * 1.1)
    counts.yaxis.set_major_locator(MaxNLocator(3, integer=True))
