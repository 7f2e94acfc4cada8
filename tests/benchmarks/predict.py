"""Bulk scoring beside TFX's BulkInferrer, `mlflow models predict` and the bare call of the same SavedModel.

    .venv/bin/python tests/benchmarks/predict.py --model PUSH/VERSION --data data.csv [--rows 50000,1000000]
        [--memory-rows 1000000,10000000,50000000] [--format parquet] [--prefix "nice -n -18"]

Rows are drawn from the records of `--data` with replacement; all get the same ones. Prints seconds by the wall and by
the processor: of whole commands, and without what they take for one row. With `--memory-rows` the peak of the memory of
all processes (PSS). `--prefix` stands before each command that is measured.
"""

import argparse
import ctypes
import dataclasses
import itertools
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

HERE = Path(__file__).resolve()
SEPARATORS = ";,\t|"
BATCH = 8192


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a process took, with its children: seconds, processor seconds, MiB at its peak."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def measure(command: list[str]) -> Measured:
    """Runs a command and all that it starts."""
    before, started = _children_cpu(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    watch = _Watch(process.pid)
    stderr = process.communicate()[1]
    seconds = time.perf_counter() - started
    peak = watch.stop()
    _wait_for_orphans()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}\n{stderr[-3000:]}")
    return Measured(seconds, _children_cpu() - before, peak)


class _Watch:
    """Samples the memory of a tree of processes, and of what was left to this process."""

    def __init__(self, pid: int) -> None:
        self._peak, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._sample, args=(pid,))
        self._thread.start()

    def _sample(self, pid: int) -> None:
        while not self._done.wait(0.2):
            try:
                tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            total = 0
            for one in tree:
                try:
                    total += one.memory_full_info().pss
                except psutil.Error:
                    continue
            self._peak = max(self._peak, total / 2**20)

    def stop(self) -> float:
        self._done.set()
        self._thread.join()
        return self._peak


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _adopt_orphans() -> None:
    """Makes this process the parent of grandchildren whose parent ends, so that their time counts."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def _wait_for_orphans() -> None:
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def draw(data: Path, rows: int, target: Path) -> None:
    """Writes rows of a CSV file, drawn with replacement, and their number as `row_id`."""
    header = data.read_text(encoding="utf-8-sig").partition("\n")[0]
    separator = max(SEPARATORS, key=header.count)
    table = pyarrow.csv.read_csv(data, parse_options=pyarrow.csv.ParseOptions(delimiter=separator))
    random = np.random.default_rng(0)
    writer: Any = None
    for start in range(0, rows, 1_000_000):
        count = min(1_000_000, rows - start)
        part = table.take(pa.array(random.integers(0, len(table), count)))
        part = part.append_column("row_id", pa.array(np.arange(start, start + count)))
        if writer is None:
            is_parquet = target.suffix == ".parquet"
            writer = (pyarrow.parquet.ParquetWriter if is_parquet else pyarrow.csv.CSVWriter)(str(target), part.schema)
        writer.write_table(part)
    writer.close()


def features_of(model: Path) -> list[dict[str, Any]]:
    """Returns the features of a model."""
    metadata = json.loads((model / "assets.extra/yachay.json").read_text())
    names = metadata.get("original_names", {})
    return [{**one, "original": names.get(one["name"], one["name"])} for one in metadata["features"]]


def columns_of(model: Path, data: Path) -> dict[str, np.ndarray]:
    """Returns the inputs of the signature."""
    table = pyarrow.parquet.read_table(data)
    kinds = {"float32": np.float32, "int64": np.int64, "string": object}
    return {one["name"]: table[one["original"]].to_numpy().astype(kinds[one["dtype"]]) for one in features_of(model)}


def bare(model: Path, data: Path) -> None:
    """The array call of the SavedModel, from memory to memory, by batches; prints its own times."""
    import tensorflow as tf

    columns = columns_of(model, data)
    signature = tf.saved_model.load(str(model)).signatures["serving_default"]

    def call(start: int) -> None:
        signature(**{name: tf.constant(values[start : start + BATCH]) for name, values in columns.items()})

    rows = len(next(iter(columns.values())))
    call(0)
    started, cpu = time.perf_counter(), time.process_time()
    for start in range(0, rows, BATCH):
        call(start)
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu}))


def write_examples(model: Path, data: Path, target: Path) -> None:
    """Writes records as an ExampleGen does."""
    import tensorflow as tf

    columns = columns_of(model, data)
    target.mkdir(parents=True)
    kinds = {"f": "float_list", "i": "int64_list", "O": "bytes_list"}
    with tf.io.TFRecordWriter(str(target / "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
        for row in range(len(next(iter(columns.values())))):
            example = tf.train.Example()
            for name, values in columns.items():
                value = values[row].encode() if values.dtype == object else values[row].item()
                getattr(example.features.feature[name], kinds[values.dtype.kind]).value.append(value)
            writer.write(example.SerializeToString())


def bulk_inferrer(model: Path, examples: Path, scratch: Path) -> None:
    """TFX's BulkInferrer in memory."""
    from tfx.components.bulk_inferrer import executor
    from tfx.proto import bulk_inferrer_pb2
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils

    data = standard_artifacts.Examples()
    data.uri, data.split_names = str(examples.parent), json.dumps(["unlabelled"])
    trained, result = standard_artifacts.Model(), standard_artifacts.InferenceResult()
    trained.uri, result.uri = str(scratch / "trained"), str(scratch / "result")
    (scratch / "trained").mkdir()
    (scratch / "trained/Format-Serving").symlink_to(model)
    properties = {
        "data_spec": proto_utils.proto_to_json(bulk_inferrer_pb2.DataSpec()),
        "model_spec": proto_utils.proto_to_json(bulk_inferrer_pb2.ModelSpec(model_signature_name=["serving_examples"])),
        "output_example_spec": None,
    }
    context = executor.Executor.Context(
        beam_pipeline_args=["--direct_running_mode=in_memory", "--direct_num_workers=1"], tmp_dir=str(scratch)
    )
    executor.Executor(context).Do({"examples": [data], "model": [trained]}, {"inference_result": [result]}, properties)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", default="50000,1000000")
    parser.add_argument("--memory-rows", default="")
    parser.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    parser.add_argument("--prefix", default="", metavar="COMMAND")
    options = parser.parse_args()
    _adopt_orphans()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        model = options.model.resolve()
        if options.memory_rows:
            _memory(model, options, scratch)
        else:
            _compare(model, options, scratch)


