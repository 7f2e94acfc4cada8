import asyncio
import contextlib
import gc
import gzip
import json
import random
import socket
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from yachay.serving.bodies import inflate, parse_json
from yachay.serving.contract import Feature
from yachay.serving.errors import RequestError
from yachay.serving.inputs import InputChecker
from yachay.serving.limits import Limits

from .conftest import ROW, Running

V1, V2 = "/v1/models/tiny:predict", "/v2/models/tiny/infer"
DATATYPES = {"income": "FP32", "rating": "FP32", "visits": "INT64", "branch": "INT64", "town": "BYTES"}
DEEP = "[" * 30_000 + "]" * 30_000


def rows(**changes: Any) -> dict[str, Any]:
    return {"instances": [ROW, {**ROW, **changes}]}


def without(name: str) -> dict[str, Any]:
    return {"instances": [{key: value for key, value in ROW.items() if key != name}]}


def tensor_body(**changes: Any) -> dict[str, Any]:
    """Returns a V2 body of one row, with changes to the tensor `income`."""
    inputs = [{"name": name, "shape": [1], "datatype": DATATYPES[name], "data": [value]} for name, value in ROW.items()]
    inputs[0] |= changes
    return {"inputs": inputs}


def text(payload: Any) -> bytes:
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


V1_CASES: dict[str, tuple[Any, str]] = {
    "missing feature": (without("income"), "Expected 'income' (row 0) to be a finite number. Received: no such field."),
    "extra feature": (rows(age=3), "Expected a field of the model (row 1). Received: 'age'."),
    "misspelt feature": (
        {"instances": [{**without("income")["instances"][0], "incme": 1.5}]},
        "Received: 'incme'. Did you mean 'income'?",
    ),
    "a name and its alias": (rows(**{"Town of birth": "Lima"}), "Expected 'town' once (row 1)."),
    "string for float": (rows(income="abc"), "'income' (row 1) to be a finite number. Received: 'abc' (a string)."),
    "numeric string": (rows(income="1.5"), "'income' (row 1) to be a finite number. Received: '1.5' (a string)."),
    "number for string": (rows(town=5), "Expected 'town' (row 1) to be a string or null. Received: 5 (an integer)."),
    "boolean for float": (rows(income=True), "'income' (row 1) to be a finite number. Received: True (a boolean)."),
    "boolean for integer": (rows(branch=True), "'branch' (row 1) to be an integer of 64 bits. Received: True"),
    "fraction for integer": (rows(branch=1.5), "'branch' (row 1) to be an integer of 64 bits. Received: 1.5"),
    "null": (rows(income=None), "Expected 'income' (row 1) to be a finite number. Received: null."),
    "list": (rows(income=[1.5]), "Expected 'income' (row 1) to be a finite number. Received: a list."),
    "object": (rows(town={"b64": "eA=="}), "Expected 'town' (row 1) to be a string or null. Received: an object."),
    "NaN literal": (b'{"instances":[{"income":NaN}]}', "Expected a body of JSON, its numbers finite."),
    "1e999": (text(rows()).replace(b"1.5", b"1e999"), "Expected a body of JSON, its numbers finite."),
    "1e39": (rows(income=1e39), "'income' (row 1) to be a finite number in the range of float32. Received: 1e+39"),
    "beyond 64 bits": (rows(branch=2**63), "Expected 'branch' (row 1) to be an integer of 64 bits."),
    "far beyond 64 bits": (rows(branch=10**30), "Expected 'branch' (row 1) to be an integer of 64 bits."),
    "far below 64 bits": (rows(visits=-(2**63) - 1), "'visits' (row 1) to be an integer of 64 bits or null. Received"),
    "the sign of a missing value": (
        rows(branch=-(2**63)),
        "Expected 'branch' (row 1) to have a value. Received: -9223372036854775808, which stands for a missing one.",
    ),
    "no finite answer": (rows(income=1e30), "Expected rows for which the model predicts finite numbers."),
    "a field twice": (
        text(rows()).replace(b'"income":', b'"income":2.5,"income":', 1),
        "Expected each key once. Received: 'income' several times.",
    ),
    "a field twice, once with a space behind it": (
        text(rows()).replace(b'"income":', b'"income":2.5,"income"\n :', 1),
        "Expected each key once. Received: 'income' several times.",
    ),
    "instances twice": (
        text(rows()).replace(b'{"instances":', b'{"instances":[],"instances":', 1),
        "Expected each key once. Received: 'instances' several times.",
    ),
    "a thousand unknown fields": (
        {"instances": [{**ROW, **{f"income{i}": 1 for i in range(1000)}}]},
        "Received: 21 that do not fit.",
    ),
    "several at once": (rows(income="a", town=1, branch=None), "Received: 3 that do not fit."),
    "no JSON": (b"hello", "Expected a body of JSON"),
    "empty body": (b"", "Expected a body of JSON, its numbers finite. Received: nothing."),
    "half a body": (b'{"instances": [', "Expected a body of JSON"),
    "bytes that are no UTF-8": (b'{"instances": "\xff"}', "Expected a body of JSON"),
    "lone surrogate": (rb'{"instances":[{"town":"\ud800"}]}', "Expected a body of JSON"),
    "empty instances": ({"instances": []}, "Expected at least one row. Received: none."),
    "no instances": ({}, "Expected `instances` (rows) or `inputs` (columns). Received: neither."),
    "both": ({"instances": [ROW], "inputs": {}}, "Expected `instances` (rows) or `inputs` (columns). Received: both."),
    "misspelt instances": ({"instance": [ROW]}, "Received: 'instance'. Did you mean 'instances'?"),
    "instances an object": ({"instances": ROW}, "Expected `instances` to be a list of rows. Received: no list."),
    "a row that is a list": ({"instances": [[1, 2]]}, "Expected each of `instances` to be an object of fields."),
    "a row that is null": ({"instances": [ROW, None]}, "to be an object of fields. Received: null (row 1)."),
    "array body": ([ROW], "Expected an object with `instances` (rows) or `inputs` (columns)."),
    "scalar body": (5, "Expected an object with `instances` (rows) or `inputs` (columns)."),
    "unknown signature": ({**rows(), "signature_name": "x"}, "Expected `signature_name` to be 'serving_default'"),
    "deep nesting": (b'{"instances":' + DEEP[:50_000].encode() + b"}", "Expected a body of JSON"),
    "too many rows": ({"instances": [ROW] * 101}, "Expected at most 100 rows a request. Received: 101."),
    "too long a string": (rows(town="x" * 65), "Expected 'town' (row 1) to have at most 64 bytes. Received: 65."),
    "columns of two lengths": (
        {"inputs": {**{name: [value] for name, value in ROW.items()}, "income": [1.0, 2.0]}},
        "Expected each of `inputs` to have as many values. Received: 1 of 'rating', 2 of 'income'.",
    ),
    "no columns": ({"inputs": {}}, "Expected the model's fields. Received: 2 that do not fit."),
    "column that is no list": ({"inputs": ROW}, "Expected each of `inputs` to be a list of values."),
}

