"""The data behind an evaluation, from its schema and the statistics of its splits."""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from scipy.spatial.distance import jensenshannon
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from ...evaluator.statistics import Values
from ...evaluator.suppression import Slice as HiddenSlice
from ..report import Distribution, FeatureRow
from .resampling import finite

TRAIN, EVAL = "train", "eval"
NUM_BINS = 10
MAX_VALUES = 20
MAX_DOMAIN_VALUES = 8
OTHER = "…"

Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatistics]

_DTYPES = {schema_pb2.INT: "int64", schema_pb2.FLOAT: "float32", schema_pb2.BYTES: "string"}
_DIGITS = 6


def feature_rows(
    schema: schema_pb2.Schema,
    kinds: Mapping[str, str],
    used: Sequence[str],
    excluded: Mapping[str, str],
    original_names: Mapping[str, str],
) -> tuple[FeatureRow, ...]:
    """Returns the columns of a schema.

    Args:
        schema: `Schema`.
        kinds: mapping of input column to its kind.
        used: sequence of columns that the model asks for.
        excluded: mapping of column to the reason why it is no input.
        original_names: mapping of column to its name in the raw data.
    """
    return tuple(
        FeatureRow(
            name=feature.name,
            original_name=original_names.get(feature.name, ""),
            kind=kinds.get(feature.name, ""),
            dtype=_DTYPES.get(feature.type, ""),
            domain=_domain(schema, feature),
            is_required=feature.presence.min_fraction == 1,
            is_used=feature.name in used,
            excluded_because=excluded.get(feature.name, ""),
        )
        for feature in schema.feature
    )


def label_counts(statistics: Statistics, label: str, values: Sequence[str] = ()) -> dict[str, dict[str, int]]:
    """Returns the records of each class of each split.

    Args:
        statistics: `Statistics`.
        label: string.
        values: sequence of strings. The classes; those that are integers are counted in the histogram of numbers, where
            it keeps them apart. Defaults to none.
    """
    counts = {}
    for split, dataset in statistics.items():
        column = _columns(dataset).get(label)
        if column is None:
            continue
        if column.HasField("string_stats"):
            counts[split] = {value: round(count) for value, count in _value_counts(column).items()}
        elif values:
            counts[split] = _integer_counts(column, values)
    return {split: found for split, found in counts.items() if found}


def label_mean(statistics: Statistics, label: str) -> float | None:
    """Returns the mean of a numeric label in training, or None where it is not known."""
    column = _columns(statistics[TRAIN]).get(label) if TRAIN in statistics else None
    return finite(column.num_stats.mean) if column is not None and column.HasField("num_stats") else None


def label_quantiles(statistics: Statistics, label: str, quantiles: Sequence[float]) -> Values:
    """Returns quantiles of a numeric label in training, between those of the statistics; empty where not known."""
    column = _columns(statistics[TRAIN]).get(label) if TRAIN in statistics else None
    for histogram in column.num_stats.histograms if column is not None else ():
        if histogram.type == statistics_pb2.Histogram.QUANTILES and histogram.buckets:
            counts = np.cumsum([0, *(bucket.sample_count for bucket in histogram.buckets)])
            edges = [histogram.buckets[0].low_value, *(bucket.high_value for bucket in histogram.buckets)]
            found: Values = np.interp(quantiles, counts / counts[-1], edges)
            return found
    return np.array([])


def distributions(
    statistics: Statistics,
    schema: schema_pb2.Schema,
    min_rows: int = 1,
    hidden: Collection[HiddenSlice] = (),
) -> Iterator[Distribution]:
    """Yields the values of each column in the splits, side by side, in the order of the schema.

    Args:
        statistics: `Statistics`.
        schema: `Schema`.
        min_rows: int. A value of fewer records in a split is not shown alone, and a share of fewer records not at all.
            Defaults to 1.
        hidden: collection of the slices that may not be shown, as `hidden_parts` returns it. Defaults to none.
    """
    left_out: dict[str, set[str]] = {}
    for [(column, value)] in (one for one in hidden if len(one) == 1):
        left_out.setdefault(column, set()).add(value)
    columns = {split: _columns(dataset) for split, dataset in statistics.items()}
    for feature in schema.feature:
        found = {split: known[feature.name] for split, known in columns.items() if feature.name in known}
        kinds = {column.WhichOneof("stats") for column in found.values()}
        missing: dict[str, float] = {}
        for split, column in found.items():
            num_rows = statistics[split].num_examples
            share = _missing_share(column, num_rows)
            if not 0 < round(share * num_rows) < min_rows:
                missing[split] = share
        if kinds == {"string_stats"}:
            one = _categorical(feature, found, missing, min_rows, left_out.get(feature.name, set()))
        elif kinds == {"num_stats"}:
            one = _numeric(feature, found, missing, min_rows, are_shown=feature.name not in left_out)
        else:
            continue
        if len(missing) < len(found):
            # Exact shares would tell of how many records they are, and so how few are missing.
            shares = {split: tuple(round(share, 2) for share in found) for split, found in one.shares.items()}
            one = one.model_copy(update={"shares": shares})
        yield one


