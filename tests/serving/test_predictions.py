import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, InferResponse, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from yachay.serving.contract import Feature
from yachay.serving.errors import RequestError
from yachay.serving.inputs import InputChecker
from yachay.serving.metrics import KnownCodes

from .conftest import Running, score, write_model

DATATYPES = {"income": "FP32", "rating": "FP32", "visits": "INT64", "branch": "INT64", "town": "BYTES"}
NUMPY_TYPES: dict[str, Any] = {"FP32": np.float32, "INT64": np.int64, "BYTES": np.object_}


def tensors(rows: list[dict[str, Any]], is_binary: bool) -> list[InferInput]:
    """Returns rows as the SDK's inputs."""
    inputs = []
    for name, datatype in DATATYPES.items():
        values = [row[name] for row in rows]
        one = InferInput(name, [len(rows)], datatype)
        one.set_data_from_numpy(np.array(values, NUMPY_TYPES[datatype]), binary_data=is_binary)
        inputs.append(one)
    return inputs


def answers(response: InferResponse) -> dict[str, list[Any]]:
    found = {output.name: output.as_numpy().tolist() for output in response.outputs}
    found["classes"] = [value.decode() if isinstance(value, bytes) else value for value in found["classes"]]
    return found


async def ask_rest(served: Running, request: Any, protocol: str) -> Any:
    client = InferenceRESTClient(RESTConfig(protocol=protocol))
    try:
        return await client.infer(served.url, request, "tiny")
    finally:
        await client.close()


async def ask_grpc(served: Running, request: InferRequest) -> Any:
    async with InferenceGRPCClient(served.grpc) as client:
        return await client.infer(request)


def test_a_row_gets_its_class_and_its_scores(served: Running, row: dict[str, Any]) -> None:
    (prediction,) = served.predict({"instances": [row]}).json()["predictions"]

    assert prediction["classes"] == "yes"
    np.testing.assert_allclose(prediction["scores"], [1 - score(row), score(row)], rtol=1e-6)


def test_clients_of_all_protocols_get_the_same_numbers(served: Running, row: dict[str, Any]) -> None:
    rows = [row, row | {"income": -30.0, "town": "Cusco"}, row | {"visits": 2**40}]

    v1 = asyncio.run(ask_rest(served, {"instances": rows}, "v1"))["predictions"]
    v2 = [
        answers(asyncio.run(ask_rest(served, InferRequest("tiny", tensors(rows, is_binary)), "v2")))
        for is_binary in (False, True)
    ]
    grpc = [
        answers(asyncio.run(ask_grpc(served, InferRequest("tiny", tensors(rows, is_binary)))))
        for is_binary in (False, True)
    ]

    assert v2[0] == v2[1] == grpc[0] == grpc[1]
    assert [one["classes"] for one in v1] == v2[0]["classes"] == ["yes", "no", "no"]
    np.testing.assert_array_equal(np.float32([one["scores"] for one in v1]), np.float32(v2[0]["scores"]))


@pytest.mark.parametrize("left_out", [("rating",), ("rating", "visits", "town")])
@pytest.mark.parametrize("is_null", [True, False])
def test_an_optional_field_that_is_null_or_left_out_is_imputed_as_in_training(
    is_null: bool, left_out: tuple[str, ...], served: Running, row: dict[str, Any]
) -> None:
    for name in left_out:
        row[name] = None
    sent = row if is_null else {name: value for name, value in row.items() if value is not None}

    by_row = served.predict({"instances": [sent, sent]}).json()["predictions"]
    by_column = served.predict({"inputs": {name: [value] for name, value in sent.items()}}).json()["outputs"]

    assert by_row[1]["scores"][1] == pytest.approx(score(row), rel=1e-6)
    assert by_column["scores"] == [by_row[0]["scores"]]


def test_a_null_of_v2_is_imputed_as_in_v1(served: Running, row: dict[str, Any]) -> None:
    row["town"] = row["rating"] = None
    inputs = [{"name": name, "shape": [1], "datatype": DATATYPES[name], "data": [value]} for name, value in row.items()]

    response = served.post("/v2/models/tiny/infer", json={"inputs": inputs}).json()

    assert response["outputs"][1]["data"][1] == pytest.approx(score(row), rel=1e-6)


