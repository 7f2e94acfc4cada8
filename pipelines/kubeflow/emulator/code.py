"""The pipeline's own code, which an image would hold: a folder of it becomes importable for the steps."""

import importlib.util
import json
import site
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf import json_format

from ....errors import UsageError
from ..spec.options import StepOptions
from ..spec.package import Package


def find_code(package: Package, near: Sequence[Path]) -> list[Path]:
    """Returns the folders that the steps need on their `PYTHONPATH`: none where the pipeline's code is installed.

    Args:
        package: `Package`. Its steps say which Python package holds the pipeline's own code.
        near: sequence of paths. Folders to look in for what this process cannot import.

    Raises:
        UsageError: if the code is nowhere.
    """
    folders: list[Path] = []
    for name in sorted({options.package.partition(".")[0] for options in step_options(package)} - {""}):
        folder = _imported_from(name) or next((one.resolve() for one in near if (one / name).is_dir()), None)
        if folder is None:
            looked = ", ".join(str(path) for path in near)
            raise UsageError(
                f"Expected to import the package {name!r}, which holds code of the pipeline {package.name}. Received: "
                f"none installed, and no folder {name} in {looked}. Install it, or run this command in the folder that "
                "holds it."
            )
        if not _is_installed(folder):
            folders.append(folder)
    return folders


def step_options(package: Package) -> Iterator[StepOptions]:
    """Yields the options of the steps that run our entrypoint."""
    executors = json_format.MessageToDict(package.pipeline_spec.deployment_spec).get("executors", {})
    for executor in executors.values():
        arguments = executor.get("container", {}).get("args", [])
        if "--options" in arguments:
            text = arguments[arguments.index("--options") + 1]
            if isinstance(json.loads(text), dict):
                yield StepOptions.from_json(text)


def _imported_from(name: str) -> Path | None:
    """Returns the folder from which this process would import a package."""
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if spec is None or not (places or spec.origin):
        return None
    return Path(places[0] if places else str(spec.origin)).resolve().parent


def _is_installed(folder: Path) -> bool:
    installed = [*site.getsitepackages(), *(sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib"))]
    return any(folder.is_relative_to(Path(path).resolve()) for path in installed)
