"""Finds pipelines: the library's own, those of installed packages, and folders named by a path."""

import dataclasses
import importlib
import importlib.metadata
import importlib.resources
import importlib.util
import keyword
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..dotted import top_level_names
from ..errors import ConfigurationError, UsageError, suggestion
from ..schemas import SchemaError, load_schema, schema_path
from .config.load import Doors, load_config
from .config.pipeline_config import CONFIG_FILE, PipelineConfig

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

ENTRY_POINT_GROUP = "yachay.pipelines"

_EXTENSIONS = ("model", "report")
"""The modules of a folder that may bring model families, metrics and page sections."""

_imported: dict[str, Path] = {}
"""The folders named by a path that this process imports, by their package."""


@dataclasses.dataclass(frozen=True)
class PipelineFolder:
    """A folder that holds a pipeline's configuration, and on request its code.

    Args:
        path: path of the folder.
        config_path: path of the configuration.
        package: string. The dotted package of the folder; empty where it has none.
        problem: string. Why an installed package's pipeline cannot be used; empty where it can.
    """

    path: Path
    config_path: Path
    package: str = ""
    problem: str = ""

    def load(self, overrides: Sequence[str] = (), profile: str = "") -> PipelineConfig:
        """Returns the configuration, checked by itself and against its schema.

        Args:
            overrides: sequence of `"a.b=value"` strings. Defaults to none.
            profile: string. Name of the profile to lay over the configuration. Defaults to none.

        Raises:
            ConfigurationError: if it is invalid; the message lists every field that does not fit.
            UsageError: if there is no such profile.
        """
        if self.problem:
            raise ConfigurationError(self.problem)
        return load_config(self.config_path, overrides, profile, self.doors(), self._load_schema)

    def doors(self) -> Doors:
        """Returns what the folder brings beside its configuration."""
        return Doors(
            package=self.package,
            extensions=tuple(f".{name}" for name in _EXTENSIONS if (self.path / f"{name}.py").is_file()),
            path=self.path,
            has_pipeline=(self.path / "pipeline.py").is_file()
            and "create_pipeline" in top_level_names(self.path / "pipeline.py"),
        )

    def schema_text(self, config: PipelineConfig) -> str:
        """Returns the curated schema in text form: a shipped one by name, or a `.pbtxt` file of the folder.

        Raises:
            ConfigurationError: if there is no such schema, or it cannot be read.
        """
        self.schema(config)
        return self._schema_path(config.data.schema_name).read_text(encoding="utf-8")

    def schema(self, config: PipelineConfig) -> "schema_pb2.Schema":
        """Returns the curated schema.

        Raises:
            ConfigurationError: if there is no such schema, or it cannot be read.
        """
        return self._load_schema(config.data.schema_name)

    def _load_schema(self, name: str) -> "schema_pb2.Schema":
        try:
            return load_schema(self._schema_path(name))
        except SchemaError as error:
            raise ConfigurationError(str(error)) from None

    def _schema_path(self, name: str) -> Path:
        return self.path / name if name.endswith(".pbtxt") else schema_path(name)


def find_pipelines() -> dict[str, PipelineFolder]:
    """Returns the library's own pipelines and those that installed packages offer, by name.

    A package that does not import stands there with the reason, which `load` raises.
    """
    own = [path for path in sorted(Path(__file__).parent.iterdir()) if (path / CONFIG_FILE).is_file()]
    folders = {path.name: PipelineFolder(path, path / CONFIG_FILE, f"{__package__}.{path.name}") for path in own}
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        if entry_point.name not in folders:
            folders[entry_point.name] = _installed(entry_point.name, entry_point.value)
    return folders


def find_pipeline(name: str, config_path: Path | None = None) -> PipelineFolder:
    """Returns a pipeline by its name or by the path of its folder, whose code becomes importable.

    Args:
        name: string. Name of a known pipeline, or path of a folder with a `config.yaml`.
        config_path: path of a configuration to take in place of the folder's own. Defaults to None.

    Raises:
        UsageError: if there is no such pipeline, or the folder's code has the name of another package.
    """
    known = find_pipelines()
    if name in known:
        folder = known[name]
    elif name and (Path(name) / CONFIG_FILE).is_file():
        path = Path(name).resolve()
        folder = PipelineFolder(path, path / CONFIG_FILE, _import_folder(path))
    elif name and Path(name).is_dir():
        raise UsageError(
            f"Expected the folder {name} to hold a {CONFIG_FILE}. Received: none there. Make one with `yachay new`."
        )
    else:
        raise UsageError(
            f"Expected a pipeline ({', '.join(known)}) or the path of a folder with a {CONFIG_FILE}. "
            f"Received: {name!r}.{suggestion(name, known)}"
        )
    return folder if config_path is None else dataclasses.replace(folder, config_path=config_path)


def _installed(name: str, package: str) -> PipelineFolder:
    try:
        path = Path(str(importlib.resources.files(package)))
    except (Exception, SystemExit) as error:  # A package may fail in any way when it is imported.
        problem = (
            f"Expected the package {package!r} of the installed pipeline {name!r} to import. "
            f"Received: {type(error).__name__}: {error}. Correct the package, or uninstall it."
        )
        return PipelineFolder(Path(), Path(), package, problem)
    return PipelineFolder(path, path / CONFIG_FILE, package)


def _import_folder(path: Path) -> str:
    """Makes the code of a folder importable under the folder's name, here and in subprocesses, and returns the name.

    The parent comes last of the paths, so that nothing in it hides an installed package.

    Raises:
        UsageError: if another package has that name.
    """
    name, parent = path.name, str(path.parent)
    if not name.isidentifier() or keyword.iskeyword(name):
        return ""
    if not any(path.glob("*.py")):
        return name
    if (other := _imported.get(name)) is not None and other != path:
        _forget(name, str(other.parent))
    if parent not in sys.path:
        sys.path.append(parent)
    searched = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    if parent not in searched:
        os.environ["PYTHONPATH"] = os.pathsep.join([*searched, parent])
    importlib.invalidate_caches()
    spec = importlib.util.find_spec(name)
    found = next(iter(spec.submodule_search_locations or ()), spec.origin) if spec else None
    if found is None or Path(found).resolve() != path:
        raise UsageError(
            f"Expected the folder {path} to have a name that no other package has, for it holds code. "
            f"Received: {name!r}, which is {found} already. Rename the folder."
        )
    _imported[name] = path
    return name


def _forget(package: str, parent: str) -> None:
    """Takes a folder of the same name, named earlier in this process, from what can be imported."""
    if parent in sys.path:
        sys.path.remove(parent)
    searched = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(one for one in searched if one != parent)
    for module in [one for one in sys.modules if one == package or one.startswith(f"{package}.")]:
        del sys.modules[module]
