"""What the columns of a file held when its pipeline was made, and how another file's columns differ from it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PROFILE_FILE = "profile.json"
PROFILE_PAGE = "profile.html"
NUM_BINS = 10
MAX_WORDS = 50
MIN_ROWS = 100
LEVEL = 0.01
MIN_DISTANCE = 0.1


@dataclass(frozen=True)
class ColumnProfile:
    """What a column held.

    Args:
        name: string. Identifier.
        kind: string. `"number"` or `"words"`.
        num_rows: int.
        num_missing: int.
        num_distinct: int.
        edges: tuple of floats of shape `(B + 1,)`. The quantiles between which the bins lie; none for words.
        counts: tuple of ints. Rows a bin of shape `(B,)`, or a word in the order of `words` and then all others.
        words: tuple of strings. The `MAX_WORDS` most frequent.
    """

    name: str
    kind: str
    num_rows: int
    num_missing: int
    num_distinct: int
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, array: pa.Array) -> Self:
        """Returns the profile of a column of floats, times or text, null where there is no value."""
        present = array.drop_null()
        shape = (len(array), array.null_count, len(present.unique()))
        if not pa.types.is_string(array.type):
            numbers = _numbers(present)
            edges = np.unique(np.quantile(numbers, np.linspace(0, 1, NUM_BINS + 1))) if len(numbers) else np.zeros(0)
            counts = tuple(_bin(numbers, tuple(edges)).tolist())
            return cls(name, "number", *shape, edges=tuple(edges.tolist()), counts=counts)
        found = sorted(pc.value_counts(present).to_pylist(), key=lambda count: (-count["counts"], count["values"]))
        words = tuple(count["values"] for count in found[:MAX_WORDS])
        return cls(name, "words", *shape, counts=tuple(_count(present, words).tolist()), words=words)

    def drift(self, array: pa.Array, num_columns: int) -> str:
        """Returns how a column of other records differs; empty if not by more than chance and `MIN_DISTANCE`.

        The distance is the total variation between the shares of missing values, bins and words; chance is a chi-square
        test of both samples' counts at `LEVEL` divided by the number of columns (Bonferroni).

        Args:
            array: `pyarrow.Array` of shape `(N,)` of the same kind.
            num_columns: int. How many columns are compared.
        """
        from scipy import stats

        present = array.drop_null()
        if pa.types.is_string(array.type) != (self.kind == "words"):
            return f"held {self.kind}, and holds {'words' if pa.types.is_string(array.type) else 'numbers'}"
        counts = _count(present, self.words) if self.kind == "words" else _bin(_numbers(present), self.edges)
        before = np.array([self.num_missing, *self.counts], float)
        after = np.array([array.null_count, *counts], float)
        if before.sum() < MIN_ROWS or after.sum() < MIN_ROWS:
            return ""
        is_seen = before + after > 0
        table = np.stack([before, after])[:, is_seen]
        distance = float(np.abs(before / before.sum() - after / after.sum()).sum() / 2)
        if distance < MIN_DISTANCE or stats.chi2_contingency(table).pvalue * num_columns > LEVEL:
            return ""
        return (
            f"differs from the profile: {distance:.0%} of the rows would have to change ({self._widest(before, after)})"
        )

    def _widest(self, before: np.ndarray, after: np.ndarray) -> str:
        """Returns the bin whose share changed most, with both shares."""
        shares = before / before.sum(), after / after.sum()
        place = int(np.abs(shares[1] - shares[0]).argmax())
        if place == 0:
            what = "missing"
        elif self.kind == "words":
            what = repr(self.words[place - 1]) if place <= len(self.words) else "other words"
        elif len(self.edges) == 1:
            what = f"{self.edges[0]:g}"
        else:
            what = f"{self.edges[place - 1]:g} to {self.edges[place]:g}"
        return f"{what}: {shares[0][place]:.0%} of the rows then, {shares[1][place]:.0%} now"


def write_profile(columns: Mapping[str, pa.Array]) -> str:
    """Returns the profile of columns as JSON."""
    return json.dumps({"columns": [asdict(ColumnProfile.of(name, array)) for name, array in columns.items()]}, indent=1)


def read_profile(path: Path) -> dict[str, ColumnProfile]:
    """Returns the profiles by column that `write_profile` wrote; none where there is no such file."""
    if not path.is_file():
        return {}
    document: dict[str, Sequence[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
    profiles = {}
    for column in document["columns"]:
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in column.items()
        }
        profiles[fields["name"]] = ColumnProfile(**fields)
    return profiles


def _numbers(array: pa.Array) -> np.ndarray:
    if pa.types.is_timestamp(array.type):
        array = pc.divide(array.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.float64(), safe=False), 1e6)
    numbers: np.ndarray = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers


def _bin(numbers: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Returns the rows a bin; what lies outside belongs to the first or last."""
    if len(edges) < 2:
        return np.array([len(numbers)])
    places = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    return np.bincount(places, minlength=len(edges) - 1)


def _count(present: pa.Array, words: Sequence[str]) -> np.ndarray:
    places = pc.index_in(present, pa.array(words, pa.string())).fill_null(len(words)).to_numpy(zero_copy_only=False)
    return np.bincount(places, minlength=len(words) + 1)
