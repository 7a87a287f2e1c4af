"""Older and newer study files: what parsing says of them, and how they are rewritten."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.cli.migrate import migrate
from pgdose.errors import UserError
from pgdose.study import migration
from pgdose.study.parsing import parse
from pgdose.study.versions import (
    CURRENT,
    MIGRATIONS,
    Add,
    Edit,
    Migration,
    Remove,
    Rename,
    Replace,
    pending_edits,
)

SMALL = PROJECT / "tests/data/studies/small.yaml"
SHIPPED = [PROJECT / "config.yaml", *sorted((PROJECT / "resources/studies").glob("*.yaml"))]


def step(study: Mapping[str, Any]) -> list[Edit]:
    """A change of the format that could come: `attacks.NAME.lr` is called rate, in percent."""
    return [
        edit
        for name, attack in study["attacks"].items()
        if "lr" in attack
        for edit in (
            Rename(("attacks", name, "lr"), "rate"),
            Replace(("attacks", name, "rate"), attack["lr"] * 100),
        )
    ]


def size(study: Mapping[str, Any]) -> list[Edit]:
    """One that comes after it, and reads what it left."""
    return [
        Replace(("attacks", name, "rate"), [attack["rate"], "percent"])
        for name, attack in study["attacks"].items()
        if "rate" in attack
    ]


FUTURE: tuple[Migration, ...] = (*MIGRATIONS, step, size)
TEXT = """\
# My study: this comment stays.

study: mine   # so does this one
attacks:
  # the paper's
  paper: {epsilon: [0.02], lr: 0.5} # raw
  slow:
    epsilon: [0.02]
    lr: 0.25   # slower

    # about the iterations
    max_iter: 3
"""
MIGRATED = """\
# My study: this comment stays.

format_version: 3
study: mine   # so does this one
attacks:
  # the paper's
  paper: {epsilon: [0.02], rate: [50.0, "percent"]} # raw
  slow:
    epsilon: [0.02]
    rate: [25.0, "percent"]   # slower

    # about the iterations
    max_iter: 3
