"""The login: where it comes from, and that nobody else can read it."""

from pathlib import Path

import pytest
from helpers.pacs_servers import PASSWORD, TOKEN, USER, Authority

from pgdose.errors import UserError
from pgdose.pacs.credentials import Credentials, check_server_files, read_credentials
from pgdose.study.pacs import Server

WEB = {"dicomweb": {"url": "https://pacs.hospital"}}


def private(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("text", "login"),
    [
        (f"user: {USER}\npassword: {PASSWORD}\n", Credentials(USER, PASSWORD)),
        (f"# of the study\n\n  token:{TOKEN}  \r\n", Credentials(token=TOKEN)),
        ("user: x\npassword: a: b # c\n", Credentials("x", "a: b # c")),
        ("\ufeffuser: rück\npassword: пароль\n", Credentials("rück", "пароль")),
    ],
)
def test_a_file_is_read_as_it_stands(tmp_path: Path, text: str, login: Credentials) -> None:
    assert read_credentials(private(tmp_path / "login", text), {}) == login


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666, 0o601])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "login", f"token: {TOKEN}\n", mode)
    with pytest.raises(UserError, match=rf"other users can read .* \(mode {mode:04o}\).*chmod 600"):
        read_credentials(path, {})


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD,
        f"user: {USER}\n{PASSWORD}\n",
        f"user: {USER}\n",
        f"password: {PASSWORD}\n",
        f"user: {USER}\npassword: {PASSWORD}\ntoken: {TOKEN}\n",
        f"user: {USER}\nuser: {USER}\npassword: {PASSWORD}\n",
        f"user: {USER}\npass: {PASSWORD}\n",
        f"user: {USER}\npassword:\n",
        f"user: {USER}\npassword: {PASSWORD}\x07\n",
        f"token: Bearer {TOKEN}\n",
        f"token: {TOKEN}\N{CYRILLIC SMALL LETTER A}\n",  # no header of HTTP can hold it
        "",
        "x" * 100_000,
    ],
)
def test_a_file_with_a_mistake_is_refused_without_a_word_of_it(tmp_path: Path, text: str) -> None:
    path = private(tmp_path / "login", text)
    with pytest.raises(UserError) as caught:
        read_credentials(path, {})
    assert str(caught.value).startswith("server.credentials: ")
    assert not [word for word in (USER, PASSWORD, TOKEN) if word in str(caught.value)]


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no file"):
        read_credentials(str(tmp_path / "login"), {})
    with pytest.raises(UserError, match="no regular file"):
        read_credentials(str(tmp_path), {})
    (tmp_path / "login").write_bytes(b"token: \xff\n")
    (tmp_path / "login").chmod(0o600)
    with pytest.raises(UserError, match="no text in UTF-8"):
        read_credentials(str(tmp_path / "login"), {})


def test_without_a_file_the_environment_counts() -> None:
    environment = {"PGDOSE_PACS_USER": USER, "PGDOSE_PACS_PASSWORD": PASSWORD}
    assert read_credentials(None, environment) == Credentials(USER, PASSWORD)
    assert read_credentials(None, {"PGDOSE_PACS_TOKEN": TOKEN}) == Credentials(token=TOKEN)
    assert read_credentials(None, {"PGDOSE_PACS_USER": ""}) == Credentials()
    with pytest.raises(UserError, match=r"^the environment: has only one of"):
        read_credentials(None, {"PGDOSE_PACS_USER": USER})


def test_a_file_goes_before_the_environment(tmp_path: Path) -> None:
    path = private(tmp_path / "login", "token: of-the-file\n")
    assert read_credentials(path, {"PGDOSE_PACS_TOKEN": TOKEN}).token == "of-the-file"


def test_a_login_shows_no_value() -> None:
    login = Credentials(USER, PASSWORD)
    shown = f"{login} {login!r} {[login]}"
    assert PASSWORD not in shown and USER not in shown


def test_files_of_tls_are_checked_before_any_job(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("client")
    tls = {"ca": str(tmp_path / "ca.pem"), "certificate": str(certificate), "key": str(key)}
    check_server_files(Server.model_validate(WEB | {"tls": tls}))
    key.chmod(0o644)
    with pytest.raises(UserError, match=r"^server.tls.key: other users can read"):
        check_server_files(Server.model_validate(WEB | {"tls": tls}))
    with pytest.raises(UserError, match=r"^server.tls.certificate: other users can read"):
        both = {"certificate": str(certificate)}  # the key is expected in it
        check_server_files(Server.model_validate(WEB | {"tls": both}))
    with pytest.raises(UserError, match=r"^server.tls.ca: there is no file"):
        check_server_files(Server.model_validate(WEB | {"tls": {"ca": str(tmp_path / "no.pem")}}))