V2_CASES: dict[str, tuple[Any, str]] = {
    "missing input": ({"inputs": tensor_body()["inputs"][1:]}, "Expected 'income' (`inputs`) to be a finite number."),
    "no inputs": ({}, "Expected an object with `inputs`, a list of tensors."),
    "empty inputs": ({"inputs": []}, "Expected the model's fields. Received: 2 that do not fit."),
    "wrong datatype": (tensor_body(datatype="FP64"), "Expected 'income' to have the datatype FP32. Received: 'FP64'."),
    "unknown datatype": (tensor_body(datatype="X"), "Expected 'income' to have the datatype FP32. Received: 'X'."),
    "string in FP32": (tensor_body(data=["abc"]), "Expected 'income' (row 0) to be a finite number. Received: 'abc'"),
    "null in a required input": (tensor_body(data=[None]), "Expected 'income' (row 0) to be a finite number."),
    "shape and data differ": (tensor_body(shape=[2]), "Expected 'income' to have 2 values, as its shape says."),
    "rows differ": (tensor_body(shape=[2], data=[1.0, 2.0]), "Expected each of `inputs` to have as many values."),
    "shape [-1]": (tensor_body(shape=[-1]), "Expected 'income' to have the shape [N] or [N, 1]. Received: [-1]."),
    "shape [0]": (tensor_body(shape=[0], data=[]), "Expected each of `inputs` to have as many values."),
    "shape []": (tensor_body(shape=[]), "Expected 'income' to have the shape [N] or [N, 1]. Received: []."),
    "shape of strings": (tensor_body(shape=["1"]), "Expected 'income' to have a `shape` of integers."),
    "shape [1, 2]": (tensor_body(shape=[1, 2], data=[1.0, 2.0]), "to have the shape [N] or [N, 1]."),
    "no data": (tensor_body(data=None), "Expected 'income' to have `data`, a list of values."),
    "no name": (tensor_body(name=None), "Expected each of `inputs` to have a `name` and a `datatype`."),
    "unknown input": (tensor_body(name="incme"), "Received: 'incme'. Did you mean 'income'?"),
    "input twice": (tensor_body(name="town", datatype="BYTES", data=["x"]), "Expected each input once."),
    "unknown output": (
        {**tensor_body(), "outputs": [{"name": "score"}]},
        "Expected the outputs to be of classes, scores. Received: 'score'.",
    ),
    "outputs no list": ({**tensor_body(), "outputs": "scores"}, "Expected `outputs` to be a list."),
    "id no string": ({**tensor_body(), "id": 5}, "Expected `id` to be a string."),
    "parameters no object": (tensor_body(parameters=[1]), "Expected the `parameters` of 'income' to be an object."),
    "data and bytes": (
        tensor_body(parameters={"binary_data_size": 0}),
        "Expected `data` or `binary_data_size` of 'income'. Received: both.",
    ),
    "output twice": (
        {**tensor_body(), "outputs": [{"name": "scores"}, {"name": "scores"}]},
        "Expected each output once. Received: 'scores' twice.",
    ),
    "no JSON": (b"hello", "Expected a body of JSON"),
    "array body": ([1], "Expected an object with `inputs`, a list of tensors."),
    "inputs an object": ({"inputs": ROW}, "Expected an object with `inputs`, a list of tensors."),
}


