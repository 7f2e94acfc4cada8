"""`ExampleValidator`: TFX's, made a gate."""

from tfx.components.example_validator import component
from tfx.dsl.components.base import executor_spec

from . import executor


class ExampleValidator(component.ExampleValidator):
    """Compares statistics with the schema and stops the run where an anomaly is an error.

    TFX's own component records anomalies and lets the run go on. This one has its inputs, outputs and parameters.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
