"""The report's page says what the tables say: it is read back and compared with them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lxml.html
import numpy as np
import pandas as pd
import pytest
from helpers.report_tables import (
    CLASSES,
    EPSILONS,
    GROUPS,
    ITERATIONS,
    TITLES_OF_CLASSES,
    checks,
    study,
)

from pgdose.plots import style
from pgdose.report import headline, interactive, summary, wording
from pgdose.report.captions import PICTURES
from pgdose.report.data import PAGE_TABLES, Provenance, ReportData
from pgdose.report.page import write_report

Write = Callable[..., "Page"]
SETTINGS = {
    "study": "bare",
    "seed": 1,
    "measures": {"success": "final", "draws": 200},
    "operating_points": {"epsilon": 0.1, "iterations": 20},
}


class Page:
    """The page as a browser has it."""

    def __init__(self, text: str) -> None:
        self.text = text
        parser = lxml.html.HTMLParser(huge_tree=True, encoding="utf-8")
        self.root = lxml.html.fromstring(text.encode(), parser=parser)

    def section(self, name: str) -> str:
        return words(self.root.get_element_by_id(name))

    def tables(self, label: str) -> list[pd.DataFrame]:
        """The tables of this name, their cells as texts; the first column is the index."""
        boxes = self.root.xpath("//div[@class='scroll'][@aria-label=$label]//table", label=label)
        frames = []
        for table in boxes:
            heads = [words(cell) for cell in table.xpath("./thead/tr/th")]
            rows = [[words(c) for c in row.xpath("./th|./td")] for row in table.xpath("./tbody/tr")]
            frame = pd.DataFrame(rows, columns=heads or None, dtype=object)
            frames.append(frame.set_index(frame.columns[0]))
        return frames

    def table(self, label: str) -> pd.DataFrame:
        (only,) = self.tables(label)
        return only

    def charts(self) -> list[dict[str, Any]]:
        (script,) = self.root.xpath("//script[@id='charts']")
        return json.loads(script.text)


def called(group: str, name: str) -> str:
    """What the page calls a class."""
    return TITLES_OF_CLASSES.get(group, {}).get(name, name)


def words(element: Any) -> str:
    return " ".join(element.text_content().split())


def numbers(cell: str) -> list[float]:
    """All numbers of a cell, in order: "0.85 [0.75, 0.91]" has three."""
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", cell.replace(wording.MINUS, "-"))
    return [float(number) for number in re.findall(r"[-+]?\d+(?:\.\d+)?", plain)]


def same(cell: str, *values: float, digits: int = 3) -> None:
    """The cell has these numbers and no others, to its last digit; what is missing is a dash."""
    finite = [value for value in values if not pd.isna(value)]
    assert len(numbers(cell)) == len(finite), (cell, values)
    for shown, value in zip(numbers(cell), finite, strict=True):
        assert shown == pytest.approx(value, abs=0.5 * 10.0**-digits + 1e-9), (cell, values)
    if not finite:
        assert cell == wording.MISSING


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
def write(tmp_path: Path, pictures: Path) -> Write:
    """Write the made-up study's page, with some of its arguments changed, and read it."""

    def write_page(**changes: Any) -> Page:
        path = tmp_path / "report.html"
        write_report(path, ReportData(**(study(pictures) | changes)))
        return Page(path.read_text(encoding="utf-8"))

    return write_page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Page:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, ReportData(**study(pictures)))
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tables(pictures: Path) -> dict[str, pd.DataFrame]:
    return study(pictures)["tables"]


#: Where each attack is shown at the operating point; noise was not measured at 0.1.
SHOWN_AT = {"paper": 0.1, "sign": 0.1, "noise": 0.02}
NEAREST = "ε = 0.02 (nearest to 0.1)"


def at_point(table: pd.DataFrame) -> pd.DataFrame:
    """The main networks' rows at the operating point, by hand."""
    last, epsilon = table["attack"].map(ITERATIONS), table["attack"].map(SHOWN_AT)
    return table[
        (table["role"] == "main") & (table["epsilon"] == epsilon) & (table["iteration"] == last)
    ]


def test_table1(page: Page, tables: dict[str, pd.DataFrame]) -> None:
    shown = page.table("Table 1")
    assert list(shown.index) == list(GROUPS)
    for row in tables["table1"].itertuples():
        here = shown.loc[row.group]
        assert here["Classes"] == row.title
        for head, value in (
            ("Images", row.n_images),
            ("Training", row.n_training),
            ("Validation", row.n_validation),
            ("Validation patients", row.n_patients),
        ):
            same(here[head], value, digits=0)
        same(here["Accuracy"], row.accuracy, row.ci_low, row.ci_high)
        same(here["Paper’s accuracy"], row.paper_accuracy, digits=2)
        same(here["ECE"], row.ece)
        assert here["ECE"].endswith("no interval")
    by_class = page.table("Images by class")
    assert len(by_class) == len(GROUPS) * len(CLASSES)
    assert set(by_class["Images"]) == {"100,123"} and list(by_class["Class"])[:2] == CLASSES


