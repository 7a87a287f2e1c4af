"""No name, UID or login in a log, in an exception or in a warning, whatever a server does."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from helpers.pacs_servers import (
    PASSWORD,
    PATIENT,
    ROOT,
    TOKEN,
    USER,
    DimseSettings,
    Faults,
    Holdings,
    WebSettings,
    basic,
    dimse_server,
    films,
    web_server,
)
from helpers.pacs_sources import free_port
from helpers.workflow import PROJECT

PLANTED = (ROOT, PATIENT, PATIENT.split("^")[0], PASSWORD, TOKEN, basic().split()[1])

# Everything that any logger says, warnings and what threads leave on the terminal.
JOB = """
import json, logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
sys.path[:0] = [{source!r}, {tests!r}]
import pynetdicom, pydicom, dicomweb_client, urllib3
from pgdose.errors import UserError
from pgdose.pacs.credentials import Credentials
from pgdose.pacs.fetching import fetch
from pgdose.pacs.listing import list_instances
from pgdose.study.sources import PacsArchive
log = logging.getLogger("job")
source = PacsArchive.model_validate(json.loads({source_json!r}))
login = Credentials(*{login!r})
log.info("%s %r", login, login)
for rows in ({rows!r}, None):
    try:
        rows = rows or list_instances(source, login, log).rows
        done = list(fetch(rows, source, login, log))
        log.info("reasons: %s", sorted({{(row["reason"], row["detail"]) for row in done}}, key=str))
    except UserError as error:
        log.error("%s", error)
    except BaseException:
        log.exception("another error")
"""


def output_of(root: Path, server: dict[str, Any], login: tuple, rows: list[dict]) -> str:
    fetch = {"timeout": 5, "retries": 1, "least_free_gb": 0}
    source = {"kind": "pacs", "root": str(root), "server": server, "fetch": fetch}
    code = JOB.format(
        source=str(PROJECT / "src"),
        tests=str(PROJECT / "tests"),
        source_json=json.dumps(source),
        login=login,
        rows=rows,
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def assert_private(text: str, *, says: str) -> None:
    assert says in text
    assert "another error" not in text, text
    assert not [word for word in PLANTED if word in text], text


def troubled() -> Holdings:
    holdings = Holdings(films(6))
    names = [one.uid for one in holdings.instances]
    holdings.faults = Faults(
        vanished={names[0]},
        cut=Counter({names[1]: 99}),
        swapped=Counter({names[2]: 99}),
        dies_at=Counter({names[3]: 99}),
        claims=1,
        repeats=True,
    )
    return holdings


ABSENT = {"study": f"{ROOT}.77", "series": f"{ROOT}.77.1", "instance": f"{ROOT}.77.1.1"}
ABSENT |= {"modality": "CR", "role": "film", "shard": 0, "times": 1, "sop_class": None}


def test_a_web_server_in_trouble(tmp_path: Path) -> None:
    with web_server(troubled(), WebSettings(login=basic())) as url:
        server = {"dicomweb": {"url": url}}
        text = output_of(tmp_path / "films", server, (USER, PASSWORD, None), [ABSENT])
        assert_private(text, says="cut_short")
        wrong = output_of(tmp_path / "films", server, (None, None, TOKEN), [ABSENT])
        assert_private(wrong, says="refuses the login")
    gone = output_of(tmp_path / "films", server, (USER, PASSWORD, None), [ABSENT])
    assert_private(gone, says="no connection")


@pytest.mark.parametrize("retrieve", ["get", "move"])
def test_a_dimse_server_in_trouble(tmp_path: Path, retrieve: str) -> None:
    listen = {"host": "127.0.0.1", "port": free_port()}
    settings = DimseSettings(move_to={"PGDOSE": ("127.0.0.1", listen["port"])})
    settings.login = (USER, PASSWORD)
    with dimse_server(troubled(), settings) as port:
        place = {"host": "localhost", "port": port, "called": "STANDIN", "retrieve": retrieve}
        server = {"dimse": place | ({"listen": listen} if retrieve == "move" else {})}
        text = output_of(tmp_path / "films", server, (USER, PASSWORD, None), [ABSENT])
        assert_private(text, says="cut_short")
        wrong = output_of(tmp_path / "films", server, (USER, TOKEN, None), [ABSENT])
        assert_private(wrong, says="rejects the association")
