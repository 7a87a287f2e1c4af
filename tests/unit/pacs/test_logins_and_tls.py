"""Who is who: logins, titles and certificates, over DICOMweb and DIMSE."""

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.pacs_servers import (
    PASSWORD,
    TOKEN,
    USER,
    Authority,
    DimseSettings,
    Faults,
    Holdings,
    WebSettings,
    basic,
    dimse_server,
    films,
    web_server,
)
from helpers.pacs_sources import Pacs, free_port
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from pgdose.errors import UserError
from pgdose.pacs.connection import open_archive
from pgdose.pacs.credentials import Credentials
from pgdose.pacs.failures import Refused

LOGIN = Credentials(USER, PASSWORD)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@contextlib.contextmanager
def web(
    tmp_path: Path, settings: WebSettings, tls: dict[str, Any] | None = None, **faults: Any
) -> Iterator[Pacs]:
    holdings = Holdings(films(2), Faults(**faults))
    with web_server(holdings, settings) as url:
        server = {"dicomweb": {"url": url}} | ({"tls": tls} if tls else {})
        yield Pacs(holdings, server, tmp_path / "films")


@contextlib.contextmanager
def dimse(
    tmp_path: Path, settings: DimseSettings, tls: dict[str, Any] | None = None, **dimse: Any
) -> Iterator[Pacs]:
    holdings = Holdings(films(2))
    with dimse_server(holdings, settings) as port:
        place = {"host": "localhost", "port": port, "called": "STANDIN"} | dimse
        server = {"dimse": place} | ({"tls": tls} if tls else {})
        yield Pacs(holdings, server, tmp_path / "films")


# --- DICOMweb -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "login"), [(basic(), LOGIN), (f"Bearer {TOKEN}", Credentials(token=TOKEN))]
)
def test_a_login_opens_a_web_server(tmp_path: Path, asked: str, login: Credentials) -> None:
    with web(tmp_path, WebSettings(login=asked)) as pacs:
        assert len(pacs.fetch(credentials=login)) == len(pacs.files()) == 2


@pytest.mark.parametrize(
    "login", [Credentials(), Credentials(USER, "wrong"), Credentials(token="x")]
)
def test_a_wrong_login_stops_the_job_at_once(tmp_path: Path, login: Credentials) -> None:
    with web(tmp_path, WebSettings(login=basic())) as pacs:
        with pytest.raises(
            UserError, match=r"server.credentials: .*refuses the login \(HTTP 401\)"
        ):
            pacs.listing(login)
        assert pacs.time.waits == []


def test_a_login_that_may_search_and_not_fetch_stops_the_job(tmp_path: Path) -> None:
    with (
        web(tmp_path, WebSettings(), forbids_fetching=True) as pacs,
        pytest.raises(Refused, match="does not let us fetch"),
    ):
        pacs.fetch()


def test_an_instance_that_is_forbidden_among_others_is_rejected(tmp_path: Path) -> None:
    with web(tmp_path, WebSettings()) as pacs:
        rows = pacs.listing().rows
        pacs.fetch(rows[:1])
        pacs.holdings.faults.forbids_fetching = True
        results = pacs.fetch(rows, fetch={"retries": 1})
    assert {row["reason"]: row["detail"] for row in results} == {
        None: None,
        "not_fetched": "HTTP 403",
    }


def test_a_login_is_not_sent_to_another_address(tmp_path: Path) -> None:
    other = Holdings(films(1))
    with web_server(other) as elsewhere:
        settings = WebSettings(redirect=f"{elsewhere}/studies?limit=1&offset=0")
        with web(tmp_path, settings) as pacs, pytest.raises(Refused, match="another address"):
            pacs.listing(LOGIN)
    assert other.asked == []


def test_an_address_without_the_service_is_named(tmp_path: Path) -> None:
    with web(tmp_path, WebSettings(prefix="/elsewhere")) as pacs:
        pacs.server["dicomweb"]["url"] = pacs.server["dicomweb"]["url"].replace("elsewhere", "here")
        with pytest.raises(UserError, match=r"no QIDO-RS at this address \(HTTP 404\)"):
            pacs.listing()


