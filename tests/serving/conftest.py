import contextlib
import dataclasses
import json
import math
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import tensorflow as tf

from yachay.components.pusher.candidate_server import free_port
from yachay.model_store.integrity import hash_files, hash_manifest
from yachay.model_store.store import Push
from yachay.serving.contract import PredictionObserver
from yachay.serving.limits import Limits
from yachay.serving.server import Server
from yachay.serving.settings import Settings
from yachay.serving.trust import Trust

LABELS = ["no", "yes"]
FEATURES = [
    {"name": "income", "dtype": "float32", "kind": "numeric", "optional": False, "missing": None},
    {"name": "rating", "dtype": "float32", "kind": "ordinal", "optional": True, "missing": "NaN"},
    {"name": "visits", "dtype": "int64", "kind": "numeric", "optional": True, "missing": -(2**63)},
    {"name": "branch", "dtype": "int64", "kind": "categorical", "optional": False, "missing": None},
    {"name": "town", "dtype": "string", "kind": "categorical", "optional": True, "missing": ""},
]
DOMAINS = {"income": {"min": 0.0}, "town": {"values": ["Cusco", "Lima"]}, "visits": {"min": 0, "max": 40}}
ROW = {"income": 1.5, "rating": 4.0, "visits": 3, "branch": 7, "town": "Lima"}


class TinyModel(tf.Module):
    """Scores that depend on every feature, a missing one counted as its default, and on the version."""

    def __init__(self, shift: float, is_regression: bool) -> None:
        super().__init__()
        self.shift = tf.Variable(shift)
        self.is_regression = is_regression

    @tf.function(
        input_signature=[
            {
                each["name"]: tf.TensorSpec([None], tf.dtypes.as_dtype(str(each["dtype"])), str(each["name"]))
                for each in FEATURES
            }
        ]
    )
    def serve(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        rating = tf.where(tf.math.is_nan(raw["rating"]), 3.0, raw["rating"])
        visits = tf.cast(tf.where(raw["visits"] == -(2**63), tf.constant(8, tf.int64), raw["visits"]), tf.float32)
        town = tf.cast(raw["town"] == "Lima", tf.float32)
        branch = tf.cast(raw["branch"] % 2, tf.float32)
        # Far outside what it saw, the square leaves float32.
        logit = self.shift + raw["income"] + raw["income"] ** 2 * 1e-3 + rating - visits / 8 + town + branch
        if self.is_regression:
            return {"outputs": logit}
        share = logit / (1 + tf.abs(logit))
        scores = tf.stack([(1 - share) / 2, (1 + share) / 2], axis=1)
        return {"classes": tf.gather(tf.constant(LABELS), tf.argmax(scores, axis=1)), "scores": scores}


def write_model(path: Path, shift: float = 0.0, is_regression: bool = False) -> Path:
    """Writes a SavedModel as a push holds it."""
    module = TinyModel(shift, is_regression)
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    metadata = {
        "format": 1,
        "problem": "regression" if is_regression else "classification",
        "family": "tiny",
        "label": "Keeps",
        "labels": [] if is_regression else LABELS,
        "features": [{**each, "domain": DOMAINS.get(str(each["name"])), "default": None} for each in FEATURES],
        "original_names": {"town": "Town of birth", "income": "Income (monthly)\t"},
        "metrics": {"accuracy": 0.75},
    }
    (path / "assets.extra").mkdir(exist_ok=True)
    (path / "assets.extra" / "yachay.json").write_text(json.dumps(metadata), encoding="utf-8")
    return path


@pytest.fixture
def model_with_codes(tmp_path: Path, model_dir: Path) -> Callable[..., Path]:
    """Writes the model with known codes of its `branch`, which the schema bounds, and names of some."""

    def write(codes: list[int] | None, names: dict[str, dict[str, str]] | None = None) -> Path:
        path = tmp_path / "push-8" / "8"
        shutil.copytree(model_dir, path)
        file = path / "assets.extra" / "yachay.json"
        metadata = json.loads(file.read_text())
        (branch,) = (feature for feature in metadata["features"] if feature["name"] == "branch")
        branch["domain"] = {"min": -5, "max": 9991}
        if codes is not None:
            branch |= {"codes": codes, "code_names": names}
        file.write_text(json.dumps(metadata))
        return path

    return write


def push_model(store: Path, version: int, shift: float = 0.0) -> Path:
    """Pushes a model into a store, whole or not at all."""
    staging = store / f".staging-{version}"
    write_model(staging / str(version), shift)
    write_receipt(staging, version)
    return staging.rename(store / f"push-{version}")


def write_receipt(push: Path, version: int) -> Push:
    """Writes the receipt of what lies in the folder of a push."""
    files = {name: digest for name, digest in hash_files(push).items() if name != "push.json"}
    receipt = Push(version, str(push), hash_manifest(files), files=files)
    (push / "push.json").write_text(receipt.to_json(), encoding="utf-8")
    return receipt


@dataclasses.dataclass(frozen=True)
class Running:
    """A server that runs in a thread of the test."""

    server: Server
    url: str
    grpc: str

    def post(self, path: str, **options: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", timeout=30, **options)

    def predict(self, payload: Any) -> httpx.Response:
        return self.post("/v1/models/tiny:predict", json=payload)


@contextlib.contextmanager
def running(
    model_dir: Path, observers: Sequence[PredictionObserver] = (), limits: Limits | None = None, **settings: Any
) -> Iterator[Running]:
    """Runs a server in a thread, and waits for it to drain at the end."""
    settings.setdefault("trust", Trust(allows_unchecked=True))  # Most tests serve a SavedModel without a receipt.
    http_port, grpc_port = free_port(), free_port()
    server = Server(
        Settings("tiny", model_dir, "127.0.0.1", http_port, grpc_port, limits or Limits(), **settings), observers
    )
    server.load()
    thread = threading.Thread(target=server.start)
    thread.start()
    try:
        while not server.is_started:
            assert thread.is_alive()
            time.sleep(0.01)
        scheme = "https" if settings.get("tls") else "http"
        yield Running(server, f"{scheme}://127.0.0.1:{http_port}", f"127.0.0.1:{grpc_port}")
    finally:
        server.stop()
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "5")


@pytest.fixture(scope="session")
def regression_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("regression") / "5", is_regression=True)


