"""Signatures of pushes: `model.sig`, a bundle of OpenSSF model signing over all other files, the receipt too.

    openssl ecparam -name prime256v1 -genkey -noout -out signing.pem
    openssl ec -in signing.pem -pubout -out trusted.pem
    model_signing verify key PUSH --signature PUSH/model.sig --public_key trusted.pem

Source: the specification of OpenSSF Model Signing, https://github.com/ossf/model-signing-spec.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..files import scratch_folder
from .integrity import IntegrityError, stored_files, write_files
from .layout import RECEIPT_FILE, SIGNATURE_FILE, push_name

if TYPE_CHECKING:
    from .store import ModelStore, Push


def check_signing_key(key: Path) -> None:
    """Checks that a file holds a private key that can sign.

    Raises:
        ConfigurationError: if it does not.
    """
    _signer(key)


def check_trusted_key(key: Path) -> None:
    """Checks that a file holds a public key.

    Raises:
        ConfigurationError: if it does not.
    """
    _verifier(key)


def sign_push(model: Path, version: int, beside: Mapping[str, bytes], key: Path) -> bytes:
    """Returns the signature of a push.

    Args:
        model: path of the SavedModel.
        version: int.
        beside: mapping of the name of each other file, `push.json` too, to its content.
        key: path of a private key in PEM, of the curve P-256, P-384 or P-521, without a password.

    Raises:
        ConfigurationError: if the key cannot sign.
    """
    signer = _signer(key)
    with scratch_folder() as scratch:
        push = scratch / push_name(version)
        shutil.copytree(model, push / str(version))
        write_files(beside.items(), push)
        signer.set_hashing_config(_hashing(push)).sign(push, push / SIGNATURE_FILE)
        return (push / SIGNATURE_FILE).read_bytes()


def check_signature(push: Path, trusted_key: Path) -> None:
    """Checks the signature of a push in a folder that nobody else can write to.

    Args:
        push: path.
        trusted_key: path of a public key in PEM.

    Raises:
        IntegrityError: if it has none, or not by that key over these files.
        ConfigurationError: if the key is none.
    """
    verifier = _verifier(trusted_key)
    signature = push / SIGNATURE_FILE
    if not signature.is_file():
        raise IntegrityError(
            f"Expected {SIGNATURE_FILE} in the push, a signature by {trusted_key}. Received: no such file. Push with "
            "push.signing_key."
        )
    try:
        verifier.set_hashing_config(_hashing(push)).verify(push, signature)
    except Exception as error:  # The library raises what its parsers do.
        # "Signature mismatch" where files differ, "Key mismatch"; what follows are digests in bytes.
        reason = str(error).partition(":")[0].partition("\n")[0].strip() or type(error).__name__
        raise IntegrityError(
            f"Expected a signature of {push.name} by {trusted_key}. Received: {reason}. Push the model anew "
            "with the key that is trusted."
        ) from None


def check_signed_push(store: "ModelStore", push: "Push", trusted_key: Path) -> None:
    """Checks the files and the signature of a push in a store.

    Raises:
        IntegrityError: if they are not what was pushed, or signed.
        StoreError: if they cannot be read.
        ConfigurationError: if the key is none.
    """
    with scratch_folder() as scratch:
        folder = scratch / push_name(push.version)
        write_files(stored_files(store, push), folder)
        for name in (RECEIPT_FILE, SIGNATURE_FILE):
            if (content := store.read(push.version, name)) is not None:
                (folder / name).write_bytes(content)
        check_signature(folder, trusted_key)


def _hashing(push: Path) -> Any:
    with _library():
        from model_signing import hashing

    config = hashing.Config().use_file_serialization(hashing_algorithm="sha256", allow_symlinks=False)
    return config.set_ignored_paths(paths=[push / SIGNATURE_FILE], ignore_git_paths=False)


def _signer(key: Path) -> Any:
    with _library():
        from model_signing import signing

    try:
        return signing.Config().use_elliptic_key_signer(private_key=key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _no_key("push.signing_key", key, "private", error) from None


def _verifier(key: Path) -> Any:
    with _library():
        from model_signing import verifying

    try:
        return verifying.Config().use_elliptic_key_verifier(public_key=key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _no_key("the trusted key", key, "public", error) from None


@contextlib.contextmanager
def _library() -> Iterator[None]:
    """Imports of the extra, with which Sigstore's client comes: it takes a second."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Expected the extra `signing` for keys. Received: {error}. Install yachay[signing]."
        ) from None


def _no_key(what: str, key: Path, kind: str, error: Exception) -> ConfigurationError:
    reason = error.strerror if isinstance(error, OSError) else type(error).__name__
    return ConfigurationError(
        f"Expected {what} to be a file with a {kind} key in PEM, of the curve P-256, P-384 or P-521, without a "
        f"password. Received: {key} ({reason})."
    )