def test_prefixes_lead_to_the_services(tmp_path: Path) -> None:
    with web(tmp_path, WebSettings(prefix="/a/b")) as pacs:
        url = pacs.server["dicomweb"]["url"].removesuffix("/b")
        pacs.server["dicomweb"] = {"url": url, "qido_prefix": "b", "wado_prefix": "/b/"}
        assert len(pacs.fetch()) == len(pacs.files()) == 2


def test_the_environment_names_no_proxy_and_no_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://localhost:{free_port()}")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine localhost login other password other\n")
    with web(tmp_path, WebSettings(login=basic())) as pacs:
        assert len(pacs.listing(LOGIN).rows) == 2


def test_a_trusted_certificate_is_taken(tmp_path: Path, authority: Authority) -> None:
    settings = WebSettings(tls=authority.server_context())
    with web(tmp_path, settings, {"ca": str(authority.file)}) as pacs:
        assert len(pacs.fetch()) == len(pacs.files()) == 2


def test_a_certificate_of_another_authority_is_refused(
    tmp_path: Path, authority: Authority
) -> None:
    other = Authority(tmp_path / "other", "another authority")
    settings = WebSettings(tls=authority.server_context())
    for tls in ({"ca": str(other.file)}, None):
        with (
            web(tmp_path, settings, tls) as pacs,
            pytest.raises(UserError, match=r"^server.tls: the server's certificate is not trusted"),
        ):
            pacs.listing(LOGIN)
        assert pacs.holdings.asked == []


def test_a_certificate_for_another_name_is_refused(tmp_path: Path, authority: Authority) -> None:
    settings = WebSettings(tls=authority.server_context("pacs.example"))
    with (
        web(tmp_path, settings, {"ca": str(authority.file)}) as pacs,
        pytest.raises(UserError, match="is for another name"),
    ):
        pacs.listing(LOGIN)


