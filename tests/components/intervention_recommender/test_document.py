"""The document of a recommendation."""

import math

import pytest

from yachay.components.intervention_recommender.document import (
    Columns,
    Model,
    Outcome,
    Recommendation,
    read_recommendation,
    write_recommendation,
)
from yachay.components.text import Text
from yachay.errors import DataError


def columns(**changed):
    numbers = dict.fromkeys(("population", "longitude", "latitude", "observed"), (None, 1.5))
    predictions = dict.fromkeys(("predicted", "lower", "upper"), (40.0, 50.0))
    ranks = dict.fromkeys(("rank", "rank_lower", "rank_upper"), (1, 2))
    return Columns(
        **{"key": ("01", "02"), "name": ("A", "B"), "region": ("R", "R")} | numbers | predictions | ranks | changed
    )


def document(**changed):
    return Recommendation(
        **{
            "system": "toy",
            "task": "share",
            "title": Text(en="Toy", es="Juguete"),
            "created": "2026-01-01T00:00:00+00:00",
            "model": Model(family="linear", method=Text(en="by region")),
            "num_draws": 20,
            "level": 0.8,
            "outcome": Outcome(name="share", title=Text(en="Share"), higher_is_better=True),
            "gain": {"title": "People"},
            "unit": Text(en="district", es="distrito"),
            "regions_name": Text(en="department"),
            "columns": columns(),
            "drivers": ((), ()),
            "actions": (),
            "effects": (),
            "caveats": (Text(en="Associations are not causes."),),
        }
        | changed
    )


def test_a_recommendation_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "recommendation.json"
    write_recommendation(document(), path)
    assert read_recommendation(path) == document()


def test_a_number_that_is_none_is_rejected_as_nan():
    with pytest.raises(ValueError, match="finite number"):
        columns(predicted=(math.nan, 1.0))


def test_lists_of_unequal_length_are_rejected():
    with pytest.raises(ValueError, match="one entry a community"):
        columns(name=("A",))


def test_a_file_that_is_no_recommendation_names_the_file(tmp_path):
    path = tmp_path / "recommendation.json"
    path.write_text("{}")
    with pytest.raises(DataError, match=r"Expected a recommendation of format 1 in .*recommendation\.json"):
        read_recommendation(path)
