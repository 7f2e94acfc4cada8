"""Where TFX wants an artifact's files: a folder of this machine, or one of any file system that TFX knows."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tfx.dsl.io import fileio

from .access import unwritable


@contextlib.contextmanager
def local_folder(uri: str) -> Iterator[Path]:
    """Gives a folder to write to: that of the URI, or a temporary one whose files are copied there at the end.

    Args:
        uri: string. A path, or the URI of a file system of TFX, such as `gs://bucket/folder`.

    Raises:
        DataError: if the files cannot be copied there.
    """
    if "://" not in uri:
        yield Path(uri)
        return
    with tempfile.TemporaryDirectory(prefix="yachay-ingest-") as scratch:
        yield Path(scratch)
        try:
            for path in sorted(Path(scratch).rglob("*")):
                if path.is_file():
                    _copy(path, f"{uri}/{path.relative_to(scratch).as_posix()}")
        except (OSError, tf.errors.OpError) as error:
            raise unwritable(uri, error) from error


def _copy(path: Path, target: str) -> None:
    fileio.makedirs(target.rpartition("/")[0])
    with path.open("rb") as source, fileio.open(target, "wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
