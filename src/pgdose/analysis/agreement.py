"""Agreement of the labeller's states with those that a person gave, finding by finding.

Tables of states: one row per report (the index is its id), one column per label, cells `present`,
`absent`, `uncertain` or `unmentioned`. A missing cell of the person's was not judged and is left
out, and so is a report that stands in one table alone.

Only `present` counts as positive, on both sides, because a study group takes what is present. So
`uncertain` by the labeller is a miss where the person says `present`, and `present` by the labeller
is a false alarm where the person is not sure. `label_confusion` counts all pairs of states.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pgdose.analysis.bootstrap import share
from pgdose.analysis.intervals import plain_percentiles, wilson
from pgdose.errors import UserError
from pgdose.tables.label_columns import label_names
from pgdose.user_tables.formats import UserTable, read_header
from pgdose.user_tables.header_words import describe_columns
from pgdose.user_tables.identifiers import clean_identifiers
from pgdose.user_tables.label_cells import STATE_NAMES
from pgdose.user_tables.reader import read_columns

STATES = ("present", "uncertain", "absent", "unmentioned")
_STATE_OF_CELL = {"1": "present", "1.0": "present", "0": "absent", "0.0": "absent"}
_STATE_OF_CELL |= {"?": "uncertain", "": "unmentioned"} | {state: state for state in STATES}
_BOOTSTRAP_DRAWS = 2000


# The two tables of states


def hand_states(table: UserTable, names: Sequence[str]) -> pd.DataFrame:
    """A person's labels as a table of states.

    The table has the column id and one for some or all of the labels `names`; others are ignored.
    Cells: 1, 0, ? or nothing, which is present, absent, uncertain, unmentioned; or these words.
    Raises UserError that names the column, the line and the cells allowed.
    """
    present = read_header(table).names
    labels = [name for name in names if name in present]
    if not labels:
        raise UserError(
            f"{table.at}: no column of {table.path.name} is named after a label; name one or more "
            f"of {', '.join(names)}; {describe_columns(present, names)}"
        )
    columns = {**table.columns, **{name: name for name in labels}}
    rows = read_columns(replace(table, columns=columns))
    ids = clean_identifiers(rows["id"], table, "id", [])
    if ids.duplicated().any():
        line = int(rows["line"][ids.duplicated()].iloc[0])
        raise table.mistake(
            f", line {line}: repeats the id of an earlier line; keep one line for each id"
        )
    states = {name: _cell_states(rows[name], rows["line"], table) for name in labels}
    return pd.DataFrame(states).set_axis(pd.Index(ids, name="id"))


def _cell_states(cells: pd.Series, lines: pd.Series, table: UserTable) -> list[str]:
    texts = cells.str.lower()
    for line, text in zip(lines, texts, strict=True):
        if text not in _STATE_OF_CELL:
            raise table.mistake(  # without the cell, which may hold a name or a report
                f", line {line}: column {cells.name!r} must be 1, 0, ? or nothing, or one of "
                + ", ".join(STATES)
            )
    return [_STATE_OF_CELL[text] for text in texts]


def film_states(labels: pd.DataFrame) -> pd.DataFrame:
    """The labels of films by a table (`film_labels.parquet`) as a table of states, by report id.

    Of several films with one report the first counts.
    """
    labels = labels.dropna(subset="link").drop_duplicates("link").set_index("link")
    names = label_names(map(str, labels))
    return pd.DataFrame({name: labels[f"label_{name}"].map(STATE_NAMES) for name in names})


def labeller_states(labels: pd.DataFrame, mentions: pd.DataFrame) -> pd.DataFrame:
    """The labeller's tables as a table of states, by the id of the report.

    `labels`, a row per report, has the columns report, link (its id) and label_<name>, `mentions`
    the columns report, label and state. Of several mentions present beats uncertain, and uncertain
    absent; `norm` is uncertain in a conflict, where the labeller left it empty.
    """
    labels = labels.set_index("report")
    ids = labels.pop("link")
    names = [str(name).removeprefix("label_") for name in labels]
    states = pd.DataFrame("unmentioned", index=labels.index, columns=names)
    for state in ("absent", "uncertain", "present"):
        for name, of_label in mentions[mentions["state"] == state].groupby("label"):
            states.loc[states.index.isin(of_label["report"]), name] = state
    states.loc[labels["label_norm"].isna() & (states["norm"] == "present"), "norm"] = "uncertain"
    return states.set_index(ids)


def reports_of_both(
    labeller: pd.DataFrame, hand: pd.DataFrame, field: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables of states, restricted to the reports in both, in the order of `hand`.

    Raises UserError if there are none; `field` of the study stands before the message.
    """
    both = hand.index.intersection(labeller.index)
    if both.empty:
        raise UserError(
            f"{field}: none of its {len(hand)} ids is the id of a report; "
            "set 'id' to the column that holds the reports' ids"
        )
    return labeller.loc[both], hand.loc[both]


