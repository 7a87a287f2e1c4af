"""Sources of kind `pacs`: what a study may say, and the sentences for what it may not."""

from typing import Any

import pytest

from pgdose.errors import UserError
from pgdose.study.sections import section_of
from pgdose.study.sources import PacsArchive

DIMSE = {"host": "pacs.hospital", "called": "PACS"}
WEB = {"url": "https://pacs.hospital:8443/dicom-web"}


def source(**sections: Any) -> PacsArchive:
    fields = {"kind": "pacs", "root": "films", "server": {"dimse": DIMSE}} | sections
    return section_of(PacsArchive, fields, "sources.films")


def test_what_is_left_out_has_a_default() -> None:
    plain = source()
    assert plain.asked_modalities == ["CR", "DX", "RF"]
    assert plain.find.dates == (None, None) and plain.fetch.at_once == 4
    assert not plain.asks_for_documents
    assert source(find={"modalities": ["DX"]}).asked_modalities == ["DX"]
    assert source(find=None, fetch=None) == plain


def test_a_source_survives_its_own_json() -> None:
    given = source(
        find={"dates": ["2019-01-01", None], "descriptions": [" *Thorax* "]},
        fetch={"hours": ["20:00", "06:00"], "per_second": 2},
    )
    assert PacsArchive.model_validate(given.to_dict()) == given


def test_how_films_are_fetched_reruns_nothing() -> None:
    assert "fetch" not in source().settings("list_on_pacs")
    assert not {"fetch", "find", "server", "root"} & set(source().settings("headers"))
    assert {"find", "server"} <= set(source().settings("list_on_pacs"))


def test_the_report_does_not_say_where_the_server_is() -> None:
    for server in ({"dimse": DIMSE}, {"dicomweb": WEB}):
        shown = str(source(server=server).to_dict(paths=False))
        assert "pacs.hospital" not in shown and "PACS" not in shown


@pytest.mark.parametrize(
    "url",
    ["https://pacs", "http://localhost:8042/dicom-web/", "http://127.0.0.1", "http://[::1]:80/x"],
)
def test_addresses(url: str) -> None:
    server = source(server={"dicomweb": {"url": url}}).server
    assert server.dicomweb and server.dicomweb.url == url.rstrip("/")


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"server": {}}, "server: give either 'dicomweb' or 'dimse'"),
    ({"server": {"dimse": DIMSE, "dicomweb": WEB}}, "server: give either 'dicomweb' or 'dimse'"),
    ({"server": {"dicomweb": {"url": "http://pacs.hospital/x"}}}, "must begin with https://"),
    ({"server": {"dicomweb": {"url": "http://localhost.evil.org"}}}, "must begin with https://"),
    ({"server": {"dicomweb": {"url": "ftp://pacs"}}}, "must be the address of a DICOMweb service"),
    ({"server": {"dicomweb": {"url": "https://pacs:x/"}}}, "must be the address of a DICOMweb"),
    ({"server": {"dicomweb": {"url": "https://pacs/?a=1"}}}, "must end before ? and #"),
    ({"server": {"dicomweb": WEB | {"qido_prefix": "../x"}}}, "must be a part of the address"),
    (
        {"server": {"dicomweb": {"url": "http://localhost/x"}, "tls": {}}},
        "server.tls: is for https://",
    ),
    ({"server": {"dimse": DIMSE | {"called": "A" * 17}}}, "must be an AE title"),
    ({"server": {"dimse": DIMSE | {"called": "A\\B"}}}, "must be an AE title"),
    ({"server": {"dimse": DIMSE | {"host": "a b"}}}, "must be the name or the address"),
    ({"server": {"dimse": DIMSE | {"port": 70_000}}}, "must be at most 65535"),
    ({"server": {"dimse": DIMSE | {"listen": {}}}}, "dimse.listen: is for 'retrieve: move'"),
    ({"server": {"dimse": DIMSE | {"retrieve": "put"}}}, "must be 'get' or 'move'"),
    ({"server": {"dimse": DIMSE, "tls": {"key": "a.pem"}}}, "'key' belongs to a 'certificate'"),
    (
        {"server": {"dimse": DIMSE | {"retrieve": "move"}, "tls": {"ca": "a.pem"}}},
        "server.tls: needs 'certificate' with 'retrieve: move'",
    ),
    ({"find": {"dates": ["2020-01-02", "2020-01-01"]}}, "the first is later than the last"),
    ({"find": {"dates": [20200102, None]}}, "find.dates.0: 20200102 must be a date such as"),
    ({"find": {"dates": ["2020-02-30", None]}}, "must be a date such as"),
    ({"find": {"dates": ["2020-01-02"]}}, "find.dates.1: missing"),
    ({"find": {"modalities": []}}, "has too few entries"),
    ({"find": {"body_parts": ["chest"]}}, "must be a code of the DICOM attribute BodyPart"),
    ({"find": {"descriptions": ["*"]}}, "must be a text to look for"),
    ({"fetch": {"hours": ["20:00", "20:00"]}}, "must be two different times"),
    ({"fetch": {"hours": ["8:00", "24:00"]}}, "must be a time of day"),
    ({"fetch": {"per_second": 0}}, "must be more than 0"),
    ({"fetch": {"at_once": 100}}, "must be at most 32"),
    ({"fetch": {"retries": -1}}, "must be at least 0"),
    ({"fetch": {"timeout": 0}}, "must be more than 0"),
]


@pytest.mark.parametrize(("sections", "sentence"), MISTAKES, ids=[text for _, text in MISTAKES])
def test_mistakes(sections: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        source(**sections)
    assert str(caught.value).startswith("sources.films.")
    assert sentence in str(caught.value)


def test_a_login_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(UserError, match="holds a login") as caught:
        source(server={"dicomweb": {"url": "https://anna:Winter-2019@pacs.hospital"}})
    assert "Winter" not in str(caught.value)
