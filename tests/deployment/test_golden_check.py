import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from yachay.deployment.golden_check import check_predictions, find_difference
from yachay.errors import ModelError
from yachay.model_store.golden import GoldenRequest, read_golden, write_golden

GOLDEN = [
    GoldenRequest({"age": 1, "town": "Ñuñoa"}, {"classes": "kept", "scores": [0.25, 0.75]}),
    GoldenRequest({"age": 2, "town": None}, {"classes": "lost", "scores": [0.5, 0.5]}),
]

Answer = Callable[[list[Any]], tuple[int, Any]]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/models/m:predict"
            rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
            status, body = answer(rows)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def right(rows: list[Any]) -> tuple[int, Any]:
    return 200, {"predictions": [next(one.prediction for one in GOLDEN if one.row == row) for row in rows]}


def test_golden_requests_are_bodies_of_the_protocol_line_by_line() -> None:
    content = write_golden(GOLDEN)

    assert json.loads(content.splitlines()[1]) == {
        "request": {"instances": [{"age": 2, "town": None}]},
        "response": {"predictions": [{"classes": "lost", "scores": [0.5, 0.5]}]},
    }
    assert read_golden(content) == GOLDEN


@pytest.mark.parametrize("line", [b"{", b"{}", b'{"request": {"instances": []}, "response": {"predictions": [1]}}'])
def test_a_line_that_is_no_golden_request_is_named(line: bytes) -> None:
    with pytest.raises(ModelError, match="Expected line 3 of the golden requests"):
        read_golden(write_golden(GOLDEN) + line)


def test_a_server_that_predicts_alike_passes_alone_and_in_a_batch() -> None:
    sizes = []

    def answer(rows: list[Any]) -> tuple[int, Any]:
        sizes.append(len(rows))
        return right(rows)

    with serving(answer) as url:
        check_predictions(url, "m", GOLDEN)

    assert sizes == [1, 1, 2]


def test_another_prediction_is_rejected_with_the_difference_and_without_the_record() -> None:
    def answer(rows: list[Any]) -> tuple[int, Any]:
        _, body = right(rows)
        return 200, {"predictions": [{**one, "scores": [0.25, 0.7501]} for one in body["predictions"]]}

    with serving(answer) as url, pytest.raises(ModelError) as rejected:
        check_predictions(url, "m", GOLDEN)

    assert "prediction.scores[1] 0.7501 in place of 0.75, for golden row 1 (missing: nothing)" in str(rejected.value)
    assert "Ñuñoa" not in str(rejected.value)


def test_rows_that_are_mixed_up_in_a_batch_are_rejected() -> None:
    def answer(rows: list[Any]) -> tuple[int, Any]:
        status, body = right(rows)
        return status, {"predictions": body["predictions"][::-1]}

    with serving(answer) as url, pytest.raises(ModelError, match="in a request of 2 rows"):
        check_predictions(url, "m", GOLDEN)


def test_a_failing_server_is_rejected_with_what_it_reported() -> None:
    with (
        serving(lambda rows: (500, {"error": "boom"})) as url,
        pytest.raises(ModelError, match=r'status 500, \{"error": "boom"\}'),
    ):
        check_predictions(url, "m", GOLDEN)


@pytest.mark.parametrize("body", [{}, [], {"predictions": {"classes": []}}, {"predictions": []}])
def test_a_response_of_another_form_is_rejected(body: Any) -> None:
    with serving(lambda rows: (200, body)) as url, pytest.raises(ModelError, match="Expected"):
        check_predictions(url, "m", GOLDEN)


def test_no_server_is_rejected() -> None:
    with serving(right) as url:
        pass

    with pytest.raises(ModelError, match=r"Expected .*:predict to predict 1 rows\. Received: ConnectError"):
        check_predictions(url, "m", GOLDEN)


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_forecast_of_nearly_zero_is_rounded_as_its_neighbours_are(is_alone: bool) -> None:
    values = [[20.0, 0.0], [-18.0, 25.0]]
    golden = [GoldenRequest({"n": n}, of if is_alone else {"outputs": of}) for n, of in enumerate(values)]

    def answering(error: float) -> Answer:
        def answer(rows: list[Any]) -> tuple[int, Any]:
            moved = [[value + error for value in values[row["n"]]] for row in rows]
            return 200, {"predictions": moved if is_alone else [{"outputs": of} for of in moved]}

        return answer

    with serving(answering(1e-4)) as url:
        check_predictions(url, "m", golden)
    with serving(answering(3e-4)) as url, pytest.raises(ModelError, match=r"20\.0003 in place of 20\.0"):
        check_predictions(url, "m", golden)


@pytest.mark.parametrize(
    ("expected", "received"), [(1.0, 1.000009), (1000.0, 1000.009), (1, 1.0), ("a", "a"), ({"a": [1]}, {"a": [1.0]})]
)
def test_predictions_are_the_same_within_the_tolerance(expected: Any, received: Any) -> None:
    assert find_difference(expected, received) == ""


@pytest.mark.parametrize(
    ("expected", "received"),
    [
        (1.0, 1.00002), (0.0, 2e-5), (1000.0, 1000.02), (1.0, math.nan), (1, None), (1, True), (1, "1"),
        ("a", "b"), ([1], [1, 2]), ({"a": 1}, {"a": 1, "b": 2}), ({"a": 1}, [1]),
    ],
)  # fmt: skip
def test_predictions_differ(expected: Any, received: Any) -> None:
    assert "in place of" in find_difference(expected, received)
