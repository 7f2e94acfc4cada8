"""`SearchMerger`: the best of searches that ran side by side in pods of their own."""

from tfx import types
from tfx.dsl.components.base import base_component
from tfx.types import component_spec, standard_artifacts

from ... import __version__
from ..executor_path import ExecutorPath
from ..tuner.settings import MAX_PODS


class SearchMergerSpec(component_spec.ComponentSpec):
    """Interface of `SearchMerger`: an input for each search, for a step of Kubeflow takes no union of channels."""

    PARAMETERS = {"version": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        f"results_{number}": component_spec.ChannelParameter(type=standard_artifacts.TunerResults, optional=True)
        for number in range(1, MAX_PODS + 1)
    }
    OUTPUTS = {
        "best_hyperparameters": component_spec.ChannelParameter(type=standard_artifacts.HyperParameters),
        "tuner_results": component_spec.ChannelParameter(type=standard_artifacts.TunerResults),
    }


class SearchMerger(base_component.BaseComponent):
    """Makes one search of several; its outputs are those of a `Tuner`.

    Args:
        results: channels of `TunerResults`, at most `MAX_PODS`.
    """

    SPEC_CLASS = SearchMergerSpec
    EXECUTOR_SPEC = ExecutorPath(f"{__package__}.executor.Executor")

    def __init__(self, *results: types.BaseChannel) -> None:
        inputs = {f"results_{number}": channel for number, channel in enumerate(results, start=1)}
        super().__init__(
            SearchMergerSpec(
                **inputs,
                version=__version__,
                best_hyperparameters=types.Channel(type=standard_artifacts.HyperParameters),
                tuner_results=types.Channel(type=standard_artifacts.TunerResults),
            )
        )