@pytest.mark.parametrize(("payload", "message"), V1_CASES.values(), ids=V1_CASES)
def test_a_bad_v1_request_is_rejected_by_name(payload: Any, message: str, served: Running) -> None:
    response = served.post(V1, content=text(payload))

    assert (response.status_code, message in response.json()["error"]) == (400, True), response.text


@pytest.mark.parametrize(("payload", "message"), V2_CASES.values(), ids=V2_CASES)
def test_a_bad_v2_request_is_rejected_by_name(payload: Any, message: str, served: Running) -> None:
    response = served.post(V2, content=text(payload))

    assert (response.status_code, message in response.json()["error"]) == (400, True), response.text


def binary(data: bytes, size: Any = None, **changes: Any) -> tuple[bytes, int]:
    """Returns a body with the bytes of `income` behind the JSON, and the length of the JSON."""
    body = tensor_body(parameters={"binary_data_size": len(data) if size is None else size}, **changes)
    del body["inputs"][0]["data"]
    return text(body) + data, len(text(body))


@pytest.mark.parametrize(
    ("header", "content", "message"),
    [
        ("abc", b"{}", "Expected `Inference-Header-Content-Length` to be the length of the JSON. Received: 'abc'."),
        ("-1", b"{}", "Expected `Inference-Header-Content-Length`"),
        ("99", b"{}", "Expected `Inference-Header-Content-Length`"),
        ("2", b"{]", "Expected a body of JSON"),
        ("3", b"{}", "Expected `Inference-Header-Content-Length`"),
        (None, binary(struct.pack("<f", 1.5))[0], "Expected a body of JSON"),
        (*reversed(binary(b"abc")), "Expected the bytes of 'income' to be a multiple of 4. Received: 3."),
        (*reversed(binary(b"abcd" * 2)), "Expected 'income' to have 1 values, as its shape says. Received: 2."),
        (*reversed(binary(b"abcd", 2)), "Expected as many bytes behind the JSON as the tensors say."),
        (*reversed(binary(b"abcd", 2**40)), "Expected `binary_data_size` of 'income' to be within the 4 bytes"),
        (*reversed(binary(b"abcd", -4)), "Expected `binary_data_size` of 'income'"),
        (*reversed(binary(struct.pack("<f", float("nan")))), "Expected 'income' (row 0) to be a finite number"),
        (*reversed(binary(struct.pack("<f", float("inf")))), "Expected 'income' (row 0) to be a finite number"),
    ],
)
def test_bad_bytes_of_v2_are_rejected(header: Any, content: bytes, message: str, served: Running) -> None:
    headers = {"content-type": "application/octet-stream"}
    if header is not None:
        headers["inference-header-content-length"] = str(header)

    response = served.post(V2, content=content, headers=headers)

    assert (response.status_code, message in response.json()["error"]) == (400, True), response.text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x01", "Expected each string of 'town' behind its length in 4 bytes."),
        (struct.pack("<I", 9) + b"abc", "Expected each string of 'town' behind its length in 4 bytes."),
        (struct.pack("<I", 1) + b"\xff", "Expected 'town' to be strings in UTF-8."),
    ],
)
def test_bad_strings_in_bytes_are_rejected(data: bytes, message: str, served: Running) -> None:
    body = tensor_body()
    body["inputs"][4] = {
        "name": "town",
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(data)},
    }

    response = served.post(
        V2, content=text(body) + data, headers={"inference-header-content-length": str(len(text(body)))}
    )

    assert (response.status_code, message in response.json()["error"]) == (400, True), response.text


