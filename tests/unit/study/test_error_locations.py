"""The path and line of a message are the true ones, at each field of each member of each union."""

import copy
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from pgdose.errors import UserError
from pgdose.study.attacks import ExternalAttack, GradientAttack, NoiseAttack
from pgdose.study.content_limits import load_document
from pgdose.study.networks import ExistingNetwork
from pgdose.study.parsing import parse
from pgdose.study.sources import DicomArchive, ImageTable, MicroscopeFields, Slides
from pgdose.study.study import Study
from pgdose.study.training import Training

Case = tuple[list[str], Any]  # the keys that lead to a mistake, and a value that holds it
WRONG = {"wrong": 3}  # fits no field but mappings


def cases(kind: Any) -> Iterator[Case]:
    """A wrong value at each place below a type, and an unknown key in each section."""
    if get_origin(kind) is Annotated:
        yield from cases(get_args(kind)[0])
    elif get_origin(kind) in (Union, types.UnionType):
        choices = [choice for choice in get_args(kind) if choice is not types.NoneType]
        found = [case for choice in choices for case in cases(choice)]
        yield from (case for case in found if case[0])
        takes_mappings = any(case[0] and not case[0][0].isdecimal() for case in found)
        yield [], [] if takes_mappings else WRONG
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield [], 3
        yield from cases_of_a_section(kind)
    elif get_origin(kind) is dict:
        yield [], 3
        for keys, value in cases(get_args(kind)[1]):
            yield ["a", *keys], {"a": value}
    elif get_origin(kind) in (list, tuple):
        entry = get_args(kind)[0]
        holds_sections = isinstance(entry, type) and issubclass(entry, BaseModel)
        yield [], 3 if holds_sections else WRONG  # one section may stand for a list of it
        for keys, value in cases(entry):
            yield ["0", *keys], [value, copy.deepcopy(value)]
    else:
        yield [], WRONG


def cases_of_a_section(model: type[BaseModel]) -> Iterator[Case]:
    needed: dict[str, Any] = {}  # for it to be taken for this member of a union
    if "kind" in model.model_fields:
        annotation = model.model_fields["kind"].annotation
        needed = {"kind": get_args(annotation)[0]} if get_origin(annotation) is Literal else {}
    if model is ExistingNetwork:
        needed = {"file": "a.pt2"}
    yield ["unknown_"], {**needed, "unknown_": 1}
    for name, field in model.model_fields.items():
        key = field.alias or name
        for keys, value in cases(field.annotation):
            yield [key, *keys], {**needed, key: value}


CASES = [case for case in cases(Study) if case[0]]


