"""The digest of a job's code: it changes with what runs, and with nothing else."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.workflow import PROJECT

from pgdose import rerun_digest

FILES = {
    "src/pgdose/__init__.py": "",
    "src/pgdose/direct.py": "from pgdose.deep import indirect\n\nG = indirect.g\n",
    "src/pgdose/deep/__init__.py": "DEPTH = 1\n",
    "src/pgdose/deep/indirect.py": "def g():\n    return 1\n",
    "src/pgdose/unrelated.py": "def h():\n    return 1\n",
    "scripts/job.py": "LOG = 1\n",
    "scripts/other.py": "LOG = 1\n",
    "scripts/train.py": "import numpy as np\nfrom job import LOG\n\nfrom pgdose import direct\n",
    "scripts/phantom.py": "from pgdose_phantom import hospital\n",
    "src/pgdose_phantom/__init__.py": "",
    "src/pgdose_phantom/hospital.py": "import pgdose.unrelated\n\nBEDS = 1\n",
}
SCRIPT = "scripts/train.py"
OTHERS = {  # files that SCRIPT does not run
    *("src/pgdose/unrelated.py", "scripts/other.py", "scripts/phantom.py"),
    *("src/pgdose_phantom/__init__.py", "src/pgdose_phantom/hospital.py"),
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small project of a script, its neighbours and a package."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(rerun_digest, "SOURCE", tmp_path / "src")
    rerun_digest.forget()
    yield tmp_path
    rerun_digest.forget()


def digest(tree: Path, script: str = SCRIPT) -> str:
    rerun_digest.forget()
    return rerun_digest.digest(tree / script)


def test_source_files_are_the_script_its_neighbours_and_all_it_imports(tree: Path) -> None:
    files = {path.relative_to(tree).as_posix() for path in rerun_digest.source_files(tree / SCRIPT)}
    assert files == set(FILES) - OTHERS


@pytest.mark.parametrize("folder", ["a", "z", "src/pgdose/installed"])
def test_it_does_not_matter_where_scripts_and_packages_lie(tree: Path, folder: str) -> None:
    before = digest(tree)
    shutil.copytree(tree / "scripts", tree / folder)
    assert digest(tree, f"{folder}/train.py") == before


@pytest.mark.parametrize(
    "name",
    [
        SCRIPT,
        "scripts/job.py",
        "src/pgdose/direct.py",
        "src/pgdose/deep/indirect.py",
        "src/pgdose/deep/__init__.py",
        "src/pgdose/__init__.py",
    ],
)
def test_digest_changes_with_the_code_that_runs(tree: Path, name: str) -> None:
    before = digest(tree)
    (tree / name).write_text(FILES[name] + "\nCHANGED = 1\n")
    assert digest(tree) != before


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_digest_does_not_change_with_code_that_does_not_run(tree: Path, name: str) -> None:
    before = digest(tree)
    (tree / name).write_text("CHANGED = 1\n")
    assert digest(tree) == before


COMMENTED = '''"""The purpose of this module."""

# A comment.


def g():
    """The purpose of g."""

    return 1  # one


'''


def test_comments_docstrings_and_blank_lines_do_not_count(tree: Path) -> None:
    before = digest(tree)
    (tree / "src/pgdose/deep/indirect.py").write_text(COMMENTED)
    assert digest(tree) == before
    (tree / "src/pgdose/deep/indirect.py").write_text(COMMENTED.replace("return 1", "return 2"))
    assert digest(tree) != before


@pytest.mark.parametrize("head", ["def g():", "class G:", "async def g():"])
def test_docstrings_of_every_kind_of_definition_do_not_count(tree: Path, head: str) -> None:
    module = tree / "src/pgdose/deep/indirect.py"
    module.write_text(f"{head}\n    x = 1\n")
    before = digest(tree)
    module.write_text(f'{head}\n    """Its purpose."""\n    x = 1\n')
    assert digest(tree) == before


def test_docstrings_below_the_fields_of_a_class_do_not_count(tree: Path) -> None:
    module = tree / "src/pgdose/deep/indirect.py"
    module.write_text("class G:\n    x: int = 1\n    y: int = 2\n")
    before = digest(tree)
    described = 'class G:\n    x: int = 1\n    """Width."""\n    y: int = 2\n    """Side."""\n'
    module.write_text(described)
    assert digest(tree) == before
    module.write_text(described.replace("2", "3"))
    assert digest(tree) != before


def test_a_text_that_is_no_docstring_counts(tree: Path) -> None:
    module = tree / "src/pgdose/deep/indirect.py"
    module.write_text("def g():\n    return 'a'\n")
    before = digest(tree)
    module.write_text("def g():\n    return 'b'\n")
    assert digest(tree) != before


def test_digest_is_the_same_in_another_checkout(tree: Path, tmp_path: Path) -> None:
    before = digest(tree)
    for name, text in FILES.items():
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rerun_digest, "SOURCE", tmp_path / "copy" / "src")
        assert digest(tmp_path / "copy") == before


def test_an_import_within_a_function_counts(tree: Path) -> None:
    (tree / SCRIPT).write_text("def f():\n    import pgdose.unrelated\n")
    before = digest(tree)
    (tree / "src/pgdose/unrelated.py").write_text("CHANGED = 1\n")
    assert digest(tree) != before


def test_a_relative_import_is_refused(tree: Path) -> None:
    (tree / "src/pgdose/direct.py").write_text("from .deep import indirect\n")
    with pytest.raises(ValueError, match=r"direct\.py has a relative import"):
        digest(tree)


PHANTOM = "scripts/phantom.py"


def test_the_files_of_the_phantom_are_among_a_phantom_script_s(tree: Path) -> None:
    files = {
        path.relative_to(tree).as_posix() for path in rerun_digest.source_files(tree / PHANTOM)
    }
    assert files == {
        *(PHANTOM, "src/pgdose_phantom/__init__.py", "src/pgdose_phantom/hospital.py"),
        *("src/pgdose/__init__.py", "src/pgdose/unrelated.py"),
    }


def test_editing_the_phantom_changes_the_digest_of_its_scripts_alone(tree: Path) -> None:
    before = digest(tree, PHANTOM), digest(tree, SCRIPT)
    (tree / "src/pgdose_phantom/hospital.py").write_text("BEDS = 2\n")
    assert digest(tree, PHANTOM) != before[0] and digest(tree, SCRIPT) == before[1]
    (tree / "src/pgdose/unrelated.py").write_text("CHANGED = 1\n")
    (tree / "src/pgdose_phantom/hospital.py").write_text(FILES["src/pgdose_phantom/hospital.py"])
    assert digest(tree, PHANTOM) != before[0], "the phantom's imports of pgdose count, too"


def test_every_script_of_pgdose_has_a_digest_of_its_own() -> None:
    rerun_digest.forget()
    scripts = sorted((Path(__file__).parents[3] / "scripts").glob("*.py"))
    digests = {script: rerun_digest.digest(script) for script in scripts}
    assert len(set(digests.values())) == len(scripts)
    assert all(len(d) == 16 for d in digests.values())


def test_only_scripts_of_the_phantom_run_its_code() -> None:
    for script in sorted((Path(__file__).parents[3] / "scripts").glob("*.py")):
        packages = {path.parent.name for path in rerun_digest.source_files(script)}
        assert ("pgdose_phantom" in packages) == script.name.startswith("phantom_"), script.name


NO_NETWORK_S = re.compile(
    r"pgdose/(histology|xray|labelling|imagetable|analysis|attack|plots|report)/"
    r"|pgdose/tables/(slide|record|screening)_schemas"
)
# Adversarial training attacks images with the step of the attacks, not with their surfaces.
OF_ADVERSARIAL_TRAINING = re.compile(
    r"pgdose/attack/(__init__|draws|loop|objectives|projections|samples|steps)\.py"
)


@pytest.mark.parametrize("name", ["train.py", "import_network.py"])
def test_a_network_s_jobs_run_no_code_of_other_stages(name: str) -> None:
    """Editing the schema of slides plans no training."""
    script = Path(__file__).parents[3] / "scripts" / name
    plain = rerun_digest.source_files(script, ["pgdose.training.adversarial"])
    assert [path for path in plain if NO_NETWORK_S.search(path.as_posix())] == []
    others = [path for path in rerun_digest.source_files(script) if path not in plain]
    of_attacks = [path for path in others if NO_NETWORK_S.search(path.as_posix())]
    assert all(OF_ADVERSARIAL_TRAINING.search(path.as_posix()) for path in of_attacks)
    assert bool(of_attacks) == (name == "train.py")


VERSIONS = [f"3.{minor}" for minor in range(11, 14)]
SNIPPET = """
def f(x):
    return f"{x!r:>{x}}" f"{x:.2f} and {x}" if x else None


class A:
    y: int = 0
"""


def test_the_digest_is_the_same_under_every_version_of_python(tmp_path: Path) -> None:
    """Else a study that moves to a machine with another Python would be carried out again."""
    script = tmp_path / "script.py"
    script.write_text(SNIPPET)
    code = "import sys; from pathlib import Path; from pgdose import rerun_digest as r\n"
    code += "print(r.digest(Path(sys.argv[1])), r.digest(Path(sys.argv[2])))"
    train = PROJECT / "scripts/train.py"
    digests = {}
    for version in VERSIONS:
        command = [f"python{version}", "-c", code, str(script), str(train)]
        environment = os.environ | {"PYTHONPATH": str(PROJECT / "src"), "PYENV_VERSION": version}
        with contextlib.suppress(FileNotFoundError):
            run = subprocess.run(command, env=environment, text=True, capture_output=True)
            if run.returncode == 0:
                digests[version] = run.stdout
    if len(digests) < 2:
        pytest.skip("there is one version of Python here")
    assert len(set(digests.values())) == 1, digests
