"""Settings of the preprocessing."""

from ..engine import Engine
from ..prediction_task import PredictionTask
from ..settings import Settings


class TransformSettings(Settings):
    """How raw features become numbers.

    Args:
        preprocessing_fn: string or None. Dotted path of a function of one's own, of `inputs` and the `TransformConfig`,
            that returns the transformed features; the label and the key of the split are added where it leaves them
            out. Defaults to None: ours.
    """

    preprocessing_fn: str | None = None


class TransformConfig(Settings):
    """The `custom_config` of TFX's Transform, which `preprocessing_fn` reads.

    Args:
        task: `PredictionTask`.
        settings: `TransformSettings`.
        engine: string. What computes the analyzers and transforms, see `components.engine`. Defaults to `"auto"`.
        version: string. The library's version: after an upgrade no result is taken from TFX's cache.
    """

    task: PredictionTask
    settings: TransformSettings = TransformSettings()
    engine: Engine = "auto"
    version: str = ""