def test_conclusions(page: Page, tables: dict[str, pd.DataFrame]) -> None:
    matrix = page.table("Conclusions by attack")
    assert list(matrix.columns) == list(EPSILONS)
    conclusions = tables["conclusions"]
    for place, (claim, rows) in enumerate(conclusions.groupby("conclusion", sort=False), 1):
        shown = page.table(f"Conclusion {place}")
        assert summary.claim(str(claim)) in matrix.index[place - 1]
        assert f"Test of {claim}." in page.section("conclusions")
        for row in rows.itertuples():
            verdict = "not tested" if pd.isna(row.verdict) else row.verdict
            verdict = verdict if row.applies else "does not apply"
            cell, here = matrix.iloc[place - 1][row.attack], shown.loc[row.attack]
            assert cell.strip("✓✗? ").startswith(verdict)
            assert here["Verdict"].strip("✓✗? ").startswith(verdict)
            if verdict == "undecided":
                assert cell.endswith("lacks 1,234 patients")
                assert here["Why"] == f"{row.reason}. Lacks: 1,234 patients more"
            elif row.applies:
                assert cell.endswith("for most groups") == (
                    verdict in ("supported", "contradicted")
                )
                assert here["Why"] == row.reason
            else:
                assert here["Why"] == "no other size was attacked"
            same(here["Mean rise"], row.estimate, row.ci_low, row.ci_high)
            same(here["Beside it: median"], 0.0234, 0.0111, 0.0444)
            assert here["p (Holm over attacks)"] == "0.012"
        trends = tables["trends"][tables["trends"]["conclusion"] == claim]
        if len(trends):
            folded = page.table(f"Groups of conclusion {place}")
            for cell, row in zip(folded["Estimate"], trends.itertuples(), strict=True):
                same(cell, row.estimate, row.ci_low, row.ci_high)


def test_doses(page: Page, tables: dict[str, pd.DataFrame]) -> None:
    area = page.table("Area under the dose-response curve")
    median = page.table("Median of the smallest ε that flips")
    never = page.table("Images that no ε flipped")
    for row in tables["doses"].itertuples():
        same(area.loc[row.group, row.attack], row.auc, row.auc_low, row.auc_high)
        same(never.loc[row.group, row.attack], row.n_never, row.n_attacked, digits=0)
        over, least = f"over {EPSILONS[row.attack][-1]:g}", EPSILONS[row.attack][0]
        ends = [over if np.isinf(v) else f"{v:g}" for v in (row.median_low, row.median_high)]
        assert row.median_low == least  # so that the median may lie below it
        first = over if np.isinf(row.median_epsilon) else f"{row.median_epsilon:g}"
        assert median.loc[row.group, row.attack] == f"{first} [at most {ends[0]}, {ends[1]}]"
    ties = page.table("Images that the smallest ε flipped")
    assert ties.loc["X-TB", "sign"] == "7 of 37 at 0.0005"


def test_worst_case_and_training_size(page: Page, tables: dict[str, pd.DataFrame]) -> None:
    worst = tables["worst_case"]
    shown, all_of_it = page.table("Worst case"), page.table("Worst case at every amplitude")
    for row in worst[worst["epsilon"] == 0.1].itertuples():
        same(shown.loc[row.group, "ASR"], row.asr, row.ci_low, row.ci_high)
        same(shown.loc[row.group, "Flipped"], row.n_flipped, digits=0)
    for (_, cells), row in zip(all_of_it.iterrows(), worst.itertuples(), strict=True):
        same(cells["ε"], row.epsilon, digits=4)
        same(cells["ASR"], row.asr, row.ci_low, row.ci_high)
    sized = page.table("Training size")
    for (_, cells), row in zip(
        sized.iterrows(), tables["training_size_summary"].itertuples(), strict=True
    ):
        same(cells["Training images"], row.size, digits=0)
        same(cells["ASR"], row.asr, row.asr_sd)
        same(cells["Accuracy"], row.accuracy, row.accuracy_sd)


def test_missed_disease_and_false_alarms(page: Page, tables: dict[str, pd.DataFrame]) -> None:
    shown = page.table("Missed disease and false alarms")
    assert list(shown.index) == ["X-TB"] * 3 + ["H-BR"] * 3  # nobody knows the norm of X-NR2
    assert list(shown["Attack"]) == list(EPSILONS) * 2
    assert [numbers(cell)[0] for cell in shown["ε"]] == list(SHOWN_AT.values()) * 2
    for cell in shown["Disease missed"]:
        same(cell, 0.7, 0.35, 0.84)
    for cell in shown["False alarm"]:
        same(cell, 0.2, 0.1, 0.24)
    for missed, alarm in shown["Before"].to_numpy():
        same(missed, 0.1), same(alarm, 0.2)
    table = tables["harm"]
    for column, error in (
        ("Missed less false alarm", "asymmetry"),
        ("The attack adds", "asymmetry_change"),
    ):
        for group, cells in shown.groupby(level=0, sort=False):
            for attack, cell in zip(cells["Attack"], cells[column], strict=True):
                rows = table[(table["group"] == group) & (table["attack"] == attack)]
                rows = rows[(rows["error"] == error) & (rows["epsilon"] == SHOWN_AT[attack])]
                same(cell, *rows[["rate", "ci_low", "ci_high"]].iloc[0])
    text = page.section("harm")
    assert "sign: hides disease more often than it feigns it in X-TB; undecided in H-BR." in text
    assert f"noise at {NEAREST}: undecided in X-TB and H-BR." in text
    assert "X-TB: C1 (Tuberculosis & more), as the conditions of its classes tell." in text
    assert "H-BR: C1." in text
    weighed = page.table("Expected harm")
    assert list(weighed.index) == ["X-TB"] * 3
    for row in weighed.itertuples(index=False):
        same(row[2], 1.9, 1.1, 2.2), same(row[3], 1.5)
    for name in ("fig_harm", "fig_expected_harm"):
        assert page.root.xpath(f"//details[@id='harm']//figure[@id='{name}-printed']")


