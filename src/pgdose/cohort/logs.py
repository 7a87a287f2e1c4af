"""What the log says about a group's members."""

import logging
from collections.abc import Collection

import pandas as pd

from pgdose.cohort.splitting import imbalance

FEWEST_PATIENTS = 4  # of the validation part; an interval over fewer says too little
LOGGED_IMBALANCE = 0.01  # share of a stratum's images; a split that is further off is logged


def warn_unknown_ids(
    log: logging.Logger, group: str, field: str, ids: Collection[str], records: pd.DataFrame
) -> None:
    """Warn of record_ids in a person's list that no record has."""
    unknown = int((~pd.Index(ids).isin(records["record_id"])).sum())
    if unknown:
        log.warning(
            "%s: %d of %d ids in %s match no record; check the list",
            *(group, unknown, len(ids), field),
        )


def warn_turned(log: logging.Logger, group: str, turned: int) -> None:
    """Warn of boxes that a person drew on films that are turned upright."""
    if turned:
        log.warning(
            "groups.%s.image.boxes: %d boxes belong to films that are stored mirrored or turned; "
            "x and y must count on the upright film, as the contact sheet shows it",
            *(group, turned),
        )


def report_plan(
    log: logging.Logger,
    group: str,
    members: pd.DataFrame,
    left_out: pd.DataFrame,
    training: float,
) -> None:
    """Log reasons of exclusion, sizes of classes and parts, and a split that is out of balance."""
    for reason, count in left_out["reason"].value_counts().items():
        log.info("%s: %s %d", group, reason, count)
    log.info("%s:\n%s", group, members.groupby(["class", "part"]).size().unstack().to_string())
    patients = members.loc[members["part"] == "validation", "patient"].nunique()
    if patients < FEWEST_PATIENTS:
        log.warning(
            "groups.%s: its validation images come from %d patient%s, and intervals over patients "
            "need at least %d; add patients",
            *(group, patients, "" if patients == 1 else "s", FEWEST_PATIENTS),
        )
    table = imbalance(members, training)
    off = table[table["off"] > LOGGED_IMBALANCE]
    if len(off):
        log.warning(
            "%s: the split misses its proportions, because some patients have several images:\n%s",
            *(group, off.to_string()),
        )
