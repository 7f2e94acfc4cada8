import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from yachay.serving.contract import Feature
from yachay.serving.page import render_page, typical_record

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_browser_gets_the_page_and_a_probe_what_kserve_returns(served: Any) -> None:
    page = httpx.get(served.url, headers=HTML)
    probe = httpx.get(served.url)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!doctype html>")
    assert probe.json() == {"status": "alive"}


def test_the_page_loads_nothing_from_elsewhere_and_its_policy_holds_it_to_that() -> None:
    html, headers = render_page()
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))

    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", html.decode(), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[rule] == f"'sha256-{digest}'"
    # The name of SVG is no address that a browser opens.
    assert re.findall(rb"https?://(?!www\.w3\.org/2000/svg\")", html) == []


def test_the_page_gets_the_model_and_nothing_of_the_host(served: Any, row: dict[str, Any]) -> None:
    answer = httpx.get(f"{served.url}/page.json")
    content = answer.json()

    assert {name: content[name] for name in ("name", "version", "family", "labels", "metrics", "needs_token")} == {
        "name": "tiny",
        "version": "5",
        "family": "tiny",
        "labels": ["no", "yes"],
        "metrics": {"accuracy": 0.75},
        "needs_token": False,
    }
    assert [feature["name"] for feature in content["features"]] == list(row)
    town = content["features"][-1]
    assert (town["label"], town["optional"], town["domain"]) == ("Town of birth", True, {"values": ["Cusco", "Lima"]})
    assert "/tmp" not in answer.text


def test_the_page_gets_the_known_codes_with_their_names(
    model_with_codes: Callable[..., Path], serve: Callable[..., Any]
) -> None:
    names = {"7": {"en": "North", "es": "Norte"}}
    with serve(model_with_codes([7, 2**62 + 1], names)) as server:
        content = httpx.get(f"{server.url}/page.json").json()

    (branch,) = (feature for feature in content["features"] if feature["name"] == "branch")
    assert (branch["codes"], branch["code_names"]) == (["7", str(2**62 + 1)], names)
    assert content["example"]["branch"] == 7


def test_its_content_is_closed_without_the_token(model_dir: Path, serve: Callable[..., Any]) -> None:
    with serve(model_dir, tokens=lambda: ["s3cret"]) as server:
        assert httpx.get(f"{server.url}/page.json").status_code == 401
        content = httpx.get(f"{server.url}/page.json", headers={"authorization": "Bearer s3cret"}).json()
        page = httpx.get(server.url, headers=HTML)

    assert content["needs_token"] is True
    assert page.status_code == 200
    assert "tiny" not in page.text


def test_its_content_is_rejected_while_no_model_predicts(model_dir: Path, serve: Callable[..., Any]) -> None:
    with serve(model_dir) as server:
        server.server.model.stop()
        answer = httpx.get(f"{server.url}/page.json")

    assert (answer.status_code, list(answer.json())) == (503, ["error"])


def test_a_flag_closes_the_page(model_dir: Path, serve: Callable[..., Any]) -> None:
    with serve(model_dir, has_page=False) as server:
        assert httpx.get(server.url, headers=HTML).json() == {"status": "alive"}
        assert httpx.get(f"{server.url}/page.json").status_code == 404


def feature(name: str, dtype: Any, kind: str, domain: dict[str, Any] | None) -> Feature:
    return Feature(name, dtype, kind, False, None, domain, name)


FEATURES = [
    feature("age", "int64", "numeric", {"min": 15, "max": 110}),
    feature("grade", "float32", "numeric", {"min": 0.0}),
    feature("course", "int64", "categorical", {"min": 33, "max": 9991}),
    feature("town", "string", "categorical", {"values": ["Cusco", "Lima"]}),
    feature("note", "string", "categorical", None),
]


def test_the_typical_record_holds_medians_and_the_most_frequent_values_of_the_golden_requests(tmp_path: Path) -> None:
    rows = [(20, 0.6000000238418579, 33, "Lima"), (30, None, 171, "Lima"), (40, 14.0, 171, "Cusco")]
    golden = [
        {"request": {"instances": [dict(zip(("age", "grade", "course", "town"), row, strict=True))]}, "response": {}}
        for row in rows
    ]
    path = tmp_path / "golden.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in golden), encoding="utf-8")

    record = typical_record(FEATURES, path)

    assert record == {"age": 30, "grade": 0.6, "course": 171, "town": "Lima", "note": ""}


def test_without_golden_requests_the_typical_record_is_the_middle_of_the_domains(tmp_path: Path) -> None:
    record = typical_record(FEATURES, tmp_path / "golden.jsonl")

    assert record == {"age": 62, "grade": 0.0, "course": 5012, "town": "Cusco", "note": ""}
    assert type(record["age"]) is int


def test_the_typical_record_holds_a_code_that_the_form_offers(tmp_path: Path) -> None:
    course = dataclasses.replace(FEATURES[2], codes=(33, 171))
    golden = [{"request": {"instances": [{"course": code}]}} for code in (34, 34, 171)]
    path = tmp_path / "golden.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in golden), encoding="utf-8")

    assert typical_record([course], path) == {"course": 171}
    assert typical_record([course], tmp_path / "absent.jsonl") == {"course": 33}


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_text_of_the_page_is_there_in_both_languages(language: str) -> None:
    html, _ = render_page()
    (texts,) = re.findall(rf"^  {language}: {{(.*?)^  }},", html.decode(), re.DOTALL | re.MULTILINE)
    known = set(re.findall(r"(\w+): \"", texts))
    (english,) = re.findall(r"^  en: {(.*?)^  },", html.decode(), re.DOTALL | re.MULTILINE)
    used = set(re.findall(r"data-(?:text|label)=\"(\w+)\"", html.decode()))
    used |= set(re.findall(r"\btext\(\"(\w+)\"", html.decode()))

    assert known == set(re.findall(r"(\w+): \"", english))
    assert used <= known
