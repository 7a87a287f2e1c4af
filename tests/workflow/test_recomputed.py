"""The tables of the small study, computed again from its surfaces by a few independent lines.

Nothing of pgdose is used here but the fixture that ran the study: rows are counted with numpy and
pandas alone.
"""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

GROUPS = ("X-TB", "X-AO", "H-OV", "H-BR")
NETWORKS = [*((g, "full") for g in GROUPS), ("H-OV", "shuffle")]
RUNS = [(*n, a) for n in NETWORKS for a in ("paper", "noise")] + [("H-BR", "n8-r1", "paper")]
OF_RUN = ["group", "run", "attack"]
EPSILONS = {"paper": [0.02, 0.1], "noise": [0.1]}
MAX_ITER = {"paper": 2, "noise": 1}


@dataclass
class Attacked:
    """Of one attack on one run: what is seen, members x epsilons x iterations, and the truth."""

    table: pd.DataFrame  # the rows of the surface
    members: np.ndarray
    epsilons: np.ndarray
    true: np.ndarray
    seen: np.ndarray
    confidence: np.ndarray
    n_images: int
    classes: list[str]

    @property
    def wrong(self) -> np.ndarray:
        return self.seen != self.true[:, None, None]


def folder_of(study: Path) -> Path:
    return study / "results" / "small"


def members_of(study: Path, group: str) -> pd.DataFrame:
    return pd.read_parquet(folder_of(study) / f"groups/{group}/members.parquet").set_index("member")


def attacked(study: Path, group: str, run: str, attack: str) -> Attacked:
    members = members_of(study, group)
    classes = members.sort_values("class_index")["class"].unique().tolist()
    shards = sorted((folder_of(study) / f"groups/{group}/{run}/{attack}/surface").iterdir())
    table = pd.concat([pd.read_parquet(path) for path in shards])
    table = table.sort_values(["member", "epsilon"])
    order = table["member"].unique()
    shape = len(order), len(EPSILONS[attack]), MAX_ITER[attack] + 1, len(classes)
    assert table["epsilon"].tolist() == EPSILONS[attack] * len(order)
    logits = np.array(table["logits"].to_list(), float).reshape(shape)  # of no image, too
    powers = np.exp(logits[:, 0, 0] - logits[:, 0, 0].max(axis=1, keepdims=True))
    return Attacked(
        table=table,
        members=order,
        epsilons=np.array(EPSILONS[attack]),
        true=members.loc[order, "class_index"].to_numpy(int),
        seen=logits.argmax(axis=3),
        confidence=powers.max(axis=1) / powers.sum(axis=1),
        n_images=sum(int(pq.read_schema(path).metadata[b"n_images"]) for path in shards),
        classes=classes,
    )


def clean_of(study: Path, group: str, run: str = "full") -> tuple[np.ndarray, ...]:
    """True class, predicted class and confidence of a network's validation images."""
    clean = pd.read_parquet(folder_of(study) / f"groups/{group}/{run}/clean.parquet")
    true = members_of(study, group).loc[clean["member"], "class_index"].to_numpy(int)
    logits = np.stack(clean["logits"].to_list()).astype(float)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return true, logits.argmax(axis=1), powers.max(axis=1) / powers.sum(axis=1)


def told(study: Path, name: str, *columns: str, **where: str) -> pd.DataFrame:
    """Rows of a table: those of a group, a run, an attack; the columns asked for are its index."""
    table = pd.read_csv(folder_of(study) / f"tables/{name}.csv")
    for column, value in where.items():
        table = table[table[column] == value]
    return table.set_index(list(columns)) if columns else table


def of_run(group: str, run: str, attack: str) -> dict[str, str]:
    return dict(zip(OF_RUN, (group, run, attack), strict=True))


each_run = pytest.mark.parametrize(("group", "run", "attack"), RUNS)


def test_the_tables_are_of_all_runs(small_study: Path) -> None:
    whole = ("asr", "storage", "doses", "transitions", "confidence")
    for name in (*whole, "confidence_fine", "doses_reached", "harm"):
        found = told(small_study, name)[OF_RUN].drop_duplicates()
        assert sorted(map(tuple, found.to_numpy())) == sorted(RUNS), name
    assert sum(len(attacked(small_study, *run).members) for run in RUNS) > 10  # or little is shown


