"""Yachay: TFX components and reference pipelines that run, can be read, and reach production.

Every name is imported when it is first used: `import yachay` takes no time.
"""

from typing import TYPE_CHECKING

from .dotted import lazy_exports

if TYPE_CHECKING:
    from .components.batch_predictor import BatchPredictor
    from .components.champion_gate import ChampionGate
    from .components.cross_validator import CrossValidator
    from .components.curated_schema import CuratedSchema
    from .components.drift_monitor import DriftMonitor
    from .components.evaluation_report import EvaluationReport
    from .components.evaluator import Evaluator
    from .components.example_gen import ColumnarExampleGen
    from .components.example_validator import ExampleValidator
    from .components.feature_selection import FeatureSelector
    from .components.pusher import Pusher
    from .components.run_tracker import RunTracker
    from .components.statistics_gen import StatisticsGen
    from .components.trainer import Trainer
    from .components.transform import Transform
    from .errors import (
        CompileError,
        ConfigurationError,
        DataError,
        ModelError,
        RunError,
        StoreError,
        UsageError,
        YachayError,
    )
    from .pipelines.api import compile, run
    from .pipelines.chain import create_pipeline
    from .pipelines.config.load import load_config
    from .pipelines.config.pipeline_config import PipelineConfig
    from .pipelines.context import RunContext
    from .pipelines.registry import find_pipeline
    from .pipelines.runs.summary import Summary

__version__ = "0.1.0"

__all__ = [
    "BatchPredictor",
    "ChampionGate",
    "ColumnarExampleGen",
    "CompileError",
    "ConfigurationError",
    "CrossValidator",
    "CuratedSchema",
    "DataError",
    "DriftMonitor",
    "EvaluationReport",
    "Evaluator",
    "ExampleValidator",
    "FeatureSelector",
    "ModelError",
    "PipelineConfig",
    "Pusher",
    "RunContext",
    "RunError",
    "RunTracker",
    "StatisticsGen",
    "StoreError",
    "Summary",
    "Trainer",
    "Transform",
    "UsageError",
    "YachayError",
    "__version__",
    "compile",
    "create_pipeline",
    "find_pipeline",
    "load_config",
    "run",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "BatchPredictor": ".components.batch_predictor",
        "ChampionGate": ".components.champion_gate",
        "ColumnarExampleGen": ".components.example_gen",
        "CompileError": ".errors",
        "ConfigurationError": ".errors",
        "CrossValidator": ".components.cross_validator",
        "CuratedSchema": ".components.curated_schema",
        "DataError": ".errors",
        "DriftMonitor": ".components.drift_monitor",
        "EvaluationReport": ".components.evaluation_report",
        "Evaluator": ".components.evaluator",
        "ExampleValidator": ".components.example_validator",
        "FeatureSelector": ".components.feature_selection",
        "ModelError": ".errors",
        "PipelineConfig": ".pipelines.config.pipeline_config",
        "Pusher": ".components.pusher",
        "RunContext": ".pipelines.context",
        "RunError": ".errors",
        "RunTracker": ".components.run_tracker",
        "StatisticsGen": ".components.statistics_gen",
        "StoreError": ".errors",
        "Summary": ".pipelines.runs.summary",
        "Trainer": ".components.trainer",
        "Transform": ".components.transform",
        "UsageError": ".errors",
        "YachayError": ".errors",
        "compile": ".pipelines.api",
        "create_pipeline": ".pipelines.chain",
        "find_pipeline": ".pipelines.registry",
        "load_config": ".pipelines.config.load",
        "run": ".pipelines.api",
    },
)
