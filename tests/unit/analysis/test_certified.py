"""Certificates from counts, and the table of certified accuracy."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers.certified import EPSILONS, smoothed_run
from helpers.surfaces import surface_table
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from pgdose.analysis import result_files
from pgdose.analysis.certificates import ABSTAINS, certificates, largest_radius, radius
from pgdose.analysis.certified import RobustImages, certified, certified_of_all, radii
from pgdose.analysis.certified import robust_images as robust
from pgdose.analysis.intervals import clopper_pearson_low, wilson
from pgdose.analysis.table_registry import RESULT_TABLES
from pgdose.errors import UserError
from pgdose.study.defended_networks import Smoothing
from pgdose.study.doses import Doses


def test_the_exact_bound_is_that_of_scipy_and_statsmodels() -> None:
    n = np.repeat(np.arange(1, 60), np.arange(2, 61))
    hits = np.concatenate([np.arange(count + 1) for count in range(1, 60)])
    for alpha in (0.001, 0.05):
        found = clopper_pearson_low(hits, n, alpha)
        expected = proportion_confint(hits, n, alpha=2 * alpha, method="beta")[0]
        np.testing.assert_allclose(found, np.nan_to_num(expected), rtol=1e-10, atol=1e-15)
    for hit, count in ((990, 1000), (3, 7), (0, 5), (5, 5)):
        test = stats.binomtest(hit, count, alternative="greater")
        expected_low = test.proportion_ci(confidence_level=0.999, method="exact").low
        assert float(clopper_pearson_low(hit, count, 0.001)) == pytest.approx(expected_low)


def test_the_exact_bound_is_that_of_r() -> None:
    """`binom.test(2, 20)$conf.int` and `binom.test(8, 10)$conf.int`: the lower ends."""
    assert float(clopper_pearson_low(2, 20, 0.025)) == pytest.approx(0.01234853, abs=5e-9)
    assert float(clopper_pearson_low(8, 10, 0.025)) == pytest.approx(0.4439045, abs=5e-8)


def test_the_radius_is_cohens() -> None:
    """Theorem 1 with pB = 1 - pA; figures of the normal distribution's tables."""
    found = radius(np.array([0.5, 0.50001, 0.8413447461, 0.9772498681, 0.3]), 0.5)
    assert found == pytest.approx([0, 0.5 * 2.50663e-5, 0.5, 1.0, 0], rel=1e-4)
    # Their appendix: of 100,000 copies that all agree, about 3.8 sigma with alpha 0.001.
    assert largest_radius(Smoothing(sigma=1.0, samples=100_000)) == pytest.approx(3.81, abs=0.01)


def test_an_image_without_a_majority_abstains() -> None:
    smoothing = Smoothing(sigma=0.25, samples=100, alpha=0.05)
    found = certificates(
        np.array([4, 7, 9]), np.array([1, 1, 0]), np.array([1, 1, 1]), np.array([58, 59, 100]),
        smoothing,
    )  # fmt: skip
    assert found["p_low"].iloc[0] < 0.5 < found["p_low"].iloc[1]
    assert found["class_index"].tolist() == [ABSTAINS, 1, 1]
    assert found["correct"].tolist() == [False, True, False]
    assert found["radius"].iloc[0] == 0 < found["radius"].iloc[1] < found["radius"].iloc[2]


def test_certified_accuracy_counts_all_images() -> None:
    run = smoothed_run(attacks=())
    table = certified(run, 200, 3)
    certificate = run.certificate
    grid = radii(run.smoothing)
    assert table["radius"].tolist() == grid.tolist()
    assert grid[0] == 0 and grid[1] == pytest.approx(0.025)
    assert grid[-1] == certificate["radius"].max() == largest_radius(run.smoothing)
    assert (np.diff(grid) > 0).all()
    for row in table.itertuples():
        holds = certificate["correct"] & (certificate["radius"] >= row.radius)
        assert (row.n_certified, row.certified) == (holds.sum(), holds.mean())
        assert row.certified_low <= row.certified <= row.certified_high
        assert row.certified_wilson_low == wilson(int(row.n_certified), 60)[0]
    assert table["n_certified"].iloc[-1] > 0  # those whose copies all agree
    abstained = (certificate["class_index"] == ABSTAINS).sum()
    assert abstained > 0 and (table["n_abstained"] == abstained).all()
    assert (table["abstained"] == abstained / 60).all()
    assert (table["n_patients"] == 20).all() and (table["attack"] == "").all()
    assert table["robust"].isna().all() and table["n_contradicted"].isna().all()


