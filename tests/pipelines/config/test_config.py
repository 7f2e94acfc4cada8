from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from yachay.components.evaluator.settings import Change
from yachay.components.features import FeatureKind
from yachay.errors import ConfigurationError
from yachay.pipelines.config.contradictions import find_contradictions
from yachay.pipelines.config.load import load_config
from yachay.pipelines.registry import find_pipelines

STUDENT_DROPOUT = find_pipelines()["student_dropout"].config_path


def test_each_task_of_student_dropout_knows_only_what_is_known_then() -> None:
    config = load_config(STUDENT_DROPOUT)

    enrolment, first, second = (set(config.task_features(task)) for task in ("enrolment", "semester1", "semester2"))

    assert not any(name.startswith("Curricular") for name in enrolment)
    assert {name for name in first - enrolment if "1st_sem" not in name} == set()
    assert {name for name in second - first if "2nd_sem" not in name} == set()
    assert config.task_features("semester2")["Course"] is FeatureKind.CATEGORICAL


def test_names_of_codes_are_those_of_integers() -> None:
    schema = schema_pb2.Schema(feature=[schema_pb2.Feature(name="Course", type=schema_pb2.BYTES)])

    found = [line for line in find_contradictions(load_config(STUDENT_DROPOUT), schema) if "code_names" in line]

    assert found == [
        "code_names: expected columns of integers that are categorical, ordinal, boolean, received 'Course', "
        "which is categorical and holds no integers. Take it out"
    ]


def test_a_task_has_the_names_of_its_own_inputs_codes() -> None:
    config = load_config(STUDENT_DROPOUT, ["exclude={Course: not today}"])

    assert load_config(STUDENT_DROPOUT).task_code_names("enrolment")["Course"][9147].es == "Gestión"
    assert config.task_code_names("enrolment") == {}


