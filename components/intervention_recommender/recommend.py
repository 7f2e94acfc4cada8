"""The recommendation of a system's records: models of the bootstrap, estimates, tests, document, plan.

result = recommend(examples, schema, config)
result.document, result.draws
"""

import dataclasses
import datetime
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2

from ...files import scratch_folder
from ..cross_validator.folds import Records
from ..cross_validator.intervals import OutcomeSpread
from ..cross_validator.workers import run_folds
from ..evaluator.metric import measure, task_metrics
from ..feature_selection.records import split_keys
from ..features import FeatureKind, Problem
from ..splitter import Splitter
from ..text import Text
from ..trainer.family import load_families
from ..trainer.train import to_predictions
from ..transform.analyze import analyze, transform_arrays
from ..transform.settings import TransformConfig
from . import text
from .actions import apply_together
from .catalogue import ASSUMED, CatalogueAction
from .choices import Choices, check_plan, find_choices
from .communities import Communities, read_communities
from .document import (
    Action,
    Columns,
    Driver,
    Effects,
    Gain,
    Model,
    Move,
    Outcome,
    Recommendation,
    Refutation,
)
from .draws import Draws, Result, with_own_plan
from .estimates import Estimates, estimate, rank_by, with_outcomes
from .polygons import check_polygons, read_polygons
from .refutation import refutations, refute
from .replicates import Bags, Replicate, ReplicateWork, draw_bags, with_columns
from .robustness import check_labels, other_ranks
from .settings import RecommenderConfig

logger = logging.getLogger(__name__)

MIN_COVERED = 20
"""The fewest communities of a region for which a share of them is shown."""


def recommend(
    examples: Sequence[bytes],
    schema: schema_pb2.Schema,
    config: RecommenderConfig,
    is_blessed: bool | None = None,
    workers: int | None = None,
    polygons: Path | None = None,
) -> Result:
    """Returns the recommendation of records.

    Args:
        examples: sequence of serialized `tf.Example`, one a community.
        schema: `Schema` of them.
        config: `RecommenderConfig`.
        is_blessed: bool or None. Whether the pipeline's model was blessed; None where nobody judged it.
        workers: int or None. See `run_folds`.
        polygons: path or None. A GeoJSON file, which is checked to be of the communities. Defaults to None.

    Raises:
        DataError: if a community stands there twice, has no region or none of another outcome, or there are too few; if
            the polygons are of others.
        ModelError: if a model cannot be trained.
        UsageError: if the budget or the floors of the configuration could not be met, whatever the models found.
    """
    settings, task = config.recommend, config.training.task
    records = Records.of(examples, schema)
    table = records.table
    communities = read_communities(table, settings)
    whole_numbers = frozenset(feature.name for feature in schema.feature if feature.type == schema_pb2.INT)
    choices = find_choices(table, communities, config, whole_numbers)
    check_plan(choices, communities, settings)
    check_labels(table, config)
    if polygons is not None:
        check_polygons(read_polygons(polygons, config), communities, polygons)
    groups = Splitter(task.split).clusters(split_keys(table, task.split))
    is_classification = task.problem is Problem.CLASSIFICATION
    labels = _labels(table, config)
    bags = draw_bags(
        groups,
        communities.regions,
        labels if is_classification else None,
        settings.replicates,
        settings.placebos,
        settings.models_per_placebo,
        config.training.trainer.seed,
    )
    numbers = tuple(name for name in task.features if name in table and table[name].dtype != object)
    with scratch_folder() as scratch:
        graph = scratch / "transform"
        transform_output = analyze(
            records.examples.tolist(),
            schema,
            TransformConfig(task=task, settings=config.training.transform, engine=config.training.engine),
            graph,
        )

        def scenario(columns: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[Any]]:
            if not columns:
                return {}
            changed = with_columns(records.examples.tolist(), schema, columns)
            arrays = transform_arrays(transform_output, changed)
            return {name: arrays[name] for name in columns}

        together, at_once = apply_together(table, settings.catalogue, whole_numbers)
        work = ReplicateWork(
            task=task,
            trainer=config.training.trainer,
            transform_graph=graph,
            arrays=transform_arrays(transform_output, records.examples.tolist()),
            scenarios=(*(scenario(one.columns) for one in choices.applied), scenario(together)),
            typical=transform_arrays(transform_output, [_typical(records, task.features)]),
            features=numbers,
            moved=settings.catalogue.columns,
            regions=communities.regions,
            bags=bags,
            place=task.label.values.index(str(settings.outcome.class_name)) if is_classification else 0,
        )
        replicates = []
        for replicate in run_folds(work, list(zip(bags.trained, bags.scored, strict=True)), workers):
            replicates.append(replicate)
            logger.info("Model %d of %d of the bootstrap", len(replicates), len(bags.trained))
    estimates = estimate(
        replicates[: bags.num_replicates], choices.fits, at_once, settings.outcome.higher_is_better, settings.level
    )
    result = _result(
        config, table, communities, choices, bags, replicates, estimates, labels, groups, work.features, is_blessed
    )
    predicted = np.array(result.document.columns.predicted)
    others = other_ranks(records, config, bags, communities.regions, predicted, workers)
    return dataclasses.replace(result, document=result.document.model_copy(update={"other_ranks": others}))


