"""`where` of a class: lists, `not`, and classes that can have no record."""

import json
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT, SMALL

from pgdose.errors import UserError
from pgdose.preflight import check_inputs
from pgdose.study.classes import Where
from pgdose.study.parsing import parse


@pytest.fixture
def study() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / SMALL).read_text())


def mistakes(study: dict[str, Any], **wheres: dict[str, Any]) -> list[str]:
    """Those of a study whose group X-TB has classes with these `where`."""
    classes = {name: {"source": "xray", "where": w, "count": "all"} for name, w in wheres.items()}
    study["groups"]["X-TB"]["classes"] = classes
    try:
        parse(study)
    except UserError as error:
        return [line.strip() for line in str(error).splitlines()[1:]]
    return []


@pytest.mark.parametrize(
    ("where", "settings"),
    [
        ({}, {}),
        ({"label": "tb", "age": [20, 35]}, {"label": "tb", "age": [20.0, 35.0]}),
        ({"class": "a", "sex": "F", "view": ["PA"]}, {"class": "a", "sex": "F", "view": ["PA"]}),
    ],
    ids=str,
)
def test_the_settings_of_earlier_studies_stay(where: dict, settings: dict) -> None:
    """Byte for byte, so that no rule runs again."""
    empty = {"label": None, "class": None, "age": None, "sex": None, "view": None}
    written = Where.model_validate(where)
    for found in (written.to_dict(), written.settings()):
        assert json.dumps(found) == json.dumps({**empty, **settings})


def test_lists_and_not_are_read_back_from_the_settings() -> None:
    where = Where.model_validate(
        {"label": ["a", "b"], "sex": ["F", "M"], "view": "PA", "not": {"class": "x", "age": [0, 9]}}
    )
    settings = where.to_dict()
    assert settings["not"]["class"] == "x" and settings["not"]["age"] == [0, 9]
    assert Where.model_validate(json.loads(json.dumps(settings))) == where


@pytest.mark.parametrize(
    ("where", "field", "words"),
    [
        ({"label": []}, "label", "has too few entries; give at least 1"),
        ({"view": []}, "view", "has too few entries"),
        ({"label": "Tb"}, "label", "'Tb' is not a valid name; use a small letter"),
        ({"label": 3}, "label", "3 must be a text or a list"),
        ({"sex": "W"}, "sex", "'W' must be 'F' or 'M'"),
        ({"sex": ["F", "W"]}, "sex.1", "'W' must be 'F' or 'M'"),
        ({"view": True}, "view", "true must be a text or a list; put it in quotes"),
        ({"not": {}}, "not", "must name what to leave out"),
        ({"not": {"labels": "a"}}, "not.labels", "unknown key, did you mean 'label'?"),
        ({"not": {"age": [9, 3]}}, "not.age", "[9, 3] must be a range of full years"),
        ({"not": {"not": {"label": "a"}}}, "not.not", "unknown key"),
    ],
    ids=str,
)
def test_what_where_may_not_say(study: dict, where: dict, field: str, words: str) -> None:
    found = mistakes(study, C1=where, C2={"label": "norm"})
    line = f"groups.X-TB.classes.C1.where.{field}: {words}"
    assert any(entry.startswith(line) for entry in found), found


@pytest.mark.parametrize(
    ("where", "key"),
    [
        ({"label": "a", "not": {"label": "a"}}, "label"),
        ({"label": ["a", "b"], "not": {"label": ["b", "a", "c"]}}, "label"),
        ({"class": "x", "not": {"class": ["x", "y"]}}, "class"),
        ({"view": ["PA"], "not": {"view": "PA"}}, "view"),
        ({"sex": "F", "not": {"sex": "F"}}, "sex"),
        ({"not": {"sex": ["F", "M"]}}, "sex"),
        ({"age": [20, 35], "not": {"age": [20, 40]}}, "age"),
        ({"age": [20.5, 35.5], "not": {"age": [21, 35]}}, "age"),
        ({"not": {"age": [0, 130]}}, "age"),
    ],
    ids=str,
)
def test_a_class_that_its_not_empties_is_refused(study: dict, where: dict, key: str) -> None:
    found = mistakes(study, C1=where, C2={"label": "norm"})
    assert (
        f"groups.X-TB.classes.C1.where.not.{key}: leaves out every record that the class could "
        f"take; change it, or '{key}' of 'where'"
    ) in found


