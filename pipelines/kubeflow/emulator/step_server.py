"""A fork server with what the steps of a spec import.

On a cluster each step's pod imports for itself, and the server does so once, while the first steps run.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ....fork_server import fork_server
from ...executor_modules import executor_modules
from ..spec.options import ENTRYPOINT
from .pod import base_environment, code_environment, container_environment

_EXECUTION = "yachay.pipelines.kubeflow.step.execution"


@contextlib.contextmanager
def step_server(executors: Mapping[str, Any], code: Sequence[Path], scratch: Path) -> Iterator[str]:
    """Starts the fork server of a spec; yields its address, which is empty where no step runs our entrypoint.

    Args:
        executors: mapping of label to executor, as in the spec.
        code: sequence of paths. Folders from which steps import.
        scratch: path of the folder in which the server has its home.
    """
    containers = [one["container"] for one in executors.values() if "container" in one]
    containers = [one for one in containers if ENTRYPOINT in one.get("command", ())]
    if not containers:
        yield ""
        return
    root = scratch / "fork-server"
    environment = base_environment(root) | code_environment(code)
    for name in ("HOME", "TMPDIR"):
        Path(environment[name]).mkdir(parents=True)
    shared = set.intersection(*(set(container_environment(one).items()) for one in containers))
    arguments = [argument for one in containers for argument in one.get("args", ())]
    with fork_server(step_modules(arguments), environment | dict(shared)) as address:
        yield address


def step_modules(arguments: Sequence[str]) -> list[str]:
    """Returns the modules that steps import, in the order of a pipeline's steps.

    Args:
        arguments: sequence of strings. Of the steps' containers.
    """
    return [_EXECUTION, *executor_modules(arguments)]