def _result(
    config: RecommenderConfig,
    table: pd.DataFrame,
    communities: Communities,
    choices: Choices,
    bags: Bags,
    replicates: Sequence[Replicate],
    estimates: Estimates,
    labels: NDArray[Any],
    groups: NDArray[np.int64] | None,
    features: tuple[str, ...],
    is_blessed: bool | None,
) -> Result:
    settings, task = config.recommend, config.training.task
    fits = choices.fits
    higher = settings.outcome.higher_is_better
    if task.problem is not Problem.CLASSIFICATION:
        spread = OutcomeSpread.of(estimates.outcome.mean, labels, groups, [np.log10(communities.population)])
        estimates = with_outcomes(estimates, spread, higher, settings.level, config.training.trainer.seed)
    regions = pd.factorize(np.array(communities.regions, object))[0]
    tests = tuple(refutations(one) for one in refute(replicates, bags, fits, regions, higher))
    named = task_metrics(task)
    metrics = measure(named, labels, to_predictions(estimates.scores.astype(np.float32), task))
    family = load_families().get(config.training.trainer.family)
    document = Recommendation(
        system=config.system,
        task=config.task_name,
        title=config.title,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        data_source=config.source,
        licence=config.licence,
        is_synthetic=config.is_synthetic,
        model=Model(
            family=config.training.trainer.family,
            family_title=family.title if family else Text(),
            method=_method(config, bags),
            metrics={name: value for name, value in metrics.items() if np.isfinite(value)},
            metric_titles={name: metric.title for name, metric in named.items()},
            is_blessed=is_blessed,
        ),
        num_draws=bags.num_replicates,
        level=settings.level,
        outcome=Outcome(
            name=task.label.name,
            title=settings.outcome.title,
            unit=Text(en="%") if task.problem is Problem.CLASSIFICATION else settings.outcome.unit,
            higher_is_better=higher,
            cut=settings.outcome.cut,
        ),
        gain=Gain(title=settings.gain.title, unit=settings.gain.unit),
        unit=settings.communities.unit,
        regions_name=settings.communities.regions_name,
        columns=_columns(config, communities, estimates, labels),
        drivers=_drivers(config, table, features, estimates),
        actions=tuple(_action(config, name, one) for name, one in settings.catalogue.actions.items()),
        effects=tuple(
            _effects(place, name, action, choices, estimates)
            for place, (name, action) in enumerate(settings.catalogue.actions.items())
        ),
        refutations=tests,
        caveats=_caveats(config, communities, estimates, labels, tests, is_blessed),
    )
    draws = Draws(
        effects=estimates.draws,
        beneficiaries=np.nan_to_num(communities.beneficiaries),
        naive={name: table[one.column].to_numpy(np.float64) for name, one in settings.plan.naive.items()},
    )
    return with_own_plan(Result(document, draws, config))


