"""docs/reference/study-keys.md has every key of the study, with all that a reader asks of it."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from pgdose.reference import study_keys
from pgdose.reference.study_keys import SECTIONS, Section, keys, kind_of, models
from pgdose.study.descriptions import parse
from pgdose.study.study import Study

SCHEMAS = models()
# Each field of each model, as "Model.key": its JSON schema.
FIELDS: dict[str, dict[str, Any]] = {
    f"{name}.{key}": schema
    for name, model in SCHEMAS.items()
    for key, schema in model.get("properties", {}).items()
}


@cache
def page() -> str:
    return study_keys.pages()["docs/reference/study-keys.md"]


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema, and the schemas within it, but not those of other models."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from parts(value)
    if isinstance(schema, list):
        for value in schema:
            yield from parts(value)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_a_description(name: str) -> None:
    """If this fails: write one below the field, see `pgdose.study.descriptions`."""
    meaning = parse(FIELDS[name].get("description", ""))
    assert meaning.text and meaning.text.endswith((".", "*.")), name
    assert meaning.text[0].isupper() or meaning.text[0] == "`"
    for part in meaning[1:]:
        assert not part.endswith("."), part


@pytest.mark.parametrize("name", FIELDS)
def test_every_number_has_a_unit(name: str) -> None:
    is_number = any(part.get("type") in ("integer", "number") for part in parts(FIELDS[name]))
    is_of_words = name.rpartition(".")[2] in ("names", "classes", "F", "M", "view")  # of a table
    if is_number and not is_of_words:
        assert parse(FIELDS[name]["description"]).unit, name


def test_a_field_without_a_description_stops_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    schemas = models()
    del schemas["Split"]["properties"]["by"]["description"]
    monkeypatch.setattr(study_keys, "models", lambda: schemas)
    with pytest.raises(ValueError, match=r"Split\.by: write its description below the field"):
        study_keys.pages()


def test_every_model_has_a_section_and_every_key_an_entry() -> None:
    """If this fails: add the model to SECTIONS in src/pgdose/reference/study_keys.py."""
    shown = {section.model for section in SECTIONS}
    assert shown == {name for name, model in SCHEMAS.items() if "properties" in model}
    for section in SECTIONS:
        for key in keys(section, SCHEMAS):
            path = f"{section.path.split(', ')[0]}.{key}" if section.path else key
            assert f"\n- **`{path}`**: " in page(), path


def test_keys_that_a_section_leaves_out_stand_in_another() -> None:
    for section in SECTIONS:
        if section.of:
            left_out = set(SCHEMAS[section.model]["properties"]) - set(keys(section, SCHEMAS))
            whole = next(other for other in SECTIONS if other.model == section.of)
            assert left_out <= set(keys(whole, SCHEMAS))


def test_paths_of_sections_are_those_of_the_study() -> None:
    """Each place of each section holds the section's model."""
    for section in SECTIONS:
        for path in section.path.split(", ") if section.path else ():
            assert section.model in models_at(path), (path, section.model)


def models_at(path: str) -> set[str]:
    """The models that may stand at a path such as groups.<group>.image."""
    names = {"Study"}
    for key in path.split("."):
        if key.startswith("<"):
            continue  # a name of the person's choice, below a mapping
        schemas = [SCHEMAS[name]["properties"].get(key, {}) for name in names]
        refs = [part["$ref"] for part in parts(schemas) if isinstance(part.get("$ref"), str)]
        names = {ref.rpartition("/")[2] for ref in refs}
    return names


def test_headings_differ_so_that_each_has_a_link_of_its_own() -> None:
    titles = [section.title for section in SECTIONS]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Group.balance", "a list, each entry `sex` or `class`"),
        ("Split.training", "a number over 0 and under 1"),
        ("Image.size", "a whole number from 16 to 2,048 or a list, each entry a whole number"),
        ("GradientAttack.epsilon", "a number over 0 or a division such as `8/255`, 1 to 100 of"),
        ("Find.dates", "a list of two, each a date or `null`"),
        ("Study.attacks", "names, each with the keys of [Gradient attacks](#gradient-attacks), "),
        ("Group.classes", "names, 2 or more, each with the keys of [Classes](#classes)"),
        ("InputDefence.jpeg", "the keys of [JPEG](#jpeg)"),
        ("Corruption.severities", "each entry a whole number from 1 to 5, 1 to 5 of them"),
    ],
)
def test_types_and_bounds_are_in_words(name: str, text: str) -> None:
    assert text in kind_of(FIELDS[name])


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("equal", ["groups.<group>.balance"]),
        ("full intensity range", ["attacks.<attack>.epsilon", "operating_points.epsilon"]),
        ("secret key", ["privacy.key"]),
        ("bootstrap", ["measures.draws"]),
        ("mirrored", ["sources.<source>.orientation"]),
        ("memory", ["training.mem_mb", "attacks.<attack>.mem_mb"]),
    ],
)
def test_a_word_of_a_question_leads_to_the_key(question: str, answers: list[str]) -> None:
    entries = page().split("\n- ")
    found = [
        entry.split("`")[1] for entry in entries if question in " ".join(entry.lower().split())
    ]
    assert set(answers) <= set(found)


def test_descriptions_enter_no_settings() -> None:
    """What a rule's params hold are values; a description in them would rerun its jobs."""
    study = Study.model_validate(
        {
            "study": "s",
            "sources": {"a": {"kind": "table", "root": "r", "table": "t.csv", "modality": "xray"}},
            "groups": {
                "G": {
                    "title": "t",
                    "classes": {name: {"source": "a", "count": "all"} for name in ("C1", "C2")},
                }
            },
            "attacks": {"p": {"form": "fgsm", "epsilon": [0.1]}},
        }
    )
    held = repr(study.to_dict()) + repr(study.training.settings())
    for name, schema in FIELDS.items():
        assert parse(schema["description"]).text not in held, name


def test_a_section_names_what_its_changes_rerun() -> None:
    assert all(isinstance(section, Section) and section.reruns for section in SECTIONS)