def message_of(**changes: Any) -> pb.ModelInferRequest:
    """Returns a gRPC request of one row, with changes to the tensor `income`."""
    request = pb.ModelInferRequest(model_name="tiny")
    contents = {"FP32": "fp32_contents", "INT64": "int64_contents", "BYTES": "bytes_contents"}
    for name, datatype in DATATYPES.items():
        value = ROW[name].encode() if datatype == "BYTES" else ROW[name]
        request.inputs.add(name=name, shape=[1], datatype=datatype, contents={contents[datatype]: [value]})
    for field, value in changes.items():
        if isinstance(value, list):
            del getattr(request.inputs[0], field)[:]
            getattr(request.inputs[0], field).extend(value)
        else:
            setattr(request.inputs[0], field, value)
    return request


def raw_message(contents: list[bytes]) -> pb.ModelInferRequest:
    request = message_of()
    for one in request.inputs:
        one.ClearField("contents")
    request.raw_input_contents.extend(contents)
    return request


def without_input() -> pb.ModelInferRequest:
    request = message_of()
    del request.inputs[0]
    return request


def not_utf8() -> pb.ModelInferRequest:
    request = message_of()
    request.inputs[4].contents.bytes_contents[0] = b"\xff"
    return request


def with_two_contents() -> pb.ModelInferRequest:
    request = message_of()
    request.inputs[0].contents.int64_contents.append(2)
    return request


def with_raw_contents_too() -> pb.ModelInferRequest:
    request = message_of()
    request.raw_input_contents.extend([b"abcd"] * 5)
    return request


def with_an_output_twice() -> pb.ModelInferRequest:
    request = message_of()
    for _ in range(2):
        request.outputs.add(name="scores")
    return request


GRPC_CASES = {
    "two contents": (
        with_two_contents(),
        "Expected 'income' (FP32) to hold fp32_contents alone. Received: int64_contents.",
    ),
    "raw contents too": (with_raw_contents_too(), "Expected a raw content for each of the 5 inputs, and no other."),
    "output twice": (with_an_output_twice(), "Expected each output once."),
    "missing input": (without_input(), "Expected 'income' (`inputs`) to be a finite number."),
    "wrong datatype": (message_of(datatype="FP64"), "Expected 'income' to have the datatype FP32. Received: 'FP64'."),
    "unknown datatype": (message_of(datatype="X"), "Expected 'income' to have the datatype FP32. Received: 'X'."),
    "shape mismatch": (message_of(shape=[3]), "Expected 'income' to have 3 values, as its shape says."),
    "unknown input": (message_of(name="incme"), "Did you mean 'income'?"),
    "strings that are no UTF-8": (not_utf8(), "Expected 'town' to be strings in UTF-8."),
    "too few raw contents": (raw_message([b"abcd"]), "Expected a raw content for each of the 5 inputs"),
    "raw NaN": (
        raw_message([struct.pack("<f", float("nan")), b"\0" * 4, b"\0" * 8, b"\0" * 8, b"\0" * 4]),
        "Expected 'income' (row 0) to be a finite number in the range of float32. Received: nan",
    ),
}


