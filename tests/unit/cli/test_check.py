"""All mistakes of a study at once, and what it will take."""

from pathlib import Path

import pytest
import yaml

from pgdose.cli import expectation, step_seconds
from pgdose.cli.check import check
from pgdose.cli.init import init
from pgdose.cli.job_counts import read_counts
from pgdose.errors import UserError
from pgdose.study.parsing import parse

TOLD = """Building DAG of jobs...
Job stats:
job               count
--------------  -------
index_table           1
attack               20
all                   1
total                22

Job stats:
job               count
--------------  -------
index_table           7
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of ready images, whose files are there."""
    monkeypatch.chdir(tmp_path)
    init("table", Path("mine.yaml"))
    Path("IMAGES").mkdir()
    Path("IMAGES.csv").write_text("image,patient,label\na.png,1,normal\n")
    return Path("mine.yaml")


def test_mistakes_between_sections_and_of_files_are_told_together_with_their_lines(
    study: Path,
) -> None:
    text = study.read_text()
    text = text.replace("label: pneumonia}", "label: pneunomia}").replace("IMAGES.csv", "NO.csv")
    text = text.replace("root: IMAGES", "root: NOWHERE")
    study.write_text(text)
    with pytest.raises(UserError) as caught:
        check(study)
    told = str(caught.value)
    lines = text.splitlines()
    for word, fault in (
        ("pneunomia", "where.label: 'pneunomia' is not"),
        ("NOWHERE", "sources.images.root: there is no folder"),
        ("NO.csv", "sources.images.table: there is no file"),
    ):
        number = next(n for n, line in enumerate(lines, 1) if word in line and line[0] != "#")
        assert f"line {number}: " in told and fault in told
    assert told.startswith("mine.yaml: The study has 3 mistakes:")


def test_mistakes_in_sections_say_that_more_may_follow(study: Path) -> None:
    study.write_text(study.read_text().replace("max_iter: 40", "max_iter: many"))
    with pytest.raises(UserError, match="Correct these first"):
        check(study)


def test_jobs_are_read_from_what_snakemake_prints() -> None:
    assert read_counts(TOLD) == {"index_table": 1, "attack": 20}
    assert read_counts("Nothing to be done (all requested files are present).") == {}


def test_work_grows_with_what_makes_it(study: Path) -> None:
    content = yaml.safe_load(study.read_text())
    jobs = {"train": 1, "attack": 1, "diagnose": 1, "render": 1}

    def work(**changed: object) -> dict[str, expectation.Part]:
        attacks = {"sign": {**content["attacks"]["sign"], **changed}}
        parsed = parse({**content, "attacks": attacks})
        (key,) = expectation.networks_to_time(parsed)
        parts = expectation.parts(parsed, jobs, {key: [0.1, 0.3]})
        return {part.what: part for part in parts}

    before, after = work(images=10), work(images=20)
    assert before["attacks"].seconds and after["attacks"].seconds
    steps = 7 * 40
    assert before["attacks"].seconds == pytest.approx((10 * 40 * 0.3, 10 * steps * 0.3))
    assert after["attacks"].seconds == pytest.approx((20 * 40 * 0.3, 20 * steps * 0.3))
    assert after["attacks"].size == 2 * before["attacks"].size
    assert before["training"] == after["training"]


def test_a_network_that_cannot_be_timed_is_told_and_costs_nothing_else() -> None:
    about = {"size": 32, "channels": 1, "classes": 2, "threads": 1, "width": 1.0}
    timed = step_seconds.time_steps(
        {
            "small": {**about, "architecture": "squeezenet1_1"},
            "none": {**about, "architecture": "no_such_network"},
        }
    )
    assert timed["none"] == [None, None]
    forward, backward = timed["small"]
    assert forward is not None and backward is not None and 0 < forward < backward
