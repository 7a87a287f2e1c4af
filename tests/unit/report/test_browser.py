"""The report in a real browser, on the made-up study."""

from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from helpers.browser import OVERFLOWING, watch
from helpers.report_tables import EPSILONS, GROUPS, attacked, study
from playwright.sync_api import Browser, Page, expect

from pgdose.report.data import ReportData
from pgdose.report.page import write_report

WIDTHS = [400, 1400]
CHARTS = 2 * len(EPSILONS) + len(GROUPS)  # of Fig. 3c one for each group


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("browser")
    path = folder / "report.html"
    write_report(path, ReportData(**study(folder / "pictures")))
    return path.as_uri()


@pytest.fixture
def folded_page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, loaded. It must have logged nothing and requested nothing at the end."""
    opened = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme="light")
    messages, requests = watch(opened)
    opened.goto(address)
    expect(opened.locator(".chart .main-svg").first).to_be_visible()
    yield opened
    opened.close()
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [address]


@pytest.fixture
def page(folded_page: Page) -> Page:
    """The page with the section of the figures unfolded."""
    folded_page.locator("#figures > summary").click()
    expect(folded_page.locator("#fig3c-0 .main-svg").first).to_be_visible()
    return folded_page


def curves(page: Page) -> list[int]:
    """How many curves with markers each chart shows; none in a chart that is hidden."""
    return page.eval_on_selector_all(
        ".chart > div",
        """all => all.map(one => one.checkVisibility()
            ? one.querySelectorAll('g.trace:has(path.point)').length : 0)""",
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
    """Click the group in the legend of the first figure."""
    page.locator(".legend").first.get_by_label(group, exact=True).click()


def test_charts_take_the_place_of_printed_figures(page: Page) -> None:
    assert len(curves(page)) == CHARTS
    for name in ("fig3a", "fig3b", "fig3c"):
        expect(page.locator(f"#{name}-printed")).to_be_hidden()
        expect(page.locator(f"#{name}-0 .main-svg").first).to_be_visible()
    expect(page.locator("#fig1-printed")).to_be_visible()


def of_each(*groups: str, bands: bool = False) -> list[int]:
    """How many of these groups each chart shows at first; those of Fig. 3c have bars, not areas.

    Fig. 3c shows one group in a chart, at first under the paper's attack.
    """
    shown_at = [(attack, 0.1 if 0.1 in EPSILONS[attack] else 0.02) for attack in EPSILONS]
    at_point = [
        sum(attacked(group, attack, epsilon) > 0 for group in groups)
        for attack, epsilon in shown_at
    ]
    by_group = [g in groups and attacked(g, "paper", 0.1) > 0 and not bands for g in GROUPS]
    return [len(groups)] * len(EPSILONS) + at_point + [int(one) for one in by_group]


def test_a_group_is_switched_off_and_on_in_all_charts(page: Page) -> None:
    eventually(curves, page, of_each(*GROUPS))
    eventually(areas, page, of_each(*GROUPS, bands=True))
    switch(page, "X-NR2")
    eventually(curves, page, of_each("X-TB", "H-BR"))
    eventually(areas, page, of_each("X-TB", "H-BR", bands=True))
    left = page.eval_on_selector_all(
        ".chart:not([hidden]) > div:not([hidden])",
        "all => all.flatMap(one => one.data.map(t => t.legendgroup))",
    )
    assert set(left) == {"X-TB", "H-BR"}
    expect(page.locator(".legend").last.get_by_label("X-NR2", exact=True)).not_to_be_checked()
    switch(page, "X-NR2")
    eventually(curves, page, of_each(*GROUPS))
    eventually(areas, page, of_each(*GROUPS, bands=True))


def test_no_group_and_all_groups_by_keyboard(page: Page) -> None:
    legend = page.locator(".legend").last
    legend.get_by_role("button", name="No group").press("Enter")
    eventually(curves, page, of_each())
    legend.get_by_label("X-NR2", exact=True).press("Space")
    eventually(curves, page, of_each("X-NR2"))
    legend.get_by_role("button", name="All groups").press("Enter")
    eventually(curves, page, of_each(*GROUPS))


def test_the_amplitude_is_chosen(page: Page) -> None:
    choice = page.locator("select.epsilon[data-figure=fig3b]")
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
    expect(page.locator("#fig3c-2")).to_be_visible()  # the other figure has its own choice


def test_confidence_is_shown_by_group_for_the_chosen_attack(page: Page) -> None:
    attack = page.locator("select.attack[data-figure=fig3c]")
    assert attack.locator("option").all_text_contents() == list(EPSILONS)
    assert page.locator(".chart:has([id^=fig3c]) h4").all_text_contents() == list(GROUPS)
    rates = "document.getElementById('fig3c-2').data.at(-1).y.join()"
    first = page.evaluate(rates)
    attack.select_option("sign")
    assert page.evaluate(rates) != first
    note = page.locator(".chart:has(#fig3c-2) .nearest")
    expect(note).to_be_hidden()
    attack.select_option("noise")  # it has no 0.1
    expect(note).to_have_text("Shown at ε = 0.02 (nearest to 0.1).")
    page.locator("select.epsilon[data-figure=fig3c]").select_option("0.0005")
    expect(page.locator("#fig3c-2 + .absent")).to_be_visible()
    page.locator("select.epsilon[data-figure=fig3c]").select_option("0.2")
    faint = page.evaluate(
        """() => { const trace = document.getElementById('fig3c-2').data[0];
            return trace.customdata.map((rate, i) => [rate[3], trace.marker.opacity[i]]); }"""
    )
    # Without a number of images there is no point to draw.
    assert all(opacity == (0.35 if n < 10 else 1) for n, opacity in faint if n is not None)
    assert {0.35, 1} <= {opacity for n, opacity in faint if n}


def colors(page: Page) -> dict[str, str]:
    """The colours of the page, of a group in the legend, and of its curve."""
    return page.evaluate(
        """() => { const chart = document.getElementById('fig3a-0');
            const color = (one) => getComputedStyle(one).color;
            return {
                page: getComputedStyle(document.body).backgroundColor, ink: color(document.body),
                chart: chart.layout.paper_bgcolor, axis: chart.layout.font.color,
                group: color(document.querySelector('.legend .swatch')),
                curve: chart.data.find((one) => one.legendgroup === 'X-NR2' && one.marker)
                    .line.color,
                picture: getComputedStyle(document.querySelector('img.drawn')).filter,
                photo: getComputedStyle(document.querySelector('img.photos')).filter,
            }; }"""
    )


def luminance(color: str) -> float:
    """Relative luminance of "rgb(r, g, b)", as WCAG has it."""
    parts = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_and_charts_are_light_or_dark_as_the_system_and_the_button_say(
    folded_page: Page, scheme: Literal["light", "dark"]
) -> None:
    page = folded_page
    page.emulate_media(color_scheme=scheme)
    for dark in (scheme == "dark", scheme == "light"):
        page.wait_for_function(
            "() => document.getElementById('fig3a-0').layout.paper_bgcolor"
            " === getComputedStyle(document.body).backgroundColor"
        )
        now = colors(page)
        assert (luminance(now["page"]) < 0.1) == dark
        assert now["axis"] == now["ink"] and now["curve"] == now["group"]
        assert contrast(now["page"], now["ink"]) > 7
        assert ("invert" in now["picture"]) == dark and now["photo"] == "none"
        groups = page.locator(".legend .swatch").evaluate_all(
            "all => all.map(one => getComputedStyle(one).color)"
        )
        assert all(contrast(now["page"], color) > 2 for color in groups)
        page.locator("#theme").click()  # to the other one
    page.emulate_media(media="print", color_scheme="dark")
    assert luminance(colors(page)["page"]) > 0.9 and colors(page)["picture"] == "none"


def test_the_first_screen_has_the_finding_the_verdicts_and_fig_3a(folded_page: Page) -> None:
    page = folded_page
    for shown in (".synthetic", ".headline", "[aria-label='Conclusions by attack']", "#fig3a-0"):
        expect(page.locator(shown)).to_be_in_viewport(ratio=1)
    assert page.locator("details.section[open]").count() == 0
    places = page.evaluate(
        "[...document.querySelectorAll('#contents li a')].map(a => a.hash.slice(1))"
    )
    sections = page.evaluate("[...document.querySelectorAll('details.section')].map(one => one.id)")
    assert places == sections


def test_by_keyboard_from_the_top(folded_page: Page) -> None:
    page = folded_page
    focused = "document.activeElement.textContent.trim()"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Skip to the contents"
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Results in sentences"
    page.keyboard.press("Enter")
    expect(page.locator("#summary h3")).to_be_visible()
    # A verdict leads to its test.
    page.locator("#first a.verdict").first.press("Enter")
    expect(page.locator("#conclusion-1")).to_be_in_viewport()
    page.locator("#unfold").press("Enter")
    assert page.locator("details.section:not([open])").count() == 0
    page.locator("#unfold").press("Enter")
    assert page.locator("details.section[open]").count() == 0


def test_everything_that_takes_the_focus_has_a_name(folded_page: Page) -> None:
    nameless = folded_page.evaluate(
        """() => [...document.querySelectorAll("a, button, select, input, [tabindex='0'], img")]
            .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.alt
                || (one.labels && one.labels.length))).map((one) => one.outerHTML)"""
    )
    assert nameless == []


def test_overlapping_intervals_are_hatched_apart(folded_page: Page) -> None:
    bands = folded_page.evaluate(
        """() => document.getElementById('fig3a-0').data.filter((one) => one.fillpattern)
            .map((one) => [one.legendgroup, one.fillpattern.shape, one.line.dash])"""
    )
    assert [group for group, _, _ in bands] == list(GROUPS)
    assert len({(shape, dash) for _, shape, dash in bands}) == len(GROUPS)


def test_values_are_told_under_the_pointer(page: Page) -> None:
    switch(page, "X-NR2")
    switch(page, "X-TB")
    for name in ("fig3a-0", "fig3b-0", "fig3c-2"):
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
        "one => !one.checkVisibility() || one.getBoundingClientRect().right < width)",
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
    expect(page.locator("details.section#groups")).to_have_attribute("open", "")


@pytest.mark.parametrize("width", WIDTHS)
def test_without_scripts_the_printed_figures_are_there(
    browser: Browser, address: str, width: int
) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": width, "height": 900}
    )
    page = context.new_page()
    page.goto(address)
    page.locator("#figures > summary").click()
    for name in (
        "fig1",
        "fig2",
        "fig3a",
        "fig3b",
        "fig3c",
        "fig3c_fine",
        "fig3d",
        "fig_abstention",
    ):
        expect(page.locator(f"#{name}-printed img")).to_be_visible()
    expect(page.locator(".legend").first).to_be_hidden()
    expect(page.locator(".charts").first).to_be_hidden()
    page.locator("#groups > summary").click()
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
    for legend in page.locator(".legend").all():
        assert legend.locator("label").all_inner_texts() == list(GROUPS)


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
    expect(page.locator(".legend").first).to_be_hidden()
    expect(page.locator(".charts").first).to_be_hidden()
    page.close()
