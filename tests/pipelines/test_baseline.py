from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.types import standard_artifacts

from yachay.model_store.location import open_store
from yachay.model_store.store import push
from yachay.pipelines.baseline import LatestPushedModelStrategy


def model(number: int) -> Any:
    artifact = standard_artifacts.Model()
    artifact.id, artifact.uri = number, f"/artifacts/model/{number}"
    return artifact


def blessing(number: int) -> Any:
    artifact = standard_artifacts.ModelBlessing()
    artifact.set_int_custom_property("blessed", 1)
    artifact.set_int_custom_property("current_model_id", number)
    return artifact


def metadata_of(numbers: Sequence[int], candidate: int | None) -> Any:
    """Returns an ML Metadata store in which models were put out in their order, the candidate last."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.fake_database.SetInParent()
    metadata = metadata_store.MetadataStore(connection)
    model_type = metadata.put_artifact_type(metadata_store_pb2.ArtifactType(name="Model"))
    trainer_type = metadata.put_execution_type(metadata_store_pb2.ExecutionType(name="Trainer"))
    metadata.put_artifacts([metadata_store_pb2.Artifact(type_id=model_type) for _ in range(max(numbers, default=0))])
    for time, number in enumerate([*numbers, *([candidate] if candidate else [])]):
        [execution] = metadata.put_executions([metadata_store_pb2.Execution(type_id=trainer_type)])
        event = metadata_store_pb2.Event(
            artifact_id=number,
            execution_id=execution,
            type=metadata_store_pb2.Event.OUTPUT,
            milliseconds_since_epoch=1_000 + time,
        )
        event.path.steps.add().key = "model"
        metadata.put_events([event])
    return metadata


def resolve(store: Path, *numbers: int, candidate: int | None = None) -> list[str]:
    given = {"model": [model(number) for number in numbers], "model_blessing": [blessing(number) for number in numbers]}
    metadata = metadata_of(numbers, candidate)
    resolved = LatestPushedModelStrategy(str(store)).resolve_artifacts(metadata, given)
    assert resolved.keys() == given.keys()
    return [artifact.uri for artifact in resolved["model"]]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "models"


def push_model(store: Path, folder: Path, number: int, baseline: int | None = None) -> None:
    source = folder / str(number)
    source.mkdir()
    (source / "saved_model.pb").write_text(str(number))
    push(
        source, open_store(str(store), "", ""), trained_hash=str(number), golden=b"", run_id="1", data_fingerprint="1",
        blessing={
            "blessed": True,
            "model": f"/artifacts/model/{number}",
            "baseline": f"/artifacts/model/{baseline}" if baseline else None,
        },
    )  # fmt: skip


def test_a_blessed_model_that_was_not_pushed_is_no_baseline(store: Path, tmp_path: Path) -> None:
    assert resolve(store, 1, 2) == []

    push_model(store, tmp_path, 1)

    assert resolve(store, 1, 2) == ["/artifacts/model/1"]


def test_the_model_of_the_last_push_is_compared_with_what_it_was_compared_with_then(
    store: Path, tmp_path: Path
) -> None:
    push_model(store, tmp_path, 1)
    assert resolve(store, 1, candidate=1) == []

    push_model(store, tmp_path, 2, baseline=1)
    assert resolve(store, 1, 2, candidate=2) == ["/artifacts/model/1"]
    assert resolve(store, 1, 2, candidate=1) == ["/artifacts/model/2"]


def test_the_model_of_the_last_push_is_the_baseline(store: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        push_model(store, tmp_path, number)

    assert resolve(store, 1, 2, 3) == ["/artifacts/model/2"]


def test_a_push_of_another_metadata_store_is_no_baseline(store: Path, tmp_path: Path) -> None:
    push_model(store, tmp_path, 9)

    assert resolve(store, 1) == []
    assert resolve(store) == []
