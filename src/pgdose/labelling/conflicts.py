"""Conflicts: reports that hold a norm phrase and a finding."""

import pandas as pd


def find_conflicts(labels: pd.DataFrame, mentions: pd.DataFrame) -> pd.Index:
    """The index of the reports that hold a norm phrase and a finding, present or uncertain.

    Both are tables of `report_tables.label_reports`: `labels` has the column `label_norm` (empty in
    a conflict), `mentions` the columns `index` and `label`.
    """
    is_norm = (mentions["label"] == "norm") & (mentions["state"] == "present")
    with_norm_phrase = mentions.loc[is_norm, "index"]
    is_conflict = labels["label_norm"].isna() & labels.index.isin(with_norm_phrase)
    return labels.index[is_conflict]
