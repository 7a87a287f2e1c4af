"""How well a labeller's states agree with a person's, finding by finding.

Tables of states: one row per report (the index is its id), one column per label, cells `present`,
`absent`, `uncertain` or `unmentioned`; a missing cell of the person's was not judged and is left
out, and so is a report that stands in one table alone.

Only `present` counts as positive, on both sides: a study group takes what is present. So doubt
of the labeller about what the person calls present is a miss, and what it calls present without
the person's being sure is a false alarm. `confusion` shows the doubts.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from pgdose.errors import UserError
from pgdose.tables.user_columns import describe_columns

STATES = ("present", "uncertain", "absent", "unmentioned")
_CELLS = {"1": "present", "1.0": "present", "0": "absent", "0.0": "absent"}
_CELLS |= {"?": "uncertain", "": "unmentioned"} | {state: state for state in STATES}
_DRAWS = 2000


def hand_states(table: pd.DataFrame, names: list[str], id_column: str = "id") -> pd.DataFrame:
    """A person's labels, as they stand in a CSV file, as a table of states.

    `table` has a column of ids and one for some or all of the labels `names`; other columns are
    passed over. Cells: 1, 0, ? or nothing, which is present, absent, uncertain, unmentioned; or
    these words. Raises UserError that names the column, the row (the first is 1) and the cells
    that may be.
    """
    if id_column not in table:
        raise UserError(
            f"no column {id_column!r}; {describe_columns(list(table.columns.astype(str)))}"
        )
    known = [name for name in names if name in table]
    if not known:
        raise UserError(
            f"no column is named as a label is; labels: {', '.join(names)}; "
            f"{describe_columns(list(table.columns.astype(str)))}"
        )
    ids = table[id_column].astype(str).str.strip()
    if ids.duplicated().any():
        row = int(np.flatnonzero(ids.duplicated())[0]) + 1
        raise UserError(f"the id in row {row} stands in a row before; give one row")
    columns = {name: _states(table[name], name) for name in known}
    return pd.DataFrame(columns).set_axis(pd.Index(ids, name=id_column))


def read_hand_labels(path: Path, id_column: str, names: list[str], field: str) -> pd.DataFrame:
    """`hand_states` of a CSV file; `field` of the study stands before every message."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        return hand_states(table, names, id_column)
    except FileNotFoundError:
        raise UserError(f"{field}: there is no file {path.name!r}") from None
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError):
        raise UserError(f"{field}: {path.name} is no CSV table in UTF-8") from None
    except UserError as error:
        raise UserError(f"{field}: {path.name}: {error}") from None


def found_states(labels: pd.DataFrame, mentions: pd.DataFrame) -> pd.DataFrame:
    """The labeller's tables as a table of states, a row per report.

    `labels` has the columns label_<name> and the reports' index, `mentions` the columns report
    (that index), label and state. Of several mentions present beats uncertain, and uncertain
    absent; `norm` is uncertain where the labeller left it open.
    """
    names = [str(name).removeprefix("label_") for name in labels]
    table = pd.DataFrame("unmentioned", index=labels.index, columns=names)
    for state in ("absent", "uncertain", "present"):
        for name, of_label in mentions[mentions["state"] == state].groupby("label"):
            table.loc[table.index.isin(of_label["report"]), name] = state
    table.loc[labels["label_norm"].isna() & (table["norm"] == "present"), "norm"] = "uncertain"
    return table


