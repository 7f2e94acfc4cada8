import shutil
from collections.abc import Callable, Iterator

import pytest

from yachay.components.evaluation_report.page.page import render_page
from yachay.components.evaluation_report.page.selection import rates_at
from yachay.components.evaluation_report.report import Report

pytestmark = pytest.mark.end_to_end

sync_api = pytest.importorskip("playwright.sync_api")
axe_source = pytest.importorskip("axe_playwright_python.base").AXE_SCRIPT

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
# A frame in a process of its own may start before it hears of the emulated locale.
ARGUMENTS = ["--no-sandbox", "--disable-features=IsolateSandboxedIframes"]
FRAME = "<style>iframe {border: 0; width: 98vw; height: 98vh}</style><iframe sandbox='allow-scripts'></iframe>"

Open = Callable[..., "sync_api.Frame"]


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: "sync_api.Browser") -> Iterator[Open]:
    """Opens a report as Kubeflow shows it, without network; a message on the console fails."""
    contexts, messages = [], []

    def open_it(report: Report, *, locale: str = "en-GB", scheme: str = "light", width: int = 1440) -> "sync_api.Frame":
        context = browser.new_context(
            offline=True, locale=locale, color_scheme=scheme, viewport={"width": width, "height": 900}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.set_content(FRAME)
        page.evaluate("text => { document.querySelector('iframe').srcdoc = text }", render_page(report))
        frame = page.frames[1]
        frame.wait_for_selector("[role=tab]")
        return frame

    yield open_it
    for context in contexts:
        context.close()
    assert messages == []


@pytest.fixture
def report(make_report: Callable[..., Report]) -> Report:
    return make_report()


def shown_section(frame: "sync_api.Frame") -> str:
    return frame.evaluate(
        "[...document.querySelectorAll('section.panel')].filter(s => !s.hidden).map(s => s.id).join()"
    )


def test_tabs_follow_clicks_and_arrow_keys(open_page: Open, report: Report) -> None:
    frame = open_page(report)

    frame.get_by_role("tab", name="Curves").click()
    assert shown_section(frame) == "curves"
    frame.press("[role=tab][aria-selected=true]", "ArrowRight")
    assert shown_section(frame) == "confusion"
    frame.press("[role=tab][aria-selected=true]", "Home")
    assert shown_section(frame) == "verdict"
    frame.press("[role=tab][aria-selected=true]", "ArrowLeft")
    assert shown_section(frame) == "card"
    assert frame.evaluate("document.activeElement.id") == "tab-card"


def test_a_header_sorts_numbers_and_keeps_what_is_missing_last(open_page: Open, report: Report) -> None:
    frame = open_page(report)
    frame.get_by_role("tab", name="Slices").click()
    header = frame.locator("#slice-table thead th").nth(2)

    def values() -> list[str]:
        return frame.locator("#slice-table tbody tr").evaluate_all(
            "rows => rows.map(row => row.cells[2].querySelector('b')?.textContent ?? '')"
        )

    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert values()[:-1] == sorted(values()[:-1], key=float, reverse=True)
    assert values()[-1] == ""
    header.get_by_role("button").press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert values()[:-1] == sorted(values()[:-1], key=float)
    assert values()[-1] == ""


def test_slices_are_searched_and_filtered(open_page: Open, report: Report) -> None:
    frame = open_page(report)
    frame.get_by_role("tab", name="Slices").click()
    rows = frame.locator("#slice-table tbody tr:visible th")

    frame.get_by_label("Search").fill("9002")
    assert rows.all_inner_texts() == ["Course = 9002"]
    frame.get_by_label("Search").fill("")
    frame.locator("#slice-kind").select_option("crossed")
    assert all("×" in name for name in rows.all_inner_texts())
    assert frame.locator("#slice-status").inner_text() == "3 of 12 slices"
    frame.locator("#slice-kind").select_option("every")
    frame.get_by_label("Only the worst by").select_option(label="accuracy")
    frame.get_by_label("How many").select_option("5")
    measured = [row for row in report.slices[1:] if row.metrics]
    worst = sorted(measured, key=lambda row: row.metrics["accuracy"].value or 0)[:5]
    assert rows.all_inner_texts() == [" × ".join(f"{k} = {v}" for k, v in row.slice.items()) for row in worst]


def test_the_slider_shows_the_counts_of_its_threshold(open_page: Open, report: Report) -> None:
    assert report.classification
    points = report.classification.classes[0].operating_points
    assert points
    frame = open_page(report)
    frame.get_by_role("tab", name="Threshold").click()
    cheapest = rates_at(points, 1.0, 5.0).cheapest
    assert frame.locator("#live-threshold").inner_text() == f"{points.thresholds[cheapest]:.3f}"

    frame.locator("#threshold-slider").fill("40")

    live = {name: frame.locator(f"#live-{name}").inner_text() for name in ("precision", "recall", "alerts", "cost")}
    counts = [
        int(frame.locator(f"#live-{name}").inner_text())
        for name in ("true-positives", "false-positives", "true-negatives", "false-negatives")
    ]
    tp, fp, tn, fn = (
        column[40]
        for column in (points.true_positives, points.false_positives, points.true_negatives, points.false_negatives)
    )
    assert counts == [tp, fp, tn, fn]
    assert live == {
        "precision": f"{tp / (tp + fp):.3f}",
        "recall": f"{tp / (tp + fn):.3f}",
        "alerts": f"{1000 * (tp + fp) / 300:.0f}",
        "cost": f"{1000 * (fp + 5 * fn) / 300:,.1f}",
    }


def test_other_costs_move_the_cheapest_threshold(open_page: Open, report: Report) -> None:
    assert report.classification
    points = report.classification.classes[2].operating_points
    assert points
    frame = open_page(report)
    frame.get_by_role("tab", name="Threshold").click()

    frame.get_by_label("Alert for class").select_option("Graduate")
    frame.get_by_label("Cost of a false alarm").fill("7")
    frame.get_by_label("Cost of a missed case").fill("2")
    frame.get_by_role("button", name="Go to the lowest cost").click()

    expected = rates_at(points, 7.0, 2.0)
    assert frame.locator("#live-threshold").inner_text() == f"{points.thresholds[expected.cheapest]:.3f}"
    assert frame.locator("#live-cost").inner_text() == f"{expected.cost[expected.cheapest]:,.1f}"


def test_one_class_and_one_column_are_shown_at_a_time(open_page: Open, report: Report) -> None:
    frame = open_page(report)
    frame.get_by_role("tab", name="Curves").click()
    frame.locator("#curves").get_by_label("Class", exact=True).select_option("Enrolled")
    assert frame.locator("#curves .choice-panel:visible h3").all_inner_texts() == ["Enrolled"]

    frame.get_by_role("tab", name="Fairness").click()
    frame.get_by_label("Groups by").select_option("Displaced")
    frame.get_by_label("Positive class").select_option("Graduate")
    assert frame.locator("#fairness .choice-panel:visible h3").all_inner_texts() == ["Displaced · Graduate"]


def test_the_page_speaks_the_language_of_its_reader_and_the_other(open_page: Open, report: Report) -> None:
    frame = open_page(report, locale="es-ES")

    assert "NO APROBADO" in frame.locator("header").inner_text()
    assert "0,7901" in frame.locator("header").inner_text()
    assert frame.evaluate("document.documentElement.lang") == "es"
    frame.get_by_role("button", name="English").click()
    assert "NOT BLESSED" in frame.locator("header").inner_text()
    assert "0.7901" in frame.locator("header").inner_text()


def test_numbers_follow_the_country_of_the_reader(open_page: Open, report: Report) -> None:
    assert "0.7901" in open_page(report, locale="es-PE").locator("header").inner_text()


def test_the_theme_can_be_changed(open_page: Open, report: Report) -> None:
    frame = open_page(report)
    background = "getComputedStyle(document.body).backgroundColor"
    light = frame.evaluate(background)

    frame.get_by_role("button", name="Dark").click()

    assert frame.evaluate(background) != light
    assert frame.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_axe_finds_no_serious_fault(
    open_page: Open, report: Report, forecast: Report, scheme: str, problem: str
) -> None:
    frame = open_page(report if problem == "classification" else forecast, scheme=scheme)
    frame.evaluate(axe_source)

    frame.evaluate("document.querySelectorAll('section.panel').forEach((panel) => { panel.hidden = false; })")

    result = frame.evaluate("axe.run({resultTypes: ['violations']})")

    serious = [fault for fault in result["violations"] if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in serious] == []


@pytest.mark.parametrize("width", [1440, 390])
def test_no_section_is_wider_than_the_window(open_page: Open, report: Report, forecast: Report, width: int) -> None:
    for shown in (report, forecast):
        frame = open_page(shown, width=width)
        for tab in frame.get_by_role("tab").all():
            tab.click()
            root = "document.documentElement"
            assert frame.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), tab.inner_text()


def test_print_shows_all_sections_and_no_controls(open_page: Open, report: Report) -> None:
    frame = open_page(report)

    frame.page.emulate_media(media="print")

    assert frame.locator("section.panel:visible").count() == frame.locator("section.panel").count()
    assert frame.locator(".choice-panel:visible").count() == frame.locator(".choice-panel").count()
    assert frame.locator(".needs-script:visible, nav:visible").count() == 0


def test_without_scripts_the_page_is_whole(browser: "sync_api.Browser", report: Report) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.set_content(render_page(report))

    assert page.locator("section.panel:visible").count() == page.locator("section.panel").count()
    assert page.locator(".needs-script:visible").count() == 0
    assert page.locator("#threshold table:visible").count() == 1
    context.close()
