"""Studies with a PACS, as far as no server is needed; with a real one: tests/long/pacs.py."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.workflow import checkout, planned, snakemake

STUDY = "tests/data/studies/from_pacs.yaml"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = checkout(tmp_path_factory.mktemp("site"))
    (folder / "reports.csv").write_text("accession_number,report\n1,норма\n")
    return folder


def write_study(folder: Path, **source: Any) -> str:
    study = yaml.safe_load((folder / STUDY).read_text())
    study["sources"]["films"] |= source
    del study["privacy"]
    (folder / "mine.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return "mine.yaml"


def test_a_study_that_cannot_be_fetched_stops_before_any_job(site: Path) -> None:
    login = site / "login"
    login.write_text("user: reader\npassword: wq7xjvkp\n")
    login.chmod(0o644)
    server = {"dimse": {"host": "localhost", "called": "PACS"}, "credentials": "login"}
    server["tls"] = {"ca": "gone.pem"}
    run = snakemake(site, study=write_study(site, server=server, root="reports.csv/films"))
    text = run.stdout + run.stderr
    assert run.returncode == 1 and "Traceback" not in text and "wq7xjvkp" not in text
    assert "sources.films.root: 'reports.csv/films' lies in 'reports.csv', which is a file" in text
    server = server | {"tls": None}
    run = snakemake(site, study=write_study(site, server=server))
    text = run.stdout + run.stderr
    assert "sources.films.server.credentials: other users can read 'login'" in text
    assert not any((site / name).exists() for name in ("results", "private", "work", "incoming"))


def test_a_pacs_is_listed_fetched_and_then_read_as_a_folder(site: Path) -> None:
    study = write_study(site)
    target = "results/from-pacs/groups/X-TB/members.parquet"
    jobs = planned(snakemake(site, "--dry-run", "--", target, study=study))
    assert jobs["list_on_pacs"] == jobs["list_fetched"] == 1 and jobs["fetch"] == 2
    assert jobs["headers"] == jobs["screen"] == 2 and "list_archive" not in jobs
    run = snakemake(site, "--dry-run", "--until", "list_fetched", study=study)
    assert planned(run).keys() == {"list_on_pacs", "fetch", "list_fetched"}


def test_a_pacs_has_the_sheets_of_a_folder(site: Path) -> None:
    jobs = planned(snakemake(site, "--dry-run", study=write_study(site)))
    assert jobs["rejects_sheet"] == jobs["text_sheet"] == 1


def test_a_server_that_is_away_ends_the_job_with_what_to_do(site: Path) -> None:
    """The log says it, and neither a place in the code nor an address stands there."""
    study = write_study(site, fetch={"retries": 0, "timeout": 2})
    listed = "private/from-pacs/films/listed.parquet"
    run = snakemake(site, listed, study=study)
    assert run.returncode == 1
    log = (site / "results/from-pacs/logs/list_on_pacs/films.log").read_text()
    assert "sources.films.server: " in log and "start the study anew" in log
    assert "rule list_on_pacs failed" not in log and not (site / listed).exists()