@each_run
def test_success(small_study: Path, group: str, run: str, attack: str) -> None:
    found = attacked(small_study, group, run, attack)
    asr = told(small_study, "asr", "epsilon", "iteration", **of_run(group, run, attack))
    n, e, k = found.seen.shape
    assert (
        list(asr.index) == list(itertools.product(found.epsilons, range(k))) and len(asr) == e * k
    )
    for (epsilon, iteration), row in asr.iterrows():
        wrong = found.wrong[:, found.epsilons == epsilon][:, 0]
        now, ever = wrong[:, iteration].sum(), wrong[:, : iteration + 1].any(axis=1).sum()
        assert (row["n_flipped"], row["n_flipped_any"]) == (now, ever)
        assert (row["n_images"], row["n_correct"], row["n_attacked"]) == (found.n_images, n, n)
        assert (row["n_wrong"], row["n_resisted"]) == (found.n_images - n, n - now)
        assert row["n_unknown"] == 0
        if n:
            assert (row["asr"], row["asr_any"]) == (now / n, ever / n)
            assert row["wilson_low"] <= row["asr"] <= row["wilson_high"]
            assert not row["ci_low"] > row["asr"] and not row["ci_high"] < row["asr"]
    assert (asr.loc[asr.index.get_level_values("iteration") == 0, "n_flipped"] == 0).all()


@each_run
def test_confidence(small_study: Path, group: str, run: str, attack: str) -> None:
    found = attacked(small_study, group, run, attack)
    bins = told(small_study, "confidence", **of_run(group, run, attack))
    assert len(bins) == 11 * len(found.epsilons)
    for row in bins.itertuples():
        assert row.iteration == found.seen.shape[2] - 1
        last = row.bin_high == 1
        own = (found.confidence >= row.bin_low - 1e-6) & (
            last | (found.confidence < row.bin_high - 1e-6)
        )
        wrong = found.wrong[own][:, found.epsilons == row.epsilon][:, 0]
        assert row.n_attacked == own.sum()
        assert row.n_flipped == wrong[:, row.iteration].sum()
        assert row.n_flipped_any == wrong.any(axis=1).sum()


@pytest.mark.parametrize(("group", "run"), NETWORKS)
def test_abstention(small_study: Path, group: str, run: str) -> None:
    """Clean, and under noise, which is on all validation images."""
    true, seen, confidence = clean_of(small_study, group, run)
    right = seen == true
    found = attacked(small_study, group, run, "noise")
    members = pd.read_parquet(folder_of(small_study) / f"groups/{group}/{run}/clean.parquet")
    place = np.searchsorted(members["member"].to_numpy(), found.members)
    assert (np.sort(place) == np.flatnonzero(right)).all()
    after, wrong = confidence.copy(), ~right
    for i, logits in zip(place, found.table["logits"], strict=True):
        powers = np.exp(np.array(logits, float).reshape(2, -1)[1])
        after[i], wrong[i] = powers.max() / powers.sum(), powers.argmax() != true[i]
    table = told(small_study, "abstention", group=group, run=run)
    table = table[table["score"] == "confidence"]
    clean, noise = table[table["attack"].isna()], table[table["attack"] == "noise"]
    assert len(clean) == 11 and len(noise) == 2 * 11
    for row in clean.itertuples():
        limit = np.sort(confidence)[int(row.clean_rejected * len(true) + 1e-9)]
        limit = -np.inf if row.clean_rejected * len(true) < 1 else limit
        assert row.n_rejected == (confidence < limit - 1e-9).sum()
        assert row.n_wrong == (~right & (confidence > limit - 1e-9)).sum()
    for row in noise[noise["choice"] == "last"].itertuples():
        limit = -np.inf if np.isnan(row.threshold) else row.threshold
        assert (row.n_images, row.n_rejected) == (len(true), (after < limit - 1e-9).sum())
        assert row.n_flipped == (wrong & right).sum()
        assert row.n_wrong == (wrong & (after > limit - 1e-9)).sum()


def test_only_several_networks_disagree(small_study: Path) -> None:
    table = told(small_study, "abstention")
    rows = table[table["score"] == "disagreement"]
    assert set(rows["group"]) == {"H-OV"} and set(rows["run"]) == {"full", "shuffle"}
    assert set(rows["attack"].dropna()) == {"paper"}
    assert (rows["n_images"] == len(clean_of(small_study, "H-OV")[0])).all()  # under the six drawn
    assert "n8-r1" not in set(table["run"])


