import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from stream_model import EVENT, HIGH, event

from yachay.errors import ConfigurationError
from yachay.schemas.stream import stream_schema
from yachay.serving.bodies import parse_json
from yachay.serving.errors import RequestError
from yachay.serving.model import ServedModel
from yachay.serving.streaming.contract import Message, Record
from yachay.serving.streaming.envelope import Envelope
from yachay.serving.streaming.predictor import Predictor

Make = Callable[..., Predictor]
TIME = datetime(2026, 1, 31, 12, tzinfo=UTC)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def record(content: Any, place: int = 0, key: str = "", **headers: str) -> Record:
    value = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Record(f"events/0/{place}", key, value, TIME, headers)


def read(message: Message) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(message.value)
    return document


@pytest.mark.parametrize("decode", [lambda value: value, base64.b64encode], ids=["raw", "base64"])
def test_the_event_as_institutions_send_it_is_predicted(make_predictor: Make, decode: Callable[[bytes], bytes]) -> None:
    (message,) = make_predictor().predict([record(decode(json.dumps(EVENT).encode()), key="256")])

    found = read(message)
    assert (found["student_id"], found["prediction"]) == (256, "Graduate")
    assert found["scores"] == pytest.approx({"Dropout": (1 - HIGH) / 2, "Enrolled": (1 - HIGH) / 2, "Graduate": HIGH})
    assert found["model"] == {"name": "student-dropout", "version": "7"}
    assert (found["event_id"], found["event_time"]) == ("events/0/0", "2026-01-31T12:00:00.000Z")
    assert (message.id, message.key, message.is_dead) == ("events/0/0", "256", False)
    jsonschema.validate(
        {"key": 1, **{name: found[name] for name in found if name != "student_id"}}, stream_schema("prediction")
    )


def test_bad_events_are_dead_letters_in_their_place_and_the_others_are_predicted(make_predictor: Make) -> None:
    wrong = event(1)
    wrong["student_features"]["GDP"] = "high"
    unknown = event(2)
    unknown["student_features"]["Gdp"] = 1.0
    sent = [
        event(10), wrong, b"\xff\x00", unknown, event(11, approved=2), {"student_features": []},
        b'{"a": 1, "a": 2}', event(12) | {"padding": "x" * 500}, b"", event(13),
    ]  # fmt: skip

    messages = make_predictor(max_event_bytes=600).predict([record(each, place) for place, each in enumerate(sent)])

    assert [message.is_dead for message in messages] == [False, True, True, True, False, True, True, True, True, False]
    assert [read(message).get("prediction") for message in messages if not message.is_dead] == [
        "Graduate", "Dropout", "Graduate",
    ]  # fmt: skip
    dead = [read(message) for message in messages if message.is_dead]
    for letter in dead:
        jsonschema.validate(letter, stream_schema("dead_letter"))
    assert [letter["reason"] for letter in dead] == [
        "values", "malformed", "fields", "malformed", "malformed", "body_too_large", "malformed",
    ]  # fmt: skip
    assert dead[0]["error"] == "Expected 'GDP' to be a finite number. Received: 'high' (a string)."
    assert (dead[1]["payload"], dead[1]["payload_encoding"]) == ("/wA=", "base64")
    assert dead[2]["error"] == "Expected a field of the model. Received: 'Gdp'."
    assert dead[0]["payload"] == json.dumps(wrong)
    assert [letter["event_id"] for letter in dead[:3]] == ["events/0/1", "events/0/2", "events/0/3"]


def test_cloud_events_of_both_forms_keep_their_id_time_and_trace(make_predictor: Make) -> None:
    attributes = {"specversion": "1.0", "id": "a1", "source": "/registry", "type": "enrolled"}
    extra = {"time": "2026-01-01T00:00:00Z", "traceparent": TRACE}
    encoded = base64.b64encode(json.dumps(EVENT).encode()).decode()
    records = [
        record({**attributes, **extra, "data": EVENT}),
        record({**attributes, **extra, "data_base64": encoded}),
        record(EVENT, **{f"ce_{name}": value for name, value in {**attributes, **extra}.items()}),
        record({"specversion": "1.0", "data": EVENT}),
    ]

    *good, bad = make_predictor().predict(records)

    for message in good:
        found = read(message)
        assert (found["event_id"], found["event_time"], found["trace"]) == ("/registry#a1", extra["time"], TRACE)
        assert message.headers["traceparent"] == TRACE
    assert read(bad)["error"] == "Expected a CloudEvent to have an `id` and a `source`. Received: null."


