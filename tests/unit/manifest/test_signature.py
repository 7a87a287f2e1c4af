"""A signature fits the manifest and the key that it was made with, and no other."""

import base64
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from helpers.results_folder import finished, list_files, write_file

from pgdose.cli import verify as command
from pgdose.cli.verify import verify
from pgdose.errors import UserError
from pgdose.manifest import signature
from pgdose.manifest.files import MANIFEST, SIGNATURE

PEM = serialization.Encoding.PEM


def write_keys(folder: Path, name: str = "key", passphrase: bytes = b"") -> tuple[Path, Path]:
    """A private and a public key, as OpenSSL writes them."""
    key = Ed25519PrivateKey.generate()
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase)
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption))
    private.chmod(0o600)
    subject = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(PEM, subject))
    return private, public


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return finished(tmp_path / "results")


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return write_keys(tmp_path)


def test_signed_results_are_told_from_others(results: Path, keys: tuple[Path, Path]) -> None:
    private, public = keys
    with pytest.raises(UserError, match="missing, so nobody signed these results"):
        verify(results, public_key=public)
    assert "is a signature of it by the key" in verify(results, sign=private)[-1]
    fingerprint = verify(results, public_key=public)[-1].split()[-1]
    unchecked = verify(results)[-1]
    assert f"names the key {fingerprint}; NOT checked" in unchecked
    assert verify(results, sign=private, public_key=public)


def test_results_with_faults_are_never_signed(results: Path, keys: tuple[Path, Path]) -> None:
    private, public = keys
    write_file(results / "tables/asr.csv", 99)
    with pytest.raises(UserError, match=r"(?s)asr.csv: changed.*Nothing was signed"):
        verify(results, sign=private)
    with pytest.raises(UserError, match=r"(?s)Nothing was signed"):
        verify(results, sign=private, public_key=public)
    assert not (results / SIGNATURE).exists()


def test_nothing_is_signed_without_a_manifest(results: Path, keys: tuple[Path, Path]) -> None:
    (results / MANIFEST).unlink()
    for arguments in ({"sign": keys[0]}, {"public_key": keys[1]}):
        with pytest.raises(UserError, match=r"nothing to sign or to check.*no manifest.sha256"):
            verify(results, **arguments)


def test_another_key_s_signature_is_refused(
    results: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    other, other_public = write_keys(tmp_path, "other")
    verify(results, sign=other)
    with pytest.raises(UserError, match=r"signed with the key .*, not with"):
        verify(results, public_key=keys[1])
    assert "is a signature" in verify(results, public_key=other_public)[-1]
    with pytest.raises(UserError, match="is not the public key of"):
        verify(results, sign=other, public_key=keys[1])
    text = (results / SIGNATURE).read_text()
    verify(results, sign=keys[0])
    named = (results / SIGNATURE).read_text().splitlines()[2]
    forged = "\n".join([*text.splitlines()[:2], named, text.splitlines()[3], ""])
    (results / SIGNATURE).write_text(forged)
    with pytest.raises(UserError, match="forged or damaged, this key did not make it"):
        verify(results, public_key=keys[1])


def test_a_study_that_was_run_again_is_signed_again(results: Path, keys: tuple[Path, Path]) -> None:
    private, public = keys
    verify(results, sign=private)
    write_file(results / "tables/asr.csv", 99)
    list_files(results)
    for arguments in ({}, {"public_key": public}):
        with pytest.raises(UserError, match=r"the signature of another manifest.*sign again"):
            verify(results, **arguments)
    assert verify(results, sign=private)
    assert verify(results, public_key=public)


def test_no_flipped_bit_of_a_signature_goes_unseen(
    results: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    verify(results, sign=keys[0])
    monkeypatch.setattr(command, "_compare", lambda *_: ([], []))  # the files stay as they are
    content, rng = (results / SIGNATURE).read_bytes(), random.Random(1)
    for _ in range(300):
        place, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
        flipped = content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]
        (results / SIGNATURE).write_bytes(flipped)
        with pytest.raises(UserError, match=SIGNATURE):
            verify(results, public_key=keys[1])
    for short in (content[:-1], b"", content + b" "):
        (results / SIGNATURE).write_bytes(short)
        with pytest.raises(UserError, match="has not the form of a signature"):
            verify(results, public_key=keys[1])
    (results / SIGNATURE).unlink()
    (results / SIGNATURE).symlink_to("nowhere")
    with pytest.raises(UserError, match="a link that leads nowhere"):
        verify(results)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_makes_the_keys_and_checks_the_signature(results: Path, tmp_path: Path) -> None:
    """By the commands of docs/how-to/verify-and-sign.md."""

    def openssl(*arguments: str) -> str:
        command = ["openssl", *arguments]
        run = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=True)
        return run.stdout

    openssl("genpkey", "-algorithm", "ed25519", "-out", "mine.pem")
    openssl("pkey", "-in", "mine.pem", "-pubout", "-out", "mine.pub.pem")
    verify(results, sign=tmp_path / "mine.pem")
    last = (results / SIGNATURE).read_text().splitlines()[-1]
    (tmp_path / "signature").write_bytes(base64.b64decode(last))
    check = ["pkeyutl", "-verify", "-pubin", "-inkey", "mine.pub.pem", "-rawin"]
    told = openssl(*check, "-in", str(results / MANIFEST), "-sigfile", "signature")
    assert "Signature Verified Successfully" in told