@pytest.fixture(scope="session")
def served(model_dir: Path) -> Iterator[Running]:
    """A server that the quick tests share."""
    limits = Limits(max_rows=100, max_batch_rows=8, max_string_bytes=64, max_body_bytes=100_000)
    with running(model_dir, limits=limits) as server:
        yield server


@pytest.fixture(scope="session")
def served_at_large(model_dir: Path) -> Iterator[Running]:
    """A server with the limits that it has by default."""
    with running(model_dir, grpc_options=(("grpc.max_receive_message_length", 8 * 2**20),)) as server:
        yield server


@pytest.fixture
def serve() -> Callable[..., AbstractContextManager[Running]]:
    return running


@pytest.fixture
def free_ports() -> Callable[[int], list[int]]:
    return lambda count: [free_port() for _ in range(count)]


@pytest.fixture
def push() -> Callable[..., Path]:
    return push_model


@pytest.fixture
def row() -> dict[str, Any]:
    return dict(ROW)


def score(row: dict[str, Any], shift: float = 0.0) -> float:
    """Returns the score of "yes" as the model's formula gives it."""
    rating = 3.0 if row.get("rating") is None else row["rating"]
    visits = 8 if row.get("visits") is None else row["visits"]
    income = row["income"]
    logit = shift + income + income**2 * 1e-3 + rating - visits / 8 + (row.get("town") == "Lima") + row["branch"] % 2
    assert math.isfinite(logit)
    return float((1 + logit / (1 + abs(logit))) / 2)
