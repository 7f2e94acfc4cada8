"""Training of a network on several devices at once: the GPUs of a machine, or workers on several machines.

    with distributed("multi_worker"):  # what `train` does, of `model.strategy`
        with current() as distribution:
            with distribution.scope():
                network = build()
                network.compile(distribution.wrap(optimizer), loss)
            network.fit(distribution.shard(inputs), ..., batch_size=batch_size * distribution.num_local,
                        callbacks=[*callbacks, *distribution.callbacks()])

Each replica takes a batch of its own, so that the batch of a step, the global one, is as many times as large.

Workers are processes that train the same settings on the same rows, each with `TF_CONFIG` as TensorFlow defines it
(Kubeflow's training operator sets it for a TFJob). Keras 3 does not train under a `MultiWorkerMirroredStrategy`
(keras-team/keras#20585), so that each worker has a network of its own and the strategy averages the gradients of each
step and, before each validation, what is learned without gradients: the networks stay equal.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...errors import ConfigurationError

if TYPE_CHECKING:
    import keras

Strategy = Literal["auto", "none", "mirrored", "multi_worker"]

TF_CONFIG = "TF_CONFIG"

_chosen: ContextVar[Strategy] = ContextVar("strategy", default="auto")


@contextlib.contextmanager
def distributed(strategy: Strategy) -> Iterator[None]:
    """Sets what networks within it are trained by.

    Args:
        strategy: `"none"`, `"mirrored"` (the GPUs of this machine), `"multi_worker"` (the workers of `TF_CONFIG`), or
            `"auto"`: mirrored where there are several GPUs.

    Raises:
        ConfigurationError: if workers are wanted and `TF_CONFIG` does not name them.
    """
    if strategy == "multi_worker":
        _workers()
    token = _chosen.set(strategy)
    try:
        yield
    finally:
        _chosen.reset(token)


@dataclasses.dataclass(frozen=True)
class Distribution:
    """The devices of a training.

    Args:
        name: string. Of the strategy that is in use: `"none"`, `"mirrored"` or `"multi_worker"`.
        strategy: `tf.distribute.Strategy` or None.
        num_replicas: int. Batches of a step.
        worker: int. The place of this process among the workers. Defaults to 0, the one whose model is kept.
    """

    name: Literal["none", "mirrored", "multi_worker"]
    strategy: Any
    num_replicas: int
    worker: int = 0

    @property
    def num_local(self) -> int:
        """Batches of a step in this process."""
        return self.num_replicas if self.name == "mirrored" else 1

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Returns the context in which a network is made and compiled."""
        return self.strategy.scope() if self.name == "mirrored" else contextlib.nullcontext()

    def wrap(self, optimizer: keras.Optimizer) -> keras.Optimizer:
        """Returns an optimizer that applies the mean of all workers' gradients."""
        return _averaging(optimizer, self.strategy) if self.name == "multi_worker" else optimizer

    def shard(self, arrays: Any) -> Any:
        """Returns this worker's rows of an array, a list or a dict of them: as many as the others have."""
        if self.name != "multi_worker" or arrays is None:
            return arrays
        if isinstance(arrays, dict):
            return {name: self.shard(array) for name, array in arrays.items()}
        if isinstance(arrays, list):
            return [self.shard(array) for array in arrays]
        rows = len(arrays) // self.num_replicas * self.num_replicas
        return arrays[self.worker : rows : self.num_replicas]

    def unmirrored(self, network: keras.Model, build: Callable[[], keras.Model]) -> keras.Model:
        """Returns the network, or one built anew with its weights: what several devices mirror cannot be exported."""
        if self.name != "mirrored":
            return network
        plain = build()
        plain.set_weights(network.get_weights())
        return plain

    def callbacks(self) -> Sequence[keras.callbacks.Callback]:
        """Returns the callbacks that keep the networks of the workers equal."""
        return [_averaging_callback(self.strategy)] if self.name == "multi_worker" else []


