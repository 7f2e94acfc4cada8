import json
from pathlib import Path

import pytest

from yachay.cli.options import announce, tuning_overrides
from yachay.components.trainer.family import families_for, load_families
from yachay.components.tuner.oracle import SearchSpace
from yachay.components.tuner.settings import Choices, Range, TuneSettings, searched_families, space_of
from yachay.errors import ConfigurationError, UsageError
from yachay.pipelines.config.load import load_config
from yachay.pipelines.registry import find_pipelines

STUDENT_DROPOUT = find_pipelines()["student_dropout"].config_path
ON = "tune.enabled=true"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["tune.families=[boosted_tree]"], r"tune\.families: .*'boosted_tree'\. Did you mean 'boosted_trees'\?"),
        (["tune.spaces={linaer: {}}"], r"tune\.spaces: .*received 'linaer'\. Did you mean 'linear'\?"),
        (["tune.spaces.linear={c: [1, 2]}"], r"tune\.spaces\.linear\.c: no such hyperparameter\. Did you mean 'C'\?"),
        (["tune.spaces.linear={C: {min: -1, max: 2}}"], r"spaces\.linear\.C: .*received -1 \(C: .*greater than 0"),
        (
            ["tune.spaces.linear={C: {min: 3, max: 2}}"],
            r"spaces\.linear\.C.*: expected finite `min` < `max`, .*3 and 2",
        ),
        (["tune.spaces.linear={C: {min: 0, max: 2, scale: log}}"], r"expected `min` above 0 with `scale: log`"),
        (["tune.spaces.linear={C: {min: 1, mx: 2}}"], r"mx: no such field"),
        (["tune.spaces.linear={C: [1]}"], r"spaces\.linear\.C.*at least 2 items"),
        (["tune.spaces.linear={C: [1, 1]}"], r"expected distinct choices"),
        (["tune.training={mixup: [0, -1]}"], r"tune\.training\.mixup: .*`model\.mixup` takes, received -1"),
        (["tune.training={seed: [0, 1]}"], r"tune\.training\.seed: Input should be"),
        (["tune.objective=acuracy"], r"tune\.objective: expected a metric of the task .*Did you mean 'accuracy'\?"),
        (["tasks.enrolment.objective=rmse"], r"tasks\.enrolment: tune\.objective: .*received 'rmse'"),
        (["tune.oracle=grid"], r"tune\.oracle: .*'random', 'bayesian' or 'hyperband'"),
        (["tune.folds=1"], r"tune\.folds: .*greater than or equal to 2"),
        ([ON, "model.family=linear", "tune.oracle=hyperband"], r"with 'linear', whose training has no rounds"),
        (
            [ON, "tune.oracle=hyperband", "tune.spaces={boosted_trees: {max_iter: [50, 90]}}"],
            r"spaces\.boosted_trees\.max_iter: expected none with the oracle 'hyperband'",
        ),
        ([ON, "tune.families=[ordinal]"], r"tune\.families: expected one that can do the task \(.*received ordinal"),
        ([ON, "tune.spaces={boosted_trees: {}}", "model.family=boosted_trees"], "expected hyperparameters to search"),
        ([ON, "tune.pods=4", "tune.trials=7"], r"tune\.trials: expected at least 8 of 4 pods, .*, received 7"),
        (
            ["tune.training={class_weights: [balanced, {Left: 2.0}]}"],
            r"class_weights: expected classes of the label \(.*\), received 'Left'",
        ),
        (
            [ON, "model.family=boosted_trees", "tune.spaces={boosted_trees: {monotonic_cst: [{}, {Agee: 1}]}}"],
            r"spaces\.boosted_trees\.monotonic_cst: .*received \{'Agee': 1\} \(monotonic_cst: expected",
        ),
        (["tuned={semester3: {family: linear}}"], r"tuned: expected one of .*received 'semester3'"),
        (["tuned={semester2: {family: cart}}"], r"tasks\.semester2: model\.family: expected one of .*'cart'"),
        (["tuned.semester2=/nowhere.yaml"], r"Expected a configuration at /nowhere.yaml\. Received: no such file"),
    ],
)
def test_a_search_that_does_not_fit_is_rejected_before_any_work(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_config(STUDENT_DROPOUT, overrides)


LINEAR = "model.hyperparameters.two_step={family: linear, hyperparameters: {alpha: 2.0}}"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        # The family's own space has regressions that do not know alpha.
        ([LINEAR], r"tune\.spaces\.two_step\.family: .* received 'svm' \(hyperparameters\.alpha: no such field"),
        (["tune.spaces={two_step: {family: [linear, tree]}}"], r"received 'tree' \(family: expected one of"),
        (["tune.training={mixup: [0.0, 0.2]}"], r"whose rows may count differently, .* received two_step\. Take"),
        (["tune.families=[xgboost, two_step]", "tune.training={mixup: [0.0, 0.2]}"], r"received two_step\. Take"),
    ],
)
def test_a_space_that_contradicts_the_settings_is_rejected_before_any_work(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        find_pipelines()["student_performance"].load([ON, *overrides])


def test_of_all_families_those_that_cannot_mix_rows_are_left_out() -> None:
    given = [ON, "tasks.grade_class.family=auto", "model.family=auto", "tune.training={mixup: [0.0, 0.2]}"]
    config = find_pipelines()["student_performance"].load(given).tuner("grade_class")

    able = families_for(config.training.task)
    chosen = searched_families(config.tune, config.training.trainer, able)
    assert able.keys() - chosen.keys() == {"two_step"}


@pytest.mark.parametrize(("task", "name"), [("grade_class", "C"), ("gpa", "alpha")])
def test_what_has_no_influence_on_a_problem_is_not_searched(task: str, name: str) -> None:
    config = find_pipelines()["student_performance"].load([ON, "tune.families=[linear]"]).tuner(task)
    space = SearchSpace(config.tune, config.training.trainer, families_for(config.training.task))

    assert space.spaces["linear"].keys() == {name}


def test_the_configured_family_is_tried_first_be_it_searched_in_or_not() -> None:
    config = find_pipelines()["student_performance"].load([ON, "tune.families=[linear, xgboost]"]).tuner("grade_class")
    space = SearchSpace(config.tune, config.training.trainer, families_for(config.training.task))

    assert [tuned.family for tuned in space.configured()] == ["two_step", "linear", "xgboost"]
    assert space.spaces.keys() == {"linear", "xgboost"}


def test_a_space_that_is_not_searched_is_named_before_the_search(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spaces = "tune.spaces={linear: {C: [0.1, 1.0]}, svm: {C: [0.1, 1.0]}}"
    config = load_config(STUDENT_DROPOUT, [ON, "tune.families=[linear]", spaces])

    announce(config, "semester2", "linear", "data.csv")

    assert "Not searched: svm of tune.spaces. Name them in tune.families." in capsys.readouterr().err


def test_every_family_of_ours_has_a_space_that_fits_it() -> None:
    for name, family in load_families().items():
        for values in space_of(TuneSettings(), family).values():
            assert isinstance(values, Range | Choices)
        given = [f"tune.spaces.{name}={json.dumps(family.space)}"] if family.space else []
        assert load_config(STUDENT_DROPOUT, given).tune.spaces.keys() == ({name} if given else set())


def test_what_was_tuned_takes_the_place_of_a_tasks_family_and_hyperparameters(tmp_path: Path) -> None:
    path = tmp_path / "tuned.yaml"
    path.write_text("# Trial 3\nfamily: linear\nhyperparameters: {C: 0.5}\nmixup: 0.1\n")

    config = load_config(STUDENT_DROPOUT, [f"tuned.semester2={path}"])

    tuned, other = config.for_task("semester2").model, config.for_task("semester1").model
    assert (tuned.family, tuned.hyperparameters["linear"], tuned.mixup) == ("linear", {"C": 0.5}, 0.1)
    assert (other.family, other.mixup) == (config.model.family, config.model.mixup)
    assert config.cross_validator("semester2").trainer == tuned


def test_a_file_beside_the_configuration_is_read_for_the_profile_that_names_it() -> None:
    config = find_pipelines()["student_dropout"].load(profile="tuned")

    tuned = config.for_task("semester2").model
    families = tuned.hyperparameters["ensemble"]["families"]
    assert (tuned.family, families) == ("ensemble", ["boosted_trees", "linear", "random_forest"])
    assert load_config(STUDENT_DROPOUT).for_task("semester2").model.family == "boosted_trees"


def test_a_tasks_own_objective_is_searched_for() -> None:
    config = load_config(STUDENT_DROPOUT, ["tune.objective=accuracy", "tasks.semester2.objective=auc_ovr"])

    assert config.tuner("semester2").tune.objective == "auc_ovr"
    assert config.tuner("semester1").tune.objective == "accuracy"


def test_the_options_of_the_command_are_overrides() -> None:
    assert tuning_overrides(True, 8, 2.5) == ["tune.enabled=true", "tune.trials=8", "tune.minutes=2.5"]
    assert tuning_overrides(False, None, None) == []
    with pytest.raises(UsageError, match=r"Expected --tune beside --minutes.*Received: no --tune\. Add it\."):
        tuning_overrides(False, None, 3.0)
