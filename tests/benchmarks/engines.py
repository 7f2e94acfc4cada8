"""Statistics, Transform and Evaluator: the executors of stock TFX beside ours by arrays, on the artifacts of one run.

    .venv/bin/python tests/benchmarks/engines.py [--rows 500000] [--columns 4] [--parts statistics ...] [--repeats N]

The run is `yachay run` of synthetic records, or of a pipeline and its data (`--pipeline NAME --data FILE`). Each
subject is a process of its own; timed is the executor's `Do`, after its imports. Stock runs in Beam's in-memory direct
runner with one worker. The ratio of processor seconds depends less on what else the machine does.
"""

import argparse
import dataclasses
import importlib
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from chain import YACHAY, synthetic

TARGET_RATIOS = {"statistics": 3, "transform": 3, "evaluator": 30}
ENGINES = ("stock", "arrays")
Work = Callable[[], object]


@dataclasses.dataclass(frozen=True)
class Run:
    """The artifacts of a run, and where to write others.

    Args:
        pipeline: string. Name or folder of the pipeline.
        artifacts: `Path`. Folder of the run's artifacts.
        output: `Path`. An empty folder.
    """

    pipeline: str
    artifacts: Path
    output: Path

    def input(self, key: str, kind: type) -> dict[str, list[Any]]:
        """Returns `{output: [artifact]}` of the only artifact of `"Node/output"`."""
        artifact = kind()
        [folder] = (self.artifacts / key).iterdir()
        artifact.uri = str(folder)
        if splits := sorted((path.name.removeprefix("Split-") for path in folder.glob("Split-*")), reverse=True):
            artifact.split_names = json.dumps(splits)
        return {key.rpartition("/")[2]: [artifact]}

    def new(self, name: str, kind: type) -> dict[str, list[Any]]:
        """Returns `{name: [artifact]}` of an artifact to write."""
        artifact = kind()
        artifact.uri = str(self.output / name)
        return {name: [artifact]}

    @property
    def context(self) -> Any:
        """What a Beam executor is made with."""
        from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

        from yachay.pipelines.assembly import BEAM_ARGS

        return BaseBeamExecutor.Context(list(BEAM_ARGS), tmp_dir=str(self.output / "tmp"), unique_id="1")


def statistics(run: Run, engine: str) -> Work:
    """StatisticsGen."""
    from tfx.types import standard_artifacts

    inputs = run.input("ColumnarExampleGen/examples", standard_artifacts.Examples) | run.input(
        "CuratedSchema/schema", standard_artifacts.Schema
    )
    outputs = run.new("statistics", standard_artifacts.ExampleStatistics)
    if engine == "stock":
        from tfx.components.statistics_gen.executor import Executor as Stock

        return partial(Stock(run.context).Do, inputs, outputs, {})
    importlib.import_module("yachay.components.statistics_gen.compute")  # The executor imports it when it is needed.
    from yachay.components.statistics_gen.executor import Executor

    return partial(Executor(run.context).Do, inputs, outputs, {"engine": engine})


def transform(run: Run, engine: str) -> Work:
    """Transform with our preprocessing, of the raw schema."""
    from tfx.types import standard_artifacts

    from yachay.components.transform.component import PREPROCESSING_FN
    from yachay.components.transform.settings import TransformConfig
    from yachay.pipelines.registry import find_pipeline

    config = find_pipeline(run.pipeline).load()
    custom_config = TransformConfig(
        task=config.prediction_task(config.default_task),
        settings=config.transform,
        engine="beam" if engine == "stock" else engine,
    )
    inputs = run.input("ColumnarExampleGen/examples", standard_artifacts.Examples) | run.input(
        "CuratedSchema/schema", standard_artifacts.Schema
    )
    outputs = run.new("transform_graph", standard_artifacts.TransformGraph) | run.new(
        "transformed_examples", standard_artifacts.Examples
    )
    (run.output / "transform_graph").mkdir()
    properties = {
        "preprocessing_fn": PREPROCESSING_FN,
        "custom_config": custom_config.model_dump_json(),
        "disable_statistics": 1,
        "force_tf_compat_v1": 0,
    }
    if engine == "stock":
        from tfx.components.transform.executor import Executor as Stock

        return partial(Stock(run.context).Do, inputs, outputs, properties)
    importlib.import_module("yachay.components.transform.arrays")  # The executor imports it when it is needed.
    from yachay.components.transform.executor import Executor

    return partial(Executor(run.context).Do, inputs, outputs, properties)


