"""One hostile client beside eight honest ones: no honest request fails, and what the hostile one costs is bounded."""

import collections
import contextlib
import gzip
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import grpc
import httpx
import orjson
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from yachay.serving import batching, bodies, grpc_messages
from yachay.serving.errors import RequestError
from yachay.serving.limits import Limits

from .conftest import ROW, Running

pytestmark = pytest.mark.integration

Serve = Callable[..., AbstractContextManager[Running]]

V1, V2 = "/v1/models/tiny:predict", "/v2/models/tiny/infer"
INFER = "/inference.GRPCInferenceService/ModelInfer"
NUM_HONEST = 8
MIB = 2**20
JSON = {"content-type": "application/json"}


@contextlib.contextmanager
def honest_clients(server: Running) -> Iterator[None]:
    """Eight clients that ask one after the other until the block ends, each of which must get every prediction."""
    is_over = threading.Event()
    have_begun = threading.Barrier(NUM_HONEST + 1, timeout=60)

    def ask() -> set[int]:
        with httpx.Client(timeout=60) as client:
            statuses = {client.post(f"{server.url}{V1}", json={"instances": [ROW]}).status_code}
            have_begun.wait()
            while True:
                statuses.add(client.post(f"{server.url}{V1}", json={"instances": [ROW]}).status_code)
                if is_over.is_set():
                    return statuses

    with ThreadPoolExecutor(NUM_HONEST) as pool:
        clients = [pool.submit(ask) for _ in range(NUM_HONEST)]
        have_begun.wait()
        try:
            yield
        finally:
            is_over.set()
        assert [client.result() for client in clients] == [{200}] * NUM_HONEST


@contextlib.contextmanager
def connections(server: Running, count: int, content: bytes) -> Iterator[list[socket.socket]]:
    """As many connections, each with the same bytes sent."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            opened.append(stack.enter_context(socket.create_connection((host, int(port)), timeout=60)))
            with contextlib.suppress(ConnectionError):
                opened[-1].sendall(content)
        yield opened


def reply(connection: socket.socket) -> bytes:
    """What a connection gets until it is closed; nothing where it is reset."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


def header(length: int, path: str = V1) -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n".encode()


