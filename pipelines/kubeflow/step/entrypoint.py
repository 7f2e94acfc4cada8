"""What a step's container runs: `python -m yachay.pipelines.kubeflow.step.entrypoint`, one process a step.

The arguments, as the compiler writes them:

- `--node NAME`: the task's name.
- `--executor PATH`: dotted path of a TFX executor class; or `--resolve data|baseline`: a step that only sets
  the output parameter `uri`.
- `--component JSON`: the component's `inputDefinitions` and `outputDefinitions`, as in the spec. The types of artifacts
  come from here, for the driver knows none; an artifact input with `isOptional` whose files are absent is left out.
- `--options JSON`: what else the compiler knows (`StepOptions`).
- `--executor-input {{$}}`: the `ExecutorInput` that the launcher fills in. Unknown fields, undeclared outputs (such as
  `executor-logs`) and the types in it are ignored.

Around the step:

- `gs://b/k` lies at `/gcs/b/k`, `s3://` at `/s3/`, `minio://` at `/minio/`, `oci://x/y` at `/oci/x_y/models`, or at the
  artifact's `customPath`; any other URI is a local path as it stands. `YACHAY_MOUNT_ROOT` is a folder in place of `/`.
- Inputs are there before the process starts, outputs are taken after it ends with 0. Both are the launcher's work.
- The `ExecutorOutput` goes to `outputs.outputFile`, and each output parameter also to its own `outputFile`.
- Only `--resolve baseline` and the Pusher's step open the object store themselves, for the pointer object
  `<pipeline_root>/<pipeline>/latest_blessed.json`. `YACHAY_OBJECT_STORE` is a folder that stands for all stores:
  `minio://b/k` is `<folder>/minio/b/k` (`gs/`, `s3/` likewise).
- Exit status: 0 done, 1 failed, 2 arguments that cannot be read. The last line of standard output is one JSON object:
  `{"node", "state": "done", "rows", "seconds", "peak_memory_mb"}`, or with `"state": "failed"` and `"error"`. On
  failure no output is left behind.
"""

import argparse
import json
import os
import resource
import sys
import time
import traceback
from typing import Any, NoReturn

from ....deferred import defer_imports, let_threads_sleep
from ....errors import YachayError
from ..spec.options import StepOptions
from .executor_input import read_executor_input

DONE, FAILED = 0, 1


def main(arguments: list[str] | None = None) -> int:
    """Runs a step and returns its exit status."""
    parsed = _parse(sys.argv[1:] if arguments is None else arguments)
    start = time.monotonic()
    try:
        rows = _run(parsed)
    except BaseException as error:
        traceback.print_exc()
        _report(parsed.node, start, state="failed", error=_reason(error))
        return FAILED
    _report(parsed.node, start, state="done", rows=rows)
    return DONE


def _run(parsed: argparse.Namespace) -> int | None:
    options = StepOptions.from_json(parsed.options)
    step = read_executor_input(json.loads(parsed.executor_input), json.loads(parsed.component))
    if parsed.resolve:
        from .resolve import resolve

        resolve(parsed.resolve, step, options)
        return None
    # TFX takes time to import: a resolve step must not wait for it.
    from .execution import discard_outputs, execute

    try:
        return execute(parsed.node, parsed.executor, step, options)
    except BaseException:
        discard_outputs(step)
        raise


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="yachay.pipelines.kubeflow.step.entrypoint", allow_abbrev=False)
    parser.add_argument("--node", required=True)
    work = parser.add_mutually_exclusive_group(required=True)
    work.add_argument("--executor")
    work.add_argument("--resolve", choices=("data", "baseline"))
    for name in ("--component", "--options", "--executor-input"):
        parser.add_argument(name, required=True)
    return parser.parse_args(arguments)


def _report(node: str, start: float, **facts: Any) -> None:
    sys.stderr.flush()
    peak_memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    seconds = round(time.monotonic() - start, 2)
    print(json.dumps({"node": node, **facts, "seconds": seconds, "peak_memory_mb": round(peak_memory_mb)}), flush=True)


def _reason(error: BaseException) -> str:
    if isinstance(error, YachayError):
        return str(error)
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}".rstrip(": ")


def run() -> NoReturn:
    """Runs a step and ends the process."""
    let_threads_sleep()
    defer_imports()
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Past the interpreter's shutdown, in which TensorFlow's and gRPC's threads are known to crash once all is done.
    os._exit(status)


if __name__ == "__main__":
    run()
