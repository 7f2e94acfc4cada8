"""What every component keeps to."""

import importlib
import inspect

import pytest
from tfx.dsl.components.base.base_component import BaseComponent

COMPONENTS = {
    "batch_predictor": "BatchPredictor",
    "cross_validator": "CrossValidator",
    "curated_schema": "CuratedSchema",
    "drift_monitor": "DriftMonitor",
    "evaluation_report": "EvaluationReport",
    "evaluator": "Evaluator",
    "example_gen": "ColumnarExampleGen",
    "example_validator": "ExampleValidator",
    "feature_selection": "FeatureSelector",
    "intervention_recommender": "InterventionRecommender",
    "nested_cross_validator": "NestedCrossValidator",
    "pusher": "Pusher",
    "statistics_gen": "StatisticsGen",
    "tuner": "Tuner",
}


@pytest.fixture(params=COMPONENTS)
def component(request: pytest.FixtureRequest) -> type[BaseComponent]:
    module = importlib.import_module(f"yachay.components.{request.param}.component")
    found: type[BaseComponent] = getattr(module, COMPONENTS[request.param])
    return found


def test_the_executor_is_ours_and_can_be_imported_by_its_path(component: type[BaseComponent]) -> None:
    path = component.EXECUTOR_SPEC.class_path

    assert path.startswith("yachay.components.")
    module, _, name = path.rpartition(".")
    assert inspect.isclass(getattr(importlib.import_module(module), name))


def test_the_docstring_names_every_argument(component: type[BaseComponent]) -> None:
    if "__init__" not in vars(component):
        pytest.skip("the arguments are those of TFX's own component")
    documentation = inspect.getdoc(component) or ""

    for name in list(inspect.signature(component.__init__).parameters)[1:]:
        assert f"\n    {name}: " in documentation, name


def test_an_argument_is_a_parameter_or_an_input_of_the_interface(component: type[BaseComponent]) -> None:
    if "__init__" not in vars(component):
        pytest.skip("the arguments are those of TFX's own component")
    spec = component.SPEC_CLASS

    # The library's version is a parameter for the sake of the cache alone.
    expected = {*spec.PARAMETERS, *spec.INPUTS} - {"version"}
    assert set(list(inspect.signature(component.__init__).parameters)[1:]) == expected
