"""Settled members: the planned ones whose image could be read."""

import pandas as pd

from pgdose.errors import UserError


def settle(planned: pd.DataFrame, missing: pd.DataFrame, group: str) -> pd.DataFrame:
    """The planned members whose image could be read; everything downstream uses these alone.

    `missing` has the column member. UserError where a class loses all its images of a part.
    """
    members = planned[~planned["member"].isin(missing["member"])]
    parts = pd.MultiIndex.from_frame(planned[["class", "part"]].drop_duplicates())
    left = pd.MultiIndex.from_frame(members[["class", "part"]].drop_duplicates())
    for name, part in parts.difference(left):
        raise UserError(
            f"groups.{group}.classes.{name}: none of its images in {part} could be read; see "
            f"groups/{group}/unreadable.parquet for the reasons, and repair or exclude the files"
        )
    return members


def unreadable(planned: pd.DataFrame, missing: pd.DataFrame) -> pd.DataFrame:
    """`missing` as rejects of the stage "render": record_id, stage, reason, detail."""
    record_of = planned.set_index("member")["record_id"]
    return missing.assign(record_id=missing["member"].map(record_of), stage="render")
