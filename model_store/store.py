"""A model store: one immutable folder a push (`layout`).

The receipt `push.json` is written last, so that a push is complete or absent at any instant.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from ..errors import StoreError
from .integrity import BrokenPushError, hash_content, hash_files, hash_manifest
from .layout import GOLDEN_FILE, MODEL_FILE, RECEIPT_FILE, SIGNATURE_FILE, push_name
from .signature import sign_push

_MAX_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Push:
    """A pushed model.

    Args:
        version: int. Seconds since 1970-01-01 UTC when it was pushed, or the number after the last version.
        uri: string. `<store>/push-<version>`: what a KServe `storageUri` names.
        content_hash: string. SHA-256 over the names and SHA-256s of the pushed files (`integrity.hash_manifest`).
        trained_hash: string. SHA-256 over the names and contents of the files of the model as the Trainer left it.
        run_id: string. The run that pushed it; empty where it has no name.
        data_fingerprint: string. Hash of the content of the data.
        blessing: dict with `blessed`, `model` (URI of the model as the Trainer left it), `baseline` (that of the model
            that it was compared with, or None) and `metrics`.
        golden: string. Whose records the golden requests are: `"synthetic"`, `"real"` or `"none"`.
        files: mapping of the name of each pushed file, relative to the push, to its SHA-256; empty in a receipt of an
            earlier version.
    """

    version: int
    uri: str
    content_hash: str
    trained_hash: str = ""
    run_id: str = ""
    data_fingerprint: str = ""
    blessing: dict[str, Any] = dataclasses.field(default_factory=dict)
    golden: str = ""
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def model_uri(self) -> str:
        """URI of the SavedModel."""
        return f"{self.uri}/{self.version}"

    @property
    def trained_uri(self) -> str:
        """URI of the model as the Trainer left it, with which the next candidate is compared; else of the push."""
        return str(self.blessing.get("model") or self.model_uri)

    def to_json(self) -> str:
        """Returns the receipt `push.json`. It does not say where it lies, so that a store may be copied."""
        receipt = {name: value for name, value in dataclasses.asdict(self).items() if name != "uri"}
        return json.dumps(receipt, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, uri: str) -> Self:
        """Returns the push of a receipt; fields of a later version are ignored.

        Raises:
            StoreError: if it is none.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        try:
            fields = {name: value for name, value in json.loads(text).items() if name in known}
            files = fields.get("files")  # Names alone in an earlier version.
            push = cls(**fields | {"uri": uri, "files": files if isinstance(files, dict) else {}})
            if not isinstance(push.version, int) or not all(map(_is_inside, push.files)):
                raise ValueError("another version or names of files than a push has")
            return push
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(
                f"Expected {uri}/{RECEIPT_FILE} to say what was pushed. Received: {error}. Remove {uri}; the next push "
                "has a place of its own."
            ) from None


class ModelStore(Protocol):
    """Where pushes lie."""

    @property
    def uri(self) -> str:
        """URI of the store."""
        ...

    def versions(self) -> list[int]:
        """Returns the versions of pushes, in no order, also of those that are not finished."""
        ...

    def read(self, version: int, name: str) -> bytes | None:
        """Returns the content of a file of a push, or None where there is none."""
        ...

    def files(self, version: int) -> list[str]:
        """Returns the names of the files of a push, relative to it, sorted."""
        ...

    def add(self, model: Path, beside: Callable[[int], Mapping[str, bytes]], version: int | None = None) -> int:
        """Adds a push atomically and returns its version.

        Args:
            model: path of the SavedModel.
            beside: function of the version. Returns the files beside the model; `push.json` is the last.
            version: int. That of a push of another store which is copied. Defaults to one after all that are there.
        """
        ...

    def remove(self, version: int) -> None:
        """Removes a push, its receipt first: it is complete or absent for every reader."""
        ...

    def events(self) -> dict[str, bytes]:
        """Returns the content of the store's events by name; see `ledger`."""
        ...

    def add_event(self, name: str, content: bytes) -> None:
        """Adds an event."""
        ...


