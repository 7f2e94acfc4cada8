"""The page in a real browser, over a real server."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sequence_model import ROW, forecast, save_sequence_model

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NASTY = """O'Brien $HOME `id` "quoted" \\ <img src=x onerror=alert(1)> ñ"""
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages, and finds at the end that they said nothing wrong and loaded nothing from elsewhere."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []
    requested: list[str] = []

    def open_page(server: Any, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": WIDE, "locale": "en-GB", **options})
        contexts.append(context)
        page = context.new_page()
        # The browser itself notes each answer of 400 or 401.
        page.on("console", lambda message: None if "Failed to load" in message.text else troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("request", lambda request: requested.append(request.url))
        page.goto(server.url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []
    assert {url.split("/")[2].split(":")[0] for url in requested if not url.startswith("data:")} == {"127.0.0.1"}


@pytest.fixture
def free_town(tmp_path: Path, model_dir: Path) -> Path:
    """A model whose town may be any text, and whose names are nasty."""
    path = tmp_path / "push-6" / "6"
    shutil.copytree(model_dir, path)
    file = path / "assets.extra" / "yachay.json"
    metadata = json.loads(file.read_text())
    metadata["features"][-1]["domain"] = None
    metadata["original_names"]["town"] = "<b>Town</b> <script>alert(1)</script>"
    file.write_text(json.dumps(metadata))
    return path


def fill(page: Page, record: dict[str, Any]) -> None:
    for name, value in record.items():
        field = page.locator(f"#field-{name}")
        text = "" if value is None else str(value)
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(text)
        else:
            field.fill(text)


def shown_scores(page: Page) -> dict[str, float]:
    items = page.locator(".scores li")
    return {
        item.locator(".name").inner_text(): float(item.locator(".value").get_attribute("title") or "nan")
        for item in items.all()
    }


def run_shown_command(page: Page, **environment: str) -> Any:
    command = page.locator("#command").inner_text()
    answer = subprocess.run(
        ["sh", "-c", command], check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return json.loads(answer.stdout)


def serious_violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes']}" for each in found if each["impact"] in ("serious", "critical")]


def test_a_record_is_filled_in_predicted_as_the_api_predicts_it(
    served: Any, open_page: Callable[..., Page], row: dict[str, Any]
) -> None:
    page = open_page(served)
    record = {**row, "rating": 2.5, "visits": None, "town": "Cusco"}
    fill(page, record)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#prediction")).to_be_visible()
    (prediction,) = served.predict({"instances": [record]}).json()["predictions"]

    assert page.locator("#name").inner_text() == "tiny"
    assert "Accuracy\n0.7500" in page.locator("#facts").inner_text()
    assert page.locator("#prediction").inner_text() == prediction["classes"]
    assert shown_scores(page) == dict(zip(["no", "yes"], prediction["scores"], strict=True))


def test_the_command_that_it_shows_runs_in_a_shell_and_gives_the_prediction(
    free_town: Path, serve: Callable[..., Any], open_page: Callable[..., Page], row: dict[str, Any]
) -> None:
    with serve(free_town) as server:
        page = open_page(server)
        fill(page, {**row, "town": NASTY, "rating": None, "branch": 2**62 + 1})
        page.get_by_role("button", name="Predict").click()
        expect(page.locator("#prediction")).to_be_visible()
        shown = shown_scores(page)
        (prediction,) = run_shown_command(page)["predictions"]
        page.get_by_role("button", name="V2").click()
        outputs = {output["name"]: output["data"] for output in run_shown_command(page)["outputs"]}

        assert list(shown.values()) == sorted(prediction["scores"], reverse=True)
        assert outputs["scores"] == prediction["scores"]
        assert outputs["classes"] == [prediction["classes"]]
        # An integer beyond what a browser's numbers hold keeps its digits.
        assert '"branch"' in page.locator("#command").inner_text()
        assert f"[{2**62 + 1}]" in page.locator("#command").inner_text()
        assert page.get_by_text("<b>Town</b> <script>alert(1)</script>").is_visible()


def test_the_command_is_copied(served: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(served, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#command").text_content()


def test_what_the_api_rejects_is_reported_beside_its_field_which_gets_the_focus(
    served: Any, open_page: Callable[..., Page], row: dict[str, Any]
) -> None:
    page = open_page(served)
    fill(page, {**row, "income": "much", "branch": None})
    page.keyboard.press("Enter")
    expect(page.locator("#error-income")).to_have_text(
        "Expected 'income' (row 0) to be a finite number. Received: 'much' (a string)."
    )

    assert page.locator("#error-branch").inner_text() == (
        "Expected 'branch' (row 0) to be an integer of 64 bits. Received: null."
    )
    assert page.locator("#error-rating").inner_text() == ""
    assert page.evaluate("document.activeElement.id") == "field-income"
    assert "The server rejected the record (400)." in page.locator("#result").inner_text()

    fill(page, row)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#prediction")).to_be_visible()
    assert page.locator("[aria-invalid=true]").count() == 0


def test_a_server_with_a_token_asks_for_it(
    model_dir: Path, serve: Callable[..., Any], open_page: Callable[..., Page]
) -> None:
    with serve(model_dir, tokens=lambda: ["s3cret"]) as server:
        page = open_page(server)
        page.get_by_role("textbox", name="Token").fill("wrong")
        page.get_by_role("button", name="Open").click()
        expect(page.locator("#token-error")).to_have_text("The server does not know this token.")
        assert serious_violations(page) == []
        page.get_by_role("textbox", name="Token").fill("s3cret")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Predict").click()
        expect(page.locator("#prediction")).to_be_visible()

        assert "s3cret" not in page.content()
        (prediction,) = run_shown_command(page, YACHAY_SERVING_TOKEN="s3cret")["predictions"]
        assert page.locator("#prediction").inner_text() == prediction["classes"]


def test_a_regression_shows_its_number(
    regression_dir: Path, serve: Callable[..., Any], open_page: Callable[..., Page]
) -> None:
    with serve(regression_dir) as server:
        page = open_page(server)
        page.get_by_role("button", name="Predict").click()
        expect(page.locator("#prediction")).to_be_visible()
        (prediction,) = run_shown_command(page)["predictions"]

        assert float(page.locator("#prediction").inner_text()) == prediction
        assert page.locator("#task").inner_text() == "Predicts Keeps."


@pytest.mark.parametrize("viewport", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_all_at_each_size_and_in_each_theme(
    served: Any, open_page: Callable[..., Page], viewport: Any, scheme: Any
) -> None:
    page = open_page(served, viewport=viewport, color_scheme=scheme)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#prediction")).to_be_in_viewport()
    answered = serious_violations(page)
    fill(page, {"income": "much"})
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#error-income")).not_to_be_empty()

    assert answered + serious_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_a_spanish_browser_gets_spanish_and_a_button_changes_it(served: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(served, locale="es-PE")
    expect(page.get_by_role("button", name="Predecir")).to_be_visible()
    fill(page, {"income": 7})
    assert page.locator("html").get_attribute("lang") == "es"

    page.get_by_role("button", name="English").click()

    expect(page.get_by_role("button", name="Predict")).to_be_visible()
    assert page.locator("#field-income").input_value() == "7"


def test_the_buttons_fill_and_empty_the_form_and_change_the_theme(served: Any, open_page: Callable[..., Page]) -> None:
    page = open_page(served, color_scheme="light")
    page.get_by_role("button", name="Clear").click()
    emptied = page.locator("#field-income").input_value()
    page.get_by_role("button", name="Example").click()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark").click()

    assert (emptied, page.locator("#field-income").input_value()) == ("", "0")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert page.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"


def test_known_codes_are_a_list_with_their_names_in_the_language_of_the_page(
    model_with_codes: Callable[..., Path], serve: Callable[..., Any], open_page: Callable[..., Page]
) -> None:
    names = {"7": {"en": "North", "es": "Norte"}, "40": {"en": "<b>South</b>", "es": ""}}
    with serve(model_with_codes([7, 40, 2**62 + 1], names)) as server:
        page = open_page(server)
        field = page.get_by_role("combobox", name="branch")
        english = field.locator("option").all_inner_texts()
        field.focus()
        page.keyboard.type("40")
        assert serious_violations(page) == []
        page.get_by_role("button", name="Español").click()
        spanish = field.locator("option").all_inner_texts()
        kept = field.input_value()
        field.select_option(str(2**62 + 1))
        page.get_by_role("button", name="Predecir").click()
        expect(page.locator("#prediction")).to_be_visible()

        assert english == ["(empty)", "7: North", "40: <b>South</b>", str(2**62 + 1)]
        assert spanish == ["(vacío)", "7: Norte", "40: <b>South</b>", str(2**62 + 1)]
        assert kept == "40"
        assert f'"branch": {2**62 + 1}' in page.locator("#command").inner_text()


@pytest.fixture
def forecaster(tmp_path: Path, serve: Callable[..., Any]) -> Iterator[Any]:
    model = save_sequence_model(tmp_path / "push-7/7")
    response = {"predictions": [{"outputs": [12.0, 13.0]}]}
    golden = json.dumps({"request": {"instances": [ROW]}, "response": response}) + "\n"
    (tmp_path / "push-7/golden.jsonl").write_text(golden)
    with serve(model) as server:
        yield server


def test_a_sequence_is_typed_as_numbers_and_a_forecast_drawn_with_its_interval(
    forecaster: Any, open_page: Callable[..., Page]
) -> None:
    page = open_page(forecaster)
    assert page.locator("#field-temperature_c").input_value() == "10, 11, 12, 13, 14, 15"
    page.locator("#field-temperature_c").fill("10 null 12\n13; 14, 15")
    page.locator("#field-load_mw").fill("3, 4")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("svg.fan .interval")).to_be_visible()

    expected = forecast({**ROW, "temperature_c": [10, None, 12, 13, 14, 15], "load_mw": [3, 4]})
    cells = page.locator("#prediction tbody tr td:nth-child(2)").all_inner_texts()
    assert len(cells) == len(page.locator("svg.fan .line").get_attribute("points").split()) == 3
    (prediction,) = run_shown_command(page)["predictions"]
    page.get_by_role("button", name="V2").click()
    outputs = {output["name"]: output["data"] for output in run_shown_command(page)["outputs"]}
    assert prediction["outputs"] == outputs["outputs"] == pytest.approx(expected, rel=1e-6)
    assert serious_violations(page) == []


def test_a_sequence_of_another_length_is_named_beside_its_field(
    forecaster: Any, open_page: Callable[..., Page]
) -> None:
    page = open_page(forecaster)
    page.locator("#field-temperature_c").fill("1, 2")
    page.get_by_role("button", name="Predict").click()

    expect(page.locator("#error-temperature_c")).to_have_text(
        "Expected 'temperature_c' (row 0) to be a list of 6 numbers or nulls, the newest last. Received: 2."
    )
