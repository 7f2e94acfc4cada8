"""Executor of `NestedCrossValidator`."""

from pathlib import Path

from ..cross_validator import executor
from ..cross_validator.folds import FoldWork, Records
from ..cross_validator.settings import CrossValidatorConfig
from ..tuner.settings import TunerConfig
from .folds import NestedWork


class Executor(executor.Executor):
    """Reads the examples, searches in each fold and writes what its model predicts of the records held out."""

    def read(self, text: str) -> CrossValidatorConfig:
        """Returns how folds are made."""
        return TunerConfig.from_property(text).training

    def work(self, text: str, records: Records, scratch: Path) -> FoldWork:
        """Returns the work of each fold."""
        config = TunerConfig.from_property(text)
        return NestedWork(records.examples, records.schema, config.training, scratch, config.tune)
