import contextlib
import gc
import gzip
import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from yachay.serving import direct
from yachay.serving.contract import Array
from yachay.serving.direct import DirectResponder, Respond
from yachay.serving.errors import RequestError
from yachay.serving.limits import Limits
from yachay.serving.responses import compress
from yachay.serving.trees import TreePredictor

from .conftest import FEATURES, ROW, Running, running
from .test_trees import stepped as stepped  # A model that is predicted in the event loop.

V1, V2, VERSION = "/v1/models/tiny:predict", "/v2/models/tiny/infer", "/v2/models/tiny/versions/{}/infer"
DATATYPES = {"float32": "FP32", "int64": "INT64", "string": "BYTES"}
TENSORS = [
    {
        "name": each["name"],
        "shape": [1],
        "datatype": DATATYPES[str(each["dtype"])],
        "data": [ROW[str(each["name"])]],
    }
    for each in FEATURES
]
ONE = json.dumps({"instances": [ROW]}).encode()
TENSOR_REQUEST = json.dumps({"inputs": TENSORS, "id": "mine"}).encode()
IN_BYTES = {"inputs": TENSORS, "outputs": [{"name": "scores", "parameters": {"binary_data": True}}]}
TAKEN = {
    "rows": (V1, json.dumps({"instances": [ROW, ROW]}).encode(), ()),
    "fields in another order": (V1, json.dumps({"instances": [dict(reversed(ROW.items()))]}).encode(), ()),
    "columns": (V1, json.dumps({"inputs": {name: [value] for name, value in ROW.items()}}).encode(), ()),
    "tensors": (V2, TENSOR_REQUEST, ()),
    "the version in service": (VERSION.format(5), TENSOR_REQUEST, ()),
    "outputs in bytes": (V2, json.dumps(IN_BYTES).encode(), ()),
    "no JSON": (V1, b'{"instances": [', ()),
    "a key twice": (V1, b'{"instances": [{"income": 1, "income" : 2}]}', ()),
    "an unknown field": (V1, json.dumps({"instances": [{**ROW, "age": 3}]}).encode(), ()),
    "another type": (V1, json.dumps({"instances": [{**ROW, "visits": True}]}).encode(), ()),
    "a large response to a client that takes gzip": (
        V1,
        json.dumps({"instances": [ROW] * 500}).encode(),
        ("accept-encoding: gzip",),
    ),
    "the last of a connection": (V1, ONE, ("connection: close",)),
}
NOT_TAKEN = {
    "another version": (VERSION.format(6), TENSOR_REQUEST, ()),
    "another model": ("/v1/models/tinny:predict", ONE, ()),
    "another charset": (V1, json.dumps({"instances": [ROW]}).encode("utf-16"), ("content-type: a/b; charset=utf-16",)),
    "another encoding": (V1, ONE, ("content-encoding: br",)),
    "an expectation": (V1, ONE, ("expect: 100-continue",)),
    "a large body": (V1, json.dumps({"instances": [ROW] * 1000}).encode(), ()),
    "another token": (V1, ONE, ("authorization: Bearer other",)),
}
Asked = tuple[str, bytes, tuple[str, ...]]


