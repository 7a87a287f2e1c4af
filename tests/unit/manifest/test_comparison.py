"""Each way in which a results folder can differ from its manifest has a line."""

import dataclasses
import itertools
import os
import random
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.results_folder import FILES, FOLDER, THUMBNAILS, faults, finished, write_file

from pgdose.manifest import comparison, files

LISTED = [*FILES, *THUMBNAILS]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("results"))


@pytest.fixture
def results(undisturbed: Path, tmp_path: Path) -> Path:
    shutil.copytree(undisturbed, tmp_path / "results")
    return tmp_path / "results"


def target(name: str) -> str:
    return FOLDER if name in THUMBNAILS else name


@pytest.mark.parametrize("name", LISTED)
def test_every_flipped_bit_is_told(results: Path, name: str) -> None:
    content, rng = (results / name).read_bytes(), random.Random(name)
    for _ in range(12):
        place, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
        flipped = content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]
        (results / name).write_bytes(flipped)
        (line,) = faults(results)
        assert line.startswith(f"{results / name}: changed, other content of the same ")
        assert line.endswith(f"make it again with `snakemake {results / target(name)}`")
    (results / name).write_bytes(content)
    assert faults(results) == []


@pytest.mark.parametrize("name", LISTED)
def test_a_deleted_a_cut_and_an_emptied_file_are_told(results: Path, name: str) -> None:
    content = (results / name).read_bytes()
    for short in (content[:-1], content[: len(content) // 2], b"", content + b"\n"):
        (results / name).write_bytes(short)
        (line,) = faults(results)
        sizes = f"changed, {len(short)} bytes instead of {len(content)} "
        assert line.startswith(f"{results / name}: {sizes}")
    (results / name).unlink()
    (line,) = faults(results)
    assert line.startswith(f"{results / name}: missing; ")
    assert line.endswith(f"make it again with `snakemake {results / target(name)}`")


PAIRS = [
    (one, other)
    for one, other in itertools.combinations(LISTED, 2)
    if Path(one).suffix == Path(other).suffix
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_swapped_files_are_told_by_both_names(results: Path, one: str, other: str) -> None:
    """Each is whole, and its own checksums fit."""
    (results / one).rename(results / "aside")
    (results / other).rename(results / one)
    (results / "aside").rename(results / other)
    lines = {line.split(":")[0]: line for line in faults(results)}
    assert set(lines) == {str(results / one), str(results / other)}
    assert f"swapped, it holds what {other} should hold" in lines[str(results / one)]
    assert f"swapped, it holds what {one} should hold" in lines[str(results / other)]


def test_there_are_two_of_each_kind_to_swap() -> None:
    assert {Path(one).suffix for one, _ in PAIRS} == {Path(name).suffix for name in LISTED}


def test_a_written_file_is_told_with_its_date(results: Path) -> None:
    write_file(results / "tables/asr.csv", 99)
    assert "UTC, after the manifest); delete it" in faults(results)[0]
    os.utime(results / "tables/asr.csv", (10**9, 10**9))
    assert "last modified 2001-09-09 01:46 UTC, before the manifest" in faults(results)[0]


def test_added_files_are_told(results: Path) -> None:
    write_file(results / "tables/mine.csv", 1)
    os.mkfifo(results / "figures/pipe")
    for name in ("a", "b/c"):
        (results / "groups/NEW/x" / name).parent.mkdir(parents=True, exist_ok=True)
        (results / "groups/NEW/x" / name).touch()
    found = faults(results)
    assert found == [
        f"{results}/figures/pipe: added, the manifest does not list it (no ordinary file); "
        "move it elsewhere or delete it",
        f"{results}/groups/NEW: added, a folder that the manifest does not list (files in it: 2); "
        "move it elsewhere or delete it",
        f"{results}/tables/mine.csv: added, the manifest does not list it; "
        "move it elsewhere or delete it",
    ]


def test_a_renamed_file_is_told_as_missing_and_where_it_is(results: Path) -> None:
    (results / "tables/asr.csv").rename(results / "tables/asr2.csv")
    missing, added = faults(results)
    assert "asr.csv: missing" in missing
    assert "asr2.csv: added, it holds what tables/asr.csv should hold" in added


def test_a_name_that_cannot_be_printed_stays_on_its_line(results: Path) -> None:
    (results / "tables/a\nb\x1b[31m.csv").touch()
    (results / os.fsdecode(b"tables/\xff.csv")).touch()
    found = faults(results)
    assert len(found) == 2 and all("added" in line and line.isprintable() for line in found)


LINKS: list[tuple[str, Callable[[Path], object]]] = [
    ("a link that leads nowhere", lambda path: path.symlink_to("nowhere")),
    ("a link that leads round in a circle", lambda path: path.symlink_to(path.name)),
    ("a folder stands in its place", lambda path: write_file(path / "x.csv", 1)),
    ("a folder stands in its place", lambda path: path.symlink_to(path.parent)),
    ("no ordinary file", os.mkfifo),
    ("no ordinary file", lambda path: path.symlink_to("/dev/zero")),
    ("changed, ", lambda path: path.symlink_to("/etc/passwd")),
]


@pytest.mark.parametrize(("words", "put"), LINKS)
@pytest.mark.parametrize("name", ["groups/A/images/0.npy", "tables/asr.csv", THUMBNAILS[0]])
def test_what_stands_in_a_file_s_place_is_told(
    results: Path, name: str, words: str, put: Callable[[Path], object]
) -> None:
    (results / name).unlink()
    put(results / name)
    (line,) = faults(results)
    assert line.startswith(f"{results / name}: {words}")
    assert line.endswith(f"again with `snakemake {results / target(name)}`")


def test_a_folder_that_is_a_dangling_link_is_told_by_each_of_its_files(results: Path) -> None:
    shutil.rmtree(results / "groups/A/images")
    (results / "groups/A/images").symlink_to("nowhere")
    found = faults(results)
    assert [line.split(": ")[1].split(";")[0] for line in found] == [
        "a link that leads nowhere"
    ] * 2


def test_a_folder_in_which_a_file_stands_is_told(results: Path) -> None:
    shutil.rmtree(results / "groups/A/images")
    (results / "groups/A/images").write_text("a file")
    found = faults(results)
    assert len(found) == 3 and "images: added" in found[0] and "missing" in found[1]


def test_a_link_to_elsewhere_is_noted_and_its_content_counts(results: Path, tmp_path: Path) -> None:
    from pgdose.cli.verify import verify

    (results / "groups/A/images").rename(tmp_path / "images")
    (results / "groups/A/images").symlink_to(tmp_path / "images")
    (results / "report.html").rename(tmp_path / "report.html")
    (results / "report.html").symlink_to(tmp_path / "report.html")
    lines = verify(results)
    assert [
        line for line in lines if "groups: files that are links or lie behind links: 2;" in line
    ]
    assert [
        line
        for line in lines
        if "report.html: files that are links or lie behind links: 1;" in line
    ]
    write_file(tmp_path / "images/0.npy", 20)
    assert "0.npy: changed" in faults(results)[0]


def test_the_results_folder_itself_may_be_a_link(results: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(results)
    found = comparison.compare(tmp_path / "link", comparison_manifest(results))
    assert (found.faults, found.notes) == ([], [])


def comparison_manifest(results: Path):  # type: ignore[no-untyped-def]
    from pgdose.manifest import document

    return document.read(results)


@pytest.mark.parametrize("to", ["/", "/usr", "A", "..", "../logs"])
def test_a_link_to_a_folder_is_added_and_not_entered(results: Path, to: str) -> None:
    (results / "groups/all").symlink_to(to)
    (line,) = faults(results)
    assert line.startswith(f"{results}/groups/all: added, a link to a folder, which the manifest ")


@pytest.mark.parametrize("place", ["far", "results/.far", "results/logs/far"])
def test_what_is_added_behind_a_link_is_told(results: Path, tmp_path: Path, place: str) -> None:
    """Wherever a folder of results was moved to, and more than one of them to the same place."""
    far = tmp_path / place
    for name in ("tables", "figures"):
        (results / name).rename(tmp_path / name)
        shutil.copytree(tmp_path / name, far, dirs_exist_ok=True)
        (results / name).symlink_to(far)
    for path in far.iterdir():  # each folder alone has what the other has as an added file
        assert any(f"/{path.name}: added" in line for line in faults(results))
    for path in (tmp_path / "figures").iterdir():
        (far / path.name).unlink()
    (results / "figures").unlink()
    (tmp_path / "figures").rename(results / "figures")
    assert faults(results) == []
    (far / "evil.html").touch()
    (far / "round").symlink_to(far)
    (far / "folder").mkdir()
    (far / "folder/x").touch()
    assert [line.split(", ")[0] for line in faults(results)] == [
        f"{results}/tables/{name}: added" for name in ("evil.html", "folder", "round")
    ]


def test_a_listed_folder_that_leads_to_one_above_is_told(results: Path, tmp_path: Path) -> None:
    for path in (results / "tables").iterdir():
        path.rename(tmp_path / path.name)
    (results / "tables").rmdir()
    (results / "tables").symlink_to(tmp_path)
    (line,) = faults(results)
    assert "tables: a link to a folder that the results lie in" in line


def test_events_are_those_of_a_listed_run(results: Path) -> None:
    for folder, number in (("groups/A/full", 0), ("groups/A/other", 1), ("groups/Q/full", 2)):
        (results / folder / "tensorboard").mkdir(parents=True)
        (results / folder / "tensorboard/evil.html").touch()
        found = faults(results)
        assert len(found) == number and all("added, a folder" in line for line in found)


def test_a_date_that_no_calendar_has_is_told(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pretended, since not every file system has dates of the year 3170843."""

    def stat(self: Path, **options: bool) -> SimpleNamespace:
        status = os.stat(self, **options)  # noqa: PTH116
        return SimpleNamespace(st_mode=status.st_mode, st_size=status.st_size, st_mtime=1e14)

    write_file(results / "tables/asr.csv", 99)
    monkeypatch.setattr(Path, "stat", stat)
    (line,) = faults(results)
    assert "asr.csv: changed, " in line and "its date of modification is none" in line


def test_a_listed_size_must_fit_too(results: Path) -> None:
    manifest = comparison_manifest(results)
    first, *others = manifest.entries
    wrong = dataclasses.replace(first, size=first.size + 1)
    found = comparison.compare(results, dataclasses.replace(manifest, entries=(wrong, *others)))
    assert f"changed, {first.size} bytes instead of {first.size + 1} " in found.faults[0]
    assert wrong not in found.intact
    swapped = dataclasses.replace(first, size=others[0].size)
    found = comparison.compare(results, dataclasses.replace(manifest, entries=(swapped, *others)))
    assert "bytes instead of" in found.faults[0] and len(found.faults) == 1


def test_commands_to_copy_are_quoted(results: Path) -> None:
    again = results.rename(results.with_name("a`; evil; `"))
    (again / "report.html").unlink()
    (line,) = faults(again)
    command = line.split("make it again with `snakemake ")[1].removesuffix("`")
    assert shlex.split(command) == [str(again / "report.html")]


def test_a_file_that_cannot_be_read_is_told(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretended, since tests may run as root, who may read everything."""
    path = results / "tables/asr.csv"
    opened = Path.open

    def refusing(self: Path, *args: object, **kwargs: object):  # type: ignore[no-untyped-def]
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", refusing)
    (line,) = faults(results)
    assert line.startswith(f"{path}: cannot be read (Permission denied); make it readable")


def test_permissions_that_are_missing_are_told(results: Path) -> None:
    (results / "tables/asr.csv").chmod(0)
    if os.access(results / "tables/asr.csv", os.R_OK):
        pytest.skip("this user may read everything")
    (results / "figures").chmod(0)
    try:
        found = faults(results)
    finally:
        (results / "figures").chmod(0o700)
    assert len(found) == 1 + 1 + sum(name.startswith("figures/") for name in FILES)
    assert all("cannot be read (Permission denied)" in line for line in found)


def test_a_disk_that_fails_is_told(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: Path) -> tuple[int, str]:
        if path.name == "asr.csv":
            raise OSError(5, "Input/output error", str(path))
        return sha256_of(path)

    sha256_of = files.sha256_of
    monkeypatch.setattr(comparison, "sha256_of", failing)
    (line,) = faults(results)
    assert "asr.csv: cannot be read (Input/output error)" in line
