"""A server loads what was pushed and nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from yachay.errors import ConfigurationError
from yachay.model_store.integrity import IntegrityError
from yachay.serving import trust
from yachay.serving.settings import make_parser
from yachay.serving.store import FolderSource
from yachay.serving.trust import Trust

Serve = Callable[..., Any]
PushModel = Callable[..., Path]


def _content_hash(push: Path) -> str:
    return str(json.loads((push / "push.json").read_text())["content_hash"])


def _load(place: Path, rule: Trust) -> Path:
    with rule.checked(FolderSource(place).newest()) as path:
        assert (path / "saved_model.pb").is_file()
        return path


@pytest.mark.parametrize("place", ["", "push-3", "push-3/3"])
def test_what_is_loaded_is_a_private_copy_of_what_was_checked(push: PushModel, tmp_path: Path, place: str) -> None:
    push(tmp_path, 3)

    path = _load(tmp_path / place, Trust())

    assert tmp_path not in path.parents
    assert not path.exists()


def test_a_push_that_was_edited_is_not_loaded_and_the_last_good_one_stays(
    serve: Serve, push: PushModel, tmp_path: Path, row: dict[str, Any]
) -> None:
    push(tmp_path, 1)
    with serve(tmp_path, poll_seconds=0.05, opens_repository=True, trust=Trust()) as server:
        before = server.predict({"instances": [row]}).json()
        edited = tmp_path / ".staging-edited"
        shutil.copytree(push(tmp_path / "other", 2, shift=5.0), edited)
        (edited / "2/variables/variables.index").write_bytes(b"edited")
        edited.rename(tmp_path / "push-2")
        loaded = server.post("/v2/repository/models/tiny/load")
        after = server.predict({"instances": [row]}).json()
        ready = server.server.model.ready

    assert loaded.status_code == 503
    assert after == before
    assert ready
    assert REGISTRY.get_sample_value("yachay_model_untrusted_total", {"model_name": "tiny"})


def test_a_server_does_not_start_with_an_edited_push_alone(serve: Serve, push: PushModel, tmp_path: Path) -> None:
    (push(tmp_path, 1) / "1/assets.extra/yachay.json").write_text("{}")

    with pytest.raises(IntegrityError, match=r"another 1/assets\.extra/yachay\.json"), serve(tmp_path, trust=Trust()):
        pass


def test_a_pod_loads_the_push_that_it_was_deployed_with_and_no_other(push: PushModel, tmp_path: Path) -> None:
    old, new = push(tmp_path / "old", 1), push(tmp_path / "new", 2)

    assert _load(new, Trust(_content_hash(new)))
    with pytest.raises(IntegrityError, match=r"Expected the push with the content hash .* Deploy that push"):
        _load(old, Trust(_content_hash(new)))


@pytest.mark.parametrize("rule", [Trust(), Trust("0" * 64, allows_unchecked=True)])
def test_without_a_receipt_nothing_is_loaded_unless_that_is_allowed(
    push: PushModel, tmp_path: Path, rule: Trust
) -> None:
    (push(tmp_path, 1) / "push.json").unlink()

    with pytest.raises(IntegrityError, match=r"Expected push\.json beside .*/1, .* add --allow_unchecked=true"):
        _load(tmp_path / "push-1", rule)
    assert _load(tmp_path / "push-1", Trust(allows_unchecked=True))


def test_a_receipt_of_an_earlier_version_is_rejected_unless_that_is_allowed(push: PushModel, tmp_path: Path) -> None:
    receipt = push(tmp_path, 1) / "push.json"
    receipt.write_text(json.dumps({"version": 1, "content_hash": "a", "files": ["1/saved_model.pb"]}))

    with pytest.raises(IntegrityError, match=r"to have the SHA-256 of each file\. Received: none"):
        _load(tmp_path, Trust())
    assert _load(tmp_path, Trust(allows_unchecked=True))


def test_an_edited_push_is_rejected_also_where_unchecked_models_are_allowed(push: PushModel, tmp_path: Path) -> None:
    (push(tmp_path, 1) / "1/more").touch()

    with pytest.raises(IntegrityError, match="1/more, which was not pushed"):
        _load(tmp_path, Trust(allows_unchecked=True))


def test_an_older_push_under_a_newer_name_is_not_loaded(push: PushModel, tmp_path: Path) -> None:
    push(tmp_path, 1).rename(tmp_path / "push-9")

    with pytest.raises(IntegrityError, match=r"Received: that of version 1\. Put the push back"):
        _load(tmp_path, Trust())


def test_a_second_version_in_a_push_is_not_loaded(push: PushModel, tmp_path: Path) -> None:
    shutil.copytree(push(tmp_path, 1) / "1", tmp_path / "push-1/2")

    with pytest.raises(IntegrityError, match="Received: that of version 1"):
        _load(tmp_path / "push-1", Trust())


def test_a_savedmodel_that_is_put_over_a_store_is_not_loaded(push: PushModel, tmp_path: Path) -> None:
    shutil.copytree(push(tmp_path, 1) / "1", tmp_path, dirs_exist_ok=True)

    with pytest.raises(IntegrityError, match=r"Expected push\.json beside"):
        _load(tmp_path, Trust())


def test_the_content_hash_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YACHAY_CONTENT_HASH", "ab" * 32)
    assert trust.read_trust(make_parser().parse_args(["--model_dir=x"])) == Trust("ab" * 32)

    with pytest.raises(ConfigurationError, match=r"64 hexadecimal digits.* Received: 'latest'"):
        trust.read_trust(make_parser().parse_args(["--model_dir=x", "--content_hash=latest"]))