def test_attacks_stand_beside_certificates_of_the_same_images() -> None:
    run = smoothed_run(sample=40)
    table = certified(run, 200, 3)
    rows = table[table["attack"] == "pgd-l2"]
    assert rows["radius"].tolist() == EPSILONS and (rows["n_images"] == 40).all()
    both = run.certificate.head(40)
    smoothed, base = run.attacks["pgd-l2"]
    for row in rows.itertuples():
        assert row.n_certified == (both["correct"] & (both["radius"] >= row.radius)).sum()
        assert row.robust == smoothed.right[row.radius].mean()
        assert row.base_robust == base.right[row.radius].mean()
        assert row.n_contradicted == 0 and row.certified <= row.robust
    assert (rows["iteration"] == 20).all() and (rows["base"] == "full").all()


def test_an_attack_that_flips_a_certified_image_is_counted() -> None:
    run = smoothed_run()
    smoothed, base = run.attacks["pgd-l2"]
    right = smoothed.right.copy()
    first = run.certificate.index[run.certificate["correct"]][:3]  # unanimous ones
    right.loc[first, 0.4] = False
    changed = replace(run, attacks={"pgd-l2": (RobustImages(20, right), base)})
    rows = certified(changed, 50, 3).query("attack == 'pgd-l2'")
    assert rows["n_contradicted"].tolist() == [0, 0, 3, 0]


def test_robust_images_are_right_before_and_after() -> None:
    """Of six images one was wrong before; epsilon 0.2 flips two, one of them for a while only."""
    members = pd.DataFrame({"class_index": [0, 0, 0, 1, 1, 1]}, index=range(10, 16))
    logits = np.zeros((5, 2, 4, 2), np.float32)
    true = members["class_index"].to_numpy()[:5]
    logits[np.arange(5), :, :, true] = 1.0
    logits[1, 1, 2:] = logits[1, 1, 2:, ::-1].copy()  # from iteration 2 on
    logits[3, 1, 1] = logits[3, 1, 1, ::-1].copy()  # at iteration 1 alone
    surface = surface_table(range(10, 15), Doses((0.1, 0.2), 3), logits)
    sample = pd.Series([0, 0, 0, 1, 1, 0], range(10, 16))  # clean decisions
    final = robust(surface, members, sample, iterations=2, success="final")
    assert final.iteration == 2 and final.right.columns.tolist() == [0.0, 0.1, 0.2]
    assert final.right.index.tolist() == list(range(10, 16))
    assert final.right[0.0].tolist() == final.right[0.1].tolist() == [True] * 5 + [False]
    assert final.right[0.2].tolist() == [True, False, True, True, True, False]
    at_any = robust(surface, members, sample, iterations=2, success="any")
    assert at_any.right[0.2].tolist() == [True, False, True, False, True, False]


def test_images_of_unknown_outcome_are_in_no_row_of_the_attack() -> None:
    """Image 1 has no finite logits, 2 was wrong in the attack's precision, 5 is a stranger's."""
    members = pd.DataFrame({"class_index": [0, 0, 0, 1, 1]})
    logits = np.zeros((3, 2, 2, 2), np.float32)
    logits[..., 0] = 1.0
    logits[1] = np.nan
    logits[2] = logits[2, :, :, ::-1].copy()
    surface = surface_table([0, 1, 3], Doses((0.2, 0.4), 1), logits)
    sample = pd.Series([0, 0, 0, 1, 0])
    found = robust(surface, members, sample, iterations=1, success="final")
    assert found.right.index.tolist() == [0, 3, 4]
    assert found.right[0.2].tolist() == [True, True, False]
    with pytest.raises(UserError, match="member 3, which the attack's draw of images leaves out"):
        robust(surface, members, sample.drop(3), iterations=1, success="final")


def test_an_image_that_is_known_of_one_network_alone_is_left_out_of_the_attack() -> None:
    run = smoothed_run(sample=40)
    smoothed, base = run.attacks["pgd-l2"]
    pair = replace(smoothed, right=smoothed.right.drop(3)), replace(base, right=base.right.drop(7))
    rows = certified(replace(run, attacks={"pgd-l2": pair}), 50, 3).query("attack == 'pgd-l2'")
    assert (rows["n_images"] == 38).all()


@pytest.mark.parametrize("attacks", [(), ("pgd-l2", "apgd")])
def test_the_table_has_the_columns_of_the_registry(attacks: tuple[str, ...]) -> None:
    runs = [smoothed_run(attacks=attacks), smoothed_run("H-BR", attacks=attacks)]
    table = certified_of_all(runs, 50, 3)
    columns = list(RESULT_TABLES["certified"].columns)
    assert len(result_files.exact_columns(table, columns, "certified")) == len(table)


def test_a_group_without_validation_images_and_one_of_few_patients() -> None:
    empty = certified(smoothed_run(images=0, sample=0), 50, 3)
    assert (empty["n_images"] == 0).all() and empty["certified"].isna().all()
    few = certified(smoothed_run(images=9, sample=9), 50, 3)  # three patients
    assert few["certified"].notna().all() and few["certified_low"].isna().all()
    assert few["certified_wilson_low"].notna().all()