def test_without_norm_and_weights_there_is_no_section_of_harm(
    write: Write, tables: dict[str, pd.DataFrame]
) -> None:
    harm = tables["harm"]
    page = write(tables={**tables, "harm": harm[harm["group"] == "X-NR2"]}, figures={})
    assert "Missed disease" not in page.text
    # Weights alone do.
    pairs = harm[(harm["error"] == "expected_harm") & (harm["group"] == "X-TB")]
    page = write(tables={**tables, "harm": pairs}, figures={})
    assert page.table("Expected harm").shape[0] == 3
    assert not page.tables("Missed disease and false alarms")


def test_subgroups(page: Page, tables: dict[str, pd.DataFrame]) -> None:
    here = at_point(tables["subgroups"])
    for group, rows in here.groupby("group"):
        for (_, cells), row in zip(
            page.table(f"Subgroups of {group}").iterrows(), rows.itertuples(), strict=True
        ):
            same(cells["ASR"], row.asr, row.ci_low, row.ci_high)
            ends = row.difference_low, row.difference_high
            assert cells["ε"] == ("0.02 (nearest to 0.1)" if row.attack == "noise" else "0.1")
            same(cells["Difference from the others"], row.difference, *ends)
    text = page.section("subgroups")
    # F and M mirror each other, and are one difference: by group and attack.
    pairs = at_point(tables["subgroups"]).groupby(["group", "attack"]).ngroups
    assert f"{2 * pairs} differences" in text and f"interval of {pairs} of them" in text
    assert f"measured at ε = 0.1, noise at {NEAREST}; the interval" in text
    assert "X-TB under sign, sex F: 0.31 more than the others." in text
    assert f"X-TB under noise at {NEAREST}, sex F: 0.31 more than the others." in text
    assert "sex M:" not in text


def test_each_group_s_section(page: Page, tables: dict[str, pd.DataFrame]) -> None:
    rates = at_point(tables["asr"]).set_index(["group", "attack"])
    for place, group in enumerate(GROUPS):
        shown = page.table(f"Attacks on {group}")
        for attack in EPSILONS:
            # The nearest dose is named.
            cells = shown.loc[f"noise at {NEAREST}" if attack == "noise" else attack]
            row = rates.loc[(group, attack)]
            same(cells["ASR"], row["asr"], row["ci_low"], row["ci_high"])
            same(cells["Flipped"], row["n_flipped"], digits=0)
            same(cells["Survive 8 bits"], 0.512, 0.401, 0.623)
        confusion = tables["confusion"][tables["confusion"]["group"] == group]
        for row in confusion.to_dict("records"):
            classes = [called(group, row[column]) for column in ("class", "predicted")]
            cell = page.tables("Confusion")[place].loc[classes[0], classes[1]]
            same(cell, row["n"], digits=0)
        changed = at_point(tables["transitions"])
        changed = changed[changed["group"] == group]
        for attack, name in (
            ("paper", "paper"),
            ("sign", "sign"),
            ("noise", f"noise at {NEAREST}"),
        ):
            for row in changed[changed["attack"] == attack].to_dict("records"):
                classes = [called(group, row[column]) for column in ("class", "flipped_to")]
                cell = page.tables(name)[place].loc[classes[0], classes[1]]
                same(cell, row["n"], digits=0)
        text = page.section(f"group-{place}")
        failed = checks().query("group == @group and verdict == 'failed'")
        assert f"failed: {len(failed)}" in text
        for says in failed["says"]:
            assert says in text


def test_what_each_class_lost_and_what_looks_the_same(page: Page) -> None:
    lost = page.table("Left out of X-TB by class and reason")
    assert list(lost.index) == ["lateral", "blank"] * 2
    assert lost["Class"].tolist() == ["Tuberculosis & more C1"] * 2 + [CLASSES[1]] * 2
    assert lost.iloc[0, 1:].tolist() == ["1,678", "12", "0.007", "0.001"]
    assert lost.iloc[1, 4] == wording.MISSING
    sentence = (
        "Images with the reason “lateral” are unevenly spread over the classes: the cohort may be "
        "chosen by disease."
    )
    assert sentence in page.section("group-1") and sentence not in page.section("group-0")
    assert f"X-TB: {sentence}" in page.section("warnings")
    depths = page.table("Files of X-TB with other bits a channel")
    assert depths.index.tolist() == ["16 bits"] * 2
    assert depths.iloc[0].tolist()[:3] == ["Tuberculosis & more C1", "1,500", "1,400"]
    sentence = (
        "Files of 16 bits are unevenly spread over the classes: a network may tell them by how "
        "their files hold pixels."
    )
    assert f"X-TB: {sentence}" in page.section("warnings")
    assert not page.tables("Files of H-BR with other bits a channel")
    pairs = page.table("Images of H-BR that look the same")
    assert len(pairs) == 20 and pairs.index[0] == "0"
    assert pairs.iloc[0].tolist() == ["C1 / C2 <i>", "training"]
    assert "a0b" not in page.text
    looks = "30 pairs of images of different classes or parts look the same"
    assert f"H-BR: {looks}" in page.section("warnings") and looks in page.section("group-2")
    assert not page.tables("Images of X-TB that look the same")