@each_run
def test_transitions(small_study: Path, group: str, run: str, attack: str) -> None:
    found = attacked(small_study, group, run, attack)
    table = told(small_study, "transitions", **of_run(group, run, attack))
    assert len(table) == len(found.epsilons) * len(found.classes) ** 2
    for row in table.to_dict("records"):
        own = found.true == found.classes.index(row["class"])
        to = found.seen[:, found.epsilons == row["epsilon"], row["iteration"]][:, 0]
        assert row["n"] == (own & (to == found.classes.index(row["flipped_to"]))).sum()
        assert row["iteration"] == found.seen.shape[2] - 1


@each_run
def test_harm(small_study: Path, group: str, run: str, attack: str) -> None:
    """Of all images of the sample; those that were wrong before keep what was seen then."""
    found = attacked(small_study, group, run, attack)
    table = told(small_study, "harm", **of_run(group, run, attack))
    assert set(table["norm_classes"]) == {"C2"} and set(table["norm_from"]) == {"where"}
    assert sorted(set(table["epsilon"])) == [0.0, *found.epsilons]
    whole = table[table["class"].isna() & (table["error"] == "expected_harm")]
    assert (whole["n_images"] == found.n_images).all()
    before = whole.loc[whole["epsilon"] == 0, "n"].item()
    assert before == found.n_images - len(found.members)
    for i, epsilon in enumerate(found.epsilons):
        here = table[table["epsilon"] == epsilon]
        flipped = found.wrong[:, i, -1]
        assert here.loc[here["error"] == "expected_harm", "n"].item() == before + flipped.sum()
        for error, pair, c in (("missed", "C1->C2", 0), ("false_alarm", "C2->C1", 1)):
            clean = table.loc[(table["epsilon"] == 0) & (table["error"] == pair), "n"].item()
            rows = here[here["error"].isin([error, pair])]
            assert len(rows) == 3 and set(rows["n"]) == {clean + flipped[found.true == c].sum()}


@each_run
def test_storage(small_study: Path, group: str, run: str, attack: str) -> None:
    found = attacked(small_study, group, run, attack)
    table = told(small_study, "storage", "epsilon", **of_run(group, run, attack))
    stored = np.array(found.table["stored"].to_list(), float)
    kept = stored.reshape(*found.seen.shape[:2], -1 if len(stored) else 2).argmax(axis=2)
    for i, epsilon in enumerate(found.epsilons):
        before, after = found.wrong[:, i, -1], kept[:, i] != found.true
        row = table.loc[epsilon]
        counts = row[["n_attacked", "n_flipped", "n_survived", "n_stored"]].tolist()
        assert counts == [len(before), before.sum(), (before & after).sum(), after.sum()]


