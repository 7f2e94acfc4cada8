import json
import shutil
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from report_samples import sample_report, write_run

from yachay.cli.main import run

FIRST, SECOND = "20261120-090000-aaaa", "20261121-090000-bbbb"


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    workdir = tmp_path / "runs"
    write_run(workdir, FIRST, sample_report())
    write_run(workdir, SECOND, sample_report({"accuracy": 0.7}, is_blessed=False), reasons=["accuracy is 0.7"])
    return workdir


def report(workdir: Path, *arguments: str) -> int:
    return run(["report", *arguments, "--workdir", str(workdir)])


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    output: dict[str, Any] = json.loads(capsys.readouterr().out)
    return output


def test_the_latest_run_is_shown_with_its_verdict_metrics_and_page(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(workdir) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"student_dropout, task semester2, run {SECOND}"
    assert lines[1:4] == [
        "NOT BLESSED",
        "  accuracy is 0.7",
        "  accuracy   0.7000  [0.6800, 0.7200]  (>= 0.76, <= 0.82)",
    ]
    assert lines[-2].endswith(f"artifacts/EvaluationReport/report/{SECOND}/report.html")


def test_a_run_is_named_by_its_id_or_its_folder(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(workdir, FIRST, "--json") == 0
    by_id = shown(capsys)
    assert report(workdir, str(workdir / "student-dropout--semester2/runs" / FIRST), "--json") == 0

    assert shown(capsys) == by_id
    assert (by_id["state"], by_id["error"]) == ("blessed", None)
    assert by_id["metrics"]["accuracy"] == {
        "value": 0.8, "low": 0.78, "high": 0.8200000000000001, "is_too_few": False,
    }  # fmt: skip
    assert by_id["thresholds"][0]["margin"] == 0.02
    assert Path(by_id["page"]).is_file()
    assert Path(by_id["report_json"]).is_file()


def test_the_latest_of_a_pipeline_and_task_is_found(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(
        workdir, "20261122-090000-cccc", sample_report(), home="weather-hourly", pipeline="weather", task="hourly"
    )

    assert report(workdir, "--pipeline", "student_dropout", "--task", "semester2", "--json") == 0

    assert shown(capsys)["run"] == SECOND


def test_the_page_is_found_after_the_workdir_was_moved(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moved = workdir.rename(workdir.with_name("moved"))

    assert report(moved, "--json") == 0

    assert shown(capsys)["page"].startswith(str(moved))


def test_the_page_of_a_compiled_run_is_found_in_the_folder_that_stands_for_its_store(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = workdir / "student-dropout--semester2"
    (page,) = home.glob(f"artifacts/*/*/{SECOND}/report.html")
    stored = home / "store/minio/artifacts/student-dropout--semester2/run/report"
    shutil.move(page.parent, stored)
    summary = home / "runs" / SECOND / "summary.json"
    summary.write_text(summary.read_text().replace(str(page.parent), str(stored)))
    moved = workdir.rename(workdir.with_name("moved"))

    assert report(moved, "--json") == 0

    assert shown(capsys)["page"] == str(moved / stored.relative_to(workdir) / "report.html")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["20261120-090000-aaab"], "Received: '20261120-090000-aaab'. Did you mean '20261120-090000-aaaa'?"),
        (["newest"], f"Received: 'newest'. The latest is {SECOND}."),
        (["--pipeline", "student_dropuot"], "Received: 'student_dropuot'. Did you mean 'student_dropout'?"),
        (["--task", "semester3"], "(semester2). Received: 'semester3'. Did you mean 'semester2'?"),
    ],
)
def test_a_run_that_is_not_there_is_rejected(
    arguments: list[str], message: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(workdir, *arguments) == 2

    assert message in capsys.readouterr().err


def test_a_workdir_without_runs_is_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluated = tmp_path / "student-dropout--semester2/runs/20261121-090000-aaaa"
    (evaluated / "cross_validation").mkdir(parents=True)
    (evaluated / "log.txt").touch()

    assert report(tmp_path, "--json") == 2

    captured = capsys.readouterr()
    assert "Received: none. Start one with `yachay run`" in captured.err
    assert "Received: none." in json.loads(captured.out)["error"]


def test_a_run_that_failed_before_its_report_says_at_which_node(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [{"id": "ColumnarExampleGen", "state": "done"}, {"id": "Trainer", "state": "failed"}]
    write_run(workdir, "20261122-090000-cccc", nodes=nodes, error="Trainer failed with X")

    assert report(workdir) == 2

    assert "Received: none. It failed at Trainer: Trainer failed with X" in capsys.readouterr().err


def test_the_latest_run_that_has_ended_is_shown_while_a_newer_one_is_under_way(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = "20261122-090000-cccc"
    (write_run(workdir, newer) / "summary.json").unlink()

    assert report(workdir, "--json") == 0

    captured = capsys.readouterr()
    shown = json.loads(captured.out)
    assert (shown["run"], shown["newer_runs"], shown["error"]) == (SECOND, [newer], None)
    assert f"A newer run, {newer}, is under way or was killed: it has no summary." in captured.err


def test_a_run_that_is_under_way_has_no_page_yet(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newer = "20261122-090000-cccc"
    (write_run(workdir, newer) / "summary.json").unlink()

    assert report(workdir, newer) == 2

    assert "It goes on, or it was killed before its end." in capsys.readouterr().err


def test_a_page_whose_report_json_is_broken_is_still_shown(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data,) = workdir.glob(f"*/artifacts/*/*/{SECOND}/report.json")
    data.write_text(data.read_text()[:100])

    assert report(workdir) == 0

    captured = capsys.readouterr()
    assert "  accuracy   0.7000\n" in captured.out
    assert "Warning: Expected" in captured.err


def test_a_page_that_is_gone_is_reported(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (page,) = workdir.glob(f"*/artifacts/*/*/{SECOND}/report.html")
    page.unlink()

    assert report(workdir) == 2

    assert f"{page} is gone. Run the pipeline again." in capsys.readouterr().err


def test_a_run_that_failed_after_its_report_still_shows_it(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(workdir, "20261122-090000-cccc", sample_report(), error="Pusher failed with X")

    assert report(workdir) == 0

    assert "  failed after it: Pusher failed with X" in capsys.readouterr().out


def test_open_shows_the_page_in_the_browser(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda uri: bool(opened.append(uri)) or len(opened) == 1)

    assert report(workdir, "--open") == 0
    assert opened[0].startswith("file:///")
    assert opened[0].endswith("report.html")
    assert report(workdir, "--open") == 2
    assert "Expected a browser for --open. Received: none." in capsys.readouterr().err
