"""What of a machine is missing or slow: each fault is found, and none where there is none."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pgdose.cli import doctor, installation
from pgdose.cli.doctor import Finding


@pytest.fixture
def one_check(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """A function that runs one check as the whole of `pgdose doctor`."""

    def run(check, folder: Path = Path()) -> tuple[list[str], int]:  # type: ignore[no-untyped-def]
        monkeypatch.setattr(doctor, "CHECKS", (check,))
        return doctor.doctor(False, folder)

    return run


def test_this_machine_passes_what_its_tests_need(one_check, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for check in doctor.CHECKS:
        if check.__name__ not in ("_torch", "_private"):
            assert one_check(check, tmp_path)[1] == 0, check.__name__


@pytest.mark.parametrize(
    ("requirement", "says"),
    [
        ("no-such-library>=1", "not installed; pip install 'no-such-library>=1'"),
        ("numpy>=999", "but pgdose needs >=999; pip install 'numpy>=999'"),
    ],
)
def test_a_library_that_is_missing_or_old_is_an_error(
    requirement: str,
    says: str,
    one_check,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(installation, "requirements", lambda extra="": [Requirement(requirement)])
    lines, status = one_check(doctor._libraries)
    assert status == 1 and says in lines[0] and lines[0].startswith("missing")
    lines, status = one_check(doctor._extras)
    assert status == 0 and all(line.startswith("optional") for line in lines[:-1])


def test_another_python_is_an_error(one_check, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(installation, "python_bounds", lambda: ">=9")
    assert "pgdose needs >=9" in one_check(doctor._python)[0][0]


def test_a_file_system_without_locks_is_an_error(
    one_check,  # type: ignore[no-untyped-def]
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor.fcntl, "flock", lambda *_: None)
    lines, status = one_check(doctor._file_system, tmp_path)
    assert status == 1 and "files cannot be locked" in lines[0]
    assert not list(tmp_path.iterdir())


def test_a_private_folder_for_all_eyes_is_told(one_check, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    private = tmp_path / "private"
    private.mkdir(mode=0o755)
    private.chmod(0o755)
    assert "chmod 700 private" in one_check(doctor._private, tmp_path)[0][0]
    private.chmod(0o700)
    assert one_check(doctor._private, tmp_path)[0][0].startswith("ok")


def test_a_check_that_fails_itself_is_a_finding(one_check) -> None:  # type: ignore[no-untyped-def]
    def _broken(folder: Path) -> Iterator[Finding]:
        raise OSError
        yield

    assert one_check(_broken)[0][0] == (
        "missing   broken  cannot be looked at (OSError); install it again"
    )


def test_findings_are_printed_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (doctor._processor,))
    (row,) = json.loads("\n".join(doctor.doctor(True, Path())[0]))
    assert row["topic"] == "processor" and row["state"] in ("ok", "slow")


def test_metadata_of_an_installed_package_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from_checkout = {r.name for r in installation.requirements()}
    assert {"torch", "pydicom"} <= from_checkout
    monkeypatch.setattr(installation, "_project", lambda: None)
    assert {"torch", "pydicom"} <= {r.name for r in installation.requirements()}
    assert {"onnx"} == {r.name for r in installation.requirements("onnx")}
    assert installation.python_bounds().startswith((">=", "<"))