@functools.cache
def start_workers() -> Any:
    """Connects the workers that `TF_CONFIG` names, once a process and before TensorFlow does anything else.

    Raises:
        ConfigurationError: if it names none, or TensorFlow has already begun.
    """
    import tensorflow as tf

    _workers()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ConfigurationError(
            f"Expected the workers to be connected before TensorFlow is used. Received: {error}. Call "
            "`start_workers()` first in a process of its own."
        ) from None


def current() -> Distribution:
    """Returns the devices that a network is trained on, by `distributed`.

    Raises:
        ConfigurationError: if several GPUs are wanted and there is one or none.
    """
    import tensorflow as tf

    chosen = _chosen.get()
    if chosen == "multi_worker":
        num, worker = _workers()
        return Distribution("multi_worker", start_workers(), num, worker)
    num_gpus = len(tf.config.list_logical_devices("GPU")) if chosen != "none" else 0
    if chosen == "mirrored" and num_gpus < 2:
        raise ConfigurationError(
            f"Expected several GPUs for `model.strategy: mirrored`. Received: {num_gpus}. Give the step more, or set "
            "`auto`."
        )
    if num_gpus < 2:
        return Distribution("none", None, 1)
    strategy = tf.distribute.MirroredStrategy()
    return Distribution("mirrored", strategy, strategy.num_replicas_in_sync)


def describe(batch_size: int | None) -> dict[str, Any]:
    """Returns what the metadata of a model notes of a training on several devices; nothing of one on a single device.

    Args:
        batch_size: int or None. Of a replica, where the family has one.
    """
    found = current()
    if found.num_replicas == 1:
        return {}
    total = {} if batch_size is None else {"global_batch_size": batch_size * found.num_replicas}
    return {"strategy": found.name, "replicas": found.num_replicas, **total}


def is_chief() -> bool:
    """Returns whether this process keeps the model that it trains: every one but the second worker and those after."""
    return _chosen.get() != "multi_worker" or _workers()[1] == 0


def _workers() -> tuple[int, int]:
    """Returns how many workers `TF_CONFIG` names, and which of them this process is."""
    try:
        config = json.loads(os.environ.get(TF_CONFIG, ""))
        cluster, task = config["cluster"], config["task"]
        # A chief, where there is one, is the first worker.
        places = [("chief", place) for place in range(len(cluster.get("chief", [])))]
        places += [("worker", place) for place in range(len(cluster["worker"]))]
        return len(places), places.index((task["type"], int(task["index"])))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigurationError(
            f"Expected {TF_CONFIG} to name the workers and this one's place for `model.strategy: multi_worker`. "
            f"Received: {os.environ.get(TF_CONFIG)!r}. Kubeflow's training operator sets it for the pods of a TFJob; "
            "by hand it is as TensorFlow documents it. `model.workers: 2` starts two on this machine."
        ) from None


def _mean(strategy: Any, tensors: Sequence[Any]) -> list[Any]:
    import tensorflow as tf

    def reduce(*given: Any) -> Any:
        # A tensor of a graph has no device until it is made on that of the replica.
        placed = [tf.identity(tensor) for tensor in given]
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, placed)

    reduced = strategy.run(reduce, args=[tf.convert_to_tensor(tensor) for tensor in tensors])
    return [strategy.experimental_local_results(tensor)[0] for tensor in reduced]


def _averaging(optimizer: keras.Optimizer, strategy: Any) -> keras.Optimizer:
    kind: Any = type(optimizer)

    class Averaging(kind):
        def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> Any:
            return super().apply(_mean(strategy, grads), trainable_variables)

    return Averaging.from_config(optimizer.get_config())


def _averaging_callback(strategy: Any) -> keras.callbacks.Callback:
    import keras

    class Averaging(keras.callbacks.Callback):
        def on_test_begin(self, logs: Any = None) -> None:
            variables = [
                variable
                for variable in self.model.non_trainable_variables
                if np.issubdtype(np.dtype(variable.dtype), np.floating)
            ]
            if variables:
                for variable, value in zip(variables, _mean(strategy, [of.value for of in variables]), strict=True):
                    variable.assign(value)

    return Averaging()
