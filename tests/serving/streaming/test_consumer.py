import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet
import pytest
from stream_model import ENVELOPE, event, push_trees

from yachay.cli.main import run
from yachay.components.pusher.candidate_server import free_port
from yachay.errors import ConfigurationError, UsageError
from yachay.serving.streaming.endpoints import open_sinks, parse_endpoint
from yachay.serving.streaming.probes import Probes
from yachay.serving.streaming.settings import make_parser, read_settings


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def write(path: Path, *events: Any) -> None:
    with path.open("a") as file:
        file.writelines(f"{json.dumps(each)}\n" for each in events)


def test_the_command_takes_the_envelope_of_the_configuration(stream_store: Path, tmp_path: Path) -> None:
    write(tmp_path / "events.jsonl", event(256), {"student_id": 1}, event(7, approved=1))
    arguments = [
        "stream", "student_dropout", "--task", "essentials", "--model", str(stream_store), "--once",
        "--metrics-port", "0", "--from", f"file:{tmp_path / 'events.jsonl'}", "--to", f"file:{tmp_path / 'out.jsonl'}",
        "--dead-letter", f"file:{tmp_path / 'dead.jsonl'}",
    ]  # fmt: skip

    assert run(arguments) == 0

    found = [(one["student_id"], one["prediction"]) for one in lines(tmp_path / "out.jsonl")]
    assert found == [(256, "Graduate"), (7, "Dropout")]
    assert [one["reason"] for one in lines(tmp_path / "dead.jsonl")] == ["malformed"]


def test_no_source_is_an_error_with_the_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stream", "student_dropout", "--to", "file:out.jsonl", "--model", "push"]) == 2

    assert "Expected --from, or stream.source in the configuration" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("kafak://h:9092/t", r"a source or a sink: .* Did you mean 'kafka'\?"),
        ("kafka://h:9092", r"Expected file:PATH, kafka://HOST:PORT/TOPIC"),
        ("kafka://user:word@h:9092/t", r"a URI without a password"),
        ("kinesis://s?regoin=x", r"Received: 'regoin' .* Did you mean 'region'\?"),
        ("kafka://h:9092/t?start=now", r"start=earliest or latest\. Received: 'now'"),
        ("file:", r"file:PATH to name a file"),
        ("file:.", r"file:PATH to name a file"),
        ("kafka://h:9092,i:99999/t", r"HOST:PORT of a broker\. Received: 'i:99999'"),
    ],
)
def test_a_wrong_uri_is_named(uri: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_endpoint(uri)


def test_a_stream_does_not_write_to_where_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with pytest.raises(ValueError, match="Expected --to to be another place than --from"):
        read_settings(
            make_parser().parse_args([f"--from=file:{path}", f"--to=file:{tmp_path}/../{tmp_path.name}/events.jsonl"])
        )


def test_dead_letters_go_among_the_predictions_where_both_uris_name_one_file(tmp_path: Path) -> None:
    sink, dead = open_sinks(parse_endpoint(f"file:{tmp_path}/out"), parse_endpoint(f"file:{tmp_path}/./out"))

    assert dead is None
    sink.close()


def test_kinesis_without_a_region_is_an_error_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/none")
    with pytest.raises(ConfigurationError, match=r"kinesis://STREAM\?region=.* Received: You must specify a region"):
        open_sinks(parse_endpoint("kinesis://s"), None)


def test_a_port_that_is_none_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"Expected to listen on 127\.0\.0\.1:99999\."):
        Probes("127.0.0.1", 99999, lambda: True, lambda: True)


@pytest.mark.integration
def test_a_process_is_ready_counts_logs_and_takes_a_newer_model(stream_store: Path, tmp_path: Path) -> None:
    store, source, sink, log = (tmp_path / name for name in ("store", "events.jsonl", "out.jsonl", "log"))
    shutil.copytree(stream_store, store)
    write(source, *[event(student) for student in range(10)], "no event")
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "yachay.serving.streaming", f"--model_dir={store}", "--model_name=m",
            f"--from=file:{source}", f"--to=file:{sink}", f"--envelope={json.dumps(ENVELOPE)}", "--host=127.0.0.1",
            f"--metrics_port={port}", "--poll_seconds=0.2", f"--prediction_log={log}",
        ]
    )  # fmt: skip
    try:
        wait_for(lambda: len(lines(sink)) == 11)
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        wait_for(lambda: 'outcome="dead"} 1.0' in httpx.get(f"http://127.0.0.1:{port}/metrics").text)
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert 'yachay_stream_events_total{model_name="m",outcome="predicted"} 10.0' in metrics
        assert 'yachay_stream_lag{model_name="m",unit="bytes"} 0.0' in metrics
        assert 'yachay_predicted_classes_total{label="Graduate",model_name="m"} 10.0' in metrics

        push_trees(tmp_path, 8).rename(store / "push-8")
        wait_for(lambda: 'version="8"' in httpx.get(f"http://127.0.0.1:{port}/metrics").text)
        write(source, event(11))
        wait_for(lambda: len(lines(sink)) == 12)
        assert lines(sink)[-1]["model"]["version"] == "8"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    rows = [row for file in sorted(log.glob("*.parquet")) for row in pyarrow.parquet.read_table(file).to_pylist()]
    assert {row["prediction_protocol"] for row in rows} == {"stream"}
    predicted = [one["event_id"] for one in lines(sink) if "prediction" in one]
    assert sorted(row["prediction_id"] for row in rows) == sorted(predicted)