def agreement(found: pd.DataFrame, hand: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """A row per label: label n n_present true_positive false_positive false_negative
    true_negative, then precision recall f1, each with `_low` and `_high`, its 95 % interval.

    n: reports judged; n_present: by hand. Wilson score intervals for precision and recall; for
    F1 = 2 TP / (2 TP + FP + FN) percentiles of 2000 bootstrap draws of n reports. NaN where
    nothing was found or nothing is present.
    """
    rows = []
    for name, pairs in _pairs(found, hand):
        is_found, is_there = pairs["found"] == "present", pairs["hand"] == "present"
        hits = int((is_found & is_there).sum())
        alarms, misses = int(is_found.sum()) - hits, int(is_there.sum()) - hits
        counts = (hits, alarms, misses, len(pairs) - hits - alarms - misses)
        rng = np.random.default_rng([seed, *name.encode()])
        rows.append(
            (
                *(name, len(pairs), hits + misses, *counts),
                *_share(hits, hits + alarms),
                *_share(hits, hits + misses),
                *_f1(counts, rng),
            )
        )
    measures = [f"{m}{end}" for m in ("precision", "recall", "f1") for end in ("", "_low", "_high")]
    counted = ["true_positive", "false_positive", "false_negative", "true_negative"]
    return pd.DataFrame(rows, columns=["label", "n", "n_present", *counted, *measures])


def confusion(found: pd.DataFrame, hand: pd.DataFrame) -> pd.DataFrame:
    """How often which states meet: label hand found n, all 16 pairs of states for each label."""
    pairs = pd.MultiIndex.from_product([STATES, STATES], names=["hand", "found"])
    tables = [
        together.groupby(["hand", "found"])
        .size()
        .reindex(pairs, fill_value=0)
        .reset_index(name="n")
        for _, together in _pairs(found, hand)
    ]
    names = [name for name, _ in _pairs(found, hand)]
    for name, table in zip(names, tables, strict=True):
        table.insert(0, "label", name)
    empty = pd.DataFrame(columns=["label", "hand", "found", "n"])
    return pd.concat(tables, ignore_index=True) if tables else empty


def errors(found: pd.DataFrame, hand: pd.DataFrame) -> pd.DataFrame:
    """The false alarms and the misses: label id hand found, in the order of `hand`."""
    tables = []
    for name, pairs in _pairs(found, hand):
        wrong = pairs[(pairs["found"] == "present") != (pairs["hand"] == "present")]
        tables.append(wrong.rename_axis("id").reset_index().assign(label=name))
    columns = ["label", "id", "hand", "found"]
    return (
        pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
    )


def _pairs(found: pd.DataFrame, hand: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Per label that both tables have, the reports judged: columns `hand` and `found`."""
    for table in (found, hand):
        if not table.index.is_unique:
            raise ValueError("a report may stand in a table of states once")
    reports = hand.index[hand.index.isin(found.index)]
    return [
        (str(name), pd.DataFrame({"hand": hand[name], "found": found[name]}).loc[reports].dropna())
        for name in hand
        if name in found
    ]


def _share(hits: int, n: int) -> tuple[float, float, float]:
    if not n:
        return np.nan, np.nan, np.nan
    return hits / n, *proportion_confint(hits, n, method="wilson")


def _f1(counts: tuple[int, ...], rng: np.random.Generator) -> tuple[float, float, float]:
    """F1 and its bootstrap interval from (true positive, false positive, false negative, rest)."""
    n = sum(counts)
    if not n or counts[3] == n:
        return np.nan, np.nan, np.nan
    drawn = rng.multinomial(n, np.divide(counts, n), size=_DRAWS)  # counts in n reports redrawn
    hits, wrong = 2 * drawn[:, 0], drawn[:, 1] + drawn[:, 2]
    some = hits + wrong > 0
    low, high = np.percentile(hits[some] / (hits + wrong)[some], [2.5, 97.5])
    return 2 * counts[0] / (2 * counts[0] + counts[1] + counts[2]), low, high


def _states(cells: pd.Series, name: str) -> list[str]:
    texts = cells.astype(object).where(cells.notna(), "").astype(str).str.strip().str.lower()
    for row, text in enumerate(texts, start=1):
        if text not in _CELLS:
            raise UserError(  # what stands there may be a name or a report
                f"column {name!r}, row {row}: it must be 1, 0, ? or nothing, or one of "
                + ", ".join(STATES)
            )
    return [_CELLS[text] for text in texts]
