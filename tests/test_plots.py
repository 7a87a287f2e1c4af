"""Figures and report from made-up tables; nothing here needs a network or a trained one."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pgdose.plots import curves, examples, report, sheets, style

GROUPS = {
    "X-NR2": {"title": "2 age groups", "modality": "xray"},
    "X-AO": {"title": "aorta, $rotated$", "modality": "xray"},
    "H-OV": {"title": "ovary", "modality": "histology"},
    "H-OV-TH": {"title": "ovary and thyroid", "modality": "histology"},
}
ONE = {"X-NR2": GROUPS["X-NR2"]}
EPSILONS = {"paper": [0.02, 0.1, 0.2], "sign": [0.0005, 0.002, 0.02], "noise": [0.02, 0.1, 0.2]}


def asr_table(attacks: list[str], attacked: int = 40) -> pd.DataFrame:
    rows = []
    for attack in attacks:
        for iteration in range(2 if attack == "noise" else 21):
            for epsilon in EPSILONS[attack]:
                for i, group in enumerate(GROUPS):
                    n = 0 if group == "X-AO" and epsilon == 0.1 else attacked
                    rate = min(1.0, (i + 1) * epsilon * iteration / 20) if n else np.nan
                    limits = (max(0, rate - 0.1), min(1, rate + 0.1)) if n else (np.nan, np.nan)
                    counts = (60, 50, n, round(n * rate) if n else 0)
                    rows.append((group, "full", attack, epsilon, iteration, *counts, rate, *limits))
    columns = "group run attack epsilon iteration n_images n_correct n_attacked n_flipped asr"
    table = pd.DataFrame(rows, columns=[*columns.split(), "ci_low", "ci_high"])
    # A partial run must never be drawn: its rates would leave the axis.
    partial = table.assign(run="n100-r0", asr=17.0)
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
                rows.append((group, "full", attack, 0.1, 20, low, high, n, n // 2, *rate))
    columns = "group run attack epsilon iteration bin_low bin_high n_attacked n_flipped asr"
    return pd.DataFrame(rows, columns=[*columns.split(), "ci_low", "ci_high"])


def training_table(attacks: list[str]) -> pd.DataFrame:
    rows = [
        ("H-OV", attack, epsilon, 20, size, repeat, 0.9, 40, 20, 0.5 + repeat / 10)
        for attack in attacks
        for epsilon in EPSILONS[attack]
        for size in (1000, 2000, 12345)
        for repeat in range(2)
    ]
    columns = "group attack epsilon iteration size repeat accuracy n_attacked n_flipped asr"
    return pd.DataFrame(rows, columns=columns.split())


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
CASES: dict[str, tuple[Callable[[], Figure], list[str]]] = {
    "3a": (
        lambda: curves.asr_over_epsilon(asr_table(ALL), GROUPS, 20),
        ["attack success rate", "noise, iteration 1", "X-AO  aorta, $rotated$", "0.003"],
    ),
    "3a one": (
        lambda: curves.asr_over_epsilon(asr_table(["paper"]), ONE, 20),
        ["paper, iteration 20"],
    ),
    "3a nothing": (
        lambda: curves.asr_over_epsilon(asr_table(["paper"], attacked=0), GROUPS, 20),
        ["No image was attacked"],
    ),
    "3b": (
        lambda: curves.asr_over_iterations(asr_table(ALL), GROUPS, [0.02, 0.1, 0.7]),
        ["sign, ε = 0.02", "paper, ε = 0.1", "not measured", "iterations"],
    ),
    "3b nothing": (
        lambda: curves.asr_over_iterations(asr_table(["sign"]), ONE, [0.7]),
        ["No image was attacked"],
    ),
    "3c": (
        lambda: curves.asr_over_confidence(confidence_table(ALL), GROUPS, 0.1, 20),
        ["clean confidence", "paper, iteration 20: Histology", "Images in a bin", "&lt;0.5"],
    ),
    "3c one": (
        lambda: curves.asr_over_confidence(confidence_table(["sign"]), ONE, 0.1, 20),
        ["sign, iteration 20: X-ray"],
    ),
    "3c nothing": (
        lambda: curves.asr_over_confidence(confidence_table(["sign"]), ONE, 0.3, 20),
        ["No image was attacked at ε = 0.3"],
    ),
    "3d": (
        lambda: curves.asr_over_training_size(training_table(ALL), GROUPS),
        ["clean accuracy", "12,345", "ε, sign", "H-OV  ovary"],
    ),
    "3d one": (
        lambda: curves.asr_over_training_size(
            training_table(["paper"]).query("epsilon == 0.1 and size == 1000"), GROUPS
        ),
        ["paper, iteration 20, ε = 0.1"],
    ),
    "3d nothing": (
        lambda: curves.asr_over_training_size(training_table([]), GROUPS),
        ["No network was trained"],
    ),
    "1": (
        lambda: examples.adversarial_examples(*versions(1, True), GROUPS),
        ["original", "difference", "× 2.5", "tumour", "p = 0.97", "norm", "attack: paper"],
    ),
    "1 none": (
        lambda: examples.adversarial_examples(*versions(2, True), GROUPS),
        ["no adversarial examples"],
    ),
    "2": (
        lambda: examples.flips(*versions(2, True), GROUPS),
        ["→ norm", "X-NR2, ε = 0.02"],
    ),
    "2 few": (
        lambda: examples.flips(*versions(2, True), ONE),
        ["Successful attacks found: 2 of the 8 asked for."],
    ),
    "2 none": (
        lambda: examples.flips(*versions(2, False), GROUPS),
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
        lambda: sheets.slide(
            np.full((60, 80, 3), 200, np.uint8),
            cell=10.0,
            corner=(100, 50),
            tissue=[np.array([(150, 100), (700, 100), (700, 500), (150, 100)])],
            ink=[np.array([(300, 300), (350, 300), (350, 350), (300, 300)])],
            outlines={"tumour": [np.array([(200, 150), (400, 150), (400, 350), (200, 150)])]},
            tiles=pd.DataFrame({"x": [250, 500], "y": [200, 200], "class": ["tumour", "norm"]}),
            extent=100.0,
            classes=["ignore", "tumour", "norm"],
            title="0a1b",
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
def test_figures(case: str, tmp_path: Path) -> None:
    draw, words = CASES[case]
    for suffix in (".png", ".svg"):
        first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
        style.save(draw(), first)
        style.save(draw(), second)
        assert first.read_bytes() == second.read_bytes()
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


def test_a_lost_rate_is_a_gap() -> None:
    figure = curves.asr_over_epsilon(asr_table(["paper"]), GROUPS, 20)
    drawn = [np.asarray(line.get_ydata(), float) for line in figure.axes[0].lines]
    assert len(drawn) == len(GROUPS)
    assert np.isnan(drawn[1]).tolist() == [False, True, False]  # X-AO at 0.1
    assert np.nanmax(np.concatenate(drawn)) <= 1  # the partial run is not there


def test_wide_doses_are_logarithmic() -> None:
    figure = curves.asr_over_epsilon(asr_table(["paper", "sign"]), GROUPS, 20)
    assert [panel.get_xscale() for panel in figure.axes] == ["linear", "log"]


def test_empty_bins_and_the_bin_apart_are_not_joined() -> None:
    table = confidence_table(["paper"])
    table = table[table["group"] == "H-OV-TH"].assign(n_attacked=20, asr=0.5)
    table.loc[table["bin_low"].between(0.69, 0.71), ["n_attacked", "asr"]] = [0, np.nan]
    figure = curves.asr_over_confidence(table, GROUPS, 0.1, 20)
    joined = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    # 10 bins from 0.5 on have 9 joints, of which the empty bin takes two; the divider is a line.
    assert len(joined) == 9 - 2 + 1


def test_looks_do_not_depend_on_the_figure() -> None:
    looks = style.looks(GROUPS)
    assert len({(look.color, look.marker, look.filled) for look in looks.values()}) == len(GROUPS)
    assert looks["X-NR2"].filled and not looks["H-OV"].filled
    assert looks["X-NR2"].line != looks["H-OV"].line
    many = {f"g{i}": {"title": "", "modality": "histology"} for i in range(8)}
    assert len(set(style.looks(many).values())) == 8


def test_eight_pairs_at_most() -> None:
    images, table = versions(2, True)
    doubled = pd.concat([table, table.assign(index=4)], ignore_index=True)
    figure = examples.flips([*images, *images], doubled, GROUPS)
    assert sum(len(panel.images) for panel in figure.axes) == 2 * examples.PAIRS
    with pytest.raises(ValueError, match="rows"):
        examples.flips(images[1:], table, GROUPS)


def test_plots_never_import_torch() -> None:
    code = (
        "import sys; from pgdose.plots import curves, examples, report, sheets, style;"
        "assert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- report -----------------------------------------------------------------------------------


def write(path: Path, figures: dict[str, Path], **changes: Any) -> str:
    def table(columns: str, *rows: tuple[Any, ...]) -> pd.DataFrame:
        return pd.DataFrame(list(rows), columns=columns.split())

    tables: dict[str, Any] = {
        "study": {
            "study": "phantom & <i>sons</i>",
            "groups": {"X-NR2": {"title": "<b>age</b>"}},
            "attacks": {"paper": {"epsilon": [np.float64(0.02)], "root": Path("scans")}},
        },
        "table1": table(
            "group title n_images n_training n_validation accuracy ci_low ci_high paper_accuracy",
            ("X-NR2", "<b>age</b>", 200001, 160001, 40000, 0.9412, 0.9301, 0.9523, 0.98),
            ("X-NEW", "not in the paper", 10, 8, 2, np.nan, np.nan, np.nan, None),
        ),
        "class_counts": table(
            "group class n_images n_training n_validation", ("X-NR2", "G1", 100123, 80123, 20000)
        ),
        "sources": table(
            "source found readable usable norm fibrosis any_finding several_findings",
            ("xray", 1908926, 1900000, 1880000, 1215648, 19844, 46882, 812),
            ("fields", 4000, 4000, 3999, None, None, None, None),
        ),
        "conclusions": table(
            "conclusion attack estimate ci_low ci_high verdict paper",
            ("ASR grows with eps", "paper", 0.8751, 0.71, 0.932, "holds", "7 of 8 groups"),
            ("ASR drops above 0.95", "sign", -0.25, np.nan, np.nan, None, "drops sharply"),
        ),
        "checks": table(
            "group run attack check verdict says",
            ("X-NR2", "full", "paper", "gradients", "passed", "All is well."),
            ("X-NR2", "full", "sign", "gradients", "failed", "90 % are <i>0</i>."),
            ("X-AO", "full", "sign", "gradients", "failed", "70 % are 0."),
            ("H-BR", "n72-r1", "sign", "gradients", "failed", "60 % are 0."),
            ("H-OV", "full", "sign", "gradients", "passed", "All is well."),
            ("H-OV", "full", "sign", "box kept", "failed", "One leaves it."),
            ("H-OV", "full", "noise", "gradients", "not done", "It has none."),
        ),
        "rejects": table("source stage reason count", ("xray", "screen", "uniform", 12345)),
        "benchmarks": table("rule jobs seconds max_rss_mb", ("attack", 64, 86000.2, 4096.5)),
        "versions": {"pgdose": "0.1.0"},
    } | changes
    report.write_report(path, figures=figures, **tables)
    return path.read_text(encoding="utf-8")


@pytest.fixture
def figures(tmp_path: Path) -> dict[str, Path]:
    files = {"fig1": tmp_path / "fig1.png", "fig3a": tmp_path / "fig3a.svg"}
    for file in files.values():
        style.save(style.message("nothing"), file)
    return files


def test_report_says_everything(tmp_path: Path, figures: dict[str, Path]) -> None:
    page = write(tmp_path / "report.html", figures)
    numbers = "200,001 40,000 0.941 0.930 0.952 0.98 100,123 1,908,926 19,844 812 3,999 12,345"
    for text in [*numbers.split(), "0.875", "0.932", "−0.25", "23 h 53 min", "4.0 GB", "0.1.0"]:
        assert text in page
    for text in ("holds", "not tested yet", "7 of 8 groups", "Several findings", "root: scans"):
        assert text in page
    assert report.CAPTIONS["fig3a"].split(";")[0] in page
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page).lower().split()


def warnings(page: str) -> str:
    return page[page.index('<section id="warnings">') : page.index('<section id="conclusions">')]


def test_report_warns_once_for_each_check_and_attack(
    tmp_path: Path, figures: dict[str, Path]
) -> None:
    page = warnings(write(tmp_path / "report.html", figures))
    rows = page.split("<tbody>")[1].split("</tbody>")[0].split("<tr>")[1:]
    assert len(rows) == 2
    for text in ("gradients", "sign", "3 of 4: X-NR2, X-AO, H-BR (n72-r1)", "60 % are 0."):
        assert text in rows[0]
    assert "1 of 1: H-OV" in rows[1] and "One leaves it." in rows[1]
    assert "All is well" not in page and "<i>0" not in page
    counts = re.findall(r": +(\d+)[;.]", page.replace("\n", " "))
    assert counts == ["2", "4", "1"]


def test_report_says_that_nothing_failed_or_was_checked(tmp_path: Path) -> None:
    columns = ["group", "run", "attack", "check", "verdict", "says"]
    fine = pd.DataFrame([("X-AO", "full", "sign", "gradients", "passed", "Well.")], columns=columns)
    assert "No check failed" in warnings(write(tmp_path / "report.html", {}, checks=fine))
    none = warnings(write(tmp_path / "report.html", {}, checks=None))
    assert "No attack was checked" in none and "No check failed" not in none


def test_report_is_self_contained_and_escaped(tmp_path: Path, figures: dict[str, Path]) -> None:
    page = write(tmp_path / "report.html", figures)
    assert page == write(tmp_path / "again.html", figures)
    targets = re.findall(r"(?:src|href)\s*=\s*\"([^\"]*)", page)
    assert len(targets) > len(figures)
    assert all(target.startswith(("data:image/", "#")) for target in targets)
    assert not re.search(r"<script|<link|@import|url\(", page)
    assert "<b>age" not in page and "&lt;b&gt;age&lt;/b&gt;" in page
    assert "<i>sons" not in page and "phantom &amp; &lt;i&gt;sons" in page


def test_report_fits_a_phone(tmp_path: Path, figures: dict[str, Path]) -> None:
    page = write(tmp_path / "report.html", figures)
    assert 'name="viewport"' in page and "overflow-x: auto" in page
    # Whatever may be wide stands in a box of its own that scrolls.
    for wide in ("<table", "<img"):
        for match in re.finditer(wide, page):
            before = page[: match.start()]
            assert before.rstrip().endswith(">")
            assert before.rfind('<div class="scroll"') > before.rfind("</div>")
    assert all(int(width) <= 576 for width in re.findall(r'<img[^>]* width="(\d+)"', page))


def test_report_of_a_bare_study(tmp_path: Path) -> None:
    def empty(columns: str) -> pd.DataFrame:
        return pd.DataFrame(columns=columns.split())

    page = write(
        tmp_path / "report.html",
        {},
        conclusions=empty("conclusion attack estimate ci_low ci_high verdict paper"),
        rejects=empty("source stage reason count"),
        benchmarks=empty("rule jobs seconds max_rss_mb"),
    )
    for text in ("No conclusion was tested", "No record was rejected", "Nothing was measured"):
        assert text in page
    with pytest.raises(ValueError, match="png or"):
        write(tmp_path / "report.html", {"fig1": tmp_path / "fig1.pdf"})
