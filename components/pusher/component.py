"""`Pusher`: pushes a blessed model that answers in a session loader as in the Python loader."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from . import executor


class PusherSpec(component_spec.ComponentSpec):
    """Interface of `Pusher`."""

    PARAMETERS = {"store": component_spec.ExecutionParameter(type=str)}
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
    push each signature must answer the same in a session loader, which is what TF Serving has, as in the Python loader.

    Args:
        model: channel of `Model`. The trained model.
        model_blessing: channel of `ModelBlessing`. The Evaluator's verdict.
        evaluation: channel of `ModelEvaluation`. Its overall metrics go into the pushed model's metadata.
        examples: channel of `Examples`. The ingested examples: records for the session check, and the original column
            names and the data's fingerprint for the metadata.
        store: string. Folder of the model store.
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
    ) -> None:
        super().__init__(
            PusherSpec(
                model=model,
                model_blessing=model_blessing,
                evaluation=evaluation,
                examples=examples,
                store=store,
                pushed_model=types.Channel(standard_artifacts.PushedModel),
            )
        )
