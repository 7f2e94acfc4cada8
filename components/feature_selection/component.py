"""`FeatureSelector`: leaves in the schema the features that earn their place."""

import json
from collections.abc import Mapping, Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from ...errors import ConfigurationError
from ..features import FeatureKind, Problem
from . import executor
from .artifacts import FeatureRanking

MIN_FEATURES = 2
MIN_FOLDS = 2


class FeatureSelectorSpec(component_spec.ComponentSpec):
    """Interface of `FeatureSelector`."""

    PARAMETERS = {
        "features": component_spec.ExecutionParameter(type=str),
        "label": component_spec.ExecutionParameter(type=str),
        "label_values": component_spec.ExecutionParameter(type=str),
        "problem": component_spec.ExecutionParameter(type=str),
        "threshold": component_spec.ExecutionParameter(type=float),
        "num_folds": component_spec.ExecutionParameter(type=int),
        "seed": component_spec.ExecutionParameter(type=int),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {
        "selected_schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "ranking": component_spec.ChannelParameter(type=FeatureRanking),
    }


class FeatureSelector(base_component.BaseComponent):
    """Selects features by recursive feature addition on the training split.

    `selected_schema` is the schema without the features that were not selected; the label and every column that is no
    feature stay. A component that parses by it sees the selected features only.

    Args:
        examples: channel of `Examples`. The ingested examples; the split `train` is read.
        schema: channel of `Schema`. The curated schema.
        features: mapping of feature name to its `FeatureKind`.
        label: string. The column to predict.
        label_values: sequence of strings. The classes; empty for a regression.
        problem: string. A `Problem`.
        threshold: float. A feature is kept if the cross-validated score rises by more: macro-F1 for a classification,
            minus the RMSE in standard deviations of the label for a regression. Defaults to 0.002.
        num_folds: int. Folds of the cross-validation. Defaults to 3.
        seed: int. Seed of the folds and of the ranking model. Defaults to 42.

    Raises:
        ConfigurationError: if there is nothing to select from, or fewer than two folds.
    """

    SPEC_CLASS = FeatureSelectorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        features: Mapping[str, str],
        label: str,
        label_values: Sequence[str],
        problem: str,
        threshold: float = 0.002,
        num_folds: int = 3,
        seed: int = 42,
    ) -> None:
        if len(features) < MIN_FEATURES:
            raise ConfigurationError(
                f"Expected at least {MIN_FEATURES} features to select from. Received: {len(features)}. "
                "Turn `feature_selection.enabled` off, or exclude fewer features."
            )
        if num_folds < MIN_FOLDS:
            raise ConfigurationError(f"Expected at least {MIN_FOLDS} folds. Received: {num_folds}.")
        super().__init__(
            FeatureSelectorSpec(
                examples=examples,
                schema=schema,
                features=json.dumps({name: FeatureKind(kind).value for name, kind in features.items()}),
                label=label,
                label_values=json.dumps(list(label_values)),
                problem=Problem(problem).value,
                threshold=float(threshold),
                num_folds=num_folds,
                seed=seed,
                selected_schema=types.Channel(standard_artifacts.Schema),
                ranking=types.Channel(FeatureRanking),
            )
        )
