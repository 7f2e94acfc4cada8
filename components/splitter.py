"""The one division of rows: into `train` and `eval`, into training and validation parts, into folds and resamples.

Every place that divides rows asks a `Splitter`, so that with the method `group` no group stands on both sides of any
division, and with `time` what is judged is always later than what was learned from:

    splitter = Splitter(task.split)
    train_rows, validation_rows = splitter.split(keys, labels, share=0.15, seed=42)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import DataError
from .fingerprints import fingerprints
from .prediction_task import SplitSettings
from .times import to_times

_NUM_PERIODS = 12
_BLOCKS_A_FOLD = 12

Rows = NDArray[np.int64]
"""Row numbers in ascending order."""


class Splitter:
    """Divides rows by the settings of the split.

    Keys are an array `(N,)` with one number for each row: the fingerprint of its group, or its time. With the method
    `hash` they are the hashes of whole records, whose folds keep equal ones together, or None: each row is its own.
    Labels are an array: `(N,)` integers are classes, and divisions are stratified by them; any other, such as `(N,)`
    floats or `(N, H)` forecasts, has no influence on the division.

    Args:
        settings: `SplitSettings`.
    """

    def __init__(self, settings: SplitSettings) -> None:
        self._settings = settings

    def hashes(self, records: pa.RecordBatch) -> NDArray[np.uint64]:
        """Returns the hash of each raw record, `(N,)`: of its key, or without one of all columns."""
        # In the order of the names, so that the configuration's order does not matter.
        names = sorted(records.schema.names) if self._settings.key is None else [self._settings.key]
        return fingerprints([records.column(name) for name in names], self._settings.salt)

    def is_eval(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Returns for each raw record, `(N,)`, whether it goes to `eval`, with the method `hash` or `group`.

        Args:
            hashes: array `(N,)`. The result of `hashes`.
        """
        # The upper 53 bits as a float in [0, 1).
        return (hashes >> np.uint64(11)) * 2.0**-53 < self._settings.eval_share

    def is_late(self, records: pa.RecordBatch, first_eval_time: pa.Scalar) -> NDArray[np.bool_]:
        """Returns for each raw record, `(N,)`, whether it goes to `eval`, with the method `time`.

        Args:
            records: `pyarrow.RecordBatch` of typed columns.
            first_eval_time: `pyarrow.Scalar`. The result of `first_eval_time`.
        """
        later = pc.greater_equal(to_times(records.column(self._settings.key)), first_eval_time)
        is_later: NDArray[np.bool_] = later.to_numpy(zero_copy_only=False)
        return is_later

    def first_eval_time(self, times: Sequence[pa.Array]) -> pa.Scalar:
        """Returns the time with which `eval` begins: `eval_from`, or so that it has `eval_share` of the records.

        Text is ISO 8601, and a time with an offset that of UTC.

        Records of one time stay together.

        Args:
            times: sequence of `pyarrow.Array`. The keys of all records.

        Raises:
            DataError: if all records have the same time, or `eval_from` or a gap in hours or days is given for times
                that are numbers.
        """
        if any(part.type != pa.string() for part in times):
            self._require_numbers()
        if self._settings.eval_from is not None:
            return to_times(pa.array([self._settings.eval_from]))[0]
        keys = pa.chunked_array([to_times(part) for part in times])
        return pa.scalar(self._first_late(keys.to_numpy(), self._settings.eval_share), keys.type)

    def split(self, keys: NDArray[Any] | None, labels: NDArray[Any], share: float, seed: int) -> tuple[Rows, Rows]:
        """Returns the rows of the greater part and those of a part of about `share`, as for validation.

        With the method `hash` the part has its share of each class, and at least one row of each class stays in the
        greater part. With `group` the groups are drawn so that the part comes as near as they allow to its share of
        each class. With `time` it has the latest rows.

        Args:
            keys: array `(N,)` or None.
            labels: array `(N,)` or `(N, H)`.
            share: float in (0, 1).
            seed: int. Of the drawing.

        Raises:
            DataError: if there are too few rows, groups or times for both parts.
        """
        if self._settings.method == "hash":
            part = _draw_rows(_classes(labels), len(labels), share, seed)
        elif self._settings.method == "group":
            part = self._draw_groups(self._require(keys), _classes(labels), share, seed)
        else:
            times = self._require(keys)
            is_late = times >= self._first_late(times, share)
            return self._apart(times, is_late), np.flatnonzero(is_late)
        is_rest = np.ones(len(labels), bool)
        is_rest[part] = False
        return np.flatnonzero(is_rest), part

    def before_eval(self, keys: NDArray[Any] | None, num_rows: int) -> Rows:
        """Returns the rows of the `train` split to learn from: those of the gap before `eval` are left out.

        Args:
            keys: array `(N,)` or None. Of the `train` split.
            num_rows: int. N.

        Raises:
            DataError: if the gap leaves none.
        """
        if not self._settings.gap:
            return np.arange(num_rows)
        times = self._require(keys)
        values = np.unique(times)
        gap = self._settings.gap_us
        left_out = values[-self._settings.gap_times :] if gap is None else values[values > values[-1] - gap]
        rows = np.flatnonzero(times < left_out[0])
        if not len(rows):
            raise self._no_rows(len(left_out))
        return rows

    def folds(
        self,
        keys: NDArray[Any] | None,
        labels: NDArray[Any],
        num_folds: int,
        seed: int,
        classes: Sequence[str] | None = None,
        is_interleaved: bool = False,
    ) -> list[tuple[Rows, Rows]]:
        """Returns for each fold the rows to train on and the rows held out.

        Folds are shuffled and stratified by class, equal records in one of them. With the method `group` all rows of a
        group stay together; with `time` a fold is held out after training on the rows before it, so that the first rows
        are never held out. Interleaved folds in time hold every row once: each has 12 blocks of successive times from
        all over the whole, and is held out of a training on what lies before and after them.

        Args:
            keys: array `(N,)` or None.
            labels: array `(N,)` or `(N, H)`.
            num_folds: int. At least 2.
            seed: int.
            classes: sequence of strings. Names of the classes, each of which must then have a row for every fold.
                Defaults to None: a rare class may be absent from some.
            is_interleaved: bool. With the method `time`. Defaults to False.

        Raises:
            DataError: if there are too few different rows of a class, groups or times for the folds.
        """
        from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

        codes = _classes(labels)
        rows, places = _distinct(keys if self._settings.method == "hash" else None, len(labels))
        what = "rows" if len(rows) == len(labels) else "different rows"
        if codes is not None:
            counts = np.bincount(codes[rows])
            for name, count in zip(classes or (), counts, strict=False):
                _require_enough(int(count), num_folds, f"{what} of the class {name!r}")
            _require_enough(int(counts.max(initial=0)), num_folds, f"{what} of a class")
        if self._settings.method == "hash":
            _require_enough(len(rows), num_folds, what)
            shuffled = {"shuffle": True, "random_state": seed}
            divided = (
                KFold(num_folds, **shuffled).split(rows)
                if codes is None
                else StratifiedKFold(num_folds, **shuffled).split(rows, codes[rows])
            )
            return [(_rows_at(places, train), _rows_at(places, held_out)) for train, held_out in divided]
        groups, values = _factorize(self._require(keys))
        if self._settings.method == "time":
            # By distinct times: no row is trained on with others of a moment that is held out.
            _require_enough(len(values), num_folds + 1, f"distinct values of {self._settings.key!r}")
            if is_interleaved:
                fold_of = _deal_blocks(len(values), num_folds, seed)
                held = [fold_of[groups] == fold for fold in range(num_folds)]
                times = values[groups]
                return [(self._apart(times, is_held), np.flatnonzero(is_held)) for is_held in held]
            gap = self._settings.gap_us
            moments = TimeSeriesSplit(num_folds, gap=self._settings.gap_times).split(values)
            if gap is not None:
                moments = [(before[values[before] <= values[now[0]] - gap], now) for before, now in moments]
                if not all(len(before) for before, _ in moments):
                    raise self._no_rows(len(values))
            return [
                (np.flatnonzero(np.isin(groups, before)), np.flatnonzero(np.isin(groups, now)))
                for before, now in moments
            ]
        _require_enough(len(values), num_folds, f"groups of {self._settings.key!r}")
        if codes is None:
            return list(GroupKFold(num_folds).split(groups, groups=groups))
        return list(StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed).split(groups, codes, groups))

    def clusters(self, keys: NDArray[Any] | None) -> NDArray[np.int64] | None:
        """Returns the indices `(N,)`, from 0, of what is resampled together, or None: each row on its own.

        These are the rows of one group, and with the method `time` those of one moment.
        """
        return None if self._settings.method == "hash" else _factorize(self._require(keys))[0]

    def periods(self, keys: NDArray[Any] | None) -> NDArray[np.int64] | None:
        """Returns the indices `(N,)` of the rows that are one finding in a test: those of `clusters`, or of one period.

        With the method `time` the moments are divided into 12 periods of about as many rows each, for what is near in
        time is alike: of forecasts made every hour for a day ahead, 24 are about the same hours.
        """
        codes = self.clusters(keys)
        if codes is None or self._settings.method != "time":
            return codes
        before = np.cumsum(np.bincount(codes)) - np.bincount(codes)
        periods = _factorize(before * _NUM_PERIODS // len(codes))[0]
        return periods[codes]

    def _apart(self, times: NDArray[Any], is_held: NDArray[np.bool_]) -> Rows:
        """Returns the rows that are neither held out nor within the gap before or after one that is.

        Raises:
            DataError: if there is none.
        """
        moments, values = _factorize(times)
        is_near = np.zeros(len(values), bool)
        is_near[moments[is_held]] = True
        gap = self._settings.gap_us
        if gap is not None:
            held = values[is_near]
            places = np.searchsorted(held, values)
            before, after = held[np.maximum(places - 1, 0)], held[np.minimum(places, len(held) - 1)]
            is_near = np.minimum(abs(values - before), abs(after - values)) < gap
        elif num_times := self._settings.gap_times:
            window = np.ones(2 * num_times + 1)
            is_near = np.convolve(is_near, window)[num_times:][: len(values)] > 0
        rows = np.flatnonzero(~is_near[moments])
        if not len(rows):
            raise self._no_rows(len(values))
        return rows

    def _require_numbers(self) -> None:
        for name, other in (("eval_from", "`split.eval_share`"), ("gap", "it as a number of times")):
            if isinstance(getattr(self._settings, name), str):
                raise DataError(
                    f"Expected {self._settings.key!r} to hold times as ISO 8601 text, for `split.{name}` is one. "
                    f"Received: numbers. Give {other}."
                )

    def _no_rows(self, num_values: int) -> DataError:
        return DataError(
            f"Expected more distinct values of {self._settings.key!r} than the gap leaves out. Received: "
            f"{num_values}, and `split.gap: {self._settings.gap}`. Collect more rows, or lower the gap."
        )

    def _draw_groups(self, keys: NDArray[Any], codes: NDArray[np.int64] | None, share: float, seed: int) -> Rows:
        groups, values = _factorize(keys)
        if len(values) < 2:
            raise DataError(
                f"Expected rows of at least 2 groups of {self._settings.key!r} to divide. Received: {len(values)}. "
                "Give rows of more groups, or split by another key or method."
            )
        if codes is None:
            codes = np.zeros(len(groups), np.int64)
        counts = np.zeros((len(values), int(codes.max()) + 1))
        np.add.at(counts, (groups, codes), 1)
        counts = counts[:, counts.any(axis=0)]
        totals = counts.sum(axis=0)
        target, taken = share * totals, np.zeros(len(totals))
        chosen = np.zeros(len(values), bool)
        nearest, least = -1, np.inf
        for group in np.random.default_rng(seed).permutation(len(values)):
            with_group = taken + counts[group]
            if (with_group >= totals).any():
                continue  # A class must not be absent from the greater part.
            distance = (((with_group - target) / totals) ** 2).sum()
            if distance < (((taken - target) / totals) ** 2).sum():
                chosen[group], taken = True, with_group
                if taken.sum() >= target.sum():
                    break
            elif not chosen.any() and distance < least:
                nearest, least = group, distance
        if not chosen.any():
            if nearest < 0:
                raise DataError(
                    f"Expected each class in at least 2 groups of {self._settings.key!r}, one for each part. Received: "
                    f"{len(values)} groups, each with all rows of some class. Give rows of more groups."
                )
            chosen[nearest] = True
        return np.flatnonzero(chosen[groups])

    def _first_late(self, times: NDArray[Any], share: float) -> Any:
        """Returns the time with which the latest `share` of the rows begins."""
        ordered = np.sort(times)
        place = min(max(round(len(times) * (1 - share)), 0), len(times) - 1)
        if ordered[place] == ordered[0]:
            place = int(np.searchsorted(ordered, ordered[0], "right"))
        if place == len(ordered):
            raise DataError(
                f"Expected rows of several values of the time {self._settings.key!r} to divide. Received: all "
                f"{len(times)} of {ordered[0]}. Split by another key or method."
            )
        return ordered[place]

    def _require(self, keys: NDArray[Any] | None) -> NDArray[Any]:
        if keys is None:
            raise DataError(
                f"Expected a key with each row, for the split has the method {self._settings.method!r}. Received: "
                f"none. Pass the values of {self._settings.key!r}."
            )
        return keys


def _deal_blocks(num_times: int, num_folds: int, seed: int) -> NDArray[np.int64]:
    """Returns the fold of each time: of as many successive blocks as there are folds each gets one, by lot.

    In turn, a fold could have the same months of each year.
    """
    num_rounds = min(_BLOCKS_A_FOLD, num_times // num_folds)
    random = np.random.default_rng(seed)
    dealt = np.concatenate([random.permutation(num_folds) for _ in range(num_rounds)])
    folds: NDArray[np.int64] = dealt[np.arange(num_times) * len(dealt) // num_times]
    return folds


def _draw_rows(codes: NDArray[np.int64] | None, num_rows: int, share: float, seed: int) -> Rows:
    shuffled = np.random.default_rng(seed).permutation(num_rows)
    strata = [shuffled] if codes is None else [shuffled[codes[shuffled] == code] for code in np.unique(codes)]
    sizes = [min(round(len(stratum) * share), len(stratum) - 1) for stratum in strata]
    if sum(sizes) < 1:
        raise DataError(
            f"Expected enough rows to keep {share:.0%} for validation. Received: {num_rows} rows. Give more rows or a "
            "greater share."
        )
    return np.sort(np.concatenate([stratum[:size] for stratum, size in zip(strata, sizes, strict=True)]))


def _classes(labels: NDArray[Any]) -> NDArray[np.int64] | None:
    return labels.astype(np.int64) if labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer) else None


def _factorize(keys: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Returns the index of each key, in ascending order of the keys, and the distinct keys."""
    values, codes = np.unique(keys, return_inverse=True)
    return codes.astype(np.int64), values


def _distinct(keys: NDArray[Any] | None, num_rows: int) -> tuple[Rows, NDArray[np.int64]]:
    """Returns the first row of each key, and for each row the place of its key's among them; None has none twice."""
    if keys is None:
        return np.arange(num_rows), np.arange(num_rows)
    _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    rows = np.sort(first)
    return rows, np.searchsorted(rows, first)[codes]


def _rows_at(places: NDArray[np.int64], chosen: NDArray[np.int64]) -> Rows:
    return np.flatnonzero(np.isin(places, chosen))


def _require_enough(received: int, needed: int, what: str) -> None:
    if received < needed:
        raise DataError(
            f"Expected at least {needed} {what} for the folds. Received: {received}. "
            "Ask for fewer folds, or collect more rows."
        )
