import json
from pathlib import Path

import pytest

from yachay.components.pusher import store
from yachay.components.pusher.store import latest_push, push


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "assets.extra" / "yachay.json").write_text('{"family": "linear"}')
    return folder


def test_a_push_holds_a_version_folder_with_the_model_and_its_metadata(model: Path, tmp_path: Path) -> None:
    result = push(model, tmp_path / "store", {"blessed": True})

    assert result.is_new
    assert result.path == tmp_path / "store" / f"push-{result.version}"
    assert (result.model_path / "saved_model.pb").read_bytes() == b"graph"
    assert json.loads((result.model_path / "assets.extra/yachay.json").read_text()) == {
        "family": "linear",
        "blessed": True,
    }


def test_the_same_model_is_pushed_once(model: Path, tmp_path: Path) -> None:
    first = push(model, tmp_path / "store", {"run": 1})
    second = push(model, tmp_path / "store", {"run": 2})

    assert not second.is_new
    assert second.path == first.path
    assert len(list((tmp_path / "store").iterdir())) == 1


def test_a_changed_model_gets_a_higher_version_even_within_a_second(model: Path, tmp_path: Path) -> None:
    first = push(model, tmp_path / "store", {})
    (model / "saved_model.pb").write_bytes(b"other")
    second = push(model, tmp_path / "store", {})

    assert second.is_new
    assert second.version > first.version
    assert latest_push(tmp_path / "store") == store.Push(second.version, second.path, second.content_hash)


def test_a_push_that_fails_leaves_the_store_as_it_was(model: Path, tmp_path: Path) -> None:
    first = push(model, tmp_path / "store", {})
    (model / "assets.extra" / "yachay.json").write_text("{")

    with pytest.raises(json.JSONDecodeError):
        push(model, tmp_path / "store", {})

    assert [path.name for path in (tmp_path / "store").iterdir()] == [first.path.name]


def test_what_a_killed_push_left_is_no_push_and_is_removed_by_the_next(model: Path, tmp_path: Path) -> None:
    leftover = tmp_path / "store" / ".staging-7" / "7"
    leftover.mkdir(parents=True)

    assert latest_push(tmp_path / "store") is None
    push(model, tmp_path / "store", {})

    assert not leftover.parent.exists()
