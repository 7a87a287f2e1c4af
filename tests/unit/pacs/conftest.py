"""A server of each kind that can be fetched from."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.pacs_servers import Holdings, web_server
from helpers.pacs_sources import Pacs, Start, start_dimse


@pytest.fixture(params=["dicomweb", "get", "move"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Start a server with these holdings, of one kind after the other."""
    with contextlib.ExitStack() as stack:

        def start_one(holdings: Holdings) -> Pacs:
            if request.param == "dicomweb":
                server = {"dicomweb": {"url": stack.enter_context(web_server(holdings))}}
            else:
                server = {"dimse": start_dimse(stack, holdings, request.param)}
            return Pacs(holdings, server, tmp_path / "films")

        yield start_one
