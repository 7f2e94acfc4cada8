"""Cold start of a compile: ours beside stock TFX's of the same chain, each as its own process.

    .venv/bin/python tests/benchmarks/compile.py [--repeats N]

Stock is what TFX's tutorials do: `from tfx import v1`, then `KubeflowV2DagRunner` to a 2.1 YAML. The chain is the same,
so that the difference is the import and the runner. The processes alternate; the fastest of each counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STOCK = """
import sys
from tfx import v1 as tfx
from yachay.pipelines.chain import RunContext, create_pipeline
from yachay.pipelines.registry import find_pipeline

folder = find_pipeline("student_dropout")
config = folder.load()
context = RunContext("semester2", "", False, folder.schema_text(config), sys.argv[1], "")
runner = tfx.orchestration.experimental
runner.KubeflowV2DagRunner(
    runner.KubeflowV2DagRunnerConfig(default_image="registry.example/yachay:1", use_pipeline_spec_2_1=True),
    output_dir=sys.argv[1],
    output_filename="stock.yaml",
).run(create_pipeline(config, context))
"""

OURS = "from yachay.cli.main import main; main()"


def main() -> None:
    """Measures and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    seconds: dict[str, list[float]] = {"stock": [], "yachay": []}
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder, "ours.yaml"))
        arguments = ["compile", "student_dropout", "-o", output, "--image", "registry.example/yachay:1"]
        for _ in range(repeats):
            seconds["stock"].append(_run(STOCK, folder))
            seconds["yachay"].append(_run(OURS, *arguments))
    best = {name: min(runs) for name, runs in seconds.items()}
    print(json.dumps({"seconds": best, "ratio": round(best["yachay"] / best["stock"], 3), "runs": seconds}, indent=2))


def _run(script: str, *arguments: str) -> float:
    start = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", script, *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return round(time.monotonic() - start, 2)


if __name__ == "__main__":
    main()
