"""Cold start of a compile: ours beside stock TFX's of the same chain, each as its own process.

    .venv/bin/python tests/benchmarks/compile.py [--repeats N]

Stock is what TFX's tutorials do: `from tfx import v1`, then `KubeflowV2DagRunner` to a 2.1 YAML. The chain is the same,
so that the difference is the import and the runner; its resolver gets TFX's strategy, the only one that stock compiles.
The processes alternate; the fastest of each counts, in seconds of the wall and of the processor.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STOCK = """
import sys
from tfx import v1 as tfx
from yachay.components.tfx_api import set_resolver_strategy
from yachay.pipelines.chain import create_pipeline
from yachay.pipelines.context import RunContext
from yachay.pipelines.registry import find_pipeline

folder = find_pipeline("student_dropout")
config = folder.load()
context = RunContext(
    task="semester2",
    data_uri="data.csv",
    schema_text=folder.schema_text(config),
    pipeline_root=sys.argv[1],
    model_store="",
)
pipeline = create_pipeline(config, context)
for node in pipeline.components:
    if isinstance(node, tfx.dsl.Resolver):
        set_resolver_strategy(node, tfx.dsl.experimental.LatestBlessedModelStrategy)
runner = tfx.orchestration.experimental
runner.KubeflowV2DagRunner(
    runner.KubeflowV2DagRunnerConfig(default_image="registry.example/yachay:1", use_pipeline_spec_2_1=True),
    output_dir=sys.argv[1],
    output_filename="stock.yaml",
).run(pipeline)
"""

OURS = "from yachay.cli.main import main; main()"


def main() -> None:
    """Measures and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    runs: dict[str, list[dict[str, float]]] = {"stock": [], "yachay": []}
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder, "ours.yaml"))
        arguments = ["compile", "student_dropout", "-o", output, "--image", "registry.example/yachay:1"]
        for _ in range(repeats):
            runs["stock"].append(_run(STOCK, folder))
            runs["yachay"].append(_run(OURS, *arguments))
    best = {name: {clock: min(run[clock] for run in runs[name]) for clock in ("wall", "processor")} for name in runs}
    ratio = {clock: round(best["yachay"][clock] / best["stock"][clock], 3) for clock in ("wall", "processor")}
    print(json.dumps({"seconds": best, "ratio": ratio, "runs": runs}, indent=2))


def _run(script: str, *arguments: str) -> dict[str, float]:
    """Returns the seconds that a process takes, on the wall and of the processor."""
    wall, processor = time.monotonic(), _children_seconds()
    subprocess.run(
        [sys.executable, "-c", script, *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return {"wall": round(time.monotonic() - wall, 2), "processor": round(_children_seconds() - processor, 2)}


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
