"""`monitor`: a prediction log judged by windows, from nothing but the log and the pushes of the model."""

import datetime
import functools
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from .counting import LogCounts, WindowCounts
from .judge import Judge, Judged, warnings_of
from .labels import Labels, read_labels
from .log import Problems, list_files
from .read import LogReader
from .reference import Distribution, Reference
from .references import References
from .result import Bin, Comparison, LabelCounts, MonitorResult, Verdict, WindowResult
from .settings import MonitorSettings, parse_since
from .windows import Windows

_LARGEST_SHOWN = 60


def monitor(
    log: str,
    references: References,
    settings: MonitorSettings = MonitorSettings(),  # noqa: B008
    labels: str = "",
    labels_key: str = "",
    hash_key: bytes = b"",
    now: datetime.datetime | None = None,
) -> MonitorResult:
    """Returns what a prediction log shows of its model.

    Each window is compared with the reference of the model version that predicted. The version that predicted last
    decides the verdict: windows of earlier ones are in the result and have no say. See docs/lifecycle.md.

    Args:
        log: string. The folder of `--prediction_log`, or a file; here or `s3://`, `gs://`, `minio://`.
        references: `PushedReferences` of a store, or `OneReference` of a push.
        settings: `MonitorSettings`. Defaults to their defaults.
        labels: string. File or folder of labels that came later; empty for none. See `labels.read_labels`.
        labels_key: string. The column by which labels and predictions belong together. Defaults to `prediction_id`.
        hash_key: bytes. The key of `--prediction_log_hash`; without it hashed features are not compared.
        now: datetime with time zone. Defaults to the time.

    Raises:
        DataError: if there is no log, none of its files can be read, or none of its versions has a reference.
        ModelError: if no push has a reference.
        StoreError: if the store cannot be read.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    since = parse_since(settings.since, now) if settings.since else None
    files = list_files(log)
    task = references.newest().config.task
    label_problems = Problems()
    given = read_labels(labels, task, labels_key, label_problems) if labels else None
    reader = LogReader(files, references, now, since, hash_key)
    windows = reader.windows(settings.size)
    counts = reader.count(windows, given)
    problems = [*counts.problems.sentences(), *label_problems.sentences()]
    problems += [
        f"{rows} rows of the version {version} are not judged: {references.missing(version)}."
        for version, rows in sorted(counts.unknown.items())
    ]
    if len(counts.problems.files) == len(files) or (counts.unknown and not counts.windows):
        raise DataError(f"Expected a log in {log} that can be judged. Received: none.", problems)
    versions = sorted({version for version, _ in counts.windows}, key=lambda version: _last(counts, version))
    built = _Builder(references, settings, windows, counts, given, now, problems)
    return built.result(versions, log, given)


def _last(counts: LogCounts, version: str) -> tuple[int, str]:
    return max(one.last for (of, _), one in counts.windows.items() if of == version), version


class _Builder:
    def __init__(
        self,
        references: References,
        settings: MonitorSettings,
        windows: Windows,
        counts: LogCounts,
        labels: Labels | None,
        now: datetime.datetime,
        problems: list[str],
    ) -> None:
        self._references = references
        self._settings = settings
        self._windows = windows
        self._counts = counts
        self._labels = labels
        self._now = now
        self._problems = problems

    def result(self, versions: list[str], log: str, labels: Labels | None) -> MonitorResult:
        results: list[WindowResult] = []
        current: dict[int, Judged] = {}
        reference: Reference | None = None
        for version in versions:
            reference = self._references.of(version)
            if reference is None:
                continue
            judge = Judge(
                reference, self._settings, self._counts, labels, functools.partial(self._is_complete, version)
            )
            judged = judge.judge(version, len(results))
            is_current = version == versions[-1]
            current = {len(results) + place: one for place, one in enumerate(judged.values())}
            results += [self._window(version, number, one, is_current) for number, one in judged.items()]
        enough = [place for place in current if results[place].verdict != "too_few"]
        newest = results[enough[-1]] if enough else None
        measured = next((results[place] for place in reversed(current) if results[place].measured), None)
        verdict: Verdict = "too_few" if not enough else "quiet"
        if any(results[place].verdict == "drift" for place in current):
            verdict = "drift"
        features = self._worst([one.features for one in current.values()], reference, current, "feature")
        return MonitorResult(
            verdict=verdict,
            model=versions[-1] if versions else "",
            push_uri=self._references.uri(versions[-1]) if versions else "",
            log_uri=log,
            created=self._now.isoformat(timespec="seconds"),
            settings=self._settings,
            rows=sum(one.rows for one in results),
            windows=tuple(results),
            features=features,
            predictions=self._worst([one.predictions for one in current.values()], reference, current, "prediction"),
            groups=newest.groups if newest else (),
            estimated=newest.estimated if newest else {},
            measured=measured.measured if measured else {},
            reasons=tuple(
                reason
                for place in reversed(current)
                for reason in sorted(current[place].reasons, key=lambda one: -(one.distance or 1))
            ),
            labels=self._label_counts(labels),
            warnings=() if reference is None else warnings_of(reference, [current[place] for place in enough]),
            problems=tuple(self._problems),
        )

    def _window(self, version: str, number: int, judged: Judged, is_current: bool) -> WindowResult:
        start, end = self._windows.bounds(version, number)
        verdict: Verdict = "drift" if judged.reasons else "quiet" if judged.is_judged or judged.measured else "too_few"
        return WindowResult(
            version=version,
            start=_iso(start),
            end=_iso(judged.counts.last if end is None else end),
            is_complete=self._is_complete(version, number, judged.counts),
            is_current=is_current,
            rows=judged.counts.rows,
            labels=judged.labels,
            verdict=verdict,
            features=tuple(judged.features),
            predictions=tuple(judged.predictions),
            groups=tuple(judged.groups),
            estimated=judged.estimated,
            measured=judged.measured,
        )

    def _is_complete(self, version: str, number: int, counts: WindowCounts) -> bool:
        size = self._settings.size
        _, end = self._windows.bounds(version, number)
        if size.rows:  # Rows of one time stay together, so that a window that ended may lack some.
            return end is not None or counts.rows >= size.rows
        return end is not None and end <= self._now.timestamp() * 1e6

    def _worst(
        self, windows: list[list[Comparison]], reference: Reference | None, current: dict[int, Judged], kind: str
    ) -> tuple[Comparison, ...]:
        """Returns each comparison of the window where it is farthest, a drift before others."""
        best: dict[str, Comparison] = {}
        for comparisons in windows:
            for one in comparisons:
                if one.name not in best or _severity(one) > _severity(best[one.name]):
                    best[one.name] = one
        found = sorted(best.values(), key=_severity, reverse=True)
        return tuple(self._with_bins(one, reference, current, kind) for one in found)

    def _with_bins(
        self, one: Comparison, reference: Reference | None, current: dict[int, Judged], kind: str
    ) -> Comparison:
        if one.distance is None or reference is None:
            return one
        counts = current[one.window].counts
        if kind == "feature":
            distribution = next(feature.distribution for feature in reference.features if feature.name == one.name)
            table = counts.features[one.name]
        else:
            distribution = reference.predictions.outputs[one.name] if reference.predictions else None
            table = counts.outputs[one.name]
        return one if distribution is None else one.model_copy(update={"bins": _bins(distribution, table)})

    def _label_counts(self, labels: Labels | None) -> LabelCounts | None:
        if labels is None:
            return None
        parts = [part.places for part in self._counts.labelled]
        matched = len(np.unique(np.concatenate(parts))) if parts else 0
        return LabelCounts(
            given=len(labels.keys),
            matched=matched,
            unknown=len(labels.keys) - matched,
            corrected=labels.num_corrected,
            invalid=labels.num_invalid,
            ambiguous=self._counts.ambiguous,
        )


def _severity(one: Comparison) -> tuple[bool, bool, float]:
    return one.decision == "drift", one.decision == "slight", -1.0 if one.distance is None else one.distance


def _bins(distribution: Distribution, table: NDArray[np.int64]) -> tuple[Bin, ...]:
    is_numeric = distribution.kind == "numeric"
    names = _interval_names(distribution.edges) if is_numeric else list(distribution.categories)
    names += ["(rare)", "(new)", "(missing)"]
    before, now = np.array(distribution.counts) / max(sum(distribution.counts), 1), table / max(table.sum(), 1)
    shown = [
        Bin(name=name, expected=float(before[place]), found=float(now[place]))
        for place, name in enumerate(names)
        if before[place] or now[place]
    ]
    if len(shown) <= _LARGEST_SHOWN:
        return tuple(shown)
    least = sorted((max(one.expected, one.found) for one in shown), reverse=True)[_LARGEST_SHOWN - 1]
    return tuple(one for one in shown if max(one.expected, one.found) >= least)


def _interval_names(edges: Sequence[float]) -> list[str]:
    if not edges:
        return ["all"]
    between = [
        f"{low:.5g}" if high == np.nextafter(low, np.inf) else f"{low:.5g} – <{high:.5g}"
        for low, high in itertools.pairwise(edges)
    ]
    return [f"<{edges[0]:.5g}", *between, f"≥{edges[-1]:.5g}"]


def _iso(micros: int) -> str:
    return datetime.datetime.fromtimestamp(micros / 1e6, datetime.UTC).isoformat(timespec="seconds")