def test_what_it_rests_on(page: Page) -> None:
    sources = page.table("Sources")
    assert sources.loc["xray", "Found"] == "1,908,926"
    assert sources.loc["fields", "Norm"] == wording.MISSING
    rejects = page.table("Rejects")
    assert list(rejects["Records"]) == ["12,345", "17"]
    assert rejects["Reason"].tolist() == ["uniform image", "spare"]
    cost = page.table("Time and memory")
    assert list(cost.loc["attack"]) == ["64", "23 h 53 min", "4.0 GB"]
    made = page.section("made")
    for text in (
        "seed, 2019",
        "2,000 draws",
        "A processor",
        "24 GB",
        "cuda",
        "1.0.0",
        "root: scans",
    ):
        assert text in made


def test_charts_hold_the_tables(page: Page, tables: dict[str, pd.DataFrame]) -> None:
    charts = {chart["id"]: chart for chart in page.charts()}
    assert len(charts) == 2 * len(EPSILONS) + len(GROUPS)
    asr, bins = (t[t["role"] == "main"] for t in (tables["asr"], tables["confidence"]))
    for place, (attack, epsilons) in enumerate(EPSILONS.items()):
        of_attack, last = asr[asr["attack"] == attack], ITERATIONS[attack]
        at_last = of_attack[of_attack["iteration"] == last]
        compare(charts[f"fig3a-{place}"], ("", ""), at_last, "epsilon")
        over_iterations = (charts[f"fig3b-{place}"], "", of_attack, "iteration")
        by_group = [
            (charts[f"fig3c-{i}"], attack, bins[bins["group"] == group], "bin_low")
            for i, group in enumerate(GROUPS)
        ]
        for chart, name, table, x in (over_iterations, *by_group):
            assert set(chart["values"][name]) == {f"{epsilon:g}" for epsilon in epsilons}
            # Shown first: the operating epsilon, or the nearest one, which the page then names.
            assert chart["first"] == "0.1"
            nearest = {name: "0.02"} if attack == "noise" else {}
            assert nearest.items() <= chart["nearest"].items()
            if attack == "noise":
                assert chart["notes"][name] == f"Shown at {NEAREST}."
            else:
                assert name not in chart["notes"]
            for epsilon in epsilons:
                here = table[(table["attack"] == attack) & (table["epsilon"] == epsilon)]
                compare(chart, (name, f"{epsilon:g}"), here, x)


def compare(chart: dict[str, Any], choice: tuple[str, str], table: pd.DataFrame, by: str) -> None:
    """Each trace's rates, counts and places are those of its group in the table."""
    traces, values = chart["figure"]["data"], chart["values"][choice[0]][choice[1]]
    assert [trace["legendgroup"] for trace in traces] == list(table["group"].unique())
    assert chart["group"] == (traces[0]["legendgroup"] if by == "bin_low" else "")
    for trace, rated in zip(traces, values, strict=True):
        rows = table[table["group"] == trace["legendgroup"]].sort_values(by)
        places = list(zip(trace["x"], rated["y"], rated["rate"], strict=True))
        if by == "bin_low":
            assert places.pop(1) == (None, None, [None] * 4)  # the gap
        assert len(places) == len(rows)
        for (x, y, rate), row in zip(places, rows.to_dict("records"), strict=True):
            if by != "bin_low":
                assert x == row[by]
            elif row["bin_low"] >= 0.5:
                assert row["bin_low"] < x < row["bin_high"]
            sure = by == "iteration" and row["iteration"] == 0
            ends = [row["asr"]] * 2 if sure else [row["ci_low"], row["ci_high"]]
            for shown, value in zip([y, *rate[:2]], [row["asr"], *ends], strict=True):
                assert shown == (None if pd.isna(value) else pytest.approx(value, abs=5.1e-5))
            assert rate[2:] == [row["n_flipped"], row["n_attacked"]]


def test_summary_is_made_from_the_numbers(page: Page, tables: dict[str, pd.DataFrame]) -> None:
    text = page.section("summary")
    for sentence in (
        "3 study groups (2 X-ray and 1 histology), and each was attacked in 3 ways: paper, sign "
        "and noise.",
        "1,912,926 records were found in 2 sources; 12,345 of them were rejected.",
        "the accuracy is 0.81 (X-TB) to 0.94 (X-NR2).",
        "The paper’s lies inside our interval for X-TB and above it for X-NR2.",
        "Of 6 checks of the attacks 4 failed",
        "supported for most groups under paper and sign; contradicted for most groups under noise.",
        "undecided under every attack.",
        "supported for most groups under sign; undecided under paper; does not apply under noise.",
        "attacks on the same networks cannot tell): conclusions 1 and 4.",
        "which speaks of the attacks: conclusion 3.",
        "Left open under at least one attack: conclusions 2 and 5.",
    ):
        assert sentence in text
    assert (
        "An attack with fewer iterations is shown at its last one, an attack that was not "
        f"measured at this ε at the nearest ε that was: noise at {NEAREST}."
    ) in page.section("words")
    for attack, name in (("sign", "sign"), ("noise", f"noise at {NEAREST}")):
        rows = at_point(tables["asr"])
        rates = rows[rows["attack"] == attack].set_index("group")["asr"]
        low, high = rates.min(), rates.max()
        assert f"{name}: {low:.2f} ({rates.idxmin()}) to {high:.2f} ({rates.idxmax()})." in text
    worst = tables["worst_case"].query("epsilon == 0.1")["asr"]
    assert f"up to 0.1, an attacker flips {worst.min():.2f}" in text


