"""Executor of `Transform`."""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

from tfx import types
from tfx.types import artifact_utils

from ..array_executor import ArrayExecutor
from ..artifact_files import local_folder, num_rows, read_schema, split_files, unreadable
from ..engine import choose_engine
from ..examples import read_examples
from ..settings import check_settings
from ..tfx_api import json_utils
from .settings import TransformConfig

ANALYZED_SPLIT = "train"
FILE_NAME = "transformed_examples-00000-of-00001.gz"


class Executor(ArrayExecutor):
    """Transforms by arrays, or lets TFX's executor transform by Beam."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the transform graph, analyzed on the split `train`, and the transformed examples of each split.

        Raises:
            ConfigurationError: if arrays are asked for and cannot compute an analyzer, or the examples are in files
                that they cannot read.
            DataError: if a feature that is a number by its kind holds text, an example does not fit the schema, or
                there is no split `train`.
        """
        # Imported where needed: the import of TensorFlow Transform takes a while, that of TFX's executor seconds.
        from .arrays import ArrayTransform
        from .preprocessing import preprocessing_fn

        examples = input_dict["examples"]
        schema = read_schema(artifact_utils.get_single_instance(input_dict["schema"]))
        custom_config = json_utils.loads(exec_properties["custom_config"])
        engine = check_settings(TransformConfig, custom_config, "Transform's `custom_config`").engine
        transform, unsupported = None, next(filter(None, map(unreadable, examples)), "")
        if engine != "beam" and not unsupported:
            preprocess = functools.partial(preprocessing_fn, custom_config=custom_config)
            transform = ArrayTransform(preprocess, schema)
            unsupported = transform.unsupported
        counts = [num_rows(artifact) for artifact in examples]
        rows = None if None in counts else sum(filter(None, counts))
        chosen = choose_engine(engine, "Transform", rows, len(schema.feature), unsupported)
        if chosen == "arrays" and transform is not None:
            _transform(transform, examples, output_dict)
            return
        from ..tfx_api import transform_executor

        transform_executor.Executor(self._context).Do(input_dict, output_dict, exec_properties)


def _transform(transform: Any, examples: list[types.Artifact], output_dict: dict[str, list[types.Artifact]]) -> None:
    def analyzed() -> Iterator[list[bytes]]:
        return read_examples(itertools.chain.from_iterable(split_files(one, ANALYZED_SPLIT) for one in examples))

    transform.analyze(analyzed)
    with local_folder(artifact_utils.get_single_uri(output_dict["transform_graph"])) as folder:
        transform.write_graph(folder)
    if len(examples) > 1:
        output_dict["transformed_examples"] = artifact_utils.replicate_artifacts(
            artifact_utils.get_single_instance(output_dict["transformed_examples"]), len(examples)
        )
    for source, target in zip(examples, output_dict["transformed_examples"], strict=True):
        target.split_names = source.split_names
        for split in artifact_utils.decode_split_names(source.split_names):
            with local_folder(artifact_utils.get_split_uri([target], split)) as folder:
                folder.mkdir(parents=True, exist_ok=True)
                transform.write_examples(read_examples(split_files(source, split)), folder / FILE_NAME)
