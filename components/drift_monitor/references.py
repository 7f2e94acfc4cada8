"""Where references are found: in the pushes of a store, or in the one push that is named."""

import re
from typing import Protocol

from ...errors import ModelError, StoreError, UsageError
from ...model_store.layout import push_name
from ...model_store.location import open_store
from ...model_store.store import ModelStore, list_pushes, read_push
from .reference import REFERENCE_FILE, Reference

_VERSION = re.compile("[0-9]{1,18}")


def is_version(text: str) -> bool:
    """Returns whether a text is the number of a push."""
    return _VERSION.fullmatch(text) is not None


class References(Protocol):
    """Finds the reference of each model version that a log names."""

    def of(self, version: str) -> Reference | None:
        """Returns the reference of a version, None where it is gone."""
        ...

    def newest(self) -> Reference:
        """Returns any reference of the model, the newest."""
        ...

    def missing(self, version: str) -> str:
        """Returns why there is no reference of a version."""
        ...

    def uri(self, version: str) -> str:
        """Returns where the push of a version lies."""
        ...


class PushedReferences:
    """Those of the pushes of a store.

    Args:
        store: `ModelStore`.
    """

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._found: dict[str, Reference | None] = {}
        self._missing: dict[str, str] = {}

    def of(self, version: str) -> Reference | None:
        """Returns the reference of a version, None where it is gone."""
        if version not in self._found:
            self._found[version] = self._read(version)
        return self._found[version]

    def newest(self) -> Reference:
        """Returns the reference of the newest push that has one.

        Raises:
            ModelError: if there is none.
        """
        # A push may come, and a store be back: what was missing is looked for anew.
        self._found = {version: found for version, found in self._found.items() if found is not None}
        for push in reversed(list_pushes(self._store)):
            if (found := self.of(str(push.version))) is not None:
                return found
        raise ModelError(
            f"Expected a push with {REFERENCE_FILE} in {self._store.uri}. Received: none. Train and push the model "
            "anew: earlier versions of yachay wrote no reference."
        )

    def missing(self, version: str) -> str:
        """Returns why there is no reference of a version."""
        return self._missing.get(version, "")

    def uri(self, version: str) -> str:
        """Returns where the push of a version lies."""
        return f"{self._store.uri}/{push_name(int(version))}" if is_version(version) else ""

    def _read(self, version: str) -> Reference | None:
        if not is_version(version):
            self._missing[version] = f"it is no version of {self._store.uri}"
            return None
        try:
            push = read_push(self._store, int(version))
        except StoreError as error:
            self._missing[version] = str(error)
            return None
        if push is None:
            self._missing[version] = f"its push is gone from {self._store.uri}"
            return None
        content = self._store.read(push.version, f"{push.version}/{REFERENCE_FILE}")
        if content is None:
            self._missing[version] = f"{push.uri} has no {REFERENCE_FILE}, as pushes of earlier versions of yachay"
            return None
        return Reference.from_json(content, f"{push.uri}/{push.version}/{REFERENCE_FILE}")


class OneReference:
    """One push for all versions that a log names.

    Args:
        uri: string. A push, `<store>/push-<version>`.

    Raises:
        UsageError: if there is no such push.
        ModelError: if it has no reference.
    """

    def __init__(self, uri: str) -> None:
        place, _, name = uri.rstrip("/").rpartition("/")
        version = name.removeprefix("push-")
        if not is_version(version) or not name.startswith("push-"):
            raise UsageError(f"Expected --model to name a push, <store>/push-<version>. Received: {uri!r}.")
        pushes = PushedReferences(open_store(place or "."))
        found = pushes.of(version)
        if found is None:
            raise ModelError(
                f"Expected {uri} to be a push with {REFERENCE_FILE}. Received: {pushes.missing(version)}. Name another."
            )
        self._reference, self._uri = found, uri

    def of(self, version: str) -> Reference | None:
        """Returns the reference of the push."""
        return self._reference

    def newest(self) -> Reference:
        """Returns the reference of the push."""
        return self._reference

    def missing(self, version: str) -> str:
        """Returns nothing: each version has this reference."""
        return ""

    def uri(self, version: str) -> str:
        """Returns where the push lies."""
        return self._uri
