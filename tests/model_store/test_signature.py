"""Signed pushes: OpenSSF model signing with keys of this machine, and its own tool beside ours."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from signing_keys import make_keys

from yachay.components.pusher.settings import PushSettings
from yachay.errors import ConfigurationError
from yachay.model_store.folder_store import FolderStore
from yachay.model_store.integrity import IntegrityError, check_push, hash_content, hash_manifest
from yachay.model_store.signature import check_signed_push, check_signing_key, check_trusted_key
from yachay.model_store.store import Push, latest_push, push
from yachay.serving.store import FolderSource
from yachay.serving.trust import Trust


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def signed(model: Path, store: FolderStore, keys: tuple[Path, Path]) -> Push:
    return push(model, store, trained_hash="trained", golden=b"{}\n", signing_key=keys[0])


def load(place: Path, trusted_key: Path) -> None:
    with Trust(trusted_key=trusted_key).checked(FolderSource(place).newest()) as path:
        assert (path / "saved_model.pb").read_bytes() == b"graph"


def forge(signed: Push) -> None:
    """Edits a file, and makes the receipt agree with it."""
    name = f"{signed.version}/saved_model.pb"
    Path(signed.uri, name).write_bytes(b"forged")
    files = {**signed.files, name: hash_content(b"forged")}
    receipt = json.loads(signed.to_json()) | {"files": files, "content_hash": hash_manifest(files)}
    Path(signed.uri, "push.json").write_text(json.dumps(receipt))


def test_a_signed_push_is_trusted_wherever_it_is_checked(
    store: FolderStore, signed: Push, keys: tuple[Path, Path]
) -> None:
    check_push(store, signed)
    check_signed_push(store, signed, keys[1])
    load(store.path, keys[1])


def test_the_tool_of_the_format_verifies_a_push(signed: Push, keys: tuple[Path, Path]) -> None:
    command = [sys.executable, "-m", "model_signing", "verify", "key", signed.uri]
    shown = subprocess.run(
        [*command, "--signature", f"{signed.uri}/model.sig", "--public_key", str(keys[1])],
        capture_output=True,
        text=True,
        check=False,
    )

    assert shown.returncode == 0, shown.stderr


def test_a_forged_push_whose_receipt_agrees_is_not_trusted(
    store: FolderStore, signed: Push, keys: tuple[Path, Path]
) -> None:
    forge(signed)
    found = latest_push(store)
    assert found is not None
    check_push(store, found)  # All that a receipt can say.

    with pytest.raises(IntegrityError, match=r"Expected a signature of push-\d+ by .*Received: Signature mismatch\."):
        check_signed_push(store, found, keys[1])
    with pytest.raises(IntegrityError, match="Expected a signature of push-"):
        load(store.path, keys[1])


def test_a_receipt_that_was_edited_is_not_trusted(store: FolderStore, signed: Push, keys: tuple[Path, Path]) -> None:
    receipt = json.loads(signed.to_json()) | {"blessing": {"model": "s3://evil/model"}}
    Path(signed.uri, "push.json").write_text(json.dumps(receipt))

    with pytest.raises(IntegrityError, match="Received: Signature mismatch"):
        load(store.path, keys[1])


@pytest.mark.parametrize("signature", [None, b"", b"{}", b"not a bundle"])
def test_a_push_without_a_signature_is_not_trusted(
    store: FolderStore, signed: Push, keys: tuple[Path, Path], signature: bytes | None
) -> None:
    path = Path(signed.uri, "model.sig")
    path.unlink()
    if signature is not None:
        path.write_bytes(signature)

    with pytest.raises(IntegrityError, match=r"model\.sig in the push|Expected a signature of push-"):
        load(store.path, keys[1])
    with Trust().checked(FolderSource(store.path).newest()) as copy:  # Where nobody asks for one.
        assert (copy / "saved_model.pb").is_file()


def test_a_signature_by_another_key_is_not_trusted(
    model: Path, store: FolderStore, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    private, _ = make_keys(tmp_path, "other")
    push(model, store, trained_hash="trained", golden=b"", signing_key=private)

    with pytest.raises(IntegrityError, match="Key mismatch"):
        load(store.path, keys[1])


def test_a_signature_of_an_older_push_does_not_sign_a_newer_one(
    model: Path, store: FolderStore, signed: Push, keys: tuple[Path, Path]
) -> None:
    newer = push(model, store, trained_hash="trained", golden=b"{}\n")
    shutil.copy(f"{signed.uri}/model.sig", newer.uri)

    with pytest.raises(IntegrityError, match="Expected a signature of push-"):
        load(store.path, keys[1])


def test_an_older_signed_push_under_a_newer_name_is_not_trusted(
    store: FolderStore, signed: Push, keys: tuple[Path, Path]
) -> None:
    renamed = store.path / f"push-{signed.version + 1}"
    Path(signed.uri).rename(renamed)
    (renamed / str(signed.version)).rename(renamed / str(signed.version + 1))

    with pytest.raises(IntegrityError, match="Put the push back under its own name"):
        load(store.path, keys[1])


def test_a_savedmodel_without_a_receipt_is_not_trusted_though_unchecked_ones_are_allowed(
    signed: Push, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.copytree(signed.model_uri, tmp_path / "bare")

    rule = Trust(allows_unchecked=True, trusted_key=keys[1])
    with (
        pytest.raises(IntegrityError, match=r"Expected push\.json"),
        rule.checked(FolderSource(tmp_path / "bare").newest()),
    ):
        pass


def test_what_is_no_key_is_named(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    other = tmp_path / "rsa.pem"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    other.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    for path in (tmp_path / "none", other, keys[1]):
        with pytest.raises(ConfigurationError, match=rf"Expected push\.signing_key to be a file .* Received: {path}"):
            check_signing_key(path)
    for path in (tmp_path / "none", other, keys[0]):
        with pytest.raises(ConfigurationError, match="Expected the trusted key to be a file with a public key"):
            check_trusted_key(path)


def test_a_key_in_the_configuration_is_rejected_and_not_repeated(keys: tuple[Path, Path]) -> None:
    secret = keys[0].read_text()

    with pytest.raises(ValueError, match="expected the path of a file that holds the key") as raised:
        PushSettings(signing_key=secret)

    assert secret.splitlines()[1] not in str(raised.value)
