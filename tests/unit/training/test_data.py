"""Which images a run is trained on, which are held out, and which validate it."""

from pathlib import Path

import pandas as pd
import pytest

from pgdose.cohort import subsets
from pgdose.cohort.images import Members
from pgdose.errors import UserError
from pgdose.study.training import Training
from pgdose.training.data import TrainingData, select_data

SEED = 3


@pytest.fixture
def members(tmp_path: Path) -> Members:
    """40 patients, 20 of each class; of each 8 in training, with two copies of their image."""
    rows = []
    for patient in range(40):
        part = "training" if patient % 5 < 4 else "validation"
        for copy in range(3 if part == "training" else 1):
            rows.append((f"r{patient}", f"p{patient}", patient % 2, part, copy))
    table = pd.DataFrame(rows, columns=["record_id", "patient", "class_index", "part", "copy"])
    table["class"] = table["class_index"].map({0: "norm", 1: "ill"})
    table = table.assign(member=range(len(table)), row=range(len(table)), store="a.npy")
    return Members(table, tmp_path, 8, 1)


def chosen(
    members: Members, run: str = "full", size: int | None = None, **settings: object
) -> TrainingData:
    training = Training.model_validate(settings)
    return select_data(members, training, seed=SEED, group="G", run=run, size=size)


def ids(members: Members) -> list[int]:
    numbers: list[int] = members.table["member"].tolist()
    return numbers


def test_the_parts_of_the_split_are_training_and_validation(members: Members) -> None:
    data = chosen(members)
    assert (data.training.table["part"] == "training").all() and len(data.training) == 96
    assert (data.validation.table["part"] == "validation").all() and len(data.validation) == 8
    assert data.held_out is None


def test_a_sized_run_trains_on_its_keyed_subset(members: Members) -> None:
    data = chosen(members, "n20-r1", 20)
    everything = chosen(members)
    expected = subsets.subset(everything.training.table, 20, SEED, "n20-r1")
    assert ids(data.training) == expected["member"].tolist()
    assert data.training.table["class_index"].value_counts().tolist() == [10, 10]
    assert ids(data.validation) == ids(everything.validation)
    assert ids(data.training) != ids(chosen(members, "n20-r2", 20).training)


@pytest.mark.parametrize("settings", [{"keep": "best"}, {"patience": 3}])
def test_where_epochs_are_judged_patients_are_held_out_without_copies(
    members: Members, settings: dict[str, object]
) -> None:
    data = chosen(members, held_out=0.25, **settings)
    assert data.held_out is not None
    everything = chosen(members).training.table
    judging = subsets.held_out(everything, 0.25, SEED, "G/full")
    assert ids(data.training) == everything.loc[~judging, "member"].tolist()
    assert (
        ids(data.held_out) == everything.loc[judging & everything["copy"].eq(0), "member"].tolist()
    )
    held_out, training = (set(part.table["patient"]) for part in (data.held_out, data.training))
    assert not held_out & training and len(held_out) == len(data.held_out)
    assert len(held_out | training) == 32


def test_the_held_out_part_is_keyed_by_the_run(members: Members) -> None:
    full, other = (chosen(members, run, keep="best").held_out for run in ("full", "other"))
    assert full is not None and other is not None and ids(full) != ids(other)


def test_the_subset_comes_before_the_held_out_part(members: Members) -> None:
    data = chosen(members, "n20-r1", 20, keep="best", held_out=0.3)
    subset = chosen(members, "n20-r1", 20).training
    assert data.held_out is not None
    assert set(ids(data.training)) | set(ids(data.held_out)) <= set(ids(subset))


def test_a_size_that_the_group_does_not_have_is_refused(members: Members) -> None:
    with pytest.raises(UserError, match=r"training_size\.sizes: 900"):
        chosen(members, "n900-r1", 900)
