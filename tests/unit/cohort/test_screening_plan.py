"""Which records are screened, and which need an aorta window."""

from typing import Any

import pandas as pd
import pytest

from pgdose.cohort import screening_plan
from pgdose.cohort.screening_plan import ScreenedClass
from pgdose.study.classes import Where

RECORDS = pd.DataFrame(
    {
        "record_id": ["d", "c", "b", "a"],
        "class": None,
        "age": [30.0, 50.0, 70.0, 90.0],
        "sex": ["F", "M", "F", "M"],
        "view": "PA",
        "body_part": "CHEST",
        "mm_per_px": 0.2,
        "label_norm": [1, 1, 0, None],
        "label_aorta": [0, 0, 1, None],
    }
)


def where(crop: str = "none", **conditions: Any) -> ScreenedClass:
    return ScreenedClass.parse({**Where(**conditions).settings(), "crop": crop})


def planned(*classes: ScreenedClass) -> dict[str, bool]:
    table = screening_plan.plan(RECORDS, classes)
    assert list(table) == screening_plan.PLANNED
    return dict(zip(table["record_id"], table["aorta"].tolist(), strict=True))


def test_what_no_class_could_take_is_not_screened() -> None:
    assert planned(where(label="norm")) == {"c": False, "d": False}
    assert planned(where(label="norm", sex="F"), where(label="aorta")) == {"b": False, "d": False}
    assert planned() == {}


def test_the_aorta_is_needed_where_one_class_crops_to_it() -> None:
    assert planned(where("aorta", age=[40, 80]), where(label="norm")) == {
        "b": True,
        "c": True,
        "d": False,
    }


def test_what_not_leaves_out_is_not_screened() -> None:
    not_norm = where(**{"not": {"label": "norm"}})  # of "a" it is not known
    assert planned(not_norm) == {"b": False}
    assert planned(not_norm, where(label=["norm", "aorta"], sex="M")) == {"b": False, "c": False}


def test_the_order_of_classes_does_not_matter() -> None:
    classes = [where("aorta", label="aorta"), where(age=[20, 80])]
    assert planned(*classes) == planned(*classes[::-1])


def test_the_columns_hold_the_labels_that_classes_ask_for() -> None:
    asked = where(label=["aorta"]), where(**{"not": {"label": "norm"}})
    classes = [*asked, where(label="aorta"), where()]
    assert screening_plan.columns(classes) == [
        *screening_plan.COLUMNS,
        "label_aorta",
        "label_norm",
    ]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_source_of_few_records_is_legal(rows: int) -> None:
    table = screening_plan.plan(RECORDS.iloc[:rows], [where()])
    assert len(table) == rows and table["aorta"].dtype == bool
