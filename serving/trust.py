"""Which models a server loads: those whose files are what was pushed."""

import argparse
import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path

from kserve.utils.utils import strtobool

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
from ..model_store.layout import RECEIPT_FILE, parse_version
from ..model_store.store import Push
from .store import ModelVersion


@dataclasses.dataclass(frozen=True)
class Trust:
    """What a model must show before it is loaded.

    Args:
        content_hash: string. That of the only push that may be loaded; empty for any. Defaults to that.
        allows_unchecked: bool. Whether a SavedModel without a receipt, or with one of an earlier version, is loaded as
            it is. Defaults to False.
    """

    content_hash: str = ""
    allows_unchecked: bool = False

    @contextlib.contextmanager
    def checked(self, version: ModelVersion) -> Iterator[Path]:
        """Gives the folder to load a version from: a private copy, so that what was checked is what is loaded.

        Raises:
            IntegrityError: if its files are not those that were pushed, or nobody can know.
            StoreError: if its receipt is none.
            OSError: if it cannot be read or copied.
        """
        push = self._push(version)
        if push is None:
            yield version.path
            return
        folder = Path(push.uri)
        with contextlib.ExitStack() as stack:
            try:
                scratch = stack.enter_context(scratch_folder())
                write_files(checked_files(push, list_files(folder), lambda name: read_file(folder / name)), scratch)
            except OSError as error:
                raise ModelError(
                    f"Expected to copy {folder} into the folder for temporary files, to check it. Received: {error}. "
                    "Make room there, or name another with TMPDIR."
                ) from error
            yield scratch / version.version

    def _push(self, version: ModelVersion) -> Push | None:
        """Returns the push of a version, None for one that need not be checked."""
        is_bound = bool(self.content_hash)
        if version.push is None:
            if self.allows_unchecked and not is_bound:
                return None
            raise IntegrityError(
                f"Expected {RECEIPT_FILE} beside {version.path}, which says what was pushed. Received: no such file. "
                "Serve a push, or add --allow_unchecked=true."
            )
        push = Push.from_json(read_file(version.push / RECEIPT_FILE), str(version.push))
        if not push.files and self.allows_unchecked and not is_bound:
            return None
        check_receipt(push, self.content_hash)
        if str(push.version) != version.version or parse_version(version.push.name) not in (None, push.version):
            raise IntegrityError(
                f"Expected the receipt of version {version.version} in {version.push}. Received: that of version "
                f"{push.version}. Put the push back under its own name."
            )
        return push


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
        "--allow_unchecked", type=strtobool, default=False, help="load a SavedModel that no push.json vouches for"
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
    return Trust(arguments.content_hash, bool(arguments.allow_unchecked))
