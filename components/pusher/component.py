"""`Pusher`: pushes a blessed model that answers in a session and in the predict API as when it was trained."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from ...model_store.location import check_location
from . import executor

READY_SECONDS = 120


class PusherSpec(component_spec.ComponentSpec):
    """Interface of `Pusher`."""

    PARAMETERS = {
        "store": component_spec.ExecutionParameter(type=str),
        "mount": component_spec.ExecutionParameter(type=str),
        "endpoint_url": component_spec.ExecutionParameter(type=str),
        "ready_seconds": component_spec.ExecutionParameter(type=int),
        "deploy": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}


class Pusher(base_component.BaseComponent):
    """Copies a blessed model into a model store.

    A model without a blessing is left alone, and `pushed_model` says so in its property `pushed` (0 or 1). Before a
    push each signature must answer in a session loader, which is what TF Serving has, as in the Python loader; and the
    predict API, started on the model, must answer records of the eval split as the model did when it was trained. Where
    it does not, nothing is pushed, and the property `refusal` of `pushed_model` says why.

    Args:
        model: channel of `Model`. The trained model.
        model_blessing: channel of `ModelBlessing`. The Evaluator's verdict.
        evaluation: channel of `ModelEvaluation`. Its overall metrics go into the pushed model's metadata.
        examples: channel of `Examples`. The ingested examples: records for the session check, and the original column
            names and the data's fingerprint for the metadata.
        store: string. The model store: a folder, or `gs://`, `s3://`, `minio://` or `pvc://claim/folder`.
        mount: string. Folder at which the claim of a `pvc://` store is mounted. Defaults to none.
        endpoint_url: string. Address of the S3 server of the store; empty takes `AWS_ENDPOINT_URL`, else Amazon's.
        ready_seconds: int. How long the predict API may take until it is ready. Defaults to 120.
        deploy: string. How to deploy the pushed model (`components.rollout.order.Order` in JSON); the outcome stands in
            the properties `deploy_state`, `service_url`, `serving_version` and `deploy_reason` of `pushed_model`.
            Defaults to nothing.

    Raises:
        UsageError: if there cannot be a store at such a place.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        evaluation: types.BaseChannel,
        examples: types.BaseChannel,
        store: str,
        mount: str = "",
        endpoint_url: str = "",
        ready_seconds: int = READY_SECONDS,
        deploy: str = "",
    ) -> None:
        if store:  # Kubeflow Pipelines names the place of the output in a run.
            check_location(store, mount)
        super().__init__(
            PusherSpec(
                model=model,
                model_blessing=model_blessing,
                evaluation=evaluation,
                examples=examples,
                store=store,
                mount=mount,
                endpoint_url=endpoint_url,
                ready_seconds=ready_seconds,
                deploy=deploy,
                pushed_model=types.Channel(standard_artifacts.PushedModel),
            )
        )
