"""Studies with a PACS that stop before any job, each with a sentence that says what to do."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.errors import UserError
from pgdose.preflight import check_inputs
from pgdose.study.parsing import parse

STUDY = (PROJECT / "tests/data/studies/from_pacs.yaml").read_text()
PASSWORD = "wq7xjvkp"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reports.csv").write_text("accession_number,report\n1,norm\n")
    for name in list(os.environ):
        if name.startswith("PGDOSE_PACS_"):
            monkeypatch.delenv(name)


def write_login(mode: int = 0o600, text: str = f"user: reader\npassword: {PASSWORD}\n") -> str:
    path = Path("login")
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def study(**source: Any) -> dict[str, Any]:
    """The study with other keys of its source; `server__tls` is `server.tls`."""
    content = yaml.safe_load(STUDY)
    content["groups"]["X-TB"]["classes"]["C1"]["where"] = {"label": "aorta"}
    films = content["sources"]["films"]
    films["lexicon"] = str(PROJECT / films["lexicon"])
    for field, value in source.items():
        section, _, key = field.partition("__")
        films[section] = {**films.get(section, {}), key: value} if key else value
    return content


def check(content: dict[str, Any]) -> None:
    check_inputs(parse(content))


def refusal(**source: Any) -> str:
    with pytest.raises(UserError) as caught:
        check(study(**source))
    text = str(caught.value)
    assert PASSWORD not in text and "Traceback" not in text
    assert not Path("incoming").exists()
    return text


DIMSE = {"host": "pacs.hospital", "port": 104, "called": "PACS"}


def test_a_study_in_order_passes_and_makes_nothing() -> None:
    check(study(server__credentials=write_login()))
    check(study(server={"dimse": DIMSE}))
    assert not Path("incoming").exists()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            {"server": {"dicomweb": {"url": "http://pacs.hospital/dicom-web"}}},
            "must begin with https://",
        ),
        (
            {"server": {"dicomweb": {"url": "https://me:secret@pacs.hospital/"}}},
            "holds a login",
        ),
        ({"server__dimse": DIMSE}, "give either 'dicomweb' or 'dimse'"),
        ({"server": {}}, "give either 'dicomweb' or 'dimse'"),
        ({"server": {"dimse": DIMSE | {"listen": {"port": 11113}}}}, "'retrieve: move'"),
        ({"server__password": "x"}, "password"),
        ({"fetch": {"speed": 3}}, "sources.films.fetch.speed"),
        ({"fetch": {"hours": ["20:00", "25:00"]}}, "must be a time of day"),
        ({"fetch": {"hours": ["20:00", "20:00"]}}, "two different times"),
        ({"fetch": {"hours": "night"}}, "sources.films.fetch.hours"),
        ({"fetch": {"at_once": 1000}}, "sources.films.fetch.at_once"),
        ({"find": {"dates": ["2019-02-30", None]}}, "must be a date"),
        ({"find": {"dates": ["2020-01-01", "2019-01-01"]}}, "first is later than the last"),
        ({"find": {"descriptions": ["*"]}}, "must be a text to look for"),
        ({"find": {"modalities": []}}, "sources.films.find.modalities"),
        ({"find": {}}, "sources.films.find: says nothing"),
        ({"find": None}, "sources.films.find: says nothing"),
        ({"server__tls": {"ca": "gone.pem"}}, "there is no file 'gone.pem'"),
        ({"server__tls": {"ca": "reports.csv"}}, "holds no certificates in PEM"),
        ({"server__credentials": "gone"}, "there is no file 'gone'"),
        ({"root": "reports.csv"}, "root: 'reports.csv' is a file"),
        ({"root": "reports.csv/films"}, "lies in 'reports.csv', which is a file"),
        ({"root": "src/films"}, "lies in the folder 'src'"),
        ({"root": "results/films"}, "lies in the folder 'results'"),
        ({"root": "."}, "is the project's folder"),
    ],
)
def test_it_is_refused_with_its_field(source: dict[str, Any], words: str) -> None:
    text = refusal(**source)
    assert words in text and "sources.films" in text
    assert "secret" not in text


def test_a_login_that_others_can_read_is_refused() -> None:
    text = refusal(server__credentials=write_login(0o640))
    assert "sources.films.server.credentials: other users can read 'login' (mode 0640)" in text
    assert "chmod 600 login" in text


def test_a_login_with_a_slip_is_not_quoted() -> None:
    assert "line 1" in refusal(server__credentials=write_login(text=f"{PASSWORD}\n"))


def test_half_a_login_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDOSE_PACS_USER", "reader")
    text = refusal()
    assert "sources.films.server.credentials" in text and "PGDOSE_PACS_" in text
    monkeypatch.setenv("PGDOSE_PACS_PASSWORD", PASSWORD)
    check(study())


def test_a_root_that_cannot_be_written_to_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the answer of the system is made up."""
    monkeypatch.setattr("pgdose.pacs.input_checks.os.access", lambda *_: False)
    assert "sources.films.root: 'incoming': you may not write" in refusal()


def add_source(content: dict[str, Any], **entry: Any) -> dict[str, Any]:
    content["sources"]["other"] = entry
    return content


@pytest.mark.parametrize("root", ["incoming", "incoming/films", "."])
def test_a_folder_is_not_listed_while_films_are_fetched_into_it(root: str) -> None:
    folder = study()["sources"]["films"] | {"kind": "dicom_archive", "root": root}
    del folder["server"], folder["find"]
    Path("incoming/films").mkdir(parents=True)
    with pytest.raises(UserError, match=r"films\.root: 'incoming' shares its files with sources"):
        check(add_source(study(), **folder))


def test_films_are_not_fetched_into_the_synthetic_hospital() -> None:
    content = study(root="hospital/xray") | {"phantom": {"root": "hospital", "xray": {}}}
    with pytest.raises(UserError, match=r"shares its files with phantom\.root"):
        check(content)


def test_a_source_of_a_pacs_is_never_synthetic() -> None:
    content = study(reports__table="hospital/reports.csv")
    content["phantom"] = {"root": "hospital", "xray": {}}
    assert not parse(content).synthetic("films")


def test_what_the_snakefile_imports_for_it_is_light() -> None:
    """Parsing the Snakefile imports none of the clients, and neither pydicom nor torch."""
    heavy = "torch, pydicom, pynetdicom, dicomweb_client, requests"
    code = (
        "import sys, pgdose.preflight\n"
        f"print([name for name in '{heavy}'.split(', ') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
