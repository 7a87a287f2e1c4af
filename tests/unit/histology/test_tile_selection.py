"""Tiles are selected evenly over patients and their slides."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.image_tables import KEY, list_slide_rows

from pgdose.errors import UserError
from pgdose.histology.slides.slide_table import SlideList
from pgdose.histology.tile_selection import (
    SelectionSettings,
    index_tiles,
    keep_file_stamps,
    select_tiles,
)
from pgdose.tables import keyed
from pgdose.tables.private_paths import stat_file
from pgdose.tables.slide_schemas import SLIDES

IDS = keyed.SourceIds(KEY, "breast", "breast")


def candidate_tiles_of(slides_of: dict[str, dict[str, tuple[int, int]]]) -> pd.DataFrame:
    """Candidates: patient -> slide -> so many of tumour and of norm."""
    rows = [
        (patient, slide, name, i)
        for patient, slides in slides_of.items()
        for slide, numbers in slides.items()
        for name, n in zip(("tumour", "norm"), numbers, strict=True)
        for i in range(n)
    ]
    result = pd.DataFrame(rows, columns=["patient", "parent", "class", "x"])
    ids = result["parent"] + result["class"] + result["x"].astype(str)
    return result.assign(y=0, draw=keyed.draw(1, "test", ids))


def choose(result: pd.DataFrame, n: int) -> pd.DataFrame:
    states = result[["parent", "patient"]].drop_duplicates().rename(columns={"parent": "record_id"})
    states.loc[len(states) + 1000] = ["z", "Z"]
    states["reason"] = np.where(states["record_id"] == "z", "no_tissue", None)
    result = result.drop(columns="patient").astype({"parent": "category", "class": "category"})
    chosen = select_tiles(result.reset_index(drop=True), states, n, ["tumour", "norm"], "breast")
    return chosen.merge(states, left_on="parent", right_on="record_id")


def test_tiles_are_chosen_evenly_over_patients_and_their_slides() -> None:
    result = candidate_tiles_of(
        {
            "P": {"a": (50, 50), "b": (50, 2), "c": (50, 50)},
            "Q": {"d": (50, 50)},
            "R": {"e": (3, 9)},
        }
    )
    chosen = choose(result, 33)
    by_patient = chosen.groupby(["class", "patient"]).size()
    assert by_patient["tumour"].to_dict() == {"P": 15, "Q": 15, "R": 3}
    assert by_patient["norm"].to_dict() == {"P": 12, "Q": 12, "R": 9}
    by_slide = chosen.groupby(["class", "parent"]).size()
    assert by_slide["tumour"][["a", "b", "c"]].tolist() == [5, 5, 5]
    assert by_slide["norm"][["a", "b", "c"]].tolist() == [5, 2, 5]
    assert not chosen.duplicated(["parent", "class", "x"]).any()


def test_the_choice_goes_neither_by_order_nor_by_other_slides() -> None:
    result = candidate_tiles_of({"P": {"a": (50, 50)}, "Q": {"b": (50, 50)}})

    def ids(table: pd.DataFrame) -> set[tuple]:
        return set(choose(table, 20)[["parent", "class", "x"]].itertuples(index=False, name=None))

    first = ids(result)
    assert ids(result.sample(frac=1, random_state=0)) == first
    assert ids(result.assign(draw=keyed.draw(2, "t", map(str, range(200))))) != first
    more = pd.concat([result, candidate_tiles_of({"R": {"c": (1, 1)}})])
    assert len(first - ids(more)) == 2  # one of each class


def test_too_few_tiles_tell_what_there_is() -> None:
    with pytest.raises(UserError) as caught:
        choose(candidate_tiles_of({"P": {"a": (5, 50)}, "Q": {"b": (7, 40)}}), 20)
    message = str(caught.value)
    assert (
        "sources.breast.tiles_per_class: 20, but the slides have only 12 tiles of tumour" in message
    )
    lines = [line.split() for line in message.splitlines()]
    assert ["a", "5", "50"] in lines and ["b", "7", "40"] in lines
    assert ["z", "0", "0", "no_tissue"] in lines


def test_a_class_of_which_there_is_nothing_is_told_too() -> None:
    with pytest.raises(UserError, match="have only 0 tiles of tumour"):
        choose(candidate_tiles_of({"P": {"a": (0, 50)}}), 5)


# --- the index of a source ----------------------------------------------------------------------

SETTINGS: SelectionSettings = {
    "tiles_per_class": 3,
    "tile_classes": ["tumour", "norm"],
    "tile": 128,
    "shards": 2,
    "several": "error",
    "colour": "as_stored",
}


def source_of(root: Path, *reasons: str | None) -> tuple[pd.DataFrame, SlideList]:
    """The facts of as many slides as there are reasons, and the list they come from."""
    names = [f"s{number}.svs" for number in range(len(reasons))]
    rows = pd.DataFrame({"slide": [*names, names[0]], "patient": "P"})
    for name in names:
        (root / name).touch()
    slides = list_slide_rows(rows, root)
    facts = pd.DataFrame({"record_id": slides.slides["record_id"], "patient": "P"})
    facts = facts.assign(reason=list(reasons), detail="", level=1, extent=256.0, um_per_px=0.5)
    facts = facts.assign(scale_from="mpp", content=facts["record_id"], colour="as_stored")
    return facts.reindex(columns=SLIDES.names).reset_index(drop=True), slides


def candidates_of(facts: pd.DataFrame) -> pd.DataFrame:
    usable = facts.loc[facts["reason"].isna(), "record_id"]
    kinds = [("tumour", 0), ("norm", 128)]
    rows = [(s, c, x, y) for s in usable for c, y in kinds for x in range(0, 640, 128)]
    table = pd.DataFrame(rows, columns=["parent", "class", "x", "y"])
    ids = table["parent"] + table["class"] + table["x"].astype(str)
    return table.assign(draw=keyed.draw(1, "test", ids), tissue_share=1.0, class_share=1.0)


def test_the_index_has_a_record_and_a_path_for_each_tile_and_rejects_for_the_rest(
    tmp_path: Path,
) -> None:
    facts, slides = source_of(tmp_path, None, "no_tissue", None)
    records, paths, rejects = index_tiles(candidates_of(facts), facts, slides, SETTINGS, IDS)
    assert records["class"].value_counts().to_dict() == {"tumour": 3, "norm": 3}
    assert records["record_id"].is_unique and set(records["rows"]) == {128}
    assert set(records["store"]) == {f"sources/breast/tiles/{shard}.npy" for shard in (0, 1)}
    assert set(records["level"]) == {1} and set(records["extent"]) == {256.0}
    by_id = {path["record_id"]: path["path"] for path in paths}
    assert len(by_id) == len(paths) == 3 + 6  # slides, tiles
    assert all(by_id[r.record_id] == by_id[r.parent] for r in records.itertuples())
    assert [reject[2] for reject in rejects] == ["no_tissue"]


def test_a_source_without_a_usable_slide_is_a_mistake(tmp_path: Path) -> None:
    facts, slides = source_of(tmp_path, "no_tissue", "no_scale", "no_tissue")
    with pytest.raises(UserError) as caught:
        index_tiles(candidates_of(facts), facts, slides, SETTINGS, IDS)
    assert str(caught.value) == (
        "sources.breast: none of its 3 slides can be used (no_tissue 2, no_scale 1); "
        "correct its table or its files"
    )


def test_files_keep_the_stamps_from_before_the_survey(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    before = stat_file(tmp_path / "a")
    (tmp_path / "a").write_text("another")
    paths = [{"record_id": str(i), "path": str(tmp_path / name)} for i, name in enumerate("aab")]
    rows = keep_file_stamps(paths, [before])
    assert [row.get("size") for row in rows] == [1, 1, None]
    assert {row.get("modified") for row in rows[:2]} == {before.modified}
    assert [row["record_id"] for row in rows] == ["0", "1", "2"]


def test_slides_are_dealt_to_shards_without_loss(tmp_path: Path) -> None:
    _, slides = source_of(tmp_path, *[None] * 7)
    shards = [slides.shard(shard, 3) for shard in range(3)]
    ids = [row["record_id"] for shard in shards for row in shard]
    assert ids == slides.slides["record_id"].tolist() == sorted(ids) and len(ids) == 7
