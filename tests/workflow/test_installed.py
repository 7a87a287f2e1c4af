"""pgdose from a wheel, in an environment of its own, without a checkout: an audit to its end."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pandas as pd
import pytest
from helpers.small_audit import IMAGES, write_audit
from helpers.workflow import PROJECT, checkout

BUILD_FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md")
BUILD = "import setuptools.build_meta as b; b.build_sdist('.')"
SITE = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"NO_COLOR": "1"}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel that is built from the source distribution, as a package index would."""
    folder = checkout(tmp_path_factory.mktemp("source"))
    for name in BUILD_FILES:
        shutil.copy(PROJECT / name, folder / name)
    run(sys.executable, "-c", BUILD, cwd=folder)
    (packed,) = folder.glob("pgdose-*.tar.gz")
    unpacked = tmp_path_factory.mktemp("sdist")
    with tarfile.open(packed) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    pip = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "-q"]
    run(*pip, "-w", unpacked, ".", cwd=source)
    (built,) = unpacked.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that borrows all packages but pgdose."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index"]
    run(*pip, "-q", wheel, cwd=folder)
    # A plain line: the borrowed folder's own .pth files, which lead to a checkout, are not read.
    borrowed = next(path for path in sys.path if (Path(path) / "snakemake").is_dir())
    (folder / SITE / "borrowed.pth").write_text(f"{borrowed}\n")
    return folder / "bin"


def test_an_audit_runs_to_its_end_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    place = run(installed / "python", "-c", "import pgdose; print(pgdose.__file__)", cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(installed.parent)
    write_audit(tmp_path)
    options = ["--model", "model.pt2", "--images", "films", "--labels", "labels.csv"]
    options += [
        "--classes",
        "dark,bright",
        "--epsilons",
        "1/255,0.2",
        "--max-asr",
        "0.5",
        "--iterations",
        "3",
        "--cores",
        "2",
        "--gpu",
        "0",
    ]
    told = run(installed / "pgdose", "audit", *options, "--out", "mine", cwd=tmp_path)
    assert "image: column 'file', label: column 'diagnosis', patient: column 'Patient ID'" in told
    results = tmp_path / "mine/results/mine"
    assert "\nPage: mine/results/mine/report.html\n" in told
    networks = pd.read_csv(results / "tables/networks.csv")
    assert networks["accuracy"].tolist() == [1.0]
    asr = pd.read_csv(results / "tables/asr.csv").query("attack == 'sign' and iteration == 3")
    assert asr["asr"].tolist() == [0.0, 1.0]  # their means lie 20 grey levels from the middle
    assert f"{IMAGES} of {IMAGES}" in told
    judged = run(installed / "pgdose", "gate", results, cwd=tmp_path)
    assert judged == "PASS: 1 of 1 limits are surely kept\n"


def test_a_study_names_lexicons_of_the_package(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Лёгкие без очаговых теней.\n")
    code = "from pgdose.project_files import shipped; print(shipped('resources/lexicons/ru.yaml'))"
    lexicon = Path(run(installed / "python", "-c", code, cwd=tmp_path).strip())
    assert lexicon.is_file() and lexicon.is_relative_to(installed.parent)
