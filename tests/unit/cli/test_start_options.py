"""What stops a run whose options Snakemake would take for others than were meant."""

from pathlib import Path

import pytest

from pgdose.cli.start_options import check_interpreter, check_profiles
from pgdose.errors import UserError


@pytest.fixture
def snakefile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Started from a folder with a profile of its own, beside the checkout's."""
    for name in ("checkout/profiles/default", "checkout/profiles/slurm", "here/profiles/ours"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.yaml").touch()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    return tmp_path / "checkout/Snakefile"


@pytest.mark.parametrize(
    "arguments",
    [
        "--cores 2 all",
        "--workflow-profile slurm",
        "--workflow-profile=ours --cores 2",
        "--workflow-profile profiles/ours",
        "--workflow-profile profiles/ours/config.yaml",
        "--workflow-profile none",
        "--profile none",
        "--profile somewhere/else",
        "--workflow-profile ours --profile profiles/ours",
    ],
)
def test_profiles_that_exist_are_taken(snakefile: Path, arguments: str) -> None:
    check_profiles(snakefile, arguments.split())


@pytest.mark.parametrize(
    "option", ["--workflow-profile ", "--workflow-profile=", "--workflow-pro "]
)
def test_a_profile_that_does_not_exist_is_refused(snakefile: Path, option: str) -> None:
    with pytest.raises(UserError) as error:
        check_profiles(snakefile, f"--cores 2 {option}slrum all".split())
    assert str(error.value) == (
        "--workflow-profile slrum: there is no such profile, did you mean 'slurm'? use one of: "
        "default, ours, slurm, the folders below profiles/"
    )


def test_the_default_would_override_a_profile_given_the_other_way(
    snakefile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        UserError, match=r"--profile profiles/ours: .*; write --workflow-prof\S+ ours"
    ):
        check_profiles(snakefile, ["--profile", "profiles/ours"])
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "profiles/ours")
    with pytest.raises(UserError, match="write --workflow-profile ours"):
        check_profiles(snakefile, [])


@pytest.mark.parametrize(
    "name", ["my study", "it's", 'x"', "a(b)", "$x", "a&b", "a;b", "{a,b}", "*"]
)
def test_an_environment_that_the_shell_would_not_find_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="make the environment in a folder without spaces"):
        check_interpreter(f"/opt/{name}/.venv/bin/python")


@pytest.mark.parametrize("name", ["проект", "a-b_c.d+e", "a=b", "a:b", "a%b", "v1~2"])
def test_other_environments_are_taken(name: str) -> None:
    check_interpreter(f"/opt/{name}/.venv/bin/python")