def push(
    model: Path,
    store: ModelStore,
    *,
    trained_hash: str,
    golden: bytes,
    golden_records: str = "",
    run_id: str = "",
    data_fingerprint: str = "",
    blessing: Mapping[str, Any] | None = None,
    signing_key: Path | None = None,
    described: Mapping[str, bytes] | None = None,
) -> Push:
    """Copies a SavedModel into a store.

    Args:
        model: path of the SavedModel, with the metadata that only the pusher knows.
        store: `ModelStore`.
        trained_hash: string. `hash_folder` of the model as the trainer wrote it.
        golden: bytes. Content of `golden.jsonl`; nothing where there are no golden requests.
        golden_records: string. See `Push.golden`.
        run_id: string.
        data_fingerprint: string.
        blessing: mapping. See `Push`.
        signing_key: path of a private key (`signature.sign_push`). Defaults to None: the push is not signed.
        described: mapping of file to content. What makes the push a model of MLflow (`mlflow_model`). Defaults to none.

    Raises:
        ConfigurationError: if the key cannot sign.
        StoreError: if the store cannot be written; it is then as it was for every reader.
    """

    hashes = hash_files(model)
    added = {**(described or {}), GOLDEN_FILE: golden}

    def made(version: int) -> Push:
        uri = f"{store.uri}/{push_name(version)}"
        files = {f"{version}/{name}": digest for name, digest in hashes.items()}
        files |= {name: hash_content(content) for name, content in added.items()}
        facts = (trained_hash, run_id, data_fingerprint, dict(blessing or {}), golden_records)
        return Push(version, uri, hash_manifest(files), *facts, files)

    def beside(version: int) -> dict[str, bytes]:
        receipt = {RECEIPT_FILE: made(version).to_json().encode("utf-8")}
        files = dict(added)
        if signing_key is not None:
            files[SIGNATURE_FILE] = sign_push(model, version, files | receipt, signing_key)
        return files | receipt

    version = store.add(model, beside)
    return made(version)


def list_pushes(store: ModelStore) -> list[Push]:
    """Returns the pushes of a store, oldest first."""
    pushes = (read_push(store, version) for version in sorted(store.versions()))
    return [one for one in pushes if one is not None]


def latest_push(store: ModelStore, below: int | None = None) -> Push | None:
    """Returns the push of the highest version, or None for an empty or absent store.

    Args:
        store: `ModelStore`.
        below: int. A version: only earlier ones count. Defaults to all.
    """
    versions = (version for version in sorted(store.versions(), reverse=True) if below is None or version < below)
    pushes = (read_push(store, version) for version in versions)
    return next((one for one in pushes if one is not None), None)


def read_push(store: ModelStore, version: int) -> Push | None:
    """Returns the push of a version, or None where there is none or it is not finished.

    Raises:
        BrokenPushError: if its receipt is none of that version, or a file of it is gone.
        StoreError: if the store cannot be read.
    """
    receipt = store.read(version, RECEIPT_FILE)
    if receipt is None:
        return None
    try:
        found = Push.from_json(receipt, f"{store.uri}/{push_name(version)}")
    except StoreError as error:
        raise BrokenPushError(str(error), version) from None
    if found.version != version:
        raise BrokenPushError(
            f"Expected the receipt of version {version} in {found.uri}/{RECEIPT_FILE}. Received: that of version "
            f"{found.version}. Remove {found.uri}; the next push has a place of its own.",
            version,
        )
    if gone := sorted({*found.files, f"{version}/{MODEL_FILE}"}.difference(store.files(version))):
        raise BrokenPushError(
            f"Expected all files of the push {found.uri}. Received: no {', '.join(gone[:_MAX_NAMED])}. Remove "
            f"{found.uri}; the next push has a place of its own.",
            version,
        )
    return found


def _is_inside(name: str) -> bool:
    return ".." not in (parts := name.split("/")) and "" not in parts


def next_version(versions: Iterable[int]) -> int:
    """Returns the version of a push beside others: the time, or the number after the last."""
    return max(int(time.time()), max(versions, default=0) + 1)


def hash_folder(folder: Path) -> str:
    """Returns the SHA-256 over the relative names and the contents of the files of a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