# How they agree


def measure_agreement(labeller: pd.DataFrame, hand: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """How well the labeller agrees with a person: precision, recall, F1 and Cohen's kappa by label.

    Args:
        labeller, hand: tables of states: a row for each report, a column for each label, cells
            `present`, `absent`, `uncertain` or `unmentioned`; of `hand` also empty, for reports
            that the person did not judge. Reports and labels of one table alone are left out.
        seed: of the bootstrap.

    Returns:
        A row for each label: label, n (reports judged), n_present (by hand), true_positive,
        false_positive, false_negative, true_negative, then precision, recall, f1 and kappa, each
        with its 95 % interval in columns that end in `_low` and `_high`.

    Raises:
        ValueError: a report occurs twice in a table.

    Wilson score intervals for precision and recall. For
    F1 = 2 TP / (2 TP + FP + FN) and Cohen's kappa percentiles of the same 2000 bootstrap draws of n
    reports (Efron and Tibshirani 1993, ch. 13). NaN where the denominator is 0.

    kappa = (o - e) / (1 - e) of present against the rest: o is the share of reports on which both
    agree, e that on which two judges would agree by chance, who call as many present as these two
    do (Cohen 1960, Educ Psychol Meas 20:37).
    """
    rows = []
    for name, pairs in _judged_pairs(labeller, hand):
        is_labelled, is_true = pairs["found"] == "present", pairs["hand"] == "present"
        hits = int((is_labelled & is_true).sum())
        alarms, misses = int(is_labelled.sum()) - hits, int(is_true.sum()) - hits
        counts = (hits, alarms, misses, len(pairs) - hits - alarms - misses)
        rng = np.random.default_rng([seed, *name.encode()])
        rows.append(
            (
                *(name, len(pairs), hits + misses, *counts),
                *_share(hits, hits + alarms),
                *_share(hits, hits + misses),
                *_f1_and_kappa(counts, rng),
            )
        )
    names = ("precision", "recall", "f1", "kappa")
    measures = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    counted = ["true_positive", "false_positive", "false_negative", "true_negative"]
    return pd.DataFrame(rows, columns=["label", "n", "n_present", *counted, *measures])


def label_confusion(labeller: pd.DataFrame, hand: pd.DataFrame) -> pd.DataFrame:
    """How often each pair of states occurs.

    Args:
        labeller, hand: as for `measure_agreement`.

    Returns:
        A row for each label and each of the 16 pairs of states: label, hand (the person's state),
        found (the labeller's), n (the number of reports).
    """
    pairs_of_states = pd.MultiIndex.from_product([STATES, STATES], names=["hand", "found"])
    tables = []
    for name, pairs in _judged_pairs(labeller, hand):
        counts = pairs.groupby(["hand", "found"]).size().reindex(pairs_of_states, fill_value=0)
        table = counts.reset_index(name="n")
        table.insert(0, "label", name)
        tables.append(table)
    empty = pd.DataFrame(columns=["label", "hand", "found", "n"])
    return pd.concat(tables, ignore_index=True) if tables else empty


def label_errors(labeller: pd.DataFrame, hand: pd.DataFrame) -> pd.DataFrame:
    """The false alarms and the misses.

    Args:
        labeller, hand: as for `measure_agreement`.

    Returns:
        A row for each report and label on which they differ in `present`, in the order of `hand`:
        label, id (of the report), hand and found (both states).
    """
    columns = ["label", "id", "hand", "found"]
    tables = []
    for name, pairs in _judged_pairs(labeller, hand):
        errors = pairs[(pairs["found"] == "present") != (pairs["hand"] == "present")]
        tables.append(errors.rename_axis("id").reset_index().assign(label=name))
    empty = pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True)[columns] if tables else empty


