"""`Transform`: TFX's, with our preprocessing, or with a function of one's own."""

from tfx import types
from tfx.components.transform.component import Transform as TfxTransform

from ... import __version__
from ...dotted import require_defined
from ..prediction_task import PredictionTask
from .settings import TransformConfig, TransformSettings

PREPROCESSING_FN = "yachay.components.transform.preprocessing.preprocessing_fn"


class Transform(TfxTransform):
    """Transforms examples for a prediction task.

    Args:
        examples: channel of `Examples`. The ingested examples.
        schema: channel of `Schema`. A feature that it lacks is left out.
        task: `PredictionTask`.
        settings: `TransformSettings`. Defaults to our preprocessing.

    Raises:
        ConfigurationError: if there is no such function of one's own.
    """

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        task: PredictionTask,
        settings: TransformSettings | None = None,
    ) -> None:
        settings = settings or TransformSettings()
        if settings.preprocessing_fn is not None:
            require_defined(settings.preprocessing_fn, "`transform.preprocessing_fn`")
        config = TransformConfig(task=task, settings=settings, version=__version__)
        super().__init__(
            examples=examples,
            schema=schema,
            preprocessing_fn=PREPROCESSING_FN,
            custom_config=config.model_dump(mode="json"),
            disable_statistics=True,
            disable_analyzer_cache=True,
        )
