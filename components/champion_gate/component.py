"""`ChampionGate`: lets a blessed candidate pass that is as good as the champion on the newest labelled rows."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts

from ..example_gen.settings import IngestSpec
from ..executor_path import ExecutorPath
from ..prediction_task import PredictionTask
from ..retraining.settings import RetrainSettings


class ChampionGateSpec(component_spec.ComponentSpec):
    """Interface of `ChampionGate`."""

    PARAMETERS = {
        "task": component_spec.ExecutionParameter(type=str),
        "settings": component_spec.ExecutionParameter(type=str),
        "spec": component_spec.ExecutionParameter(type=str),
        "newest_uri": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "baseline_model": component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {"blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing)}


class ChampionGate(base_component.BaseComponent):
    """Compares a blessed candidate with the champion on the newest labelled rows, of which neither has learnt.

    The split that holds records out of the training holds them out here too. A candidate that the Evaluator did not
    bless stays so; where no newest rows are named, or there is no champion, the Evaluator's verdict stands. The
    property `comparison` of the blessing says in JSON what was compared and why the candidate passed or not.

    Args:
        model: channel of `Model`. The candidate.
        model_blessing: channel of `ModelBlessing`. The Evaluator's verdict.
        task: `PredictionTask`.
        settings: `RetrainSettings`. Of which `champion` and `min_champion_rows` are read.
        spec: `IngestSpec`. How the rows are read and split: that of the ingest.
        baseline_model: channel of `Model`. The champion. Defaults to None.
        newest_uri: string. The newest labelled rows: a file or folder, or one in a bucket; empty for none. Defaults to
            none.
    """

    SPEC_CLASS = ChampionGateSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        task: PredictionTask,
        settings: RetrainSettings,
        spec: IngestSpec,
        baseline_model: types.BaseChannel | None = None,
        newest_uri: str = "",
    ) -> None:
        super().__init__(
            ChampionGateSpec(
                model=model,
                model_blessing=model_blessing,
                baseline_model=baseline_model,
                task=task.to_property(),
                settings=settings.to_property(),
                spec=spec.to_property(),
                newest_uri=newest_uri,
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
