"""Settled members: the planned ones whose image could be read."""

import pandas as pd

from pgdose.errors import UserError


def settle(planned: pd.DataFrame, missing: pd.DataFrame, group: str) -> pd.DataFrame:
    """The planned members whose image could be read; everything downstream uses these alone.

    `missing` has the columns member and reason. UserError if a class
    loses all its images of a part.
    """
    members = planned[~planned["member"].isin(missing["member"])]
    parts = pd.MultiIndex.from_frame(planned[["class", "part"]].drop_duplicates())
    left = pd.MultiIndex.from_frame(members[["class", "part"]].drop_duplicates())
    for name, part in parts.difference(left):
        reasons = missing["reason"].value_counts()
        counts = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
        raise UserError(
            f"groups.{group}.classes.{name}: none of its images in {part} could be read (in the "
            f"whole group: {counts}); repair the files, or list them under groups.{group}.exclude"
        )
    return members


def unreadable(planned: pd.DataFrame, missing: pd.DataFrame) -> pd.DataFrame:
    """`missing` as a table of LEFT_OUT of the stage "render"."""
    of_member = planned.set_index("member")
    columns = {name: missing["member"].map(of_member[name]) for name in ("record_id", "class")}
    return missing.assign(stage="render", **columns)
