"""The text and the hash of typed values: by them rows are divided, compared and named, whatever their order."""

from collections.abc import Sequence

import farmhash
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SEPARATOR = "\x1f"
NO_VALUE = "\x1e"


def as_text(array: pa.Array) -> pa.Array:
    """Returns the one text of each value: `3` and `3.0` have the same."""
    return array if array.type == pa.string() else pc.cast(array, pa.string())


def fingerprints(columns: Sequence[pa.Array], salt: str = "") -> NDArray[np.uint64]:
    """Returns the hashes `(N,)` of rows by the texts of their values.

    Args:
        columns: sequence of `pyarrow.Array`, each of N values.
        salt: string. Another salt gives other hashes. Defaults to none.
    """
    texts = [as_text(column) for column in columns]
    joined = pc.binary_join_element_wise(
        pa.scalar(salt), *texts, SEPARATOR, null_handling="replace", null_replacement=NO_VALUE
    )
    # farmhash takes no zero bytes; a text that has them still hashes by all its other characters.
    if pc.any(pc.match_substring(joined, "\0")).as_py():
        joined = pc.replace_substring(joined, "\0", NO_VALUE)
    return np.fromiter(map(farmhash.fingerprint64, joined.to_numpy(zero_copy_only=False)), np.uint64, len(joined))
