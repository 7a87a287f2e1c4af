"""Results of which Snakemake has no record are not taken for those of the study."""

from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from helpers.workflow import checkout, snakemake

RECORDS = "results/small/sources/xray/records.parquet"


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    folder = checkout(tmp_path)
    (folder / RECORDS).parent.mkdir(parents=True)
    (folder / RECORDS).touch()
    return folder


def test_without_a_record_nothing_is_planned(fresh: Path) -> None:
    run = snakemake(fresh, "--dry-run")
    assert run.returncode != 0
    assert f"{RECORDS}: .snakemake/ has no record" in run.stdout + run.stderr
    for forced in ("--forceall", "-nF"):
        assert snakemake(fresh, "--dry-run", forced).returncode == 0


@pytest.mark.parametrize("kind", ["metadata", "incomplete"])
def test_a_record_counts_also_of_a_job_that_was_killed(fresh: Path, kind: str) -> None:
    record = fresh / ".snakemake" / kind / urlsafe_b64encode(RECORDS.encode()).decode()
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    assert ".snakemake/ has no record" not in snakemake(fresh, "--dry-run").stderr


def test_a_copy_that_somebody_keeps_among_the_results_stops_nothing(tmp_path: Path) -> None:
    """Nothing gives it a record, --forceall neither."""
    folder = checkout(tmp_path)
    for copy in ("sources/xray.old/records.parquet", "groups/X-TB.old/members.parquet"):
        path = folder / "results/small" / copy
        path.parent.mkdir(parents=True)
        path.touch()
    run = snakemake(folder, "--dry-run")
    assert run.returncode == 0, run.stdout + run.stderr
