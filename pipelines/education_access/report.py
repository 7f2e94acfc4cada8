"""Sections of the page: the ranking beside simpler ones, calibration and intervals by region, spatial dependence."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ...components.cross_validator.intervals import OutcomeSpread
from ...components.evaluation_report.analysis.intervals import Bounds
from ...components.evaluation_report.analysis.resampling import Resamples, num_resamples
from ...components.evaluation_report.analysis.slices import metric_values
from ...components.evaluation_report.report import Estimate
from ...components.evaluation_report.section import Section, SectionInputs, localized, table
from ...components.evaluator.metric import Metric
from ...components.evaluator.statistics import Labels, Statistic, Values, auc, mean
from ...components.features import Problem
from ...components.text import Text
from ...components.web_page.numbers import format_interval, format_number
from ...components.web_page.texts import element
from .model import METRICS
from .places import NUM_NEIGHBOURS, nearest
from .spatial import moran

if TYPE_CHECKING:
    import pandas as pd

_BASELINES = {"poverty_pct": -1.0, "household_income_soles": 1.0, "secondary_reached_pct": 1.0}
"""Columns by which officials could rank without a model, and the sign that puts the worst lowest."""

LEVEL = 0.8
"""What share of the outcomes the intervals are to hold."""

_NUM_SIZES = 5

_NAMES = {
    "all": Text(en="All districts", es="Todos los distritos"),
    "model": Text(en="This model", es="Este modelo"),
    "poverty_pct": Text(en="Poverty 2018 alone", es="Solo pobreza 2018"),
    "household_income_soles": Text(en="Household income alone", es="Solo ingreso familiar"),
    "secondary_reached_pct": Text(en="Attainment in the census alone", es="Solo nivel educativo en el censo"),
    "coast": Text(en="Coast", es="Costa"),
    "highlands": Text(en="Highlands", es="Sierra"),
    "rainforest": Text(en="Rainforest", es="Selva"),
    "outcome": Text(en="The outcome", es="El resultado"),
    "residual": Text(en="What the model leaves", es="Lo que el modelo deja"),
}

_NO_BOUNDS: Bounds = (None, None)
_SHARE: Bounds = (0.0, 1.0)


def build_ranking(inputs: SectionInputs) -> list[dict[str, Any]]:
    """Returns the metrics of the ranking, of the model and of one column alone, with intervals.

    `ahead` is the area by which the model is ahead, on the districts that have the column.
    """
    records = inputs.read_columns(["department", *_BASELINES])
    resamples = _resamples(inputs, records)
    is_class = inputs.task.problem is Problem.CLASSIFICATION
    metrics: dict[str, Metric] = {metric.name: metric for metric in METRICS}

    def measured(values: NDArray[np.float64], rows: Labels) -> dict[str, Values]:
        # The lowest come first.
        predictions = np.stack([-values, values], axis=1) if is_class else values
        return metric_values(metrics, inputs.labels, predictions, resamples, rows)

    own = -_predicted(inputs) if is_class else _predicted(inputs)
    ranks = {"model": own} | {name: sign * records[name].to_numpy(np.float64) for name, sign in _BASELINES.items()}
    lines = []
    for name, values in ranks.items():
        rows = np.flatnonzero(np.isfinite(values))
        found = measured(values, rows)
        estimates = {
            metric: resamples.estimate(resampled, rows, bounds=_SHARE).model_dump()
            for metric, resampled in found.items()
        }
        if name != "model":
            area = METRICS[0].name
            estimates["ahead"] = resamples.estimate(
                measured(own, rows)[area] - found[area], rows, bounds=(-1.0, 1.0)
            ).model_dump()
        lines.append({"name": name, "districts": len(rows), **estimates})
    return lines


def render_ranking(lines: list[dict[str, Any]]) -> str:
    """Returns a table, a line for each ranking."""
    header = [
        Text(en="Ranked by", es="Ordenado por"),
        Text(en="Districts", es="Distritos"),
        *(m.title for m in METRICS),
        Text(en="AUC: the model is ahead by", es="AUC: ventaja del modelo"),
    ]
    names = [*(metric.name for metric in METRICS), "ahead"]
    rows = [
        [_title(line["name"]), line["districts"], *(_with_interval(line.get(name)) for name in names)] for line in lines
    ]
    note = Text(
        en="In brackets 95 % intervals that resample whole departments; with fewer than ten there is none. The worst "
        "fifth is that of the districts evaluated here; of a classification it lies below the cut of each fold's "
        "training departments. Attainment in the census is the outcome of all ages, not an input: it shows what is "
        "known without a model where a census has just been taken.",
        es="Entre corchetes, intervalos del 95 % que remuestrean departamentos enteros; con menos de diez no hay "
        "ninguno. El peor quinto es el de los distritos evaluados aquí; en una clasificación está bajo el corte de los "
        "departamentos de entrenamiento de cada partición. El nivel educativo del censo es el resultado de todas las "
        "edades, no una entrada: muestra lo que se sabe sin modelo cuando acaba de hacerse un censo.",
    )
    return table(header, rows) + localized(note, "p")


def build_regions(inputs: SectionInputs) -> list[dict[str, Any]]:
    """Returns what is observed and predicted in each natural region, and how well it is ranked within."""
    records = inputs.read_columns(["natural_region", "department"])
    resamples = _resamples(inputs, records)
    observed, predicted = _observed(inputs), _predicted(inputs)
    is_class = inputs.task.problem is Problem.CLASSIFICATION
    is_worst = METRICS[0].needs(inputs.labels)
    lines = []
    for region in sorted(set(records["natural_region"])):
        rows = np.flatnonzero(records["natural_region"] == region)
        statistics: dict[str, tuple[Statistic, Bounds]] = {
            "observed": (partial(mean, observed[rows]), _NO_BOUNDS),
            "predicted": (partial(mean, predicted[rows]), _NO_BOUNDS),
            "difference": (partial(mean, predicted[rows] - observed[rows]), _NO_BOUNDS),
            "slope": (partial(_slope, predicted[rows], observed[rows]), _NO_BOUNDS),
            "auc": (auc(is_worst[rows], predicted[rows] if is_class else -predicted[rows]), _SHARE),
        }
        lines.append(
            {
                "region": str(region),
                "districts": len(rows),
                "departments": int(records["department"].iloc[rows].nunique()),
                "worst": int(is_worst[rows].sum()),
                **{
                    name: resamples.estimate(resamples.compute(statistic, rows), rows, bounds=bounds).model_dump()
                    for name, (statistic, bounds) in statistics.items()
                },
            }
        )
    return lines


def render_regions(lines: list[dict[str, Any]]) -> str:
    """Returns a table, a line for each region."""
    header = [
        Text(en="Natural region", es="Región natural"),
        Text(en="Districts", es="Distritos"),
        Text(en="Departments", es="Departamentos"),
        Text(en="In the worst fifth", es="En el peor quinto"),
        Text(en="Observed mean", es="Media observada"),
        Text(en="Predicted mean", es="Media predicha"),
        Text(en="Difference", es="Diferencia"),
        Text(en="Slope", es="Pendiente"),
        Text(en="AUC within", es="AUC dentro"),
    ]
    counts = ["districts", "departments", "worst"]
    note = Text(
        en="The slope is that of the observed value on the predicted one, 1 where the predictions are calibrated. The "
        "AUC within is that of the country's worst fifth among the districts of the region. In brackets 95 % intervals "
        "that resample whole departments; with fewer than ten there is none.",
        es="La pendiente es la del valor observado sobre el predicho, 1 si las predicciones están calibradas. El AUC "
        "dentro es el del peor quinto del país entre los distritos de la región. Entre corchetes, intervalos del 95 % "
        "que remuestrean departamentos enteros; con menos de diez no hay ninguno.",
    )
    rows = [
        [
            _title(line["region"]),
            *(line[name] for name in counts),
            *(line[name]["value"] for name in ("observed", "predicted")),
            *(_with_interval(line[name]) for name in ("difference", "slope", "auc")),
        ]
        for line in lines
    ]
    return table(header, rows) + localized(note, "p")


def build_intervals(inputs: SectionInputs) -> list[dict[str, Any]]:
    """Returns how many of the districts have their outcome within an interval that other departments calibrated.

    Of a classification there is none: its outcome is one class or the other.
    """
    if inputs.task.problem is Problem.CLASSIFICATION:
        return []
    records = inputs.read_columns(["department", "natural_region", "population_log10"])
    resamples = _resamples(inputs, records)
    observed, size = _observed(inputs), records["population_log10"].to_numpy(np.float64)
    departments, codes = np.unique(records["department"].to_numpy(str), return_inverse=True)
    low, high = OutcomeSpread.of(_predicted(inputs), observed, codes, [size]).interval(LEVEL)
    holds = ((observed >= low) & (observed <= high)).astype(np.float64)
    edges = np.nanquantile(size, np.linspace(0, 1, _NUM_SIZES + 1)[1:])
    sizes = np.digitize(size, edges[:-1])
    regions = records["natural_region"].to_numpy(str)
    parts = [
        ("all", "all", np.arange(len(holds))),
        *(("region", str(region), np.flatnonzero(regions == region)) for region in np.unique(regions)),
        *(("size", f"{10**edge:.0f}", np.flatnonzero(sizes == place)) for place, edge in enumerate(edges)),
        *(("department", str(name), np.flatnonzero(codes == code)) for code, name in enumerate(departments)),
    ]
    return [
        {
            "kind": kind,
            "name": name,
            "districts": len(rows),
            "width": float((high - low)[rows].mean()),
            "held": resamples.estimate(
                resamples.compute(partial(mean, 100 * holds[rows]), rows), rows, bounds=(0.0, 100.0)
            ).model_dump(),
        }
        for kind, name, rows in parts
    ]


def render_intervals(lines: list[dict[str, Any]]) -> str:
    """Returns a table, a line for each part of the country."""
    if not lines:
        none = Text(
            en="A district belongs to the worst fifth or not: a chance has no interval that holds it. How far chances "
            "are from what happened is above, by natural region.",
            es="Un distrito pertenece o no al peor quinto: una probabilidad no tiene intervalo que lo contenga. Arriba "
            "se ve, por región natural, cuánto distan las probabilidades de lo ocurrido.",
        )
        return element("div", localized(none, "p"), {})
    header = [
        Text(en="Districts of", es="Distritos de"),
        Text(en="Districts", es="Distritos"),
        Text(en="Mean width, points", es="Ancho medio, puntos"),
        Text(en="Hold what was measured, %", es="Contienen lo medido, %"),
    ]
    note = Text(
        en=f"Intervals that are to hold {LEVEL:.0%} of the outcomes. Each is calibrated on the other departments: "
        "their residuals, divided by their usual size in districts of like prediction and population. On average over "
        "departments they hold what they say; a single department can lie far from it. In brackets 95 % intervals that "
        "resample whole departments; with fewer than ten there is none.",
        es=f"Intervalos que deben contener el {LEVEL:.0%} de los resultados. Cada uno se calibra solo con los demás "
        "departamentos: sus residuos, divididos por su tamaño usual en distritos de predicción y población parecidas. "
        "En promedio sobre departamentos contienen lo que dicen; un departamento puede alejarse mucho. Entre "
        "corchetes, intervalos del 95 % que remuestrean departamentos enteros; con menos de diez no hay ninguno.",
    )
    rows = [
        [_part_title(line), line["districts"], line["width"], _with_interval(line["held"])]
        for line in sorted(lines, key=lambda line: line["held"]["value"] if line["kind"] == "department" else -1)
    ]
    return table(header, rows) + localized(note, "p")


def _part_title(line: dict[str, Any]) -> Markup | str:
    if line["kind"] != "size":
        return _title(line["name"])
    people = int(line["name"])
    return localized(Text(en=f"up to {people:,} people", es=f"hasta {people:,} habitantes".replace(",", "\u202f")))


def build_space(inputs: SectionInputs) -> list[dict[str, Any]]:
    """Returns Moran's I of the outcome and of what the model leaves of it."""
    places = inputs.read_columns(["latitude", "longitude"])
    observed = _observed(inputs)
    count = min(NUM_NEIGHBOURS, len(places) - 1)
    latitudes, longitudes = (places[name].to_numpy(np.float64) for name in ("latitude", "longitude"))
    neighbours, distances = nearest(latitudes, longitudes, count)
    found = {"outcome": observed, "residual": observed - _predicted(inputs)}
    return [
        {
            "name": name,
            "districts": len(values),
            "neighbours": count,
            "median_km": float(np.median(distances)),
            **vars(moran(values, neighbours, inputs.seed)),
        }
        for name, values in found.items()
    ]