def l_infinity(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Returns the largest difference of the shares of a value, as TFDV's `infinity_norm`."""
    totals = sum(first.values()), sum(second.values())
    return max(
        (abs(first.get(key, 0) / totals[0] - second.get(key, 0) / totals[1]) for key in {*first, *second}), default=0.0
    )


def jensen_shannon(first: Values, second: Values) -> float:
    """Returns the Jensen-Shannon divergence in bits, 0 to 1, of two counts over the same bins, as TFDV's."""
    # Of counts that are all but the same, rounding can make scipy's sum negative, and so its root NaN.
    return float(np.nan_to_num(jensenshannon(first, second, base=2) ** 2))


def rebinned(edges: Values, counts: Values, onto: Values) -> Values:
    """Returns counts between other edges, each bin's records taken as spread evenly over it."""
    # A bin without width holds records of one value: they belong to the new bin that begins or lies there.
    spread = np.zeros(len(onto) - 1)
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if high > low:
            overlap = np.clip(np.minimum(onto[1:], high) - np.maximum(onto[:-1], low), 0, None)
            spread += count * overlap / (high - low)
        else:
            spread[np.clip(np.searchsorted(onto, low, side="right") - 1, 0, len(spread) - 1)] += count
    return spread


def _categorical(
    feature: schema_pb2.Feature,
    columns: Mapping[str, statistics_pb2.FeatureNameStatistics],
    missing: dict[str, float],
    min_rows: int,
    left_out: Collection[str],
) -> Distribution:
    counts = {split: _value_counts(column) for split, column in columns.items()}
    total: dict[str, float] = {}
    for values in counts.values():
        for value, count in values.items():
            total[value] = total.get(value, 0) + count
    ranked = sorted(total, key=lambda value: (-total[value], value))
    few = {value for values in counts.values() for value, count in values.items() if 0 < count < min_rows}
    shown = [value for value in ranked if value not in few and value not in left_out][:MAX_VALUES]
    # What is left over is no few records either.
    while shown and any(
        0 < sum(values.values()) - sum(values.get(value, 0) for value in shown) < min_rows for values in counts.values()
    ):
        shown.pop()
    shares = {}
    for split, values in counts.items():
        size = sum(values.values()) or 1.0
        parts = [values.get(value, 0.0) / size for value in shown]
        shares[split] = _rounded([*parts, 1 - sum(parts)] if len(ranked) > len(shown) else parts)
    distance = l_infinity(counts[TRAIN], counts[EVAL]) if counts.get(TRAIN) and counts.get(EVAL) else None
    comparator = feature.drift_comparator.infinity_norm
    return Distribution(
        feature=feature.name,
        kind="categorical",
        bins=(*shown, OTHER) if len(ranked) > len(shown) else tuple(shown),
        shares=shares,
        missing_shares=missing,
        distance=distance,
        distance_name="l_infinity",
        threshold=comparator.threshold if feature.drift_comparator.HasField("infinity_norm") else None,
    )


def _numeric(
    feature: schema_pb2.Feature,
    columns: Mapping[str, statistics_pb2.FeatureNameStatistics],
    missing: dict[str, float],
    min_rows: int,
    *,
    are_shown: bool,
) -> Distribution:
    histograms = {split: found for split, column in columns.items() if (found := _standard_histogram(column))}
    bins: tuple[str, ...] = ()
    shares, distance = {}, None
    if histograms:
        low = min(edges[0] for edges, _ in histograms.values())
        high = max(edges[-1] for edges, _ in histograms.values())
        common = _round_edges(low, high) if high > low else np.array([low, low + 1])
        parts = {split: rebinned(edges, counts, common) for split, (edges, counts) in histograms.items()}
        starts = _starts(np.stack(list(parts.values())), min_rows)
        for split, part in parts.items():
            merged = np.add.reduceat(part, starts)
            shares[split] = _rounded(merged / (part.sum() or 1.0))
        bins = _numeric_bins([*common[starts], common[-1]], are_ends_shown=min_rows <= 1 or len(common) == 2)
        if TRAIN in histograms and EVAL in histograms:
            union = np.unique(np.concatenate([edges for edges, _ in histograms.values()]))
            union = union if len(union) > 1 else common
            distance = jensen_shannon(*(rebinned(*histograms[split], union) for split in (TRAIN, EVAL)))
    comparator = feature.drift_comparator.jensen_shannon_divergence
    return Distribution(
        feature=feature.name,
        kind="numeric",
        bins=bins if are_shown else (),
        shares=shares if are_shown else {},
        missing_shares=missing,
        distance=distance,
        distance_name="jensen_shannon",
        threshold=comparator.threshold if feature.drift_comparator.HasField("jensen_shannon_divergence") else None,
    )


def _round_edges(low: float, high: float) -> Values:
    """Returns edges at multiples of 1, 2 or 5 times a power of 10: equal parts of the range would tell its ends."""
    width = (high - low) / NUM_BINS
    power = 10.0 ** np.floor(np.log10(width))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= width * (1 - 1e-9))
    edges: Values = np.arange(np.floor(low / step), np.floor(high / step) + 2) * step
    return edges


