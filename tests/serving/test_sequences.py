"""A forecasting model with sequences over all protocols."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from sequence_model import ROW, STEPS, forecast, save_sequence_model

from yachay.errors import ModelError
from yachay.serving.contract import Feature
from yachay.serving.errors import RequestError
from yachay.serving.inputs import InputChecker
from yachay.serving.limits import Limits
from yachay.serving.prediction_log import PredictionLog, PredictionLogOptions
from yachay.serving.prediction_records import Redaction
from yachay.serving.saved_model import load_saved_model
from yachay.serving.sequences import pack_sequences

from .conftest import Running, running

OPTIONAL_STEP = {**ROW, "temperature_c": [10.0, None, 12.0, 13.0, 14.0, 15.0]}
SHORT = {**ROW, "load_mw": [3.0, 4.0], "sky": ["rain"], "station": "B"}
WITHOUT = {name: value for name, value in ROW.items() if name not in ("temperature_c", "sky")}
ROWS = [ROW, OPTIONAL_STEP, SHORT, WITHOUT]


@pytest.fixture(scope="module")
def forecaster_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sequence_model(tmp_path_factory.mktemp("forecaster") / "5")


@pytest.fixture(scope="module")
def forecaster(forecaster_dir: Path) -> Iterator[Running]:
    with running(forecaster_dir, limits=Limits(max_rows=100, max_batch_rows=8, max_string_bytes=64)) as server:
        yield server


def test_rows_with_sequences_get_forecasts(forecaster: Running) -> None:
    response = forecaster.predict({"instances": ROWS})

    assert response.status_code == 200, response.text
    for row, prediction in zip(ROWS, response.json()["predictions"], strict=True):
        np.testing.assert_allclose(prediction["outputs"], forecast(row), rtol=1e-6)
        assert prediction["quantiles"] == [
            list(each) for each in zip(prediction["lower"], prediction["outputs"], prediction["upper"], strict=True)
        ]


def test_columns_of_sequences_get_the_same_forecasts_as_rows(forecaster: Running) -> None:
    columns = {name: [row.get(name) for row in ROWS] for name in ROW}

    outputs = forecaster.predict({"inputs": columns}).json()["outputs"]["outputs"]

    np.testing.assert_allclose(outputs, [forecast(row) for row in ROWS], rtol=1e-6)


def test_a_sequence_is_taken_under_its_original_name(forecaster: Running) -> None:
    row = {("Temperature (°C)" if name == "temperature_c" else name): value for name, value in ROW.items()}

    (prediction,) = forecaster.predict({"instances": [row]}).json()["predictions"]

    np.testing.assert_allclose(prediction["outputs"], forecast(ROW), rtol=1e-6)


@pytest.mark.parametrize("is_nested", [True, False])
def test_tensors_of_sequences_get_the_same_forecasts(forecaster: Running, is_nested: bool) -> None:
    data = {name: [row[name] for row in (SHORT, SHORT)] for name in ROW}
    inputs = []
    for name, values in data.items():
        shape = list(np.array(values).shape)
        flat = values if is_nested else np.array(values).ravel().tolist()
        inputs.append({"name": name, "shape": shape, "datatype": _datatype(values), "data": flat})

    outputs = forecaster.post("/v2/models/tiny/infer", json={"inputs": inputs}).json()["outputs"]

    (found,) = (output for output in outputs if output["name"] == "quantiles")
    assert found["shape"] == [2, 3, 3]
    np.testing.assert_allclose(np.reshape(found["data"], (2, 3, 3))[:, :, 1], [forecast(SHORT)] * 2, rtol=1e-6)


@pytest.mark.parametrize("is_binary", [True, False])
@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_clients_of_the_sdk_send_sequences(forecaster: Running, protocol: str, is_binary: bool) -> None:
    inputs = []
    for name in ROW:
        values = [OPTIONAL_STEP[name], ROW[name]]
        dtype: Any = object if _datatype(values) == "BYTES" else np.float32
        array = np.array([[np.nan if value is None else value for value in row] for row in values], dtype) \
            if name != "station" else np.array(values, object)  # fmt: skip
        one = InferInput(name, list(array.shape), _datatype(values))
        if is_binary or name != "temperature_c":
            one.set_data_from_numpy(array, binary_data=is_binary)
        else:
            one.set_data_from_numpy(np.nan_to_num(array, nan=12.0), binary_data=False)
        inputs.append(one)
    request = InferRequest("tiny", inputs, parameters={"nan_is_missing": True})

    async def ask() -> Any:
        if protocol == "grpc":
            async with InferenceGRPCClient(forecaster.grpc) as client:
                return await client.infer(request)
        client = InferenceRESTClient(RESTConfig(protocol="v2"))
        try:
            return await client.infer(forecaster.url, request, "tiny")
        finally:
            await client.close()

    outputs = {output.name: output.as_numpy() for output in asyncio.run(ask()).outputs}

    np.testing.assert_allclose(outputs["outputs"], [forecast(OPTIONAL_STEP), forecast(ROW)], rtol=1e-6)
    assert outputs["quantiles"].shape == (2, 3, 3)


LENGTH = "Expected 'temperature_c' (row 1) to be a list of 6 numbers or nulls, the newest last. Received: "
V1_CASES: dict[str, tuple[dict[str, Any], str]] = {
    "too long": ({"temperature_c": [1.0] * 7}, LENGTH + "7."),
    "too short": ({"temperature_c": [1.0] * 5}, LENGTH + "5."),
    "empty": ({"temperature_c": []}, LENGTH + "0."),
    "one number": ({"temperature_c": 1.0}, LENGTH + "1.0 (a number with a decimal point)."),
    "a string": ({"temperature_c": "1, 2"}, LENGTH + "'1, 2' (a string)."),
    "an object": ({"temperature_c": {}}, LENGTH + "an object."),
    "below its fewest steps": (
        {"load_mw": [1.0]},
        "Expected 'load_mw' (row 1) to be a list of 2 to 4 numbers, the newest last. Received: 1.",
    ),
    "null for a required one": (
        {"load_mw": None},
        "Expected 'load_mw' (row 1) to be a list of 2 to 4 numbers, the newest last. Received: null.",
    ),
    "null in a required one": (
        {"load_mw": [1.0, None]},
        "Expected 'load_mw' (row 1, step 1) to be a finite number. Received: null.",
    ),
    "text in it": (
        {"temperature_c": [1, 2, "x", 4, 5, 6]},
        "Expected 'temperature_c' (row 1, step 2) to be a finite number or null. Received: 'x' (a string).",
    ),
    "a boolean in it": ({"load_mw": [1, True]}, "(row 1, step 1) to be a finite number. Received: True (a boolean)."),
    "a list in it": (
        {"load_mw": [1, [2]]},
        "Expected 'load_mw' (row 1, step 1) to be a finite number. Received: a list.",
    ),
    "beyond float32": (
        {"load_mw": [1, 1e39]},
        "(row 1, step 1) to be a finite number in the range of float32. Received: 1e+39 (a number",
    ),
    "beyond float32 beside a null": (
        {"temperature_c": [None, 1, 1e39, 1, 1, 1]},
        "'temperature_c' (row 1, step 2) to be a finite number or null in the range of float32.",
    ),
    "a number among strings": (
        {"sky": [1]},
        "Expected 'sky' (row 1, step 0) to be a string or null. Received: 1 (an integer).",
    ),
    "too long a string": (
        {"sky": ["x" * 65]},
        "Expected 'sky' (row 1, step 0) to have at most 64 bytes. Received: 65.",
    ),
    "a list for one value": ({"station": ["A"]}, "Expected 'station' (row 1) to be a string. Received: a list."),
}


@pytest.mark.parametrize(("changes", "message"), V1_CASES.values(), ids=V1_CASES)
def test_a_bad_sequence_is_rejected_by_name_row_and_step(
    changes: dict[str, Any], message: str, forecaster: Running
) -> None:
    response = forecaster.post(
        "/v1/models/tiny:predict", content=json.dumps({"instances": [ROW, {**ROW, **changes}]}).encode()
    )

    assert (response.status_code, message in response.json()["error"]) == (400, True), response.text


def test_a_sequence_that_is_not_sent_is_named_with_its_length(forecaster: Running) -> None:
    response = forecaster.predict({"instances": [{"station": "A"}]})

    assert (
        "Expected 'load_mw' (row 0) to be a list of 2 to 4 numbers, the newest last. Received: no such field."
        in (response.json()["error"])
    )


V2_CASES: dict[str, tuple[dict[str, Any], str]] = {
    "one dimension": ({"shape": [1], "data": [1.0]}, "'load_mw' to have the shape [N, 2] to [N, 4]. Received: [1]."),
    "too long": ({"shape": [1, 5], "data": [1.0] * 5}, "to have the shape [N, 2] to [N, 4]. Received: [1, 5]."),
    "three dimensions": ({"shape": [1, 2, 1], "data": [1.0] * 2}, "[N, 2] to [N, 4]. Received: [1, 2, 1]."),
    "fewer data": ({"shape": [1, 3], "data": [1.0] * 2}, "to have 3 values, as its shape says. Received: 2."),
    "ragged": ({"shape": [2, 2], "data": [[1.0, 2.0], [3.0]]}, "each row of 'load_mw' to have 2 values, as its shape"),
    "ragged and of another number": ({"shape": [2, 2], "data": [[1.0, 2.0], [3.0], [4.0]]}, "to have 4 values"),
    "text": ({"shape": [1, 2], "data": ["a", 1.0]}, "'load_mw' (row 0, step 0) to be a finite number."),
    "another datatype": ({"datatype": "FP64", "shape": [1, 2], "data": [1.0, 1.0]}, "datatype FP32. Received: 'FP64'."),
}


@pytest.mark.parametrize(("changes", "message"), V2_CASES.values(), ids=V2_CASES)
def test_a_bad_tensor_of_sequences_is_rejected(changes: dict[str, Any], message: str, forecaster: Running) -> None:
    num_rows = changes["shape"][0]
    station = {"name": "station", "shape": [num_rows], "datatype": "BYTES", "data": ["A"] * num_rows}
    body = {"inputs": [station, {"name": "load_mw", "datatype": "FP32", **changes}]}

    response = forecaster.post("/v2/models/tiny/infer", json=body)

    assert (response.status_code, message in response.json()["error"]) == (400, True), response.text


def test_many_requests_of_sequences_at_once_get_their_own_forecasts(forecaster: Running) -> None:
    rows = [{**SHORT, "load_mw": [1.0] * (index % 3 + 1) + [float(index)]} for index in range(60)]

    async def ask_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=60) as client:
            url = f"{forecaster.url}/v1/models/tiny:predict"
            return await asyncio.gather(*(client.post(url, json={"instances": [each]}) for each in rows))

    found = [response.json()["predictions"][0]["outputs"] for response in asyncio.run(ask_all())]

    np.testing.assert_allclose(found, [forecast(row) for row in rows], rtol=1e-6)


def test_the_metadata_shows_the_steps(forecaster: Running) -> None:
    metadata = httpx.get(f"{forecaster.url}/v2/models/tiny").json()

    assert [one["shape"] for one in metadata["inputs"]] == [[-1, 6], [-1, 4], [-1, 2], [-1]]
    assert {one["name"]: one["shape"] for one in metadata["outputs"]}["quantiles"] == [-1, 3, 3]


def test_the_openapi_document_bounds_the_sequences(forecaster: Running) -> None:
    document = httpx.get(f"{forecaster.url}/openapi.json").json()

    body = document["paths"]["/v1/models/tiny:predict"]["post"]["requestBody"]["content"]["application/json"]
    row = body["schema"]["oneOf"][0]["properties"]["instances"]["items"]["properties"]
    assert {**row["load_mw"], "items": row["load_mw"]["items"]["type"]} == {
        "type": "array", "items": "number", "minItems": 2, "maxItems": 4,
    }  # fmt: skip
    assert row["temperature_c"]["items"]["type"] == ["number", "null"]


def test_missing_and_unusual_steps_are_counted_but_not_the_padding(forecaster: Running) -> None:
    def counted(metric: str, feature: str) -> float:
        pattern = rf'^yachay_{metric}_total{{feature="{feature}",model_name="tiny"}} (\S+)$'
        match = re.search(pattern, httpx.get(f"{forecaster.url}/metrics").text, re.MULTILINE)
        return float(match[1]) if match else 0.0

    wanted = [
        ("missing_features", "temperature_c"), ("out_of_domain_values", "temperature_c"),
        ("missing_features", "load_mw"), ("missing_features", "sky"), ("out_of_domain_values", "sky"),
    ]  # fmt: skip
    before = [counted(*one) for one in wanted]
    forecaster.predict({"instances": [{**SHORT, "temperature_c": [None, 1.0, None, 99.0, 1.0, 1.0], "sky": ["snow"]}]})

    assert [counted(*one) - was for one, was in zip(wanted, before, strict=True)] == [2, 1, 0, 0, 1]


@pytest.mark.parametrize("format_", ["parquet", "jsonl"])
def test_sequences_and_forecasts_stand_in_the_prediction_log_as_lists(
    forecaster_dir: Path, tmp_path: Path, format_: Any
) -> None:
    import jsonschema
    import pyarrow.parquet

    from yachay.schemas.prediction_log import record_schema

    options = PredictionLogOptions(tmp_path, format_, redaction=Redaction(hashed=frozenset({"sky"}), key=b"k" * 16))
    log = PredictionLog(options)
    with running(forecaster_dir, [log]) as server:
        response = server.predict({"instances": [OPTIONAL_STEP, SHORT]}).json()["predictions"]

    (path,) = tmp_path.iterdir()
    if format_ == "parquet":
        rows = pyarrow.parquet.read_table(path).to_pylist()
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            jsonschema.validate(row, record_schema())
    assert [row["temperature_c"] for row in rows] == [OPTIONAL_STEP["temperature_c"], ROW["temperature_c"]]
    assert [row["load_mw"] for row in rows] == [[1.0, 2.0, 3.0, 4.0], [None, None, 3.0, 4.0]]
    assert re.fullmatch("[0-9a-f]{32}", rows[0]["sky"])
    np.testing.assert_allclose(rows[1]["prediction_quantiles"], response[1]["quantiles"], rtol=1e-6)


def test_a_signature_of_another_length_than_the_metadata_is_rejected(tmp_path: Path) -> None:
    model = save_sequence_model(tmp_path / "1")
    path = model / "assets.extra/yachay.json"
    metadata = json.loads(path.read_text())
    metadata["features"][0]["steps"] = STEPS + 1
    path.write_text(json.dumps(metadata))

    with pytest.raises(ModelError, match=re.escape("temperature_c (float32 [None, 6], not float32 [None, 7])")):
        load_saved_model(model)


def test_the_page_starts_with_usual_sequences(forecaster: Running, forecaster_dir: Path) -> None:
    golden = forecaster_dir.parent / "golden.jsonl"
    golden.write_text(
        "".join(json.dumps({"request": {"instances": [row]}}) + "\n" for row in (ROW, OPTIONAL_STEP, SHORT))
    )

    content = httpx.get(f"{forecaster.url}/page.json").json()

    assert content["example"]["temperature_c"] == ROW["temperature_c"]
    assert content["example"]["load_mw"] == [1.0, 2.0, 3.0, 4.0]
    assert [feature["steps"] for feature in content["features"]] == [6, 4, 2, None]


def _datatype(values: Any) -> str:
    return "BYTES" if isinstance(values[0], str) or isinstance(values[0][0], str) else "FP32"


def test_a_required_sequence_of_nulls_alone_and_a_text_that_is_no_time_are_rejected() -> None:
    past = Feature("past_c", "float32", "numeric", False, float("nan"), None, "past_c", steps=3, min_steps=3)
    time = Feature("time", "string", "time", False, None, None, "time")
    checker = InputChecker([past, time], max_rows=9, max_string_bytes=64)
    row = {"past_c": [None, 1.0, None], "time": "2024-01-31T12:00:00+05:30"}

    assert checker.check_rows([row, {**row, "time": "2024-01-31"}]).num_rows == 2
    for changes, message in (
        ({"past_c": [None] * 3}, "Expected 'past_c' (row 1) to have a value. Received: 3 nulls."),
        ({"time": "2024-01-31T12:00:00"}, "such as 2024-01-31T12:00:00Z. Received: '2024-01-31T12:00:00'."),
        ({"time": "yesterday"}, "to be a date, or a time with its offset from UTC"),
        ({"time": "2023-02-29T00:00:00Z"}, "to be a date, or a time with its offset from UTC"),
        ({"time": "2024-13-01T00:00:00Z"}, "to be a date, or a time with its offset from UTC"),
        ({"time": "2024-01-31T25:00:00Z"}, "to be a date, or a time with its offset from UTC"),
    ):
        with pytest.raises(RequestError, match=re.escape(message)):
            checker.check_rows([row, {**row, **changes}])


@pytest.mark.parametrize(
    ("optional", "domain", "sent", "message"),
    [
        (False, {"min": -90.0, "max": 57.0}, [None, 300.0, 301.0], "to have a value of at least -90 and at most 57. "),
        (
            False,
            {"max": 57.0},
            [300.0, 300.0, 300.0],
            "to have a value of at most 57. Received: none, the first is 300",
        ),
        (False, {"min": -90.0, "max": 57.0}, [300.0, None, 57.0], None),
        (True, {"min": -90.0, "max": 57.0}, [300.0, 300.0, 300.0], None),
        (False, None, [300.0, 300.0, 300.0], None),
    ],
)
def test_a_required_sequence_needs_a_value_in_its_domain(
    optional: bool, domain: dict[str, float] | None, sent: list[float | None], message: str | None
) -> None:
    past = Feature("past_c", "float32", "numeric", optional, float("nan"), domain, "past_c", steps=3, min_steps=3)
    checker = InputChecker([past], max_rows=9, max_string_bytes=64)
    rows: list[dict[str, Any]] = [{"past_c": [None, 1.0, None]}, {"past_c": sent}]

    if message is None:
        assert checker.check_rows(rows).num_rows == 2
    else:
        with pytest.raises(RequestError, match=re.escape(f"Expected 'past_c' (row 1) {message}")):
            checker.check_rows(rows)


@pytest.mark.parametrize(
    ("sent", "packed", "message"),
    [
        ([1.0, None, 3], [1, -(2**63), 3], None),
        ([1, 2.5, 3], None, "Expected 'visits' (row 0, step 1) to be an integer of 64 bits or null. Received: 2.5"),
        ([1, 2, 1e30], None, "Expected 'visits' (row 0, step 2) to be an integer of 64 bits or null."),
    ],
)
def test_whole_numbers_with_a_decimal_point_are_integers_of_a_sequence(
    sent: list[Any], packed: list[int] | None, message: str | None
) -> None:
    feature = Feature("visits", "int64", "numeric", True, -(2**63), None, "visits", steps=3)
    failures: list[str] = []

    matrix = pack_sequences([feature], [[sent]], 64, failures)

    if packed is None:
        assert message is not None
        assert failures[0].startswith(message)
    else:
        assert matrix.tolist() == [[packed]]