def _labels(table: pd.DataFrame, config: RecommenderConfig) -> NDArray[Any]:
    label = config.training.task.label
    if config.training.task.problem is not Problem.CLASSIFICATION:
        numbers: NDArray[np.float32] = table[label.name].to_numpy(np.float32)
        return numbers
    codes = {value: code for code, value in enumerate(label.values)}
    return np.array([codes[str(value)] for value in table[label.name]], np.int64)


def _typical(records: Records, features: dict[str, FeatureKind]) -> bytes:
    """Returns an example with the median of each feature that is a number, and else the most frequent value."""
    columns = {}
    for name, kind in features.items():
        if name not in records.table:
            continue  # A sequence.
        values = records.table[name]
        is_number = values.dtype != object and kind not in (FeatureKind.CATEGORICAL, FeatureKind.BOOLEAN)
        modes = values.mode()
        common = modes.iloc[0] if len(modes) else None
        columns[name] = np.array([values.median() if is_number else common], values.dtype)
    return with_columns([records.examples[0]], records.schema, columns)[0]


def _method(config: RecommenderConfig, bags: Bags) -> Text:
    key = config.training.task.split.key
    regions = config.recommend.communities.regions_name
    same = key == config.recommend.communities.region
    groups = (
        (regions.en, regions.es or regions.en)
        if same
        else ((key, key) if config.training.task.split.method == "group" else ("records", "registros"))
    )
    values = text.OUT_OF_BAG
    return Text(
        en=values.en.format(num=bags.num_replicates, groups=groups[0]),
        es=values.es.format(num=bags.num_replicates, groups=groups[1]),
    )


def _columns(
    config: RecommenderConfig, communities: Communities, estimates: Estimates, labels: NDArray[Any]
) -> Columns:
    outcome = estimates.outcome
    task = config.training.task
    observed = labels.astype(np.float64)
    if task.problem is Problem.CLASSIFICATION:
        observed = 100.0 * (labels == task.label.values.index(str(config.recommend.outcome.class_name)))
    rank, rank_lower, rank_upper = estimates.ranks.tolist()
    return Columns(
        key=communities.keys,
        name=communities.names,
        region=communities.regions,
        population=_known(communities.population),
        longitude=_known(communities.longitude),
        latitude=_known(communities.latitude),
        observed=_known(observed),
        predicted=_rounded(outcome.mean),
        lower=_rounded(outcome.lower),
        upper=_rounded(outcome.upper),
        rank=rank,
        rank_lower=rank_lower,
        rank_upper=rank_upper,
    )


def _drivers(
    config: RecommenderConfig, table: pd.DataFrame, features: tuple[str, ...], estimates: Estimates
) -> tuple[tuple[Driver, ...], ...]:
    if not features:
        return ((),) * len(table)
    effects = estimates.drivers
    values = table[list(features)].to_numpy(np.float64)
    kinds = config.training.task.features
    typical = [
        float(table[name].mode().iloc[0] if kinds[name] in ("categorical", "boolean") else table[name].median())
        for name in features
    ]
    order = np.argsort(-np.abs(effects), axis=0, kind="stable")[: config.recommend.max_drivers]
    return tuple(
        tuple(
            Driver(
                feature=features[place],
                title=config.recommend.title_of(features[place]),
                value=None if np.isnan(values[row, place]) else round(float(values[row, place]), 4),
                typical=round(typical[place], 4),
                effect=round(float(effects[place, row]), 4),
            )
            for place in order[:, row]
            if effects[place, row]
        )
        for row in range(len(table))
    )


def _action(config: RecommenderConfig, name: str, action: CatalogueAction) -> Action:
    return Action(
        name=name,
        title=action.title,
        description=action.description,
        moves=tuple(
            Move(
                feature=move.feature,
                title=config.recommend.title_of(move.feature),
                direction=move.direction,
                by_at_most=move.by_at_most,
                to_at_most=move.to_at_most,
                years=move.years,
                evidence=move.evidence,
                assumed=_is_assumed(move.evidence),
            )
            for move in action.moves
        ),
        cost_per_person=action.cost_per_person,
        people=text.ALL_PEOPLE if action.people == "all" else text.MOVED_PEOPLE,
        currency=config.recommend.catalogue.currency,
        cost_source=action.cost_source,
        cost_assumed=_is_assumed(action.cost_source),
        fits=action.fits.title,
        excludes=action.excludes,
        needs=action.needs,
    )