@pytest.mark.parametrize(("request_", "message"), GRPC_CASES.values(), ids=GRPC_CASES)
def test_a_bad_grpc_request_is_an_invalid_argument(
    request_: pb.ModelInferRequest, message: str, served: Running
) -> None:
    with grpc.insecure_channel(served.grpc) as channel, pytest.raises(grpc.RpcError) as raised:
        GRPCInferenceServiceStub(channel).ModelInfer(request_)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert message in raised.value.details()


def test_a_bad_grpc_request_leaves_no_traceback_in_the_log(served: Running, caplog: pytest.LogCaptureFixture) -> None:
    with grpc.insecure_channel(served.grpc) as channel, pytest.raises(grpc.RpcError):
        GRPCInferenceServiceStub(channel).ModelInfer(pb.ModelInferRequest(model_name="tiny"), timeout=30)
    with grpc.insecure_channel(served.grpc) as channel, pytest.raises(grpc.RpcError):
        GRPCInferenceServiceStub(channel).ModelReady(pb.ModelReadyRequest(name="other"), timeout=30)

    assert [record.name for record in caplog.records if record.exc_info or record.levelname == "ERROR"] == []


def test_a_message_beyond_the_limit_of_grpc_is_rejected(served: Running) -> None:
    with grpc.insecure_channel(served.grpc) as channel, pytest.raises(grpc.RpcError) as raised:
        GRPCInferenceServiceStub(channel).ModelInfer(raw_message([b"\0" * 10_000_000] * 5))

    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("name", ["tinny", "a" * 300])
def test_an_unknown_model_is_not_found(name: str, served: Running) -> None:
    for path in (f"/v1/models/{name}:predict", f"/v2/models/{name}/infer"):
        assert served.post(path, content=b"hello").status_code == 404
    request = message_of()
    request.model_name = name
    with grpc.insecure_channel(served.grpc) as channel, pytest.raises(grpc.RpcError) as raised:
        GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_body_beyond_the_limit_is_rejected(is_chunked: bool, served: Running) -> None:
    content = b" " * 100_001

    response = served.post(V1, content=iter([content]) if is_chunked else content)

    assert response.status_code == 413
    assert "Expected a body of at most 100,000 bytes." in response.json()["error"]


@pytest.mark.parametrize(
    ("charset", "message"),
    [
        ("latin-9000", "Expected one of the charsets utf-8,"),
        ("punycode", "Expected one of the charsets utf-8,"),
        ("utf-16", "Expected a body in utf-16."),
    ],
)
def test_a_body_in_another_charset_than_it_says_is_rejected(charset: str, message: str, served: Running) -> None:
    headers = {"content-type": f"application/json; charset={charset}"}

    response = served.post(V1, content=b'{"a": 1}x', headers=headers)

    assert (response.status_code, message in response.json()["error"]) == (400, True), response.text


def test_a_bad_request_leaves_its_connection_whole(served: Running) -> None:
    good, bad = text({"instances": [ROW]}), text(rows(income="abc"))
    with httpx.Client() as client:
        statuses = [
            client.post(f"{served.url}{V1}", content=content).status_code
            for content in (good, bad, good, good, bad, good, bad, good, bad, good)
        ]

    assert statuses == [200, 400, 200, 200, 400, 200, 400, 200, 400, 200]


def test_rows_that_the_model_fails_on_do_not_touch_other_requests(served: Running) -> None:
    async def ask_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=60) as client:
            bodies = [text({"instances": [{**ROW, "income": income}]}) for income in [1.0, 1e30] * 20]
            return await asyncio.gather(*(client.post(f"{served.url}{V1}", content=body) for body in bodies))

    assert [response.status_code for response in asyncio.run(ask_all())] == [200, 400] * 20


