"""The text and the hash of typed values: by them rows are divided, compared and named, whatever their order."""

from collections.abc import Sequence

import farmhash
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SEPARATOR = "\x1f"
NO_VALUE = "\x1e"
STEP_SEPARATOR = "\x1d"


def as_text(array: pa.Array) -> pa.Array:
    """Returns the one text of each value: `3` and `3.0` have the same, and `0` and `-0`. A sequence is the text of its
    values.
    """
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        values = as_text(array.flatten()).fill_null(NO_VALUE)
        lengths = pc.list_value_length(array).fill_null(0).to_numpy()
        offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int32())
        texts = pc.binary_join(pa.ListArray.from_arrays(offsets, values), STEP_SEPARATOR)
        return pc.if_else(array.is_valid(), texts, pa.scalar(None, pa.string()))
    if pa.types.is_floating(kind):
        array = pc.add(array, pa.scalar(0.0, kind))  # -0 and 0 are one number.
    return array if kind == pa.string() else pc.cast(array, pa.string())


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
