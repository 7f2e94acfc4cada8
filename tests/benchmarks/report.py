"""Seconds of the Evaluator and of the evaluation report, with bootstrap intervals and without, on the same run.

Run `python tests/benchmarks/report.py [--data FILE] [--rows N] [--rounds 3]`. A pipeline runs first, on mock records
where no file is named, with `--rows` on so many of four columns, of which a third is evaluated; `--artifacts` names the
folder of those of a run instead. Then, in one process after the imports and a round to warm up, the Evaluator's `Do`
and the report (from the artifacts to its three files) are timed in turn. Each figure is the fastest round; those of the
processor depend less on what else the machine does. The peak of the memory is that of the whole process.
"""

import argparse
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chain import synthetic
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx.types import artifact_utils, standard_artifacts

from yachay.components.evaluation_report.analysis.build import build_report
from yachay.components.evaluation_report.analysis.inputs import Inputs
from yachay.components.evaluation_report.analysis.resampling import MAX_RESAMPLES
from yachay.components.evaluation_report.report_files import write_report
from yachay.components.evaluator.executor import Executor
from yachay.pipelines.assembly import BEAM_ARGS
from yachay.pipelines.config.load import load_config
from yachay.pipelines.registry import find_pipeline
from yachay.pipelines.report_config import report_config

PIPELINE, TASK = "student_dropout", "semester2"
TARGET_RATIO = 1.5


def run_pipeline(pipeline: str, task: str, data: Path | None, workdir: Path) -> Path:
    """Runs a pipeline and returns the folder of its artifacts."""
    command = [sys.executable, "-m", "yachay.cli.main", "run", pipeline, "--task", task, "--workdir", str(workdir)]
    share = [] if pipeline == PIPELINE else ["--set", "split.eval_share=0.33"]
    subprocess.run([*command, *share, *(["--data", str(data)] if data else [])], check=False, capture_output=True)
    [artifacts] = workdir.glob("*/artifacts")
    return artifacts


def only(artifacts: Path, output: str) -> Path:
    """Returns the folder of the only artifact of an output."""
    [folder] = (artifacts / output).iterdir()
    return folder


def evaluate(artifacts: Path, config: Any, task: str, folder: Path) -> None:
    """Runs the Evaluator."""
    examples, model = standard_artifacts.Examples(), standard_artifacts.Model()
    examples.uri, model.uri = str(only(artifacts, "ColumnarExampleGen/examples")), str(only(artifacts, "Trainer/model"))
    examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = str(folder / "evaluation"), str(folder / "blessing")
    Executor(Executor.Context(beam_pipeline_args=list(BEAM_ARGS), tmp_dir=str(folder), unique_id="1")).Do(
        {"examples": [examples], "model": [model]},
        {"evaluation": [evaluation], "blessing": [blessing]},
        {
            "task": config.prediction_task(task).to_property(),
            "settings": config.evaluation_settings(task).to_property(),
            "engine": "auto",
        },
    )


def report(artifacts: Path, config: Any, task: str, num_resamples: int, folder: Path) -> None:
    """Builds the report and writes it."""
    statistics = {
        split: statistics_pb2.DatasetFeatureStatisticsList.FromString(
            (only(artifacts, "StatisticsGen/statistics") / f"Split-{split}" / "FeatureStats.pb").read_bytes()
        ).datasets[0]
        for split in ("train", "eval")
    }
    schema_text = (only(artifacts, "CuratedSchema/schema") / "schema.pbtxt").read_text()
    examples = only(artifacts, "ColumnarExampleGen/examples") / "Split-eval"
    inputs = Inputs(
        config=report_config(config, task),
        model_path=str(only(artifacts, "Trainer/model") / "Format-Serving"),
        example_files=sorted(map(str, examples.iterdir())),
        evaluation=only(artifacts, "Evaluator/evaluation"),
        statistics=statistics,
        schema=text_format.Parse(schema_text, schema_pb2.Schema()),
    )
    write_report(build_report(inputs, num_resamples), folder)


def seconds(work: Callable[[], None]) -> tuple[float, float]:
    """Returns the seconds of a piece of work, on the wall and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    """Measures and prints all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--pipeline", help="the pipeline of --artifacts, where it is another")
    parser.add_argument("--artifacts", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipeline, data = arguments.pipeline or PIPELINE, arguments.data
        if arguments.rows:
            pipeline, data = synthetic(folder, arguments.rows, 4)
        config = load_config(find_pipeline(pipeline).config_path)
        task = TASK if pipeline == PIPELINE else config.default_task
        artifacts = arguments.artifacts or run_pipeline(pipeline, task, data, folder / "runs")
        subjects: dict[str, Callable[[], None]] = {
            "Evaluator": lambda: evaluate(artifacts, config, task, folder),
            "report without intervals": lambda: report(artifacts, config, task, 0, folder / "plain"),
            "report with intervals": lambda: report(artifacts, config, task, MAX_RESAMPLES, folder / "intervals"),
        }
        rounds = [{name: seconds(work) for name, work in subjects.items()} for _ in range(arguments.rounds + 1)]
        page = (folder / "intervals" / "report.html").stat().st_size
    for place, clock in enumerate(("wall", "processor")):
        fastest = {name: min(one[name][place] for one in rounds[1:]) for name in subjects}
        for name, taken in fastest.items():
            print(f"{name:26} {taken:6.2f} s  {clock}")
        evaluator, plain, intervals = fastest.values()
        ratio = (evaluator + intervals) / (evaluator + plain)
        print(f"both, with intervals over without: {ratio:.2f} (at most {TARGET_RATIO} is asked for)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 1024)
    print(f"page {page / 1000:,.0f} kB, peak of the memory {peak:,} MiB")


if __name__ == "__main__":
    main()