def _starts(counts: Values, min_rows: int) -> list[int]:
    """Returns where bins begin, of which each has no record of a split, or as many as may be shown.

    Args:
        counts: float array of shape `(S, B)`, of each split.
        min_rows: int.
    """
    starts = [0]
    for place in range(1, counts.shape[1] + 1):
        # Spread records are no whole numbers.
        inside = counts[:, starts[-1] : place].sum(axis=1).round()
        is_enough = ((inside == 0) | (inside >= min_rows)).all()
        if place < counts.shape[1] and is_enough:
            starts.append(place)
    while len(starts) > 1 and not is_enough:
        # What is left at the end joins the bin before it.
        starts.pop()
        inside = counts[:, starts[-1] :].sum(axis=1).round()
        is_enough = ((inside == 0) | (inside >= min_rows)).all()
    return starts


def _numeric_bins(edges: Sequence[float], *, are_ends_shown: bool) -> tuple[str, ...]:
    """Returns the names of bins, without the least and the largest value where these may be one record's."""
    names = [f"{start:.4g} – {end:.4g}" for start, end in itertools.pairwise(edges)]
    if are_ends_shown:
        return tuple(names)
    if len(names) == 1:
        return (OTHER,)
    return (f"< {edges[1]:.4g}", *names[1:-1], f"≥ {edges[-2]:.4g}")


def _columns(dataset: statistics_pb2.DatasetFeatureStatistics) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    return {column.path.step[0] if column.path.step else column.name: column for column in dataset.features}


def _value_counts(column: statistics_pb2.FeatureNameStatistics) -> dict[str, float]:
    return {bucket.label: bucket.sample_count for bucket in column.string_stats.rank_histogram.buckets}


def _integer_counts(column: statistics_pb2.FeatureNameStatistics, values: Sequence[str]) -> dict[str, int]:
    """Returns the count of each integer, or nothing where two may lie in one bin."""
    histogram = _standard_histogram(column)
    if histogram is None or not all(value.lstrip("-").isdigit() for value in values):
        return {}
    edges, counts = histogram
    if edges[-1] - edges[0] >= len(counts):
        return {}
    # A bin narrower than 1 holds one integer at most, which is nearest to its middle.
    middles = np.round((edges[:-1] + edges[1:]) / 2)
    return {value: round(float(counts[middles == int(value)].sum())) for value in values}


def _standard_histogram(column: statistics_pb2.FeatureNameStatistics) -> tuple[Values, Values] | None:
    for histogram in column.num_stats.histograms:
        if histogram.type == statistics_pb2.Histogram.STANDARD and histogram.buckets:
            edges = [histogram.buckets[0].low_value, *(bucket.high_value for bucket in histogram.buckets)]
            counts = [bucket.sample_count for bucket in histogram.buckets]
            if np.isfinite(edges).all() and sum(counts) > 0:
                return np.array(edges), np.array(counts)
    return None


def _missing_share(column: statistics_pb2.FeatureNameStatistics, num_examples: int) -> float:
    stats = getattr(column, column.WhichOneof("stats")).common_stats
    return 1 - stats.num_non_missing / num_examples if num_examples else 0.0


def _domain(schema: schema_pb2.Schema, feature: schema_pb2.Feature) -> str:
    kind = feature.WhichOneof("domain_info")
    if kind in ("int_domain", "float_domain"):
        domain = getattr(feature, kind)
        low, high = (f"{getattr(domain, bound):g}" if domain.HasField(bound) else "" for bound in ("min", "max"))
        return f"{low} – {high}" if low or high else ""
    values: Sequence[str] = ()
    if kind == "string_domain":
        values = feature.string_domain.value
    elif kind == "domain":
        values = next((domain.value for domain in schema.string_domain if domain.name == feature.domain), ())
    more = ", " + OTHER if len(values) > MAX_DOMAIN_VALUES else ""
    return ", ".join(values[:MAX_DOMAIN_VALUES]) + more


def _rounded(shares: Sequence[float] | Values) -> tuple[float, ...]:
    return tuple(np.asarray(shares).clip(0).round(_DIGITS).tolist())
