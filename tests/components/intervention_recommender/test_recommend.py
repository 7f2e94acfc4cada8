"""A recommendation of communities with known effects, by linear models."""

import dataclasses

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import recommendation_samples as samples
from tensorflow_metadata.proto.v0 import schema_pb2

from yachay.components.examples import encode
from yachay.components.intervention_recommender.communities import read_communities
from yachay.components.intervention_recommender.document import read_recommendation
from yachay.components.intervention_recommender.draws import (
    has_choices,
    only_actions,
    read_result,
    with_own_plan,
    with_plan,
    write_result,
)
from yachay.components.intervention_recommender.outputs import to_geojson, to_table
from yachay.components.intervention_recommender.recommend import recommend
from yachay.components.intervention_recommender.robustness import check_labels
from yachay.components.intervention_recommender.settings import PlanSettings
from yachay.errors import DataError, UsageError

pytestmark = pytest.mark.integration


def serialized(table: pd.DataFrame) -> tuple[list[bytes], schema_pb2.Schema]:
    """Returns a table as examples, with their schema."""
    schema, columns = schema_pb2.Schema(), {}
    for name in table:
        is_text = table[name].dtype == object
        kind = schema_pb2.BYTES if is_text else schema_pb2.FLOAT
        feature = schema.feature.add(name=name, type=kind)
        feature.presence.min_fraction = 1
        feature.shape.SetInParent()
        values = [[one.encode()] if is_text else [one] for one in table[name]]
        columns[name] = pa.array(values, pa.list_(pa.binary() if is_text else pa.float32()))
    return encode(pa.RecordBatch.from_pydict(columns)), schema


@pytest.fixture(scope="module")
def table():
    return samples.communities()


@pytest.fixture(scope="module")
def result(table):
    return recommend(*serialized(table), samples.config(), is_blessed=True, workers=1)


def of(result, action):
    names = [one.name for one in result.document.actions]
    place = names.index(action)
    return result.document.effects[place], result.document.refutations[place]


def test_a_known_effect_is_recovered_within_its_interval(result, table):
    effects, refutations = of(result, "water")
    change = (90 - table["water_pct"]).clip(0, 10).where(table["water_pct"] <= 85, 0)
    truth = (samples.WATER_EFFECT * change).to_dict()
    places = {key: place for place, key in enumerate(result.document.columns.key)}
    rows = [places[key] for key in table["key"]]
    error = np.array([effects.effect[row] - truth[number] for number, row in enumerate(rows)])

    assert np.abs(error).max() < 0.5
    assert all(effects.lower[row] <= effects.effect[row] <= effects.upper[row] for row in rows)
    assert [one.passed for one in refutations] == [True, True, True, True]


def test_an_effect_of_nothing_is_refuted_or_nothing(result):
    effects, refutations = of(result, "noise")
    assert np.abs(effects.effect).max() < 0.5
    placebo = refutations[0]
    assert placebo.test == "placebo feature"


def test_an_action_that_no_column_measures_is_zero_with_the_reason(result):
    effects, refutations = of(result, "teaching")
    assert set(effects.effect) == {0}
    assert "not known" in effects.zero_reason.en
    assert refutations == ()


def test_scores_are_of_models_that_have_not_seen_the_region(result):
    document = result.document
    assert document.num_draws == 16
    assert document.model.metrics["r2"] > 0.9
    assert sorted(document.columns.rank) == list(range(1, 161))
    assert all(
        low <= rank <= high
        for low, rank, high in zip(
            document.columns.rank_lower, document.columns.rank, document.columns.rank_upper, strict=True
        )
    )
    assert document.model.is_blessed


def test_drivers_are_the_change_from_the_typical_value(result):
    columns = result.document.columns
    for place in range(20):
        [water] = [one for one in result.document.drivers[place] if one.feature == "water_pct"]
        assert water.title.en == "water"
        assert water.effect == pytest.approx(samples.WATER_EFFECT * (water.value - water.typical), abs=2)
    assert len(columns.key) == len(result.document.drivers)


def test_ranks_by_another_outcome_are_compared_with_its_own(result, table):
    [other] = result.document.other_ranks
    assert sorted(other.rank) == list(range(1, 161))
    assert other.rank_correlation > 0.95
    assert [one.top for one in other.common] == [16, 32]
    assert all(0.5 * one.top < one.common <= one.top for one in other.common)
    assert to_table(result.document)["rank_by_need"].tolist()[0] < 20

    missing = table.assign(need=table["need"].where(table["place"] < 2, np.nan))
    with pytest.raises(DataError, match="Expected a number in 'need' for each district"):
        check_labels(missing, samples.config())


def test_people_who_are_reached_are_paid_for(result, table):
    effects, _ = of(result, "water")
    place = next(place for place, fits in enumerate(effects.fits) if fits)
    row = table[table["key"] == result.document.columns.key[place]].iloc[0]
    change = min(10, 90 - row["water_pct"])
    assert effects.cost[place] == pytest.approx(10 * row["people"] * change / 100, rel=1e-3)


def test_a_plan_anew_needs_the_files_only(result, tmp_path):
    write_result(result, tmp_path)
    assert read_recommendation(tmp_path / "recommendation.json") == result.document

    planned = with_plan(read_result(tmp_path), PlanSettings(), 20_000.0).document
    assert planned.plan.cost <= 20_000
    assert {one.name for one in planned.naive_plans} == {"poverty", "population", "rank"}
    assert planned.plan.gain >= max(one.gain for one in planned.naive_plans) * 0.9


