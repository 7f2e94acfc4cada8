"""What the step that starts trainings on Kubeflow Pipelines needs to know."""

from ...components.prediction_task import PredictionTask
from ...components.retraining.settings import RetrainSettings
from ...components.settings import Settings


class TriggerConfig(Settings):
    """What `RetrainTrigger` needs to know.

    Args:
        task: `PredictionTask`.
        retrain: `RetrainSettings`, with `labelled` in a bucket.
        pipeline: string. The training pipeline's name on the server.
        model_store: string. Where the champion is, and where models are pushed; see `Pusher`.
        mount: string. See `PushSettings`.
        endpoint_url: string. See `PushSettings`.
    """

    task: PredictionTask
    retrain: RetrainSettings
    pipeline: str
    model_store: str
    mount: str = ""
    endpoint_url: str = ""