def evaluator(run: Run, engine: str) -> Work:
    """Evaluator, of a model alone; both engines compute our metrics, stock example by example."""
    from tfx.types import standard_artifacts

    from yachay.components.evaluator.executor import Executor
    from yachay.pipelines.registry import find_pipeline

    config = find_pipeline(run.pipeline).load()
    inputs = run.input("ColumnarExampleGen/examples", standard_artifacts.Examples) | run.input(
        "Trainer/model", standard_artifacts.Model
    )
    outputs = run.new("evaluation", standard_artifacts.ModelEvaluation) | run.new(
        "blessing", standard_artifacts.ModelBlessing
    )
    properties = {
        "task": config.prediction_task(config.default_task).to_property(),
        "settings": config.evaluation_settings(config.default_task).to_property(),
        "engine": "beam" if engine == "stock" else engine,
    }
    if engine == "stock":
        importlib.import_module("tfx.components.evaluator.executor")
    importlib.import_module("scipy.stats")
    return partial(Executor(run.context).Do, inputs, outputs, properties)


PARTS: dict[str, Callable[[Run, str], Work]] = {
    "statistics": statistics,
    "transform": transform,
    "evaluator": evaluator,
}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--pipeline", help="a pipeline in place of the synthetic records")
    parser.add_argument("--data", type=Path, help="its records")
    parser.add_argument("--artifacts", type=Path, help="the artifacts of a run of --pipeline, in place of a new run")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--subject", nargs=3, metavar=("PART", "ENGINE", "OUTPUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.artifacts and not options.pipeline:
        parser.error("expected --pipeline with --artifacts: what ran")
    if bool(options.data) != bool(options.pipeline) and not options.artifacts:
        parser.error("expected --pipeline and --data together, or neither for synthetic records")
    if options.subject:
        part, engine, output = options.subject
        measure(PARTS[part], Run(options.pipeline, options.artifacts, Path(output)), engine)
        return
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        pipeline, artifacts = options.pipeline, options.artifacts
        if artifacts is None:
            data = options.data
            if pipeline is None:
                pipeline, data = synthetic(scratch, options.rows, options.columns)
            artifacts = run_pipeline(pipeline, data, scratch)
        print(json.dumps({"cores": os.cpu_count(), "load": os.getloadavg()[0]}))
        for part in options.parts:
            compare(part, options.engines, options.repeats, pipeline, artifacts, scratch)


def run_pipeline(pipeline: str, data: Path, scratch: Path) -> Path:
    """Runs a pipeline and returns the folder of its artifacts."""
    command = [sys.executable, "-c", YACHAY, "run", pipeline, "--data", str(data), "--workdir", str(scratch / "run")]
    process = subprocess.run(command, check=False, capture_output=True, text=True)
    if process.returncode not in (0, 3):  # 3 is a model that is not blessed.
        sys.exit(f"the run failed with {process.returncode}:\n{process.stderr[-3000:]}")
    [artifacts] = (scratch / "run").glob("*/artifacts")
    return artifacts


def compare(part: str, engines: list[str], repeats: int, pipeline: str, artifacts: Path, scratch: Path) -> None:
    """Prints the seconds, processor seconds and peak memory of each engine, in turn, and the ratios of the fastest."""
    figures: dict[str, list[dict[str, float]]] = {engine: [] for engine in engines}
    for turn in range(repeats):
        for engine in engines:
            output = scratch / f"{part}-{engine}-{turn}"
            output.mkdir()
            command = [sys.executable, __file__, "--subject", part, engine, str(output), "--artifacts", str(artifacts)]
            printed = subprocess.run(
                [*command, "--pipeline", pipeline],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            ).stdout
            figures[engine].append(json.loads(printed.splitlines()[-1]))
            print(json.dumps({"part": part, "engine": engine, **figures[engine][-1]}), flush=True)
    if set(engines) == set(ENGINES):
        stock, arrays = (
            {name: min(turn[name] for turn in figures[engine]) for name in ("seconds", "processor_s")}
            for engine in ENGINES
        )
        ratios = {f"stock / arrays, {name}": round(stock[name] / arrays[name], 1) for name in stock}
        print(json.dumps({"part": part, **ratios, "asked for": TARGET_RATIOS[part]}), flush=True)


def measure(part: Callable[[Run, str], Work], run: Run, engine: str) -> None:
    """Does the work of one subject in this process and prints what it took."""
    logging.disable(logging.WARNING)
    start = time.perf_counter()
    work = part(run, engine)
    imported, processor = time.perf_counter(), time.process_time()
    work()
    figures = {
        "seconds": round(time.perf_counter() - imported, 2),
        "processor_s": round(time.process_time() - processor, 2),
        "imports_s": round(imported - start, 2),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 1024),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
