"""Rows per second of stock `CsvExampleGen` and of `ColumnarExampleGen` on the same file, each in its own process.

Run `python tests/benchmarks/ingest.py [--rows 500000]`. Measured is the executor's `Do`, after imports; the stock one
runs in Beam's in-memory direct runner with one worker.
"""

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TARGET_RATIO = 15
COLUMNS = {"age": "int64", "income": "float32", "region": "string", "bought": "string"}


def write_csv(path: Path, num_rows: int) -> None:
    """Writes `num_rows` random records of four columns."""
    generator = np.random.default_rng(42)
    pd.DataFrame(
        {
            "age": generator.integers(18, 90, num_rows),
            "income": generator.gamma(2, 15_000, num_rows).round(2),
            "region": generator.choice(["north", "east", "south", "west"], num_rows),
            "bought": generator.choice(["yes", "no"], num_rows),
        }
    ).to_csv(path, index=False)


def time_stock(data: Path, output: Path) -> float:
    """Returns the seconds of `CsvExampleGen`'s executor."""
    from tfx.components.example_gen import utils
    from tfx.components.example_gen.csv_example_gen import executor
    from tfx.dsl.components.base import base_beam_executor
    from tfx.proto import example_gen_pb2
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils

    examples = standard_artifacts.Examples()
    examples.uri = str(output)
    input_config = utils.make_default_input_config()
    properties = {
        "input_base": str(data.parent),
        "input_config": proto_utils.proto_to_json(input_config),
        "output_config": proto_utils.proto_to_json(utils.make_default_output_config(input_config)),
        "output_data_format": example_gen_pb2.FORMAT_TF_EXAMPLE,
        "output_file_format": example_gen_pb2.FORMAT_TFRECORDS_GZIP,
    }
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=["--direct_running_mode=in_memory", "--direct_num_workers=1"], tmp_dir=str(output / "tmp")
    )
    return _seconds(executor.Executor(context), {"examples": [examples]}, properties)


def time_columnar(data: Path, output: Path) -> float:
    """Returns the seconds of `ColumnarExampleGen`'s executor."""
    from tfx.types import standard_artifacts

    from yachay.components.example_gen.artifacts import Quarantine
    from yachay.components.example_gen.component import ColumnarExampleGen
    from yachay.components.example_gen.executor import Executor

    examples, quarantine = standard_artifacts.Examples(), Quarantine()
    examples.uri, quarantine.uri = str(output / "examples"), str(output / "quarantine")
    component = ColumnarExampleGen(
        input_pattern=str(data),
        spec={
            "columns": {name: {"type": kind} for name, kind in COLUMNS.items()},
            "label": {"name": "bought", "values": ["no", "yes"]},
            "split": {"eval_share": 1 / 3},
        },
    )
    outputs = {"examples": [examples], "quarantine": [quarantine]}
    return _seconds(Executor(), outputs, component.exec_properties)


def _seconds(executor: Any, outputs: dict[str, list[Any]], properties: dict[str, Any]) -> float:
    start = time.perf_counter()
    executor.Do({}, outputs, properties)
    return time.perf_counter() - start


SUBJECTS = {"CsvExampleGen": time_stock, "ColumnarExampleGen": time_columnar}


def measure(subject: str, data: Path, output: Path) -> dict[str, float]:
    """Runs one subject in a new process."""
    command = [sys.executable, __file__, "--subject", subject, "--data", str(data), "--output", str(output)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, float] = json.loads(answer.splitlines()[-1])
    return result


def main() -> None:
    """Measures and prints both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--subject", choices=SUBJECTS, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.subject:
        logging.disable(logging.WARNING)
        before = _peak_mib()
        seconds = SUBJECTS[arguments.subject](arguments.data, arguments.output)
        print(json.dumps({"seconds": seconds, "peak_mib": _peak_mib(), "imports_mib": before}))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data", "data.csv")
        data.parent.mkdir()
        write_csv(data, arguments.rows)
        print(f"{arguments.rows:,} rows x {len(COLUMNS)} columns, {data.stat().st_size / 2**20:.0f} MiB")
        results = {subject: measure(subject, data, Path(folder, subject)) for subject in SUBJECTS}
    for subject, result in results.items():
        rate = arguments.rows / result["seconds"]
        print(f"{subject:20} {result['seconds']:8.2f} s {rate:12,.0f} rows/s   peak {result['peak_mib']:,.0f} MiB")
    stock, columnar = (result["seconds"] for result in results.values())
    print(f"ratio {stock / columnar:.1f} (at least {TARGET_RATIO} is asked for)")


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # In bytes on macOS, in KiB elsewhere.
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


if __name__ == "__main__":
    main()
