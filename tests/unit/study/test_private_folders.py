"""Private folders of another user are named before anything looks into them."""

import os
from pathlib import Path

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.errors import UserError
from pgdose.preflight import PRIVATE_HEAD, check_inputs, private_mistakes
from pgdose.study.parsing import parse

STUDY = yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "private/small/xray").mkdir(parents=True)
    return tmp_path


def be_another(monkeypatch: pytest.MonkeyPatch, *, may_use: bool = False) -> None:
    """A user who does not own the folders."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "access", lambda *_: may_use)


def test_one_s_folders_are_in_order(folder: Path) -> None:
    assert private_mistakes(parse(STUDY)) == []


def test_those_of_another_user_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be_another(monkeypatch)
    lines = private_mistakes(parse(STUDY))
    places = ["private/", "private/small/", "private/small/xray/"]
    assert [line.split(" belongs")[0] for line in lines] == places
    with pytest.raises(UserError) as caught:
        check_inputs(parse(STUDY))
    assert str(caught.value).startswith(PRIVATE_HEAD)


def test_a_disk_that_shows_one_owner_to_everybody(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a mount of CIFS with `uid=` does: who may do all there is not stopped."""
    be_another(monkeypatch, may_use=True)
    assert private_mistakes(parse(STUDY)) == []


def test_root_may_use_all_of_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert private_mistakes(parse(STUDY)) == []


def test_a_study_may_have_a_private_folder_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that this machine does not have is named by its number."""
    (folder / "elsewhere").mkdir()
    if os.geteuid() == 0:
        os.chown(folder / "elsewhere", 60101, 60101)
    be_another(monkeypatch)
    (folder / "private/small/xray").rmdir()
    (folder / "private/small").rmdir()
    (folder / "private").rmdir()
    (line,) = private_mistakes(parse(STUDY | {"privacy": {"folder": "elsewhere"}}))
    assert line.startswith("elsewhere/ belongs to ")
