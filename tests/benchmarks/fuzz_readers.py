"""Coverage-guided fuzzing of the readers of requests: no bytes may end in anything but a rejection.

    uv pip install --target FOLDER atheris
    PYTHONPATH=FOLDER .venv/bin/python tests/benchmarks/fuzz_readers.py json|grpc [-max_total_time=60] [CORPUS]

The tests fuzz the same readers without guidance (`tests/serving/test_fuzz.py`). What follows the first argument is
libFuzzer's.
"""

import contextlib
import importlib
import sys

atheris = importlib.import_module("atheris")

with atheris.instrument_imports(include=["yachay.serving", "yachay.errors"]):
    from yachay.serving.bodies import inflate, parse_json
    from yachay.serving.contract import Feature
    from yachay.serving.errors import RequestError
    from yachay.serving.grpc_messages import parse_message
    from yachay.serving.grpc_messages import read_request as read_message
    from yachay.serving.inputs import InputChecker
    from yachay.serving.v1 import read_request
    from yachay.serving.v2 import read_body, read_inputs

FEATURES = [
    Feature("a", "float32", "numeric", False, None, None, "A"),
    Feature("b", "int64", "categorical", True, -(2**63), None, "b"),
    Feature("c", "string", "time", True, "", None, "c"),
    Feature("d", "float32", "numeric", True, float("nan"), None, "d", steps=3, min_steps=1),
    Feature("e", "int64", "numeric", True, -(2**63), None, "e", steps=2),
]
CHECKER = InputChecker(FEATURES, max_rows=5, max_string_bytes=20)


def read_json(content: bytes) -> None:
    """Reads bytes as a body of V1, as one of V2 whose JSON ends where its first byte says, and as gzip."""
    with contextlib.suppress(RequestError):
        read_request(parse_json(content, None, CHECKER.max_values, CHECKER.max_value_bytes), CHECKER)
    length, body = (str(content[0]), content[1:]) if content else (None, content)
    for one in (length, None):
        with contextlib.suppress(RequestError):
            read_inputs(read_body(body, one, None, CHECKER.max_values, CHECKER.max_value_bytes), CHECKER)
    with contextlib.suppress(RequestError):
        inflate(content, 1000)


def read_grpc(content: bytes) -> None:
    """Reads bytes as a message of gRPC."""
    with contextlib.suppress(RequestError):
        read_inputs(read_message(parse_message(content, CHECKER.max_values), CHECKER), CHECKER)


if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], {"json": read_json, "grpc": read_grpc}[sys.argv[1]])
    atheris.Fuzz()