def test_a_nan_over_grpc_is_missing_only_where_the_client_says_so(served: Running, row: dict[str, Any]) -> None:
    inputs = tensors([row | {"rating": float("nan")}], is_binary=True)

    response = asyncio.run(ask_grpc(served, InferRequest("tiny", inputs, parameters={"nan_is_missing": True})))

    assert answers(response)["scores"][0][1] == pytest.approx(score(row | {"rating": None}), rel=1e-6)
    with pytest.raises(Exception, match="Expected 'rating' \\(row 0\\) to be a finite number or null"):
        asyncio.run(ask_grpc(served, InferRequest("tiny", inputs)))


def test_original_column_names_are_taken(served: Running, row: dict[str, Any]) -> None:
    renamed = {"Town of birth": row.pop("town"), "Income (monthly)": row.pop("income"), **row}

    (prediction,) = served.predict({"instances": [renamed]}).json()["predictions"]

    assert prediction["scores"][1] == pytest.approx(score(renamed | {"town": "Lima", "income": 1.5}), rel=1e-6)


@pytest.mark.parametrize(("codes", "outside"), [([-5, 7, 9991], 3), (None, 1)])
def test_an_unknown_code_is_predicted_and_counted(
    model_with_codes: Callable[..., Path],
    serve: Callable[..., Any],
    row: dict[str, Any],
    codes: list[int] | None,
    outside: int,
) -> None:
    metric = 'yachay_out_of_domain_values_total{feature="branch",model_name="tiny"}'
    with serve(model_with_codes(codes)) as server:
        before = sample(server, metric)
        response = server.predict({"instances": [row | {"branch": code} for code in (7, 9991, 34, 9992, -4, 9991)]})

        assert response.status_code == 200
        assert sample(server, metric) == before + outside


@pytest.mark.parametrize("steps", [None, 2])
def test_codes_are_looked_up_feature_by_feature(steps: int | None) -> None:
    def feature(name: str, codes: tuple[int, ...]) -> Feature:
        return Feature(name, "int64", "categorical", False, None, None, name, steps=steps, codes=codes)

    known = KnownCodes([feature("course", (33, 9991)), feature("age", ()), feature("mode", (1, 33, 2**62 + 1))])
    matrix = np.array([[33, 2**63 - 1, 9991, 34], [-1, 2, 3, 4], [33, 9991, 2**62, 2**62 + 1]])
    unknown = known.find_unknown(matrix if steps is None else matrix.reshape(3, 2, 2))

    assert unknown.reshape(3, 4).astype(int).tolist() == [[0, 1, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0]]


def test_the_order_of_fields_may_change_from_request_to_request() -> None:
    features = [
        Feature(name, dtype, "numeric", False, None, None, name)
        for name, dtype in (("a", "int64"), ("b", "float32"), ("c", "int64"))
    ]
    checker = InputChecker(features, 10, 100)
    row = {"a": 1, "b": 2.5, "c": 3}

    for names in ("abc", "cba", "cba", "bac", "abc"):
        given = {name: row[name] for name in names}
        columns = {name: [value, value] for name, value in given.items()}
        for inputs in (checker.check_rows([given, given]), checker.check_columns(columns)):
            assert inputs.matrices["int64"].tolist() == [[1, 1], [3, 3]]
            assert inputs.matrices["float32"].tolist() == [[2.5, 2.5]]
    with pytest.raises(RequestError, match="'c'"):
        checker.check_rows([{"b": 2.5, "a": 1}])


def test_an_unknown_category_is_predicted_and_counted(served: Running, row: dict[str, Any]) -> None:
    before = sample(served, 'yachay_out_of_domain_values_total{feature="town",model_name="tiny"}')

    response = served.predict({"instances": [row | {"town": "Paris"}]})

    assert response.status_code == 200
    assert sample(served, 'yachay_out_of_domain_values_total{feature="town",model_name="tiny"}') == before + 1


def test_columns_return_columns(served: Running, row: dict[str, Any]) -> None:
    outputs = served.predict({"inputs": {name: [value, value] for name, value in row.items()}}).json()["outputs"]

    assert outputs["classes"] == ["yes", "yes"]
    assert len(outputs["scores"]) == 2


def test_one_output_returns_bare_values(
    serve: Callable[..., AbstractContextManager[Running]], row: dict[str, Any], tmp_path: Path
) -> None:
    with serve(write_model(tmp_path / "1", is_regression=True)) as server:
        predictions = server.predict({"instances": [row, row]}).json()["predictions"]

    assert [type(value) for value in predictions] == [float, float]


