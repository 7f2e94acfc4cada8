"""Communities with known effects, and catalogues for them."""

import numpy as np
import pandas as pd
import yaml

from yachay.components.cross_validator.settings import CrossValidatorConfig
from yachay.components.features import FeatureKind, Problem
from yachay.components.intervention_recommender.catalogue import Catalogue
from yachay.components.intervention_recommender.settings import RecommenderConfig, RecommendSettings
from yachay.components.prediction_task import Label, PredictionTask, SplitSettings
from yachay.components.text import Text
from yachay.components.trainer.settings import TrainerSettings

WATER_EFFECT, NUM_REGIONS = 0.5, 8

CATALOGUE = """
currency: PEN
actions:
  water:
    title: {en: Water, es: Agua}
    moves:
      - {feature: water_pct, direction: up, by_at_most: 10, to_at_most: 90, takes_from: [river_pct], evidence: assumed}
    cost_per_person: 10
    people: moved
    cost_source: assumed
    fits: {title: Where few have it, where: [{columns: water_pct, at_most: 85}]}
  noise:
    title: Noise
    moves: [{feature: noise, direction: up, by_at_most: 1, evidence: assumed}]
    cost_per_person: 5
    cost_source: assumed
    needs: [water]
  teaching:
    title: Teaching
    cost_per_person: 3
    cost_source: A price list
"""


def catalogue(**changed):
    """Returns the catalogue; a keyword changes fields of the action of that name."""
    document = yaml.safe_load(CATALOGUE)
    for name, fields in changed.items():
        document["actions"][name] = document["actions"].get(name, {}) | fields
    return Catalogue.model_validate(document)


def communities(num_rows=160, seed=3):
    """Returns a table in which a percentage of water adds half a point to the outcome, and noise nothing."""
    random = np.random.default_rng(seed)
    water = random.uniform(20, 95, num_rows)
    place = random.normal(0, 1, num_rows)
    return pd.DataFrame(
        {
            "key": [f"{number:03d}" for number in range(num_rows)],
            "name": [f"District {number}" for number in range(num_rows)],
            "region": [f"region {number % NUM_REGIONS}" for number in range(num_rows)],
            "people": random.integers(100, 5000, num_rows).astype(float),
            "water_pct": water,
            "river_pct": (95 - water) * random.uniform(0.5, 1, num_rows),
            "noise": random.normal(0, 1, num_rows),
            "place": place,
            "outcome": 20 + WATER_EFFECT * water + 4 * place + random.normal(0, 1, num_rows),
        }
    )


FEATURES = dict.fromkeys(("water_pct", "river_pct", "noise", "place"), FeatureKind.NUMERIC)


def settings(**changed):
    """Returns settings for the table of `communities`."""
    return RecommendSettings(
        **{
            "catalogue": catalogue(),
            "outcome": {"title": "Outcome", "unit": "%", "higher_is_better": True, "cut": 30},
            "communities": {
                "key": "key",
                "name": "name",
                "region": "region",
                "population": {"column": "people"},
                "unit": "district",
                "regions_name": "region",
            },
            "gain": {"title": "People", "factor": 0.01},
            "plan": {"naive": {"poverty": {"title": "The poorest", "column": "place"}}},
            "replicates": 16,
            "placebos": 9,
        }
        | changed
    )


def config(**changed):
    """Returns the configuration of a recommendation by linear models, split by region."""
    task = PredictionTask(
        problem=Problem.REGRESSION,
        label=Label(name="outcome"),
        features=FEATURES,
        split=SplitSettings(method="group", key="region"),
    )
    return RecommenderConfig(
        system="toy",
        task_name="outcome",
        title=Text(en="Toy"),
        training=CrossValidatorConfig(task=task, trainer=TrainerSettings(family="linear", seed=1)),
        recommend=settings(**changed),
    )
