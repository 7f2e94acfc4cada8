"""A training by several processes of one step."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tensorflow_transform import TFTransformOutput

from yachay.components.trainer.run_fn import run_fn
from yachay.components.trainer.settings import TrainerSettings
from yachay.errors import ModelError
from yachay.pipelines.runs.describe import describe_training

from .conftest import CLASSIFICATION, write_transformed

pytestmark = pytest.mark.slow


@pytest.fixture
def arguments(
    examples: list[bytes], transform_output_of: Callable[[str], TFTransformOutput], tmp_path: Path
) -> Callable[..., SimpleNamespace]:
    """Returns a function that makes the arguments of `run_fn` for settings of the Trainer."""

    def make(**settings: Any) -> SimpleNamespace:
        transform_output = transform_output_of("classification")
        write_transformed(tmp_path / "transformed-00000-of-00001.gz", transform_output, examples)
        return SimpleNamespace(
            train_files=[str(tmp_path / "transformed-*")],
            transform_graph_path=transform_output.transform_savedmodel_dir.rpartition("/")[0],
            serving_model_dir=str(tmp_path / "model/Format-Serving"),
            custom_config={"task": CLASSIFICATION.model_dump(mode="json"), "settings": settings},
            hyperparameters=None,
        )

    return make


def test_workers_of_a_step_train_one_model(arguments: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    given = {"keras": {"max_epochs": 2, "batch_size": 32}}
    run_fn(arguments(family="keras", strategy="multi_worker", workers=2, hyperparameters=given))
    training = {"family": "keras", "strategy": "multi_worker", "replicas": 2, "global_batch_size": 64}
    assert describe_training(tmp_path / "model") == {"training": training}


def test_a_worker_that_fails_ends_the_others(arguments: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    given = arguments(family="keras", strategy="multi_worker", workers=2)
    given.train_files = [str(tmp_path / "none-*")]
    with pytest.raises(ModelError, match=r"(?s)Expected 2 workers to train\. Received: worker \d ended.*no file"):
        run_fn(given)
    assert not Path(given.serving_model_dir).exists()


def test_workers_without_their_strategy_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"workers: expected 1 without `strategy: multi_worker`"):
        TrainerSettings(workers=2)
