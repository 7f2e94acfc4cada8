from pathlib import Path

import pytest

from yachay.errors import StoreError, UsageError
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.location import open_store
from yachay.model_store.store import push


def test_a_folder_is_a_store_under_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert open_store("models/").uri == f"{tmp_path}/models"


def test_a_claim_is_a_store_at_the_folder_where_it_is_mounted(model: Path, tmp_path: Path) -> None:
    result = push(model, open_store("pvc://claim/models/dropout", str(tmp_path)), trained_hash="h", golden=b"")

    assert result.uri == f"pvc://claim/models/dropout/push-{result.version}"
    assert (tmp_path / f"models/dropout/push-{result.version}/{result.version}/saved_model.pb").exists()


def test_a_claim_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Expected the claim of pvc://claim/models to be mounted at .*/nowhere"):
        open_store("pvc://claim/models", str(tmp_path / "nowhere"))


def test_a_folder_can_stand_for_all_buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YACHAY_OBJECT_STORE", str(tmp_path))

    store = open_store("s3://bucket/models")

    assert isinstance(store, FolderStore)
    assert store.path == tmp_path / "s3/bucket/models"
    assert store.uri == "s3://bucket/models"


@pytest.mark.parametrize("uri", ["", "hdfs://a/b", "s3://", "s3:///a", "s3://bucket/a b", "gs://bucket/a?x=1"])
def test_what_can_be_no_store_is_rejected(uri: str) -> None:
    with pytest.raises(UsageError, match=r"Expected the model store to be a folder, gs://.* Correct push\.store"):
        open_store(uri)


@pytest.mark.parametrize(("uri", "mount"), [("pvc://claim/models", ""), ("s3://bucket", "/mnt"), ("/models", "/mnt")])
def test_a_mount_is_named_for_a_claim_and_for_nothing_else(uri: str, mount: str) -> None:
    with pytest.raises(UsageError, match=r"Expected push\.mount to name the folder"):
        open_store(uri, mount)