def lines(content: Any, **documents: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        parse(content, documents=documents)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def has_parent(content: Any, path: str) -> bool:
    """Whether the section of a path stands in the study, so that the path can be true."""
    for key in path.split(".")[:-1]:
        if isinstance(content, dict) and key in content:
            content = content[key]
        elif isinstance(content, list) and key.isdecimal():
            content = content[int(key)]
        else:
            return False
    return isinstance(content, dict | list)


def test_the_cases_go_through_each_member_of_each_union() -> None:
    paths = {(*keys,) for keys, _ in CASES}
    for path in (
        "sources.a.labels.names.a",
        "sources.a.table",
        "sources.a.screen.unknown_",
        "sources.a.reports.hand_labels.id",
        "sources.a.columns.image.0",
        "sources.a.tissue.between.0",
        "attacks.a.epsilon.0",
        "attacks.a.arguments.a",
        "attacks.a.momentum",
        "groups.a.network.input.mean",
        "groups.a.networks.a.file",
        "groups.a.networks.a.augment.shift",
        "groups.a.classes.a.where.age.0",
        "groups.a.classes.a.where.not.label.0",
        "groups.a.classes.a.count",
        "training_size.0.sizes.0",
        "phantom.xray.norm",
        "unknown_",
    ):
        assert (*path.split("."),) in paths, path
    assert len(CASES) > 350


def test_a_mistake_is_reported_at_its_own_path() -> None:
    failed = []
    for keys, content in CASES:
        path = ".".join(keys)
        found = lines(content)
        if not any(line.startswith(f"{path}: ") for line in found):
            failed.append((path, found))
        if wrong := [line for line in found if not has_parent(content, line.split(": ")[0])]:
            failed.append((path, wrong))
    assert failed == []


def test_a_mistake_is_reported_at_its_own_line() -> None:
    failed = []
    for keys, content in CASES:
        path = ".".join(keys)
        text = yaml.safe_dump(content, sort_keys=False)
        document = load_document(text)
        (line, *_) = [
            line for line in lines(document.content, file=document) if f" {path}: " in line
        ]
        number = int(line.removeprefix("line ").split(":")[0])
        written = text.splitlines()[number - 1].strip().removeprefix("- ")
        expected = ("wrong: 3", "3") if keys[-1].isdecimal() else f"{keys[-1]}:"
        if not written.startswith(expected):
            failed.append((path, line, written))
    assert failed == []


@pytest.mark.parametrize("entry", [3, "text", [], None, True])
@pytest.mark.parametrize("section", ["sources", "groups", "attacks"])
def test_an_entry_that_is_no_section_is_named(section: str, entry: Any) -> None:
    found = lines({section: {"a": entry}})
    assert any(line.startswith(f"{section}.a: ") for line in found), found
    assert any("must be a mapping" in line for line in found), found


@pytest.mark.parametrize("kind", [None, 3, False, "tabel", [], {}])
@pytest.mark.parametrize("section", ["sources", "attacks"])
def test_a_wrong_kind_is_named(section: str, kind: Any) -> None:
    found = lines({section: {"a": {"kind": kind, "table": "x"}}})
    assert any(line.startswith(f"{section}.a.kind: ") for line in found), found


def test_a_source_without_a_kind_is_asked_for_it() -> None:
    (line,) = [line for line in lines({"sources": {"a": {"root": "x"}}}) if "sources.a" in line]
    assert line == (
        "sources.a.kind: missing; add it, use one of: dicom_archive, pacs, microscope_fields, "
        "slides, table"
    )


def test_a_wrong_list_is_reported_once() -> None:
    classes = {"C1": {"source": "x", "where": {"label": ["tb", "TB"], "sex": ["X"]}}}
    found = lines({"groups": {"g": {"classes": classes}}})
    assert [line for line in found if "where" in line] == [
        "groups.g.classes.C1.where.label.1: 'TB' is not a valid name; use a small letter, then at "
        "most 39 small letters, digits or '_'",
        "groups.g.classes.C1.where.sex.0: 'X' must be 'F' or 'M'",
    ]


def test_the_line_is_that_of_the_file_that_counts() -> None:
    one = load_document("study: s\nseed: -1\ngroups: {G: {}}\n")
    other = load_document("# other\n\nseed: -2\n")
    content = {"study": "s", "seed": -2, "groups": {"G": {}}}
    found = lines(content, **{"one.yaml": one, "other.yaml": other})
    assert "other.yaml, line 3: seed: -2 must be at least 0" in found
    assert "one.yaml, line 3: groups.G.title: missing; add it" in found
    # The command line has replaced it.
    found = lines({**content, "seed": -3}, **{"one.yaml": one, "other.yaml": other})
    assert "seed: -3 must be at least 0" in found


def test_a_merged_field_has_its_own_line_where_it_is_replaced() -> None:
    text = "usual: &u\n  title: 1\ngroups:\n  G:\n    <<: *u\n    title: 2\n  H:\n    <<: *u\n"
    document = load_document(text)
    found = lines(document.content, file=document)
    assert any(line.startswith("line 6: groups.G.title: 2 must be a text") for line in found)
    assert any(line.startswith("line 2: groups.H.title: 1 must be a text") for line in found)


@pytest.mark.parametrize(
    ("keys", "entry", "model"),
    [
        ("sources.a", {"kind": "dicom_archive"}, DicomArchive),
        ("sources.a", {"kind": "microscope_fields"}, MicroscopeFields),
        ("sources.a", {"kind": "slides"}, Slides),
        ("sources.a", {"kind": "table"}, ImageTable),
        ("attacks.a", {}, GradientAttack),
        ("attacks.a", {"kind": "noise"}, NoiseAttack),
        ("attacks.a", {"kind": "external"}, ExternalAttack),
        ("groups.a.networks.a", {}, Training),
        ("groups.a.networks.a", {"file": "a.pt2"}, ExistingNetwork),
    ],
    ids=str,
)
def test_an_unknown_key_is_answered_with_those_of_its_section(
    keys: str, entry: dict[str, Any], model: type[BaseModel]
) -> None:
    content: Any = entry | {"unknown_": 1}
    for key in reversed(keys.split(".")):
        content = {key: content}
    allowed = [field.alias or name for name, field in model.model_fields.items()]
    if model is Training:  # the keys of the other entries of `networks` may be meant, too
        allowed = ["file", "defence", "ensemble", *allowed]
    assert f"{keys}.unknown_: unknown key; use one of: {', '.join(allowed)}" in lines(content)


@pytest.mark.parametrize("key", ["SEED", "Seed", " seed", "seed ", "SE-ED"])
def test_a_key_in_other_letters_is_recognised(key: str) -> None:
    shown = ascii(key) if key != key.strip() else key
    line = f"{shown}: unknown key, did you mean 'seed'?"
    assert any(entry.startswith(line) for entry in lines({key: 1}))


@pytest.mark.parametrize(
    "path", ["results", "privacy", "privacy.folder", "privacy.key", "attacks.a.step"]
)
@pytest.mark.parametrize("value", [False, 0, []])
def test_an_empty_value_is_not_taken_for_none(path: str, value: Any) -> None:
    """YAML reads `no` and `off` as false."""
    content = value
    for key in reversed(path.split(".")):
        content = {key: content}
    assert any(line.startswith(f"{path}: ") for line in lines(content))
