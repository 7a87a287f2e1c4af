"""The page of report texts in a real browser: its filters, and that it loads nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.browser import watch
from playwright.sync_api import Browser, Page, expect

from pgdose.labelling.explanations import Explanation
from pgdose.labelling.reports import Mention
from pgdose.report.label_page import Card, HandLabel, Heading, write_label_page


def card(report: str, text: str, state: str, *differences: HandLabel) -> Card:
    mentions = [Mention("fibrosis", state, 0, 8, "r", "c")] if state != "unmentioned" else []
    states = {"norm": "unmentioned", "fibrosis": state, "<b>": "unmentioned"}
    explanation = Explanation(text, mentions, [None] * len(mentions), states, "not norm")
    return Card(report, explanation, differences)


CARDS = [
    card("one", "Fibrosis <script>document.title = 1</script>", "present"),
    card("two", "fibrosis no", "absent", HandLabel("fibrosis", "present", "absent")),
    card("three", "Scar\n'\"&amp;", "unmentioned", HandLabel("fibrosis", "present", "unmentioned")),
    Card("four", Explanation("????", [], [], {}, "it has no words")),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("labels") / "labels.html"
    heading = Heading("Reports", "mine.yaml", ["norm", "fibrosis", "<b>"], ["a note"])
    write_label_page(path, heading, CARDS, None)
    return path.as_uri()


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    opened = browser.new_page(color_scheme=request.param)
    messages, requests = watch(opened)
    opened.goto(address)
    yield opened
    opened.close()
    assert messages == [] and requests == [address]


def shown(page: Page) -> list[str]:
    return page.locator(".card:visible h2").all_text_contents()


def test_filters(page: Page) -> None:
    assert page.title() == "Reports"
    texts = page.locator(".text").all_text_contents()
    assert [one.explanation.text for one in CARDS] == texts[-4:]
    assert shown(page) == ["one", "two", "three", "four"]
    page.get_by_label("Label", exact=True).select_option("fibrosis")
    assert shown(page) == ["one", "two"]
    page.get_by_label("State", exact=True).select_option("absent")
    assert shown(page) == ["two"]
    page.get_by_label("State", exact=True).select_option("unmentioned")
    assert shown(page) == ["three"]
    expect(page.get_by_role("status")).to_have_text("1 of 4 reports")
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("differs").check()
    assert shown(page) == ["two", "three"]
    page.get_by_label("Label", exact=True).select_option("fibrosis")
    assert shown(page) == ["two", "three"]
    page.get_by_label("Label", exact=True).select_option("norm")
    assert shown(page) == []
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("Words", exact=True).fill("SCAR")
    assert shown(page) == ["three"]
    page.get_by_role("button", name="Show all").click()
    page.locator("td button[data-label=fibrosis][data-state=present]").click()
    assert shown(page) == ["one"]


def contrast(page: Page, selector: str) -> float:
    """WCAG's contrast of the letters of an element with what is behind them."""
    return page.evaluate(
        """(selector) => {
            const luminance = (color) => {
                const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((x) => x / 255)
                    .map((x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            let element = document.querySelector(selector);
            const ink = luminance(getComputedStyle(element).color);
            while (getComputedStyle(element).backgroundColor === "rgba(0, 0, 0, 0)")
                element = element.parentElement;
            const paper = luminance(getComputedStyle(element).backgroundColor);
            return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
        }""",
        selector,
    )


def test_letters_stand_out_in_light_and_dark(page: Page) -> None:
    marks = (
        ".text .present",
        ".text .absent",
        ".uncertain",
        ".private",
        ".aside",
        "h1",
        "td button",
    )
    assert {
        mark: round(contrast(page, mark), 1) for mark in marks if contrast(page, mark) < 4.5
    } == {}


def test_a_page_can_be_written_for_nobody(tmp_path: Path) -> None:
    write_label_page(tmp_path / "empty.html", Heading("x", "y", ["norm"]), [], None)
    assert "0 of 0" not in (tmp_path / "empty.html").read_text()