def _is_assumed(source: Text) -> bool:
    return source.en.strip().lower().startswith(ASSUMED)


def _effects(place: int, name: str, action: CatalogueAction, choices: Choices, estimates: Estimates) -> Effects:
    effect, fits = estimates.effects, choices.fits[place]
    reason = None
    if not action.moves:
        reason = text.NOT_MEASURED
    elif fits.any() and not estimates.draws[place].any():
        reason = text.NOT_USED
    return Effects(
        action=name,
        effect=_rounded(effect.mean[place]),
        lower=_rounded(effect.lower[place]),
        upper=_rounded(effect.upper[place]),
        extrapolates=tuple(choices.extrapolates[place].tolist()),
        fits=tuple(fits.tolist()),
        cost=_rounded(choices.costs[place], 2),
        zero_reason=reason,
    )


def _caveats(
    config: RecommenderConfig,
    communities: Communities,
    estimates: Estimates,
    labels: NDArray[Any],
    tests: Sequence[tuple[Refutation, ...]],
    is_blessed: bool | None,
) -> tuple[Text, ...]:
    is_class = config.training.task.problem is Problem.CLASSIFICATION
    found = [
        *text.CAVEATS,
        text.MEAN_INTERVALS if is_class else _outcome_intervals(config, communities, estimates, labels),
    ]
    if config.is_synthetic:
        found.insert(0, text.SYNTHETIC)
    if is_blessed is False:
        found.insert(0, text.NOT_BLESSED)
    if np.isfinite(estimates.not_additive):
        share = estimates.not_additive
        found.append(Text(en=text.NOT_ADDITIVE.en.format(share=share), es=text.NOT_ADDITIVE.es.format(share=share)))
    failed = [(place, one.is_decisive) for place, of_one in enumerate(tests) for one in of_one if not one.passed]
    refuted = {place for place, is_decisive in failed if is_decisive}
    doubted = {place for place, _ in failed} - refuted
    titles = [action.title for action in config.recommend.catalogue.actions.values()]
    for caveat, places in ((text.REFUTED, refuted), (text.IN_DOUBT, doubted)):
        if places:
            english = "; ".join(titles[place].en or titles[place].es for place in sorted(places))
            spanish = "; ".join(titles[place].es or titles[place].en for place in sorted(places))
            found.append(Text(en=caveat.en.format(titles=english), es=caveat.es.format(titles=spanish)))
    return (*found, *config.recommend.caveats)


def _outcome_intervals(
    config: RecommenderConfig, communities: Communities, estimates: Estimates, labels: NDArray[Any]
) -> Text:
    """Returns what the intervals are of, and how often they hold what was measured."""
    outcome, (_, first, last) = estimates.outcome, estimates.ranks
    holds = (labels >= outcome.lower) & (labels <= outcome.upper)
    ranks = rank_by(labels, config.recommend.outcome.higher_is_better)
    by_region = pd.Series(holds).groupby(list(communities.regions)).agg(["mean", "size"])
    judged = by_region.loc[by_region["size"] >= MIN_COVERED, "mean"]
    values = {
        "level": config.recommend.level,
        "share": holds.mean(),
        "ranks": np.mean((ranks >= first) & (ranks <= last)),
    }
    parts = [text.OUTCOME_INTERVALS, text.EFFECT_INTERVALS]
    if len(judged):
        values |= {"least": judged.min(), "most": judged.max(), "count": MIN_COVERED}
        parts.insert(1, text.COVERAGE_BY_REGION)
    return Text(
        en=" ".join(part.en for part in parts).format(**values, unit=config.recommend.communities.regions_name.en),
        es=" ".join(part.es or part.en for part in parts).format(
            **values, unit=config.recommend.communities.regions_name.es or config.recommend.communities.regions_name.en
        ),
    )


def _known(values: NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else round(float(value), 5) for value in values)


def _rounded(values: NDArray[np.float64], digits: int = 5) -> tuple[float, ...]:
    return tuple(np.round(np.asarray(values, np.float64), digits).tolist())