@each_run
def test_doses(small_study: Path, group: str, run: str, attack: str) -> None:
    found = attacked(small_study, group, run, attack)
    row = told(small_study, "doses", **of_run(group, run, attack)).iloc[0]
    flipped = found.wrong[:, :, -1]
    is_dose = doses_of(found)
    smallest = [found.epsilons[f & is_dose].min(initial=np.inf) for f in flipped]
    members = members_of(small_study, group).loc[found.members]
    assert (row["n_attacked"], row["n_patients"]) == (len(flipped), members["patient"].nunique())
    epsilons = found.epsilons[is_dose]
    if not is_dose.any():
        assert np.isnan(row["auc"]) and np.isnan(row["n_never"])
        return
    assert row["n_never"] == np.isinf(smallest).sum()
    assert row["n_at_smallest"] == (np.array(smallest) == epsilons[0]).sum()
    assert (row["smallest_epsilon"], row["largest_epsilon"]) == (epsilons[0], epsilons[-1])
    if len(flipped):
        rates = np.r_[0, flipped[:, is_dose].mean(axis=0)]
        widths = np.diff(np.r_[0, epsilons])
        area = (widths * (rates[1:] + rates[:-1]) / 2).sum() / epsilons[-1]
        assert row["auc"] == pytest.approx(area)
        median = sorted(smallest)[(len(smallest) - 1) // 2]
        assert row["median_epsilon"] == median
        words = {np.inf: "over", epsilons[0]: "at most"}
        assert row["median_bound"] == words.get(median, "exact")


def doses_of(found: Attacked) -> np.ndarray:
    """Which epsilons some image was changed by; all of them where no image was attacked."""
    largest = found.table.groupby("epsilon")["change"].max().reindex(found.epsilons).to_numpy()
    return np.isnan(largest) | (largest >= 0.99 * found.epsilons)


@each_run
def test_doses_reached(small_study: Path, group: str, run: str, attack: str) -> None:
    found = attacked(small_study, group, run, attack)
    table = told(small_study, "doses_reached", "epsilon", **of_run(group, run, attack))
    assert table.index.tolist() == found.epsilons.tolist()
    assert table["reached"].tolist() == doses_of(found).tolist()
    if len(found.members):
        largest = found.table.groupby("epsilon")["change"].max()
        assert table["largest_change"].to_dict() == pytest.approx(largest.to_dict())


@each_run
def test_finer_confidence(small_study: Path, group: str, run: str, attack: str) -> None:
    found = attacked(small_study, group, run, attack)
    bins = told(small_study, "confidence_fine", **of_run(group, run, attack))
    edges = [0, 0.9, 0.95, 0.99, 0.999, 1]
    assert len(bins) == 5 * len(found.epsilons)
    for place, row in enumerate(bins.to_dict("records")):
        low, high = edges[place % 5 : place % 5 + 2]
        assert (row["bin_low"], row["bin_high"]) == (low, high)
        own = (found.confidence >= low - 1e-6) & ((high == 1) | (found.confidence < high - 1e-6))
        wrong = found.wrong[own][:, found.epsilons == row["epsilon"], row["iteration"]]
        assert (row["n_attacked"], row["n_flipped"]) == (own.sum(), wrong.sum())


# --- the conclusions, of the groups' main networks --------------------------------------------


def needed_dose(found: Attacked) -> list[tuple[int, int]]:
    """The smallest epsilon that flips each image, then the first iteration that does."""
    needed = []
    for wrong in found.wrong:
        level = int(np.argmax(wrong[:, -1])) if wrong[:, -1].any() else len(wrong)
        needed.append((level, int(np.argmax(wrong[level])) if level < len(wrong) else 0))
    return needed


@pytest.mark.parametrize("attack", ["paper", "noise"])
def test_the_dose_that_confident_images_need(small_study: Path, attack: str) -> None:
    trends = told(small_study, "trends", "group", attack=attack)
    trends = trends[trends["conclusion"] == "drops_above_confidence"]
    more, pairs = 0.0, 0.0
    for group in GROUPS:
        found = attacked(small_study, group, "full", attack)
        needed, sure = needed_dose(found), found.confidence >= 0.95 - 1e-6
        over, under = (
            [dose for dose, is_sure in zip(needed, sure, strict=True) if is_sure == side]
            for side in (True, False)
        )
        of_group = [(a > b, a != b) for a in over for b in under]
        more_here, pairs_here = (sum(pair[i] for pair in of_group) for i in (0, 1))
        if pairs_here:
            assert trends.loc[group, "estimate"] == pytest.approx(more_here / pairs_here)
        else:
            assert np.isnan(trends.loc[group, "estimate"])
        more += more_here / max(len(needed), 1)
        pairs += pairs_here / max(len(needed), 1)
    row = told(small_study, "conclusions", "conclusion", attack=attack).loc[
        "drops_above_confidence"
    ]
    if np.isfinite(row["estimate"]):
        assert row["estimate"] == pytest.approx(more / pairs)
    ratios = told(small_study, "confidence_ratio", attack=attack)
    assert len(ratios) == len(EPSILONS[attack]) + MAX_ITER[attack]
    for level, ratio in enumerate(ratios[ratios["iteration"].isna()].to_dict("records")):
        counts = np.zeros(4, int)
        for group in GROUPS:
            found = attacked(small_study, group, "full", attack)
            sure = found.confidence >= 0.95 - 1e-6
            flips = np.array([dose[0] <= level for dose in needed_dose(found)], bool)
            if 0 < sure.sum() < len(sure):
                counts += [sure.sum(), flips[sure].sum(), (~sure).sum(), flips[~sure].sum()]
        names = ["n_over", "n_flipped_over", "n_under", "n_flipped_under"]
        assert [ratio[name] for name in names] == counts.tolist()


@pytest.mark.parametrize("attack", ["paper", "noise"])
def test_the_rises_and_growths_of_groups(small_study: Path, attack: str) -> None:
    """Every estimate in trends, and the mean over the groups in conclusions."""
    trends = told(small_study, "trends", "group", attack=attack)
    told_of = told(small_study, "conclusions", "conclusion", attack=attack)
    rises = []
    for group in GROUPS:
        found = attacked(small_study, group, "full", attack)
        rates = found.wrong[:, doses_of(found), -1].mean(axis=0) if len(found.members) else []
        row = trends[trends["statistic"] == "rise"].loc[group]
        if len(rates) < 2:
            assert row["state"] == "not measured" and np.isnan(row["estimate"])
        elif rates[0] >= 0.95:
            assert row["state"] == "at the ceiling"
        else:
            x = np.arange(len(rates))
            rise = np.polyfit(x, rates, 1)[0] * x[-1]
            assert row["estimate"] == pytest.approx(rise, abs=1e-9)
            members = members_of(small_study, group).loc[found.members]
            if members["patient"].nunique() >= 4:  # a group of fewer is part of no test
                rises.append(rise)
            else:
                assert row["state"] == "under four patients" and np.isnan(row["ci_low"])
    mean = told_of.loc["grows_with_epsilon", "estimate"]
    assert mean == pytest.approx(np.mean(rises), abs=1e-9) if rises else np.isnan(mean)


def test_holms_correction_and_the_verdicts(small_study: Path) -> None:
    table = told(small_study, "conclusions")
    decided = table["verdict"] != "undecided"
    assert (table["p_adjusted"][decided] <= 0.05).all()
    assert (table["p_adjusted"] >= table["p"])[table["p"].notna()].all()
    assert table["lacks"][~decided].notna().all() and table["networks"].max() == 1
    claims = told(small_study, "paper_claims")
    assert set(claims["attack"]) == {"paper"}  # noise is a control
    grows = claims[claims["conclusion"] == "grows_with_epsilon"].set_index("group")["paper"]
    assert grows.to_dict() == {"X-TB": "yes", "X-AO": "no", "H-OV": "yes", "H-BR": "yes"}


@pytest.mark.parametrize("group", GROUPS)
def test_the_worst_case(small_study: Path, group: str) -> None:
    both = [attacked(small_study, group, "full", attack) for attack in ("paper", "noise")]
    shared = np.intersect1d(*(one.members for one in both))
    table = told(small_study, "worst_case", group=group)
    assert table["epsilon"].tolist() == [0.02, 0.1]
    assert set(table["attacks"]) == {"paper+noise"}
    for row in table.itertuples():
        flipped = np.zeros(len(shared), bool)
        for one in both:
            assert (one.table["change"] <= one.table["epsilon"] + 1e-6).all()
            wrong = one.wrong[np.isin(one.members, shared)][:, one.epsilons <= row.epsilon, -1]
            flipped |= wrong.any(axis=1)
        assert (row.n_attacked, row.n_flipped) == (len(shared), flipped.sum())


@pytest.mark.parametrize("attack", ["paper", "noise"])
def test_subgroups(small_study: Path, attack: str) -> None:
    people = pd.read_parquet(folder_of(small_study) / "sources/xray/records.parquet")
    people = people.set_index("record_id")
    found = attacked(small_study, "X-TB", "full", attack)
    whose = people.loc[members_of(small_study, "X-TB").loc[found.members, "record_id"]]
    age = whose["age"].to_numpy(float)
    parts = {
        "F": (whose["sex"] == "F").to_numpy(),
        "M": (whose["sex"] == "M").to_numpy(),
        "under 40": age < 40,
        "40 to 59": (age >= 40) & (age < 60),
        "60 and over": age >= 60,
    }
    parts = {value: own for value, own in parts.items() if own.any()}
    table = told(small_study, "subgroups", "epsilon", "value", **of_run("X-TB", "full", attack))
    assert list(table.index) == list(itertools.product(found.epsilons, parts)) and parts
    for (epsilon, value), row in table.iterrows():
        own, wrong = parts[value], found.wrong[:, found.epsilons == epsilon, -1][:, 0]
        known = whose["sex"].notna() if row["by"] == "sex" else whose["age"].notna()
        rest = known.to_numpy() & ~own
        assert (row["n_attacked"], row["n_flipped"]) == (own.sum(), wrong[own].sum())
        if rest.any():
            assert row["difference"] == pytest.approx(wrong[own].mean() - wrong[rest].mean())
        else:
            assert np.isnan(row["difference"])


def test_groups_without_sex_and_age_have_no_subgroups(small_study: Path) -> None:
    assert {"H-OV", "H-BR"}.isdisjoint(told(small_study, "subgroups")["group"])


@pytest.mark.parametrize(("group", "run"), NETWORKS)
def test_networks(small_study: Path, group: str, run: str) -> None:
    true, seen, confidence = clean_of(small_study, group, run)
    row = told(small_study, "networks", "group", "run").loc[group, run]
    assert row["n_images"] == len(true) and row["accuracy"] == (true == seen).mean()
    if run == "full":
        table1 = told(small_study, "table1", "group").loc[group]
        assert table1["n_validation"] == len(true) and table1["accuracy"] == row["accuracy"]
        assert table1["n_images"] == table1["n_training"] + table1["n_validation"]
    members = members_of(small_study, group)
    names = members.sort_values("class_index")["class"].unique()
    counts = told(small_study, "confusion", "class", "predicted", group=group, run=run)["n"]
    assert counts.to_dict() == {
        (own, to): ((true == c) & (seen == d)).sum()
        for c, own in enumerate(names)
        for d, to in enumerate(names)
    }
    sizes = told(small_study, "class_counts", "class", group=group)
    for column, part in {"n_training": "training", "n_validation": "validation"}.items():
        found = members.loc[members["part"] == part, "class"].value_counts()
        assert sizes[column].to_dict() == found.to_dict()
    assert sizes["n_images"].to_dict() == members["class"].value_counts().to_dict()
    gaps = 0.0
    for low, bin_ in told(small_study, "calibration", "bin_low", group=group, run=run).iterrows():
        own = (confidence >= low - 1e-6) & (
            (bin_["bin_high"] == 1) | (confidence < bin_["bin_high"] - 1e-6)
        )
        assert bin_["n"] == own.sum()
        if own.any():
            assert bin_["confidence"] == pytest.approx(confidence[own].mean())
            assert bin_["accuracy"] == pytest.approx((true == seen)[own].mean())
            gaps += abs(((true == seen)[own] - confidence[own]).sum())
    assert row["ece"] == pytest.approx(gaps / len(true))


def test_training_sizes(small_study: Path) -> None:
    table = told(small_study, "training_size", "size")
    members = members_of(small_study, "H-BR")
    n_training = (members["part"] == "training").sum()
    assert list(table.index) == [8, n_training] and set(table["repeat"]) == {1}
    short = told(small_study, "training_size_summary", "size")
    for size, run in ((8, "n8-r1"), (n_training, "full")):
        row = table.loc[size]
        assert (row["group"], row["attack"], row["iteration"]) == ("H-BR", "paper", 2)
        found = attacked(small_study, "H-BR", run, "paper")
        wrong = found.wrong[:, found.epsilons == row["epsilon"], -1]
        assert (row["n_attacked"], row["n_flipped"]) == (len(wrong), wrong.sum())
        true, seen, _ = clean_of(small_study, "H-BR", run)
        assert row["accuracy"] == (true == seen).mean()
        assert short.loc[size, "repeats"] == 1
        same = ["asr", "accuracy"]
        pd.testing.assert_series_equal(short.loc[size, same], row[same], check_dtype=False)


def test_the_draws_of_conclusions_begin_with_the_sample(small_study: Path) -> None:
    """What the verdicts rest on is what the tables say."""
    for group, run, attack in RUNS:
        path = folder_of(small_study) / f"groups/{group}/{run}/measures/conclusion_draws.parquet"
        draws = pq.read_table(path)
        about = json.loads(draws.schema.metadata[b"attacks"])[attack]
        rows = draws.to_pandas().query("attack == @attack")
        asr = told(small_study, "asr", **of_run(group, run, attack))
        last = asr[asr["iteration"] == asr["iteration"].max()].set_index("epsilon")["asr"]
        expected = last[about["doses"]["epsilons"]].to_numpy()
        assert np.array_equal(rows["by_epsilon"].iloc[0], expected, equal_nan=True)
        assert rows["draw"].tolist() == list(range(2001))
