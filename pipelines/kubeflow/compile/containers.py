"""The containers of steps: image, command and arguments."""

import dataclasses
import json
import re
from collections.abc import Sequence
from typing import Any

from ....errors import CompileError
from ..spec.options import ENTRYPOINT, StepOptions

Json = dict[str, Any]

COMMAND = ("python", "-m", ENTRYPOINT)
EXECUTOR_INPUT = "{{$}}"

# Linux's MAX_ARG_STRLEN, with room for what the launcher adds to the executor input.
MAX_ARGUMENT_BYTES = 128 * 1024
_LAUNCHERS_SHARE = 16 * 1024

_URI = re.compile(r"(\{\{\$\.(?:inputs|outputs)\.artifacts\['[^']+'\])\.uri\}\}")
_VALUE = re.compile(r"\{\{\$\.inputs\.artifacts\['([^']+)'\]\.value\}\}")


def step_container(name: str, image: str, executor: str, component: Json, options: StepOptions) -> Json:
    """Returns the container of a step that runs a TFX executor.

    Args:
        name: string. Name of the task; in the arguments it keeps apart steps that are otherwise alike, for Kubeflow
            Pipelines distinguishes components by their containers.
        image: string.
        executor: string. Dotted path of the executor's class.
        component: dict. The component's interface.
        options: `StepOptions`.
    """
    return _container(name, image, ["--executor", executor], component, options)


def resolve_container(name: str, image: str, what: str, component: Json, options: StepOptions) -> Json:
    """Returns the container of a step that returns a URI; `what` is `"data"` or `"baseline"`."""
    return _container(name, image, ["--resolve", what], component, options)


def place_container(container: Json, image: str, accelerators: int) -> None:
    """Gives a step of ours its image, and lets it know how many devices it asks for."""
    container["image"] = image
    if accelerators:
        position = container["args"].index("--options") + 1
        options = StepOptions.from_json(container["args"][position])
        container["args"][position] = dataclasses.replace(options, accelerators=accelerators).to_json()


def is_step(container: Json) -> bool:
    """Returns whether a container runs our entrypoint."""
    return bool(container["command"] == list(COMMAND))


def own_container(name: str, container: Json) -> Json:
    """Returns the container of a node that brings its own image and command.

    Raises:
        CompileError: if its command takes what the launcher does not fill in.
    """
    command = []
    for part in container["command"]:
        if match := _VALUE.search(part):
            raise CompileError(
                f"Expected the command of {name!r} to take paths of artifacts. Received: the value of {match[1]!r}, "
                "which Kubeflow Pipelines does not fill in. Pass the path (InputUriPlaceholder) and read the file."
            )
        # A URI would be taken for a path: the program would write beside the store, and nobody would notice.
        command.append(_URI.sub(r"\1.path}}", part))
    return {**container, "command": command, "env": [{"name": "YACHAY_NODE", "value": name}]}


def beam_args(container: Json) -> tuple[str, ...]:
    """Returns the Beam arguments in the container that TFX makes."""
    arguments = container["args"]
    return tuple(arguments[arguments.index("--json_serialized_inputs_spec_args") + 2 :])


def check_size(node: str, arguments: Sequence[str], task: Json) -> None:
    """Rejects a step with an argument that Linux does not take.

    Raises:
        CompileError: if one is too long, or the parameters are, which all come in one argument.
    """
    for argument in arguments:
        _check_size(node, "an argument", len(argument.encode()))
    parameters = task.get("inputs", {}).get("parameters", {})
    constants = {
        name: source["runtimeValue"]["constant"] for name, source in parameters.items() if "runtimeValue" in source
    }
    _check_size(node, "the parameters", len(json.dumps(constants).encode()) + _LAUNCHERS_SHARE)


def _check_size(node: str, what: str, size: int) -> None:
    if size >= MAX_ARGUMENT_BYTES:
        raise CompileError(
            f"Expected {what} of {node!r} to have less than {MAX_ARGUMENT_BYTES:,} bytes, for Linux takes no longer "
            f"one. Received: {size:,}. Put what is large into a file of the image or an artifact."
        )


def _container(name: str, image: str, work: list[str], component: Json, options: StepOptions) -> Json:
    interface = {key: component[key] for key in ("inputDefinitions", "outputDefinitions") if key in component}
    return {
        "image": image,
        "command": list(COMMAND),
        "args": [
            *("--node", name),
            *work,
            *("--component", json.dumps(interface, sort_keys=True)),
            *("--options", options.to_json()),
            *("--executor-input", EXECUTOR_INPUT),
        ],
    }