def test_v2_returns_the_outputs_that_are_asked_for_in_bytes_where_asked(served: Running, row: dict[str, Any]) -> None:
    outputs = [RequestedOutput("scores", {"binary_data": True})]

    response = asyncio.run(
        ask_rest(served, InferRequest("tiny", tensors([row], True), request_id="a7", request_outputs=outputs), "v2")
    )

    assert response.id == "a7"
    assert [output.name for output in response.outputs] == ["scores"]
    assert response.outputs[0].as_numpy()[0, 1] == pytest.approx(score(row), rel=1e-6)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "application/json; charset=us-ascii", "text/plain", ""],
)
def test_json_is_read_whatever_the_content_type_says(content_type: str, served: Running, row: dict[str, Any]) -> None:
    body = httpx.Request("POST", served.url, json={"instances": [row]}).content

    response = served.post("/v1/models/tiny:predict", content=body, headers={"content-type": content_type})

    assert response.status_code == 200


@pytest.mark.parametrize("charset", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["", "-le"], ids=["with its order marked", "unmarked"])
def test_json_is_read_in_every_utf(charset: str, order: str, served: Running, row: dict[str, Any]) -> None:
    body = json.dumps({"instances": [row | {"town": "Ñaña"}]}, ensure_ascii=False).encode(charset + order)
    headers = {"content-type": f"application/json; charset={charset}"}

    assert served.post("/v1/models/tiny:predict", content=body, headers=headers).status_code == 200


def test_a_whole_number_with_a_decimal_point_is_an_integer(served: Running, row: dict[str, Any]) -> None:
    as_float = row | {"branch": float(row["branch"])}

    answers = [served.predict({"instances": [each]}).json() for each in (row, as_float)]

    assert answers[0] == answers[1]


def test_the_version_in_service_may_be_named(served: Running, row: dict[str, Any]) -> None:
    inputs = [{"name": name, "shape": [1, 1], "datatype": DATATYPES[name], "data": [[row[name]]]} for name in row]

    response = served.post("/v2/models/tiny/versions/5/infer", json={"inputs": inputs})

    assert response.json()["model_version"] == "5"
    assert served.post("/v2/models/tiny/versions/6/infer", json={"inputs": inputs}).status_code == 404
    statuses = [httpx.get(f"{served.url}/v2/models/tiny/versions/{path}").status_code for path in ("5", "5/ready", "6")]
    assert statuses == [200, 200, 404]


def test_a_cloud_event_returns_one(served: Running, row: dict[str, Any]) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "test", "ce-type": "request"}

    response = served.post("/v1/models/tiny:predict", json={"instances": [row]}, headers=headers)

    assert response.json()["predictions"][0]["classes"] == "yes"
    assert response.headers["ce-type"] == "io.kserve.inference.response"


def test_a_cloud_event_has_each_key_once(served: Running, row: dict[str, Any]) -> None:
    twice = json.dumps({"instances": [row]}).replace('"income"', '"income": 1.0, "income"', 1)
    event = {"specversion": "1.0", "id": "1", "source": "test", "type": "request"}
    structured = json.dumps(event)[:-1] + f', "datacontenttype": "application/json", "data": {twice}}}'

    for content, headers in (
        (twice, {f"ce-{name}": value for name, value in event.items()} | {"content-type": "application/json"}),
        (structured, {"content-type": "application/cloudevents+json"}),
    ):
        response = served.post("/v1/models/tiny:predict", content=content, headers=headers)
        assert response.status_code == 400
        assert response.json() == {"error": "Expected each key once. Received: 'income' several times."}


def test_many_requests_at_once_get_their_own_predictions(served: Running, row: dict[str, Any]) -> None:
    rows = [row | {"income": float(index)} for index in range(200)]

    async def ask_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=60) as client:
            url = f"{served.url}/v1/models/tiny:predict"
            return await asyncio.gather(*(client.post(url, json={"instances": [each]}) for each in rows))

    found = [response.json()["predictions"][0]["scores"][1] for response in asyncio.run(ask_all())]

    np.testing.assert_allclose(found, [score(each) for each in rows], rtol=1e-5)


def sample(served: Running, name: str) -> float:
    """Returns the value of a metric as a scrape shows it."""
    lines = httpx.get(f"{served.url}/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)