"""


def test_a_migration_keeps_comments_order_and_layout() -> None:
    text, changes = migration.migrate(TEXT, FUTURE)
    assert text == MIGRATED
    assert changes == [
        "attacks.paper.lr: renamed 'rate'",
        "attacks.paper.rate: set to 50.0",
        "attacks.slow.lr: renamed 'rate'",
        "attacks.slow.rate: set to 25.0",
        "attacks.paper.rate: set to [50.0, 'percent']",
        "attacks.slow.rate: set to [25.0, 'percent']",
        "format_version: set to 3",
    ]
    assert migration.migrate(text, FUTURE) == (text, [])


def test_a_migration_begins_at_the_file_s_version() -> None:
    text = TEXT.replace("study: mine", "format_version: 2 # two\nstudy: mine").replace("lr", "rate")
    text, changes = migration.migrate(text, FUTURE)
    assert "format_version: 3 # two\n" in text
    assert '{epsilon: [0.02], rate: [0.5, "percent"]} # raw' in text
    assert len(changes) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("study: a\r\nseed: 1\r\n", "format_version: 1\r\nstudy: a\r\nseed: 1\r\n"),
        ("{study: a, seed: 1}", '{"format_version": 1, study: a, seed: 1}'),
        ('{"study": "a"}\n', '{"format_version": 1, "study": "a"}\n'),
        ("---\n# x\nstudy: a", "---\n# x\nformat_version: 1\nstudy: a"),
        ("study: a\nformat_version: 0\n", "study: a\nformat_version: 1\n"),
    ],
)
def test_a_file_without_a_version_gets_one(text: str, expected: str) -> None:
    assert migration.migrate(text) == (expected, ["format_version: set to 1"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n  b: 1\n  c: 2\n# next\nd: 3\n", "a:\n  5\n# next\nd: 3\n"),
        ("a:\nd: 3\n", "a: 5\nd: 3\n"),
        ("a: [1,\n    2] # two\nd: 3\n", "a: 5 # two\nd: 3\n"),
    ],
)
def test_values_of_several_lines_are_replaced(text: str, expected: str) -> None:
    migrated, _ = migration.migrate(text, (lambda study: [Replace(("a",), 5)],))
    assert migrated == "format_version: 1\n" + expected


@pytest.mark.parametrize(
    ("text", "edit", "expected"),
    [
        ("a:\n  b: 1 # one\nd: 3\n", Add(("a", "c"), [2]), "a:\n  c: [2]\n  b: 1 # one\nd: 3\n"),
        ("a: {b: 1}\n", Add(("a", "c"), "x"), 'a: {"c": "x", b: 1}\n'),
        ("a: 1\n", Add(("seed",), 7), "seed: 7\na: 1\n"),
        ("a:\n  b: 1\n  # c\n  c: 2 # two\n", Remove(("a", "b")), "a:\n  # c\n  c: 2 # two\n"),
        ("a:\n  b: 1\n  c:\n    e: 2\n\nd: 3\n", Remove(("a", "c")), "a:\n  b: 1\n\nd: 3\n"),
    ],
)
def test_keys_are_added_and_removed(text: str, edit: Edit, expected: str) -> None:
    migrated, changes = migration.migrate(text, (lambda study: [edit],))
    assert migrated == "format_version: 1\n" + expected
    assert changes[0] == str(edit)


@pytest.mark.parametrize("text", ["a: {b: 1, c: 2}\n", "a:\n  b: 1\n", "x: 1\n"])
def test_a_key_that_shares_its_line_is_left_to_its_author(text: str) -> None:
    with pytest.raises(UserError, match=r"by hand: a\.b: removed"):
        migration.migrate(text, (lambda study: [Remove(("a", "b"))],))


def test_a_layout_that_cannot_be_edited_is_left_to_its_author() -> None:
    with pytest.raises(UserError, match="make these changes by hand"):
        migration.migrate("a:\n- 1\n- 2\n", (lambda study: [Replace(("a",), {"b": None})],))


def test_an_anchor_is_left_to_its_author() -> None:
    text = "study: x\nusual: &usual {lr: 1.0}\nattacks:\n  a: *usual\n  b: {<<: *usual}\n"
    with pytest.raises(UserError, match="make these changes by hand: a"):
        migration.migrate(text, FUTURE)


def test_the_command_rewrites_the_file_and_says_what_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(TEXT)
    path.chmod(0o640)
    lines = migrate(path, FUTURE)
    assert lines[0] == f"{path}: rewritten" and lines[-1] == "  format_version: set to 3"
    assert path.read_text() == MIGRATED and path.stat().st_mode & 0o777 == 0o640
    assert migrate(path, FUTURE) == [f"{path} is of the current version; nothing to change"]
    assert path.read_text() == MIGRATED
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("study: a\nformat_version: 99\n", "99 is newer than this pgdose, .* update pgdose"),
        ("study: a\nformat_version: two\n", "format_version: 'two' must be a whole number"),
        ("- a\n- b\n", "the file is not a study; give a YAML file of keys and values"),
        ("study: [", r"line 1: the '\[' that stands here is not closed"),
    ],
)
def test_the_command_refuses_and_leaves_the_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        migrate(path)
    assert path.read_text() == text
    with pytest.raises(UserError, match=r"there is no file .*none\.yaml; give the path"):
        migrate(tmp_path / "none.yaml")


def test_a_newer_study_is_refused_before_its_other_mistakes() -> None:
    study = yaml.safe_load(SMALL.read_text()) | {"format_version": CURRENT + 1, "new_key": 1}
    with pytest.raises(UserError) as caught:
        parse(study)
    assert str(caught.value).splitlines() == [
        "The study has a mistake:",
        f"  format_version: {CURRENT + 1} is newer than this pgdose, which reads up to version "
        f"{CURRENT}; update pgdose",
    ]


def test_an_older_study_is_read_unless_a_migration_changes_it() -> None:
    study = yaml.safe_load(SMALL.read_text())
    assert parse(study | {"format_version": 0}) == parse(study)
    current = parse(study | {"format_version": CURRENT})
    assert current.model_copy(update={"format_version": 0}) == parse(study)
    with pytest.raises(UserError) as caught:
        parse(study, FUTURE)
    assert "format_version: the file has an older version; run `pgdose migrate STUDY`" in str(
        caught.value
    )
    assert "attacks.paper.lr: renamed 'rate'" in str(caught.value)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_studies_are_of_the_current_version(path: Path) -> None:
    study = yaml.safe_load(path.read_text())
    assert study["format_version"] == CURRENT and pending_edits(study) == []
