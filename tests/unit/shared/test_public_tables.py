"""benchmarks/public_*.py: tables of docs/public from made-up results, and their figures."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers.workflow import PROJECT
from PIL import Image

from pgdose.analysis.conclusion_tables import TESTS
from pgdose.analysis.settings import MeasureSettings
from pgdose.analysis.table_registry import RESULT_TABLES
from pgdose.plots import style

ROLES = ("main", "repeat")
pytestmark = pytest.mark.unit
SETTINGS = MeasureSettings(0.1, 20, "final", 200, 7)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(PROJECT / "benchmarks"))
    return importlib.import_module


# --- conclusions ----------------------------------------------------------------------------------


def verdicts(scope: str = "for most groups", **by_attack: str) -> pd.DataFrame:
    names = {name.replace("_", "-"): verdict for name, verdict in by_attack.items()}
    rows = [
        {"subset": "all", "conclusion": "levels_off", "attack": name}
        | {"verdict": verdict, "applies": verdict != "unfit", "scope": scope}
        for name, verdict in names.items()
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("by_attack", "answer"),
    [
        ({"paper": "supported", "sign": "contradicted"}, "attack"),
        ({"paper": "supported", "noise": "contradicted"}, "open"),  # noise is no attack
        (dict.fromkeys(("paper", "paper_literal", "sign", "logit"), "supported"), "images"),
        (dict.fromkeys(("paper", "sign", "logit"), "supported"), "open"),  # three
        (dict.fromkeys(("sign", "paper_literal", "margin", "logit"), "supported"), "open"),
        (dict.fromkeys(("paper", "sign", "margin", "logit"), "unfit"), "does not apply"),
    ],
)
def test_to_what_a_conclusion_belongs(module, by_attack: dict[str, str], answer: str) -> None:
    public = module("public_conclusions")
    rows = public.belongs(verdicts(**by_attack), ["noise"])
    assert [(row["conclusion"], row["belongs"]) for row in rows] == [("levels_off", answer)]


def test_a_general_attack_must_be_among_those_that_decide(module) -> None:
    names = ["paper", "paper-literal", "another", "a-fourth"]
    readings = dict.fromkeys(names, "for most groups")
    assert module("public_conclusions").to_what(readings, {}) == "open"
    readings["apgd-ce"] = "for most groups"
    assert module("public_conclusions").to_what(readings, {}) == "images"
    assert module("public_conclusions").to_what(readings, {"sign": "for most groups"}) == "attack"


def test_verdicts_of_two_readings_do_not_contradict_each_other(module) -> None:
    public = module("public_conclusions")
    one, other = "for most groups", "on average over 7 of 8 groups"
    assert public.to_what({"paper": one}, {"sign": other}) == "open"
    names = ("paper", "sign", "margin", "logit")
    assert public.to_what(dict.fromkeys(names, one), {"apgd-ce": other}) == "open"
    assert public.reading(other) == public.reading("on average over the groups")
    assert public.reading("for the groups of this study") != public.reading(one)
    assert public.reading(np.nan) == ""
    sides = {"verdict_real": "supported", "scope_real": one, "scope_synthetic": other}
    assert (
        public.agreement({**sides, "verdict_synthetic": "supported"}) == "yes, in another reading"
    )
    assert public.agreement({**sides, "verdict_synthetic": "contradicted"}) == "open"


def test_studies_agree_only_where_both_decide(module) -> None:
    conclusion = next(iter(TESTS))
    sides = [
        pd.DataFrame(
            {"conclusion": conclusion, "attack": ["a", "b", "c"], "verdict": verdict}
            | dict.fromkeys(("statistic", "scope"), "")
            | {"estimate": 0.5, "ci_low": 0.4, "ci_high": 0.6, "applies": True}
        )
        for verdict in (
            ["supported", "supported", "undecided"],
            ["supported", "contradicted", "supported"],
        )
    ]
    table = module("public_conclusions").compare(*sides)
    assert table["agrees"].tolist() == ["yes", "no", "open"]


def test_conclusions_must_be_those_that_the_workflow_wrote(module) -> None:
    columns = RESULT_TABLES["conclusions"].columns
    table = pd.DataFrame({name: ["", ""] for name in columns})
    table = table.assign(estimate=[0.1, np.nan], ci_low=0.0, ci_high=1.0, scope=["", None])
    check = module("public_conclusions").check
    check(table, table.assign(estimate=[0.1 + 1e-12, np.nan]))
    with pytest.raises(SystemExit, match="another estimate than its measures give; run the study"):
        check(table, table.assign(estimate=[0.2, np.nan]))
    with pytest.raises(SystemExit, match="another verdict"):
        check(table, table.assign(verdict=["", "supported"]))


def test_only_groups_all_of_whose_networks_learned_are_pooled(module) -> None:
    modality = {"X-A": "xray", "H-B": "histology", "C-C": "other"}
    study = SimpleNamespace(groups=modality, modality=modality.get)
    results = module("public_study").Results(Path(), study)
    rows = [(g, role, "better than chance", "passed") for g in modality for role in ROLES]
    rows += [("C-C", "main", "running statistics fit", "failed")]
    rows += [("X-A", "further", "better than chance", "failed")]
    checks = pd.DataFrame(rows, columns=["group", "role", "check", "verdict"])
    results.__dict__["tables"] = {"network_checks": checks}
    assert results.subsets == {"all": list(modality), "X-ray": ["X-A"], "colour": ["H-B", "C-C"]}
    checks.loc[3, "verdict"] = "failed"  # the repeat of H-B
    del results.__dict__["learned"]
    assert results.subsets["all"] == ["X-A", "C-C"] and results.subsets["colour"] == ["C-C"]


# --- variance -------------------------------------------------------------------------------------


def test_components_of_variance_against_a_known_truth(module) -> None:
    draw = np.random.default_rng(3)
    groups, networks = 9, 3
    truth = {"patients": 0.04**2, "training luck": 0.06**2, "groups": 0.1**2}
    found: dict[str, list[float]] = {name: [] for name in truth}
    covered = 0
    for _ in range(400):
        means = draw.normal(0.5, 0.1, groups) + draw.normal(0, 0.04, groups)
        rates = [mean + draw.normal(0, 0.06, networks) for mean in means]
        rows = module("public_rates").components(rates, [0.04**2] * groups)
        by_name = {row["component"]: row for row in rows}
        for name, values in found.items():
            values.append(by_name[name]["variance"])
        luck = by_name["training luck"]
        covered += luck["ci_low"] <= truth["training luck"] <= luck["ci_high"]
        assert luck["freedom"] == groups * (networks - 1)
        assert luck["of_mean"] == pytest.approx(luck["variance"] / networks)
        shares = [by_name[name]["share"] for name in truth]
        assert sum(shares) == pytest.approx(1)
    for name, values in found.items():
        assert np.mean(values) == pytest.approx(truth[name], rel=0.06), name
    assert 0.92 <= covered / 400 <= 0.98


def test_the_interval_of_a_variance_is_that_of_chi_square(module) -> None:
    low, high = module("public_rates").variance_interval(2.0, 18)
    assert (low, high) == pytest.approx((2 * 18 / 31.526, 2 * 18 / 8.231), rel=1e-4)


def test_one_network_a_group_has_no_training_luck_that_is_known(module) -> None:
    rows = module("public_rates").components([np.array([0.2]), np.array([0.4])], [0.0, 0.0])
    (luck,) = [row for row in rows if row["component"] == "training luck"]
    assert luck["freedom"] == 0 and np.isnan(luck["ci_low"])


# --- images ---------------------------------------------------------------------------------------


def attacked() -> pd.DataFrame:
    """Two groups of two networks, five patients of two images each; one epsilon, and noise."""
    draw = np.random.default_rng(0)
    tables = []
    for group, prefix in (("X-A", ""), ("H-B", "unknown-")):
        for run in ("full", "full-r2"):
            for attack in ("paper", "noise"):
                tables.append(
                    pd.DataFrame(
                        {
                            **{"group": group, "run": run, "attack": attack, "level": 0},
                            **{"epsilon": 0.1, "member": np.arange(10)},
                            "patient": [f"{prefix}{group}{n // 2}" for n in range(10)],
                            "confidence": [0.6, 0.93, 0.97, 0.995, 1.0] * 2,
                            "flipped": draw.random(10) < 0.5,
                            "flipped_last": draw.random(10) < 0.6,
                        }
                    )
                )
    images = pd.concat(tables, ignore_index=True)
    return images.assign(survived=images["flipped_last"] & (images["member"] % 2 == 0))


def test_saturation_counts_the_images_of_all_groups_and_networks(module) -> None:
    public, images = module("public_images"), attacked()
    patients = module("public_study").drawn_patients(images, SETTINGS)
    subsets = {"all": ["X-A", "H-B"], "X-ray": ["X-A"]}
    doses = {"operating": {"paper": 0.2}}
    table = pd.DataFrame(public.saturation_rows(images, patients, subsets, doses))
    assert len(table) == 2 * 5 and set(table["epsilon"]) == {0.1}
    for row in table.to_dict("records"):
        of = images[(images["attack"] == "paper") & images["group"].isin(subsets[row["subset"]])]
        of = of[(of["confidence"] >= row["bin_low"]) & (of["confidence"] <= row["bin_high"])]
        assert row["images"] == len(of) == 4 * len(subsets[row["subset"]])
        assert row["flipped"] == of["flipped"].sum()
        assert row["asr"] == pytest.approx(of["flipped"].mean())
    assert set(table["unit"]) == {"patients and originals", "patients"}
    # The bins of one subset hold no fewer than four patients, or have no interval.
    assert table["ci_low"].notna().all() == (min_patients(images) >= 4)


def min_patients(images: pd.DataFrame) -> int:
    one = images[(images["group"] == "X-A") & (images["attack"] == "paper")]
    return int(one.groupby("confidence")["patient"].nunique().min())


def test_originals_are_drawn_like_patients(module) -> None:
    study, images = module("public_study"), attacked()
    patients = study.drawn_patients(images, SETTINGS)
    of_histology = (images["group"] == "H-B").to_numpy()
    assert patients.subset(of_histology).count == 5
    assert study.unit_of(images[of_histology]) == "originals"
    rate = study.pooled_rate(images["flipped"].to_numpy(), patients, of_histology)
    assert rate["ci_low"] < rate["rate"] < rate["ci_high"]


def test_the_ratio_stays_within_groups_and_networks(module) -> None:
    images = attacked()
    images = images[~((images["run"] == "full") & (images["member"] > 6))]
    flips = np.where(images["run"] == "full", images["member"] % 2 == 0, images["member"] % 5 != 4)
    images = images.assign(flipped=flips)
    subsets, doses = {"all": ["X-A", "H-B"]}, {"operating": {"paper": 0.1}}
    (row,) = module("public_images").ratio_rows(images, subsets, doses)
    over = under = 0.0
    for _, of in images[images["attack"] == "paper"].groupby(["group", "run"]):
        sure = of["confidence"] >= 0.95
        over += (sure & of["flipped"]).sum() * (~sure).sum() / len(of)  # Mantel and Haenszel
        under += (~sure & of["flipped"]).sum() * sure.sum() / len(of)
    assert row["ratio"] == pytest.approx(over / under)


def test_storage_counts_flips_that_survive_and_noise_on_the_same_images(module) -> None:
    public, images = module("public_images"), attacked()
    patients = module("public_study").drawn_patients(images, SETTINGS)
    lost = (images["attack"] == "noise") & (images["member"] == 0)
    images, patients = images[~lost].reset_index(drop=True), patients.subset(~lost.to_numpy())
    table = pd.DataFrame(public.storage_rows(images, patients, {"X-ray": ["X-A"]}, ["noise"]))
    row = table[table["attack"] == "paper"].iloc[0]
    of = images[(images["group"] == "X-A") & (images["attack"] == "paper")]
    noise = images[(images["group"] == "X-A") & (images["attack"] == "noise")]
    assert (row["attacked"], row["flips"]) == (20, of["flipped_last"].sum())
    assert row["survival"] == pytest.approx(of["survived"].sum() / of["flipped_last"].sum())
    assert row["noise_attacked"] == 18
    assert row["noise_asr"] == pytest.approx(noise["flipped_last"].mean())


def test_numbers_have_four_digits(module) -> None:
    table = pd.DataFrame({"n": [123456], "rate": [0.123456], "name": ["0.123456"]})
    assert module("public_study").rounded(table).iloc[0].tolist() == [123456, 0.1235, "0.123456"]


# --- figures --------------------------------------------------------------------------------------

GROUPS = {"X-A": "xray", "X-B": "xray", "H-C": "histology", "C-D": "other"}
ATTACKS = ("paper", "sign", "noise")
EPSILONS = (0.0005, 0.01, 0.1)
CONCLUSIONS = list(TESTS)


def made_up() -> dict[str, pd.DataFrame]:
    """Tables of docs/public with the columns that the figures read."""
    draw = np.random.default_rng(5)

    def table(ends: tuple[str, str] = ("ci_low", "ci_high"), **columns) -> pd.DataFrame:
        """A row for each combination; `rate` becomes a random one with an interval."""
        name = columns.pop("rate", "asr")
        keys = pd.MultiIndex.from_product(columns.values(), names=list(columns)).to_frame(False)
        values = draw.uniform(0.1, 0.9, len(keys))
        return keys.assign(**{name: values, ends[0]: values - 0.08, ends[1]: values + 0.08})

    asr = table(group=GROUPS, attack=ATTACKS, epsilon=EPSILONS)
    asr = asr.assign(lowest=asr["asr"] - 0.04, highest=asr["asr"] + 0.04, reached=3)
    asr.loc[asr["group"] == "H-C", ["ci_low", "ci_high"]] = np.nan
    asr.loc[asr["epsilon"] == 0.1, "reached"] = 0
    edges, doses = [0.0, 0.9, 0.95, 0.99, 0.999], ["operating", "half"]
    subsets = ["all", "X-ray", "colour"]
    verdict = table(
        rate="estimate",
        subset=[*subsets, *(f"{name}, originals as patients" for name in ("all", "colour"))],
        conclusion=CONCLUSIONS, attack=ATTACKS,
    )  # fmt: skip
    words = ["supported", "contradicted", "undecided"]
    verdict = verdict.assign(verdict=draw.choice(words, len(verdict)), scope=None, applies=True)
    verdict.loc[verdict.index[::9], "applies"] = False
    verdict.loc[verdict.index[::4], "scope"] = "on average over the groups"
    two = table(rate="estimate", conclusion=CONCLUSIONS, attack=ATTACKS)
    names = ["estimate", "ci_low", "ci_high"]
    sides = [two.rename(columns={name: f"{name}_{study}" for name in names}).assign(
        **{f"verdict_{study}": draw.choice(words, len(two)), f"applies_{study}": True}
    ) for study in ("real", "synthetic")]  # fmt: skip
    belongs = verdict.drop_duplicates(["conclusion", "subset"])[["conclusion", "subset"]]
    shares = [
        {"attack": attack, "dose": dose, "component": name, "share": share}
        for attack in ATTACKS
        for dose in doses
        for name, share in (("patients", 0.2), ("training luck", 0.3), ("groups", 0.5))
    ]
    rates, as_rate = ["lr 0.001", "lr 0.003"], {"lr": "rate"}
    return {
        "groups": pd.DataFrame({"group": list(GROUPS), "modality": list(GROUPS.values())}),
        "asr": asr,
        "conclusions": verdict,
        "belongs": belongs.assign(belongs="open"),
        "saturation": table(
            attack=ATTACKS[:2], subset=subsets, dose=[*doses, "largest"], epsilon=[0.1],
            bin_low=edges,
        ),
        "saturation_ratio": table(
            rate="ratio", attack=ATTACKS[:2], subset=subsets, dose=doses
        ).assign(state="measured"),
        "luck": table(
            attack=ATTACKS, dose=doses, epsilon=[0.1], group=GROUPS, run=["full", "full-r2"]
        ),
        "variance": pd.DataFrame(shares),
        "synthetic": sides[0].merge(sides[1], on=["conclusion", "attack"]).assign(agrees="no"),
        "storage": table(
            rate="survival", subset=subsets[1:], attack=ATTACKS, epsilon=EPSILONS
        ).assign(asr=0.5),
        "descent": table(group=list(GROUPS), lr=rates, epsilon=EPSILONS).rename(columns=as_rate),
        "descents": table(rate="descent", group=list(GROUPS), lr=rates).rename(columns=as_rate),
        "training_size": table(
            group=["X-A", "H-C"], attack=["paper", "sign"], epsilon=[0.1], size=[24, 240],
            repeat=[1, 2],
        ).assign(accuracy=0.8, iteration=20, n_attacked=40, n_flipped=20),
    }  # fmt: skip


def test_figures_are_drawn_from_the_tables_alone(
    module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, tables = module("public_figures"), made_up()
    assert public.FIGURES["descent"][0](tables).dpi == 300
    monkeypatch.setitem(style.RC_PARAMS, "figure.dpi", 40)  # small pictures are drawn soon
    public.draw(tables, tmp_path)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == sorted(f"{name}.png" for name in public.FIGURES)
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert 300 < picture.width < 500 and set(picture.info) == {"dpi"}


def test_lines_that_surely_fall_are_bold(module) -> None:
    curves, tables = module("public_curves"), made_up()
    tables["descents"]["ci_low"] = np.where(tables["descents"]["rate"] == "lr 0.003", 0.1, -0.1)
    tables["descents"].loc[:3, "ci_low"] = np.nan
    widths = [
        [line.get_linewidth() == curves.FALLING for line in panel.lines]
        for panel in curves.descent(tables).axes
        if panel.get_visible()
    ]
    assert widths == [[False, False]] * 2 + [[False, True]] * 2


def test_a_figure_without_its_table_is_left_out(module, tmp_path: Path) -> None:
    public = module("public_figures")
    needed = {name: tables for name, (_, tables) in public.FIGURES.items()}
    assert set().union(*needed.values()) <= set(made_up())
    assert public.draw({"groups": made_up()["groups"]}, tmp_path) == []
