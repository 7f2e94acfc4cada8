"""`Transform`: TFX's, with our preprocessing or a function of one's own, and arrays in place of Beam."""

from tfx import types
from tfx.dsl.components.base import base_beam_component
from tfx.types import standard_artifacts, standard_component_specs

from ... import __version__
from ...dotted import require_defined
from ..engine import Engine
from ..executor_path import BeamExecutorPath
from ..prediction_task import PredictionTask
from ..tfx_api import json_utils
from .settings import TransformConfig, TransformSettings

PREPROCESSING_FN = "yachay.components.transform.preprocessing.preprocessing_fn"


class Transform(base_beam_component.BaseBeamComponent):
    """Transforms examples for a prediction task.

    The transform graph is TensorFlow Transform's, in its files, whichever engine computes it.

    Args:
        examples: channel of `Examples`. The ingested examples.
        schema: channel of `Schema`. A feature that it lacks is left out.
        task: `PredictionTask`.
        settings: `TransformSettings`. Defaults to our preprocessing.
        engine: string. `"arrays"`, `"beam"` or `"auto"`; see `components.engine`. Defaults to `"auto"`.

    Raises:
        ConfigurationError: if there is no such function of one's own.
    """

    SPEC_CLASS = standard_component_specs.TransformSpec
    EXECUTOR_SPEC = BeamExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        task: PredictionTask,
        settings: TransformSettings | None = None,
        engine: Engine = "auto",
    ) -> None:
        settings = settings or TransformSettings()
        if settings.preprocessing_fn is not None:
            require_defined(settings.preprocessing_fn, "`transform.preprocessing_fn`")
        config = TransformConfig(task=task, settings=settings, engine=engine, version=__version__)
        transformed_examples = types.Channel(type=standard_artifacts.Examples)
        transformed_examples.matching_channel_name = "examples"
        super().__init__(
            standard_component_specs.TransformSpec(
                examples=examples,
                schema=schema,
                preprocessing_fn=PREPROCESSING_FN,
                custom_config=json_utils.dumps(config.model_dump(mode="json")),
                force_tf_compat_v1=0,
                disable_statistics=1,
                transform_graph=types.Channel(type=standard_artifacts.TransformGraph),
                transformed_examples=transformed_examples,
            )
        )
