"""`pgdose demo`, without its run: the study that it writes, and what it refuses."""

import subprocess
from pathlib import Path

import pytest
from helpers.workflow import PROJECT

from pgdose.cli import demo as command
from pgdose.cli.check import check
from pgdose.errors import UserError

STUDIES = PROJECT / "resources" / "studies"


@pytest.mark.parametrize("name", ["demo", "demo-quick"])
def test_the_study_is_in_order_and_stays(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command.write_study(Path("new/place"), name)
    study = Path("new/place/study.yaml")
    assert study.read_bytes() == (STUDIES / f"{name}.yaml").read_bytes()
    assert "is in order" in check(study)[0]
    study.write_text(study.read_text() + "# mine\n")
    command.write_study(Path("new/place"), name)
    assert study.read_text().endswith("# mine\n")


def test_another_s_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files; name a new folder"):
        command.write_study(tmp_path, "demo")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    command.write_study(tmp_path / "quick", "demo-quick")
    with pytest.raises(UserError, match="is the study 'demo-quick', not 'demo'; name another"):
        command.write_study(tmp_path / "quick", "demo")
    with pytest.raises(UserError, match="name a folder that you may write to"):
        command.write_study(tmp_path / "mine.txt" / "below", "demo")


def test_a_run_that_fails_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(command, "run_study", lambda *call: calls.append(call) or 1)
    lines, status = command.demo(tmp_path / "a b", quick=True, cores=3)
    assert status == 1
    assert lines == [
        f"The study did not finish. To continue it: cd '{tmp_path}/a b' && "
        "pgdose run study.yaml --cores 3"
    ]
    assert calls == [
        (Path("study.yaml"), ["--cores", "3", "--resources", "gpu=0"], tmp_path / "a b")
    ]


def test_the_test_study_of_the_catalog_is_the_quick_demo() -> None:
    assert (PROJECT / ".test/config.yaml").read_bytes() == (
        STUDIES / "demo-quick.yaml"
    ).read_bytes()
    ignored = subprocess.run(["git", "check-ignore", "-q", ".test/results/x"], cwd=PROJECT)
    assert ignored.returncode in (0, 128)  # 128: no repository
