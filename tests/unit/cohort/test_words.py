"""A word of a class that stands in no record is a slip of the pen."""

from typing import Any

import pandas as pd
import pytest

from pgdose.cohort.words import check_words
from pgdose.errors import UserError
from pgdose.study.classes import Class

RECORDS = pd.DataFrame(
    {
        "source": ["s", "s", "other"],
        "class": ["norm", "tumour", "cyst"],
        "sex": ["F", None, "M"],
        "view": ["PA", "AP", "LL"],
        "label_tb": pd.array([1, None, 0], "Int8"),
        "label_mass": pd.array([0, None, 1], "Int8"),
    }
)


def check(**where: Any) -> None:
    classes = {"A": Class.model_validate({"source": "s", "where": where, "count": "all"})}
    check_words(RECORDS, classes, "G")


def test_words_that_stand_somewhere_pass() -> None:
    check(label="tb", view=["PA", "LL"], sex="F")
    check(**{"class": ["norm", "tumour"]})


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"class": "tumor"}, "where.class: no record of s has 'tumor'; there are 'norm'"),
        ({"class": ["norm", "cyst"]}, "has 'cyst'"),
        ({"label": "mass"}, "where.label: no record of s has 'mass'; there are 'tb' (1)"),
        ({"sex": "M"}, "where.sex: no record of s has 'M'; there are 'F' (1)"),
        ({"view": ["LL", "RL"]}, "where.view: no record of s has 'LL'"),
    ],
)
def test_others_are_refused_with_what_is_there(where: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        check(**where)
    text = str(caught.value)
    assert text.startswith("groups.G.classes.A.where.") and message in text