@pytest.mark.parametrize(
    ("groups", "attacks", "sentence"),
    [
        (
            1,
            ["paper"],
            "A network was trained for 1 study group, and it was attacked in 1 way: paper.",
        ),
        (2, [], "A network was trained for 2 study groups; none was attacked."),
    ],
)
def test_one_and_none_are_said_right(groups: int, attacks: list[str], sentence: str) -> None:
    some = dict(list(GROUPS.items())[:groups])
    assert summary.scope(some, attacks) == sentence


def test_networks_from_elsewhere_were_not_trained(write: Write, pictures: Path) -> None:
    settings = study(pictures)["study"]
    groups = {
        name: {**group, "network": {"file": "x"}} for name, group in settings["groups"].items()
    }
    page = write(study={**settings, "groups": groups}, figures={}, pictures={})
    assert "A network from elsewhere is audited on 3 study groups" in page.section("summary")
    limits = page.section("limitations")
    assert "were trained elsewhere" in limits and "One training stands" not in limits
    assert summary.scope(GROUPS, ["paper"], 3).startswith(
        "A network from elsewhere is audited on 3 study groups"
    )
    assert "has a network, of which 1 came from elsewhere" in summary.scope(GROUPS, ["a"], 1)


def test_lists_and_numbers_in_words() -> None:
    assert [wording.join_names(["a", "b", "c"][:n]) for n in range(4)] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert (
        wording.quantity(1, "group") == "1 group" and wording.quantity(1200, "way") == "1,200 ways"
    )
    assert wording.epsilon(np.inf, 0.2) == "over 0.2" and wording.epsilon(0.0005) == "0.0005"
    assert wording.signed(-0.0312) == "−0.031" and wording.signed(0.2) == "+0.200"
    assert wording.duration(59.94) == "59.9 s" and wording.duration(61) == "1 min 01 s"
    unknown = (wording.count, wording.rate, wording.epsilon, wording.duration, wording.memory)
    assert {text(np.nan) for text in unknown} == {wording.MISSING}


def test_widths_of_the_two_intervals(pictures: Path) -> None:
    def row(attack: str, half: float, epsilon: float = 0.1) -> dict[str, Any]:
        ends = {"ci_low": 0.5 - half, "ci_high": 0.5 + half, "wilson_low": 0.4, "wilson_high": 0.6}
        at = {"group": "X", "role": "main", "epsilon": epsilon, "iteration": 20, "n_attacked": 40}
        return {**at, "attack": attack, "asr": 0.5, **ends}

    def lines(*rows: dict[str, Any]) -> list[str] | None:
        tables = {"asr": pd.DataFrame(rows)}
        return summary.intervals(ReportData(**(study(pictures) | {"tables": tables})))

    assert lines(row("a", 0.149), row("b", 0.07)) == []
    assert lines(row("a", 0.15), row("b", 0.3)) == [
        "X: wider by a factor of 1.5 to 3.0 under both attacks."
    ]
    assert lines(row("a", 0.05), row("b", 0.1)) == ["X: narrower by a factor of 2.0 under a."]
    assert lines(row("a", np.nan)) == []
    assert lines(row("a", 0.15), row("b", 0.05, epsilon=0.08)) == [
        "X: wider by a factor of 1.5 under a.",
        "X: narrower by a factor of 2.0 under b at ε = 0.08 (nearest to 0.1).",
    ]
    assert lines(row("a", 0.15), row("b", 0.15, epsilon=0.08)) == [
        "X: wider by a factor of 1.5 under a and b at ε = 0.08 (nearest to 0.1)."
    ]


def test_notes_of_imported_networks_are_shown_once_with_their_networks(
    write: Write, pictures: Path
) -> None:
    checks = study(pictures)["checks"]
    note = {"role": "main", "attack": "all", "check": "note of the import", "verdict": "not done"}
    notes = [
        {"group": "X-TB", "run": "full", "says": "its <b>softmax</b> is left out", **note},
        {"group": "H-BR", "run": "other", "says": "its <b>softmax</b> is left out", **note},
        {"group": "H-BR", "run": "other", "says": "another", **note},
    ]
    page = write(checks=pd.concat([checks, pd.DataFrame(notes)], ignore_index=True))
    text = page.section("warnings")
    assert "X-TB/full, H-BR/other: its <b>softmax</b> is left out." in text
    assert text.count("left out.") == 1 and "H-BR/other: another." in text


def test_warns_once_for_each_check_and_attack(page: Page) -> None:
    shown = page.table("Warnings")
    assert list(shown.index) == ["gradients", "box kept"]
    first, second = shown.iloc[0], shown.iloc[1]
    assert first["Networks"] == "3 of 4: X-NR2, X-TB, H-BR (n72-r1)"
    assert "90 % are <i>0</i>." in first["Result"]
    assert second["Networks"] == "1 of 1: H-BR"
    text = page.section("warnings")
    assert "Passed: 2; failed: 4; not done" in text and "All is well" not in text


def test_says_that_nothing_failed_or_was_checked(write: Write) -> None:
    fine = checks().query("verdict == 'passed'")
    assert "No check failed" in write(checks=fine, figures={}, pictures={}).section("warnings")
    none = write(checks=checks().iloc[:0], figures={}, pictures={})
    assert "No attack was checked" in none.section("warnings")
    assert "checks of the attacks" not in none.section("summary")


