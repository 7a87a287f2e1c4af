"""The report in a real browser: Debian's `chromium` without a window, on the made-up study."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from helpers.browser import watch
from helpers.report_tables import EPSILONS, GROUPS, attacked, study
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pgdose.report.data import ReportData
from pgdose.report.page import write_report

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no chromium (apt install chromium)")

WIDTHS = [400, 1400]
CHARTS = 3 * len(EPSILONS)
# What reaches over the page's right edge though it stands in no box that scrolls.
OVERFLOWING = """() => [...document.body.querySelectorAll("*")].filter((one) =>
    !one.closest(".scroll, pre, .hoverlayer") && one.checkVisibility()
    && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).map((one) => `${one.tagName} ${one.id} ${one.className}`)"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("browser")
    path = folder / "report.html"
    write_report(path, ReportData(**study(folder / "pictures")))
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        # Root may not use the sandbox; the page is ours.
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, loaded. It must have logged nothing and requested nothing at the end."""
    opened = browser.new_page(viewport={"width": 1400, "height": 900})
    messages, requests = watch(opened)
    opened.goto(address)
    expect(opened.locator(".chart .main-svg").first).to_be_visible()
    yield opened
    opened.close()
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [address]


def curves(page: Page) -> list[int]:
    """How many curves each chart shows."""
    return page.eval_on_selector_all(
        ".chart > div",
        "all => all.map(one => one.querySelectorAll('g.trace:has(path.js-line)').length)",
    )


def areas(page: Page) -> list[int]:
    """How many intervals each chart shows as areas."""
    return page.eval_on_selector_all(
        ".chart > div", "all => all.map(one => one.querySelectorAll('path.js-fill').length)"
    )


def eventually(shown: Callable[[Page], list[int]], page: Page, expected: list[int]) -> None:
    """The charts are drawn a moment later."""
    for _ in range(100):
        if shown(page) == expected:
            return
        page.wait_for_timeout(50)
    assert shown(page) == expected


def switch(page: Page, group: str) -> None:
    page.get_by_label(group, exact=True).click()


def test_charts_take_the_place_of_printed_figures(page: Page) -> None:
    assert len(curves(page)) == CHARTS
    for name in ("fig3a", "fig3b", "fig3c"):
        expect(page.locator(f"#{name}-printed")).to_be_hidden()
        expect(page.locator(f"#{name}-0 .main-svg").first).to_be_visible()
    expect(page.locator("#fig1-printed")).to_be_visible()


def of_each(*groups: str, bands: bool = False) -> list[int]:
    """How many of these groups each chart shows at first; those of Fig. 3c have bars, not areas."""
    shown_at = [(attack, 0.1 if 0.1 in EPSILONS[attack] else 0.02) for attack in EPSILONS]
    at_point = [
        sum(attacked(group, attack, epsilon) > 0 for group in groups)
        for attack, epsilon in shown_at
    ]
    return [len(groups)] * len(EPSILONS) + at_point + [n * (not bands) for n in at_point]


def test_a_group_is_switched_off_and_on_in_all_charts(page: Page) -> None:
    eventually(curves, page, of_each(*GROUPS))
    eventually(areas, page, of_each(*GROUPS, bands=True))
    switch(page, "X-NR2")
    eventually(curves, page, of_each("X-TB", "H-BR"))
    eventually(areas, page, of_each("X-TB", "H-BR", bands=True))
    left = page.eval_on_selector_all(
        ".chart > div:not([hidden])", "all => all.flatMap(one => one.data.map(t => t.legendgroup))"
    )
    assert set(left) == {"X-TB", "H-BR"}
    switch(page, "X-NR2")
    eventually(curves, page, of_each(*GROUPS))
    eventually(areas, page, of_each(*GROUPS, bands=True))


def test_no_group_and_all_groups_by_keyboard(page: Page) -> None:
    page.get_by_role("button", name="No group").press("Enter")
    eventually(curves, page, of_each())
    page.get_by_label("X-NR2", exact=True).press("Space")
    eventually(curves, page, of_each("X-NR2"))
    page.get_by_role("button", name="All groups").press("Enter")
    eventually(curves, page, of_each(*GROUPS))


def test_the_amplitude_is_chosen(page: Page) -> None:
    choice = page.locator("select[data-figure=fig3b]")
    assert choice.input_value() == "0.1"
    assert choice.locator("option").all_text_contents() == ["0.0005", "0.02", "0.1", "0.2"]
    noise, note = page.locator("#fig3b-2"), page.locator(".chart:has(#fig3b-2) .nearest")
    expect(noise).to_be_visible()  # it has no 0.1, and shows its nearest amplitude
    expect(note).to_have_text("Shown at ε = 0.02 (nearest to 0.1).")
    expect(note).to_be_visible()
    expect(page.locator(".chart:has(#fig3b-0) .nearest")).to_be_hidden()
    rates = "document.getElementById('fig3b-0').data.at(-1).y.join()"
    first = page.evaluate(rates)
    choice.select_option("0.2")
    assert page.evaluate(rates) != first
    expect(noise).to_be_visible()  # at 0.2 itself
    expect(note).to_be_hidden()
    expect(page.locator("#fig3b-1")).to_be_hidden()  # sign has no 0.2
    expect(page.locator("#fig3b-1 + .absent")).to_be_visible()
    expect(page.locator("#fig3c-1")).to_be_visible()  # the other figure has its own choice


def test_values_are_told_under_the_pointer(page: Page) -> None:
    switch(page, "X-NR2")
    switch(page, "X-TB")
    for name in ("fig3a-0", "fig3b-0", "fig3c-0"):
        values_are_told(page, name)


def values_are_told(page: Page, name: str) -> None:
    chart = page.locator(f"#{name}")
    chart.scroll_into_view_if_needed()
    point = chart.locator("path.point").nth(1)
    point.hover(force=True)
    label = chart.locator(".hoverlayer .hovertext")
    expect(label).to_contain_text("H-BR")
    text = label.text_content() or ""
    points = page.evaluate(
        """name => { const trace = document.getElementById(name).data.at(-1);
            return trace.y.map((y, i) => [y, ...trace.customdata[i]]); }""",
        name,
    )
    expected = [
        f"ASR {y:.3f}95 % interval {low:.3f} to {high:.3f}{flipped} of {n} flipped"
        for y, low, high, flipped, n in points
        if y is not None
    ]
    assert any(words in text for words in expected), text


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_page(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.wait_for_function(
        "width => [...document.querySelectorAll('.chart .main-svg')].every("
        "one => !one.checkVisibility() || one.getBoundingClientRect().width <= width)",
        arg=width,
    )
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    across = page.locator("#fig3a-0, #fig3a-1").evaluate_all(
        "all => new Set(all.map(one => one.getBoundingClientRect().top)).size"
    )
    assert across == (2 if width == 400 else 1)  # one column on a phone


def test_a_link_unfolds_what_it_leads_to(page: Page) -> None:
    group = page.locator("details.group").nth(1)
    assert group.get_attribute("open") is None
    page.evaluate("location.hash = 'group-1'")
    expect(group.get_by_text("Checks of the attacks")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_without_scripts_the_printed_figures_are_there(
    browser: Browser, address: str, width: int
) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": width, "height": 900}
    )
    page = context.new_page()
    page.goto(address)
    for name in ("fig1", "fig2", "fig3a", "fig3b", "fig3c", "fig3d"):
        expect(page.locator(f"#{name}-printed img")).to_be_visible()
    expect(page.locator("#legend")).to_be_hidden()
    expect(page.locator(".charts").first).to_be_hidden()
    group = page.locator("details.group").first
    group.locator("summary").first.click()
    expect(group.locator("img").first).to_be_visible()
    context.close()


def test_no_request_could_leave_the_page(browser: Browser, address: str) -> None:
    """The policy that the page brings along forbids it, whatever a script asks for."""
    page = browser.new_page()
    page.goto(address)
    directive = page.evaluate(
        """() => new Promise(answer => {
            document.addEventListener("securitypolicyviolation", e => answer(e.effectiveDirective));
            fetch("http://127.0.0.1:9/").catch(() => {});
        })"""
    )
    assert directive == "connect-src"
    page.close()


def test_groups_of_the_legend_are_the_study_s(page: Page) -> None:
    assert page.locator("#legend label").all_inner_texts() == list(GROUPS)


def test_paper_shows_all_that_is_folded_on_the_screen(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.evaluate("""addEventListener("beforeprint", () => {
        window.folded = document.querySelectorAll("details:not([open])").length;
    })""")
    page.pdf()
    assert page.evaluate("window.folded") == 0
    assert page.locator("details:not([open])").count() > len(GROUPS)  # as before
    page.emulate_media(media="print")
    expect(page.locator("#legend")).to_be_hidden()
    expect(page.locator(".charts").first).to_be_hidden()
    page.close()
