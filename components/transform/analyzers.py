"""TensorFlow Transform's analyzers over arrays: the nodes that `tft.mean`, `tft.vocabulary`, ... make, without Beam.

An analyzer is a small graph of operations: the source, which names tensors of the preprocessing graph; one operation
that accumulates their batches; and some that merge, prune, order and write. Beam runs each as a transform; here each is
a function. The accumulating and the merging are TFT's own `Combiner`s wherever it has one, so results agree with Beam's
up to the order of float sums.
"""

import functools
import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..tfx_api import VocabOrderingType, analyzer_nodes, tft_analyzers, tft_nodes

Arrays = Sequence[NDArray[Any]]


class Accumulator(Protocol):
    """What an operation keeps of the batches it has seen."""

    def add(self, values: Arrays) -> None:
        """Takes in the values of the operation's tensors for a batch."""

    def result(self) -> Any:
        """Returns what the operation's successors read."""


class Analyzers:
    """The analyzers of one phase, computed over batches.

    Args:
        futures: sequence of TFT `ValueNode`. What is to be computed.
    """

    def __init__(self, futures: Sequence[Any]) -> None:
        self._futures = futures
        self._collected = _Collect()
        traverser = tft_nodes.Traverser(self._collected)
        for future in futures:
            traverser.visit_value_node(future)

    @property
    def tensors(self) -> dict[str, tf.Tensor]:
        """The tensors of the preprocessing graph whose batches `add` takes, by name."""
        return {tensor.name: tensor for tensors, _ in self._collected.accumulators.values() for tensor in tensors}

    @property
    def unsupported(self) -> str:
        """What of the analyzers arrays cannot compute; empty where they can compute all."""
        return ", ".join(sorted(self._collected.unsupported))

    def add(self, batch: Mapping[str, NDArray[Any]]) -> None:
        """Takes in the values of `tensors` for a batch."""
        for tensors, accumulator in self._collected.accumulators.values():
            accumulator.add([batch[tensor.name] for tensor in tensors])

    def results(self, folder: Path) -> list[Any]:
        """Returns the value of each future; a vocabulary is its path, written to `folder`."""
        traverser = tft_nodes.Traverser(_Evaluate(self._collected.accumulators, folder))
        return [traverser.visit_value_node(future) for future in self._futures]


class _Combine:
    def __init__(self, operation: Any) -> None:
        self._combiner = operation.combiner
        self._state = self._combiner.create_accumulator()

    def add(self, values: Arrays) -> None:
        self._state = self._combiner.add_input(self._state, values)

    def result(self) -> Any:
        return self._combiner.compact(self._state)


class _CombinePerKey:
    def __init__(self, operation: Any) -> None:
        self._combiner = operation.combiner
        self._states: dict[Any, Any] = {}

    def add(self, values: Arrays) -> None:
        for row, key in enumerate(values[0].tolist()):
            state = self._states[key] if key in self._states else self._combiner.create_accumulator()
            self._states[key] = self._combiner.add_input(state, [part[row] for part in values[1:]])

    def result(self) -> Any:
        return {key: self._combiner.compact(state) for key, state in self._states.items()}


class _CountTokens:
    def __init__(self, operation: Any) -> None:
        self._counts: Counter[Any] = Counter()

    def add(self, values: Arrays) -> None:
        self._counts.update(values[0].tolist())

    def result(self) -> Mapping[Any, int]:
        return self._counts


class _WeighTokens:
    def __init__(self, operation: Any) -> None:
        self._weights: dict[Any, float] = {}

    def add(self, values: Arrays) -> None:
        tokens, weights = values
        for token, weight in zip(tokens.tolist(), weights.tolist(), strict=True):
            self._weights[token] = self._weights.get(token, 0) + weight

    def result(self) -> Mapping[Any, float]:
        return self._weights


def _merge(operation: Any, inputs: Sequence[Any], folder: Path) -> tuple[Any, ...]:
    return (_merged(operation.combiner, inputs[0]),)


def _merge_per_key(operation: Any, inputs: Sequence[Any], folder: Path) -> tuple[Any, ...]:
    return ([(key, _merged(operation.combiner, state)) for key, state in inputs[0].items()],)


def _merged(combiner: Any, state: Any) -> Any:
    return combiner.extract_output(combiner.merge_accumulators([combiner.create_accumulator(), state]))


def _format_keys(operation: Any, inputs: Sequence[Any], folder: Path) -> tuple[Any, ...]:
    pairs = sorted(inputs[0], key=lambda pair: pair[0])
    dtypes = [info.dtype.as_numpy_dtype for info in operation.combiner.output_tensor_infos()]
    columns = list(zip(*(outputs for _, outputs in pairs), strict=True)) or [()] * len(dtypes)
    keys = np.array([key for key, _ in pairs], object)
    return (keys, *(np.array(column, dtype) for column, dtype in zip(columns, dtypes, strict=True)))


def _format_large(operation: Any, inputs: Sequence[Any], folder: Path) -> tuple[Any, ...]:
    return ([(",".join(map(tf.compat.as_str_any, outputs)), key) for key, outputs in inputs[0]],)


def _extract_outputs(operation: Any, inputs: Sequence[Any], folder: Path) -> tuple[Any, ...]:
    return tuple(inputs[0])


def _flatten_lists(operation: Any, inputs: Sequence[Any], folder: Path) -> tuple[Any, ...]:
    return (list(inputs[0]),)


