"""What became of each slide of a source."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def slide_outcomes(
    states: pd.DataFrame,
    candidates: pd.DataFrame,
    tiles: pd.DataFrame,
    screening: pd.DataFrame,
    classes: Sequence[str],
) -> pd.DataFrame:
    """The table slides.csv of a source: each slide's state, and by class its candidates and tiles.

    states:     the columns of the schema SLIDES
    candidates: parent and class of each tile that could be chosen
    tiles:      record_id, parent and class of the chosen ones
    screening:  record_id and usable of the chosen ones

    A slide is `rejected`, `used`, `not needed` where none of its candidates was chosen, or
    `no tiles` where it had none.
    """
    unreadable = screening.loc[~screening["usable"].astype(bool), "record_id"]
    unreadable_tiles = tiles[tiles["record_id"].isin(unreadable)]
    table = states.copy()

    def per_slide(rows: pd.DataFrame) -> pd.Series:
        return table["record_id"].map(rows["parent"].value_counts()).fillna(0).astype(int)

    for name in classes:
        for column, rows in (("candidates", candidates), ("tiles", tiles)):
            table[f"{column}_{name}"] = per_slide(rows[rows["class"] == name])
    table["unreadable"] = per_slide(unreadable_tiles)
    has_candidates = table["record_id"].isin(candidates["parent"])
    used = table["record_id"].isin(tiles["parent"])
    conditions = [table["reason"].notna(), used, has_candidates]
    state = np.select(conditions, ["rejected", "used", "not needed"], "no tiles")
    table.insert(2, "state", state)
    return table.sort_values("record_id")
