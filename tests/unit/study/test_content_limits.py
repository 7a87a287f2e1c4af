"""Studies of absurd size or with numbers that are none: refused at once, with the field."""

import copy
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
import yaml
from helpers.workflow import PROJECT, checkout, snakemake
from pydantic import BaseModel

from pgdose.errors import UserError
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.study import content_limits
from pgdose.study.content_limits import find_excess, load_yaml
from pgdose.study.migration import migrate
from pgdose.study.parsing import parse
from pgdose.study.study import Study

LISTS = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MAPPINGS = "a: &a {x: 1, y: 2}\n" + "".join(
    f"b{n}: &b{n} {{x: *{'a' if n == 0 else f'b{n - 1}'}, y: *{'a' if n == 0 else f'b{n - 1}'}}}\n"
    for n in range(30)
)
CIRCLE = "a: &a [*a]\n"
BOMBS = {"lists": LISTS, "mappings": MAPPINGS, "a circle": CIRCLE}


@pytest.fixture
def study() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())


def refusal(study: Any) -> str:
    """The message of a study that is refused, which takes under a second."""
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        parse(study)
    assert time.process_time() - start < 1
    return str(caught.value)


def changed(study: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    study = copy.deepcopy(study)
    *parents, last = path.split(".")
    place = study
    for part in parents:
        place = place.setdefault(part, {})
    place[last] = value
    return study


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_alias_counts_as_often_as_it_stands_for_something(
    bomb: str, study: dict[str, Any]
) -> None:
    # Each place of a study can hold one.
    for key in ("title", "groups", "attacks", "bomb"):
        message = refusal(study | {key: yaml.safe_load(BOMBS[bomb])})
        assert f"  {key}." in message and "no aliases (*name) of aliases" in message
        assert len(message) < 500


@pytest.mark.parametrize("bomb", BOMBS)
def test_every_yaml_file_has_the_same_guard(bomb: str, tmp_path: Path) -> None:
    lexicon = tmp_path / "lexicon.yaml"
    lexicon.write_text(BOMBS[bomb])
    for read in (load_yaml, migrate, lambda text: load_lexicon(lexicon)):
        with pytest.raises(UserError, match="no aliases"):
            read(BOMBS[bomb])


def test_nothing_reads_yaml_beside_the_guard() -> None:
    """Of the texts of people; `study.migration` looks at the nodes of what was checked."""
    for path in (*PROJECT.glob("src/**/*.py"), *PROJECT.glob("scripts/*.py")):
        if path.name != "content_limits.py":
            text = path.read_text()
            assert "yaml.safe_load" not in text and "yaml.load" not in text, path.name


# Each took from ten seconds to years, or Python's own error, when it was only looked at afterwards.
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 30)
)
WIDE = f"b: &b {{{', '.join(f'k{n}: 1' for n in range(9000))}}}\n"
TEXTS = {
    "merges of merges": (MERGES, "line 16: '<<' merges too many keys"),
    "many merges": (WIDE + "".join(f"m{n}: {{<<: *b}}\n" for n in range(5000)), "too many keys"),
    "a list of merges": (WIDE + f"m: {{<<: [{'*b, ' * 5000}]}}", "merges more than 10 mappings"),
    "a chain": (
        "z:\n a0: &a0 {x: 1}\n"
        + "".join(f" a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 3000))
        + "<<: *a2999\n",
        "cannot be read",
    ),
    "a flat list": (f"[{'a,' * 240_000}]", "line 1: more than 10000 entries"),
    "keys": ("".join(f"a{n}: 1\n" for n in range(40_000)), "more than 50000 values"),
    "lists of lists": (f"- [{'a,' * 5000}]\n" * 40, "line 10: the file holds more than 50000"),
    "base 60": ("a: 1" + ":1" * 200_000, "a text of 400001 characters"),
    "a time": ("a: 1:30", "a number to the base 60; put it in quotes"),
    "a time with seconds": ("a: 1:30:00.5", "a number to the base 60"),
    "brackets": ("[" * 400_000, "more than 30 deep"),
    "a timestamp": ("a:\n  b: !!timestamp abc", "line 2: not a value of the type 'timestamp'"),
    "a truth": ("a: !!bool abc", "not a value of the type 'bool'"),
    "a number": ("a: !!int ''", "not a value of the type 'int'"),
    "a float": ("a: !!float ''", "not a value of the type 'float'"),
    "a date": ("a: 2020-13-45", "not a value of the type 'timestamp'"),
    "a key twice": ("a: 1\nb: {c: 1,\n c: 2}", "line 3: the key 'c' stands twice"),
    "a number as a key": ("1: 1\n0x1: 2", "line 1: the key '1' is a number to YAML"),
    "merged twice": ("a: &a {x: 1}\nb: {<<: *a, <<: *a}", "line 2: the key '<<' stands twice"),
    "half a character": (r'a: "x\ud800b"', "half a character"),
    "half a key": (r'"x\ud800b": 1', "half a character"),
    "too many bytes": ("#\n" * 250_001, "more than 500 kB"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_refused_while_it_is_read(name: str) -> None:
    text, words = TEXTS[name]
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        load_yaml(text)
    assert time.process_time() - start < 20  # 1.5 on a slow machine, 5 beside other work
    assert words in str(caught.value) and len(str(caught.value)) < 200


def test_usual_yaml_is_read_as_it_always_was() -> None:
    merging = "a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: {<<: [*a, {z: 1}]}\nd: '1:30'\ne: 12:99\n"
    for text in (merging, *(path.read_text() for path in PROJECT.glob("resources/*/*.yaml"))):
        assert load_yaml(text) == yaml.safe_load(text)


def test_useful_aliases_are_left_alone(study: dict[str, Any]) -> None:
    study["groups"] = {f"G{n}": study["groups"]["X-TB"] for n in range(50)}
    parse(study | {"training_size": None})


@pytest.mark.parametrize(
    "text", ["[" * 5000 + "]" * 5000, "a: " + "9" * 5000, "a: 0x" + "f" * 5000], ids=len
)
def test_what_python_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        load_yaml(text)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (10**18, "more than 18 digits"),
        (-(10**30), "more than 18 digits"),
        (16**6000, "more than 18 digits"),
        ("x" * 5000, "a text of 5000 characters; use at most 4096"),
        (["x"] * 10_001, "has 10001 entries; use at most 10000"),
        ({str(n): n for n in range(10_001)}, "has 10001 entries"),
        ({"x" * 5000: 1}, "a text of 5000 characters"),
        ({16**6000: 1}, "more than 18 digits"),
        ({16**6000: 10**18}, "more than 18 digits"),
    ],
    ids=range(9),
)
def test_no_value_is_absurd(value: Any, words: str, study: dict[str, Any]) -> None:
    message = refusal(study | {"training": {"architecture": value}})
    assert "  training.architecture" in message and words in message


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("seed", True, "true must be a number (YAML reads yes"),
        ("training.lr", True, "true must be a number"),
        ("training_size.sizes", [True], "true must be a number"),
        ("attacks.paper.images", True, "true must be a number"),
        ("attacks.paper.max_iter", 10**12, "1000000000000 must be at most 10000"),
        ("attacks.paper.max_iter", 1e12, "1000000000000.0 must be at most 10000"),
        ("attacks.paper.max_iter", "1e12", "'1e12' must be a whole number"),
        ("attacks.paper.max_iter", float("inf"), "inf must be a finite number"),
        ("attacks.paper.lr", float("inf"), "inf must be a finite number"),
        ("attacks.paper.lr", float("nan"), "nan must be a finite number"),
        ("attacks.paper.epsilon", [0.1, float("inf")], "inf must be a finite number"),
        ("attacks.paper.shards", 10**8, "100000000 must be at most 10000"),
        ("sources.xray.shards", 10**8, "100000000 must be at most 10000"),
        ("groups.X-TB.shards", 10**8, "100000000 must be at most 10000"),
        ("training_size.repeats", 10**8, "100000000 must be at most 1000"),
        ("training_size.sizes", list(range(8, 1000, 2)), "has too many entries; give at most 100"),
        ("attacks.paper.epsilon", [n / 1000 for n in range(1, 900)], "has too many entries"),
        ("groups.X-TB.paper_accuracy", float("nan"), "nan must be a finite number"),
        ("sources.breast.tissue.between", [0.1, float("inf")], "inf must be a finite number"),
    ],
)
def test_a_wrong_number_is_named_with_its_field(
    path: str, value: Any, words: str, study: dict[str, Any]
) -> None:
    message = refusal(changed(study, path, value))
    assert f"  {path}" in message and words in message


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"attacks.paper.shards": 10_000}, "attacks.paper.shards"),
        ({"training_size.repeats": 1000, "training_size.sizes": list(range(8, 200, 2))}, "trai"),
        (
            {
                "training_size": [
                    {"group": group, "sizes": sizes, "repeats": 1000, "attacks": ["paper"]}
                    for group, sizes in (("H-BR", [8]), ("H-OV", list(range(8, 200, 2))))
                ]
            },
            "training_size.1.repeats",
        ),
    ],
)
def test_shards_and_runs_are_counted_together(
    changes: dict[str, Any], field: str, study: dict[str, Any]
) -> None:
    study["groups"] |= {f"G{n}": study["groups"]["X-TB"] for n in range(30)}
    for path, value in changes.items():
        study = changed(study, path, value)
    message = refusal(study)
    assert f"  {field}" in message and "for at most 200000 jobs" in message


