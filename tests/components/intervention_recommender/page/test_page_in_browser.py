import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from yachay.components.intervention_recommender.document import Recommendation
from yachay.components.intervention_recommender.page.page import render_page, write_page

from .conftest import MakeDocument

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe_source = pytest.importorskip("axe_playwright_python.base").AXE_SCRIPT
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [pytest.mark.integration, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")]

EVIL = "</script><img src=x onerror=alert(1)>'\"&\u202e" + 200 * "x"

Open = Callable[..., "sync_api.Page"]


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: "sync_api.Browser", tmp_path: Path, polygons: Path) -> Iterator[Open]:
    """Opens a document as a file of its own, without network; a message on the console fails."""
    contexts, messages = [], []

    def open_it(
        document: Recommendation,
        address: str = "",
        *,
        locale: str = "en-GB",
        scheme: str = "light",
        width: int = 1440,
        with_polygons: bool = True,
    ) -> "sync_api.Page":
        context = browser.new_context(
            offline=True, locale=locale, color_scheme=scheme, viewport={"width": width, "height": 900}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        path = tmp_path / "recommendation.html"
        write_page(document, polygons if with_polygons else None, path)
        page.goto(path.as_uri() + address)
        page.wait_for_selector("html.js")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert messages == []


def shown_view(page: "sync_api.Page") -> str:
    return str(page.evaluate("[...document.querySelectorAll('section.panel')].find((one) => !one.hidden).dataset.view"))


def text_of(locator: "sync_api.Locator") -> str:
    return str(locator.inner_text()).replace("\u00a0", " ")


def pixel(page: "sync_api.Page", column: float, row: float) -> list[int]:
    """The colour of the map at a place of its 4 x 3 squares, counted from 0."""
    return list(
        page.evaluate(
            """async ([column, row]) => {
                await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
                const canvas = document.getElementById("map-canvas");
                const side = Math.min((0.96 * canvas.width) / 3.93, (0.96 * canvas.height) / 3);
                const [x, y] = [canvas.width / 2 + (column - 1.5) * side * 0.98, canvas.height / 2 + (row - 1) * side];
                const copy = document.createElement("canvas");
                copy.width = copy.height = 1;
                const context = copy.getContext("2d", { willReadFrequently: true });
                context.drawImage(canvas, x, y, 1, 1, 0, 0, 1, 1);
                return [...context.getImageData(0, 0, 1, 1).data];
            }""",
            [column, row],
        )
    )


def test_the_map_shows_a_layer_and_a_click_the_community(open_page: Open, make_document: MakeDocument) -> None:
    page = open_page(make_document())
    assert shown_view(page) == "map"
    dark, pale = pixel(page, 0, 0), pixel(page, 2, 2)
    assert sum(dark[:3]) < 300 < 550 < sum(pale[:3])

    box = page.locator("#map-canvas").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2 - 20, box["y"] + box["height"] / 2)

    assert page.locator("#map-card h3").inner_text() == "Place 5"
    words = text_of(page.locator("#map-card"))
    assert "Rank 6 of 12. In 80 of 100 simulations its rank is from 4 to 9." in words
    assert "Households with internet: 5.50 % here, typically 40 %. Goes with a prediction 6.5 points lower." in words
    assert "Greatest predicted improvement: School internet: +3.5 points (+2.5 to +4.5)." in words
    assert page.locator("#map-tip bdi").first.inner_text() == "Place 5"

    before = pixel(page, 0, 1)
    page.get_by_label("Show on the map").select_option("effect-0")
    assert pixel(page, 0, 1) != before
    assert "does not fit here" in page.locator("#legend").inner_text()
    assert "no proof that the action causes it" in page.locator("#map-note").inner_text()
    assert "it is in doubt" in page.locator("#map-note").inner_text()
    page.get_by_label("Show on the map").select_option("plan")
    assert page.locator("#legend li").all_inner_texts() == ["1 action\n6", "0 actions\n6"]


def test_the_map_is_read_by_keyboard(open_page: Open, make_document: MakeDocument) -> None:
    page = open_page(make_document())
    page.locator("#map-canvas").focus()

    page.keyboard.press("ArrowRight")
    assert text_of(page.locator("#map-status")) == "Place 0, Region 0: 20.5 %"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert text_of(page.locator("#map-status")).startswith("Place 5, Region 2")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'sheet-name'")  # The address changes first.
    assert page.locator("#sheet-name").inner_text() == "Place 5"
    page.go_back()
    page.locator("#view-map").wait_for(state="visible")


