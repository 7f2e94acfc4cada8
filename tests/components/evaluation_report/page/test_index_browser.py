"""The index over runs in a real browser: in a sandboxed frame, without a network."""

import html
import shutil
from collections.abc import Iterator

import pytest

from yachay.components.evaluation_report.page.index import IndexedRun, IndexedSlice
from yachay.components.evaluation_report.page.index_page import render_index

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


def sample(day: int, accuracy: float | None, **changes: object) -> IndexedRun:
    fields: dict[str, object] = {
        "run_id": f"202611{day:02d}-090000-{day:04d}",
        "started": f"2026-11-{day:02d} 09:00",
        "group": "student-dropout--semester2",
        "pipeline": "student_dropout",
        "task": "semester2",
        "is_synthetic": False,
        "state": "blessed",
        "rows": 4424,
        "metrics": {} if accuracy is None else {"accuracy": accuracy, "rmse": 10 * accuracy},
        "bounds": {"accuracy": (0.76, 0.82)},
        "directions": {"accuracy": "up", "rmse": "down"},
    }
    return IndexedRun(**fields | changes)  # type: ignore[arg-type]


RUNS = [
    sample(23, None, state="unreadable", problem="<img src=x onerror=alert(1)>"),
    sample(22, 0.7, state="not_blessed", pipeline="weather", task="hourly", group="weather-hourly"),
    sample(
        21,
        0.81,
        page="runs/two/report.html",
        slices=(IndexedSlice("Gender = 0", 60, {"accuracy": 0.83}), IndexedSlice("Course = 33", 12, {"accuracy": 0.5})),
        facts={"model.family": "linear", "split.salt": "x"},
    ),
    sample(
        20,
        0.78,
        page="runs/one/report.html",
        slices=(IndexedSlice("Gender = 0", 58, {"accuracy": 0.82}), IndexedSlice("Course = 33", 12, {"accuracy": 0.9})),
        facts={"model.family": "boosted_trees"},
    ),
]
NEWEST, WEATHER, SECOND, FIRST = (f"{run.started} {run.run_id[-4:]}" for run in RUNS)


class Sheet:
    """The page in a sandboxed frame, and what the browser said and asked for."""

    def __init__(self, page: "playwright.Page") -> None:
        self.page, self.said, self.asked = page, [], []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        document = html.escape(render_index(RUNS), quote=True)
        page.set_content(
            f'<iframe id="f" sandbox="allow-scripts" style="width:100%;height:900px" srcdoc="{document}"></iframe>'
        )
        self.frame = page.frame_locator("#f")
        self.frame.locator("html.js").wait_for()

    def names(self) -> list[str]:
        return [name.inner_text() for name in self.frame.locator("#runs tbody tr:visible .name").all()]

    def compared(self, caption: str) -> list[list[str]]:
        rows = self.frame.locator(f"#compared table:has(#caption-{caption}) tbody tr")
        return [[cell.inner_text() for cell in row.locator("th, td").all()] for row in rows.all()]


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def sheet(browser: "playwright.Browser") -> Iterator[Sheet]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, offline=True, locale="en-GB")
    sheet = Sheet(context.new_page())
    yield sheet
    assert sheet.said == []
    assert sheet.asked == []
    context.close()


def test_filters_leave_the_runs_of_a_pipeline_a_verdict_and_days(sheet: Sheet) -> None:
    assert sheet.names() == [NEWEST, WEATHER, SECOND, FIRST]

    sheet.frame.get_by_label("Pipeline", exact=True).select_option("student_dropout")
    assert sheet.names() == [NEWEST, SECOND, FIRST]
    sheet.frame.get_by_label("Verdict", exact=True).select_option("blessed")
    assert sheet.names() == [SECOND, FIRST]
    sheet.frame.get_by_label("To", exact=True).fill("2026-11-20")
    assert sheet.names() == [FIRST]
    assert "Shown: 1 of 4 runs." in sheet.frame.locator("#status").inner_text()
    sheet.frame.get_by_role("button", name="Show all").click()
    sheet.frame.get_by_text("Shown: 4 of 4 runs.").wait_for()
    sheet.frame.get_by_label("Task", exact=True).select_option("hourly")
    assert sheet.frame.locator(".history:visible").count() == 0