def test_a_bare_study(write: Write) -> None:
    empty = pd.DataFrame
    page = write(
        tables={},
        figures={},
        pictures={},
        checks=checks().iloc[:0],
        rejects=empty(columns=["source", "stage", "reason", "count"]),
        provenance=Provenance(
            benchmarks=empty(columns=["rule", "jobs", "seconds", "max_rss_mb"]),
            devices=empty(columns=["attack", "device", "precision", "jobs"]),
            versions={},
            machine={},
        ),
        study=SETTINGS,
        groups={"X": "xray"},
        synthetic=(),
    )
    for text in ("No conclusion was tested", "No record was rejected", "Nothing was measured"):
        assert text in words(page.root.body)
    assert not page.root.xpath("//script[@id]") and len(page.root.xpath("//script")) == 1
    assert not page.root.find_class("headline") and not page.root.find_class("synthetic")


@pytest.mark.parametrize("name", PAGE_TABLES)
def test_a_study_without_one_of_its_tables(
    write: Write, tables: dict[str, pd.DataFrame], name: str
) -> None:
    rest = {key: table for key, table in tables.items() if key != name}
    assert write(tables=rest, figures={}, pictures={}).section("summary")


def test_tables_without_rows_are_no_tables(write: Write, tables: dict[str, pd.DataFrame]) -> None:
    empty = {name: table.iloc[:0] for name, table in tables.items()}
    assert write(tables=empty).text == write(tables={}).text


def test_unknown_values_are_never_numbers(write: Write, tables: dict[str, pd.DataFrame]) -> None:
    blank = {
        name: table.assign(**{c: np.nan for c in table.select_dtypes("float") if c != "epsilon"
                              and not c.startswith("bin_")})
        for name, table in tables.items()
    }  # fmt: skip
    page = write(tables=blank, figures={}, pictures={})
    (data,) = page.root.xpath("//script[@id='charts']") or [None]
    assert data is None  # there is nothing to draw
    assert not re.search(r"\b(nan|inf|None)\b", words(page.root.body))
    with_charts = write(figures={}, pictures={})
    for script in with_charts.root.xpath("//script"):
        script.getparent().remove(script)
    assert not re.search(r"\b(nan|inf|None)\b", words(with_charts.root.body))


def test_mistakes_are_named(write: Write, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"does not show the tables \['asrs'\]; give some of"):
        write(tables={"asrs": pd.DataFrame()})
    with pytest.raises(ValueError, match=r"\.png, not '\.pdf'"):
        write(figures={"fig1": tmp_path / "fig1.pdf"})
    assert not list(tmp_path.iterdir())


def test_same_bytes_every_time(write: Write, page: Page) -> None:
    assert write().text == page.text


def test_is_self_contained(page: Page) -> None:
    (policy,) = page.root.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'; img-src data:;") and "http" not in policy
    targets = page.root.xpath("//@src | //@href | //@srcset | //@action | //@data")
    assert len(targets) > 15
    assert all(str(target).startswith(("data:image/", "#")) for target in targets)
    for link in page.root.xpath("//a/@href"):
        assert page.root.get_element_by_id(link[1:]) is not None
    assert not page.root.xpath("//link | //iframe | //object | //embed | //base")
    (css,) = page.root.xpath("//style")
    assert not re.search(r"@import|url\(", css.text)
    ids = page.root.xpath("//@id")
    assert len(ids) == len(set(ids))


def test_figures_are_shown_as_they_are_and_fit_a_phone(page: Page) -> None:
    assert page.root.xpath("//meta[@name='viewport']")
    images = page.root.xpath("//img")
    assert len(images) == 11 + len(PICTURES) * len(GROUPS)
    for wide in [*images, *page.root.xpath("//table")]:
        assert wide.xpath("ancestor::div[@class='scroll']"), "may be wide, and has no box to scroll"
    assert all(int(image.get("width")) == 576 for image in images)  # 6 inches
    # Without scripts these are open, and what a script draws is hidden.
    assert len(page.root.xpath("//details[@class='printed'][@open]//img")) == 3
    assert all("hidden" in e.attrib for e in page.root.xpath("//*[@class='interactive']"))


HOSTILE = '</script ><script>alert(1)</script><!-- \u2028 & "quoted"'


def test_study_s_texts_are_escaped(write: Write, tables: dict[str, pd.DataFrame]) -> None:
    renamed = {
        name: table.replace({"X-NR2": HOSTILE, "paper": HOSTILE + "2"})
        for name, table in tables.items()
    }
    groups = {HOSTILE if group == "X-NR2" else group: kind for group, kind in GROUPS.items()}
    page = write(tables=renamed, groups=groups, figures={}, pictures={})
    assert len(page.root.xpath("//script")) == 3
    assert not any("alert" in (s.text or "") for s in page.root.xpath("//script[not(@id)]"))
    charts = page.charts()
    assert charts[0]["figure"]["data"][0]["legendgroup"] == HOSTILE
    # A chart's library reads a little HTML in names: there they are escaped once more.
    assert "<script" not in json.dumps([t["name"] for t in charts[0]["figure"]["data"]])
    assert " ".join(HOSTILE.split()) in page.section("summary")
    assert "Age <b>G1</b>" in words(page.root.body) and not page.root.xpath("//td/b")


def test_every_marker_has_its_swatch() -> None:
    many = {f"{kind}{i}": kind for kind in style.MODALITIES for i in range(9)}
    swatches = interactive.swatches(many)
    looks = {(s.color, s.dark, s.dashes, s.outline, s.filled) for s in swatches.values()}
    assert len(looks) == len(set(style.looks(many).values()))


