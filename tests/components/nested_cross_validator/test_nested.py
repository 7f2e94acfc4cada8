import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfx import types
from tfx.types import standard_artifacts
from tuner_samples import config, make_records

from yachay.components.cross_validator.folds import Records
from yachay.components.nested_cross_validator import folds as nested
from yachay.components.nested_cross_validator.component import NestedCrossValidator
from yachay.components.nested_cross_validator.executor import Executor
from yachay.components.nested_cross_validator.folds import NestedWork

pytestmark = pytest.mark.integration


def test_the_search_of_a_fold_sees_its_training_part_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, records = config(trials=2), make_records()
    seen: list[Records] = []
    search = nested.search

    def watched(given: Records, *arguments: Any, **options: Any) -> Any:
        seen.append(given)
        return search(given, *arguments, **options)

    monkeypatch.setattr(nested, "search", watched)
    work = NestedWork(records.examples, records.schema, settings.training, tmp_path, settings.tune)
    train_rows, held_out = np.arange(80), np.arange(80, 120)

    judged = work.run(1, train_rows, held_out)

    assert set(seen[0].examples) == set(records.examples[:80])
    assert not set(seen[0].examples) & set(records.examples[80:])
    assert judged.fold.num_held_out == len(judged.scores) == 40
    assert judged.fold.hyperparameters.keys() == {"C", "alpha", "max_iter"}
    assert judged.fold.inner_score is not None


def test_the_nodes_executor_makes_folds_with_a_search(tmp_path: Path) -> None:
    component = NestedCrossValidator(
        types.Channel(type=standard_artifacts.Examples), types.Channel(type=standard_artifacts.Schema), config()
    )
    text = component.exec_properties["config"]
    records = make_records(12)

    work = Executor().work(text, records, tmp_path)

    assert isinstance(work, NestedWork)
    assert work.tune.trials == json.loads(text)["tune"]["trials"] == 6
    assert Executor().read(text).trainer.family == "linear"
