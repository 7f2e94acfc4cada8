"""Arbitrary bytes and messages: whatever comes, the readers reject it as a `RequestError` or take it."""

import contextlib
import json
import struct
from typing import Any

import grpc
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from yachay.serving.bodies import inflate, parse_json
from yachay.serving.contract import Feature
from yachay.serving.errors import RequestError
from yachay.serving.grpc_messages import parse_message
from yachay.serving.grpc_messages import read_request as read_message
from yachay.serving.inputs import InputChecker
from yachay.serving.v1 import read_request
from yachay.serving.v2 import read_body, read_inputs

from .conftest import Running

pytestmark = pytest.mark.integration

CHECKER = InputChecker(
    [
        Feature("income", "float32", "numeric", False, None, None, "Income (monthly)\t"),
        Feature("branch", "int64", "categorical", True, -(2**63), None, "branch"),
        Feature("town", "string", "categorical", True, "", None, "town"),
        Feature("past", "float32", "numeric", True, float("nan"), None, "past", steps=3, min_steps=1),
        Feature("counts", "int64", "numeric", True, -(2**63), None, "counts", steps=2),
    ],
    max_rows=5,
    max_string_bytes=20,
)
NAMES = ["income", "Income (monthly)\t", "branch", "town", "past", "counts", "other", ""]
INFER = "/inference.GRPCInferenceService/ModelInfer"

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from([1.0, -(2**63), 2**63, 1e39, "", "FP32", "INT64", "BYTES"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3)
)
rows = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
payloads = (
    values
    | st.fixed_dictionaries({"instances": st.lists(rows, max_size=6) | values})
    | st.fixed_dictionaries({"inputs": st.dictionaries(st.sampled_from(NAMES), values, max_size=6)})
)
tensors = st.fixed_dictionaries(
    {"name": st.sampled_from(NAMES) | values, "datatype": st.sampled_from(["FP32", "INT64", "BYTES", "FP64"]) | values},
    optional={
        "shape": st.lists(st.integers(-1, 6), max_size=3) | values,
        "data": st.lists(values, max_size=6) | values,
        "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-1, 30) | values}) | values,
    },
)
requests = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=5) | values},
    optional={"id": values, "outputs": values, "parameters": values},
)
binaries = st.binary(max_size=60) | st.lists(st.binary(max_size=8), max_size=3).map(
    lambda parts: b"".join(struct.pack("<I", len(part)) + part for part in parts)
)


def taken(read: Any, *arguments: Any) -> None:
    """Calls a reader; only a `RequestError` may come of it."""
    with contextlib.suppress(RequestError):
        read(*arguments)


def read_v1(body: bytes, charset: str | None = None) -> None:
    read_request(parse_json(body, charset, CHECKER.max_values, CHECKER.max_value_bytes), CHECKER)


def read_v2(body: bytes, json_length: str | None = None) -> None:
    read_inputs(read_body(body, json_length, None, CHECKER.max_values, CHECKER.max_value_bytes), CHECKER)


def read_grpc(content: bytes) -> None:
    read_inputs(read_message(parse_message(content, CHECKER.max_values), CHECKER), CHECKER)


@settings(deadline=None)
@given(body=st.binary(max_size=300), charset=st.none() | st.sampled_from(["utf-16", "utf-32le", "punycode", "x"]))
def test_arbitrary_bytes_are_rejected(body: bytes, charset: str | None) -> None:
    taken(read_v1, body, charset)
    taken(read_v2, body)
    taken(read_grpc, body)
    taken(inflate, body, 100)


@settings(deadline=None)
@given(payload=payloads)
def test_arbitrary_json_of_v1_is_taken_or_rejected(payload: Any) -> None:
    taken(read_v1, json.dumps(payload).encode())


@settings(deadline=None)
@given(payload=requests, tail=binaries, has_length=st.booleans())
def test_arbitrary_json_of_v2_is_taken_or_rejected(payload: Any, tail: bytes, has_length: bool) -> None:
    body = json.dumps(payload).encode()
    taken(read_v2, body + tail, str(len(body)) if has_length else None)


@st.composite
def messages(draw: st.DrawFn) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="tiny", id=draw(st.text(max_size=5)))
    for _ in range(draw(st.integers(0, 4))):
        entry = request.inputs.add(
            name=draw(st.sampled_from(NAMES)),
            datatype=draw(st.sampled_from(["FP32", "INT64", "BYTES", "FP64", ""])),
            shape=draw(st.lists(st.integers(-1, 6) | st.integers(-(2**63), 2**63 - 1), max_size=3)),
        )
        if draw(st.booleans()):
            entry.contents.fp32_contents.extend(draw(st.lists(st.floats(width=32), max_size=4)))
        if draw(st.booleans()):
            entry.contents.int64_contents.extend(draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4)))
        if draw(st.booleans()):
            entry.contents.bytes_contents.extend(draw(st.lists(st.binary(max_size=30), max_size=4)))
    request.raw_input_contents.extend(draw(st.lists(binaries, max_size=4)))
    for name in draw(st.lists(st.text(max_size=5), max_size=2)):
        request.outputs.add(name=name)
    request.parameters["nan_is_missing"].bool_param = draw(st.booleans())
    return request


@settings(deadline=None)
@given(request=messages())
def test_arbitrary_messages_are_taken_or_rejected(request: pb.ModelInferRequest) -> None:
    taken(read_grpc, request.SerializeToString())


@pytest.mark.end_to_end
@settings(max_examples=40, deadline=None)
@given(payload=payloads | requests, request=messages(), content=st.binary(max_size=100))
def test_no_request_is_a_failure_of_the_server(
    payload: Any, request: pb.ModelInferRequest, content: bytes, served: Running
) -> None:
    for path in ("/v1/models/tiny:predict", "/v2/models/tiny/infer"):
        for body in (json.dumps(payload).encode(), content):
            assert httpx.post(f"{served.url}{path}", content=body).status_code in (200, 400)
    with grpc.insecure_channel(served.grpc) as channel:
        for one in (request.SerializeToString(), content):
            with pytest.raises(grpc.RpcError) as raised:
                channel.unary_unary(INFER)(one, timeout=60)
            assert raised.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