def test_rejections_are_counted_by_reason(served: Running) -> None:
    served.post(V1, content=text(rows(age=3)))

    metrics = httpx.get(f"{served.url}/metrics").text
    assert 'yachay_rejected_requests_total{model_name="tiny",reason="fields"}' in metrics
    assert 'yachay_requests_total{model_name="tiny",outcome="rejected",protocol="v1",status="400"}' in metrics


@pytest.mark.parametrize(
    ("encoding", "content", "status", "message"),
    [
        ("deflate", b"x", 415, "Expected the content-encoding gzip, or none. Received: 'deflate'. Send gzip, or"),
        ("br", b"x", 415, "Received: 'br'."),
        ("gzip", b"hello", 400, "Expected a body in gzip. Received: other bytes."),
        ("gzip", gzip.compress(text(rows()))[:-9], 400, "Received: a part of it."),
        ("gzip", gzip.compress(text(rows())) * 2, 400, "Expected a body in gzip, one member."),
        ("gzip", gzip.compress(b" " * 100_001), 413, "Expected a body of at most 100,000 bytes. Received: more."),
    ],
    ids=["deflate", "br", "other bytes", "a part", "two members", "a bomb"],
)
def test_a_body_that_cannot_be_decompressed_is_rejected(
    encoding: str, content: bytes, status: int, message: str, served: Running
) -> None:
    response = served.post(V1, content=content, headers={"content-encoding": encoding})

    assert (response.status_code, message in response.json()["error"]) == (status, True), response.text


@pytest.mark.parametrize("size", [0, 16_384, 262_143, 262_144, 600_000])
@pytest.mark.parametrize("repeated", [b"[", random.Random(0).randbytes(10_000)], ids=["alike", "random"])
def test_a_body_is_decompressed_in_parts(size: int, repeated: bytes) -> None:
    content = (repeated * size)[:size]
    body = gzip.compress(content)

    assert inflate(body, size) == content
    with pytest.raises(RequestError, match="Received: a part of it"):
        inflate(body[:-1], size)
    for behind in (b"x", b"x" * 40_000):
        with pytest.raises(RequestError, match="Received: more behind it"):
            inflate(body + behind, size)
    if size:
        with pytest.raises(RequestError, match=f"Expected a body of at most {size - 1:,} bytes"):
            inflate(body, size - 1)


def test_an_empty_text_of_a_required_feature_is_rejected() -> None:
    feature = Feature("town", "string", "categorical", False, None, None, "town")
    checker = InputChecker([feature, Feature("note", "string", "categorical", True, "", None, "note")], 10, 100)

    with pytest.raises(RequestError, match=r"Expected 'town' \(row 1\) to have a value. Received: ''"):
        checker.check_columns({"town": ["Lima", ""], "note": ["", None]})


def test_row_31_of_32_is_named_and_nothing_is_predicted(served: Running) -> None:
    response = served.post(V1, json={"instances": [ROW] * 31 + [{**ROW, "visits": "3"}]})

    assert response.status_code == 400
    assert "Expected 'visits' (row 31) to be an integer of 64 bits or null. Received: '3'" in response.json()["error"]


def test_a_client_that_stops_within_its_body_holds_nobody_up(
    serve: Callable[..., AbstractContextManager[Running]], model_dir: Path
) -> None:
    with serve(model_dir, limits=Limits(body_seconds=0.5)) as server:
        address = server.url.removeprefix("http://").split(":")
        header = f"POST {V1} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n".encode()
        with socket.create_connection((address[0], int(address[1]))) as slow:
            slow.sendall(header + b'{"instances": [')
            assert server.predict({"instances": [ROW]}).status_code == 200
            reply = slow.makefile("rb").read()

    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b"Expected the rest of the body within 0.5 s. Received: 15 bytes of it." in reply
    assert b"connection: close" in reply


@pytest.mark.parametrize("is_enabled", [True, False])
@pytest.mark.parametrize("body", [b"[1]", b"[1"])
def test_parsing_leaves_the_garbage_collector_as_it_was(body: bytes, is_enabled: bool) -> None:
    (gc.enable if is_enabled else gc.disable)()
    try:
        with contextlib.suppress(RequestError):
            parse_json(body)
        assert gc.isenabled() == is_enabled
    finally:
        gc.enable()
