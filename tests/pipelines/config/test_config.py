from pathlib import Path

import pytest

from yachay.components.features import FeatureKind
from yachay.errors import ConfigurationError
from yachay.pipelines.config.pipeline_config import load_config
from yachay.pipelines.registry import find_pipelines

STUDENT_DROPOUT = find_pipelines()["student_dropout"].config_path


def test_each_task_of_student_dropout_knows_only_what_is_known_then() -> None:
    config = load_config(STUDENT_DROPOUT)

    enrolment, first, second = (set(config.task_features(task)) for task in ("enrolment", "semester1", "semester2"))

    assert not any(name.startswith("Curricular") for name in enrolment)
    assert {name for name in first - enrolment if "1st_sem" not in name} == set()
    assert {name for name in second - first if "2nd_sem" not in name} == set()
    assert config.task_features("semester2")["Course"] is FeatureKind.CATEGORICAL


def test_an_override_changes_a_field() -> None:
    config = load_config(STUDENT_DROPOUT, ["model.family=linear", "split.eval_share=0.3"])

    assert config.model.family == "linear"
    assert config.split.eval_share == 0.3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.famly=linear", r"model\.famly: no such field\. Did you mean 'family'\?"),
        ("model.family=cart", r"model\.family: .*'auto'\. Received: 'cart'"),
        (
            "default_task=semester3",
            "default_task: expected one of enrolment, semester1, semester2, received 'semester3'",
        ),
        ("split.method=time", "split: expected `key` to name a column for the method 'time'"),
        ("split.eval_share=1.5", r"split\.eval_share: .*less than 1\. Received: 1\.5"),
        (
            "tasks.semester2.thresholds.macro_f1.lower=1.2",
            r"expected `lower` <= 1, received 1\.2: no model can meet it",
        ),
        ("tasks.semester2.thresholds.acuracy.lower=.5", r"received 'acuracy'\. Did you mean 'accuracy'\?"),
        ("model.hyperparameters={linear: {foo: 1}}", "Expected hyperparameters of 'linear'"),
        ("label.values=[a]", "expected at least two classes"),
        ("exclude={'Curiclar_*': leak}", "the pattern 'Curiclar_\\*' matches no feature"),
    ],
)
def test_a_field_that_does_not_fit_is_refused_by_name(override: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_config(STUDENT_DROPOUT, [override])


def test_an_override_without_a_value_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"Expected an override of the form a\.b=value\. Received: 'model'"):
        load_config(STUDENT_DROPOUT, ["model"])


def test_a_missing_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        load_config(tmp_path / "config.yaml")


def test_a_configuration_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: [")

    with pytest.raises(ConfigurationError, match="readable YAML"):
        load_config(path)