def render_space(lines: list[dict[str, Any]]) -> str:
    """Returns a table of the two statistics."""
    header = [
        Text(en="Values", es="Valores"),
        Text(en="Moran's I", es="I de Moran"),
        Text(en="expected by chance", es="esperada por azar"),
        Text(en="p-value", es="valor p"),
    ]
    first = lines[0]
    note = Text(
        en=f"Neighbours are the {first['neighbours']} nearest capitals among the {first['districts']} districts "
        f"evaluated, half of them within {first['median_km']:.0f} km. Where the second statistic is above chance, "
        "neighbouring districts are missed alike: intervals that take districts for independent are too narrow.",
        es=f"Vecinas son las {first['neighbours']} capitales más cercanas entre los {first['districts']} distritos "
        f"evaluados, la mitad a menos de {first['median_km']:.0f} km. Si la segunda estadística supera el azar, el "
        "modelo falla por igual en distritos vecinos: los intervalos que los toman por independientes son demasiado "
        "estrechos.",
    )
    rows = [[_title(line["name"]), line["statistic"], line["expected"], line["p_value"]] for line in lines]
    return table(header, rows) + localized(note, "p")


SECTIONS = [
    Section("ranking", Text(en="The ranking beside simpler ones", es="El orden junto a otros más simples"),
            build_ranking, render_ranking),
    Section("regions", Text(en="Calibration by natural region", es="Calibración por región natural"),
            build_regions, render_regions),
    Section("intervals", Text(en="Intervals of single districts", es="Intervalos de cada distrito"),
            build_intervals, render_intervals),
    Section("space", Text(en="Spatial dependence", es="Dependencia espacial"), build_space, render_space),
]  # fmt: skip


