"""Communities with known effects, and catalogues for them."""

import numpy as np
import pandas as pd
import yaml

from yachay.components.cross_validator.settings import CrossValidatorConfig
from yachay.components.features import FeatureKind, Problem
from yachay.components.intervention_recommender.catalogue import Catalogue
from yachay.components.intervention_recommender.document import Action, Columns, Effects, Gain, Model, Recommendation
from yachay.components.intervention_recommender.draws import Draws, Result
from yachay.components.intervention_recommender.replicates import Replicate
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
    table = pd.DataFrame(
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
    # Another outcome, of which less is better.
    return table.assign(need=100 - 0.8 * table["outcome"] + random.normal(0, 4, num_rows))


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
            "placebos": 19,
            "models_per_placebo": 1,
        }
        | changed
    )


def training(label):
    """Returns how linear models of a column are trained, split by region."""
    task = PredictionTask(
        problem=Problem.REGRESSION,
        label=Label(name=label),
        features=FEATURES,
        split=SplitSettings(method="group", key="region"),
    )
    return CrossValidatorConfig(task=task, trainer=TrainerSettings(family="linear", seed=1))


def config(**changed):
    """Returns the configuration of a recommendation by linear models, beside it the ranks by the column `need`."""
    recommend = settings(**{"robustness": {"need": {"title": "need", "higher_is_better": False}}} | changed)
    return RecommenderConfig(
        system="toy",
        task_name="outcome",
        title=Text(en="Toy"),
        training=training("outcome"),
        recommend=recommend,
        robustness={name: training(name) for name in recommend.robustness},
    )


def result(num_rows=40):
    """Returns a recommendation of made-up numbers, without a model."""
    random = np.random.default_rng(5)
    table = communities(num_rows)
    order = np.argsort(np.argsort(table["outcome"])) + 1
    document = Recommendation(
        system="education_access",
        task="share",
        title=Text(en="Toy"),
        created="2026-01-01T00:00:00+00:00",
        is_synthetic=True,
        model=Model(family="linear", method=Text(en="by region")),
        num_draws=20,
        level=0.8,
        outcome=settings().outcome.model_dump(include={"title", "unit", "higher_is_better"}) | {"name": "outcome"},
        gain=Gain(title=Text(en="People")),
        unit=Text(en="district"),
        regions_name=Text(en="region"),
        columns=Columns(
            **{name: tuple(table[name]) for name in ("key", "name", "region")},
            population=tuple(table["people"]),
            **dict.fromkeys(("longitude", "latitude"), (None,) * num_rows),
            **dict.fromkeys(("observed", "predicted", "lower", "upper"), tuple(table["outcome"])),
            **dict.fromkeys(("rank", "rank_lower", "rank_upper"), tuple(order.tolist())),
        ),
        drivers=((),) * num_rows,
        actions=tuple(
            Action(
                name=name,
                title=one.title,
                description=one.description,
                moves=(),
                cost_per_person=one.cost_per_person,
                people=Text(en="all"),
                currency="PEN",
                cost_source=one.cost_source,
                cost_assumed=True,
                fits=one.fits.title,
                needs=one.needs,
            )
            for name, one in catalogue().actions.items()
        ),
        effects=tuple(
            Effects(
                action=name,
                **dict.fromkeys(("effect", "lower", "upper"), (effect,) * num_rows),
                extrapolates=(False,) * num_rows,
                fits=(True,) * num_rows,
                cost=tuple((one.cost_per_person * table["people"]).tolist()),
                zero_reason=None if effect else Text(en="not measured"),
            )
            for (name, one), effect in zip(catalogue().actions.items(), (5.0, 0.5, 0.0), strict=True)
        ),
        refutations=((), (), ()),
        caveats=(Text(en="Associations are not causes."),),
    )
    draws = Draws(
        effects=random.normal([[[5.0]], [[0.5]], [[0.0]]], 0.1, (3, 20, num_rows)).astype(np.float32),
        beneficiaries=table["people"].to_numpy() * 0.01,
        naive={"poverty": table["place"].to_numpy()},
    )
    return Result(document, draws, config())


def replicate(rows, outcome, change, origins=None):
    """Returns a replicate with one action that changes the outcome by so much."""
    rows, outcome = np.array(rows), np.array(outcome, np.float32)
    changed = (outcome + np.array(change, np.float32))[None]
    none = np.zeros((0, len(rows)), np.float32)
    return Replicate(rows, outcome[:, None], outcome, changed, changed[0], none, rows if origins is None else origins)