def test_the_output_is_a_cloud_event_under_names_of_ones_own(make_predictor: Make) -> None:
    predictor = make_predictor(
        output="cloudevent", id="uid", time="at", names={"prediction": "outcome", "scores": "", "trace": "context"}
    )

    (message,) = predictor.predict([record(EVENT | {"uid": 7, "at": "2026-02-01", "trace": {"id": "t"}})])

    found = read(message)
    assert (found["id"], found["type"], found["source"]) == ("7", "dev.yachay.prediction", "/yachay/student-dropout")
    data = found["data"]
    assert {**data, "predicted_at": ""} == {
        "student_id": 256, "outcome": "Graduate", "model": {"name": "student-dropout", "version": "7"},
        "event_id": "7", "event_time": "2026-02-01", "predicted_at": "", "context": {"id": "t"},
    }  # fmt: skip
    assert message.headers["content-type"] == "application/cloudevents+json"


def test_an_event_may_be_its_features_and_its_record_have_the_key(make_predictor: Make) -> None:
    (message,) = make_predictor(features="", key="").predict([record(EVENT["student_features"], key="s-256")])

    assert (read(message)["key"], read(message)["prediction"]) == ("s-256", "Graduate")


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        ('{"feature": "x"}', r"Received: 'feature'\. Did you mean 'features'\?"),
        ('{"output": "avro"}', r"one of plain, cloudevent\. Received: 'avro'"),
        ('{"names": {"event_id": ""}}', r"hold the event's id, by which duplicates are known"),
        ('{"names": {"scores": "prediction"}}', r"each field of the output once"),
        ('{"key": 1}', r"the envelope's 'key' to be a string\. Received: 1 \(an integer\)"),
        ("[]", r"an envelope: an object of JSON, or a file that holds it"),
    ],
)
def test_a_wrong_envelope_is_named(envelope: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        Envelope.from_json(envelope)


@pytest.mark.parametrize(
    ("sent", "reason", "expected"),
    [
        ({"specversion": "1.0", "id": "1", "source": "s", "data_base64": "é"}, "malformed", "to be base64"),
        (EVENT | {"student_id": "x" * 70_000}, "body_too_large", "at most 65,536 bytes together"),
        (EVENT | {"trace": ["x"] * 20_000}, "body_too_large", "at most 65,536 bytes together"),
        (EVENT | {"student_id": True}, "malformed", "by a string or a number"),
        (EVENT | {"student_id": 10**25}, "malformed", "to be an integer of 64 bits, or a string"),
        (b"\x01" * 300_000, "malformed", "a body of JSON"),
    ],
    ids=["base64", "key", "trace", "boolean", "long_integer", "control_characters"],
)
def test_a_hostile_event_is_a_dead_letter_that_fits_into_kinesis_and_kafka(
    make_predictor: Make, sent: Any, reason: str, expected: str
) -> None:
    (message,) = make_predictor().predict([record(sent)])

    assert (message.is_dead, read(message)["reason"]) == (True, reason)
    assert expected in read(message)["error"]
    assert len(message.value) < 600_000


def test_a_key_that_fills_a_message_of_kafka_is_a_dead_letter_under_its_beginning(make_predictor: Make) -> None:
    (message,) = make_predictor().predict([record(EVENT, key="k" * 900_000)])

    assert (message.is_dead, message.key) == (True, "k" * 256)


def test_base64_with_broken_lines_is_read(make_predictor: Make) -> None:
    (message,) = make_predictor().predict([record(base64.encodebytes(json.dumps(EVENT).encode()))])

    assert read(message)["prediction"] == "Graduate"


@pytest.mark.parametrize("number", ["1e39", "-1e39", "1e400", "NaN", "Infinity", '"NaN"', "1" + "0" * 400])
def test_a_number_that_is_not_finite_has_the_reason_that_the_predict_api_gives(
    make_predictor: Make, stream_model: ServedModel, number: str
) -> None:
    text = json.dumps(EVENT).replace("1.74", number).encode()

    def asked_of_the_server() -> None:
        stream_model.inputs.check_rows([parse_json(text)["student_features"]])

    with pytest.raises(RequestError) as rejected:
        asked_of_the_server()

    (message,) = make_predictor().predict([record(text)])

    assert message.reason == rejected.value.rejection.label


def test_a_key_of_other_bytes_than_text_stays_what_it_is_and_is_base64_in_json(make_predictor: Make) -> None:
    key = (2**63 + 7).to_bytes(8)

    (message,) = make_predictor(key="").predict([record(EVENT, key=key.decode(errors="surrogateescape"))])

    assert message.key.encode(errors="surrogateescape") == key
    assert base64.b64decode(read(message)["key"]) == key
