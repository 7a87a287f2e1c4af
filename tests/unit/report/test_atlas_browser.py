"""The atlas in a real browser, of the committed folders."""

from collections.abc import Iterator
from typing import Literal

import pytest
from helpers.browser import OVERFLOWING, watch
from helpers.workflow import PROJECT
from playwright.sync_api import Browser, Page, expect

from pgdose.cli.pool import pool

CURVES = "all => all.map(one => one.querySelectorAll('g.trace:has(path.point)').length)"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("atlas")
    pool(sorted((PROJECT / "tests/data/shared").iterdir()), folder / "atlas")
    return (folder / "atlas/atlas.html").as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, loaded. It must have logged nothing and requested nothing at the end."""
    opened = browser.new_page(viewport={"width": 1400, "height": 1000}, color_scheme="light")
    messages, requests = watch(opened)
    opened.goto(address)
    yield opened
    opened.close()
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [address]


def test_the_first_screen_has_the_finding_the_map_and_a_forest_plot(page: Page) -> None:
    expect(page.locator(".headline")).to_contain_text(
        "In 3 synthetic studies with 260 attacked patients"
    )
    for shown in (".headline", "#first table", "#first img.drawn"):
        expect(page.locator(shown)).to_be_in_viewport()
    assert page.locator("details.section[open]").count() == 0
    places = page.evaluate(
        "[...document.querySelectorAll('#contents li a')].map(a => a.hash.slice(1))"
    )
    sections = page.evaluate("[...document.querySelectorAll('details.section')].map(one => one.id)")
    assert places == sections


def test_a_study_is_switched_off_and_on_in_all_charts(page: Page) -> None:
    page.locator("#contents a[href='#curves']").click()
    charts = page.locator(".chart > div")
    expect(charts.first.locator(".main-svg").first).to_be_visible()
    expect(page.locator("#curves-printed")).to_be_hidden()
    before = charts.evaluate_all(CURVES)
    assert all(before)
    study = page.locator(".legend label").first
    study.click()
    label = study.inner_text()
    shown = "all => all.map(one => one.data.filter(t => t.marker).map(t => t.legendgroup))"
    assert not any(label in groups for groups in charts.evaluate_all(shown))
    study.click()
    assert any(label in groups for groups in charts.evaluate_all(shown))
    page.wait_for_function(
        f"before => String(({CURVES})([...document.querySelectorAll('.chart > div')])) === before",
        arg=",".join(map(str, before)),
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_wider_than_the_page(
    page: Page, width: int, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("#unfold").click()
    expect(page.locator(".chart .main-svg").first).to_be_visible()
    page.wait_for_function(
        "width => [...document.querySelectorAll('.chart .main-svg')].every("
        "one => one.getBoundingClientRect().right < width)",
        arg=width,
    )
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    plots = "all => all.map(one => one.getBoundingClientRect().right)"
    assert max(page.locator(".forests img").evaluate_all(plots)) < width


def test_without_scripts_all_is_there(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.locator("#curves > summary").click()
    expect(page.locator("#curves-printed img")).to_be_visible()
    expect(page.locator(".legend").first).to_be_hidden()
    for section in ("rates", "conclusions", "robust", "apart", "studies", "method"):
        page.locator(f"#{section} > summary").click()
        expect(page.locator(f"#{section} > summary + *")).to_be_visible()
    context.close()