def errors_by_record(errors: pd.DataFrame, headers: pd.DataFrame) -> pd.DataFrame:
    """`label_errors` with the record_id of a film in place of the report's id.

    `headers` has the columns record_id and link (the report's id, an accession number); of several
    films with one report that with the smallest record_id counts. Results never hold accession
    numbers, nor their order: the errors of each label are sorted by record_id.
    """
    films = headers.dropna().groupby("link")["record_id"].min()
    errors = errors.copy()
    errors.insert(0, "record_id", errors.pop("id").map(films))
    rank = errors["label"].map({name: n for n, name in enumerate(errors["label"].unique())})
    columns = ["rank", "record_id", "hand", "found"]
    return errors.assign(rank=rank).sort_values(columns).drop(columns="rank")


def _judged_pairs(labeller: pd.DataFrame, hand: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Per label that both tables have, the reports judged: columns `hand` and `found`."""
    for table in (labeller, hand):
        if not table.index.is_unique:
            raise ValueError("a report may stand in a table of states once")
    reports = hand.index[hand.index.isin(labeller.index)]
    return [
        (
            str(name),
            pd.DataFrame({"hand": hand[name], "found": labeller[name]}).loc[reports].dropna(),
        )
        for name in hand
        if name in labeller
    ]


def _share(hits: int, n: int) -> tuple[float, float, float]:
    if not n:
        return np.nan, np.nan, np.nan
    low, high = wilson(hits, n)
    return hits / n, float(low), float(high)


def _f1_and_kappa(counts: tuple[int, ...], rng: np.random.Generator) -> tuple[float, ...]:
    """F1 and kappa, each with its bootstrap interval.

    `counts`: true positives, false positives, false negatives, true negatives.
    """
    n = sum(counts)
    if not n:
        return (np.nan,) * 6
    # A draw of n reports with replacement is a multinomial draw of the four counts.
    draws = rng.multinomial(n, np.divide(counts, n), size=_BOOTSTRAP_DRAWS)
    values = np.vstack([counts, draws])
    return (*_with_interval(_f1(values)), *_with_interval(_kappa(values)))


def _f1(counts: np.ndarray) -> np.ndarray:
    """F1 of each row of counts."""
    hits, errors = 2 * counts[:, 0], counts[:, 1] + counts[:, 2]
    return share(hits, hits + errors)


def _kappa(counts: np.ndarray) -> np.ndarray:
    """Cohen's kappa of each row of counts; NaN where both say the same of all reports."""
    hits, alarms, misses, rest = counts.T.astype(float)
    n = counts.sum(axis=1)
    chance = (hits + alarms) * (hits + misses) + (rest + alarms) * (rest + misses)
    return share((hits + rest) * n - chance, n * n - chance)


def _with_interval(values: np.ndarray) -> tuple[float, float, float]:
    """The first value, and the percentiles of the others; draws of NaN do not count."""
    draws = values[1:][~np.isnan(values[1:])]
    if np.isnan(values[0]) or not len(draws):
        return np.nan, np.nan, np.nan
    return (float(values[0]), *plain_percentiles(draws))
