"""Figs. 1 and 2: attacked images beside their originals, with the network's predictions.

Images are float arrays in [0, 1], H x W (grey) or H x W x 3. The table that goes with them has one
row for each image, in the same order: `figure group attack epsilon iteration class_before
class_after confidence_before confidence_after index`, where `epsilon` 0 is the original and
(`group`, `attack`, `index`) says which versions belong to one image.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pgdose.plots import style
from pgdose.plots.rows import epsilon_label
from pgdose.plots.style import EPSILON, FLIPPED, GREY, Groups

PAIRS = 8  # what Fig. 2 shows at most
_CELL = 1.35  # inches, the side of an image

Version = tuple[Any, np.ndarray]  # a row of the table (as a named tuple) and its image


def load_images(path: str | Path, number: int) -> list[np.ndarray]:
    """The images of a figures/examples.npz, in the order of its table's rows."""
    with np.load(path) as file:
        return [file[f"image{i}"] for i in range(number)]


def with_class_titles(
    table: pd.DataFrame, classes: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """The table with its classes as a reader calls them, by group and name."""

    def titles(column: str) -> list[str]:
        pairs = zip(table["group"], table[column], strict=True)
        return [classes.get(group, {}).get(str(name), str(name)) for group, name in pairs]

    return table.assign(**{name: titles(name) for name in ("class_before", "class_after")})


@style.drawing()
def adversarial_examples(
    images: Sequence[np.ndarray], table: pd.DataFrame, groups: Groups
) -> Figure:
    """Fig. 1: a row for each image, the original, then its versions at rising amplitudes.

    Below each: the predicted class and its probability, bold and framed where it is no longer the
    original's, and the largest change of a pixel, which may stay below the amplitude. The last
    column is the difference that the largest amplitude makes, magnified so that this change is
    black or white.

    Args:
        images: float in [0, 1], H x W or H x W x 3.
        table: a row for each image; those with `figure` 1 are drawn.
        groups: the study's groups.
    """
    sets = _sets(images, table, groups, figure=1)
    if not sets:
        return style.message("There are no adversarial examples to show.")
    columns = max(len(versions) for _, versions in sets) + 2
    attacks = {original[0].attack for original, _ in sets}
    labels = [
        original[0].group + (f"\n({original[0].attack})" if len(attacks) > 1 else "")
        for original, _ in sets
    ]
    longest = max(len(line) for label in labels for line in label.split("\n"))
    titles = [
        ["original", *(f"{EPSILON} = {version[0].epsilon:g}" for version in versions)]
        for _, versions in sets
    ]
    alike = all(words == titles[0] for words in titles)  # then only the first row has titles
    figure, axes = _grid(
        len(sets),
        columns,
        label_width=0.075 * longest + 0.1,
        below=0.5,
        above=0.05 if alike else 0.25,
    )
    for i, (row, label, (original, versions)) in enumerate(zip(axes, labels, sets, strict=True)):
        row[0].text(-0.1, 0.5, label, transform=row[0].transAxes, ha="right", va="center")
        _row(row, original, versions)
        if i == 0 or not alike:
            for panel, title in zip(row, titles[i], strict=False):
                panel.set_title(title, fontsize=8.5, loc="center")
            if versions:
                row[-1].set_title("difference", fontsize=8.5, loc="center")
    iterations = sorted({int(v[0].iteration) for _, versions in sets for v in versions})
    _heading(figure, _attack_words(attacks, iterations))
    return figure


def _row(row: Sequence[Axes], original: Version, versions: Sequence[Version]) -> None:
    """The original, its versions, and the difference to the last one, each with its caption."""
    _show(row[0], original[1])
    _caption(row[0], original[0].class_before, original[0].confidence_before)
    for panel, version in zip(row[1:], versions, strict=False):
        _show(panel, version[1])
        flipped = version[0].class_after != version[0].class_before
        change = f"max |Δ| {_change(original[1], version[1]):.2g}"
        _caption(panel, version[0].class_after, version[0].confidence_after, flipped, below=change)
    if versions:
        _difference(row[-1], original[1], versions[-1])


@style.drawing()
def flips(
    images: Sequence[np.ndarray], table: pd.DataFrame, groups: Groups, epsilon: float
) -> Figure:
    """Fig. 2: up to eight successful attacks as pairs (original, adversarial image).

    Args:
        images: float in [0, 1], H x W or H x W x 3.
        table: a row for each image; those with `figure` 2 are drawn where the class changed.
        groups: the study's groups.
        epsilon: the amplitude that the study asks for in this figure; where the attack was not
            measured there, the figure says that it shows the nearest one.
    """
    pairs = [
        (original, version)
        for original, versions in _sets(images, table, groups, figure=2)
        for version in versions
        if version[0].class_after != version[0].class_before
    ][:PAIRS]
    if not pairs:
        return style.message("No attack flipped a diagnosis at this dose: there are none to show.")
    attacks = {original[0].attack for original, _ in pairs}
    epsilons = {version[0].epsilon for _, version in pairs}
    across = min(4, len(pairs))
    down = -(-len(pairs) // across)
    figure, axes = _grid(down, 3 * across - 1, widths=[1.0, 1.0, 0.1] * (across - 1) + [1.0, 1.0])
    for panel in axes.flat:
        panel.set_axis_off()
    for place, (original, version) in enumerate(pairs):
        row, column = divmod(place, across)
        left, right = axes[row, 3 * column], axes[row, 3 * column + 1]
        _show(left, original[1])
        _show(right, version[1])
        title = original[0].group
        if len(epsilons) > 1:
            title += f", {epsilon_label(version[0].epsilon, epsilon)}"
        if len(attacks) > 1:
            title += f", {original[0].attack}"
        left.set_title(title, fontsize=8)
        _caption(left, version[0].class_before, version[0].confidence_before)
        _caption(right, version[0].class_after, version[0].confidence_after, True, "→ ")
    iterations = sorted({int(version[0].iteration) for _, version in pairs})
    words = _attack_words(attacks, iterations)
    if len(epsilons) == 1:
        words += f"; {epsilon_label(min(epsilons), epsilon)}"
    if len(pairs) < PAIRS:
        words += f"\nSuccessful attacks found: {len(pairs)} of the {PAIRS} asked for."
    _heading(figure, words)
    return figure


def _sets(
    images: Sequence[np.ndarray], table: pd.DataFrame, groups: Groups, figure: int
) -> list[tuple[Version, list[Version]]]:
    """(original, its versions by rising epsilon) of each image, in the order of the groups."""
    if len(images) != len(table):
        raise ValueError(f"{len(images)} images, but {len(table)} rows about them")
    versions_of: dict[tuple[str, str, Any], list[Version]] = {}
    # A named tuple has a method `index` already.
    rows: Any = table.rename(columns={"index": "member"}).itertuples(index=False, name="Row")
    for row, image in zip(rows, images, strict=True):
        if row.figure == figure and row.group in groups:
            versions_of.setdefault((row.group, row.attack, row.member), []).append((row, image))
    result = []
    order = list(groups)
    for key in sorted(versions_of, key=lambda key: order.index(key[0])):
        versions = sorted(versions_of[key], key=lambda version: version[0].epsilon)
        if versions[0][0].epsilon == 0:
            result.append((versions[0], versions[1:]))
    return result


def _attack_words(attacks: set[str], iterations: list[int]) -> str:
    words = f"attack: {', '.join(sorted(attacks))}"
    if iterations:
        words += f"; iteration {', '.join(map(str, iterations))}"
    return words


def _heading(figure: Figure, words: str) -> None:
    figure.text(0.5, 1 - 0.12 / figure.get_figheight(), words, ha="center", va="top", fontsize=9.5)


def _grid(
    rows: int,
    columns: int,
    label_width: float = 0.0,
    widths: list[float] | None = None,
    above: float = 0.25,
    below: float = 0.37,
) -> tuple[Figure, np.ndarray]:
    """Axes for rows x columns images, with inches for titles above and captions below each."""
    widths = widths or [1.0] * columns
    gap = 0.12
    width = label_width + sum(widths) * _CELL + gap * (columns - 1) + 0.2
    head = 0.65
    height = head + rows * (_CELL + below) + (rows - 1) * above
    page = max(width, 4.8)  # wide enough for the heading
    left = (page - width) / 2
    figure = Figure(figsize=(page, height))
    axes = figure.subplots(
        rows,
        columns,
        squeeze=False,
        width_ratios=widths,
        gridspec_kw={
            "left": (left + label_width + 0.1) / page,
            "right": (left + width - 0.1) / page,
            "top": 1 - head / height,
            "bottom": below / height,
            "wspace": gap * columns / (sum(widths) * _CELL),
            "hspace": (above + below) / _CELL,
        },
    )
    for panel in axes.flat:
        panel.set_axis_off()
    return figure, axes


def _show(panel: Axes, image: np.ndarray) -> None:
    # The pixels as they are, unless there are more of them than the figure has.
    smooth = max(image.shape[:2]) > _CELL * style.DPI
    panel.imshow(
        np.clip(image, 0, 1), cmap=style.IMAGE_MAP, vmin=0, vmax=1,
        interpolation="antialiased" if smooth else "none",
    )  # fmt: skip
    panel.set_axis_on()
    panel.grid(visible=False)
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set_visible(False)


def _caption(
    panel: Axes,
    name: Any,
    probability: float,
    flipped: bool = False,
    before: str = "",
    below: str = "",
) -> None:
    """Class and probability under an image; `below` stands under them in small letters."""
    words = f"{before}{style.shorten_middle(str(name), 20)}\np {_probability(probability)}"
    panel.set_xlabel(words, fontsize=8, labelpad=3)
    panel.annotate(
        below, (0.5, 0), xytext=(0, -25), xycoords="axes fraction", textcoords="offset points",
        ha="center", va="top", fontsize=7, color=GREY,
    )  # fmt: skip
    if flipped:
        panel.xaxis.label.set(fontweight="bold", color=FLIPPED)
        for spine in panel.spines.values():
            spine.set(visible=True, color=FLIPPED, linewidth=1.6)


def _probability(value: float) -> str:
    # 1.00 would claim a certainty that no softmax reaches.
    return "> 0.99" if value >= 0.995 else f"= {value:.2f}"


def _change(original: np.ndarray, version: np.ndarray) -> float:
    """The largest change of a pixel."""
    return float(np.abs(version.astype(float) - original.astype(float)).max())


def _difference(panel: Axes, original: np.ndarray, version: Version) -> None:
    largest = _change(original, version[1])
    factor = 0.5 / largest if largest > 0 else 1.0
    _show(panel, 0.5 + factor * (version[1].astype(float) - original.astype(float)))
    words = f"× {factor:.2g}" if largest > 0 else "none"
    panel.set_xlabel(f"{EPSILON} = {version[0].epsilon:g}\n{words}", fontsize=8, labelpad=3)
