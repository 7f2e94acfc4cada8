"""A model in service: loaded, warmed, and predicting in batches."""

import dataclasses
from asyncio import Future
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .batching import Batcher, Outputs, checked
from .contract import Array, Channel, Feature, Prediction, PredictionObserver
from .errors import RequestError
from .inputs import InputChecker, Inputs
from .limits import Limits
from .loaded_model import LoadedModel, Output
from .metrics import BatchMetrics
from .value_bins import value_bounds
from .values import NUMPY_TYPES


@dataclasses.dataclass(frozen=True)
class Caller:
    """Who asks, for those that watch predictions.

    Args:
        request_id: string.
        protocol: `Channel`.
        time: datetime with time zone UTC.
    """

    request_id: str
    protocol: Channel
    time: datetime


class ServedModel:
    """A model in service.

    Args:
        name: string. The name that clients ask for.
        version: string. The version of the push.
        path: path of the SavedModel.
        loaded: `LoadedModel`.
        limits: `Limits`.
        observers: sequence of `PredictionObserver`. Defaults to none.
    """

    def __init__(
        self,
        name: str,
        version: str,
        path: Path,
        loaded: LoadedModel,
        limits: Limits,
        observers: Sequence[PredictionObserver] = (),
    ) -> None:
        self.name = name
        self.version = version
        self.path = path
        self.metadata: dict[str, Any] = loaded.metadata
        self.features: tuple[Feature, ...] = loaded.features
        self.labels: tuple[str, ...] = tuple(loaded.metadata.get("labels", ()))
        self.outputs: tuple[Output, ...] = loaded.outputs
        self.inputs = InputChecker(loaded.features, limits.max_rows, limits.max_string_bytes)
        self._predict = loaded.predict
        self._limits = limits
        self._observers = tuple(observers)
        bounds = np.array([]) if self.labels else value_bounds(path)
        self._metrics = BatchMetrics(name, self.inputs.groups, self.labels, bounds)
        self._batcher = Batcher(loaded.predict, limits.max_batch_rows, self._metrics.count, loaded.max_loop_rows)

    @property
    def problem(self) -> str:
        """The problem that the model solves: `"classification"`, `"regression"`, ..."""
        return str(self.metadata["problem"])

    @property
    def family(self) -> str:
        """The model family."""
        return str(self.metadata["family"])

    @property
    def max_loop_rows(self) -> int:
        """The most rows of a request that is predicted in the event loop; 0 where none is."""
        return self._batcher.max_loop_rows

    def predict(self, inputs: Inputs, caller: Caller) -> Future[Outputs]:
        """Returns the future of the outputs of checked inputs; it has a `RequestError` where the model fails on them.

        Raises:
            RequestError: if too much is queued.
        """
        return self._batcher.submit(inputs, lambda outputs: self._tell(inputs, outputs, caller))

    def predict_events(self, inputs: Inputs, callers: Sequence[Caller]) -> Outputs:
        """Returns the outputs of checked inputs that are a batch already, one caller a row, in the thread that asks.

        Raises:
            RequestError: if the model fails on them.
        """
        outputs = checked(self._predict(inputs.matrices))
        if isinstance(outputs, RequestError):
            raise outputs
        self._metrics.count(inputs.matrices, outputs)
        if self._observers:
            for row, caller in enumerate(callers):
                part = slice(row, row + 1)
                matrices = {group: matrix[:, part] for group, matrix in inputs.matrices.items()}
                self._tell(Inputs(1, matrices), {name: values[part] for name, values in outputs.items()}, caller)
        return outputs

    def warm_up(self) -> None:
        """Predicts batches of 1, 2, 4, ... rows up to the largest."""
        largest = self._limits.max_batch_rows
        for size in [*(2**power for power in range((largest - 1).bit_length())), largest]:
            self._predict(self._sample(size))

    def close(self) -> None:
        """Predicts what is queued and stops."""
        self._batcher.close()

    def _sample(self, num_rows: int) -> Mapping[str, Array]:
        return {
            group: np.stack([_typical_rows(feature, num_rows) for feature in features])
            for group, features in self.inputs.groups.items()
        }

    def _tell(self, inputs: Inputs, outputs: Outputs, caller: Caller) -> None:
        if not self._observers:
            return
        columns = {
            feature.name: column
            for group, features in self.inputs.groups.items()
            for feature, column in zip(features, inputs.matrices[group], strict=True)
        }
        prediction = Prediction(
            caller.request_id, caller.time, self.name, self.version, caller.protocol, self.features, columns, outputs
        )
        for observer in self._observers:
            observer.record(prediction)


class ModelSlot(Protocol):
    """Where the version in service stands: a server's registered model, or that of a stream."""

    name: str
    ready: bool

    @property
    def served(self) -> ServedModel | None:
        """The version in service; None before the first."""
        ...

    def swap(self, served: ServedModel) -> ServedModel | None:
        """Puts a version into service, and returns the one that was."""
        ...


def _typical_rows(feature: Feature, num_rows: int) -> Array:
    shape = (num_rows,) if feature.steps is None else (num_rows, feature.steps)
    return np.full(shape, _typical(feature), NUMPY_TYPES[feature.dtype])


def _typical(feature: Feature) -> float | int | str:
    domain = feature.domain or {}
    value = domain["values"][0] if domain.get("values") else domain.get("min")
    if value is None:
        value = "" if feature.dtype == "string" else 0
    kind: Callable[[Any], float | int | str] = {"float32": float, "int64": int, "string": str}[feature.dtype]
    return kind(value)