def filled(head: bytes, part: bytes, tail: bytes, num_bytes: int = 16 * MIB - 64) -> bytes:
    return head + part * (num_bytes // len(part)) + tail


BODIES = {
    "empty lists": filled(b'{"instances":[[]', b",[]", b"]}"),
    "empty objects": filled(b'{"instances":[{}', b",{}", b"]}"),
    "numbers": filled(b'{"instances":[1', b",1", b"]}"),
    "unknown fields": filled(b'{"instances":[{"a":1', b',"bb":1', b"}]}"),
    "lists in strings and out": filled(b'{"instances":[["\\"[[[\\\\"]', b',["[\\"[["]', b"]}"),
    "nesting": filled(b'{"instances":', b"[", b""),
}


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_of_millions_of_values_is_rejected_before_it_is_parsed(
    name: str, path: str, served_at_large: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []
    monkeypatch.setattr(bodies, "_loads", lambda body: parsed.append(len(body)) or orjson.loads(body))
    body = BODIES[name].replace(b'"instances"', b'"inputs"') if path == V2 else BODIES[name]

    with honest_clients(served_at_large):
        response = served_at_large.post(path, content=body)

    assert response.status_code == 400
    assert "lists and objects among them. Received: more. Send the rows in parts." in response.json()["error"]
    assert max(parsed) < bodies.MAX_LOOP_BYTES


LONG_VALUES = {
    "a string": filled(b'{"instances":[{"town":"', b"a", b'"}]}'),
    "a string of marks": filled(json.dumps({"instances": [ROW]})[:-4].encode(), b"[,{", b'"}]}', 15 * MIB),
    "a string of quotes": filled(b'{"instances":[{"town":"', rb"\"", b'"}]}'),
    "a string behind one with escapes": filled(rb'{"instances":[{"town":"\\"},{"town":"', b"a", b'"}]}'),
    "a string without an end": filled(b'{"instances":[{"town":"', b"a", b"\\", 4 * MIB + 1),
    "a number": filled(b'{"instances":[{"income":', b"1", b"}]}"),
    "space": filled(json.dumps({"instances": [ROW]}).encode(), b" ", b"", 15 * MIB),
}


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize("name", LONG_VALUES)
def test_a_body_with_a_value_of_megabytes_is_rejected_before_it_is_parsed(
    name: str, path: str, served_at_large: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []
    monkeypatch.setattr(bodies, "_loads", lambda body: parsed.append(len(body)) or orjson.loads(body))

    with honest_clients(served_at_large):
        response = served_at_large.post(path, content=LONG_VALUES[name])

    assert response.status_code == 400
    assert response.json()["error"] == (
        "Expected strings and numbers of at most 65,536 bytes of JSON. Received: a longer one."
    )
    assert max(parsed) < bodies.MAX_LOOP_BYTES


def test_the_longest_strings_are_predicted_however_they_are_escaped(served_at_large: Running) -> None:
    row = json.dumps({"instances": [{**ROW, "town": "TOWN"}] * 20})
    for character in (r"\u0041", r"\"", r"\\", ",", "["):
        content = row.replace("TOWN", character * 4096).encode()

        assert len(content) > bodies.MAX_LOOP_BYTES
        assert served_at_large.post(V1, content=content).status_code == 200


def test_the_longest_value_is_found_as_by_a_look_at_each_byte() -> None:
    generator = random.Random(0)
    texts = ["", '"', "\\", ',"', "a" * 20, '\\"' * 9, "," * 30, 1, 10**15, {"k": []}]
    found = collections.Counter()
    for _ in range(3000):
        body = orjson.dumps(generator.choices(texts, k=generator.randint(1, 12))) + b" " * generator.choice([0, 0, 25])
        longest, limit = longest_value(body), generator.randint(4, 40)
        is_longer = bodies._has_longer_value(body, limit)
        found[is_longer] += 1

        assert not (is_longer and longest <= limit), body
        assert is_longer or longest < 2 * limit + 4, body
    assert min(found[True], found[False]) > 300


@pytest.mark.parametrize("charset", ["utf-16", "utf-16le", "utf-32be"])
def test_a_large_body_in_another_charset_is_decoded_in_parts(charset: str) -> None:
    texts = ["a" + "\U0001f600" * 300_000, "\U0001f600" * 10]
    body = json.dumps(texts, ensure_ascii=False).encode(charset)

    assert bodies.parse_json(body, charset) == texts
    with pytest.raises(RequestError, match=f"Expected a body in {charset}"):
        bodies.parse_json(body[:-1], charset)


def longest_value(body: bytes) -> int:
    """The most bytes between two quotes, or commas outside strings."""
    is_inside = is_escaped = False
    last, longest = -1, 0
    for place, byte in enumerate(body):
        if is_escaped:
            is_escaped = False
        elif is_inside and byte == ord("\\"):
            is_escaped = True
        elif byte == ord('"') or (byte == ord(",") and not is_inside):
            is_inside ^= byte == ord('"')
            longest, last = max(longest, place - last - 1), place
    return max(longest, len(body) - last - 1)


OTHER_BODIES = {
    "a key twice far behind": (
        json.dumps({"instances": [ROW] * 4000})[:-2].encode()
        + b","
        + json.dumps(ROW)[:-1].encode()
        + b',"branch":1}]}',
        400,
        "Expected each key once. Received: 'branch' several times.",
    ),
    "a million rows": (json.dumps({"instances": [{}] * 20_000}).encode(), 400, "at most 4,096 rows"),
}


@pytest.mark.parametrize(("body", "status", "message"), OTHER_BODIES.values(), ids=OTHER_BODIES)
def test_another_large_body_is_rejected_off_the_event_loop(
    body: bytes, status: int, message: str, served_at_large: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    monkeypatch.setattr(
        bodies,
        "_loads",
        lambda body: (
            threads.append(threading.current_thread().name) if len(body) > bodies.MAX_LOOP_BYTES else None,
            orjson.loads(body),
        )[1],
    )

    with honest_clients(served_at_large):
        response = served_at_large.post(V1, content=body)

    assert (response.status_code, message in response.json()["error"]) == (status, True), response.text
    assert {name.partition("_")[0] for name in threads} == {"read"}


def test_marks_within_strings_are_no_values() -> None:
    texts = ['[{,"\\', "\\\\", 'a"b', "\\\\\\", ",,,,", "[[[["] * 4000
    body = orjson.dumps(texts)

    assert bodies.parse_json(body, None, len(texts) + 1) == texts
    with pytest.raises(RequestError, match="Expected at most 24,000 values, lists and objects among them"):
        bodies.parse_json(body, None, len(texts))


def test_a_body_that_grows_beyond_the_limit_is_not_decompressed_further(served_at_large: Running) -> None:
    bomb = gzip.compress(b"[" * (512 * MIB), 9)

    with honest_clients(served_at_large):
        response = served_at_large.post(V1, content=bomb, headers={"content-encoding": "gzip"})

    assert response.status_code == 413
    assert "Expected a body of at most 16,777,216 bytes." in response.json()["error"]


MESSAGES = {
    "empty inputs": b"\x2a\x00" * (4 * MIB - 64),
    "empty outputs": b"\x32\x00" * (4 * MIB - 64),
    "empty parameters of an input": b"\x2a\xfc\xff\xff\x03" + b"\x22\x00" * (4 * MIB - 8),
    "empty strings": b"\x2a\x86\xfe\xff\x03\x2a\x80\xfe\xff\x03" + b"\x42\x00" * (4 * MIB - 128),
    "no message": b"\xff" * MIB,
    "cut off": b"\x2a\xff\xff\xff\x03",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_of_millions_of_fields_is_an_invalid_argument(
    name: str, served_at_large: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        honest_clients(served_at_large),
        grpc.insecure_channel(served_at_large.grpc) as channel,
        pytest.raises(grpc.RpcError) as raised,
    ):
        channel.unary_unary(INFER)(MESSAGES[name], timeout=60)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not [record for record in caplog.records if record.exc_info]


def test_a_message_with_more_inputs_than_the_model_is_rejected_before_they_are_read() -> None:
    message = pb.ModelInferRequest(inputs=[pb.ModelInferRequest.InferInputTensor() for _ in range(30_000)])

    assert len(grpc_messages.parse_message(message.SerializeToString(), 10).inputs) == 30_000


def test_strings_of_raw_contents_are_read_as_far_as_their_shape_goes(served: Running) -> None:
    request = pb.ModelInferRequest(model_name="tiny")
    for name, datatype, content in (
        ("income", "FP32", struct.pack("<f", 1.5)),
        ("branch", "INT64", struct.pack("<q", 7)),
        ("town", "BYTES", b"\0" * MIB),
    ):
        request.inputs.add(name=name, shape=[1], datatype=datatype)
        request.raw_input_contents.append(content)

    with grpc.insecure_channel(served.grpc) as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(INFER)(request.SerializeToString(), timeout=60)

    assert raised.value.details() == "Expected 'town' to have 1 values, as its shape says. Received: more."


HEADERS = {
    "one field": b"GET / HTTP/1.1\r\nx: " + b"a" * MIB,
    "a field within the limit of a read": b"GET / HTTP/1.1\r\nx: " + b"a" * 20_000 + b"\r\n\r\n",
    "many fields": b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 200_000,
    "a line": b"GET /" + b"a" * MIB,
    "an address within the limit of a read": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    "fields behind the body": header(1).replace(b"content-length: 1", b"transfer-encoding: chunked")
    + b"1\r\n{\r\n0\r\n"
    + b"x: y\r\n" * 200_000,
    "chunks' extensions": header(1).replace(b"content-length: 1", b"transfer-encoding: chunked") + b"1;" + b"a" * MIB,
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_of_a_megabyte_is_rejected(name: str, served: Running) -> None:
    with honest_clients(served), connections(served, 1, HEADERS[name]) as (connection,):
        received = reply(connection)

    # Where the client still sends, the reset that follows may overtake the response.
    assert received == b"" or received.startswith(b"HTTP/1.1 431 "), received
    if b"within the limit" in name.encode():
        assert json.loads(received.partition(b"\r\n\r\n")[2]) == {
            "error": "Expected a header of at most 16,384 bytes. Received: more."
        }


def test_bytes_that_are_no_http_get_an_error_in_json(served: Running) -> None:
    with connections(served, 1, b"hello\r\n\r\n") as (connection,):
        received = reply(connection)

    assert received.startswith(b"HTTP/1.1 400 ")
    assert json.loads(received.partition(b"\r\n\r\n")[2])["error"].startswith("Expected requests in HTTP/1.1, ")


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"POST /v1/mod", b"POST / HTTP/1.1\r\nhost: x\r\n"])
def test_connections_that_send_no_header_are_closed(sent: bytes, serve: Serve, model_dir: Path) -> None:
    with serve(model_dir, limits=Limits(header_seconds=0.5)) as server:
        with honest_clients(server), connections(server, 100, sent) as opened:
            received = {reply(connection)[:12] for connection in opened}

        assert received == ({b"HTTP/1.1 408"} if sent else {b""})


def test_a_connection_that_dribbles_its_second_header_is_closed(serve: Serve, model_dir: Path) -> None:
    content = json.dumps({"instances": [ROW]}).encode()
    with (
        serve(model_dir, limits=Limits(header_seconds=0.5)) as server,
        connections(server, 1, header(len(content)) + content) as (connection,),
    ):
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"POST ")

        assert reply(connection).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", b"GET /metrics HTTP/1.0\r\n\r\n"])
def test_clients_that_do_not_read_are_closed(
    sent: bytes, serve: Serve, model_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(model_dir, limits=Limits(body_seconds=0.5)) as server:
        host, _, port = server.url.removeprefix("http://").partition(":")
        rest = server.server._rest_server._server
        for listener in rest.servers[0].sockets:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                connection = stack.enter_context(socket.socket())
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                connection.connect((host, int(port)))
                connection.sendall(sent)
            time.sleep(0.3)
            assert len(rest.server_state.connections) == 20
            deadline = time.monotonic() + 20
            while rest.server_state.connections:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    assert not [record for record in caplog.records if record.levelname != "INFO"]


def test_requests_ahead_of_their_responses_are_limited(served: Running) -> None:
    with honest_clients(served), connections(served, 1, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 5000) as (connection,):
        received = reply(connection)

    assert received == b"" or b"at most 16 ahead of their responses" in received


@pytest.mark.parametrize("is_split", [False, True])
def test_an_offer_of_another_protocol_is_ignored_and_its_body_is_no_request(is_split: bool, served: Running) -> None:
    content = json.dumps({"instances": [ROW]}).encode()
    offer = b"\r\nconnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nhttp2-settings: AAEAAEAA\r\n\r\n"
    head = header(len(content)).replace(b"\r\n\r\n", offer)
    with connections(served, 1, head if is_split else head + content) as (connection,):
        if is_split:
            time.sleep(0.2)
            connection.sendall(content)

        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_an_offer_that_comes_in_pieces_is_rejected(served: Running, caplog: pytest.LogCaptureFixture) -> None:
    with connections(served, 1, b"POST / HTTP/1.1\r\nconnection: upgrade\r\nUpgr") as (connection,):
        time.sleep(0.2)
        connection.sendall(b"ade: h2c\r\ncontent-length: 30\r\n\r\n")
        received = reply(connection)

    assert received.startswith(b"HTTP/1.1 400 ")
    assert not caplog.records


def test_half_sent_bodies_are_closed_at_their_deadline(serve: Serve, model_dir: Path) -> None:
    with serve(model_dir, limits=Limits(body_seconds=1.0, request_seconds=1.0)) as server:
        for sent in (header(1000), header(1000) + b'{"instances": ['):
            with honest_clients(server), connections(server, 200, sent) as opened:
                received = [reply(connection) for connection in opened]

            assert {each[:12] for each in received} == {b"HTTP/1.1 408"}
            assert b"Expected the rest of the body within 1 s." in received[0]


def test_bodies_together_have_a_budget_which_is_given_back(serve: Serve, model_dir: Path) -> None:
    limits = Limits(max_buffered_bytes=8 * MIB, body_seconds=5.0)
    part = header(2 * MIB) + b" " * (2 * MIB - 1)
    with serve(model_dir, limits=limits) as server, honest_clients(server), connections(server, 12, part) as opened:
        received = [reply(connection) for connection in opened]
        # What waited for its last byte was given back.
        after = server.predict({"instances": [{**ROW, "town": "a" * 4000}] * 500})

    statuses = [each[:12] for each in received if each]
    assert {b"HTTP/1.1 503", b"HTTP/1.1 408"} == set(statuses)
    assert statuses.count(b"HTTP/1.1 408") <= 4
    rejected = next(each for each in received if each.startswith(b"HTTP/1.1 503"))
    assert b"retry-after: 1\r\n" in rejected
    assert b"connection: close\r\n" in rejected
    assert after.status_code == 200


def test_connections_have_a_budget(serve: Serve, model_dir: Path) -> None:
    limits = Limits(max_connections=NUM_HONEST + 20, body_seconds=3.0)
    with (
        serve(model_dir, limits=limits) as server,
        honest_clients(server),
        connections(server, 20, header(1000) + b"{") as held,
        connections(server, 10, header(1000) + b"{") as rejected,
    ):
        received = [reply(connection) for connection in rejected]
        late = [reply(connection) for connection in held]

    assert {each[:12] for each in received} == {b"HTTP/1.1 503"}
    assert b"retry-after: 1\r\n" in received[0]
    assert b"Expected fewer connections to the server." in received[0]
    assert {each[:12] for each in late} == {b"HTTP/1.1 408"}


def test_an_idle_connection_makes_room_for_another(serve: Serve, model_dir: Path) -> None:
    with (
        serve(model_dir, limits=Limits(max_connections=3)) as server,
        connections(server, 3, b"") as idle,
    ):
        time.sleep(1.2)
        assert server.predict({"instances": [ROW]}).status_code == 200

        assert reply(idle[0]) == b""
        idle[2].sendall(header(0))
        assert idle[2].recv(100).startswith(b"HTTP/1.1 400 ")


def test_connections_beyond_the_budget_are_closed_at_once(serve: Serve, model_dir: Path) -> None:
    with serve(model_dir, limits=Limits(max_connections=2)) as server, connections(server, 100, b"") as opened:
        received = [reply(connection) for connection in opened[70:]]

    assert set(received) == {b""}


@pytest.mark.parametrize("over", ["rest", "grpc"])
def test_what_takes_too_long_is_dropped_before_it_is_predicted(
    over: str, serve: Serve, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "MAX_QUEUED_BATCHES", 1000)
    rows = {"instances": [ROW]}
    with serve(model_dir, limits=Limits(request_seconds=1.0, max_batch_rows=1)) as server:
        batcher = server.server.model.current()._batcher
        predict, num_predicted = batcher._predict, []

        def slow(matrices: Any) -> Any:
            num_predicted.append(1)
            time.sleep(0.6)
            return predict(matrices)

        monkeypatch.setattr(batcher, "_predict", slow)
        with ThreadPoolExecutor(12) as pool:
            if over == "rest":
                results = [each.status_code for each in pool.map(lambda _: server.predict(rows), range(12))]
                expected: Any = 504
            else:
                with grpc.insecure_channel(server.grpc) as channel:
                    results = list(pool.map(lambda _: code_of(channel, 1.0), range(12)))
                expected = grpc.StatusCode.DEADLINE_EXCEEDED

    assert results.count(expected) >= 8
    # Two a deadline, of which the second may have begun before it.
    assert len(num_predicted) <= 4


def test_a_full_queue_rejects_calls_over_grpc(serve: Serve, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MAX_QUEUED_BATCHES", 1)
    with serve(model_dir, limits=Limits(max_batch_rows=1)) as server:
        batcher = server.server.model.current()._batcher
        predict = batcher._predict
        monkeypatch.setattr(batcher, "_predict", lambda matrices: (time.sleep(0.3), predict(matrices))[1])
        with ThreadPoolExecutor(10) as pool, grpc.insecure_channel(server.grpc) as channel:
            codes = list(pool.map(lambda _: code_of(channel, 30), range(10)))

    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}


@contextlib.contextmanager
def calls_without_a_message(server: Running, num_channels: int, method: str = INFER) -> Iterator[list[Any]]:
    """120 calls of each of so many connections, which send a header and nothing more until the block ends."""
    is_over = threading.Event()
    calls = []

    def no_message() -> Iterator[bytes]:
        is_over.wait()
        yield b""

    with contextlib.ExitStack() as stack:
        for _ in range(num_channels):
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = stack.enter_context(grpc.insecure_channel(server.grpc, options))
            ask = channel.stream_stream(method) if "Reflection" in method else channel.stream_unary(method).future
            calls += [ask(no_message()) for _ in range(120)]
        try:
            yield calls
        finally:
            for call in calls:
                call.cancel()
            is_over.set()


@pytest.mark.parametrize("method", [INFER, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"])
def test_calls_that_send_no_message_are_ended(
    method: str, serve: Serve, model_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        serve(model_dir, limits=Limits(body_seconds=1.0)) as server,
        calls_without_a_message(server, 1, method) as calls,
    ):
        codes = {call.code() for call in calls}

    assert codes == {grpc.StatusCode.CANCELLED}
    assert not [record for record in caplog.records if record.exc_info]


def test_calls_that_send_no_message_leave_room_for_others(served: Running) -> None:
    with (
        calls_without_a_message(served, 9),
        grpc.insecure_channel(served.grpc, [("grpc.use_local_subchannel_pool", 1)]) as channel,
    ):
        deadline = time.monotonic() + 20
        while code_of(channel, 10) is not grpc.StatusCode.OK:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert {code_of(channel, 10) for _ in range(50)} == {grpc.StatusCode.OK}


def code_of(channel: grpc.Channel, seconds: float) -> grpc.StatusCode:
    request = pb.ModelInferRequest(model_name="tiny")
    request.inputs.add(name="income", shape=[1], datatype="FP32", contents={"fp32_contents": [1.5]})
    request.inputs.add(name="branch", shape=[1], datatype="INT64", contents={"int64_contents": [7]})
    try:
        channel.unary_unary(INFER)(request.SerializeToString(), timeout=seconds)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/tiny/stats", 404),
        ("GET", "/v2/models/stats", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/v2/models/other", 404),
        ("GET", V1, 405),
        ("DELETE", "/v2/models/tiny", 405),
        ("POST", "/v2/health/live", 405),
    ],
)
def test_each_error_has_the_form_that_clients_of_kserve_read(
    method: str, path: str, status: int, served: Running
) -> None:
    response = httpx.request(method, f"{served.url}{path}")

    assert response.status_code == status
    assert list(response.json()) == ["error"]


def test_a_large_response_is_compressed_for_a_client_that_takes_it(served_at_large: Running) -> None:
    request = {"instances": [ROW] * 1000}
    content = gzip.compress(json.dumps(request).encode())

    responses = [
        served_at_large.post(V1, content=content, headers={**JSON, "content-encoding": "gzip", "accept-encoding": each})
        for each in ("gzip, deflate", "identity", "gzip;q=0", "deflate")
    ]

    assert [each.status_code for each in responses] == [200] * 4
    assert [each.headers.get("content-encoding") for each in responses] == ["gzip", None, None, None]
    assert len({each.text for each in responses}) == 1
    assert int(responses[0].headers["content-length"]) < len(responses[0].content) / 10
