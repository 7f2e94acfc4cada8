"""Files of artifacts, in a folder of this machine or in any file system that TFX knows."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from ..errors import DataError
from ..files import scratch_folder
from .access import unwritable
from .examples import require_shards
from .tfx_api import io_utils

STATISTICS_FILE = "FeatureStats.pb"
_SPLIT_PATTERNS = "custom_split_pattern"
"""The custom property of TFX by which examples have their files elsewhere."""


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
    with scratch_folder() as scratch:
        folder = scratch / "files"
        folder.mkdir()
        yield folder
        try:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    _copy(path, f"{uri}/{path.relative_to(folder).as_posix()}")
        except (OSError, tf.errors.OpError) as error:
            raise unwritable(uri, error) from error


def local_copy(uri: str, copy: Path) -> Path:
    """Returns a folder of this machine with an artifact's files: its own, or `copy`, made of one in a store."""
    if "://" not in uri:
        return Path(uri)
    io_utils.copy_dir(uri, str(copy))
    return copy


def split_files(examples: types.Artifact, split: str) -> list[str]:
    """Returns the files of a split of examples.

    Raises:
        DataError: if the examples have no such split, or a file of it is gone.
    """
    splits = artifact_utils.decode_split_names(examples.split_names)
    if split not in splits:
        raise DataError(
            f"Expected examples with a split {split!r}. Received: {', '.join(splits) or 'none'}. Name one of the "
            f"ExampleGen's splits {split!r}."
        )
    folder = artifact_utils.get_split_uri([examples], split)
    files: list[str] = sorted(fileio.glob(f"{folder}/*"))
    require_shards(files, folder)
    return files


def read_schema(schema: types.Artifact) -> schema_pb2.Schema:
    """Returns the schema of an artifact."""
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema.uri))


def num_rows(examples: types.Artifact) -> int | None:
    """Returns the number of records of examples, None where their ExampleGen did not note it."""
    names = [f"rows_{split}" for split in artifact_utils.decode_split_names(examples.split_names)]
    if not all(examples.has_custom_property(name) for name in names):
        return None
    counts: list[int] = [examples.get_int_custom_property(name) for name in names]
    return sum(counts)


def unreadable(examples: types.Artifact) -> str:
    """Returns what keeps `components.examples` from reading the files of examples; empty where nothing does."""
    for name, readable in (("payload_format", "FORMAT_TF_EXAMPLE"), ("file_format", "tfrecords_gzip")):
        if examples.has_custom_property(name) and (kind := examples.get_string_custom_property(name)) != readable:
            return f"examples in files of {name} {kind!r}"
    return "examples with a pattern of files for each split" if examples.has_custom_property(_SPLIT_PATTERNS) else ""


def _copy(path: Path, target: str) -> None:
    fileio.makedirs(target.rpartition("/")[0])
    with path.open("rb") as source, fileio.open(target, "wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
