"""Type, unit and range of each column of the result tables, beside their registry.

A column has the same values in all tables, unless EXCEPTIONS says otherwise. An end of an interval
(`asr_low`, `asr_wilson_high`) has those of its column (`asr`).

No job imports it: what a page says reruns nothing.
"""

import re

from pgdose.tables.column_values import (
    AMPLITUDE,
    DIFFERENCE,
    FLAG,
    INTEGER,
    ITERATION,
    NUMBER,
    PROBABILITY,
    RANGE,
    SHARE,
    Values,
    count,
    words,
)

TEXT = Values()
_ANY = Values(NUMBER)
_OF_STATISTIC = Values(NUMBER, "that of `statistic`")
_OF_QUANTITY = Values(NUMBER, "that of `quantity`")
_SIGNED_RATE = Values(NUMBER, "share, or weight")

VALUES: dict[str, Values] = {
    # which network, attack and dose
    **dict.fromkeys(("group", "run", "attack", "judge", "base", "source", "class"), TEXT),
    "role": words("main", "repeat", "further", "sized"),
    "size": Values(INTEGER, "images", 1),
    "repeat": Values(INTEGER, "", 1),
    "epsilon": AMPLITUDE,
    "iteration": ITERATION,
    # shares, and the ends of their intervals
    **dict.fromkeys(("asr", "asr_any", "any", "follow", "accuracy", "paper_accuracy"), SHARE),
    **dict.fromkeys(("ece", "auc", "share", "survival", "confidence", "max_asr"), SHARE),
    **dict.fromkeys(("certified", "abstained", "robust", "base_robust"), SHARE),
    **dict.fromkeys(("clean_rejected", "rejected", "error", "caught", "aurc"), SHARE),
    **dict.fromkeys(("ci_low", "ci_high", "wilson_low", "wilson_high"), SHARE),
    **dict.fromkeys(("bin_low", "bin_high", "low", "high"), SHARE),
    "difference": DIFFERENCE,
    **dict.fromkeys(("p", "p_adjusted", "alpha"), PROBABILITY),
    # counts
    "n": count("images"),
    **dict.fromkeys(("found",), count("files or rows")),
    **dict.fromkeys(("readable", "screened", "usable", "several_rows"), count("records")),
    **dict.fromkeys(("<finding>", "any_finding", "several_findings"), count("records")),
    "norm_conflicts": count("reports"),
    "mojibake": count("files"),
    **dict.fromkeys(("text_in_pixels", "says_burned_in"), count("images")),
    "repeats": count("trainings"),
    "networks": count("networks"),
    # amplitudes and sizes of changes
    **dict.fromkeys(("sigma", "radius", "l2", "dose", "largest_change"), AMPLITUDE),
    **dict.fromkeys(("median_epsilon", "median", "smallest_epsilon", "largest_epsilon"), AMPLITUDE),
    "l_inf": Values(NUMBER, RANGE, 0, 1),
    "severity": Values(INTEGER, "", 1, 5),
    # flags and words
    **dict.fromkeys(("uneven", "reached", "applies"), FLAG),
    "part": words("training", "validation"),
    "kind": words("corruption", "universal"),
    "verdict": words("passed", "failed", "not done"),
    "bound": words("exact", "under", "over"),
    "median_bound": words("exact", "at most", "over"),
    "score": words("confidence", "margin", "disagreement"),
    "choice": words("last", "best"),
    "knows_detector": words("yes", "no"),
    "by": words("sex", "age"),
    "agrees": words("yes", "no", "open"),
    "norm_from": words("study", "where"),
    "weights": words("study", "equal"),
    **dict.fromkeys(("title", "notes", "value", "network", "predicted", "flipped_to"), TEXT),
    **dict.fromkeys(("check", "says", "reason", "no_interval", "control", "corruption"), TEXT),
    **dict.fromkeys(("reads", "attacks", "norm_classes", "defence"), TEXT),
    # conclusions
    "conclusion": words(
        *("grows_with_epsilon", "histology_less_sensitive", "levels_off"),
        *("drops_above_confidence", "training_size"),
    ),
    **dict.fromkeys(("scope", "paper", "test", "statistic", "unit", "lacks", "unfit"), TEXT),
    **dict.fromkeys(("second", "second_says", "state"), TEXT),
    "estimate": _OF_STATISTIC,
    **dict.fromkeys(("second_estimate", "second_low", "second_high"), Values(NUMBER, "`second`'s")),
    "lacking": Values(NUMBER, "that of `unit`", 0),
    # others
    "mean_changed": Values(NUMBER, "labels", 0),
    "threshold": Values(NUMBER, "that of `score`"),
    "ratio": Values(NUMBER, "", 0),
    **dict.fromkeys(("undefended", "defended"), _OF_QUANTITY),
    "quantity": words(
        *("overall", "asr", "asr_common", "robust_accuracy", "mean_asr", "mean_asr_common"),
        *("mean_robust_accuracy", "accuracy", "ece", "auc", "training_passes"),
    ),
    "rate": _SIGNED_RATE,
}

EXCEPTIONS: dict[tuple[str, str], Values] = {
    ("rejects_by_class", "stage"): words("survey", "screen", "group", "render", "depth"),
    ("rejects_by_class", "n"): count("records"),
    ("rejects_by_class", "n_left_out"): count("records"),
    ("abstention", "error"): SHARE,
    ("harm", "error"): TEXT,
    ("harm", "verdict"): TEXT,
    ("acceptance", "verdict"): words("pass", "fail", "undecided"),
    ("conclusions", "verdict"): words("supported", "contradicted", "undecided"),
    ("conclusions", "n"): count("that of `unit`"),
    ("defence", "verdict"): words(
        *("helps", "does not help", "undecided", "not to be trusted", "kept", "lost")
    ),
    ("defence", "by"): words("class", "sex", "age"),
    ("defence", "difference"): _OF_QUANTITY,
    **{("defence", end): _OF_QUANTITY for end in ("ci_low", "ci_high")},
    **{("harm", end): _SIGNED_RATE for end in ("ci_low", "ci_high")},
    **{(table, "ci_low"): _OF_STATISTIC for table in ("conclusions", "trends")},
    **{(table, "ci_high"): _OF_STATISTIC for table in ("conclusions", "trends")},
    **{("confidence_ratio", end): Values(NUMBER, "", 0) for end in ("ci_low", "ci_high")},
}

_END = re.compile(r"(_wilson)?_(low|high)$|_sd$")


def column_of_end(name: str) -> str:
    """The column whose interval or spread the column `name` is part of; itself if it is none."""
    return _END.sub("", name)


def values_of(table: str, column: str) -> Values:
    """The values of a column of a result table; KeyError if nothing says them."""
    base = column_of_end(column)
    if (table, column) in EXCEPTIONS:
        return EXCEPTIONS[table, column]
    if column in VALUES:
        return VALUES[column]
    if base in VALUES:
        return VALUES[base]
    if column == "n_patients":
        return count("patients")
    if column.startswith("n_"):
        return count("images")
    raise KeyError(f"{table}.{column}: add its values to {__name__}")
