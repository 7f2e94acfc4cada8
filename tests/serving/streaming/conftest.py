from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stream_model import ENVELOPE, push_trees

from yachay.serving.limits import Limits
from yachay.serving.model import ServedModel
from yachay.serving.saved_model import load_saved_model
from yachay.serving.streaming.envelope import Envelope
from yachay.serving.streaming.predictor import Predictor


@pytest.fixture(scope="session")
def stream_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one push of the model of seven features."""
    store = tmp_path_factory.mktemp("stream-store")
    push_trees(store, 7)
    return store


@pytest.fixture(scope="session")
def stream_model(stream_store: Path) -> Iterator[ServedModel]:
    path = stream_store / "push-7" / "7"
    served = ServedModel("student-dropout", "7", path, load_saved_model(path), Limits())
    yield served
    served.close()


@pytest.fixture
def make_predictor(stream_model: ServedModel) -> Callable[..., Predictor]:
    def make(max_event_bytes: int = 2**20, **envelope: str) -> Predictor:
        return Predictor(lambda: stream_model, Envelope(**{**ENVELOPE, **envelope}), max_event_bytes)

    return make