def test_transfers_between_networks_are_counted(study: dict[str, Any]) -> None:
    """All networks of a group judge the images of each: 1500 hung Snakemake's planning."""
    study = {key: study[key] for key in study if key != "training_size"}
    networks = {f"n{n}": {"lr": 0.001} for n in range(1500)}
    message = refusal(changed(study, "groups.X-TB.networks", networks))
    assert "  groups.X-TB.networks: the study plans over" in message
    parse(changed(study, "groups.X-TB.networks", dict(list(networks.items())[:100])))


def leaves(kind: Any, path: str, markers: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any, list]]:
    """Each plain type that a model is made of: its path, the type, what its annotations say."""
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        yield from leaves(inner, path, (*markers, *more))
    elif get_origin(kind) in (Union, types.UnionType, list, tuple, dict):
        for part in get_args(kind):
            if part is not Ellipsis:
                yield from leaves(part, path, markers)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield from leaves(field.annotation, f"{path}.{name}", tuple(field.metadata))
    else:
        yield path, kind, list(markers)


def test_every_number_of_the_models_is_bounded() -> None:
    """Also of a field that is added later: see `Integer`, `Real` and the bounds in study.base."""
    numbers = 0
    for path, kind, markers in leaves(Study, "study"):
        if kind not in (int, float) or path.endswith(".arguments"):  # the library's matter
            continue
        numbers += 1
        text = repr(markers)
        assert "_refuse_truth" in text, path
        if kind is int:
            assert ("ge=" in text or "gt=" in text) and ("le=" in text or "lt=" in text), path
    assert numbers > 80


@pytest.mark.workflow
def test_snakemake_stops_at_a_bomb_at_once(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    text = (folder / "tests/data/studies/small.yaml").read_text()
    (folder / "bomb.yaml").write_text(f"{text}bomb:\n  " + LISTS.replace("\n", "\n  "))
    start = time.monotonic()
    run = snakemake(folder, "--dry-run", study="bomb.yaml")
    seconds = time.monotonic() - start
    assert run.returncode == 1 and ": bomb." in run.stdout + run.stderr
    assert seconds < 30, "Snakemake's own start included"
    assert content_limits.VALUES == 100_000 and find_excess({}) is None
