"""`InterventionRecommender`: which communities face the greatest barriers, and what would help most by a model."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts

from ... import __version__
from ..executor_path import ExecutorPath
from ..trainer.settings import check_trainer
from .artifacts import InterventionRecommendation
from .settings import RecommenderConfig


class InterventionRecommenderSpec(component_spec.ComponentSpec):
    """Interface of `InterventionRecommender`."""

    PARAMETERS = {
        "config": component_spec.ExecutionParameter(type=str),
        "polygons": component_spec.ExecutionParameter(type=str),
        "polygons_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing, optional=True),
    }
    OUTPUTS = {"recommendation": component_spec.ChannelParameter(type=InterventionRecommendation)}


class InterventionRecommender(base_component.BaseComponent):
    """Ranks communities, predicts what each action would change, and divides a budget.

    Models of the task's own family are trained on a bootstrap of the groups of the split, and each community is scored
    by those that have not seen its group. `recommendation` holds the document, a table, a map, the officials' page, and
    what `yachay recommend` plans anew with.

    Args:
        examples: channel of `Examples`. The ingested examples, one a community; all splits are read.
        schema: channel of `Schema`. The curated schema.
        config: `RecommenderConfig`.
        polygons: string. GeoJSON file of the communities, a path or a URI. Defaults to none: they are points.
        polygons_digest: string. A digest of that file, by which a changed one is noticed. Defaults to none.
        blessing: channel of `ModelBlessing`. The Evaluator's verdict, which the page shows. Defaults to none.

    Raises:
        ConfigurationError: if a family is unknown or cannot do the task.
    """

    SPEC_CLASS = InterventionRecommenderSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        config: RecommenderConfig,
        polygons: str = "",
        polygons_digest: str = "",
        blessing: types.BaseChannel | None = None,
    ) -> None:
        check_trainer(config.training.task, config.training.trainer)
        super().__init__(
            InterventionRecommenderSpec(
                examples=examples,
                schema=schema,
                blessing=blessing,
                config=config.model_copy(update={"version": __version__}).to_property(),
                polygons=polygons,
                polygons_digest=polygons_digest,
                recommendation=types.Channel(InterventionRecommendation),
            )
        )
