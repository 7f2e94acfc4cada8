import dataclasses
import json
import random
import re
from pathlib import Path

import pytest

from yachay.pipelines.scaffold.baselines import Baselines
from yachay.pipelines.scaffold.profile_page import ASSETS, dominant_column, render_profile_page
from yachay.pipelines.scaffold.scaffold import NewPipeline, scaffold

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> NewPipeline:
    chance = random.Random(0)
    folder = tmp_path_factory.mktemp("people")
    lines = [f"No,Age,Town {EVIL},Since,Passed"]
    for place in range(300):
        age, town = chance.randint(15, 60), chance.choice(["Lima", "Cusco", EVIL])
        since = f"{chance.randint(1, 28):02}/{chance.randint(1, 12):02}/2020"
        lines.append(f"{place},{age},{town},{since},{'yes' if age + chance.gauss(0, 8) > 37 else 'no'}")
    (folder / "people.csv").write_text("\n".join(lines) + "\n")
    return scaffold("people", folder / "people.csv", "Passed", folder)


@pytest.fixture(scope="module")
def page(written: NewPipeline) -> str:
    return (written.folder / "profile.html").read_text(encoding="utf-8")


def test_each_column_has_a_line_and_a_picture(page: str) -> None:
    assert page.count('<figure class="multiple') == 5
    assert page.count('<th scope="row">') >= 5
    assert "a row number: all different, in order" in page


def test_the_page_needs_no_network_and_runs_no_text_of_the_data(page: str) -> None:
    assert re.findall(r'(?:src|href)="(?!#)', page) == []
    assert EVIL not in page
    assert "&lt;img src=x" in page


def test_the_page_starts_in_a_language(written: NewPipeline) -> None:
    page = render_profile_page("people", "people.csv", written.inference, written.baselines, "es")

    assert "people: qué contienen los datos" in page
    assert "Preguntas que solo usted puede responder" in page


def test_both_languages_have_the_same_sentences_with_the_same_values() -> None:
    english, spanish = (json.loads((ASSETS / f"texts.{one}.json").read_text(encoding="utf-8")) for one in ("en", "es"))

    assert list(english) == list(spanish)
    assert all(
        set(re.findall(r"\{\w+\}", english[key])) == set(re.findall(r"\{\w+\}", spanish[key])) for key in english
    )


def test_a_column_that_carries_nearly_all_is_named(written: NewPipeline) -> None:
    found = written.baselines
    assert found is not None
    scores = {"constant": 0.5, "column": 0.88, "linear": 0.89, "trees": 0.9, "mean": 0.9}

    carried: Baselines = dataclasses.replace(found, scores=scores)
    shared: Baselines = dataclasses.replace(found, scores=scores | {"column": 0.8})

    assert dominant_column(carried, {"Age": "Age"}) == {"column": "Age", "alone": "0.880", "all": "0.900"}
    assert dominant_column(shared, {"Age": "Age"}) == {}


def test_the_page_is_one_of_the_files(written: NewPipeline) -> None:
    assert sorted(path.name for path in Path(written.folder).iterdir()) == sorted(written.files)


def test_code_and_extents_are_written_in_both_languages(page: str) -> None:
    assert re.search(r'data-en="[^"]* to [^"]*" data-es="[^"]* a [^"]*"', page)
    assert re.search(r"<li [^>]*>[^<]*<code>", page)
