import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from report_samples import sample_report, write_run

from yachay.cli.main import run
from yachay.components.evaluation_report.report import Lineage
from yachay.errors import UsageError
from yachay.pipelines.runs.past_runs import find_runs
from yachay.pipelines.runs.report_index import index_run, write_index

SLICES = (({"Gender": "0"}, 6, {"accuracy": 0.9}), ({"Course": "33"}, 2, {}))


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    workdir = tmp_path / "runs of ñ"
    report = sample_report(slices=SLICES, lineage=Lineage(family="linear", versions={"numpy": "2.4.0"}))
    config = {"name": "student_dropout", "model": {"family": "linear"}, "exclude": {}}
    write_run(workdir, "20261120-090000-aaaa", report, config, rows={"kept": 10}, nodes=[{"id": "A", "seconds": 1.5}])
    write_run(workdir, "20261121-090000-bbbb", error="Trainer failed with X")
    (write_run(workdir, "20261122-090000-cccc") / "summary.json").write_text('{"run')
    (write_run(workdir, "20261123-090000-dddd") / "summary.json").unlink()
    return workdir


class Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def live_data(page: str) -> dict[str, Any]:
    match = re.search(r'id="live-data">(.*?)</script>', page, re.DOTALL)
    assert match
    data: dict[str, Any] = json.loads(match[1])
    return data


def test_each_run_is_indexed_as_far_as_it_got(workdir: Path) -> None:
    unfinished, unreadable, failed, blessed = (index_run(run, workdir) for run in find_runs(workdir))

    assert (unfinished.state, unfinished.started) == ("unfinished", "2026-11-23 09:00")
    # A run without a summary has the names that other runs of its home say.
    assert (unfinished.pipeline, unfinished.task) == ("student_dropout", "semester2")
    assert unreadable.state == "unreadable"
    assert "Received: no JSON." in unreadable.problem
    assert (failed.state, failed.problem, failed.page) == ("failed", "Trainer failed with X", None)
    assert (blessed.state, blessed.rows, blessed.seconds) == ("blessed", 10, 1.5)
    assert blessed.metrics == {"accuracy": 0.8, "macro_f1": 0.7}
    assert blessed.bounds == {"accuracy": (0.76, 0.82)}
    assert [(one.name, one.rows, one.metrics) for one in blessed.slices] == [("Gender = 0", 6, {"accuracy": 0.9})]


def test_runs_on_synthetic_data_are_a_group_of_their_own(workdir: Path) -> None:
    for home, is_synthetic in (("student-dropout--semester2", False), ("student-dropout--semester2--mock", True)):
        write_run(workdir, "20261124-090000-eeee", home=home, is_synthetic=is_synthetic)

    groups = {(run.group, run.is_synthetic) for run in (index_run(run, workdir) for run in find_runs(workdir))}

    assert groups == {("student-dropout--semester2", False), ("student-dropout--semester2--mock", True)}


def test_configuration_and_lineage_are_settings_by_their_dotted_names(workdir: Path) -> None:
    *_, blessed = (index_run(run, workdir) for run in find_runs(workdir))

    assert blessed.facts == {
        "name": "student_dropout",
        "model.family": "linear",
        "lineage.family": "linear",
        "lineage.versions.numpy": "2.4.0",
    }


def test_a_run_whose_report_json_is_broken_keeps_what_its_summary_says(workdir: Path) -> None:
    (data,) = workdir.glob("*/artifacts/*/*/*/report.json")
    data.write_text("{}")

    *_, blessed = (index_run(run, workdir) for run in find_runs(workdir))

    assert blessed.state == "blessed"
    assert blessed.metrics == {"accuracy": 0.8, "macro_f1": 0.7}
    assert "to hold a report. Received: Field required (problem)" in blessed.problem


@pytest.mark.parametrize("output", ["index.html", "../elsewhere/my index.html"])
def test_the_links_lead_from_the_page_to_those_of_the_runs(output: str, workdir: Path) -> None:
    path = workdir / output
    path.parent.mkdir(exist_ok=True)

    assert write_index(workdir, path) == 4

    [link] = Links(path.read_text(encoding="utf-8")).found
    assert "://" not in link
    assert (path.parent / unquote(link)).is_file()


def test_words_of_a_run_are_text_in_the_page(workdir: Path) -> None:
    hostile = "<script>alert(1)</script>&</style>"
    config = {"name": hostile, "</script><script>": "x"}
    write_run(
        workdir,
        "20261124-090000-eeee",
        config=config,
        home=f"a{hostile.replace('/', '')}",
        pipeline=hostile,
        error=hostile,
    )

    write_index(workdir, workdir / "index.html")

    page = (workdir / "index.html").read_text(encoding="utf-8")
    assert page.count("<script") == 2
    assert "&lt;script&gt;alert(1)" in page
    assert ["name", hostile] in live_data(page)["settings"]


def test_a_folder_without_runs_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Received: none\. Start one with `yachay run`"):
        write_index(tmp_path, tmp_path / "index.html")


def test_the_command_says_where_the_page_is(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "index", "--workdir", str(workdir)]) == 0
    assert re.match(rf"{re.escape(str(workdir))}/index\.html: 4 runs, [\d,]+ bytes\n", capsys.readouterr().out)
    assert run(["report", "index", "--workdir", str(workdir), "-o", str(workdir / "a" / "b.html"), "--json"]) == 2

    output = json.loads(capsys.readouterr().out)
    assert (output["runs"], "Choose another --output." in output["error"]) == (None, True)
