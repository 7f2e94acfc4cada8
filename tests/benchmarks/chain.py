"""A whole run beside a stock TFX chain of the same records, columns, trainer and evaluation, each in a fresh process.

    .venv/bin/python tests/benchmarks/chain.py --data FILE [--repeats N]       # student_dropout
    .venv/bin/python tests/benchmarks/chain.py --rows 500000 --columns 4       # synthetic, one of the columns the label

Stock is what TFX's tutorials do: `from tfx import v1`, CsvExampleGen, ImportSchemaGen, StatisticsGen, ExampleValidator,
Transform, Trainer, the resolver of the last blessed model, Evaluator and Pusher in a `LocalDagRunner`. It has our
preprocessing function, our `run_fn` and our `EvalConfig`, and neither a page nor a server that is asked before the
push. Ours is `yachay run`, then the same command again on unchanged data. Peak memory is that of the largest process.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from yachay.components.example_gen.convert import add_bins
from yachay.components.features import to_identifiers
from yachay.pipelines.config.pipeline_config import PipelineConfig
from yachay.pipelines.registry import PipelineFolder, find_pipeline

PIPELINE, LABEL = "student_dropout", "label"
YACHAY = "from yachay.cli.main import main; main()"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help=f"records of {PIPELINE}")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", choices=["stock", "ours"])
    parser.add_argument("--stock", nargs=3, metavar=("PIPELINE", "CSV", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stock:
        run_stock(find_pipeline(options.stock[0]), Path(options.stock[1]), Path(options.stock[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        pipeline, data = (PIPELINE, options.data) if options.data else synthetic(scratch, options.rows, options.columns)
        print(json.dumps({"cores": os.cpu_count(), "load": os.getloadavg()[0], "bytes": data.stat().st_size}))
        for turn in range(options.repeats):
            compare(pipeline, data.absolute(), scratch / str(turn), options.only)


def compare(pipeline: str, data: Path, scratch: Path, only: str | None) -> None:
    """Prints a stock run, ours, and ours again on unchanged data."""
    scratch.mkdir()
    walls = {}
    if only != "ours":
        table = stock_csv(find_pipeline(pipeline).load(), data, scratch)
        command = [sys.executable, __file__, "--stock", pipeline, str(table), str(scratch / "stock")]
        walls["stock"] = measure("stock", command, lambda: seconds_of_executions(scratch / "stock/metadata.db"))
    if only != "stock":
        command = [
            sys.executable,
            "-c",
            YACHAY,
            "run",
            pipeline,
            "--data",
            str(data),
            "--workdir",
            str(scratch),
            "--json",
        ]
        for name in ("ours", "ours, second run"):
            walls[name] = measure(name, command, lambda: seconds_of_run(scratch))
    if len(walls) > 1:
        print(json.dumps({f"{name} / stock": round(wall / walls["stock"], 3) for name, wall in walls.items()}))


def measure(name: str, command: Sequence[str], seconds_by_node: Any) -> float:
    """Runs a command, prints what it took, and returns its wall time in seconds."""
    start, environment = time.monotonic(), {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 3):  # 3 is a model that is not blessed.
            log.seek(0)
            sys.exit(f"{name} failed with {process.returncode}:\n{log.read().decode()[-3000:]}")
    figures = {
        "run": name,
        "wall_s": round(wall, 1),
        "processor_s": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": usage.ru_maxrss // 1024,
        "exit_status": process.returncode,
        "nodes_s": seconds_by_node(),
    }
    print(json.dumps(figures), flush=True)
    return wall


def seconds_of_run(workdir: Path) -> dict[str, float | str]:
    """Returns the seconds of the nodes of the last run below a folder; the state of those that did not run."""
    last = max(workdir.glob("*/runs/*/summary.json"), key=lambda path: path.stat().st_mtime_ns)
    nodes = json.loads(last.read_text())["nodes"]
    return {node["id"]: "cached" if node["cached"] else node["seconds"] for node in nodes}


def seconds_of_executions(database: Path) -> dict[str, float]:
    """Returns the seconds of the nodes in an ML Metadata database, without those of their drivers."""
    from ml_metadata.metadata_store import MetadataStore
    from tfx.orchestration.metadata import sqlite_metadata_connection_config

    executions = MetadataStore(sqlite_metadata_connection_config(str(database))).get_executions()
    return {
        execution.type.rpartition(".")[2]: round(
            (execution.last_update_time_since_epoch - execution.create_time_since_epoch) / 1000, 2
        )
        for execution in executions
    }


def synthetic(scratch: Path, num_rows: int, num_columns: int) -> tuple[str, Path]:
    """Writes records and a pipeline for them; returns the pipeline's folder and the records' file."""
    generator = np.random.default_rng(42)
    columns: dict[str, Any] = {}
    score = generator.normal(size=num_rows)
    for index in range(num_columns - 1):
        if index % 3 == 0:
            columns[f"count_{index}"] = generator.integers(18, 90, num_rows) + 0.5  # Stock infers whole numbers as INT.
            score += columns[f"count_{index}"] / 20
        elif index % 3 == 1:
            columns[f"amount_{index}"] = generator.gamma(2, 15_000, num_rows).round(2)
            score += columns[f"amount_{index}"] / 20_000
        else:
            columns[f"place_{index}"] = generator.choice(["north", "east", "south", "west"], num_rows)
            score += columns[f"place_{index}"] == "north"
    columns[LABEL] = np.where(score > np.median(score), "yes", "no")
    data = scratch / "synthetic.csv"
    pd.DataFrame(columns).to_csv(data, index=False)
    command = [sys.executable, "-c", YACHAY, "new", "synthetic", "--data", str(data), "--label", LABEL]
    subprocess.run([*command, "--output", str(scratch)], check=True, capture_output=True)
    return str(scratch / "synthetic"), data


def stock_csv(config: PipelineConfig, data: Path, folder: Path) -> Path:
    """Writes the same records as `CsvExampleGen` and the configuration's slices need them; returns the folder.

    It knows neither separators nor bins, and the names of features must be arguments of a signature.
    """
    with data.open(encoding="utf-8-sig") as file:
        header = file.readline()
    frame = pd.read_csv(data, sep=";" if header.count(";") > header.count(",") else ",", encoding="utf-8-sig")
    frame.columns = list(to_identifiers(list(frame.columns)))
    batch = add_bins(pa.RecordBatch.from_pandas(frame, preserve_index=False), config.data.bins)
    (folder / "csv").mkdir()
    batch.to_pandas().to_csv(folder / "csv/data.csv", index=False)
    return folder / "csv"


def run_stock(folder: PipelineFolder, data: Path, output: Path) -> None:
    """Runs the stock chain in this process."""
    from tfx import v1 as tfx

    from yachay import __version__
    from yachay.components.evaluator.eval_config import eval_config
    from yachay.components.trainer.component import RUN_FN
    from yachay.components.trainer.settings import TrainerConfig
    from yachay.components.transform.component import PREPROCESSING_FN
    from yachay.components.transform.settings import TransformConfig
    from yachay.pipelines.assembly import BEAM_ARGS

    config = folder.load()
    task = config.prediction_task(config.default_task)
    output.mkdir()
    schema_file = output / "schema.pbtxt"
    schema_file.write_text(folder.schema_text(config))
    split = tfx.proto.SplitConfig
    kept = round(100 * (1 - config.split.eval_share))
    example_gen = tfx.components.CsvExampleGen(
        input_base=str(data),
        output_config=tfx.proto.Output(
            split_config=split(
                splits=[split.Split(name="train", hash_buckets=kept), split.Split(name="eval", hash_buckets=100 - kept)]
            )
        ),
    )
    examples = example_gen.outputs["examples"]
    schema_gen = tfx.components.ImportSchemaGen(schema_file=str(schema_file))
    schema = schema_gen.outputs["schema"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples, schema=schema)
    validator = tfx.components.ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=PREPROCESSING_FN,
        custom_config=TransformConfig(task=task, settings=config.transform, version=__version__).model_dump(
            mode="json"
        ),
    )
    trainer = tfx.components.Trainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        run_fn=config.model.run_fn or RUN_FN,
        custom_config=TrainerConfig(task=task, settings=config.model, version=__version__).model_dump(mode="json"),
    )
    latest_blessed = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("LatestBlessedModel")
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=trainer.outputs["model"],
        baseline_model=latest_blessed.outputs["model"],
        eval_config=eval_config(task, config.evaluation_settings(config.default_task)),
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(output / "pushed"))
        ),
    )
    nodes = [example_gen, schema_gen, statistics_gen, validator, transform, trainer, latest_blessed, evaluator, pusher]
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name=config.name,
            pipeline_root=str(output / "artifacts"),
            components=nodes,
            metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
                str(output / "metadata.db")
            ),
            beam_pipeline_args=list(BEAM_ARGS),
        )
    )


if __name__ == "__main__":
    main()
