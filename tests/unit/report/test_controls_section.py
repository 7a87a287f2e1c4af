"""The section about controls: only where a study has some, with the doses that flip as many."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import report_tables

from pgdose.report import controls, page
from pgdose.report.data import ReportData

RUN = {"group": "H-BR", "run": "full", "role": "main", "kind": "corruption", "judge": "full"}
RATE = {"n_attacked": 40, "n_flipped": 10, "asr": 0.25, "ci_low": 0.1, "ci_high": 0.4}
SIZE = {"l_inf": 0.1234, "l_inf_low": 0.1, "l_inf_high": 0.2, "l2": 3.0, "l2_low": 2, "l2_high": 4}


def tables() -> dict[str, pd.DataFrame]:
    rows = [
        RUN | RATE | SIZE | {"control": "blur <b>", "severity": severity, "epsilon": np.nan}
        for severity in (2, 5, 7)
    ]
    rows += [rows[0] | {"run": "other", "judge": "other", "role": "further", "asr": 0.99}]
    rows += [
        RUN | RATE | SIZE | {"control": "uap", "epsilon": 0.02, "kind": "universal", "judge": judge}
        for judge in ("full", "other")
    ]
    doses = [
        RUN | {"control": "blur <b>", "severity": severity, "attack": "sign", "bound": bound}
        | {"dose": dose, "dose_low": low, "dose_high": np.inf, "epsilon": np.nan}
        | {"reads": f"blur of severity {severity} & so on", "n_flipped": flipped}
        for severity, bound, dose, low, flipped in (
            (2, "exact", 0.00412, 0.0, 4), (5, "over", 0.1, 0.05, 30), (7, "under", 0.001, 0.0, 0),
        )
    ]  # fmt: skip
    reached = pd.DataFrame(
        [{"group": group, "run": "full", "role": "main", "attack": "sign"}
         | {"epsilon": epsilon, "reached": epsilon > 0.0005}
         for group, epsilons in (("H-BR", (0.0005, 0.002, 0.1)), ("X-TB", (0.001, 0.3)))
         for epsilon in epsilons]
    )  # fmt: skip
    tables = {"controls": rows, "control_doses": doses}
    return {name: pd.DataFrame(rows) for name, rows in tables.items()} | {"doses_reached": reached}


@pytest.fixture
def fields(tmp_path: Path) -> dict[str, Any]:
    return report_tables.study(tmp_path)


def test_each_group_has_its_controls_and_the_doses_that_flip_as_many(
    fields: dict[str, Any], tmp_path: Path
) -> None:
    data = ReportData(**{**fields, "tables": {**fields["tables"], **tables()}})
    (section,) = controls.controls(data)
    assert section["group"] == "H-BR" and len(section["sentences"]) == 3
    table = section["table"]
    assert table.heads[-1].text == "As many as sign at ε"
    cells = [
        [f"{c if isinstance(c, str) else f'{c.text} {c.aside}'}" for c in r] for r in table.rows
    ]
    assert [row[:2] for row in cells] == [
        *(["blur <b>", "2"], ["blur <b>", "5"], ["blur <b>", "7"], ["uap", "ε = 0.02"])
    ]
    assert cells[0][2:] == [
        "40", "0.250 [0.100, 0.400]", "0.12 [0.1, 0.2]", "3 [2, 4]", "0.00412 [<0.002, >0.1]",
    ]  # fmt: skip
    assert [row[-1] for row in cells[1:]] == ["over 0.1", "none flipped", "–"]

    page.write_report(tmp_path / "page.html", data)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert 'href="#controls"' in text and "blur of severity 2 &amp; so on" in text
    assert "blur &lt;b&gt;" in text and "blur <b>" not in text


def test_a_study_without_controls_has_no_such_section(
    fields: dict[str, Any], tmp_path: Path
) -> None:
    data = ReportData(**fields)
    assert controls.controls(data) == []
    page.write_report(tmp_path / "page.html", data)
    assert 'href="#controls"' not in (tmp_path / "page.html").read_text(encoding="utf-8")
