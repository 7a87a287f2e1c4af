"""Pages in a real browser: where it is, what a page logs and asks for, what is too wide."""

import shutil

from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium")
# What reaches over the page's right edge though it stands in no box that scrolls.
OVERFLOWING = """() => [...document.body.querySelectorAll("*")].filter((one) =>
    !one.closest(".scroll, pre, .hoverlayer") && one.checkVisibility()
    && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).map((one) => `${one.tagName} ${one.id} ${one.className}`)"""


def watch(page: Page) -> tuple[list[str], list[str]]:
    """Lists that fill with the messages and errors of the page, and with the addresses it loads."""
    messages: list[str] = []
    addresses: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: addresses.append(request.url))
    return messages, addresses
