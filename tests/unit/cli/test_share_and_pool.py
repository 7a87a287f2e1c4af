"""pgdose share, pool and cite as a user calls them."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.finished_results import finished_results
from helpers.shared_studies import SIGN, shared_study
from helpers.workflow import PROJECT

from pgdose.atlas import sharing
from pgdose.atlas.shared_study import SharedStudy, write_study
from pgdose.cli.cite import cite
from pgdose.cli.pool import pool
from pgdose.cli.share import share
from pgdose.errors import UserError

COMMITTED = PROJECT / "tests/data/shared"


def pgdose(*arguments: object, answer: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pgdose.cli", *map(str, arguments)]
    return subprocess.run(command, input=answer, text=True, capture_output=True)


def test_share_lists_all_before_it_writes(tmp_path: Path) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45]})
    run = pgdose("share", results, "-o", tmp_path / "out", "--name", "Riga")
    assert run.returncode == 1 and "--yes" in run.stderr and not (tmp_path / "out").exists()
    assert "Riga" in run.stdout and "tuberculosis" in run.stdout and "Nothing else" in run.stdout
    run = pgdose("share", results, "-o", tmp_path / "out", "--name", "Riga", "--yes")
    assert run.returncode == 0 and "Written" in run.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("share.json", "rates.csv", "conclusions.csv", "README.txt", "manifest.sha256")
    }


@pytest.mark.parametrize(("answer", "written"), [("y", True), ("", False), ("no", False)])
def test_share_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, written: bool
) -> None:
    results = finished_results(tmp_path / "r", {"X-TB": [20, 45]})
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    if written:
        share(results, tmp_path / "out", None, 5, False)
    else:
        with pytest.raises(UserError, match="nothing was written"):
            share(results, tmp_path / "out", None, 5, False)
    assert (tmp_path / "out").exists() == written


def test_cite(tmp_path: Path) -> None:
    lines = "\n".join(cite(finished_results(tmp_path / "r", {"X-TB": [20, 45]})))
    assert "Version 1.0.0" in lines and "study “one”, on synthetic data" in lines
    assert "@misc{pgdose-one," in lines
    with pytest.raises(UserError, match="there is no folder"):
        cite(tmp_path / "nowhere")


@pytest.mark.parametrize("command", ["cite", "gate", "share"])
def test_a_shared_folder_is_no_results_folder(command: str, tmp_path: Path) -> None:
    options = ["-o", tmp_path / "out"] if command == "share" else []
    run = pgdose(command, COMMITTED / "east", *options)
    assert run.returncode and "is a folder of `pgdose share`" in run.stderr


def test_an_atlas_of_the_committed_folders(tmp_path: Path) -> None:
    """Folders that an earlier version of pgdose shared can be read and pooled."""
    folders = sorted(COMMITTED.iterdir())
    assert len(folders) == 4
    lines = pool(folders, tmp_path / "atlas")
    assert lines[0].startswith("In 3 synthetic studies with 260 attacked patients the attack “sign")
    assert any("max_iter is 50, not 20" in line for line in lines)
    page = (tmp_path / "atlas/atlas.html").read_text()
    assert "http://" not in page.split("<script")[0] and len(page) < 10e6
    tables = {path.stem for path in (tmp_path / "atlas/tables").iterdir()}
    assert {"pooled_rates", "leave_one_out", "pooled_conclusions", "differences"} <= tables
    assert (tmp_path / "atlas/figures/forest-rates-0.svg").exists()


def test_a_page_of_fifty_studies_is_small(tmp_path: Path) -> None:
    folders = []
    for n in range(50):
        study = shared_study(f"s{n}", n, groups={"X-TB": "xray", "H-TH": "histology"})
        write_study(study, "", tmp_path / f"s{n}")
        folders.append(tmp_path / f"s{n}")
    pool(folders, tmp_path / "atlas")
    assert (tmp_path / "atlas/atlas.html").stat().st_size < 10e6


def test_folders_of_another_version_are_set_apart(tmp_path: Path) -> None:
    other = shared_study("other", 7)
    old = SharedStudy({**other.about, "format_version": 0}, other.rates, other.conclusions)
    for study in (shared_study("a", 1), shared_study("b", 2), old):
        write_study(study, sharing.readme(study), tmp_path / study.name)
    lines = pool([tmp_path / name for name in ("a", "b", "other")], tmp_path / "atlas")
    assert any("other, the whole study: format version 0" in line for line in lines)
    with pytest.raises(UserError, match="1 study can be read"):
        pool([tmp_path / "a", tmp_path / "other"], tmp_path / "another")


def test_nothing_in_common_is_said(tmp_path: Path) -> None:
    for name, clip in (("a", "iterate"), ("b", "l2")):
        study = shared_study(name, ord(name), attacks={"sign": {**SIGN, "clip": clip}})
        write_study(study, "", tmp_path / name)
    lines = pool([tmp_path / "a", tmp_path / "b"], tmp_path / "atlas")
    assert "no dose that can be pooled" in lines[0]
    assert "no dose that can be pooled" in (tmp_path / "atlas/atlas.html").read_text()


def test_an_atlas_is_not_overwritten(tmp_path: Path) -> None:
    folders = sorted(COMMITTED.iterdir())
    pool(folders, tmp_path / "atlas")
    before = (tmp_path / "atlas/atlas.html").read_bytes()
    with pytest.raises(UserError, match="is there and not empty"):
        pool(folders[:2], tmp_path / "atlas")
    assert (tmp_path / "atlas/atlas.html").read_bytes() == before


def written(folder: Path, *names: str) -> list[Path]:
    for place, name in enumerate(names, 1):
        write_study(shared_study(name, place), "", folder / name)
    return [folder / name for name in names]


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("results/mine", "is there and not empty; give a new folder"),
        ("a", "is there and not empty; give a new folder"),
        ("a/atlas", "lies in .*a; give a folder outside it"),
        ("results/mine/tables/conclusions.csv", "is a file; give a folder"),
    ],
)
def test_an_atlas_is_not_written_among_other_files(
    tmp_path: Path, target: str, message: str
) -> None:
    folders = written(tmp_path, "a", "b")
    (tmp_path / "results/mine/tables").mkdir(parents=True)
    (tmp_path / "results/mine/tables/conclusions.csv").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(UserError, match=message):
        pool(folders, tmp_path / target)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("is_there", [False, True])
def test_an_atlas_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    folders, target = written(tmp_path, "a", "b"), tmp_path / "atlas"
    if is_there:
        target.mkdir()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr("pgdose.cli.pool.write_atlas", full_disk)
        with pytest.raises(UserError, match="cannot be written: No space left"):
            pool(folders, target)
    assert target.exists() == is_there and not contents(target)
    pool(folders, target)
    assert {path.name for path in target.iterdir()} == {"atlas.html", "figures", "tables"}


def test_a_folder_that_is_set_apart_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = written(tmp_path, "a", "b")
    other = shared_study("other", 7, format_version=0)
    write_study(other, "", tmp_path / "other")
    monkeypatch.chdir(tmp_path / "other")
    lines = pool([*folders, Path()], tmp_path / "atlas")
    assert lines[1].startswith("Set apart: other, the whole study: format version 0")
