"""Which models a server loads: those whose files are what was pushed."""

import argparse
import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import ConfigurationError, ModelError
from ..files import scratch_folder
from ..model_store.integrity import (
    CONTENT_HASH_VARIABLE,
    IntegrityError,
    check_receipt,
    checked_files,
    list_files,
    read_file,
    write_files,
)
from ..model_store.layout import RECEIPT_FILE, SIGNATURE_FILE, parse_version, push_name
from ..model_store.signature import check_signature, check_trusted_key
from ..model_store.store import Push
from .flags import boolean
from .store import ModelVersion


@dataclasses.dataclass(frozen=True)
class Trust:
    """What a model must show before it is loaded.

    Args:
        content_hash: string. That of the only push that may be loaded; empty for any. Defaults to that.
        allows_unchecked: bool. Whether a SavedModel without a receipt, or with one of an earlier version, is loaded as
            it is. Defaults to False.
        trusted_key: path of the public key by which a push must be signed; None for any. Defaults to None.
    """

    content_hash: str = ""
    allows_unchecked: bool = False
    trusted_key: Path | None = None

    @contextlib.contextmanager
    def checked(self, version: ModelVersion) -> Iterator[Path]:
        """Gives the folder to load a version from: a private copy, so that what was checked is what is loaded.

        Raises:
            IntegrityError: if its files are not those that were pushed, or nobody can know.
            StoreError: if its receipt is none.
            ModelError: if it cannot be copied.
        """
        found = self._push(version)
        if found is None:
            yield version.path
            return
        push, receipt = found
        folder = Path(push.uri)
        with contextlib.ExitStack() as stack:
            try:
                copy = stack.enter_context(scratch_folder()) / push_name(push.version)
                write_files(checked_files(push, list_files(folder), lambda name: read_file(folder / name)), copy)
                if self.trusted_key is not None:
                    (copy / RECEIPT_FILE).write_bytes(receipt)
                    if (folder / SIGNATURE_FILE).is_file():
                        (copy / SIGNATURE_FILE).write_bytes(read_file(folder / SIGNATURE_FILE))
                    check_signature(copy, self.trusted_key)
            except OSError as error:
                raise ModelError(
                    f"Expected to copy {folder} into the folder for temporary files, to check it. Received: {error}. "
                    "Make room there, or name another with TMPDIR."
                ) from error
            yield copy / version.version

    def _push(self, version: ModelVersion) -> tuple[Push, bytes] | None:
        """Returns the push of a version with its receipt, None for one that need not be checked."""
        is_bound = bool(self.content_hash) or self.trusted_key is not None
        if version.push is None:
            if self.allows_unchecked and not is_bound:
                return None
            raise IntegrityError(
                f"Expected {RECEIPT_FILE} beside {version.path}, which says what was pushed. Received: no such file. "
                "Serve a push, or add --allow_unchecked=true."
            )
        receipt = read_file(version.push / RECEIPT_FILE)
        push = Push.from_json(receipt, str(version.push))
        if not push.files and self.allows_unchecked and not is_bound:
            return None
        check_receipt(push, self.content_hash)
        if str(push.version) != version.version or parse_version(version.push.name) not in (None, push.version):
            raise IntegrityError(
                f"Expected the receipt of version {version.version} in {version.push}. Received: that of version "
                f"{push.version}. Put the push back under its own name."
            )
        return push, receipt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of what may be loaded."""
    group = parser.add_argument_group("models that may be loaded")
    group.add_argument(
        "--content_hash",
        default=os.environ.get(CONTENT_HASH_VARIABLE, ""),
        metavar="SHA256",
        help=f"content_hash of the only push that may be loaded (or {CONTENT_HASH_VARIABLE})",
    )
    group.add_argument(
        "--allow_unchecked", type=boolean, default=False, help="load a SavedModel that no push.json vouches for"
    )
    group.add_argument(
        "--trusted_key", type=Path, metavar="FILE", help="public key by which a push must be signed (model.sig)"
    )


def read_trust(arguments: argparse.Namespace) -> Trust:
    """Returns what the flags ask a model for.

    Raises:
        ConfigurationError: if they ask for what no model can show.
    """
    if arguments.content_hash and not re.fullmatch("[0-9a-f]{64}", arguments.content_hash):
        raise ConfigurationError(
            f"Expected the content_hash of a push.json, 64 hexadecimal digits, as --content_hash or in "
            f"{CONTENT_HASH_VARIABLE}. Received: {arguments.content_hash!r}."
        )
    if arguments.trusted_key is not None:
        check_trusted_key(arguments.trusted_key)
    return Trust(arguments.content_hash, bool(arguments.allow_unchecked), arguments.trusted_key)
