"""What of the section `recommend` does not fit the rest of a configuration."""

import pytest

from yachay.errors import ConfigurationError
from yachay.pipelines.registry import find_pipeline

MOVE = "{feature: %s, direction: up, by_at_most: 1, evidence: assumed}"
ACTION = f"{{title: A, cost_per_person: 1, cost_source: assumed, moves: [{MOVE}]}}"


def rejects(message, *overrides, name="education_access"):
    with pytest.raises(ConfigurationError, match=message):
        find_pipeline(name).load(overrides)


def moving(feature):
    return f"recommend.catalogue={{currency: PEN, actions: {{a: {ACTION % feature}}}}}"


def test_the_shipped_catalogues_fit_their_systems():
    education = find_pipeline("education_access").load()
    assert education.recommends("share")
    assert not education.recommends("barrier")
    assert "mother_tongue" in education.recommend.catalogue.actions
    support = find_pipeline("student_dropout").load(profile="support")
    assert support.recommends("semester2")
    assert not find_pipeline("student_dropout").load().recommends("semester2")


def test_a_catalogue_that_moves_a_leak_gets_the_reason():
    rejects(
        r"recommend\.catalogue: actions\.a\.moves\.0: .*'schooling_years', which is excluded: ",
        moving("schooling_years"),
    )


def test_a_catalogue_that_moves_what_is_predicted_is_rejected():
    rejects(r"'secondary_pct', which is excluded: it is predicted", moving("secondary_pct"))


def test_a_catalogue_that_moves_what_is_fixed_gets_the_reason():
    rejects(r"'altitude_m': a place does not move", moving("altitude_m"))


def test_an_unknown_feature_has_the_nearest_name():
    rejects(r"received 'electrcity_pct'\. Did you mean 'electricity_pct'\?", moving("electrcity_pct"))


def test_a_task_a_column_or_a_pattern_that_is_none_is_rejected():
    rejects(r"recommend\.tasks: .*'shre'\. Did you mean 'share'\?", "recommend.tasks=[shre]")
    rejects(r"recommend\.communities\.region: .*Did you mean 'department'\?", "recommend.communities.region=departmen")
    rejects(r"recommend\.fixed: .*'nearby_\*'", "recommend.fixed={'nearby_*': far}")


def test_other_outcomes_are_tasks_that_predict_one_number():
    other = "{title: other, higher_is_better: true}"
    rejects(
        r"recommend\.robustness: .*'schoolin'\. Did you mean 'schooling'\?", f"recommend.robustness.schoolin={other}"
    )
    rejects(r"recommend\.robustness: .*one number, received 'barrier'", f"recommend.robustness.barrier={other}")
    config = find_pipeline("education_access").load()
    assert set(config.recommender("share").robustness) == {"schooling", "illiteracy"}


def test_a_class_belongs_to_a_classification():
    rejects(r"recommend\.outcome\.class: expected one of barrier, no_barrier", "recommend.tasks=[barrier]")
    rejects(r"recommend\.outcome\.class: expected none", "recommend.outcome.class=barrier")


def test_a_catalogue_that_is_not_there_is_named():
    rejects(r"Expected a catalogue of interventions at .*none\.yaml", "recommend.catalogue=none.yaml")


def test_the_section_of_a_profile_that_is_not_chosen_need_not_fit_the_overrides():
    override = "feature_selection.enabled=true"
    assert find_pipeline("student_dropout").load([override]).recommend is None
    with pytest.raises(ConfigurationError, match=r"profiles\.support\.recommend: expected no feature selection"):
        find_pipeline("student_dropout").load([override], "support")