def _merge_vocabulary(operation: Any, inputs: Sequence[Any], folder: Path) -> tuple[Any, ...]:
    return ([(weight, token) for token, weight in inputs[0].items()],)


def _prune_vocabulary(operation: Any, inputs: Sequence[Any], folder: Path) -> tuple[Any, ...]:
    entries: Iterable[tuple[Any, Any]] = inputs[0]
    if operation.frequency_threshold > 0:
        entries = [entry for entry in entries if entry[0] >= operation.frequency_threshold]
    if operation.input_dtype != tf.string.name:
        entries = [(weight, str(token).encode()) for weight, token in entries]
    if operation.top_k is not None:
        entries = heapq.nlargest(operation.top_k, entries)
        entries = entries or [tft_analyzers.get_empy_vocabulary_dummy_value(operation.input_dtype)]
    return (entries,)


def _count_vocabulary(operation: Any, inputs: Sequence[Any], folder: Path) -> tuple[Any, ...]:
    # An empty vocabulary is written with one entry.
    return (np.int64(max(len(inputs[0]), 1)),)


def _write_vocabulary(operation: Any, inputs: Sequence[Any], folder: Path) -> tuple[Any, ...]:
    entries = inputs[0]
    if not operation.input_is_sorted:
        if operation.fingerprint_shuffle:
            entries = sorted(entries, key=lambda entry: hashlib.sha1(entry[1]).digest())
        else:
            entries = sorted(entries, reverse=True)
        entries = entries or [tft_analyzers.get_empy_vocabulary_dummy_value(operation.input_dtype)]
    if operation.store_frequency:
        lines = [f"{weight} {tf.compat.as_str_any(token)}".encode() for weight, token in entries]
    else:
        lines = [token if isinstance(token, bytes) else str(token).encode() for _, token in entries]
    path = folder / operation.vocab_filename
    if operation.file_format == "text":
        path.write_bytes(b"".join(line + b"\n" for line in lines))
    else:
        path = path.with_name(f"{path.name}.tfrecord.gz")
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for line in lines:
                writer.write(line)
    return (np.array(str(path)),)


_Evaluation = Callable[[Any, Sequence[Any], Path], tuple[Any, ...]]


@functools.cache
def _evaluations() -> dict[type, _Evaluation]:
    return {
        analyzer_nodes.CacheableCombineMerge: _merge,
        analyzer_nodes.CacheableCombinePerKeyMerge: _merge_per_key,
        analyzer_nodes.CacheableCombinePerKeyFormatKeys: _format_keys,
        analyzer_nodes.CacheableCombinePerKeyFormatLarge: _format_large,
        analyzer_nodes.ExtractCombineMergeOutputs: _extract_outputs,
        analyzer_nodes.FlattenLists: _flatten_lists,
        analyzer_nodes.VocabularyMerge: _merge_vocabulary,
        analyzer_nodes.VocabularyPrune: _prune_vocabulary,
        analyzer_nodes.VocabularyCount: _count_vocabulary,
        analyzer_nodes.VocabularyOrderAndWrite: _write_vocabulary,
    }


def _accumulator(operation: Any) -> Callable[[Any], Accumulator] | None:
    """Returns what accumulates for an operation, None where it does not accumulate or is not known."""
    if isinstance(operation, analyzer_nodes.CacheableCombineAccumulate):
        return _Combine
    if isinstance(operation, analyzer_nodes.CacheableCombinePerKeyAccumulate):
        return _CombinePerKey
    if isinstance(operation, analyzer_nodes.VocabularyAccumulate):
        if operation.vocab_ordering_type == VocabOrderingType.FREQUENCY:
            return _CountTokens
        if operation.vocab_ordering_type == VocabOrderingType.WEIGHTED_FREQUENCY:
            return _WeighTokens
    return None


def _unsupported(operation: Any) -> str:
    """Returns what of an operation that does not accumulate is not known; empty where all is."""
    name = type(operation).__name__
    if type(operation) not in _evaluations():
        return f"the analyzer's operation {name}"
    if getattr(operation, "key_fn", None) is not None:
        return "a vocabulary's `key_fn`"
    return ""


class _Collect(tft_nodes.Visitor):
    """Finds what accumulates, from which tensors, and what is not known."""

    def __init__(self) -> None:
        self.accumulators: dict[str, tuple[Sequence[tf.Tensor], Accumulator]] = {}
        self.unsupported: set[str] = set()

    def visit(self, operation: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Returns a value for each output of an operation."""
        if isinstance(operation, analyzer_nodes.TensorSource):
            return (operation.tensors,)
        accumulator = _accumulator(operation)
        if accumulator is not None:
            self.accumulators[operation.label] = inputs[0], accumulator(operation)
        elif unsupported := _unsupported(operation):
            self.unsupported.add(unsupported)
        return tuple([None] * operation.num_outputs)

    def validate_value(self, value: Any) -> None:
        """Any value is valid."""


class _Evaluate(tft_nodes.Visitor):
    """Computes values from what was accumulated."""

    def __init__(self, accumulators: Mapping[str, tuple[Any, Accumulator]], folder: Path) -> None:
        self._accumulators = accumulators
        self._folder = folder

    def visit(self, operation: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Returns a value for each output of an operation."""
        if isinstance(operation, analyzer_nodes.TensorSource):
            return (None,)
        if operation.label in self._accumulators:
            return (self._accumulators[operation.label][1].result(),)
        return _evaluations()[type(operation)](operation, inputs, self._folder)

    def validate_value(self, value: Any) -> None:
        """Any value is valid."""
