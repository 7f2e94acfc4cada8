"""Serialized examples to gzip-compressed TFRecord files, without TensorFlow."""

import gzip
import struct
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import google_crc32c
import numpy as np

_COMPRESSION_LEVEL = 1
"""At 1 gzip is three times as fast as at its default and the files are a tenth larger."""

_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
_MASK_DELTA, _BITS = 0xA282EAD8, 1 << 32


class RecordWriter:
    """Writes a file as `tf.io.TFRecordWriter` does; a thread compresses what was written while more is made.

    Args:
        path: path.
    """

    def __init__(self, path: Path) -> None:
        self._raw = path.open("wb")
        self._file = gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, self._raw, mtime=0)
        self._pool = ThreadPoolExecutor(1)
        self._pending: Future[int] | None = None

    def write(self, records: Sequence[bytes]) -> None:
        """Writes serialized examples.

        Raises:
            OSError: if what was written before cannot be, such as where the disk is full.
        """
        framed = frame(records)
        self._wait()
        self._pending = self._pool.submit(self._file.write, framed)

    def close(self) -> None:
        """Writes what is left and closes the file; without it the file is not whole.

        Raises:
            OSError: as `write`.
        """
        try:
            self._wait()
            self._file.close()
        finally:
            self._pool.shutdown()
            self._raw.close()

    def _wait(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def frame(records: Sequence[bytes]) -> bytes:
    """Returns what a TFRecord file holds of records: of each its length, a checksum of that, the data, a checksum."""
    checksums = np.fromiter(map(google_crc32c.value, records), np.uint32, len(records))
    ends = (((checksums >> 15) | (checksums << 17)) + np.uint32(_MASK_DELTA)).astype("<u4").tobytes()
    headers: dict[int, bytes] = {}
    parts: list[bytes] = []
    for place, record in enumerate(records):
        length = len(record)
        header = headers.get(length)
        if header is None:
            header = headers[length] = _header(length)
        parts += (header, record, ends[4 * place : 4 * place + 4])
    return b"".join(parts)


def _header(length: int) -> bytes:
    packed = _LENGTH.pack(length)
    checksum = google_crc32c.value(packed)
    return packed + _CHECKSUM.pack(((checksum >> 15 | checksum << 17) + _MASK_DELTA) % _BITS)