def test_an_override_changes_a_field() -> None:
    config = load_config(STUDENT_DROPOUT, ["model.family=linear", "split.eval_share=0.3"])

    assert config.model.family == "linear"
    assert config.split.eval_share == 0.3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.famly=linear", r"model\.famly: no such field\. Did you mean 'family'\?"),
        ("model.family=cart", r"model\.family: expected one of .*auto, received 'cart'"),
        (
            "default_task=semester3",
            "default_task: expected one of enrolment, semester1, semester2, essentials, received 'semester3'",
        ),
        ("split.method=time", "split: expected `key` to name a column for the method 'time'"),
        ("split.eval_share=1.5", r"split\.eval_share: .*less than 1\. Received: 1\.5"),
        (
            "tasks.semester2.thresholds.macro_f1.lower=1.2",
            r"expected `lower` <= 1, received 1\.2: no model can meet it",
        ),
        ("tasks.semester2.thresholds.acuracy.lower=.5", r"received 'acuracy'\. Did you mean 'accuracy'\?"),
        ("name=a__b", r"name: String should match pattern"),
        ("tasks={a__b: {}}", r"tasks\.a__b: String should match pattern"),
        ("model.hyperparameters={linear: {foo: 1}}", r"model\.hyperparameters\.linear\.foo: no such field"),
        ("label.values=[a]", "expected at least two classes"),
        ("features.ordinal=[gdp]", r"names differ in more than case, .* received 'GDP' and 'gdp'\. Exclude one"),
        ("code_names={Cours: {33: Biofuel}}", r"columns of `features`, received 'Cours'\. Did you mean 'Course'\?"),
        ("code_names={Age_at_enrollment: {18: adult}}", "received 'Age_at_enrollment', which is numeric. Take it out"),
        ("code_names={Course: {a: Biofuel}}", r"code_names\.Course\.a: .*valid integer"),
        ("exclude={'Curiclar_*': leak}", "the pattern 'Curiclar_\\*' matches no feature"),
    ],
)
def test_a_field_that_does_not_fit_is_rejected_by_name(override: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_config(STUDENT_DROPOUT, [override])


def test_a_reader_option_may_be_a_file_of_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weather = find_pipelines()["weather"].config_path
    (tmp_path / "ours.yaml").write_text("{files: '*.csv', separator: ;}")
    monkeypatch.chdir(tmp_path)

    config = load_config(weather, ["data.reader_options.network=ours.yaml"])

    # The content, so that another one is another run.
    assert config.data.reader_options["network"] == {"files": "*.csv", "separator": ";"}
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside/config.yaml").write_text(weather.read_text().replace("network: beijing", "network: ours.yaml"))
    (tmp_path / "beside/ours.yaml").write_text("{files: beside}")
    assert load_config(tmp_path / "beside/config.yaml").data.reader_options["network"] == {"files": "beside"}
    with pytest.raises(ConfigurationError, match=r"the file of `data\.reader_options\.network` at .*mine\.yaml"):
        load_config(weather, ["data.reader_options.network=mine.yaml"])


def test_an_override_without_a_value_is_rejected() -> None:
    with pytest.raises(ConfigurationError, match=r"Expected an override of the form a\.b=value\. Received: 'model'"):
        load_config(STUDENT_DROPOUT, ["model"])


def test_a_missing_configuration_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        load_config(tmp_path / "config.yaml")


def test_a_configuration_that_is_no_yaml_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: [")

    with pytest.raises(ConfigurationError, match="readable YAML"):
        load_config(path)


def test_what_contradicts_itself_or_the_schema_is_named_all_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        find_pipelines()["student_dropout"].load(
            ["problem=regression", "features.numeric=[Target, Nothing]", "evaluation.slices=[[Gendre]]"]
        )

    message = str(error.value)
    for line in (
        "label.values: expected none, for a regression has no classes",
        "features: expected inputs only, received the label 'Target'",
        "tasks.semester2.thresholds: expected one of rmse, mae, r2, received 'accuracy'",
        "evaluation.change.metric: expected one of ",
        "features: expected columns of the schema 'student_dropout', received Nothing.",
        "evaluation.slices: expected columns of the schema 'student_dropout', received Gendre. Correct the name, or "
        "add the column to the schema. Did you mean 'Gender'?",
        "problem: expected classification, for the schema says that the label 'Target' is text, received regression",
        "features.numeric: expected columns of numbers, received Target, which the schema says is text",
    ):
        assert f"  - {line}" in message


def test_what_cannot_be_evaluated_out_of_fold_is_named_all_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        load_config(
            STUDENT_DROPOUT,
            [
                "evaluation.method=out_of_fold",
                "split={method: time, key: Course}",
                "engine=beam",
                "model.run_fn=yachay.components.trainer.run_fn.run_fn",
                "tasks.semester2.change={metric: accuracy}",
            ],
        )

    message = str(error.value)
    for line in (
        "evaluation.method: expected 'holdout' with a split by time",
        "engine: expected 'auto' or 'arrays', for out-of-fold predictions are not evaluated by Beam",
        "model.run_fn: expected null, for folds are trained by a model family",
        "evaluation.change: expected none with evaluation.method 'out_of_fold', for the last blessed model has seen",
        "tasks.semester2.change: expected none",
    ):
        assert f"  - {line}" in message


def test_classes_that_the_schema_does_not_know_are_named() -> None:
    with pytest.raises(ConfigurationError) as error:
        find_pipelines()["student_dropout"].load(["label.values=[Dropout, Enroled, Graduate]"])

    assert (
        "label.values: expected values that the schema allows (Dropout, Enrolled, Graduate), received Enroled"
        in str(error.value)
    )
    assert "label.values: expected all values that the schema allows, received none of Enrolled" in str(error.value)


def test_names_of_pipelines_do_not_collide() -> None:
    def name(pipeline: str, task: str, profile: str = "") -> str:
        plain = load_config(STUDENT_DROPOUT)
        config = plain.model_copy(update={"name": pipeline, "profile": profile})
        return config.pipeline_name(task)

    assert name("a_b", "c") == "a-b--c"
    assert name("a", "b_c") == "a--b-c"
    assert name("a", "t", "mock") == "a--t--mock"
    assert name("a", "t_mock") == "a--t-mock"


def test_another_pipeline_than_the_training_has_a_name_of_its_own() -> None:
    assert load_config(STUDENT_DROPOUT).pipeline_name("semester2", "monitor") == "student-dropout--semester2--monitor"
    with pytest.raises(ConfigurationError, match=r"pipelines: expected names that are no profile's, received 'mock'"):
        load_config(STUDENT_DROPOUT, ["pipelines.mock=default"])


GRADE = "tasks.grade={problem: regression, label: {name: %s}%s}"


def test_a_task_may_predict_another_label_than_the_others() -> None:
    change = ", change: {metric: rmse}, thresholds: {mae: {upper: 12}}"
    config = load_config(STUDENT_DROPOUT, [GRADE % ("Final_grade", change)])

    grade, semester2 = config.prediction_task("grade"), config.prediction_task("semester2")

    assert (grade.problem, grade.label.name, grade.label.values) == ("regression", "Final_grade", ())
    assert config.evaluation_settings("grade").change == Change(metric="rmse")
    assert (semester2.problem, semester2.label.name) == ("classification", "Target")
    assert config.evaluation_settings("semester2").change == Change(metric="macro_f1")


def test_what_does_not_fit_the_label_of_one_task_is_named_with_the_task() -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_config(STUDENT_DROPOUT, [GRADE % ("GDP", ""), "tasks.semester1.problem=regression"])

    assert "tasks.grade: features: expected inputs only, received the label 'GDP'" in str(raised.value)
    assert "tasks.grade: evaluation.change.metric: expected one of" in str(raised.value)
    assert "tasks.semester1: label.values: expected none, for a regression has no classes" in str(raised.value)


def test_a_task_with_a_family_of_its_own_has_no_stack() -> None:
    given = ["model.family=linear", "model.stacked_with=[svm]", "model.bagging_folds=2", "tasks.semester1.family=svm"]
    config = load_config(STUDENT_DROPOUT, given)
    assert config.for_task("semester1").model.stacked_with == ()
    assert config.for_task("semester2").model.stacked_with == ("svm",)


def test_a_task_may_have_a_family_of_its_own() -> None:
    config = load_config(STUDENT_DROPOUT, ["tasks.semester1.family=svm"])

    assert config.for_task("semester1").model.family == config.cross_validator("semester1").trainer.family == "svm"
    assert config.for_task("semester2").model.family == config.model.family != "svm"
    assert config.cross_validator("semester1", family="linear").trainer.family == "linear"
    with pytest.raises(ConfigurationError, match=r"tasks\.semester1: model\.family: expected one of .*received 'svn'"):
        load_config(STUDENT_DROPOUT, ["tasks.semester1.family=svn"])


def test_the_number_that_classes_are_a_cut_of_is_a_column_of_numbers_and_no_input() -> None:
    label = "label={name: Target, values: [Dropout, Enrolled, Graduate], ordered: true, cut_of: %s}"
    for column, message in (
        ("GDP", "features: expected no 'GDP', for the label is a cut of it. Take it out"),
        ("Targt", "label.cut_of: expected columns of the schema 'student_dropout', received Targt"),
    ):
        with pytest.raises(ConfigurationError) as raised:
            find_pipelines()["student_dropout"].load([label % column])
        assert message in str(raised.value)
    text = r"label\.cut_of: expected a column of numbers, received 'Gender', which the schema says is text"
    with pytest.raises(ConfigurationError, match=text):
        find_pipelines()["student_performance"].load(["label.cut_of=Gender"])


def test_a_cut_of_each_fold_needs_folds_in_the_evaluation() -> None:
    education = find_pipelines()["education_access"]
    assert education.load().for_task("barrier").label.cut_share == 0.2
    message = r"tasks\.barrier: label\.cut_share: expected `evaluation\.method: out_of_fold` with it.*received holdout"
    with pytest.raises(ConfigurationError, match=message):
        education.load(["evaluation.method=holdout"])


def test_an_override_reaches_into_a_section_that_a_profile_leaves_out() -> None:
    education = find_pipelines()["education_access"]
    recommend = education.load(["recommend.polygons.path=s3://maps/districts.geojson"]).recommend
    assert recommend
    assert recommend.polygons
    assert (recommend.polygons.path, recommend.polygons.key) == ("s3://maps/districts.geojson", "IDDIST")


def test_a_task_may_have_hyperparameters_of_its_own() -> None:
    config = load_config(
        STUDENT_DROPOUT,
        [
            "model.hyperparameters={boosted_trees: {max_iter: 80, max_depth: 3}}",
            "tasks.semester1.hyperparameters={boosted_trees: {max_depth: 2}}",
        ],
    )

    def of(task: str) -> object:
        return config.cross_validator(task, folds=3).trainer.hyperparameters["boosted_trees"]

    assert of("semester1") == {"max_iter": 80, "max_depth": 2}
    assert of("semester2") == {"max_iter": 80, "max_depth": 3}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{boosted_tree: {}}", r"tasks\.semester1: model\.hyperparameters: .*Did you mean 'boosted_trees'\?"),
        (
            "{boosted_trees: {monotonic_cst: {Admision_grade: 1}}}",
            r"tasks\.semester1: model\.hyperparameters\.boosted_trees\.monotonic_cst: expected none, for of 3 classes "
            r".*received 'Admision_grade'\. Did you mean 'Admission_grade'\?",
        ),
    ],
)
def test_hyperparameters_that_do_not_fit_a_task_are_named_with_it(given: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_config(STUDENT_DROPOUT, [f"tasks.semester1.hyperparameters={given}"])