def _yachay(model: Path, data: Path, output: Path) -> list[str]:
    output.unlink(missing_ok=True)
    command = [sys.executable, "-m", "yachay.cli.main", "predict", str(model), "--data", str(data)]
    return [*command, "--output", str(output), "--key", "row_id"]


def _memory(model: Path, options: argparse.Namespace, scratch: Path) -> None:
    for rows in map(int, options.memory_rows.split(",")):
        data = scratch / f"memory.{options.format}"
        draw(options.data, rows, data)
        found = measure(_yachay(model, data, scratch / "out.parquet"))
        print(
            f"{rows:>12,} rows  {found.peak_mib:8,.0f} MiB at the peak  {rows / found.seconds:10,.0f} rows/s",
            flush=True,
        )
        data.unlink()


def _compare(model: Path, options: argparse.Namespace, scratch: Path) -> None:
    prefix = shlex.split(options.prefix)
    saved = scratch / "mlflow"
    subprocess.run([sys.executable, HERE.parent / "mlflow_model.py", model, saved], check=True, capture_output=True)
    counts = [1, *map(int, options.rows.split(","))]
    paths = {rows: scratch / f"{rows}.parquet" for rows in counts}
    for rows, path in paths.items():
        draw(options.data, rows, path)
        draw(options.data, rows, path.with_suffix(".csv"))
        write_examples(model, path, _examples(path))
        _write_renamed(model, path)
    runs = itertools.count()
    commands: dict[str, Callable[[Path], list[str]]] = {
        "yachay predict": lambda path: _yachay(model, path.with_suffix(f".{options.format}"), scratch / "out.parquet"),
        "TFX's BulkInferrer": lambda path: [
            sys.executable, str(HERE), "bulk_inferrer", str(model), str(_examples(path)),
            str(_made(scratch / f"inferrer{next(runs)}")),
        ],
        "mlflow models predict": lambda path: [
            sys.executable, "-m", "mlflow", "models", "predict", "-m", str(saved), "--env-manager", "local",
            "-t", "csv", "-i", str(path.with_suffix(".mlflow.csv")), "-o", str(scratch / "mlflow.json"),
        ],
    }  # fmt: skip
    measure(_yachay(model, paths[1], scratch / "out.parquet"))  # The table of trees is compared once.
    found: dict[tuple[str, int], Measured] = {}
    for rows in counts:
        for name, command in commands.items():
            found[name, rows] = one = measure([*prefix, *command(paths[rows])])
            print(f"{name:<22} {rows:>10,} rows {one.seconds:8.2f} s {one.cpu_seconds:8.2f} s of processor "
                  f"{one.peak_mib:6,.0f} MiB", flush=True)  # fmt: skip
    for rows in counts[1:]:
        command = [*prefix, sys.executable, str(HERE), "bare", str(model), str(paths[rows])]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        bare_call = Measured(**json.loads(text), peak_mib=0)
        print(f"{'the bare call':<22} {rows:>10,} rows {bare_call.seconds:8.2f} s {bare_call.cpu_seconds:8.2f} s of "
              "processor")  # fmt: skip
        net = {name: _less(found[name, rows], found[name, 1]) for name in commands} | {"the bare call": bare_call}
        ours = net.pop("yachay predict")
        for name, theirs in net.items():
            print(f"{rows:>10,} rows: {theirs.seconds / ours.seconds:6.1f} x {name} by the wall, "
                  f"{theirs.cpu_seconds / ours.cpu_seconds:6.1f} x by the processor, without the start")  # fmt: skip
            if name in commands:
                whole, other = found["yachay predict", rows], found[name, rows]
                print(f"{'':>10}       {other.seconds / whole.seconds:6.1f} x by the wall, "
                      f"{other.cpu_seconds / whole.cpu_seconds:6.1f} x by the processor, whole commands")  # fmt: skip


def _less(one: Measured, other: Measured) -> Measured:
    return dataclasses.replace(
        one, seconds=one.seconds - other.seconds, cpu_seconds=one.cpu_seconds - other.cpu_seconds
    )


def _examples(path: Path) -> Path:
    return path.parent / f"{path.stem}-examples" / "Split-unlabelled"


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _write_renamed(model: Path, path: Path) -> None:
    """Writes the model's features under its own names, as MLflow takes them."""
    names = {each["original"]: each["name"] for each in features_of(model)}
    table = pyarrow.parquet.read_table(path, columns=list(names)).rename_columns(list(names.values()))
    pyarrow.csv.write_csv(table, path.with_suffix(".mlflow.csv"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["bare"]:
        bare(*map(Path, sys.argv[2:]))
    elif sys.argv[1:2] == ["bulk_inferrer"]:
        bulk_inferrer(*map(Path, sys.argv[2:]))
    else:
        main()
