"""Which columns of the result tables hold text, and whose words these are."""

import pandas as pd

#: Columns with words of pgdose; text in any other column is a name that a person chose.
WORDS = {
    *("role", "network", "check", "verdict", "says", "by", "value", "part"),
    *("score", "choice", "knows_detector"),
    *("conclusion", "paper", "test", "stage", "reason", "statistic", "state"),
    *(
        "agrees",
        "norm_from",
        "weights",
        "lacks",
        "median_bound",
        "no_interval",
        "scope",
        "second",
    ),
    *(
        "second_says",
        "unfit",
        "unit",
        "quantity",
        "error",  # of harm: one of pgdose's words, or two classes with an arrow between them
    ),
}


def text_columns(table: pd.DataFrame) -> set[str]:
    """The columns with some text in them."""
    return {str(name) for name in table if any(isinstance(cell, str) for cell in table[name])}
