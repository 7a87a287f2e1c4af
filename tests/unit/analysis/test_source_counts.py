"""What became of sources and slides."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from pgdose.analysis.slide_outcomes import slide_outcomes
from pgdose.analysis.source_counts import all_sources, source_counts


def screened(n: int, regions: Sequence[int | None] = (), says: Sequence[bool | None] = ()) -> Any:
    """n records of SCREEN, the first of them with these columns."""
    columns = {"text_regions": [*regions], "says_burned_in": [*says]}
    filled = {name: values + [None] * (n - len(values)) for name, values in columns.items()}
    return pd.DataFrame(filled).astype({"text_regions": "Int32", "says_burned_in": "boolean"})


def test_counts_of_a_source() -> None:
    records = pd.DataFrame(
        {
            "label_norm": pd.array([1, 0, 0, None, 0], dtype="Int8"),
            "label_tb": pd.array([0, 1, 1, None, 0], dtype="Int8"),
            "label_fibrosis": pd.array([0, 1, 0, None, None], dtype="Int8"),
        }
    )
    stages = ["index", "index", "index", "screen"]
    found = source_counts("xray", records, screened(4), pd.DataFrame({"stage": stages}))
    assert found == {
        "source": "xray",
        "found": 8,
        "readable": 5,
        "screened": 4,
        "usable": 3,
        "norm": 1,
        "tb": 2,
        "fibrosis": 1,
        "any_finding": 2,
        "several_findings": 1,
    }


def test_sources_with_and_without_labels_share_a_table() -> None:
    xray = {"source": "xray", "found": 8, "tb": 2, "any_finding": 2, "several_findings": 1}
    table = all_sources([xray, {"source": "fields", "found": 3}])
    assert list(table)[-2:] == ["any_finding", "several_findings"]
    assert table["tb"].isna().to_list() == [False, True]
    assert str(table["found"].dtype) == "Int64"


def test_a_source_without_labels_has_no_findings() -> None:
    records = pd.DataFrame({"record_id": ["a", "b"]})
    found = source_counts("fields", records, screened(2), pd.DataFrame({"stage": []}))
    assert found == {"source": "fields", "found": 2, "readable": 2, "screened": 2, "usable": 2}


@pytest.mark.parametrize("kind", ["nullable", "object", "float"])
def test_images_with_burned_in_text_are_counted_where_they_were_searched(kind: str) -> None:
    """The table is read back from Parquet, where a shard without nulls has another type."""
    records = pd.DataFrame({"record_id": list("abcde")})
    table = screened(5, [0, 2, 1, 0], [None, True, False, True])
    types = {"object": {"says_burned_in": object}, "float": {"text_regions": float}}
    table = table.astype(types.get(kind, {}))
    counts = source_counts("x", records, table, pd.DataFrame({"stage": ["screen"] * 3}))
    assert (counts["text_in_pixels"], counts["says_burned_in"]) == (2, 2)
    assert (counts["screened"], counts["usable"]) == (5, 2)
    assert all_sources([counts])["text_in_pixels"].tolist() == [2]


def test_what_became_of_each_slide() -> None:
    states = pd.DataFrame(
        {
            "record_id": ["c", "a", "b", "d"],
            "patient": "p",
            "reason": [None, None, "no_tissue", None],
        }
    )
    candidates = pd.DataFrame({"parent": ["a", "a", "c"], "class": ["tumour", "norm", "norm"]})
    taken = pd.DataFrame({"record_id": ["1", "2"], "parent": "a", "class": ["tumour", "norm"]})
    screened = pd.DataFrame({"record_id": ["1", "2"], "usable": [True, False]})
    found = slide_outcomes(states, candidates, taken, screened, ["tumour", "norm"]).set_index(
        "record_id"
    )
    assert found["state"].to_dict() == {
        "a": "used",
        "b": "rejected",
        "c": "not needed",
        "d": "no tiles",
    }
    assert found.loc["a", ["candidates_norm", "tiles_norm", "tiles_tumour"]].tolist() == [1, 1, 1]
    assert found.loc["c", ["candidates_norm", "tiles_norm", "unreadable"]].tolist() == [1, 0, 0]
    assert found["unreadable"].to_dict() == {"a": 1, "b": 0, "c": 0, "d": 0}
