"""Two users on one folder of results: what is private stays with the one who began."""

import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.image_site import PRIVATE, RECORDS, SITE, image_site
from helpers.workflow import Run, listing

ADA, BEN, GROUP = 60101, 60102, 60100  # no accounts, which the system does not need

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be two users")

RunAs = Callable[..., Run]


@pytest.fixture
def shared() -> Iterator[Path]:
    """A checkout that both users may write to, as their group. pytest's own folders are root's."""
    with tempfile.TemporaryDirectory() as name:
        folder = image_site(Path(name, "study"))
        Path(name).chmod(0o755)
        give(folder, ADA)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o2775 if path.is_dir() else 0o664)
        yield folder


def debian_python() -> str:
    return f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"


def open_to_all(program: str) -> str | None:
    """The program, if every user may come to it and start it."""
    path = Path(program)
    places = [path, *path.parents]
    return program if path.exists() and all(p.stat().st_mode & 0o001 for p in places) else None


def give(folder: Path, user: int) -> None:
    subprocess.run(["chown", "-R", f"{user}:{GROUP}", folder], check=True)


@pytest.fixture
def run_as(shared: Path) -> RunAs:
    """Snakemake as one of the users; the tests' interpreter may lie where only root may go."""
    paths = os.pathsep.join([str(shared / "src"), sysconfig.get_path("purelib")])
    python = open_to_all(os.path.realpath(sys.executable)) or open_to_all(debian_python())
    if python is None:
        pytest.skip("there is no Python of this version that other users may start")

    def run(user: int, *arguments: str, umask: int = 0o022) -> Run:
        home = shared.parent / str(user)
        home.mkdir(exist_ok=True)
        os.chown(home, user, GROUP)
        environment = {"HOME": str(home), "USER": str(user), "PATH": os.environ["PATH"]}
        environment |= {"PYTHONPATH": paths, "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
        # Not Popen's `user`: it would look for the interpreter before it is that user.
        become = ["setpriv", f"--reuid={user}", f"--regid={GROUP}", "--clear-groups"]
        options = ["--configfile", SITE, "--resources", "gpu=0", "--cores", "1"]
        command = [*become, python, "-m", "snakemake", *options, *arguments, "--", RECORDS]
        return subprocess.run(
            command, cwd=shared, env=environment, umask=umask, text=True, capture_output=True
        )

    return run


def private_files(folder: Path) -> dict[str, tuple[int, int]]:
    return listing(folder / "private")


@pytest.mark.parametrize("umask", [0o002, 0o077])
def test_the_second_user_is_told_whose_folder_it_is(
    shared: Path, run_as: RunAs, umask: int
) -> None:
    run = run_as(ADA, umask=umask)
    assert run.returncode == 0, run.stdout + run.stderr
    before, key = private_files(shared), (shared / "private/key").read_text()
    for place in ("private", "private/site", PRIVATE):
        assert (shared / place).stat().st_mode & 0o777 == 0o700

    for arguments in ((), ("--dry-run",), ("--forceall",)):
        run = run_as(BEN, *arguments)
        text = run.stdout + run.stderr
        assert run.returncode == 1 and "Traceback" not in text
        assert f"private/ belongs to user {ADA}" in text and "chown -R" in text
        assert "privacy.key" not in text and key not in text  # which is not lost
    assert private_files(shared) == before
    assert (shared / "private/key").read_text() == key

    run = run_as(ADA, umask=umask)
    assert run.returncode == 0 and "Nothing to be done" in run.stdout + run.stderr


def test_what_root_began_a_user_goes_on_with_once_it_is_given_to_him(
    shared: Path, run_as: RunAs
) -> None:
    assert run_as(0).returncode == 0
    ids = (shared / RECORDS).read_bytes()
    run = run_as(ADA)
    assert run.returncode == 1 and "private/ belongs to root" in run.stdout + run.stderr
    give(shared, ADA)
    (shared / "data.csv").write_text((shared / "data.csv").read_text() + "\n")  # makes it anew
    run = run_as(ADA)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (shared / RECORDS).read_bytes() == ids
