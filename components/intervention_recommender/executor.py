"""Executor of `InterventionRecommender`."""

from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from ...files import scratch_folder
from ..artifact_files import local_folder, read_schema, split_files
from ..examples import read_examples
from ..sequences import stored_schema
from ..tfx_api import model_utils
from .outputs import write_outputs
from .recommend import recommend
from .settings import RecommenderConfig


class Executor(base_executor.BaseExecutor):
    """Reads the examples, trains the bootstrap's models and writes the recommendation."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the files of `outputs.write_outputs`.

        Raises:
            DataError: if a community stands there twice or has no region, or the polygons are of others.
            ModelError: if a model cannot be trained.
            UsageError: if the budget or the floors of the configuration could not be met, whatever the models found.
        """
        config = RecommenderConfig.from_property(exec_properties["config"])
        schema = stored_schema(read_schema(artifact_utils.get_single_instance(input_dict["schema"])))
        artifact = artifact_utils.get_single_instance(input_dict["examples"])
        files = [file for split in config.splits for file in split_files(artifact, split)]
        examples = [example for batch in read_examples(files) for example in batch]
        polygons = None
        with scratch_folder() as scratch:
            if uri := exec_properties["polygons"]:
                polygons = _local(uri, scratch)
            blessing = input_dict.get("blessing")
            is_blessed = model_utils.is_model_blessed(blessing[0]) if blessing else None
            result = recommend(examples, schema, config, is_blessed, polygons=polygons)
            with local_folder(artifact_utils.get_single_uri(output_dict["recommendation"])) as folder:
                folder.mkdir(parents=True, exist_ok=True)
                write_outputs(result, folder, polygons)


def _local(uri: str, scratch: Path) -> Path:
    if "://" not in uri:
        return Path(uri)
    path = scratch / "polygons.geojson"
    fileio.copy(uri, str(path))
    return path