def test_flow_of_the_images(page: Page, write: Write) -> None:
    section = page.root.get_element_by_id("group-1")
    (flow,) = section.xpath(".//ol[@class='flow']")
    boxes = [words(box) for box in flow.find_class("box")]
    lost = [words(reason) for reason in flow.xpath(".//ul[@class='lost']/li")]
    title = TITLES_OF_CLASSES["X-TB"]["C1"]
    assert boxes == [
        "Records in source xray 1,908,926",
        "Readable 1,900,000",
        f"Fit a class 201,400 {title} 100,700, C2 <i> 100,700",
        f"Chosen 200,123 {title} 100,000, C2 <i> 100,123",
        f"Images, with copies 200,246 {title} 100,123, C2 <i> 100,123",
        f"For validation 40,000 {title} 20,000, C2 <i> 20,000",
        "Sample for the attacks 60",
        "Right before the attack 50",
        "Attacked 0 (paper), 37 (sign and noise)",
    ]
    assert lost == [
        "8,926 could not be read",
        f"12 lateral ({title} 12)",
        f"2 blank ({title} 1, C2 <i> 1)",
        f"1,237 not needed: the study takes fewer ({title} 680, C2 <i> 557)",
        f"14 could not be read as images ({title} 7, C2 <i> 7)",
        f"123 augmented copies added to {title}",
        f"160,246 for training ({title} 80,123, C2 <i> 80,123)",
        "10 wrong before the attack",
        "50 (paper), 13 (sign and noise) without a finite output",
    ]
    # A number that nobody counted is left out.
    unknown = write(chosen=study_without_chosen()).root.get_element_by_id("group-1")
    titles = [words(box.find("span")) for box in unknown.find_class("box")]
    assert "Fit a class" not in titles and titles[2] == "Chosen"


def study_without_chosen() -> pd.DataFrame:
    return pd.DataFrame({"group": []})


def rates_of(*rows: tuple[str, str, float, float]) -> dict[str, pd.DataFrame]:
    """The table asr of groups and attacks at an epsilon with a rate."""
    common = {"role": "main", "iteration": 20, "n_attacked": 40, "n_flipped": 7}
    return {
        "asr": pd.DataFrame(
            {"group": group, "attack": attack, "epsilon": epsilon, "asr": rate, **common}
            | {"ci_low": rate - 0.1, "ci_high": rate + 0.1}
            for group, attack, epsilon, rate in rows
        )
    }


def test_the_finding_in_one_sentence(pictures: Path) -> None:
    def headline_of(*rows: tuple[str, str, float, float], **attacks: Any) -> str:
        fields = study(pictures)
        fields["study"] = {**fields["study"], "attacks": attacks}
        return headline.headline(ReportData(**(fields | {"tables": rates_of(*rows)})))

    box = {"kind": "gradient", "clip": "iterate"}
    both = (("A", "pgd", 0.1, 0.3), ("B", "pgd", 0.1, 0.7), ("A", "rnd", 0.1, 0.2))
    assert headline_of(*both, rnd={"kind": "noise"}, pgd=box) == (
        "The attack “pgd” flipped from 30 % (A; 95 % interval 20 to 40 %) to 70 % (B; 95 % "
        "interval 60 to 80 %) of the right diagnoses in 2 study groups, changing no pixel by more "
        "than 10 % of the intensity range (ε = 0.1, iteration 20); random noise of up to the same "
        "ε flipped 20 %."
    )
    # Of one group; noise of another amplitude; an attack whose iterate nothing bounds.
    one = (("A", "pgd", 0.05, 0.3), ("A", "rnd", 0.1, 0.2))
    loose = {"kind": "gradient", "clip": "gradient"}
    assert headline_of(*one, pgd=loose, rnd={"kind": "noise"}) == (
        "The attack “pgd” flipped 30 % (95 % interval 20 to 40 %) of the right diagnoses of the "
        "network of A (ε = 0.05, iteration 20)."
    )
    alike = (("A", "pgd", 0.1, 0.301), ("B", "pgd", 0.1, 0.299))
    assert "flipped 30 % of the right diagnoses in each of 2 study" in headline_of(*alike, pgd=box)
    assert headline_of(("A", "rnd", 0.1, 0.2), rnd={"kind": "noise"}) == ""
    assert headline_of(("A", "pgd", 0.1, np.nan), pgd=box) == ""


def test_synthetic_data_is_said_on_top(write: Write) -> None:
    def banner(**changes: Any) -> str:
        page = write(figures={}, pictures={}, **changes)
        found = page.root.xpath("//header//*[@class='synthetic']")
        return words(found[0]) if found else ""

    some = "Synthetic data. Drawn by a program: xray. Rates of groups with these images say nothing"
    assert banner().startswith(some)
    assert banner(synthetic=["xray", "fields"]).startswith(
        "Synthetic data. All images are drawn by a program."
    )
    assert banner(synthetic=[]) == ""


def test_a_verdict_has_its_reason_and_its_test(page: Page) -> None:
    links = page.root.xpath("//*[@id='first']//a[contains(@class, 'verdict')]")
    assert len(links) == 5 * len(EPSILONS)
    reasons = {f"{attack} says so <i>" for attack in EPSILONS}
    whys = reasons | {f"{reason}. Lacks: 1,234 patients more" for reason in reasons}
    assert {link.get("title") for link in links} == whys | {"no other size was attacked"}
    assert links[0].get("href") == "#conclusion-1"
    assert "10 verdicts: 4 supported, 3 contradicted and 3 undecided." in page.section("first")