def test_a_search_without_accents_finds_and_a_region_filters(open_page: Open, make_document: MakeDocument) -> None:
    page = open_page(make_document(names=["Ñañá Ünica", *(f"Place {i}" for i in range(1, 12))]), "#ranking")

    page.get_by_label("Department").select_option("Region 1")
    rows = page.locator("#ranking-table tbody th")
    assert rows.all_inner_texts() == ["Place 1", "Place 4", "Place 7", "Place 10"]
    search = page.get_by_role("combobox", name="Find")
    search.press_sequentially("nana")
    assert page.locator("#search-list li").all_inner_texts() == ["Ñañá Ünica Region 0 · 000000"]
    search.press("Enter")
    assert page.locator("#sheet-name").inner_text() == "Ñañá Ünica"
    search.fill("zzz")
    assert page.locator("#search-status").inner_text() == "Nothing found"


def test_the_ranking_sorts_and_shows_more(open_page: Open, make_document: MakeDocument) -> None:
    page = open_page(make_document(60), "#ranking", with_polygons=False)
    rows = page.locator("#ranking-table tbody tr")
    assert rows.count() == 50

    page.get_by_role("button", name="Show more").click()
    assert rows.count() == 60
    header = page.locator("#ranking-table th[data-column=observed]")
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    cells = rows.locator("td:nth-child(6)").all_inner_texts()
    assert (cells[0], cells[-1]) == ("91.5\u00a0%", "–")


@pytest.mark.parametrize("address", ["?district=000007", "#000007"])
def test_a_sheet_has_an_address_and_prints_on_one_page(
    open_page: Open, make_document: MakeDocument, address: str
) -> None:
    page = open_page(make_document(), address, scheme="dark")
    page.locator("#sheet-name", has_text="Place 7").wait_for()
    words = text_of(page.locator("#view-sheet"))
    assert "Region 1 · 000007" in words
    assert "Weighs on it" in words
    assert "By other outcomes: rank 5 by reading." in words
    assert "Piped water: not known here, typically 70. Goes with a prediction 1.5 points higher." in words
    assert "✓ planned" in words
    assert words.count("✗ in doubt: a test failed") == 1
    assert page.locator("svg.locator .here").count() == 1

    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.count(b"/Type /Page\n") == 1
    page.emulate_media(media="print")
    assert page.locator(".masthead:visible, nav:visible, #print:visible, .panel:visible").count() == 1
    assert "Associations are not causes." in page.locator(".panel:visible").inner_text()


def test_the_page_speaks_spanish(open_page: Open, make_document: MakeDocument) -> None:
    page = open_page(make_document(), "#000001", locale="es-ES")

    words = text_of(page.locator("body"))
    assert "Dónde hace falta ayuda" in words
    assert "Puesto 2 de 12. En 80 de 100 simulaciones su puesto va de 1 a 5." in words
    assert "Va con una predicción 6,5 puntos más baja." in words
    assert "+3,5 puntos" in words
    assert "puesto 11 por lectura" in words
    page.get_by_role("button", name="English").click()
    assert "Rank 2 of 12." in page.locator("#sheet-body").inner_text()


def test_what_is_missing_leaves_a_working_page(open_page: Open, make_document: MakeDocument) -> None:
    whole = make_document()
    nothing = (None,) * 12
    columns = {"longitude": nothing, "latitude": nothing, "observed": nothing, "population": nothing}
    bare = {"plan": None, "actions": (), "effects": (), "refutations": (), "drivers": ((),) * 12}
    document = make_document(columns=whole.columns.model_copy(update=columns), **bare)

    page = open_page(document, with_polygons=False)
    assert shown_view(page) == "ranking"
    page.get_by_role("button", name="Place 3").click()
    assert "No drivers were computed." in page.locator("#sheet-body").inner_text()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_axe_finds_no_serious_fault_and_no_view_is_wider_than_the_window(
    open_page: Open, make_document: MakeDocument, width: int, scheme: str
) -> None:
    page = open_page(make_document(names=[EVIL] * 12), "#000003", scheme=scheme, width=width)
    for tab in page.get_by_role("tab").all():
        tab.click()
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), tab.inner_text()
    page.evaluate(axe_source)
    page.evaluate("document.querySelectorAll('section.panel').forEach((panel) => { panel.hidden = false; })")

    result = page.evaluate("axe.run({resultTypes: ['violations']})")

    serious = [fault for fault in result["violations"] if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in serious] == []


def test_in_the_frame_of_kubeflow_it_works_and_offers_no_print(
    browser: "sync_api.Browser", make_document: MakeDocument, polygons: Path
) -> None:
    context = browser.new_context(offline=True, locale="en-GB")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_content("<iframe sandbox='allow-scripts' style='width: 1200px; height: 900px'></iframe>")
    page.evaluate(
        "(text) => { document.querySelector('iframe').srcdoc = text }", render_page(make_document(), polygons)
    )
    frame = page.frame_locator("iframe")

    frame.get_by_role("tab", name="Ranking").click()
    frame.get_by_role("button", name="Place 3").click()

    frame.get_by_text("To print, open this file in a window of its own.").wait_for()
    assert frame.locator("#sheet-name").inner_text() == "Place 3"
    assert frame.locator("#print").is_hidden()
    assert said == []
    context.close()
