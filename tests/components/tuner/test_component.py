import json
from pathlib import Path

import pytest
import tensorflow as tf
from tfx import types
from tfx.types import artifact_utils, standard_artifacts
from tuner_samples import SCHEMA, config, make_records

from yachay.components.progress import reported_to
from yachay.components.trainer.settings import TrainerConfig
from yachay.components.tuner.component import Tuner
from yachay.components.tuner.executor import Executor
from yachay.components.tuner.record import read_search
from yachay.components.tuner.settings import TunerConfig
from yachay.errors import ConfigurationError

pytestmark = pytest.mark.integration


def channel(kind: type[types.Artifact]) -> types.Channel:
    return types.Channel(type=kind)


def tuner(settings: TunerConfig) -> Tuner:
    return Tuner(channel(standard_artifacts.Examples), channel(standard_artifacts.Schema), settings)


def test_settings_that_do_not_fit_are_rejected_where_the_component_is_made() -> None:
    with pytest.raises(ConfigurationError, match=r"Invalid settings of the Tuner:\n  - tune\.objective: .*'rmse'"):
        tuner(config(objective="rmse"))


def test_the_component_leaves_what_the_trainer_and_the_page_read_and_goes_on_from_what_was_done(
    tmp_path: Path,
) -> None:
    examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
    examples.uri, schema.uri = str(tmp_path / "examples"), str(tmp_path / "schema")
    examples.split_names = artifact_utils.encode_split_names(["train"])
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "schema.pbtxt").write_text(SCHEMA)
    (tmp_path / "examples" / "Split-train").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(tmp_path / "examples" / "Split-train" / "data.gz"), "GZIP") as writer:
        for example in make_records().examples:
            writer.write(example)

    def run(number: int, trials: int) -> tuple[Path, Path, list[str]]:
        best, results = standard_artifacts.HyperParameters(), standard_artifacts.TunerResults()
        best.uri, results.uri = (str(tmp_path / "Tuner" / name / str(number)) for name in ("best", "results"))
        component = tuner(config(trials=trials, parallel=1))
        lines: list[str] = []
        with reported_to(lines.append):
            Executor().Do(
                {"examples": [examples], "schema": [schema]},
                {"best_hyperparameters": [best], "tuner_results": [results]},
                component.exec_properties,
            )
        assert json.loads(results.get_string_custom_property("tuning"))["trials"] == trials
        return Path(best.uri), Path(results.uri), lines

    best, results, lines = run(1, trials=2)
    assert lines[0].startswith("trial 1/2  linear  macro_f1 0.")
    assert " best 0." in lines[1]
    found = read_search(results)
    assert json.loads((best / "best_hyperparameters.txt").read_text())["family"] == "linear"
    assert found.num_records == 120

    _, results, lines = run(2, trials=3)
    assert lines[0] == "goes on from 2 trials that are done"
    assert [line[:9] for line in lines[1:]] == ["trial 3/3"]
    assert read_search(results).trials[:2] == found.trials


def test_the_trainer_takes_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from yachay.components.trainer import run_fn

    monkeypatch.setattr(run_fn.tft, "TFTransformOutput", lambda _: SimpleNamespace(transformed_feature_spec=dict))
    monkeypatch.setattr(run_fn, "read_transformed", lambda *_: {})
    monkeypatch.setattr(run_fn, "make_table", lambda *_: SimpleNamespace(before_eval=lambda: None))
    given = TrainerConfig(task=config().training.task).model_dump(mode="json")
    arguments = SimpleNamespace(
        train_files=[], transform_graph_path="", serving_model_dir="", custom_config=given,
        hyperparameters={"family": "linear", "hyperparameters": {"C": 0.25}},
    )  # fmt: skip

    assert run_fn.read_training(arguments).settings.hyperparameters == {"linear": {"C": 0.25}}
    arguments.hyperparameters = {"famly": "linear"}
    with pytest.raises(ConfigurationError, match=r"Invalid hyperparameters of the Tuner:"):
        run_fn.read_training(arguments)
