import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stream_model import ENVELOPE, EVENT, event, push_trees

from yachay.errors import ConfigurationError, ModelError
from yachay.model_store.layout import GOLDEN_FILE
from yachay.serving.aws_lambda import Function
from yachay.serving.lean import load_trees_alone
from yachay.serving.streaming.contract import Message
from yachay.serving.streaming.envelope import Envelope
from yachay.serving.streaming.errors import SinkError

SEQUENCE = "4954511524144582180018459967817{:04}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lambda")
    push_trees(folder, 7)
    return folder


@pytest.fixture
def environment(store: Path, tmp_path: Path) -> dict[str, str]:
    return {
        "YACHAY_MODEL_DIR": str(store),
        "YACHAY_MODEL_NAME": "student-dropout",
        "YACHAY_STREAM_TO": f"file:{tmp_path / 'predictions.jsonl'}",
        "YACHAY_STREAM_ENVELOPE": Envelope(**ENVELOPE).to_json(),
    }


def batch(*contents: bytes) -> dict[str, Any]:
    """Returns a batch as an event source mapping hands it over."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "256",
                    "sequenceNumber": SEQUENCE.format(place),
                    "data": base64.b64encode(content).decode(),
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000006:{SEQUENCE.format(place)}",
                "eventName": "aws:kinesis:record",
                "awsRegion": "us-east-2",
            }
            for place, content in enumerate(contents)
        ]
    }


def test_the_event_as_it_stands_is_predicted_raw_and_in_base64(environment: dict[str, str], tmp_path: Path) -> None:
    data = json.dumps(EVENT).encode()

    response = Function(environment).handle(batch(data, base64.b64encode(data), b"broken"))

    assert response == {"batchItemFailures": []}
    *found, dead = map(json.loads, (tmp_path / "predictions.jsonl").read_text().splitlines())
    assert [(one["student_id"], one["prediction"]) for one in found] == [(256, "Graduate")] * 2
    assert found[0]["event_id"] == f"shardId-000000000006:{SEQUENCE.format(0)}"
    assert found[0]["event_time"] == "2018-12-17T22:10:50.987Z"
    assert dead["reason"] == "malformed"


def test_what_the_sink_does_not_acknowledge_is_tried_again(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    function = Function(environment)

    def write(messages: list[Message]) -> None:
        raise SinkError("The sink is full.", [2, 3])

    monkeypatch.setattr(function._sink, "write", write)
    contents = [json.dumps(event(student)).encode() for student in range(4)]

    assert function.handle(batch(*contents)) == {"batchItemFailures": [{"itemIdentifier": SEQUENCE.format(2)}]}


def test_a_model_of_trees_needs_no_tensorflow(environment: dict[str, str], tmp_path: Path) -> None:
    program = (
        "import sys, json, os\n"
        "for name in ('tensorflow', 'kserve', 'fastapi', 'grpc', 'pyarrow', 'pandas'): sys.modules[name] = None\n"
        "from yachay.serving.aws_lambda import handler\n"
        "print(json.dumps(handler(json.load(sys.stdin), None)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(batch(json.dumps(EVENT).encode())), env=environment | _path(),
        capture_output=True, text=True,
    )  # fmt: skip

    assert json.loads(done.stdout or "null") == {"batchItemFailures": []}, done.stderr
    assert json.loads((tmp_path / "predictions.jsonl").read_text())["prediction"] == "Graduate"


def _path() -> dict[str, str]:
    import os

    return {name: os.environ[name] for name in ("PYTHONPATH", "PATH", "TMPDIR") if name in os.environ}


def test_trees_that_predict_otherwise_than_the_golden_requests_are_an_error(store: Path, tmp_path: Path) -> None:
    push = push_trees(tmp_path, 8)
    golden = (push / GOLDEN_FILE).read_text()
    (push / GOLDEN_FILE).write_text(golden.replace('"Graduate"', '"Dropout"'))

    with pytest.raises(ModelError, match="to predict golden request 1 as the model did when it was trained"):
        load_trees_alone(push, "8")


def test_without_a_sink_nothing_is_predicted(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="Expected YACHAY_STREAM_TO to name the sink of predictions"):
        Function({**environment, "YACHAY_STREAM_TO": ""})


def test_an_empty_batch_is_done_and_an_event_of_another_service_is_an_error(environment: dict[str, str]) -> None:
    function = Function(environment)

    assert function.handle({"Records": []}) == {"batchItemFailures": []}
    with pytest.raises(
        ConfigurationError, match=r"an event source mapping of Kinesis\. Received: an event without 'kin"
    ):
        function.handle({"Records": [{"eventSource": "aws:sqs", "eventID": "1", "body": "{}"}]})


def test_what_only_the_dead_letters_sink_does_not_take_is_tried_again_from_there(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = Function({**environment, "YACHAY_STREAM_DEAD_LETTER": f"file:{tmp_path / 'dead.jsonl'}"})
    assert function._dead_letters is not None

    def write(messages: list[Message]) -> None:
        raise SinkError("The sink is full.", range(len(messages)))

    monkeypatch.setattr(function._dead_letters, "write", write)
    good = json.dumps(EVENT).encode()

    response = function.handle(batch(good, b"poison", good, b"poison"))

    assert response == {"batchItemFailures": [{"itemIdentifier": SEQUENCE.format(1)}]}
