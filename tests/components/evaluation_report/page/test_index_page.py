import dataclasses
import re

import pytest

from yachay.components.evaluation_report.page.index import IndexedRun, IndexedSlice
from yachay.components.evaluation_report.page.index_page import MAX_HISTORY, render_index
from yachay.components.evaluation_report.page.texts import ASSETS, load_texts

RUN = IndexedRun(
    run_id="20261121-090000-bbbb",
    started="2026-11-21 09:00",
    group="student-dropout--semester2",
    pipeline="student_dropout",
    task="semester2",
    is_synthetic=False,
    state="blessed",
    page="student-dropout--semester2/artifacts/EvaluationReport/report/20/report.html",
    rows=4424,
    seconds=41.27,
    metrics={"accuracy": 0.79014, "macro_f1": 0.7097},
    bounds={"accuracy": (0.76, 0.82)},
    directions={"accuracy": "up", "macro_f1": "up"},
)


def many(count: int, num_slices: int = 0) -> list[IndexedRun]:
    slices = tuple(
        IndexedSlice(f"Course = {k}", 100 - k, {"accuracy": 0.7 + k / 997, "macro_f1": k / 991})
        for k in range(num_slices)
    )
    return [
        dataclasses.replace(
            RUN,
            run_id=f"20261121-09{k // 60 % 60:02d}{k % 60:02d}-{k:04x}",
            started=f"2026-11-21 {k // 60 % 24:02d}:{k % 60:02d}",
            metrics={"accuracy": 0.78 + k / 99_991, "macro_f1": 0.7},
            slices=slices,
            facts={"model.family": "linear" if k % 2 else "keras"},
        )
        for k in range(count, 0, -1)
    ]


def test_a_run_is_a_line_that_reads_without_scripts() -> None:
    page = render_index([RUN])

    [line] = re.findall(r"<tr class=\"blessed\">.*?</tr>", page, re.DOTALL)
    text = " ".join(re.sub(r"<[^>]+>", " ", line).split())
    assert text == "2026-11-21 09:00 bbbb blessed student_dropout semester2 0.7901 0.7097 4,424 41.3"
    assert f'<a class="name" href="{RUN.page}">' in line


def test_five_hundred_runs_are_under_600_kb_and_the_page_says_whose_slices_it_has() -> None:
    page = render_index(many(500, num_slices=90))

    assert len(page.encode()) < 600_000
    assert page.count('<tr class="blessed">') == 500
    assert 100 <= int(re.search(r'"num_with_slices":(\d+)', page)[1]) < 500  # type: ignore[index]


def test_of_too_many_runs_the_oldest_are_left_out_and_counted() -> None:
    page = render_index(many(2000))

    shown = page.count('<tr class="blessed">')
    assert len(page.encode()) < 600_000
    assert f"The {2000 - shown} oldest runs are left out" in page


def test_the_history_draws_the_last_blessed_runs_of_a_group_with_their_bounds() -> None:
    failed = dataclasses.replace(RUN, run_id="20261122-090000-cccc", state="not_blessed")
    other = dataclasses.replace(
        RUN, run_id="20261122-100000-dddd", group="student-dropout--semester2--mock", is_synthetic=True
    )

    page = render_index([failed, other, *many(MAX_HISTORY + 5)])

    histories = page.split('<div class="history"')[1:]
    assert len(histories) == 2
    assert histories[1].count("<circle") == 2 * MAX_HISTORY
    assert f"Blessed runs: {MAX_HISTORY + 5}" in histories[1]
    assert histories[1].count('class="limit"') == 2


@pytest.mark.parametrize("metrics", [{}, {"rmse": 1e-9}, {"rmse": -3.0e12}])
def test_any_numbers_are_drawn(metrics: dict[str, float]) -> None:
    page = render_index([dataclasses.replace(RUN, metrics=metrics, bounds={})])

    drawn = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
    assert "nan" not in drawn.lower()
    assert "inf" not in drawn.lower()


def test_both_languages_have_the_same_sentences() -> None:
    english, spanish = ((ASSETS / f"index_texts.{language}.json").read_text() for language in ("en", "es"))
    keys = [re.findall(r'^  "([^"]+)":', text, re.MULTILINE) for text in (english, spanish)]

    assert keys[0] == keys[1]
    assert [re.findall(r"\{\w+\}", line) for line in english.splitlines()] == [
        re.findall(r"\{\w+\}", line) for line in spanish.splitlines()
    ]
    assert not {key for key in keys[0] if not key.startswith("js.")} & load_texts("en").keys()
