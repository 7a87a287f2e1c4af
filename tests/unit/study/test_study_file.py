"""The file of a study: read as data, and never as code."""

import json
import os
import time
from pathlib import Path

import pytest
from helpers.workflow import PROJECT, SMALL, checkout, planned, snakemake

from pgdose.cli.check import check
from pgdose.cli.migrate import migrate
from pgdose.errors import UserError
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.study.study_file import CODE_KEY, read_study_file

TEXT = (PROJECT / SMALL).read_text()
CODE = f'{CODE_KEY}: true\nstudy: \'?open("proof", "w").name\'\n' + TEXT.replace("study: s", "x: s")
MAPPINGS = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\n" for n in range(1, 40)
)


def refusal(path: Path) -> str:
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        read_study_file(path)
    assert time.process_time() - start < 2
    assert str(caught.value).count(str(path)) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CODE, "lets Snakemake run code from the file; remove it"),
        (TEXT + MAPPINGS, "no aliases"),
        ("- a\n- b\n", "not a study"),
        ("", "not a study"),
        ("a: [", "line 1: the '[' that stands here is not closed"),
        ("[" * 100_000, "sections in sections"),
        ("# " + "x" * 500_001, "more than 500 kB"),
        ("a: \udcff", "not UTF-8"),
        ("study: !!python/object/apply:os.system [touch proof]", "may not begin with '!'"),
    ],
    ids=range(9),
)
def test_what_is_no_study_is_refused(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert words in refusal(path)
    assert not list(tmp_path.glob("proof"))


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    pipe, sparse = tmp_path / "pipe", tmp_path / "sparse"
    os.mkfifo(pipe)
    with sparse.open("wb") as file:
        file.truncate(8 * 2**30)
    for path in (Path("/dev/zero"), pipe):
        assert "give a regular file" in refusal(path)
    assert "more than 500 kB" in refusal(sparse)
    for path in (Path("/dev/zero"), pipe, sparse):
        with pytest.raises(UserError, match="give a"):
            migrate(path)
        with pytest.raises(UserError, match="give a"):
            load_lexicon(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "study.yaml")
    assert "give a regular file" in refusal(tmp_path)


def test_json_and_a_switched_off_key_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps({"study": "a", "groups": {"b": ["c"]}}, indent="\t"))
    assert read_study_file(path).content == {"study": "a", "groups": {"b": ["c"]}}
    path.write_text("\ufeff" + path.read_text())
    assert read_study_file(path).content == {"study": "a", "groups": {"b": ["c"]}}
    path.write_text(f"{CODE_KEY}: false\nstudy: a\n")
    assert read_study_file(path).content["study"] == "a"


def test_the_command_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    assert check(Path(SMALL))[0] == f"{SMALL} is in order: 3 sources, 4 groups, 2 attacks"
    path = tmp_path / "study.yaml"
    path.write_text(TEXT.replace("seed: 7", "seed: yes"))
    with pytest.raises(
        UserError, match=r"study.yaml: The study has a mistake:\n  line 3: seed: yes must"
    ):
        check(path)


def test_the_command_reads_lexicons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no effect is a warning, and all mistakes are told, each with its line."""
    monkeypatch.chdir(PROJECT)
    lexicon, study = tmp_path / "mine.yaml", tmp_path / "study.yaml"
    study.write_text(TEXT.replace("resources/lexicons/ru.yaml", str(lexicon)))
    content = Path("resources/lexicons/ru.yaml").read_text()
    lexicon.write_text(content.replace("- пневмоскл*", "- пневмоскл*\n      - пневмосклероз*"))
    warnings = [line for line in check(study)[1:] if "findings" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"sources.xray.lexicon: warning: {lexicon}, line ")
    assert "is covered by findings.pneumosclerosis.patterns[0] (line " in warnings[0]
    lexicon.write_text(content.replace("- пневмоскл*", "- пневмо*скл\n      - 5"))
    with pytest.raises(UserError) as error:
        check(study)
    assert "sources.xray.lexicon: mine.yaml: The lexicon has 2 mistakes:" in str(error.value)


@pytest.mark.workflow
def test_snakemake_runs_no_code_of_the_default_study(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    for content, words in ((CODE, "lets Snakemake run code"), (TEXT + MAPPINGS, "no aliases")):
        (folder / "config.yaml").write_text(content)
        run = snakemake(folder, "--dry-run", study=None)
        assert run.returncode == 1 and words in run.stdout + run.stderr
        assert not (folder / "proof").exists()
    (folder / "config.yaml").write_text(TEXT)
    assert planned(snakemake(folder, "--dry-run", study=None))


@pytest.mark.workflow
def test_snakemake_runs_no_code_of_another_study(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    (folder / "sent.yaml").write_text(CODE)
    for profile in ("default", "slurm", "workstation"):
        run = snakemake(folder, "--workflow-profile", profile, study="sent.yaml")
        assert run.returncode == 1 and "lets Snakemake run code" in run.stdout + run.stderr
        assert not (folder / "results").exists() and not (folder / "proof").exists()
    # Without a profile of the project the code runs, but no job does.
    run = snakemake(folder, "--workflow-profile", "none", study="sent.yaml")
    assert run.returncode == 1 and "lets Snakemake run code" in run.stdout + run.stderr
    assert not (folder / "results").exists()