def test_a_server_may_ask_for_a_certificate(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.issue("client")
    settings = WebSettings(tls=authority.server_context(asks=True))
    tls = {"ca": str(authority.file)}
    with web(tmp_path, settings, tls) as pacs:
        with pytest.raises(UserError):
            pacs.listing(fetch={"retries": 1})
        pacs.server["tls"] = tls | {"certificate": str(certificate), "key": str(key)}
        assert len(pacs.fetch()) == 2


# --- DIMSE ----------------------------------------------------------------------------------------


def test_tls_and_a_client_certificate_over_dimse(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.issue("client")
    tls = {"ca": str(authority.file), "certificate": str(certificate), "key": str(key)}
    settings = DimseSettings(tls=authority.server_context(asks=True))
    with dimse(tmp_path, settings, tls) as pacs:
        assert len(pacs.fetch()) == len(pacs.files()) == 2


def test_c_move_over_tls(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.issue("localhost")
    tls = {"ca": str(authority.file), "certificate": str(certificate), "key": str(key)}
    port = free_port()
    sending = ssl.create_default_context(cafile=str(authority.file))
    sending.load_cert_chain(*authority.issue("pacs"))
    settings = DimseSettings(
        tls=authority.server_context(),
        move_to={"PGDOSE": ("127.0.0.1", port)},
        move_tls=sending,
    )
    listen = {"host": "127.0.0.1", "port": port}
    with dimse(tmp_path, settings, tls, retrieve="move", listen=listen) as pacs:
        assert len(pacs.fetch()) == len(pacs.files()) == 2


def test_a_certificate_that_is_not_trusted_is_refused_over_dimse(
    tmp_path: Path, authority: Authority
) -> None:
    other = Authority(tmp_path / "other", "another authority")
    for host, ca in (("localhost", other), ("pacs.example", authority)):
        settings = DimseSettings(tls=authority.server_context(host))
        with dimse(tmp_path, settings, {"ca": str(ca.file)}) as pacs:
            with pytest.raises(UserError, match=r"^server.tls: the certificate of .* not trusted"):
                pacs.listing()
            assert pacs.time.waits == [] and pacs.holdings.asked == []


def test_a_title_that_is_wrong_is_named(tmp_path: Path) -> None:
    with dimse(tmp_path, DimseSettings(callers=("OTHER",))) as pacs:
        with pytest.raises(UserError, match=r"^server.dimse.calling: .*does not know PGDOSE"):
            pacs.listing()
        pacs.server["dimse"]["calling"] = "OTHER"
        assert len(pacs.listing().rows) == 2
        pacs.server["dimse"]["called"] = "WRONG"
        with pytest.raises(UserError, match=r"^server.dimse.called: .*not called WRONG"):
            pacs.listing()


def test_a_login_goes_along_over_dimse(tmp_path: Path) -> None:
    seen: list[tuple[bytes, bytes]] = []
    with dimse(tmp_path, DimseSettings(login=(USER, PASSWORD), seen=seen)) as pacs:
        assert len(pacs.listing(LOGIN).rows) == 2
        assert set(seen) == {(USER.encode(), PASSWORD.encode())}
        with pytest.raises(UserError, match=r"^server.dimse: the server rejects the association"):
            pacs.listing(Credentials(USER, "wrong"))


def test_a_login_crosses_no_network_in_the_clear(tmp_path: Path) -> None:
    pacs = Pacs(Holdings([]), {"dimse": {"host": "pacs.hospital", "called": "X"}}, tmp_path)
    with pytest.raises(UserError, match=r"^server.tls: missing, .*in the clear"):
        open_archive(pacs.source(), LOGIN)


def test_a_service_that_is_not_offered_is_named(tmp_path: Path) -> None:
    settings = DimseSettings(models=(StudyRootQueryRetrieveInformationModelFind,))
    with dimse(tmp_path, settings) as pacs:
        rows = pacs.listing().rows
        with pytest.raises(UserError, match="does not offer C-GET to PGDOSE"):
            pacs.fetch(rows)


def test_a_destination_that_the_server_does_not_know_is_named(tmp_path: Path) -> None:
    listen = {"host": "127.0.0.1", "port": free_port()}
    with dimse(tmp_path, DimseSettings(), retrieve="move", listen=listen) as pacs:
        rows = pacs.listing().rows
        with pytest.raises(UserError, match="does not know where PGDOSE listens"):
            pacs.fetch(rows)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with dimse(tmp_path, DimseSettings(), retrieve="move") as pacs:
        port = pacs.server["dimse"]["port"]
        pacs.server["dimse"]["listen"] = {"host": "127.0.0.1", "port": port}
        with pytest.raises(UserError, match=rf"listen: 127.0.0.1:{port} cannot be listened on"):
            pacs.listing()


def test_the_listener_takes_only_what_was_asked_for(tmp_path: Path) -> None:
    """Whoever finds the port: an instance that nobody asked for is refused, not kept."""
    import io

    import pydicom
    from pynetdicom import AE

    holdings = Holdings(films(1))
    listen = {"host": "127.0.0.1", "port": free_port()}
    server = {"host": "127.0.0.1", "port": 1, "called": "X", "retrieve": "move", "listen": listen}
    pacs = Pacs(holdings, {"dimse": server}, tmp_path / "films")
    archive = open_archive(pacs.source(), Credentials())
    try:
        ds = pydicom.dcmread(io.BytesIO(holdings.instances[0].content))
        stranger = AE()
        stranger.add_requested_context(ds.SOPClassUID, ExplicitVRLittleEndian)
        wrong = stranger.associate("127.0.0.1", listen["port"], ae_title="OTHER")
        assert wrong.is_rejected
        association = stranger.associate("127.0.0.1", listen["port"], ae_title="PGDOSE")
        assert association.send_c_store(ds).Status == 0x0124
        association.release()
    finally:
        archive.close()
    assert not pacs.root.exists()