def _observed(inputs: SectionInputs) -> NDArray[np.float64]:
    """Returns the outcome, of a classification 1 for a barrier."""
    is_class = inputs.task.problem is Problem.CLASSIFICATION
    return np.asarray(inputs.labels == 0 if is_class else inputs.labels, np.float64)


def _predicted(inputs: SectionInputs) -> NDArray[np.float64]:
    is_class = inputs.task.problem is Problem.CLASSIFICATION
    return np.asarray(inputs.predictions[:, 0] if is_class else inputs.predictions, np.float64)


def _resamples(inputs: SectionInputs, records: "pd.DataFrame") -> Resamples:
    _, departments = np.unique(records["department"].to_numpy(str), return_inverse=True)
    return Resamples(len(records), num_resamples(len(records)), inputs.seed, departments)


def _slope(predicted: Values, observed: Values, weights: Values) -> Values:
    """Returns the slope of the observed values on the predicted ones, for each column of weights."""
    centre = mean(predicted, weights)
    variation = mean(predicted**2, weights) - centre**2
    slopes = (mean(predicted * observed, weights) - centre * mean(observed, weights)) / variation
    return np.where(variation > 0, slopes, np.nan)


def _with_interval(estimate: dict[str, Any] | None) -> Any:
    """Returns the cell of a table: a number, or a number and its interval."""
    if estimate is None or estimate["value"] is None:
        return "–"
    found = Estimate(**estimate)
    interval = format_interval(found)
    # The page's switch of languages rewrites the numbers of this class.
    return (
        Markup('<span class="n">{} {}</span>').format(format_number(found.value), interval) if interval else found.value
    )


def _title(name: str) -> Markup | str:
    return localized(_NAMES[name]) if name in _NAMES else name
