"""`BatchPredictor`: scores files of records with the champion."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec

from ...model_store.location import check_location
from ..engine import Engine
from ..example_gen.settings import ReadSettings
from ..executor_path import BeamExecutorPath
from ..pusher.settings import PushSettings
from .artifacts import Predictions
from .settings import PredictSettings, reading_of


class BatchPredictorSpec(component_spec.ComponentSpec):
    """Interface of `BatchPredictor`."""

    PARAMETERS = {
        "data_uri": component_spec.ExecutionParameter(type=str),
        "output_uri": component_spec.ExecutionParameter(type=str),
        "store": component_spec.ExecutionParameter(type=str),
        "push": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "read": component_spec.ExecutionParameter(type=str),
        "engine": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {"predictions": component_spec.ChannelParameter(type=Predictions)}


class BatchPredictor(base_component.BaseComponent):
    """Scores files of records with the newest push of a model store, and writes one file of predictions.

    Records that do not fit go to a quarantine beside it, with line and reason. The output is complete or absent, and
    one that is there is replaced.

    Args:
        data_uri: string. The records: a file, a folder or a pattern, here or in a bucket. Defaults to `settings.data`.
        output_uri: string. The file of the predictions. Defaults to `settings.output`; where that is empty too, it is
            `predictions.parquet` in the artifact.
        store: string. The model store. Defaults to that of `push`.
        push: `PushSettings`. How the store is opened. Defaults to their defaults.
        settings: `PredictSettings`. Defaults to their defaults.
        read: `ReadSettings`. How the files are read. Defaults to their defaults.
        engine: string. `"arrays"` in the processes of one machine, `"beam"` on the runner of the pipeline's Beam
            arguments, or `"auto"`, which is Beam where these name a runner. Defaults to `"auto"`.

    Raises:
        UsageError: if there cannot be a store at such a place.
    """

    SPEC_CLASS = BatchPredictorSpec
    EXECUTOR_SPEC = BeamExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        data_uri: str = "",
        output_uri: str = "",
        store: str = "",
        push: PushSettings = PushSettings(),  # noqa: B008
        settings: PredictSettings = PredictSettings(),  # noqa: B008
        read: ReadSettings = ReadSettings(),  # noqa: B008
        engine: Engine = "auto",
    ) -> None:
        store = store or push.store
        check_location(store, push.mount)
        super().__init__(
            BatchPredictorSpec(
                data_uri=data_uri or settings.data,
                output_uri=output_uri or settings.output,
                store=store,
                push=push.to_property(),
                settings=settings.to_property(),
                read=reading_of(read).to_property(),
                engine=engine,
                predictions=types.Channel(type=Predictions),
            )
        )
