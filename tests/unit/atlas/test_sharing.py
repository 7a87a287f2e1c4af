"""What a study gives away: its numbers, what is hidden, and what is not there."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.finished_results import finished_results, write_manifest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.analysis.intervals import wilson
from pgdose.atlas import scales, sharing
from pgdose.atlas.shared_rise import rows_of_rise, shared_rise
from pgdose.atlas.shared_study import (
    ABOUT,
    CONCLUSIONS,
    RATES,
    README,
    OtherVersionError,
    read_study,
    write_study,
)
from pgdose.errors import UserError
from pgdose.tables import result_csv


def shared(folder: Path, study: sharing.SharedStudy) -> Path:
    write_study(study, sharing.readme(study), folder)
    return folder


@given(n=st.integers(2, 5000), share=st.floats(0, 1))
def test_the_images_behind_an_interval(n: int, share: float) -> None:
    hits = round(share * n)
    low, high = (float(end) for end in wilson(hits, n))
    assert scales.independent_images(hits / n, low, high) == pytest.approx(n, rel=1e-6)


@given(rate=st.floats(0, 1))
def test_the_scale_and_back(rate: float) -> None:
    assert float(scales.rate_of(scales.arcsine(rate))) == pytest.approx(rate, abs=1e-12)


def test_rates(tmp_path: Path) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45], "H-TH": [0, 60]})
    rates = sharing.shared_study(results).rates.set_index(["group", "epsilon"])
    assert len(rates) == 4 and set(rates["iteration"]) == {20}
    assert rates.loc[("X-TB", 0.004), "n_flipped"] == 45
    for (group, epsilon), expected in {("X-TB", 0.004): 0.75, ("H-TH", 0.002): 0.0}.items():
        row = rates.loc[(group, epsilon)]
        assert float(scales.rate_of(row["estimate"])) == pytest.approx(expected, abs=1e-5)
        assert row["standard_error"] == pytest.approx(0.5 / math.sqrt(60), rel=5e-3)
    assert set(rates["failed_checks"]) == {"loss rises;enough iterations"}


@pytest.mark.parametrize(
    ("flipped", "hidden", "estimate"),
    [(0, False, 0), (1, True, 2.5), (4, True, 2.5), (5, False, 5)],
)
def test_small_counts_are_hidden(
    tmp_path: Path, flipped: int, hidden: bool, estimate: float
) -> None:
    """The rate cannot be read off the estimate or its error either."""
    results = finished_results(tmp_path / "r", {"X-TB": [flipped, 60 - flipped]})
    rates = sharing.shared_study(results).rates
    for row, counted in zip(rates.to_dict("records"), (estimate, 60 - estimate), strict=True):
        assert pd.isna(row["n_flipped"]) == hidden
        assert row["n_flipped"] in (flipped, 60 - flipped) or hidden
        assert float(scales.rate_of(row["estimate"])) == pytest.approx(counted / 60, abs=1e-5)


@pytest.mark.parametrize("others", [[20, 45], [0, 30], [30, 57]])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_hidden_counts_look_all_alike(tmp_path: Path, others: list[int], place: int) -> None:
    """In rates and conclusions, wherever they stand among others."""
    shares = []
    for n in (1, 2, 3, 4):
        counts = [*others[:place], n, *others[place:]]
        folder = tmp_path / str(n)
        results = finished_results(folder, {"X-TB": counts}, epsilons=(0.001, 0.002, 0.004))
        shares.append(sharing.shared_study(results))
    for other in shares[1:]:
        assert other.rates.equals(shares[0].rates)
        assert other.conclusions.equals(shares[0].conclusions)
        assert {**other.about, "study_digest": ""} == {**shares[0].about, "study_digest": ""}
    assert set(shares[0].conclusions["conclusion"]) == {"grows_with_epsilon"}


def test_hidden_counts_of_a_group_at_the_ceiling_look_all_alike(tmp_path: Path) -> None:
    """The study itself takes 56 of 60 as off the ceiling, and 57 as at it."""
    shares = []
    for n in (56, 57, 58, 59):
        results = finished_results(tmp_path / str(n), {"X-TB": [n, 60], "H-TH": [20, 45]})
        change_verdict(results, "undecided" if n > 56 else "supported")
        shares.append(sharing.shared_study(results).conclusions)
    assert all(other.equals(shares[0]) for other in shares[1:])
    rise = shares[0].set_index("conclusion").loc["grows_with_epsilon"]
    assert rise["estimate"] == pytest.approx(25 / 60, abs=1e-6) and rise["n"] == 60
    assert rise["standard_error"] == pytest.approx(0.0826, rel=0.05)


def change_verdict(results: Path, verdict: str) -> None:
    path = results / "tables/conclusions.csv"
    result_csv.write_csv(result_csv.read_csv(path).assign(verdict=verdict), path)
    write_manifest(results)


def test_a_shared_rise_is_never_more_certain_than_its_patients_are() -> None:
    """Its error is at least that of two independent rates of as many patients."""
    error = scales.arcsine_error(60)
    rates = pd.DataFrame(
        {
            **{"group": "X-TB", "epsilon": [0.002, 0.004], "n_patients": 60, "reached": True},
            **{"estimate": [scales.arcsine(0.3), scales.arcsine(0.6)], "standard_error": error},
        }
    )
    estimate, spread = shared_rise(rows_of_rise(rates))
    assert estimate == pytest.approx(0.3)
    assert spread == pytest.approx(math.sqrt((0.3 * 0.7 + 0.6 * 0.4) / 60), rel=0.06)


def test_a_shared_rise_is_of_the_groups_that_the_study_s_own_is_of() -> None:
    """Not of those at the ceiling, of unknown patients, or with one dose that was reached."""
    groups = {"off": [0.3, 0.6], "ceiling": [0.96, 1.0], "unknown": [0.3, 0.9], "one": [0.3, 0.9]}
    rates = pd.DataFrame(
        [
            {
                **{"group": group, "epsilon": epsilon, "estimate": scales.arcsine(rate)},
                "standard_error": 0.05,
                "n_patients": pd.NA if group == "unknown" else 60,
                "reached": group != "one" or epsilon < 0.003,
            }
            for group, pair in groups.items()
            for epsilon, rate in zip((0.002, 0.004), pair, strict=True)
        ]
    )
    assert [set(rows["group"]) for rows in rows_of_rise(rates)] == [{"off"}]


def test_few_images_that_were_wrong_before_the_attack_are_hidden(tmp_path: Path) -> None:
    """Whatever is told of the group, it is the same for 1 to 4 of them."""
    groups = {}
    for wrong in (0, 1, 2, 3, 4, 5):
        results = finished_results(tmp_path / str(wrong), {"X-TB": [20, 45]}, wrong=wrong)
        study = sharing.shared_study(results)
        groups[wrong] = study.about["groups"]["X-TB"]
        assert ("on 60" in "".join(sharing.in_words(study))) == (wrong == 0)
    assert all(groups[wrong] == groups[1] for wrong in (2, 3, 4))
    assert groups[1]["n_images"] is None and groups[1]["n_patients"] == 60
    assert groups[1]["accuracy"] == round(60 / 62.5, 3)
    assert [groups[wrong]["n_images"] for wrong in (0, 5)] == [60, 65]
    assert [groups[wrong]["n_patients"] for wrong in (0, 5)] == [60, 65]
    assert groups[5]["accuracy"] == round(60 / 65, 3)


def test_few_wrong_images_are_hidden_where_a_part_of_the_images_is_attacked(
    tmp_path: Path,
) -> None:
    groups = []
    for accuracy in (199 / 200, 196 / 200):
        results = finished_results(tmp_path / str(accuracy), {"X-TB": [20, 45]})
        path = results / "tables/networks.csv"
        table = result_csv.read_csv(path).assign(n_images=200, n_patients=190, accuracy=accuracy)
        result_csv.write_csv(table, path)
        write_manifest(results)
        groups.append(sharing.shared_study(results).about["groups"]["X-TB"])
    assert groups[0] == groups[1] and groups[0]["n_images"] == 200
    assert groups[0]["accuracy"] == round(1 - 2.5 / 200, 3)


OVER_DOSES = {"histology_less_sensitive", "drops_above_confidence"}


@pytest.mark.parametrize(
    ("epsilon", "iteration", "role", "without"),
    [
        (0.002, 20, "main", OVER_DOSES),
        (0.004, 20, "main", {*OVER_DOSES, "levels_off", "training_size"}),
        (0.004, 1, "main", {"levels_off"}),
        (0.002, 1, "main", set()),
        (0.004, 20, "sized", {"training_size"}),
        (0.002, 20, "repeat", OVER_DOSES),
        (0.004, 20, "further", set()),
    ],
)
def test_conclusions_that_rest_on_a_hidden_count_are_left_out(
    tmp_path: Path, epsilon: float, iteration: int, role: str, without: set[str]
) -> None:
    """A count of any training that they rest on, at the doses and iterations of them."""
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45]})
    asr, conclusions = (results / f"tables/{name}.csv" for name in ("asr", "conclusions"))
    table = result_csv.read_csv(asr)
    row = table[(table["epsilon"] == epsilon) & (table["iteration"] == 20)]
    if (iteration, role) == (20, "main"):
        table = table.drop(index=row.index)
    row = row.assign(iteration=iteration, role=role, n_flipped=3)
    result_csv.write_csv(pd.concat([table, row]), asr)
    table = result_csv.read_csv(conclusions)
    rise = table[table["conclusion"] == "grows_with_epsilon"]
    others = {"histology_less_sensitive", "levels_off", "training_size"}
    table = table[~table["conclusion"].isin(others)]
    more = [rise.assign(conclusion=name) for name in sorted(others)]
    result_csv.write_csv(pd.concat([table, *more]), conclusions)
    write_manifest(results)
    shared = set(sharing.shared_study(results).conclusions["conclusion"])
    assert shared == {"grows_with_epsilon", *OVER_DOSES, *others} - without


def test_a_group_that_is_left_out_cannot_be_worked_out(tmp_path: Path) -> None:
    shares = []
    for counts in ([20, 45], [7, 52]):
        results = finished_results(
            *(tmp_path / str(counts), {"X-TB": [20, 45], "H-TH": counts}),
            patients={"X-TB": 60, "H-TH": 4},
        )
        shares.append(sharing.shared_study(results).conclusions)
    assert shares[0].equals(shares[1])
    rise = shares[0].set_index("conclusion").loc["grows_with_epsilon", "estimate"]
    assert rise == pytest.approx(25 / 60, abs=1e-6)


def test_a_conclusion_that_hides_nothing_is_the_study_s(tmp_path: Path) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45], "H-TH": [0, 30]})
    table = sharing.shared_study(results).conclusions.set_index("conclusion")
    assert table.loc["grows_with_epsilon", "estimate"] == pytest.approx((25 + 30) / 120, abs=1e-6)


@pytest.mark.parametrize(("at_first", "kept"), [(0, True), (3, False), (5, True)])
def test_growth_over_iterations_tells_no_count_that_is_not_shown(
    tmp_path: Path, at_first: int, kept: bool
) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45]})
    asr, conclusions = (results / f"tables/{name}.csv" for name in ("asr", "conclusions"))
    table = result_csv.read_csv(asr)
    later = table[table["iteration"] == 20].assign(iteration=1, n_flipped=at_first)
    result_csv.write_csv(pd.concat([table, later]), asr)
    table = result_csv.read_csv(conclusions)
    grows = table[table["conclusion"] == "grows_with_epsilon"].assign(conclusion="levels_off")
    result_csv.write_csv(pd.concat([table, grows]), conclusions)
    write_manifest(results)
    shared = sharing.shared_study(results).conclusions
    assert ("levels_off" in set(shared["conclusion"])) == kept


def test_groups_of_few_patients_are_left_out(tmp_path: Path) -> None:
    results = finished_results(
        tmp_path / "r", {"X-TB": [20, 45], "H-TH": [20, 45]}, patients={"X-TB": 4, "H-TH": 60}
    )
    study = sharing.shared_study(results)
    assert set(study.rates["group"]) == {"H-TH"} == set(study.about["groups"])
    assert study.about["rows_left_out"] == 2
    few = finished_results(tmp_path / "few", {"X-TB": [20, 45]}, patients={"X-TB": 4})
    with pytest.raises(UserError, match="no group has 5 patients"):
        sharing.shared_study(few)


def test_unknown_patients(tmp_path: Path) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45]}, known=False)
    rates = sharing.shared_study(results).rates
    assert rates["n_patients"].isna().all() and len(rates) == 2


def test_conclusions(tmp_path: Path) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45]})
    table = sharing.shared_study(results).conclusions.set_index("conclusion")
    assert set(table.index) == {"grows_with_epsilon", "drops_above_confidence"}
    assert table.loc["grows_with_epsilon", "standard_error"] == pytest.approx(0.0826, abs=5e-4)
    assert table.loc["drops_above_confidence", "scale"] == "arcsine"


def test_settings_that_say_how_a_job_runs_are_not_given_away(tmp_path: Path) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45]})
    attack = sharing.shared_study(results).about["attacks"]["sign"]
    assert attack == {
        **{"kind": "gradient", "gradient_of": "probability", "step": "sign", "max_iter": 20},
        "epsilons": [0.002, 0.004],
    }


def test_there_and_back(tmp_path: Path) -> None:
    study = sharing.shared_study(finished_results(tmp_path / "r", {"X-TB": [20, 3]}), "Riga")
    again = read_study(shared(tmp_path / "out", study))
    assert again.about == json.loads(json.dumps(study.about))
    assert np.allclose(again.rates["estimate"], study.rates["estimate"])
    assert pd.isna(again.rates["n_flipped"]).tolist() == [False, True]


def test_the_list_in_words_names_all_that_is_there(tmp_path: Path) -> None:
    study = sharing.shared_study(finished_results(tmp_path / "r", {"X-TB": [20, 3]}), "Riga")
    text = "\n".join(sharing.in_words(study))
    for part in (
        "Riga",
        "X-TB",
        "tuberculosis",
        "inception_v3",
        "gradient_of probability",
        "1 count",
    ):
        assert part in text
    readme = (shared(tmp_path / "out", study) / README).read_text()
    assert all(sentence in readme for sentence in sharing.in_words(study))


# --- bad input ------------------------------------------------------------------------------------


def test_results_that_were_changed_are_not_shared(tmp_path: Path) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45]})
    table = results / "tables/asr.csv"
    table.write_text(table.read_text().replace("0.75", "0.15"))
    with pytest.raises(UserError, match=r"asr\.csv: has changed"):
        sharing.shared_study(results)


def test_results_without_an_end(tmp_path: Path) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45]})
    (results / "study.json").unlink()
    write_manifest(results)
    with pytest.raises(UserError, match=r"does not list study\.json"):
        sharing.shared_study(results)
    (results / "manifest.sha256").unlink()
    with pytest.raises(UserError, match="has no manifest"):
        sharing.shared_study(results)
    with pytest.raises(UserError, match="there is no folder"):
        sharing.shared_study(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "smallest", "message"),
    [("a b", 5, "--name: 'a b' is no name"), (None, 0, "is under 1")],
)
def test_wrong_options(tmp_path: Path, name: str | None, smallest: int, message: str) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45]})
    with pytest.raises(UserError, match=message):
        sharing.shared_study(results, name, smallest)


@pytest.mark.parametrize("file", [ABOUT, RATES, CONCLUSIONS, README])
def test_a_folder_that_was_changed_after_sharing(tmp_path: Path, file: str) -> None:
    study = sharing.shared_study(finished_results(tmp_path / "r", {"X-TB": [20, 45]}))
    folder = shared(tmp_path / "out", study)
    path = folder / file
    path.write_text(path.read_text().replace("0", "1", 1))
    with pytest.raises(UserError, match=rf"was changed after it was shared(.|\n)*{file}"):
        read_study(folder)


def test_a_file_more_or_less(tmp_path: Path) -> None:
    study = sharing.shared_study(finished_results(tmp_path / "r", {"X-TB": [20, 45]}))
    folder = shared(tmp_path / "out", study)
    (folder / "more.txt").write_text("x")
    with pytest.raises(
        UserError, match=r"do not belong in a shared folder; delete them:\n.*more\.txt"
    ):
        read_study(folder)
    (folder / "more.txt").unlink()
    (folder / RATES).unlink()
    with pytest.raises(UserError, match=r"rates\.csv: missing"):
        read_study(folder)


def test_a_folder_of_another_version_is_recognised(tmp_path: Path) -> None:
    study = sharing.shared_study(finished_results(tmp_path / "r", {"X-TB": [20, 45]}))
    other = sharing.SharedStudy(
        {**study.about, "format_version": 7}, study.rates, study.conclusions
    )
    with pytest.raises(OtherVersionError, match="format version 7"):
        read_study(shared(tmp_path / "out", other))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("estimate", np.inf, "estimate is 'inf'; it must be a finite number"),
        ("standard_error", 0.0, "must be at least 1e-09"),
        ("group", "X-AO", "'X-AO' is not among the groups"),
        ("attack", "bim", "'bim' is not among the attacks"),
    ],
)
def test_numbers_that_cannot_be_pooled(
    tmp_path: Path, column: str, value: object, message: str
) -> None:
    """Of a folder that another program wrote, with a manifest that fits."""
    study = sharing.shared_study(finished_results(tmp_path / "r", {"X-TB": [20, 45]}))
    rates = study.rates.astype({column: object})
    rates.loc[1, column] = value
    with pytest.raises(UserError, match=message):
        read_study(
            shared(tmp_path / "out", sharing.SharedStudy(study.about, rates, study.conclusions))
        )


def test_what_is_no_share(tmp_path: Path) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45]})
    with pytest.raises(UserError, match="of a results folder make one first"):
        read_study(results)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="is no folder of `pgdose share`"):
        read_study(tmp_path / "empty")


def test_a_folder_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    study = sharing.shared_study(finished_results(tmp_path / "r", {"X-TB": [20, 45]}))
    folder = shared(tmp_path / "out", study)
    with pytest.raises(UserError, match="is there and not empty"):
        write_study(study, "", folder)
