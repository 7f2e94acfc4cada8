"""Finds pipelines: the library's own, those of installed packages, and folders named by a path."""

import dataclasses
import importlib.metadata
import importlib.resources
import warnings
from collections.abc import Sequence
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2

from ..errors import UsageError, suggestion
from ..schemas import load_schema, read_schema, schema_path
from .config.pipeline_config import CONFIG_FILE, PipelineConfig, load_config

ENTRY_POINT_GROUP = "yachay.pipelines"


@dataclasses.dataclass(frozen=True)
class PipelineFolder:
    """A folder that holds a pipeline's configuration.

    Args:
        path: path of the folder.
        config_path: path of the configuration.
    """

    path: Path
    config_path: Path

    def load(self, overrides: Sequence[str] = ()) -> PipelineConfig:
        """Returns the configuration, checked."""
        return load_config(self.config_path, overrides)

    def schema_text(self, config: PipelineConfig) -> str:
        """Returns the curated schema in text form: a shipped one by name, or a `.pbtxt` file of the folder.

        Raises:
            SchemaError: if there is no such schema, or it cannot be read.
        """
        return read_schema(self._schema_path(config))

    def schema(self, config: PipelineConfig) -> schema_pb2.Schema:
        """Returns the curated schema.

        Raises:
            SchemaError: if there is no such schema, or it cannot be read.
        """
        return load_schema(self._schema_path(config))

    def _schema_path(self, config: PipelineConfig) -> Path:
        name = config.data.schema_name
        return self.path / name if name.endswith(".pbtxt") else schema_path(name)


def find_pipelines() -> dict[str, PipelineFolder]:
    """Returns the library's own pipelines and those that installed packages offer, by name."""
    folders = {path.name: path for path in sorted(Path(__file__).parent.iterdir()) if (path / CONFIG_FILE).is_file()}
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        try:
            folders.setdefault(entry_point.name, Path(str(importlib.resources.files(entry_point.value))))
        except ImportError as error:
            warnings.warn(
                f"The pipeline {entry_point.name!r} of an installed package is left out: {error}", stacklevel=2
            )
    return {name: PipelineFolder(path, path / CONFIG_FILE) for name, path in folders.items()}


def find_pipeline(name: str, config_path: Path | None = None) -> PipelineFolder:
    """Returns a pipeline by its name or by the path of its folder.

    Args:
        name: string. Name of a known pipeline, or path of a folder with a `config.yaml`.
        config_path: path of a configuration to take in place of the folder's own. Defaults to None.

    Raises:
        UsageError: if there is no such pipeline.
    """
    known = find_pipelines()
    if name in known:
        folder = known[name]
    elif name and (Path(name) / CONFIG_FILE).is_file():
        folder = PipelineFolder(Path(name).resolve(), Path(name).resolve() / CONFIG_FILE)
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
