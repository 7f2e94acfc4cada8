import pytest

from yachay.components.evaluation_report.settings import ReportConfig
from yachay.components.text import Text
from yachay.errors import ConfigurationError
from yachay.pipelines.config.load import load_config
from yachay.pipelines.config.pipeline_config import PipelineConfig
from yachay.pipelines.registry import find_pipelines
from yachay.pipelines.report_config import report_config

STUDENT_DROPOUT = find_pipelines()["student_dropout"].config_path


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "report.alert_label=Droput",
            r"report\.alert_label: expected one of Dropout, Enrolled, Graduate, received 'Droput'\. Did you mean",
        ),
        ("report.costs.false_positive=-1", r"report\.costs\.false_positive: .*greater than or equal to 0"),
        ("report.anchors=[{name: a, source: b, metrics: {acuracy: .5}}]", "Did you mean 'accuracy'"),
        ("report.anchors=[{name: a, source: b, task: semster1, metrics: {accuracy: .5}}]", "Did you mean 'semester1'"),
        ("report.anchors=[{name: a, metrics: {accuracy: .5}}]", r"report\.anchors\.0\.source: Field required"),
        ("report.card.tasks={semester9: later}", r"report\.card\.tasks: expected one of enrolment"),
        ("report.card.intended_use={fr: Aider}", r"report\.card\.intended_use\.fr: no such field"),
        ("report.error_columns=[hour]", r"report\.error_columns: expected none, for it is about the errors of a regr"),
        ("report.baselines={persistence: Debtor}", r"report\.baselines: expected none"),
        ("report.langauge=es", r"report\.langauge: no such field\. Did you mean 'language'"),
    ],
)
def test_a_field_that_does_not_fit_is_rejected_by_name(override: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_config(STUDENT_DROPOUT, [override])


def test_a_plain_string_is_english() -> None:
    config = load_config(STUDENT_DROPOUT, ["report.card.limits=Few records."])

    assert report_config(config, "semester2").report.card.limits == Text(en="Few records.")


@pytest.mark.parametrize("task", ["enrolment", "semester1", "semester2"])
def test_it_is_about_one_task_and_survives_as_a_property(task: str) -> None:
    config = load_config(STUDENT_DROPOUT)

    made = report_config(config, task)

    assert ReportConfig.from_property(made.to_property()) == made
    assert made.alert_label == "Dropout"
    assert made.task.features.keys() == config.task_features(task).keys()
    assert made.task.features.keys().isdisjoint(made.excluded)
    assert made.evaluation.thresholds.keys() == {"accuracy", "macro_f1", "auc_ovr"}
    assert made.evaluation.beats_trivial
    assert len(made.anchors) == (2 if task == "semester2" else 1)


def test_on_mock_data_it_has_their_thresholds_and_says_that_anchors_do_not_compare() -> None:
    config = load_config(STUDENT_DROPOUT, profile="mock")

    made = report_config(config, "semester2")

    assert made.is_synthetic
    assert made.evaluation.thresholds["accuracy"].lower == 0.73
    assert all("synthetic" in anchor.caveat.en for anchor in made.anchors)
    assert all("sintéticos" in anchor.caveat.es for anchor in made.anchors)


def test_a_pipeline_that_says_nothing_alerts_of_its_first_class() -> None:
    document = load_config(STUDENT_DROPOUT).model_dump(mode="json", by_alias=True, exclude={"report"})

    made = report_config(PipelineConfig.model_validate(document), "semester2")

    assert made.alert_label == "Dropout"
    assert made.anchors == ()
    assert made.title.startswith("Who is at risk")


def test_a_regression_has_a_unit_and_alerts_of_nothing() -> None:
    document = load_config(STUDENT_DROPOUT).model_dump(mode="json", by_alias=True, exclude={"report", "evaluation"})
    document |= {
        "problem": "regression",
        "label": {"name": "Target"},
        "report": {"unit": "C", "anchors": [{"name": "a", "source": "b", "metrics": {"mae": 2.6}}]},
        "tasks": {"semester2": {"thresholds": {"r2": {"lower": 0.0}}}},
    }

    made = report_config(PipelineConfig.model_validate(document), "semester2")

    assert (made.alert_label, made.report.unit, made.anchors[0].metrics) == ("", "C", {"mae": 2.6})
    with pytest.raises(ValueError, match="expected none, for a regression has no classes"):
        PipelineConfig.model_validate(document | {"report": {"alert_label": "Dropout"}})