def test_sensitivity_is_the_other_s_specificity(page: Page) -> None:
    shown = page.table("Sensitivity and specificity")
    of_group = shown.loc["X-TB"]
    assert of_group["Class"].tolist() == ["Tuberculosis & more C1", CLASSES[1]]
    for cells, others in ((0, 1), (1, 0)):
        ends = [of_group.iloc[cells]["Sensitivity"], of_group.iloc[others]["Specificity"]]
        assert numbers(ends[0])[1:] == numbers(ends[1])[1:]


def test_sex_and_age_without_small_numbers(page: Page) -> None:
    shown = page.table("Sex and age")
    assert list(shown.columns) == ["Part", "Sex: F", "Sex: M"]  # nobody's sex is unknown
    assert shown.loc["X-TB"].iloc[0].tolist() == ["training", "1,900", wording.MISSING]


def test_limitations_are_the_study_s(page: Page, write: Write) -> None:
    text = page.section("limitations")
    for sentence in (
        "Some images of X-NR2, X-TB and H-BR are augmented copies",
        "One training stands for each group.",
        "The attacks are white-box",
        "4 checks failed",
    ):
        assert sentence in text
    assert "bounds the gradient" not in text and "trained elsewhere" not in text
    bare = write(
        tables={}, figures={}, pictures={}, checks=checks().iloc[:0], study=SETTINGS, groups={}
    )
    assert "white-box" not in bare.section("limitations")


def test_figures_are_described_in_words(page: Page) -> None:
    alts = page.root.xpath("//img/@alt")
    assert len(set(alts)) == len(alts) and all(len(text) > 60 for text in alts)
    (fig3a,) = page.root.xpath("//*[@id='fig3a-printed']//img/@alt")
    assert "sign: " in fig3a and "The numbers are in the tables below it." in fig3a
    asr = page.table("ASR under sign, iteration 20")
    assert list(asr.columns) == [f"ε = {epsilon:g}" for epsilon in EPSILONS["sign"]]


def test_what_does_not_apply_folds_away(write: Write, tables: dict[str, pd.DataFrame]) -> None:
    claim = "histology_less_sensitive"
    here = tables["conclusions"]["conclusion"] == claim
    none = tables["conclusions"].assign(applies=~here, unfit="the study has no histology")
    page = write(tables={**tables, "conclusions": none}, figures={}, pictures={})
    matrix = page.table("Conclusions by attack")
    assert [name[0] for name in matrix.index] == ["1", "3", "4", "5"]
    assert f"2. {summary.claim(claim)}: does not apply, since the study has no histology." in (
        page.section("first")
    )
    assert "8 verdicts" in page.section("first")


def test_what_tells_nothing_is_grey(page: Page) -> None:
    claims = page.table("The paper’s claim and this study, group by group")
    assert claims.loc["X-NR2"].tolist() == ["yes", "at the ceiling"]
    ratios = page.table("Ratio at every dose")
    assert ratios["Ratio"].tolist() == ["0.50 [0.20, 0.90]", "at the ceiling"]
    grey = [words(cell) for cell in page.root.find_class("void")]
    assert grey == ["at the ceiling"] * (len(GROUPS) + 1)
    fine = page.table("ASR by finer confidence")
    assert set(fine["Confidence"]) == {"0 to 0.9", "0.9 to 0.95", "0.95 to 0.99"}
    (chart,) = [one for one in page.charts() if one["id"] == "fig3a-0"]
    assert [values["copies"] for values in chart["values"][""][""]] == [[False, False, True]] * 3
    text = page.section("limitations")
    assert (
        "never reached, in at least one group: paper from ε = 0.2 and noise from ε = 0.2." in text
    )


def test_the_headline_says_where_its_dose_was_reached(pictures: Path) -> None:
    table = pd.DataFrame(
        [("A", "pgd", 0.1, 0.0312, False), ("B", "pgd", 0.1, 0.0421, False)],
        columns=["group", "attack", "epsilon", "largest_change", "reached"],
    ).assign(role="main")
    fields = study(pictures)
    fields["study"] = {**fields["study"], "attacks": {"pgd": {"clip": "iterate"}}}
    rates = rates_of(("A", "pgd", 0.1, 0.3), ("B", "pgd", 0.1, 0.7))
    for reached, words_of in (
        ([False, False], "none of 2 groups"),
        ([True, False], "1 of 2 groups"),
    ):
        tables = {**rates, "doses_reached": table.assign(reached=reached)}
        text = headline.headline(ReportData(**(fields | {"tables": tables})))
        assert "no pixel by more than 4.3 % of the intensity range" in text
        assert f"(ε = 0.1, reached in {words_of}, iteration 20)" in text


def test_one_verdict_of_different_claims_is_not_one_answer() -> None:
    """Most groups here, their mean there: both can be true, and neither is the other."""

    def lines(*answers: tuple[str, str]) -> str:
        rows = [
            {"conclusion": "grows", "attack": f"a{i}", "verdict": verdict, "scope": scope}
            for i, (verdict, scope) in enumerate(answers)
        ]
        return summary.images_or_attack(pd.DataFrame(rows), [])[0]

    most, average = "for most groups", "on average over the groups"
    assert lines(("supported", most), ("supported", most)).startswith("The same verdict")
    assert lines(("supported", most), ("supported", average)).startswith("Decided under all")
    assert lines(("supported", average), ("contradicted", most)).startswith("Decided under all")
    assert lines(("supported", most), ("contradicted", most)).startswith("Opposite verdicts")
    assert lines(("supported", most), ("undecided", "")).startswith("Left open")
