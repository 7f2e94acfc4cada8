"""The catalogue of interventions."""

import pytest
import recommendation_samples as samples

from yachay.components.intervention_recommender.catalogue import Catalogue, read_catalogue
from yachay.errors import ConfigurationError


def read(tmp_path, text):
    path = tmp_path / "interventions.yaml"
    path.write_text(text)
    return read_catalogue(path)


def rejects(tmp_path, message, **replaced):
    text = samples.CATALOGUE
    for old, new in replaced.values():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(ConfigurationError, match=message):
        read(tmp_path, text)


def test_a_catalogue_is_read_with_defaults(tmp_path):
    found = read(tmp_path, samples.CATALOGUE)

    assert list(found.actions) == ["water", "noise", "teaching"]
    assert found.actions["teaching"].moves == ()
    assert found.columns == ("water_pct", "river_pct", "noise")


def test_a_cost_of_zero_names_the_action_and_its_line(tmp_path):
    rejects(
        tmp_path,
        r"actions\.water\.cost_per_person: .*greater than 0\. Received: 0 \(line 8\)",
        cost=("cost_per_person: 10", "cost_per_person: 0"),
    )


def test_an_unknown_action_has_the_nearest_name(tmp_path):
    rejects(tmp_path, r"actions\.noise\.needs: .*'watre'\. Did you mean 'water'\?", needs=("[water]", "[watre]"))


def test_an_unknown_field_has_the_nearest_name(tmp_path):
    rejects(tmp_path, r"Did you mean 'cost_source'\?", field=("cost_source: A price list", "cost_sorce: A price list"))


def test_an_action_that_stands_there_twice_names_both_lines(tmp_path):
    rejects(tmp_path, r"water: expected it once, received it in lines 4 and 12", name=("  noise:", "  water:"))


def test_a_move_without_an_end_is_rejected(tmp_path):
    rejects(tmp_path, "no action moves a feature without end", bound=("by_at_most: 1, ", ""))


def test_an_action_that_excludes_what_it_needs_is_rejected(tmp_path):
    rejects(
        tmp_path,
        "expected not to exclude what it needs",
        needs=("needs: [water]", "needs: [water]\n    excludes: [water]"),
    )


def test_an_action_whose_columns_the_table_has_already_is_rejected(tmp_path):
    rejects(
        tmp_path,
        r"actions\.rank: expected another name, for the table of communities has a column 'rank_lower' of its own",
        name=("  noise:", "  rank:"),
    )


def test_an_action_whose_needs_exclude_each_other_is_rejected(tmp_path):
    rejects(
        tmp_path,
        r"actions\.noise: expected not to need actions that exclude each other, received 'teaching' and 'water'",
        needs=("needs: [water]", "needs: [water, teaching]"),
        excludes=("cost_source: A price list", "cost_source: A price list\n    excludes: [water]"),
    )


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no such file\. Correct recommend\.catalogue"):
        read_catalogue(tmp_path / "none.yaml")


def problems(catalogue: Catalogue, **changed):
    known = {"features": dict.fromkeys(samples.FEATURES, "numeric"), "excluded": {}, "fixed": {}}
    known |= {"known": ["water_pct"], "whole_numbers": []} | changed
    return list(catalogue.problems(**known))


def test_a_catalogue_of_known_features_has_no_problem():
    assert problems(samples.catalogue()) == []


def test_a_catalogue_that_moves_a_leak_gets_the_reason():
    [problem] = problems(samples.catalogue(), excluded={"noise": "the outcome itself"})
    assert problem == (
        "actions.noise.moves.0: expected an input of the model, received 'noise', which is excluded: the outcome itself"
    )


def test_an_unknown_feature_has_the_nearest_name():
    catalogue = samples.catalogue(
        noise={"moves": [{"feature": "plase", "direction": "up", "by_at_most": 1, "evidence": "assumed"}]}
    )
    [problem] = problems(catalogue)
    assert problem.endswith("received 'plase'. Did you mean 'place'?")


def test_a_feature_that_cannot_be_moved_is_rejected():
    [problem] = problems(samples.catalogue(), fixed={"noise": "a place does not move"})
    assert problem.endswith("received 'noise': a place does not move")


def test_a_part_of_an_integer_is_rejected():
    catalogue = samples.catalogue(
        noise={"moves": [{"feature": "noise", "direction": "up", "by_at_most": 0.5, "evidence": "assumed"}]}
    )
    assert "expected whole numbers" in problems(catalogue, whole_numbers=["noise"])[0]


def test_an_unknown_column_of_a_condition_is_rejected():
    [problem] = problems(samples.catalogue(), known=["water_pc"])
    assert "actions.water.fits.where.0" in problem
