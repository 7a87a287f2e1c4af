"""The page's section on certificates says what the table says."""

from pathlib import Path
from typing import Any

import lxml.html
import pandas as pd
import pytest
from helpers import certified, report_tables

from pgdose.analysis.certified import certified_of_all
from pgdose.report.data import ReportData
from pgdose.report.page import write_report


def page(tmp_path: Path, attacks: tuple[str, ...]) -> tuple[Any, pd.DataFrame]:
    """The made-up page with two smoothed networks of a group, and their table."""
    study = report_tables.study(tmp_path / "pictures")
    runs = [
        certified.smoothed_run("X-TB", "smooth", attacks=attacks),
        certified.smoothed_run("X-TB", "smoother", 0.5, attacks=attacks),
    ]
    table = certified_of_all(runs, 50, 3).replace({"attack": {"": None}})
    quality = {"group": "X-TB", "role": "further", "network": "resnet18", "accuracy": 0.9}
    networks = pd.DataFrame([quality | {"run": run} for run in ("full", "smooth", "smoother")])
    networks = networks.assign(ci_low=0.8, ci_high=0.95, auc=0.9, auc_low=0.8, auc_high=0.95)
    networks = networks.assign(ece=0.1, ece_low=0.0, ece_high=0.2)
    study["tables"] |= {"certified": table, "networks": networks}
    write_report(tmp_path / "report.html", ReportData(**study))
    return lxml.html.parse(tmp_path / "report.html").getroot(), table


def shown(root: Any) -> list[list[str]]:
    (box,) = root.xpath("//div[@class='scroll'][@aria-label='Certified accuracy']//table")
    return [[" ".join(c.text_content().split()) for c in row] for row in box.xpath("./tbody/tr")]


def test_a_row_for_each_network_attack_and_radius(tmp_path: Path) -> None:
    root, table = page(tmp_path, ("pgd-l2",))
    rows, expected = shown(root), table[table["attack"].notna()]
    assert len(rows) == len(expected) == 8
    for cells, row in zip(rows, expected.itertuples(), strict=True):
        assert cells[0].startswith(row.run) and f"σ = {row.sigma:g}, of full" in cells[0]
        assert float(cells[1]) == pytest.approx(row.radius)
        assert cells[3].startswith(f"{row.certified:.3f} [{row.certified_low:.3f}, ")
        assert cells[4] == "pgd-l2" and cells[5].startswith(f"{row.robust:.3f}")
        assert cells[6] == f"{row.n_contradicted}"
        assert cells[7].startswith(f"{row.base_robust:.3f}")
    text = " ".join(root.text_content().split())
    first = table[table["run"] == "smoother"].iloc[0]
    assert f"smoother: {first.n_abstained} of 60 images have no certificate" in text


def test_without_an_attack_some_radii_are_shown(tmp_path: Path) -> None:
    root, table = page(tmp_path, ())
    rows = shown(root)
    assert len(rows) < len(table) and len(rows[0]) == 4
    assert next(float(cells[1]) for cells in rows if cells[0].startswith("smooth σ")) == 0