def test_a_column_sorts_by_its_numbers_and_runs_without_one_come_last(sheet: Sheet) -> None:
    header = sheet.frame.get_by_role("button", name="accuracy")

    header.click()
    assert sheet.names() == [SECOND, FIRST, WEATHER, NEWEST]
    header.click()
    assert sheet.names() == [WEATHER, FIRST, SECOND, NEWEST]


def test_two_runs_are_compared_by_keyboard_the_older_one_first(sheet: Sheet) -> None:
    for name in (SECOND, FIRST):
        sheet.frame.get_by_label(f"Compare {name}").focus()
        sheet.page.keyboard.press("Space")
    sheet.frame.get_by_role("button", name="Compare two runs").press("Enter")

    assert sheet.frame.locator("#comparison-title").evaluate("element => element === document.activeElement")
    assert sheet.compared("metrics_caption") == [
        ["accuracy", "0.7800", "0.8100", "+0.0300 ▲ better"],
        ["RMSE", "7.8000", "8.1000", "+0.3000 ▲ worse"],
    ]
    assert sheet.compared("slices_caption") == [
        ["Course = 33", "12", "12", "0.9000", "0.5000", "\N{MINUS SIGN}0.4000 ▼ worse"],
        ["Gender = 0", "58", "60", "0.8200", "0.8300", "+0.0100 ▲ better"],
    ]
    assert sheet.compared("settings_caption") == [
        ["model.family", "boosted_trees", "linear"],
        ["split.salt", "(absent)", "x"],
    ]
    links = sheet.frame.locator("#compared a").all()
    assert [link.get_attribute("href") for link in links] == ["runs/one/report.html", "runs/two/report.html"]


def test_a_third_choice_takes_the_place_of_the_first_and_other_tasks_are_warned_of(sheet: Sheet) -> None:
    for name in (SECOND, FIRST, WEATHER):
        sheet.frame.get_by_label(f"Compare {name}").check()

    assert not sheet.frame.get_by_label(f"Compare {SECOND}").is_checked()
    sheet.frame.get_by_role("button", name="Compare two runs").click()
    assert "their figures do not compare" in sheet.frame.locator("#compared").inner_text()
    assert "no slices that both runs show" in sheet.frame.locator("#compared").inner_text()


def test_the_page_speaks_spanish_also_in_an_open_comparison(sheet: Sheet) -> None:
    for name in (SECOND, FIRST):
        sheet.frame.get_by_label(f"Compare {name}").check()
    sheet.frame.get_by_role("button", name="Compare two runs").click()
    sheet.frame.get_by_role("button", name="Español").click()

    assert "Dos ejecuciones lado a lado" in sheet.frame.locator("#comparison").inner_text()
    assert sheet.compared("metrics_caption")[0] == ["exactitud", "0,7800", "0,8100", "+0,0300 ▲ mejor"]
    assert sheet.frame.get_by_label(f"Comparar {SECOND}").is_checked()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_axe_finds_no_serious_fault_and_the_page_is_no_wider_than_its_window(
    browser: "playwright.Browser", width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page.set_content(render_index(RUNS))
    for name in (SECOND, FIRST):
        page.get_by_label(f"Compare {name}").check()
    page.get_by_role("button", name="Compare two runs").click()

    faults = [
        (fault["id"], fault["nodes"][0]["html"])
        for fault in axe.run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert faults == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_without_scripts_it_is_a_table_with_the_history(browser: "playwright.Browser") -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.set_content(render_index(RUNS))

    text = page.locator("body").inner_text()
    assert all(name in text for name in (NEWEST, WEATHER, SECOND, FIRST))
    assert "<img src=x onerror=alert(1)>" in text
    assert page.locator("form, #comparison, .controls").locator("visible=true").count() == 0
    assert page.locator(".history svg").count() == 2
    context.close()
