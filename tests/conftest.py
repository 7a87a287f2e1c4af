"""Kinds of tests, their order, and the small study that many of them share."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from helpers.workflow import PROJECT, carried_out, copied, listing, made_once

# `make test` runs a process of tests on each core: more threads only wait for each other. Jobs of a
# study set the number of theirs.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run, however slow the machine is.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, max_examples=25
)
hypothesis.settings.load_profile("repeatable")

KINDS = ("unit", "workflow", "long")  # and the folders below tests/
# pytest-xdist gives whole files to its workers, in order. What takes minutes begins first, so that
# no worker is left alone with it at the end.
FIRST = [
    "workflow/test_graph.py",
    "workflow/test_audit.py",
    "workflow/test_workflow.py",
    "workflow/test_privacy.py",
    "workflow",
    "unit/report/test_browser.py",
    "unit/networks",
    "unit/attack",
]


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first, and mark each test by its folder if it has no kind yet.

    So every test has one kind: one of tests/unit that starts Snakemake is marked as `workflow`.
    """
    tests = PROJECT / "tests"
    for item in items:
        if not any(item.get_closest_marker(kind) for kind in KINDS):
            item.add_marker(item.path.relative_to(tests).parts[0])

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(tests)
        places = (i for i, first in enumerate(FIRST) if path.is_relative_to(first))
        return next(places, len(FIRST))

    items.sort(key=place)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small tensors are slower in several threads, most of all beside other work."""
    import torch  # not every test pays for it

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of this test run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def small_study(shared_folder: Path) -> Iterator[Path]:
    """A checkout in which the small study has been carried out, once for all workers.

    For reading only: a test that changes something asks for `finished`.
    """
    folder = made_once(shared_folder / "small", carried_out)
    before = listing(folder)
    yield folder
    assert listing(folder) == before, "a test changed the small study, which all workers read"


@pytest.fixture(scope="session")
def finished(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This worker's own copy of the finished small study. Leave it as you found it."""
    return copied(small_study, tmp_path_factory.mktemp("own") / "small")
