"""Training on several devices: two workers on this machine learn what one process learns."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from yachay.components.features import FeatureKind
from yachay.components.trainer.columns import Column
from yachay.components.trainer.distribution import current, describe, distributed
from yachay.components.trainer.table import Table
from yachay.components.trainer.target import Target
from yachay.errors import ConfigurationError

pytestmark = pytest.mark.slow

WORKER = """
import sys
from yachay.components.trainer.distribution import describe, distributed, is_chief, start_workers
start_workers()
import numpy as np
from test_distribution import fit_plain, make_table
from yachay.components.trainer.families import keras as family
table = make_table()
with distributed("multi_worker"):
    settings = family.KerasHyperparameters(max_epochs=8, patience=2, batch_size=64)
    model = family.fit(table, table, settings, seed=1)
    print(is_chief(), describe(64))
    np.savez(sys.argv[1], *[np.asarray(variable) for variable in model.variables], *fit_plain(table, 200))
"""


def make_table():
    random = np.random.default_rng(0)
    x, code = random.normal(size=400).astype(np.float32), random.integers(0, 3, 400).astype(np.int32)
    columns = (Column("x", FeatureKind.NUMERIC), Column("code", FeatureKind.CATEGORICAL, 3))
    return Table(columns, {"x": x, "code": code}, (x + code > 1).astype(np.int64), Target(2))


def fit_plain(table, batch_size):
    """Returns the weights of a network without anything random, after five steps of all rows."""
    import keras

    keras.utils.set_random_seed(1)
    x = np.stack([table.features["x"], table.features["code"]], 1).astype(np.float32)
    y = table.labels.astype(np.float32)[:, None]
    distribution = current()
    with distribution.scope():
        network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)])
        rate = keras.optimizers.schedules.CosineDecay(0.05, 5)
        network.compile(distribution.wrap(keras.optimizers.AdamW(rate)), "mse", jit_compile=False)
    shards = distribution.shard([x]), distribution.shard(y)
    network.fit(*shards, batch_size=batch_size, epochs=5, verbose=0, callbacks=[*distribution.callbacks()])
    return network.get_weights()


def free_ports(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """What two workers print, and the weights that each of them has."""
    folder = tmp_path_factory.mktemp("workers")
    addresses, processes = [f"127.0.0.1:{port}" for port in free_ports(2)], []
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    for index in range(2):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {"CUDA_VISIBLE_DEVICES": "", "TF_CONFIG": json.dumps(config), "PYTHONPATH": here}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", WORKER, str(folder / f"{index}.npz")],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
            )
        )  # fmt: skip
    try:
        ended = [process.communicate(timeout=400) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, ended, strict=True):
        assert process.returncode == 0, errors[-3000:]
    found = []
    for index in range(2):
        with np.load(folder / f"{index}.npz") as arrays:
            found.append([arrays[name] for name in arrays.files])
    return [output.strip().splitlines()[-1] for output, _ in ended], found


def test_two_workers_have_equal_networks_that_early_stopping_ends_together(workers):
    printed, networks = workers
    note = "{'strategy': 'multi_worker', 'replicas': 2, 'global_batch_size': 128}"
    assert printed == [f"True {note}", f"False {note}"]
    for first, second in zip(*networks, strict=True):
        np.testing.assert_array_equal(first, second)


def test_two_workers_learn_what_one_process_learns_of_the_same_batches(workers):
    with distributed("none"):
        alone = fit_plain(make_table(), 400)
    for ours, one in zip(workers[1][0][-len(alone) :], alone, strict=True):
        np.testing.assert_allclose(ours, one, atol=1e-5)


def test_one_device_is_noted_nowhere():
    for strategy in ("auto", "none"):
        with distributed(strategy):
            assert (current().name, current().num_replicas, describe(64)) == ("none", 1, {})
            assert current().shard([1, 2, 3]) == [1, 2, 3]


def test_several_gpus_that_are_not_there_are_an_error():
    with distributed("mirrored"), pytest.raises(ConfigurationError, match=r"Expected several GPUs .* Received: 0"):
        current()


@pytest.mark.parametrize(
    "config",
    [
        None,
        "{}",
        "no JSON",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": 1}',
    ],
)
def test_workers_that_tf_config_does_not_name_are_an_error(monkeypatch, config):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ConfigurationError, match="Expected TF_CONFIG to name the workers"), distributed("multi_worker"):
        pass
