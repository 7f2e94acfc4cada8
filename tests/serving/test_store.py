"""Where a model lies: of a bucket as of a folder, what is broken leaves the push before it in service."""

from pathlib import Path

import pytest

from yachay.errors import StoreError
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.integrity import BrokenPushError
from yachay.model_store.store import push
from yachay.serving.hot_swap import HotSwap
from yachay.serving.kserve_model import NamedModel
from yachay.serving.limits import Limits
from yachay.serving.saved_model import load_saved_model
from yachay.serving.store import BucketSource
from yachay.serving.trust import Trust

from .conftest import write_model


@pytest.mark.parametrize("broken", ["model", "receipt", "absent file"])
def test_a_server_starts_with_the_push_before_a_broken_one_of_a_bucket(
    broken: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FolderStore(tmp_path / "store")
    source = BucketSource(store, tmp_path / "cache")
    first = push(write_model(tmp_path / "5"), store, trained_hash="a", golden=b"")
    second = push(write_model(tmp_path / "6", shift=2.0), store, trained_hash="b", golden=b"")
    if broken == "receipt":
        Path(second.uri, "push.json").write_text("{")
    elif broken == "model":
        Path(second.model_uri, "saved_model.pb").write_bytes(b"other")
    else:
        Path(second.model_uri, "saved_model.pb").unlink()
    model = NamedModel("tiny")
    swap = HotSwap(model, source, Limits(), (), Trust(), load_saved_model)

    with pytest.raises(BrokenPushError) as found:
        source.newest()
    swap.load_first()

    assert found.value.version == second.version
    assert isinstance(found.value, StoreError)
    assert model.served is not None
    assert model.served.version == str(first.version)
    assert "The version before is tried." in caplog.text
    model.served.close()


def test_a_bucket_where_every_push_is_broken_names_what_is_wrong_with_the_newest(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    pushes = [push(write_model(tmp_path / str(n)), store, trained_hash="a", golden=b"") for n in (5, 6)]
    for each in pushes:
        Path(each.model_uri, "saved_model.pb").write_bytes(b"other")
    swap = HotSwap(NamedModel("tiny"), BucketSource(store, tmp_path / "cache"), Limits(), (), Trust(), load_saved_model)

    with pytest.raises(BrokenPushError, match=f"push-{pushes[1].version} as they were pushed"):
        swap.load_first()
