"""`Pusher`: pushes a blessed model that predicts in a session and in the predict API as when it was trained."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts

from ...model_store.location import check_location
from ..drift_monitor.reference import ReferenceConfig
from ..executor_path import ExecutorPath
from .settings import PushSettings


class PusherSpec(component_spec.ComponentSpec):
    """Interface of `Pusher`."""

    PARAMETERS = {
        "store": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "deploy": component_spec.ExecutionParameter(type=str),
        "reference": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }
    OUTPUTS = {"pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}


class Pusher(base_component.BaseComponent):
    """Copies a blessed model into a model store.

    A model without a blessing is left alone; the property `pushed` of `pushed_model` is 0 or 1. Before a push each
    signature must predict in a session loader, which is what TF Serving has, as in the Python loader; and the predict
    API, started on the model, must return for records of the eval split what the model did when it was trained. Where
    one does not, nothing is pushed, and the property `rejection` of `pushed_model` holds the reason.

    Args:
        model: channel of `Model`. The trained model.
        model_blessing: channel of `ModelBlessing`. The Evaluator's verdict.
        evaluation: channel of `ModelEvaluation`. Its overall metrics go into the pushed model's metadata.
        examples: channel of `Examples`, of any ExampleGen with a split `eval`. Records for the session check; those of
            `ColumnarExampleGen` also have the original column names and the data's fingerprint for the metadata.
        statistics: channel of `ExampleStatistics`, of any StatisticsGen with a split `train`. Synthetic golden requests
            are drawn from it.
        store: string. The model store of this pipeline. Defaults to that of the settings; where that is empty too, the
            run must name it.
        settings: `PushSettings`. Defaults to their defaults.
        deploy: string. How to deploy the pushed model (`deployment.order.Order` in JSON); the outcome stands in the
            properties `deploy_state`, `service_url`, `serving_version` and `deploy_reason` of `pushed_model`.
            Defaults to nothing.
        reference: `ReferenceConfig`. The task, and the groups to watch, with which the push describes what the model
            was trained on and judged by, for `yachay monitor`. Defaults to None: the push has no such description.

    Raises:
        UsageError: if there cannot be a store at such a place.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        evaluation: types.BaseChannel,
        examples: types.BaseChannel,
        statistics: types.BaseChannel,
        store: str = "",
        settings: PushSettings = PushSettings(),  # noqa: B008
        deploy: str = "",
        reference: ReferenceConfig | None = None,
    ) -> None:
        store = store or settings.store
        if store:  # Kubeflow Pipelines names the place of the output in a run.
            check_location(store, settings.mount)
        super().__init__(
            PusherSpec(
                model=model,
                model_blessing=model_blessing,
                evaluation=evaluation,
                examples=examples,
                statistics=statistics,
                store=store,
                settings=settings.to_property(),
                deploy=deploy,
                reference=reference.to_property() if reference is not None else "",
                pushed_model=types.Channel(standard_artifacts.PushedModel),
            )
        )
