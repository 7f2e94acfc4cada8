import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from yachay.components.intervention_recommender.document import BudgetPoint, CostPoint, Recommendation
from yachay.components.intervention_recommender.page.page import ASSETS, render_page, write_page
from yachay.components.text import Text
from yachay.components.web_page.texts import ASSETS as SHARED
from yachay.components.web_page.texts import load_texts

from .conftest import MakeDocument

EVIL = "</script><img src=x onerror=alert(1)>'\"&\u2028\u202e" + 200 * "x"


class Reader(HTMLParser):
    """Reads the tags, and the words that a browser without scripts shows, view by view."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: dict[str, str] = {"": ""}
        self._view = ""
        self._is_hidden = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._is_hidden = tag in ("script", "style")
        if tag == "section":
            self._view = dict(attributes)["data-view"] or ""
            self.words[self._view] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._is_hidden = False
        if tag in ("td", "th", "dt"):
            self.words[self._view] += " "

    def handle_data(self, data: str) -> None:
        if not self._is_hidden:
            self.words[self._view] += data


def views_of(document: Recommendation, polygons: Path | None = None) -> dict[str, str]:
    return {
        view: " ".join(words.split()) for view, words in Reader(render_page(document, polygons)).words.items() if view
    }


def test_every_view_says_that_associations_are_not_causes(make_document: MakeDocument, polygons: Path) -> None:
    views = views_of(make_document(), polygons)

    assert list(views) == ["map", "ranking", "actions", "plan", "sheet", "about"]
    assert all("Associations are not causes." in words for words in views.values())


def test_without_scripts_the_tables_hold_their_numbers(make_document: MakeDocument) -> None:
    views = views_of(make_document())

    for view, expected in {
        "ranking": ("1 1 – 4 Place 0 Region 0 20.5 % 21.5 % 1,000", "School internet"),
        "actions": ("▲ up by at most 20", "A study (2017)", "assumed", "No effect is shown: the model does not use it",
                    "✗ in doubt Placebo (0.100; expected: < 0.5): A made-up feature does as much.", "6 of 12",
                    "No test tried to refute this effect.", "Only together with School internet"),
        "plan": ("6 of the 6 planned actions rest on an effect that is in doubt",
                 "5,000 PEN", "40 (20 to 60)", "95%", "Poorest first 30 (9 to 44)", "−20 % 45 10%", "+20 % 33 25%",
                 "no plan can be better by more than 0.10%", "10.0%", "Place 1 Region 1 School internet"),
        "about": ("boosted_trees", "0.500", "A census", "CC BY 4.0", "< 25.0 %"),
    }.items():  # fmt: skip
        assert [words for words in expected if words not in views[view]] == []


def test_the_ranking_stands_beside_those_by_other_outcomes(make_document: MakeDocument) -> None:
    assert "reading −1.00 0" in views_of(make_document())["ranking"]
    assert "another outcome" not in views_of(make_document(other_ranks=()))["ranking"]


def test_plans_without_floors_or_in_no_time_are_marked_and_what_is_left_out_is_named(
    make_document: MakeDocument,
) -> None:
    whole = make_document()
    assert whole.plan
    curve = (
        *whole.budget_curve,
        BudgetPoint(budget=9000, gain=50, gain_lower=40, gain_upper=60, meets_floors=False),
        BudgetPoint(budget=20_000, gain=None, gain_lower=None, gain_upper=None),
    )
    costs = (
        CostPoint(factor=0.8, gain=45, changed_share=0.1, meets_floors=False),
        whole.cost_sensitivity[1],
        CostPoint(factor=1.2, gain=None, changed_share=None),
    )
    plan = whole.plan.model_copy(update={"left_out": ("meals",), "too_many": ("meals",)})
    document = make_document(budget_curve=curve, cost_sensitivity=costs, plan=plan)

    assert render_page(document, None).count('class="without-floors"') == 2  # In the plot and its legend.
    words = views_of(document)["plan"]
    assert "9,000 50.0 40.0 60.0 left out" in words
    assert "−20 %" in words.replace("\u00a0", " ")
    assert "did not survive a test that could refute it: School meals." in words
    assert "more than one community may get: School meals." in words
    assert "20,000 no plan found in time – –" in words
    assert "+20 % no plan found in time – –" in words.replace("\u00a0", " ")
    before = render_page(whole, None)
    assert 'class="without-floors"' not in before
    assert "Left out, for" not in views_of(whole)["plan"]


def test_what_is_missing_leaves_no_trace(make_document: MakeDocument) -> None:
    whole = make_document()
    nothing = (None,) * 12
    columns = whole.columns.model_copy(
        update={"longitude": nothing, "latitude": nothing, "observed": nothing, "population": nothing}
    )

    views = views_of(
        make_document(
            columns=columns, plan=None, naive_plans=(), budget_curve=(), cost_sensitivity=(), actions=(), effects=(),
            refutations=(), drivers=((),) * 12,
        )
    )  # fmt: skip

    assert list(views) == ["ranking", "sheet", "about"]
    assert "Measured" not in views["ranking"]
    assert "People" not in views["ranking"]
    assert "In the plan" not in views["ranking"]


def test_hostile_names_are_text(make_document: MakeDocument) -> None:
    tags = Reader(render_page(make_document(), None)).tags
    evil = render_page(make_document(names=[EVIL] * 12), None)

    assert Reader(evil).tags == tags
    assert evil.count("<script") == 2


@pytest.mark.parametrize("num", [1, 20_000])
def test_one_community_and_many_are_a_page(make_document: MakeDocument, tmp_path: Path, num: int) -> None:
    write_page(make_document(num), None, tmp_path / "page.html")

    text = (tmp_path / "page.html").read_text()
    data = json.loads(re.search(r'id="live-data">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert len(data["key"]) == len(data["map"]["points"]) == num
    assert text.count("<tr>") < 250


def test_the_page_needs_no_host(make_document: MakeDocument, polygons: Path) -> None:
    text = render_page(make_document(), polygons)

    assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in text


def test_both_languages_have_the_same_sentences_with_the_same_values_and_all_are_used() -> None:
    english, spanish = (load_texts(language, ASSETS) for language in ("en", "es"))
    used = "".join(
        path.read_text() for folder in (ASSETS, SHARED) for path in folder.iterdir()
        if path.suffix in (".html", ".js")
    )  # fmt: skip

    assert english.keys() == spanish.keys()
    holes = {key: [set(re.findall(r"\{\w+\}", texts[key])) for texts in (english, spanish)] for key in english}
    assert [key for key, (one, other) in holes.items() if one != other] == []
    computed = ("view.", "actions.up", "actions.down", "actions.excludes", "actions.needs", "about.")
    assert [key for key in english if f'"{key}"' not in used and not key.startswith(computed)] == []


@pytest.mark.skipif("YACHAY_DATA" not in os.environ, reason="YACHAY_DATA is not set")
def test_the_districts_of_peru_are_under_two_megabytes(make_document: MakeDocument) -> None:
    path = Path(os.environ["YACHAY_DATA"], "education_access", "peru_distrital_simple.geojson")
    keys = [feature["properties"]["IDDIST"] for feature in json.loads(path.read_bytes())["features"]]
    document = make_document(len(keys))
    columns = document.columns.model_copy(update={"key": tuple(keys), "longitude": (None,) * len(keys)})

    page = render_page(document.model_copy(update={"columns": columns}), path)

    assert len(page.encode()) < 2_000_000
    assert "Without a place on the map: 8." in page


def test_what_is_cited_beside_the_word_assumed_is_shown_in_both_languages(make_document: MakeDocument) -> None:
    whole = make_document()
    first = whole.actions[0]
    evidence = Text(en="assumed; on schooling: A study (2017)", es="supuesto; sobre la escolaridad: A study (2017)")
    moves = (first.moves[0].model_copy(update={"evidence": evidence, "assumed": True}),)
    document = make_document(actions=(first.model_copy(update={"moves": moves}), *whole.actions[1:]))

    html = render_page(document, None)
    assert "on schooling: A study (2017)" in html
    assert "sobre la escolaridad: A study (2017)" in html
    assert "assumed; on" not in html
    assert "supuesto; sobre" not in html


def test_the_model_and_its_metrics_have_titles(make_document: MakeDocument) -> None:
    titles = {"rmse": Text(en="Typical error", es="Error típico")}
    model = make_document().model.model_copy(
        update={"family_title": Text(en="Boosted trees"), "metrics": {"rmse": 2.0, "own": 1.0}, "metric_titles": titles}
    )
    words = views_of(make_document(model=model))["about"]
    assert "Boosted trees" in words
    assert "Typical error 2.00" in words
    assert "own 1.00" in words
