"""Fixtures that run the real workflow on a small study."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.workflow import checkout, planned, snakemake


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small tensors are slower in several threads, most of all beside other work."""
    import torch  # not every test pays for it

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the small study has been carried out. Leave it as you found it."""
    folder = checkout(tmp_path_factory.mktemp("small"))
    run = snakemake(folder)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-5000:]
    return folder


@pytest.fixture
def plan(small_study: Path) -> Callable[..., dict[str, int]]:
    """What a dry run plans in the finished small study, as {rule: jobs}."""

    def dry_run(*arguments: str) -> dict[str, int]:
        return planned(snakemake(small_study, "--dry-run", *arguments))

    return dry_run