def test_a_passphrase_is_asked_for_or_taken_from_the_environment(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, _ = write_keys(tmp_path, "locked", b"open, please")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(UserError, match="start from a terminal, or set PGDOSE_PASSPHRASE"):
        verify(results, sign=private)
    monkeypatch.setenv("PGDOSE_PASSPHRASE", "wrong")
    with pytest.raises(UserError, match="or a wrong passphrase"):
        verify(results, sign=private)
    monkeypatch.setenv("PGDOSE_PASSPHRASE", "open, please")
    assert verify(results, sign=private)


def test_keys_that_cannot_be_used_are_told(
    results: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    private, public = keys
    private.chmod(0o640)
    with pytest.raises(UserError, match="others may read this private key; run `chmod 600"):
        verify(results, sign=private)
    private.chmod(0o600)
    other = tmp_path / "rsa.pem"
    key = rsa.generate_private_key(65537, 2048)
    no_encryption = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    other.write_bytes(key.private_bytes(PEM, pkcs8, no_encryption))
    public.chmod(0o600)
    other.chmod(0o600)
    for path, message in (
        (
            tmp_path / "nowhere.pem",
            "missing; give a file that holds the key, or make one with `openssl genpkey",
        ),
        (tmp_path, "a folder stands in its place"),
        (public, "no private key in PEM form"),
        (other, "not an Ed25519 key"),
    ):
        with pytest.raises(UserError, match=message):
            verify(results, sign=path)
    os.mkfifo(tmp_path / "pipe")  # what <(...) of a shell gives
    with pytest.raises(UserError, match="no ordinary file; give a file that holds the key"):
        verify(results, public_key=tmp_path / "pipe")
    with pytest.raises(UserError, match="no public key in PEM form; make one with `openssl pkey"):
        verify(results, public_key=private)
    assert not (results / SIGNATURE).exists()


def test_a_signature_that_cannot_be_written_is_a_line(
    results: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pretended, since tests may run as root, who may write everywhere."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "x")

    monkeypatch.setattr(signature, "atomic", refuse)
    with pytest.raises(UserError, match=r"not written \(Permission denied\); make the results"):
        verify(results, sign=keys[0])


def test_a_folder_in_the_way_of_a_signature(results: Path, keys: tuple[Path, Path]) -> None:
    (results / ".manifest.sha256.1.sig").mkdir()
    assert verify(results, sign=keys[0])
    (results / SIGNATURE).unlink()
    for name in (f".manifest.sha256.{os.getpid()}.sig", SIGNATURE):
        (results / name).mkdir()
        with pytest.raises(UserError, match=r"not written \(Is a directory\).*is a folder"):
            verify(results, sign=keys[0])
        (results / name).rmdir()


@pytest.mark.parametrize("what", ["signature", "key"])
def test_a_disk_that_fails_is_a_line(
    results: Path, keys: tuple[Path, Path], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify(results, sign=keys[0])
    path = results / SIGNATURE if what == "signature" else keys[1]
    monkeypatch.setattr(signature, "problem_at", lambda _: None)
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with pytest.raises(UserError, match=r"cannot be read \(Input/output error\)"):
        verify(results, public_key=keys[1])


def test_a_signed_folder_under_another_name_says_of_which_study_it_is(
    results: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    verify(results, sign=keys[0])
    results.rename(tmp_path / "other_study")
    assert "of study phantom, written" in verify(tmp_path / "other_study", public_key=keys[1])[0]
