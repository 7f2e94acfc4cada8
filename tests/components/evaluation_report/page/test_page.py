import ast
import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yachay.components.evaluation_report.page import page
from yachay.components.evaluation_report.page.page import MAX_BYTES, SECTIONS, render_page
from yachay.components.evaluation_report.page.selection import NOTE_SECTIONS
from yachay.components.evaluation_report.page.texts import load_texts
from yachay.components.evaluation_report.report import (
    Confusion,
    Curve,
    Data,
    Estimate,
    FeatureRow,
    LeaderboardRow,
    ModelCard,
    NewestComparison,
    Note,
    OperatingPoints,
    Report,
    SliceRow,
    Verdict,
)
from yachay.components.evaluation_report.section import (
    Section,
    SectionInputs,
    build_section,
    line_plot,
    render_section,
    table,
)
from yachay.components.text import Text
from yachay.components.web_page.texts import fill

MakeReport = Callable[..., Report]
EVIL = "</script><img src=x onerror=alert(1)>'\"&\u2028"


class Reader(HTMLParser):
    """Reads the words that a browser without scripts shows, section by section, and the attributes that load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: dict[str, str] = {"": ""}
        self.loads: list[str] = []
        self.tags: list[str] = []
        self._section = ""
        self._is_hidden = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.tags.append(tag)
        self._is_hidden = tag in ("script", "style")
        if tag == "section":
            self._section = values["id"] or ""
            self.words[self._section] = ""
        self.loads += [value for name, value in attributes if name in ("src", "href", "action", "srcset") and value]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._is_hidden = False

    def handle_data(self, data: str) -> None:
        if not self._is_hidden:
            self.words[self._section] += data


def words_of(text: str, section: str) -> str:
    return " ".join(Reader(text).words[section].split())


def test_the_page_says_the_verdict_first(make_report: MakeReport) -> None:
    words = words_of(render_page(make_report()), "")

    assert "NOT BLESSED" in words
    assert "Thresholds not met: 1 of 2. The model was not pushed, since it is not blessed." in words


def test_a_blessed_model_that_was_not_pushed_shows_why(make_report: MakeReport) -> None:
    verdict = Verdict(
        is_blessed=True, is_synthetic=True, is_pushed=False, push_rejection="it answers otherwise in a session"
    )

    words = words_of(render_page(make_report(verdict=verdict)), "")

    assert "SYNTHETIC DATA" in words
    assert "✓ BLESSED" in words
    assert "The model was not pushed: it answers otherwise in a session" in words


@pytest.mark.parametrize(
    ("passes", "sentence"),
    [
        (True, "accuracy: 0.7500 on the newest 140 labelled records; the model in service has 0.7000."),
        (False, "accuracy: 0.7500 on the newest 140 labelled records, worse than the 0.7000 of the model in service."),
    ],
)
def test_a_retraining_shows_the_champion_on_the_newest_records(
    make_report: MakeReport, passes: bool, sentence: str
) -> None:
    newest = NewestComparison(
        passes=passes, reason="As it is.", metric="accuracy", candidate=0.75, champion=0.7, rows=140
    )
    verdict = Verdict(is_blessed=passes, is_synthetic=False, newest=newest)

    assert sentence in words_of(render_page(make_report(verdict=verdict)), "")


def test_without_scripts_each_section_holds_its_numbers(make_report: MakeReport) -> None:
    text = render_page(make_report())

    for section, numbers in {
        "verdict": (
            "0.7901",
            "≥ 0.7600; ≤ 0.8200",
            "+0.0299",
            "−0.0061",
            "✗ not met",
            "Course = 9119",
            "≈ within noise",
        ),
        "slices": ("0.790 [0.740; 0.840]", "848", "left out to protect people", "without rates and size: 1."),
        "fairness": ("0.300 [0.250; 0.350]", "0.600 [0.550; 0.650]", "✗ below four fifths"),
        "curves": ("0.900 [0.850; 0.950]", "ROC curve", "Calibration", "0.528"),
        "confusion": ("40", "93.0%", "Most frequent mistakes"),
        "threshold": ("Table of thresholds", "lowest cost", "at a cost of 1 for a false alarm and 5 for a missed case"),
        "leaderboard": ("0.7800", "Other records.", "Realinho et al. (2022)"),
        "data": ("4,424", "GDP: out of range", "0.310", "✗ beyond", "70.0%"),
        "importance": ("+0.0123", "[+0.0083; +0.0163]"),
        "lineage": ("20261121-0bb2", "42"),
        "card": ("To help.",),
    }.items():
        words = words_of(text, section)
        assert [number for number in numbers if number not in words] == [], section


def test_a_forecast_shows_its_errors_and_no_curves(forecast: Report) -> None:
    text = render_page(forecast)
    words = words_of(text, "errors")

    assert "0.900 [0.850; 0.950]" in words
    assert "Errors by horizon" in words
    assert "Skill against persistence" in words
    assert "Station 7, 1 May" in words
    assert 'id="curves"' not in text


def test_the_trials_of_a_search_stand_beside_the_held_out_value(make_report: MakeReport) -> None:
    report = make_report()
    assert report.trials is not None
    text = render_page(report, "en")
    words = words_of(text, "trials")

    best, held_out = report.trials.ranked[0], report.metrics["macro_f1"]
    assert f"{best.score:.4f}" in words
    assert f"{held_out.value:.4f}" in words
    assert "an optimistic estimate" in words
    assert "stopped early after 3 folds its mean is below that of trial 1" in words
    assert text.split('id="trials"')[1].split("</section>")[0].count('class="spark"') == len(report.trials.trials)
    assert "Qué influyó" in words_of(render_page(report, "es"), "trials")
    assert 'id="trials"' not in render_page(make_report(trials=None))


def test_a_column_that_is_no_input_is_said_to_be_none_where_its_groups_are_compared(make_report: MakeReport) -> None:
    report = make_report()
    [name] = report.fairness[0].columns
    features = (FeatureRow(name=name, is_used=False), FeatureRow(name="other"))
    hidden = report.model_copy(update={"data": report.data.model_copy(update={"features": features})})

    assert f"{name}: no input of the model." in words_of(render_page(hidden, "en"), "fairness")
    used = (FeatureRow(name=name), FeatureRow(name="other", is_used=False))
    shown = report.model_copy(update={"data": report.data.model_copy(update={"features": used})})
    assert "no input of the model" not in words_of(render_page(shown, "en"), "fairness")


@pytest.mark.parametrize("problem", SECTIONS)
def test_a_report_with_nothing_in_it_is_a_page_that_says_what_is_missing(problem: str) -> None:
    empty = Report(problem=problem, verdict=Verdict(is_blessed=None, is_synthetic=False), metrics={})

    text = render_page(empty)

    assert "NO VERDICT" in words_of(text, "")
    for section in (*SECTIONS[problem], *page.COMMON_SECTIONS):
        assert 'class="note"' in text.split(f'id="{section}"')[1].split("</section>")[0] or section == "lineage"


def test_what_is_no_number_is_a_dash(make_report: MakeReport) -> None:
    # The message of a failed trial may well name one.
    report = make_report(metrics={"accuracy": Estimate(value=None)}, trials=None)
    text = render_page(report)

    assert "accuracy–" in words_of(text, "")
    assert not re.search(r"\b(nan|NaN|None|inf)\b", " ".join(Reader(text).words.values()))


def test_a_truncated_evaluation_is_shown_as_far_as_it_goes(make_report: MakeReport) -> None:
    report = make_report()
    assert report.classification
    first, second, third = report.classification.classes
    none = OperatingPoints(thresholds=(), true_positives=(), false_positives=(), true_negatives=(), false_negatives=())
    classes = (
        first.model_copy(update={"roc": None, "gain": Curve(x=(), y=()), "calibration": (), "scores_positive": None}),
        second.model_copy(update={"operating_points": none}),
        third.model_copy(update={"operating_points": None, "rows": 0}),
    )
    classification = report.classification.model_copy(
        update={"classes": classes, "confusion": Confusion(labels=(), counts=())}
    )

    text = render_page(report.model_copy(update={"classification": classification, "slices": report.slices[1:]}))

    assert "Not available: the class, or all others, have no records." in words_of(text, "curves")
    assert "there is no confusion matrix" in words_of(text, "confusion")
    assert "Plots are shown for 1 of 3 classes" in words_of(text, "threshold")
    assert "Course = 9001" in words_of(text, "slices")


def test_one_slice_alone_is_reported(make_report: MakeReport) -> None:
    assert "one slice: all records" in words_of(render_page(make_report(num_slices=1)), "slices")


def test_the_page_is_small_with_two_thousand_slices_and_three_hundred_classes(make_report: MakeReport) -> None:
    report = make_report(labels=tuple(f"class {i}" for i in range(300)), num_slices=2000)

    text = render_page(report)

    assert len(text.encode()) < MAX_BYTES
    assert re.search(r"Shown: \d+ of 2000", words_of(text, "slices"))
    assert re.search(r"Plots are shown for \d+ of 300 classes", words_of(text, "curves"))
    assert re.search(r"The \d+ classes with fewest records are folded", words_of(text, "confusion"))


def test_the_worst_slices_are_kept_when_not_all_are_shown(make_report: MakeReport) -> None:
    slices = list(make_report(num_slices=2000).slices)
    slices[1500] = SliceRow(slice={"Course": "last"}, rows=11, metrics={"accuracy": Estimate(value=0.01)})

    words = words_of(render_page(make_report(slices=tuple(slices))), "slices")

    assert "Course = last11" in words


def test_values_are_text_and_never_markup(make_report: MakeReport) -> None:
    report = make_report(
        labels=(EVIL, "b", "c"),
        verdict=Verdict(is_blessed=True, is_synthetic=False, is_pushed=False, push_rejection=EVIL),
        leaderboard=(LeaderboardRow(name=EVIL, kind="anchor", metrics={EVIL: 1.0}, records=EVIL, source=EVIL),),
        card=ModelCard(title=Text(en=EVIL), ethics=Text(en=EVIL)),
        data=Data(source=EVIL, anomalies=(EVIL,)),
        notes=(Note(code="baseline_unusable", values={"reason": EVIL}), Note(code=EVIL, values={EVIL: EVIL})),
    )

    text = render_page(report)
    reader = Reader(text)

    assert "img" not in reader.tags
    assert reader.tags.count("script") == 2
    assert EVIL[:-1] in reader.words["card"]
    data = text.split('<script type="application/json" id="live-data">')[1].split("</script>")[0]
    assert "\u2028" not in data
    assert EVIL in json.loads(data)["points"]


def test_the_page_loads_nothing(make_report: MakeReport) -> None:
    text = render_page(make_report())

    assert [load for load in Reader(text).loads if not load.startswith("#")] == []
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
    assert html.unescape(text).count("unsafe-eval") == 0


def test_a_note_stands_in_the_section_that_lacks_something(make_report: MakeReport) -> None:
    notes = (
        Note(code="importance_of_sample", values={"rows": 500, "of": 84800}),
        Note(code="new_one", values={"n": 3}),
    )

    text = render_page(make_report(notes=notes))

    assert "Measured on 500 of 84,800 records." in words_of(text, "importance")
    assert "new_one: n = 3" in words_of(text, "verdict")


def test_every_note_of_the_report_has_a_sentence_and_a_section() -> None:
    codes = set()
    for module in Path(page.__file__).parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Note":
                codes |= {item.value.value for item in node.keywords if item.arg == "code"}

    assert codes
    assert codes == set(NOTE_SECTIONS)
    assert [code for code in codes if f"note.{code}" not in load_texts("en")] == []


def test_both_languages_have_the_same_sentences_with_the_same_values() -> None:
    english, spanish = load_texts("en"), load_texts("es")

    assert list(english) == list(spanish)
    for key, sentence in english.items():
        assert spanish[key], key
        assert set(re.findall(r"{\w+}", sentence)) == set(re.findall(r"{\w+}", spanish[key])), key


def test_a_page_can_be_asked_for_in_spanish(make_report: MakeReport) -> None:
    text = render_page(make_report(), language="es")

    assert '<html lang="es" data-start="es">' in text
    assert "NO APROBADO" in words_of(text, "")
    assert "Quién está en riesgo" in words_of(text, "")


def test_a_value_with_braces_is_not_filled_again() -> None:
    assert fill("{a} and {b}", {"a": "{b}", "b": "2"}) == "{b} and 2"


def own_section(render: Callable[[Any], str], build: Callable[[Any], Any] = lambda inputs: {"mae": [1.5]}) -> Section:
    return Section("by_hour", Text(en="By hour", es="Por hora"), build, render)


def page_with(section: Section, report: Report) -> str:
    inputs = SectionInputs(None, np.zeros(1), np.zeros(1), (), "", None, {}, report, 1)  # type: ignore[arg-type]
    data = build_section(section, inputs)
    shown = report.model_copy(update={"sections": (data,)})
    return render_page(shown, None, {section.name: render_section(section, data)})


def test_a_section_of_the_systems_own_stands_after_ours(make_report: Callable[..., Report]) -> None:
    def render(data: Any) -> str:
        rows = [["<b>", value] for value in data["mae"]]
        return table(["hour", Text(en="MAE", es="EAM")], rows) + line_plot([0, 1], {"a": [1.0, 2.0]}, "Line & plot")

    text = page_with(own_section(render), make_report())

    words = words_of(text, "own-by_hour")
    assert text.index('id="card"') < text.index('id="own-by_hour"')
    assert "1.500" in words
    assert "&lt;b&gt;" in text
    assert "Line &amp; plot" in text
    assert 'data-es="Por hora"' in text


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (own_section(lambda data: data["nothing"]), "KeyError: 'nothing'"),
        (own_section(lambda data: "", lambda inputs: 1 / 0), "ZeroDivisionError: division by zero"),
        (own_section(lambda data: "", lambda inputs: float("nan")), "ValueError: Out of range float values"),
        (own_section(lambda data: "x" * 200_000), "its 200,000 bytes are more than 150,000"),
    ],
)
def test_a_section_that_fails_is_shown_with_its_error(
    make_report: Callable[..., Report], section: Section, problem: str
) -> None:
    words = words_of(page_with(section, make_report()), "own-by_hour")

    assert "could not be made" in words
    assert problem in words


def test_a_plain_string_of_a_section_is_text(make_report: Callable[..., Report]) -> None:
    assert "&lt;script&gt;" in page_with(own_section(lambda data: "<script>"), make_report())


def test_a_metric_that_the_page_does_not_know_has_its_own_title(make_report: Callable[..., Report]) -> None:
    report = make_report(
        metrics={"bias_at_noon": Estimate(value=0.5)},
        metric_titles={"bias_at_noon": Text(en="Bias at noon", es="Sesgo al mediodía")},
    )

    assert "Bias at noon" in words_of(render_page(report), "")
