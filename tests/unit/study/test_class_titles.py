"""What a reader calls the classes of a group."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.study.class_titles import class_titles
from pgdose.study.classes import Class


def titles(**classes: dict[str, Any]) -> dict[str, str]:
    """The titles of classes; each argument is the `where` of one, and perhaps its `title`."""
    made = {}
    for name, where in classes.items():
        title = where.pop("title", None)
        made[name] = Class(source="s", count=2, where=where, title=title)  # type: ignore[arg-type]
    return class_titles(made)


def test_conditions_in_words() -> None:
    norm, sick = {"label": "norm"}, {"label": ["focal_shadows", "fibrosis"]}
    assert titles(C1=dict(sick), C2=dict(norm)) == {
        "C1": "Focal shadows or fibrosis",
        "C2": "Norm",
    }
    # What all classes share tells no class from another.
    ages = {f"G{i}": {**norm, "age": years} for i, years in enumerate([[20, 35], [50, 70.5]])}
    assert titles(**ages) == {"G0": "20–35 years", "G1": "50–70.5 years"}
    assert titles(
        a={"class": "ovary_tumour", "sex": "F", "view": "PA"},
        b={"class": "ovary_tumour", "sex": "M", "not": {"label": "other"}},
    ) == {"a": "Women, view PA", "b": "Men, not other"}


def test_a_title_of_the_study_goes_before() -> None:
    shown = titles(C1={"label": "aorta", "title": "Aorta with anterior rotation"}, C2={})
    assert shown == {"C1": "Aorta with anterior rotation", "C2": "C2"}


@pytest.mark.parametrize("where", [{}, {"label": "norm"}])
def test_classes_without_a_difference_keep_their_names(where: dict[str, Any]) -> None:
    shown = titles(C1=dict(where), C2=dict(where))
    assert all(name in title for name, title in shown.items())
    assert len(set(shown.values())) == 2


WHERES = st.fixed_dictionaries(
    {},
    optional={
        "label": st.sampled_from(["norm", "aorta", "c1"]),
        "sex": st.sampled_from(["F", "M"]),
        "title": st.sampled_from(["Norm", "norm (C1)", "C1", "Norm (C2)"]),
    },
)


@given(st.dictionaries(st.sampled_from(["C1", "C2", "C3"]), WHERES, min_size=2))
def test_no_two_classes_are_called_the_same(classes: dict[str, dict[str, Any]]) -> None:
    shown = titles(**{name: dict(where) for name, where in classes.items()})
    assert len({title.casefold() for title in shown.values()}) == len(classes)


def test_a_title_reruns_no_cohort() -> None:
    plain = Class(source="s", count=2)
    titled = Class(source="s", count=2, title="Norm")
    assert plain.settings() == titled.settings() and plain.to_dict() != titled.to_dict()
