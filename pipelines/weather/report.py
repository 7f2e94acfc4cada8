"""Sections of the page: the forecast beside simpler ones, its errors by step, hour, season and station, fans."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from ...components.evaluation_report.section import Section, SectionInputs, line_plot, localized, table
from ...components.evaluator.metrics.regression import point_predictions
from ...components.features import FeatureKind, Problem
from ...components.text import Text
from ...components.web_page.plots import PLOT, Scale, band, line, scale_of
from ...errors import DataError
from .baselines import NAMES, Baselines, Windows
from .climate.normals import SEASONS
from .climate.section import SECTION as CLIMATE
from .climate.sentences import MONTHS
from .source import STEP_FILE

NUM_BLOCKS = 500
"""Resamples of the bootstrap over whole weeks, for what is near in time is alike."""

_BLOCK = pd.Timedelta("7D")
_NUM_FANS, _NUM_WORST = 3, 5
_TITLES = {
    "model": Text(en="This model", es="Este modelo"),
    "persistence": Text(en="Persistence: it stays as it is", es="Persistencia: queda como está"),
    "yesterday": Text(en="Same hour of yesterday", es="Misma hora de ayer"),
    "climatology": Text(en="Climatology of the training years", es="Climatología de los años de entrenamiento"),
    "mixture": Text(en="Best mixture of these three", es="Mejor mezcla de las tres"),
    "linear": Text(en="Linear model of all inputs", es="Modelo lineal de todas las entradas"),
    "trees": Text(en="Boosted trees on lags", es="Árboles potenciados sobre retardos"),
}


def build_leaderboard(inputs: SectionInputs) -> dict[str, Any]:
    """Returns the mean absolute error by step ahead, of the model and of each baseline, and its own by condition.

    `ahead` is by how much the model's error at the last step is lower than the baseline's, as a share, with an interval
    of 95 % that resamples whole weeks, as those of the coverage do. Seasons are called by their months, DJF and so on.
    """
    windows = _windows(inputs, inputs.read_columns)
    forecasts = _forecasts(inputs, windows)
    errors = {name: np.abs(of - inputs.labels) for name, of in forecasts.items()}
    weeks = np.unique(((windows.times - windows.times.min()) / _BLOCK).astype(int), return_inverse=True)[1]
    counts = np.random.default_rng(inputs.seed).multinomial(
        weeks.max() + 1, np.full(weeks.max() + 1, 1 / (weeks.max() + 1)), NUM_BLOCKS
    )
    ahead = {}
    for name in NAMES:
        sums = np.stack([np.bincount(weeks, of[:, -1]) for of in (errors["model"], errors[name])])
        lower = 1 - (counts @ sums[0]) / (counts @ sums[1])
        ahead[name] = [1 - sums[0].sum() / sums[1].sum(), *np.quantile(lower, [0.025, 0.975]).tolist()]
    return {
        "steps": inputs.labels.shape[1],
        "step_hours": windows.step / pd.Timedelta("1h"),
        "mae": {name: of.mean(axis=0).tolist() for name, of in errors.items()},
        "ahead": ahead,
        "conditions": _conditions(inputs, windows, forecasts, weeks, counts),
    }


def render_leaderboard(data: dict[str, Any]) -> str:
    """Returns tables and a plot."""
    shown = sorted({0, data["steps"] // 4 - 1, data["steps"] // 2 - 1, data["steps"] - 1} - {-1})
    unit = ("h", 1) if data["step_hours"] == 1 else ("d", 1)
    header: list[str | Text] = [Text(en="Forecast", es="Pronóstico")]
    header += [f"+{(step + 1) * unit[1]} {unit[0]}" for step in shown]
    header += [
        Text(en="Mean of all", es="Media de todas"),
        Text(
            en="The model's error at the last step is lower by", es="El error del modelo en el último paso es menor en"
        ),
    ]
    rows = []
    for name, errors in sorted(data["mae"].items(), key=lambda pair: float(np.mean(pair[1]))):
        gain = data["ahead"].get(name)
        text = _share(gain[0], gain[1:]) if gain else ""
        rows.append([localized(_TITLES[name]), *(errors[step] for step in shown), float(np.mean(errors)), text])
    note = Text(
        en="Mean absolute error in degrees Celsius. All baselines are learned from the training windows alone. In "
        "brackets 95 % intervals that resample whole weeks.",
        es="Error absoluto medio en grados Celsius. Todas las referencias se aprenden solo de las ventanas de "
        "entrenamiento. Entre corchetes, intervalos del 95 % que remuestrean semanas enteras.",
    )
    best = min(
        (name for name in data["mae"] if name not in ("model", "linear", "trees")),
        key=lambda n: np.mean(data["mae"][n]),
    )
    plotted: dict[str, Any] = {localized(_TITLES[name]): data["mae"][name] for name in ("model", "linear", best)}
    plot = line_plot(range(1, data["steps"] + 1), plotted, "MAE, °C")
    return table(header, rows) + localized(note, "p") + plot + _render_conditions(data["conditions"])


def _conditions(
    inputs: SectionInputs,
    windows: Windows,
    forecasts: dict[str, NDArray[np.float64]],
    weeks: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> dict[str, Any]:
    """Returns errors, skill over the mixture and coverage by step, hour of the day, season and station.

    Args:
        inputs: `SectionInputs`.
        windows: `Windows` of the test.
        forecasts: dict of name to array `(N, H)`.
        weeks: int array `(N,)`. The week of each window, from 0.
        counts: int array `(B, W)`. How often each week is in each resample.
    """
    errors = np.abs(forecasts["model"] - inputs.labels)
    reference = np.abs(forecasts["mixture"] - inputs.labels)
    quantiles = inputs.task.label.quantiles
    covered = crps = None
    if len(quantiles) > 1:
        covered = (inputs.predictions[..., 0] <= inputs.labels) & (inputs.labels <= inputs.predictions[..., -1])
        above = inputs.labels[..., None] - inputs.predictions
        crps = 2 * np.maximum(np.array(quantiles) * above, (np.array(quantiles) - 1) * above).mean(axis=-1)
    seasons = np.array([list(SEASONS)[month % 12 // 3] for month in windows.times.month], object)
    groups: dict[str, dict[str, NDArray[np.bool_]]] = {
        "season": {name: seasons == name for name in SEASONS if (seasons == name).any()},
        "station": {str(name): windows.stations == name for name in sorted(set(windows.stations))},
    }
    if windows.step < pd.Timedelta("1D"):
        hours = windows.times.hour.to_numpy()
        groups["hour"] = {f"{hour:02}:00 UTC": hours == hour for hour in sorted(set(hours))}

    def interval(rows: Any, steps: Any) -> list[float] | None:
        if covered is None:
            return None
        hits = np.bincount(weeks[rows], covered[rows][..., steps].mean(axis=1), counts.shape[1])
        with np.errstate(invalid="ignore"):  # A resample may have none of a season's weeks.
            shares = (counts @ hits) / (counts @ np.bincount(weeks[rows], minlength=counts.shape[1]))
        low, high = np.nanquantile(shares, [0.025, 0.975])
        return [float(low), float(high)]

    def line_of(name: str, rows: Any, steps: Any = slice(None)) -> dict[str, Any]:
        return {
            "name": name,
            "windows": int(np.sum(rows)) if rows is not ... else len(errors),
            "mae": float(errors[rows][..., steps].mean()),
            "skill": 1 - float(errors[rows][..., steps].mean() / reference[rows][..., steps].mean()),
            "coverage": None if covered is None else float(covered[rows][..., steps].mean()),
            "coverage_interval": interval(rows, steps),
            "crps": None if crps is None else float(crps[rows][..., steps].mean()),
        }

    steps = sorted({0, 2, 5, 11, 17, errors.shape[1] - 1} & set(range(errors.shape[1])))
    return {
        "nominal": quantiles[-1] - quantiles[0] if len(quantiles) > 1 else None,
        "step": [line_of(f"+{step + 1}", ..., slice(step, step + 1)) for step in steps],
        **{kind: [line_of(name, rows) for name, rows in of.items()] for kind, of in groups.items()},
    }


def _render_conditions(data: dict[str, Any]) -> Markup:
    titles = {
        "step": Text(en="Step ahead", es="Paso"),
        "season": Text(en="Season of the forecast", es="Estación del pronóstico"),
        "station": Text(en="Station", es="Estación meteorológica"),
        "hour": Text(en="Hour of the forecast", es="Hora del pronóstico"),
    }
    header = [
        Text(en="Windows", es="Ventanas"),
        Text(en="MAE, °C", es="MAE, °C"),
        Text(en="Skill over the mixture", es="Mejora sobre la mezcla"),
        Text(en="Coverage", es="Cobertura"),
        Text(en="CRPS, °C", es="CRPS, °C"),
    ]
    parts = []
    for kind, title in titles.items():
        rows = [
            [
                localized(MONTHS[of["name"]]) if kind == "season" else of["name"], of["windows"], of["mae"],
                _share(of["skill"]), _share(of["coverage"], of["coverage_interval"]),
                "–" if of["crps"] is None else of["crps"],
            ]
            for of in data.get(kind, [])
        ]  # fmt: skip
        if rows:
            parts.append(table([title, *header], rows))
    nominal = data["nominal"] or 0
    note = Text(
        en="Skill is one less the ratio of the mean absolute errors. Coverage is the share of values between the "
        f"lowest and the highest quantile, nominally {nominal:.0%}, with an interval of 95 % that resamples whole "
        "weeks. CRPS is twice the mean pinball loss of the quantiles (Gneiting and Raftery 2007).",
        es="La mejora es uno menos el cociente de los errores absolutos medios. La cobertura es la proporción de "
        f"valores entre el menor y el mayor cuantil, nominalmente {nominal:.0%}, con un intervalo del 95 % que "
        "remuestrea semanas enteras. El CRPS es el doble de la pérdida pinball media de los cuantiles (Gneiting y "
        "Raftery 2007).",
    )
    return Markup().join(parts) + localized(note, "p")


def _share(share: float | None, interval: Sequence[float] | None = None) -> Markup:
    if share is None:
        return Markup("–")
    text = f"{share:.1%}" if interval is None else f"{share:.1%} [{interval[0]:.1%}; {interval[1]:.1%}]"
    return localized(Text(en=text, es=text.replace(".", ",").replace("%", " %")))


def build_examples(inputs: SectionInputs) -> dict[str, Any]:
    """Returns forecasts at even distances in time, drawn as fans, and the worst days."""
    windows = _windows(inputs, inputs.read_columns)
    points = point_predictions(inputs.predictions, inputs.task.label.quantiles)
    order = np.argsort(windows.times.to_numpy(), kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, _NUM_FANS + 2).astype(int)[1:-1]]
    errors = np.abs(points - inputs.labels).mean(axis=1)
    days = pd.DataFrame(
        {"day": windows.times.strftime("%Y-%m-%d"), "error": errors, "bias": (points - inputs.labels).mean(axis=1)}
    )
    worst = days.groupby("day").agg(windows=("error", "size"), error=("error", "mean"), bias=("bias", "mean"))
    worst = worst.sort_values("error", ascending=False).head(_NUM_WORST)
    return {
        "fans": [
            {
                "station": str(windows.stations[row]),
                "time": windows.times[row].isoformat(),
                "past": [None if np.isnan(value) else float(value) for value in windows.past[row]],
                "labels": inputs.labels[row].tolist(),
                "point": points[row].tolist(),
                "lower": inputs.predictions[row, :, 0].tolist() if points.ndim < inputs.predictions.ndim else None,
                "upper": inputs.predictions[row, :, -1].tolist() if points.ndim < inputs.predictions.ndim else None,
            }
            for row in chosen
        ],
        "worst": [
            [str(day), int(of["windows"]), float(of["error"]), float(of["bias"])] for day, of in worst.iterrows()
        ],
    }


def render_examples(data: dict[str, Any]) -> str:
    """Returns a fan for each example and a table of the worst days."""
    fans = Markup().join(_fan(of) for of in data["fans"])
    header = [
        Text(en="Worst days (UTC)", es="Peores días (UTC)"),
        Text(en="Forecasts", es="Pronósticos"),
        Text(en="MAE, °C", es="MAE, °C"),
        Text(en="Bias, °C", es="Sesgo, °C"),
    ]
    note = Text(
        en="Dotted: what was measured; the line: the forecast, with the band from its lowest to its highest quantile.",
        es="Puntos: lo medido; la línea: el pronóstico, con la banda de su menor a su mayor cuantil.",
    )
    return fans + localized(note, "p") + table(header, data["worst"])


def _fan(of: dict[str, Any]) -> Markup:
    past, steps = of["past"], len(of["point"])
    x = Scale(-len(past) + 1, steps, PLOT.left, PLOT.right)
    values = [*past, *of["labels"], *of["point"], *(of["lower"] or []), *(of["upper"] or [])]
    y = scale_of(values, PLOT.bottom, PLOT.top)
    ahead = list(range(1, steps + 1))
    parts = [
        Markup('<g class="grid"><path d="M{},{}H{}"/></g><text class="n y" x="{}" y="{}">{}</text>').format(
            PLOT.left, y(value), PLOT.right, PLOT.left - 5, y(value) + 4, label
        )
        for value, label in y.ticks()
    ]
    parts += [
        Markup('<text class="x" x="{}" y="{}">{}</text>').format(x(at), PLOT.bottom + 15, f"{at:+}" if at else "0")
        for at in (-len(past) + 1, -len(past) // 2, 0, steps)
    ]
    if of["lower"] is not None:
        parts += [
            Markup('<path class="band" d="{}"/>').format(path) for path in band(ahead, of["lower"], of["upper"], x, y)
        ]
    measured = [*past, *of["labels"]]
    parts.append(
        Markup('<path class="curve s3" d="{}"/>').format(line(range(-len(past) + 1, steps + 1), measured, x, y))
    )
    parts.append(Markup('<path class="curve s1" d="{}"/>').format(line(ahead, of["point"], x, y)))
    time = datetime.datetime.fromisoformat(of["time"])
    title = f"{of['station']}, {time:%Y-%m-%d %H:%M} UTC, °C"
    return Markup(
        '<figure><figcaption><b>{0}</b></figcaption><svg role="img" viewBox="0 0 360 232"><title>{0}</title>{1}</svg>'
        "</figure>"
    ).format(title, Markup().join(parts))


def _forecasts(inputs: SectionInputs, windows: Windows) -> dict[str, NDArray[np.float64]]:
    """Returns the model's forecasts and those of the baselines, learned from the training windows."""
    train = _windows(inputs, inputs.read_training_columns)
    steps = inputs.labels.shape[1]
    label = inputs.task.label.name
    labels = inputs.read_training_columns([label]).to_numpy(np.float64)
    points = point_predictions(inputs.predictions, inputs.task.label.quantiles)
    return {"model": points, **Baselines.fit(train, labels).predict(windows, steps)}