def test_a_plan_with_one_action_has_what_it_needs_and_nothing_else(result):
    planned = with_plan(only_actions(result, ["water"]), PlanSettings(), 20_000.0).document.plan
    assert {choice.action for choice in planned.choices} == {0}
    with pytest.raises(UsageError, match="Did you mean 'water'"):
        only_actions(result, ["watter"])


def test_what_does_not_survive_a_test_is_said_and_in_no_plan(result):
    [_, *others] = result.document.refutations[0]
    failed = result.document.refutations[0][0].model_copy(update={"statistic": 0.2, "passed": False})
    document = result.document.model_copy(update={"refutations": ((failed, *others), *result.document.refutations[1:])})
    doubted = dataclasses.replace(result, document=document)

    assert set(to_table(document)["water_failed_tests"]) == {"placebo feature"}
    assert not has_choices(doubted, PlanSettings())
    planned = with_plan(doubted, PlanSettings(refuted=True), 20_000.0).document.plan
    assert {0} <= {choice.action for choice in planned.choices}
    assert planned.left_out == ()


def test_tables_and_maps_have_a_row_a_community(result):
    table = to_table(result.document)
    assert table["rank"].tolist() == list(range(1, 161))
    assert {"water_effect", "water_planned", "noise_extrapolates"} <= set(table)
    assert set(table["water_failed_tests"]) == set(table["teaching_failed_tests"]) == {""}
    assert '"geometry":{"type":"Point"' not in to_geojson(table, {})
    key = result.document.columns.key[0]
    assert '"type":"Polygon"' in to_geojson(table, {key: {"type": "Polygon", "coordinates": []}})


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"budget": 1}, "Expected a budget of at least .* PEN, the cost of the cheapest action"),
        ({"budget": 5000, "floors": {"reigon 1": 0.1}}, "Did you mean 'region 1'"),
        ({"budget": 5000, "floors": {"*": 0.2}}, "sum to at most 1 over all regions. Received: 1.2, for 6 regions"),
        ({"budget": 1e7, "floors": {"region 1": 0.9}}, "floors that can be met within the budget"),
    ],
)
def test_what_no_model_could_plan_is_found_before_one_is_trained(table, caplog, plan, message):
    caplog.set_level("INFO")
    with pytest.raises(UsageError, match=message):
        recommend(*serialized(table), samples.config(plan=plan), workers=1)
    assert "of the bootstrap" not in caplog.text


def test_polygons_of_others_are_found_before_a_model_is_trained(table, caplog, tmp_path):
    caplog.set_level("INFO")
    path = tmp_path / "polygons.geojson"
    path.write_text('{"features": [{"properties": {"ID": "999"}, "geometry": null}]}')
    config = samples.config(polygons={"path": str(path), "key": "ID"})
    with pytest.raises(DataError, match="0 of 160 match, for its keys are such as '999'"):
        recommend(*serialized(table), config, workers=1, polygons=path)
    assert "of the bootstrap" not in caplog.text


def test_what_only_the_tests_make_impossible_leaves_the_ranks(result, caplog):
    def planned(refutations=result.document.refutations, **plan):
        recommend = result.config.recommend
        recommend = recommend.model_copy(update={"plan": recommend.plan.model_copy(update=plan)})
        document = result.document.model_copy(update={"refutations": refutations})
        config = result.config.model_copy(update={"recommend": recommend})
        return with_own_plan(dataclasses.replace(result, document=document, config=config)).document

    failed = result.document.refutations[0][0].model_copy(update={"passed": False})
    without = planned(((failed,), *result.document.refutations[1:]), budget=20_000)
    assert without.plan is None
    assert without.caveats[-1].en.startswith("There is no plan: no action")

    without = planned(budget=1e9, floors={"region 1": 1.0})
    assert without.plan is None
    assert "the budget or the floors of the configuration cannot be met" in without.caveats[-1].en
    assert "No plan: Expected floors that can be met" in caplog.text
    assert len(without.columns.rank) == 160


def test_a_community_that_stands_there_twice_is_named():
    table = samples.communities(20)
    table.loc[3, "key"] = "007"
    with pytest.raises(DataError, match=r"each district once(.|\n)*007 \(District 3\): 2 rows"):
        read_communities(table, samples.settings())


def test_a_community_without_a_region_is_named():
    table = samples.communities(20)
    table.loc[3, "region"] = None
    with pytest.raises(DataError, match=r"a region in 'region'(.|\n)*003"):
        read_communities(table, samples.settings())


def test_intervals_hold_what_was_measured_as_often_as_a_caveat_says(result):
    columns = result.document.columns
    inside = [low <= seen <= up for low, seen, up in zip(columns.lower, columns.observed, columns.upper, strict=True)]
    assert np.mean(inside) == pytest.approx(result.document.level, abs=0.08)
    share = f"holds what was measured in {np.mean(inside):.0%} of all communities"
    [caveat] = [one.en for one in result.document.caveats if share in one.en]

    measured = np.argsort(np.argsort(columns.observed)) + 1
    ranks = np.mean((measured >= columns.rank_lower) & (measured <= columns.rank_upper))
    assert ranks == pytest.approx(result.document.level, abs=0.1)
    assert f"holds the rank by what was measured in {ranks:.0%}" in caveat
    assert "The interval of an effect is narrower than what may happen" in caveat