@pytest.fixture(scope="module")
def server(stepped: Path) -> Iterator[Running]:
    limits = Limits(max_rows=600, max_batch_rows=512)
    with running(stepped, limits=limits, tokens=lambda: ["secret"]) as server:
        yield server


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Which requests were taken."""
    took: list[bool] = []
    take = DirectResponder.take

    def noted(self: DirectResponder, scope: object, body: bytes, respond: Respond) -> bool:
        took.append(take(self, scope, body, respond))  # type: ignore[arg-type]
        return took[-1]

    monkeypatch.setattr(DirectResponder, "take", noted)
    return took


def connect(server: Running) -> socket.socket:
    host, _, port = server.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def request_of(asked: Asked) -> bytes:
    path, body, fields = asked
    token = () if any("authorization" in field for field in fields) else ("authorization: Bearer secret",)
    lines = [f"POST {path} HTTP/1.1", "host: x", "x-request-id: 7", f"content-length: {len(body)}", *token, *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


def receive(connection: socket.socket) -> tuple[int, list[tuple[str, str]], bytes]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    headers = [(name, value) for name, value in response.getheaders() if name != "date"]
    return response.status, headers, response.read()


@pytest.mark.parametrize(
    ("asked", "is_taken"),
    [(each, True) for each in TAKEN.values()] + [(each, False) for each in NOT_TAKEN.values()],
    ids=[*TAKEN, *NOT_TAKEN],
)
def test_a_response_is_the_same_with_a_task_and_without(
    asked: Asked, is_taken: bool, server: Running, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(server) as connection:
        connection.sendall(request_of(asked))
        received = receive(connection)
        is_closed = "connection: close" in asked[2] and connection.recv(1) == b""
    monkeypatch.setattr(DirectResponder, "take", lambda *_: False)
    with connect(server) as connection:
        connection.sendall(request_of(asked))
        expected = receive(connection)

    assert received == expected
    # It was not even asked about one that waits for a sign to go on.
    assert taken == ([] if "expect: 100-continue" in asked[2] else [is_taken])
    assert is_closed == ("connection: close" in asked[2])


def test_a_body_that_comes_later_has_a_task(server: Running, taken: list[bool]) -> None:
    request = request_of(TAKEN["rows"])

    with connect(server) as connection:
        connection.sendall(request[:-5])
        while not httpx.get(f"{server.url}/v2/health/live").is_success:
            pass
        connection.sendall(request[-5:])
        status, _, _ = receive(connection)

    assert status == 200
    assert not any(taken)


def test_requests_ahead_of_their_responses_get_them_in_their_order(server: Running, taken: list[bool]) -> None:
    names = ["rows", "no JSON", "tensors", "rows"]

    with connect(server) as connection:
        connection.sendall(b"".join(request_of(TAKEN[name]) for name in names))
        file = connection.makefile("rb")
        statuses = []
        for _ in names:
            statuses.append(int(file.readline().split()[1]))
            fields = dict(line.strip().split(b": ", 1) for line in iter(file.readline, b"\r\n"))
            file.read(int(fields[b"content-length"]))

    assert statuses == [200, 400, 200, 200]
    assert taken[0]


def test_a_response_that_is_late_is_rejected(stepped: Path, taken: list[bool]) -> None:
    with running(stepped, limits=Limits(request_seconds=1e-9)) as server, connect(server) as connection:
        connection.sendall(request_of(TAKEN["rows"]))
        status, _, body = receive(connection)

    assert (status, taken) == (504, [True])
    assert b"Expected a response within 1e-09 s." in body


def test_requests_that_wait_for_a_thread_are_not_predicted_once_they_are_late(
    stepped: Path, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    is_free = threading.Event()
    predicted = []
    predict = TreePredictor.__call__

    def wait(self: TreePredictor, matrices: Mapping[str, Array]) -> dict[str, Array]:
        if threading.current_thread().name == "predict":
            predicted.append(matrices)
            is_free.wait(60)
        return predict(self, matrices)

    monkeypatch.setattr(TreePredictor, "__call__", wait)
    request = request_of((V1, json.dumps({"instances": [ROW] * 9}).encode(), ()))
    with running(stepped, limits=Limits(max_batch_rows=8, request_seconds=0.5)) as server:
        try:
            statuses = []
            for _ in range(2):
                with connect(server) as connection:
                    connection.settimeout(10)
                    connection.sendall(request)
                    statuses.append(receive(connection)[0])
        finally:
            is_free.set()

    assert (statuses, taken) == ([504, 504], [True, True])
    assert len(predicted) == 1


def test_a_packet_of_many_requests_that_are_rejected_has_no_more_of_them_handled_than_others(
    server: Running, taken: list[bool]
) -> None:
    with connect(server) as connection:
        connection.sendall(request_of((V1, b"", ())) * 200)
        received = b""
        with contextlib.suppress(ConnectionError):
            while chunk := connection.recv(65536):
                received += chunk

    # Nothing where the connection was reset.
    assert received == b"" or b"at most 16 ahead of their responses" in received
    assert received.count(b"HTTP/1.1 400 ") < 20


@pytest.mark.parametrize("name", ["rows", "a large body"])
@pytest.mark.parametrize("ending", ["other bytes", "reset"])
def test_a_connection_that_ends_before_its_responses_leaves_no_line_in_the_log(
    ending: str, name: str, server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    requests = request_of({**TAKEN, **NOT_TAKEN}[name]) + request_of(TAKEN["rows"])
    for _ in range(20):
        with connect(server) as connection, contextlib.suppress(ConnectionError):
            if ending == "reset":
                connection.sendall(requests)
                httpx.get(f"{server.url}/v2/health/live")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.sendall(requests + b"other\r\n\r\n")
                while connection.recv(65536):
                    pass
    httpx.get(f"{server.url}/v2/health/live")

    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_large_response_is_compressed_off_the_event_loop(
    server: Running, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    monkeypatch.setattr(
        direct, "compress", lambda body: (threads.append(threading.current_thread().name), compress(body))[1]
    )

    with connect(server) as connection:
        connection.sendall(request_of(TAKEN["a large response to a client that takes gzip"]))
        status, _, body = receive(connection)

    assert (status, taken, len(json.loads(gzip.decompress(body))["predictions"])) == (200, [True], 500)
    assert [name.partition("_")[0] for name in threads] == ["read"]


@pytest.mark.parametrize("name", ["rows", "no JSON"])
def test_a_connection_that_is_closed_leaves_nothing_to_the_garbage_collector(
    name: str, server: Running, taken: list[bool]
) -> None:
    def count() -> int:
        return sum(isinstance(each, RequestResponseCycle | RequestError) for each in gc.get_objects())

    gc.collect()
    before = count()
    gc.disable()
    try:
        for _ in range(20):
            with connect(server) as connection:
                connection.sendall(request_of(TAKEN[name]))
                receive(connection)
        httpx.get(f"{server.url}/v2/health/live")
        left = count() - before
    finally:
        gc.enable()

    assert sum(taken) == 20
    assert left < 10
