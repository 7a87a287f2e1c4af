"""Classes without disease and weights of errors in a study file."""

from pathlib import Path
from typing import Any

import pytest
from helpers.workflow import PROJECT

from pgdose.errors import UserError
from pgdose.study.classes import Class
from pgdose.study.groups import Group
from pgdose.study.harm import harm_settings, is_norm, norm_of, with_arrow
from pgdose.study.parsing import parse
from pgdose.study.study_file import read_study_file

TEXT = (PROJECT / "tests/data/studies/pair.yaml").read_text()
TITLE = '    title: "Tuberculosis / norm"\n'
LABELS = {"C1": {"label": "tuberculosis"}, "C2": {"label": "norm"}}


def group_of(wheres: dict[str, Any], **keys: Any) -> Group:
    classes = {name: {"source": "s", "where": w, "count": "all"} for name, w in wheres.items()}
    return Group.model_validate({"title": "t", "classes": classes, **keys})


@pytest.mark.parametrize(
    ("wheres", "classes"),
    [
        (LABELS, ["C2"]),
        ({"C1": {"class": "ovary_tumour"}, "C2": {"class": "ovary_norm"}}, ["C2"]),
        ({"a": {"class": "PNEUMONIA"}, "b": {"class": "NORMAL"}}, ["b"]),
        (
            {
                "C1": {"class": "ovary_tumour"},
                "C2": {"class": "ovary_norm"},
                "C3": {"class": "thyroid_tumour"},
                "C4": {"class": "thyroid_norm"},
            },
            ["C2", "C4"],
        ),
        ({"norm": {"sex": "F"}, "ill": {"label": "tuberculosis"}}, ["norm"]),
        # Ages of norm, and organs: there is no disease, or nobody knows which class is without.
        ({"G1": {"label": "norm", "age": [20, 35]}, "G2": {"label": "norm"}}, []),
        ({"lung": {"class": "lung"}, "colon": {"class": "colon"}}, []),
        ({"C1": {"label": "tuberculosis"}, "C2": {"not": {"label": "tuberculosis"}}}, []),
        ({"C1": {"view": "PA"}, "C2": {"label": "norm"}}, []),
        ({"C1": {"label": ["norm", "aorta"]}, "C2": {"label": "norm"}}, []),
    ],
)
def test_conditions_tell_the_classes_without_disease(
    wheres: dict[str, Any], classes: list[str]
) -> None:
    norm = norm_of(group_of(wheres))
    assert list(norm.classes) == classes
    assert norm.told_by == ("where" if classes else "")


@pytest.mark.parametrize("word", ["norm", "NORMAL", "no finding", "No_Finding", "breast-healthy"])
def test_words_for_norm(word: str) -> None:
    assert is_norm(word)


@pytest.mark.parametrize("word", ["abnormal", "not_normal", "non-normal", "normal_pressure", "n"])
def test_other_words(word: str) -> None:
    assert not is_norm(word)


@pytest.mark.parametrize(
    ("norm", "classes", "told_by"),
    [("C1", ["C1"], "study"), (["C1"], ["C1"], "study"), ([], [], ""), (None, ["C2"], "where")],
)
def test_the_study_is_believed(norm: Any, classes: list[str], told_by: str) -> None:
    assert norm_of(group_of(LABELS, norm=norm)) == (tuple(classes), told_by)


def test_the_settings_of_the_job() -> None:
    group = group_of(LABELS, harm={"C1->C2": 5, " C2  -> C1 ": 0.5})
    assert harm_settings(group) == {
        "norm": ["C2"],
        "norm_from": "where",
        "weights": [["C1", "C2", 5.0], ["C2", "C1", 0.5]],
    }
    assert isinstance(group.classes["C1"], Class)


def group_in_yaml(folder: Path, lines: str) -> Group:
    path = folder / "study.yaml"
    path.write_text(TEXT.replace(TITLE, TITLE + lines))
    document = read_study_file(path)
    return parse(dict(document.content)).groups["X-TB"]


@pytest.mark.parametrize(
    "lines",
    [
        "    harm: {C1->C2: 5}\n",
        "    harm: {C1 -> C2: 5}\n",
        '    harm: {"C1->C2": 5}\n',
        "    harm:\n      C1->C2: 5\n",
        "    harm:\n      C1 -> C2: 5\n",
    ],
)
def test_the_arrow_needs_no_quotes_in_yaml(tmp_path: Path, lines: str) -> None:
    assert harm_settings(group_in_yaml(tmp_path, lines))["weights"] == [["C1", "C2", 5.0]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "    norm: C3\n",
            "groups.X-TB.norm: 'C3' is not a class of group X-TB; use one of: C1, C2",
        ),
        ("    norm: [C1, C2]\n", "groups.X-TB.norm: names every class, so no disease could be "),
        ("    harm: {TB->C2: 5}\n", "groups.X-TB.harm: 'TB' is not a class of group X-TB"),
        ("    harm: {C1->C1: 5}\n", "groups.X-TB.harm: 'C1->C1' is no error; give the weights of"),
        (
            "    harm: {C1 C2: 5}\n",
            "groups.X-TB.harm: 'C1 C2' must be TRUE->PREDICTED, such as 'C1->C2'",
        ),
        ("    harm: {C1->: 5}\n", "groups.X-TB.harm: 'C1->' must be TRUE->PREDICTED"),
        (
            "    harm: {C1→C2: 5}\n",
            "groups.X-TB.harm: write the arrow of 'C1→C2' as ->, 'C1->C2'",
        ),
        ("    harm: {C1=>C2: 5}\n", "groups.X-TB.harm: write the arrow of 'C1=>C2' as ->"),
        (
            "    harm: {C1->C2: 5, C1 -> C2: 4}\n",
            "groups.X-TB.harm: 'C1->C2' and 'C1 -> C2' are the same confusion; keep one of them",
        ),
        ("    harm: {C1->C2: -1}\n", "groups.X-TB.harm.C1->C2: -1 must be at least 0"),
        ("    harm: {C1->C2: .inf}\n", "groups.X-TB.harm.C1->C2: "),
        ("    harm: {C1->C2: much}\n", "groups.X-TB.harm.C1->C2: 'much' must be a number"),
    ],
)
def test_mistakes(tmp_path: Path, lines: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        group_in_yaml(tmp_path, lines)
    assert message in str(caught.value)


@pytest.mark.parametrize("arrow", ["→", "=>", "-->", "—>", "⟶"])
def test_other_arrows(arrow: str) -> None:
    assert with_arrow(f"C1 {arrow} C2") == "C1 -> C2"
