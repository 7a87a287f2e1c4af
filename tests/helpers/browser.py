"""What a page logs and asks for in the browser."""

from playwright.sync_api import Page


def watch(page: Page) -> tuple[list[str], list[str]]:
    """Lists that fill with the messages and errors of the page, and with the addresses it loads."""
    messages: list[str] = []
    addresses: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: addresses.append(request.url))
    return messages, addresses
