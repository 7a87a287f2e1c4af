"""The figure of certified accuracy: what it draws, beside which attacks."""

from pathlib import Path

import pandas as pd
import pytest
from helpers.certified import EPSILONS, GROUPS, smoothed_run

from pgdose.analysis.certified import certified_of_all
from pgdose.plots import certified, style
from pgdose.tables import result_csv


def table(attacks: tuple[str, ...], tmp_path: Path) -> pd.DataFrame:
    runs = [
        smoothed_run("X-TB", "smooth", attacks=attacks),
        smoothed_run("X-TB", "smoother", 0.5, attacks=attacks),
        smoothed_run("H-BR", "smooth", attacks=attacks, images=30),
    ]
    path = tmp_path / "certified.csv"
    result_csv.write_csv(certified_of_all(runs, 50, 3), path)
    return result_csv.read_csv(path)


@pytest.mark.filterwarnings("error")
def test_each_group_and_attack_has_its_panel(tmp_path: Path) -> None:
    rows = certified.over_radius(table(("pgd-l2", "apgd"), tmp_path), GROUPS)
    figure = certified.certified_over_radius(rows, GROUPS)
    assert len(figure.axes) == 4
    style.save(figure, tmp_path / "one.svg")
    text = (tmp_path / "one.svg").read_text()
    for words in ("X-TB", "H-BR", "pgd-l2, iteration 20", "smoother (σ = 0.5)", "smooth (σ = 0.25)",
                  "base network full, under the attack", "largest possible radius"):  # fmt: skip
        assert words in text
    first = figure.axes[0]  # two networks: certified, robust; the base network once; two limits
    assert len(first.lines) == 2 + 2 + 1 + 2
    assert first.get_xlim()[0] <= 0 and first.get_xlim()[1] > 0.8


def test_the_base_network_is_drawn_once(tmp_path: Path) -> None:
    rows = certified.over_radius(table(("pgd-l2",), tmp_path), GROUPS)
    base = rows[rows["shown"] == certified.BASE]
    assert base["run"].unique().tolist() == ["full"] and base["sigma"].isna().all()
    assert base.groupby("group").size().to_dict() == {"X-TB": 4, "H-BR": 4}
    assert sorted(base["radius"].unique()) == EPSILONS
    assert (rows.query("shown == 'certified'")["attack"] == "").all()


def test_a_base_whose_shares_are_of_other_images_has_a_curve_for_each(tmp_path: Path) -> None:
    every = table(("pgd-l2",), tmp_path)
    fewer = (every["run"] == "smoother") & (every["attack"] != "") & (every["radius"] > 0.3)
    every.loc[fewer, "base_robust"] = 0.125  # the others of its points agree
    rows = certified.over_radius(every, GROUPS)
    base = rows[(rows["shown"] == certified.BASE) & (rows["group"] == "X-TB")]
    assert base.groupby("smoothed").size().to_dict() == {"smooth": 4, "smoother": 4}
    lines = certified.certified_over_radius(rows, GROUPS).axes[0].lines
    squares = [line for line in lines if line.get_marker() == "s"]
    assert len(squares) == 2 and len({str(line.get_color()) for line in squares}) == 2
    assert all(len(line.get_xdata()) == 4 for line in squares)  # type: ignore[arg-type]


def test_without_an_attack_there_are_certificates_alone(tmp_path: Path) -> None:
    rows = certified.over_radius(table((), tmp_path), GROUPS)
    figure = certified.certified_over_radius(rows, GROUPS)
    assert len(figure.axes) == 2 and set(rows["shown"]) == {certified.CERTIFIED}


def test_no_images_are_words() -> None:
    rows = certified.over_radius(
        certified_of_all([smoothed_run(images=0, sample=0)], 50, 3), GROUPS
    )
    figure = certified.certified_over_radius(rows, GROUPS)
    assert "No image was certified" in figure.texts[0].get_text()
