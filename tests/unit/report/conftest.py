"""A real browser for the pages: Debian's `chromium`, without a window."""

from collections.abc import Iterator

import pytest
from helpers.browser import CHROMIUM
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("there is no chromium (apt install chromium)")
    with sync_playwright() as driver:
        # Root may not use the sandbox; the pages are ours.
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()