def _step(inputs: SectionInputs) -> pd.Timedelta:
    """Returns the time from one value to the next, as the reader attached it."""
    file = inputs.attachments / STEP_FILE if inputs.attachments else None
    if file is None or not file.is_file():
        raise DataError(f"Expected {STEP_FILE} beside the examples. Received: no such file. Run without the cache.")
    return pd.Timedelta(file.read_text("utf-8"))


def _windows(inputs: SectionInputs, read: Any) -> Windows:
    target = next(name for name in inputs.task.features if name.startswith("temperature"))
    kinds = inputs.task.features
    sequences = [name for name, kind in kinds.items() if kind is FeatureKind.NUMERIC and not name.endswith("itude_deg")]
    records = read(["station", "time", *sequences])
    values = records[[column for column in records if column not in ("station", "time")]].to_numpy(np.float64)
    steps = values.shape[1] // len(sequences)
    place = sequences.index(target)
    times = pd.DatetimeIndex(pd.to_datetime(records["time"], utc=True)).tz_localize(None)
    return Windows(
        stations=records["station"].to_numpy(object),
        times=times,
        past=values[:, place * steps : (place + 1) * steps],
        inputs=values,
        step=_step(inputs),
    )


SECTIONS = [
    Section(
        "leaderboard", Text(en="Beside simpler forecasts", es="Junto a pronósticos más simples"), build_leaderboard,
        render_leaderboard, frozenset({Problem.FORECAST}),
    ),
    Section(
        "examples", Text(en="Forecasts and the worst days", es="Pronósticos y los peores días"), build_examples,
        render_examples, frozenset({Problem.FORECAST}),
    ),
    CLIMATE,
]  # fmt: skip
