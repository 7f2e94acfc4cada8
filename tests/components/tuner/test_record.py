import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from yachay.components.trainer.settings import TrainerSettings, Tuned
from yachay.components.tuner.record import Search, read_search
from yachay.errors import DataError
from yachay.schemas.search import search_schema
from yachay.schemas.search.mock import mock_search


def test_the_schema_in_the_package_is_that_of_the_record() -> None:
    schema = search_schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    assert schema.pop("$schema").endswith("2020-12/schema")
    assert schema == Search.model_json_schema()


def test_a_search_is_read_as_it_was_written(tmp_path: Path) -> None:
    document = mock_search()
    jsonschema.validate(document, search_schema())
    search = Search.model_validate(document)

    search.write(tmp_path)

    assert read_search(tmp_path) == search
    assert {trial.status for trial in search.trials} == {"completed", "stopped", "failed", "out_of_time"}
    assert search.configured_trial is not None
    assert search.configured_trial.score < search.best_trial.score  # type: ignore[operator]


def test_the_best_trial_is_kept_as_tfx_and_a_configuration_take_it(tmp_path: Path) -> None:
    search = Search.model_validate(mock_search())
    search.write(tmp_path)

    rows = json.loads((tmp_path / "tuner_results.json").read_text())
    assert [row["trial_id"] for row in rows] == [str(trial.number) for trial in search.trials]
    text = (tmp_path / "tuned.yaml").read_text()
    assert text.startswith(f"# Trial {search.best} of 12: macro_f1 {search.best_trial.score:.4f}, ")
    assert Tuned.model_validate(yaml.safe_load(text)) == search.best_trial.tuned


def test_only_what_was_found_takes_the_place_of_settings() -> None:
    settings = TrainerSettings(family="linear", mixup=0.3, oversampling=0.5, hyperparameters={"linear": {"C": 2.0}})

    applied = Tuned(family="xgboost", hyperparameters={"max_depth": 3}, mixup=0.0).apply(settings)

    assert (applied.family, applied.mixup, applied.oversampling) == ("xgboost", 0.0, 0.5)
    assert applied.hyperparameters == {"linear": {"C": 2.0}, "xgboost": {"max_depth": 3}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "Expected the record of a search at .*search.json. Received: No such file"),
        ("{}", "Received: another objective, higher_is_better, oracle"),
        ('{"format": 2}', "Received: another format"),
        ("[", "Received: another document"),
    ],
)
def test_what_is_no_search_is_rejected(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "search.json").write_text(content)

    with pytest.raises(DataError, match=message):
        read_search(tmp_path)
