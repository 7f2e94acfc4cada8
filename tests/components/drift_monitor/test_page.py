"""The monitor's page and files."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from small_logs import NOW, VERSION, Known, draw, log_table, small_reference, write_log

from yachay.components.drift_monitor.bins import categorical_distribution
from yachay.components.drift_monitor.monitor import monitor
from yachay.components.drift_monitor.output import write_result
from yachay.components.drift_monitor.page.page import ASSETS, render_page
from yachay.components.drift_monitor.settings import MonitorSettings
from yachay.components.web_page.texts import load_texts


def test_both_languages_have_the_same_sentences() -> None:
    english, spanish = load_texts("en", ASSETS), load_texts("es", ASSETS)

    assert english.keys() == spanish.keys()


def test_the_page_is_one_file_that_asks_for_nothing(tmp_path: Path) -> None:
    known = Known({VERSION: small_reference(slices=True)})
    log = write_log(tmp_path / "log", log_table(draw(1000, seed=1)), log_table(draw(1000, seed=2, shift=1.5)))
    result = monitor(log, known, MonitorSettings(window="500"), now=NOW)
    written = write_result(result, tmp_path / "out", "student_dropout · <semester2>", "es")

    page = (tmp_path / "out" / "monitor.html").read_text(encoding="utf-8")
    assert "http://" not in page
    assert "https://" not in page
    assert "&lt;semester2&gt;" in page
    assert "Deriva" in page
    document = json.loads((tmp_path / "out" / "monitor.json").read_text(encoding="utf-8"))
    assert document["verdict"] == "drift"
    assert document["page_uri"] == written.page_uri


def test_a_log_of_too_few_rows_has_a_page(tmp_path: Path) -> None:
    known = Known({VERSION: small_reference()})
    result = monitor(write_log(tmp_path / "log", log_table(draw(20, seed=1))), known, now=NOW)

    assert "Too few rows" in render_page(result)


def test_categories_are_written_as_text_whatever_they_look_like(tmp_path: Path) -> None:
    names = ["(Other)", "<script>alert(1)</script>", "art"]
    reference = small_reference()
    (course,) = (one for one in reference.features if one.name == "Course")
    hostile = course.model_copy(update={"distribution": categorical_distribution(pa.array(names * 100))})
    features = tuple(hostile if one.name == "Course" else one for one in reference.features)
    known = Known({VERSION: reference.model_copy(update={"features": features})})
    rows = draw(1000, seed=1)
    rows["Course"] = np.array(names)[[0] * 500 + [1] * 500].astype(object)
    page = render_page(monitor(write_log(tmp_path / "log", log_table(rows)), known, now=NOW))

    assert "<dt>(Other)</dt>" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