@pytest.mark.parametrize(
    "where",
    [
        {"label": ["aorta", "fibrosis"], "not": {"label": "aorta"}},
        {"label": "aorta", "not": {"label": "norm"}},
        {"age": [20, 35], "not": {"age": [21, 40]}},
        {"sex": "F", "not": {"sex": "M"}},
        {"view": "PA", "not": {"view": ["AP"]}},
        {"not": {"sex": "M"}},
        {"not": {"age": [1, 130]}},
    ],
    ids=str,
)
def test_a_class_that_its_not_narrows_is_fine(study: dict, where: dict) -> None:
    study["sources"]["xray"]["lexicon"] = str(PROJECT / "resources/lexicons/ru.yaml")
    assert mistakes(study, C1=where, C2={"label": "norm"}) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {}),
        ({"label": "norm"}, {"label": ["norm"]}),
        ({"label": ["a", "b"]}, {"label": ["b", "a"]}),
        ({"view": ["PA", "AP"], "sex": "F"}, {"sex": ["F"], "view": ["AP", "PA", "AP"]}),
        ({"age": [20, 35]}, {"age": [19.5, 35.5]}),
        ({"not": {"label": ["a", "b"]}}, {"not": {"label": ["b", "a"]}}),
    ],
    ids=str,
)
def test_two_classes_of_the_same_records_are_refused(study: dict, one: dict, other: dict) -> None:
    found = mistakes(study, C1=one, C2={"label": "tuberculosis"}, C3=other)
    assert (
        "groups.X-TB.classes.C3.where: takes the same records as class C1, and a record that fits "
        "two classes is left out; change one of them"
    ) in found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"age": [0, 130]}),  # an unknown age
        ({"label": "norm"}, {"label": "norm", "not": {"sex": "F"}}),
        ({"not": {"label": "norm"}}, {"not": {"class": "norm"}}),
        ({"sex": "F"}, {"sex": ["F", "M"]}),
    ],
    ids=str,
)
def test_two_classes_of_other_records_are_fine(study: dict, one: dict, other: dict) -> None:
    assert mistakes(study, C1=one, C2=other) == []


def test_the_same_where_in_another_source_is_another_class(study: dict[str, Any]) -> None:
    study["sources"]["other"] = {**study["sources"]["xray"], "root": "elsewhere"}
    study["groups"]["X-TB"]["classes"]["C1"] |= {"source": "other", "where": {"label": "norm"}}
    parse(study)


def test_each_word_of_a_list_and_of_not_is_one_of_the_source(study: dict[str, Any]) -> None:
    place = study["groups"]["H-BR"]["classes"]["C1"]
    place["where"] = {"class": ["tumour", "tumor"], "not": {"class": ["norm", "nrom"]}}
    with pytest.raises(UserError) as caught:
        parse(study)
    text, field = str(caught.value), "groups.H-BR.classes.C1.where"
    assert f"{field}.class: 'tumor' is not a class of its source, did you mean 'tumour'?" in text
    assert f"{field}.not.class: 'nrom' is not a class of its source, did you mean 'norm'?" in text


def test_all_views_that_classes_name_are_kept_in_the_records(study: dict[str, Any]) -> None:
    """A view that no class names is OTHER there, so `not` could not tell it apart."""
    classes = study["groups"]["X-TB"]["classes"]
    classes["C1"]["where"] = {"view": ["PA", "AP"], "not": {"view": "XA"}}
    classes["C2"]["where"] = {"label": "norm", "view": "LL"}
    study["groups"]["X-TB"]["balance"] = []
    assert parse(study).words("xray", "view") == ["AP", "LL", "PA"]
    assert parse(study).words("xray", "not.view") == ["XA"]
    assert parse(study).words("fields", "view") == []


def test_each_label_of_an_archive_is_one_of_its_lexicon(
    study: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    place = study["groups"]["X-TB"]["classes"]["C1"]
    place["where"] = {"label": ["tuberculosis", "flu"], "not": {"label": "colds"}}
    with pytest.raises(UserError) as caught:
        check_inputs(parse(study))
    text, field = str(caught.value), "groups.X-TB.classes.C1.where"
    assert f"{field}.label: 'flu' is not a label of the lexicon ru.yaml; use one of: norm" in text
    assert f"{field}.not.label: 'colds' is not a label of the lexicon ru.yaml" in text
    assert "'tuberculosis' is not" not in text
