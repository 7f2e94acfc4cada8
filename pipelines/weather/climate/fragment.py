"""A station's climate as HTML, for the evaluation page and for the page of `yachay climate`."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ....components.evaluation_report.section import localized, table
from ....components.text import Text
from ....components.web_page.numbers import format_number
from .document import StationClimate, TrendLine, VariableClimate
from .plots import climatogram, stripes, trend_plot
from .sentences import TITLES, UNITS, describe_breaks, describe_normals, season_title, summarize

_SHOWN_INDICES = ("TX90p", "TG90p", "TN90p", "FD", "SU", "RX5DAY", "R95p", "CDD", "CWD")
_NUM_PLOTS = 4


def render_station(climate: StationClimate) -> Markup:
    """Returns sentences, pictures and tables."""
    return Markup().join(
        [
            _heading(climate),
            Markup('<ul class="prose">{}</ul>').format(_items(summarize(climate))),
            localized(_num_tests(climate), "p"),
            Markup('<div class="figures">{}</div>').format(_pictures(climate)),
            _normals(climate),
            _trends(climate),
            _indices(climate),
            _homogeneity(climate),
            localized(_METHODS, "p"),
        ]
    )


def _heading(climate: StationClimate) -> Markup:
    place = ""
    if climate.latitude_deg is not None and climate.longitude_deg is not None:
        place = f"{climate.latitude_deg:.2f}°, {climate.longitude_deg:.2f}°"
    if climate.elevation_m is not None:
        place += f", {climate.elevation_m:.0f} m"
    text = " · ".join(part for part in (climate.station, place, f"{climate.first_day} – {climate.last_day}") if part)
    return Markup("<h3>{}</h3>").format(text)


def _items(texts: Sequence[Text]) -> Markup:
    return Markup().join(localized(text, "li") for text in texts)


def _num_tests(climate: StationClimate) -> Text:
    num = sum((of.trend is not None) + len(of.seasons) for of in climate.variables)
    num += sum(of.trend is not None for of in climate.indices)
    return Text(
        en=f"{num} trends are tested here. Of tests at 5 % one in twenty finds a trend where there is none.",
        es=f"Aquí se prueban {num} tendencias. De las pruebas al 5 %, una de cada veinte halla una tendencia donde no "
        "hay ninguna.",
    )


def _pictures(climate: StationClimate) -> Markup:
    of = {variable.name: variable for variable in climate.variables}
    temperature, rain = of.get("temperature_c"), of.get("rain_mm")
    parts = []
    if temperature is not None and any(value is not None for value in temperature.anomalies):
        title = Text(
            en="Warming stripes: mean temperature of each year beside the normal",
            es="Franjas de calentamiento: temperatura media de cada año frente a la normal",
        )
        parts.append(stripes(climate.years, temperature.anomalies, title))
    if any(variable is not None and variable.normals is not None for variable in (temperature, rain)):
        title = Text(
            en="Climatogram: rain (bars, mm) and temperature (line, °C)",
            es="Climatograma: lluvia (barras, mm) y temperatura (línea, °C)",
        )
        parts.append(climatogram(temperature, rain, title))
    for variable in (temperature, rain):
        if variable is not None and _num(variable.years) > 1:
            title, unit = TITLES[variable.name], UNITS[variable.name]
            of_years = Text(en=f"{title.en} by year, {unit}", es=f"{title.es} por año, {unit}")
            parts.append(trend_plot(climate.years, variable.years, variable.trend, of_years))
    shown = [of for of in climate.indices if of.name in _SHOWN_INDICES and _num(of.years) > 1]
    for index in shown[:_NUM_PLOTS]:
        title = Text(en=f"{index.title.en}, {index.unit.en}", es=f"{index.title.es}, {index.unit.es}")
        parts.append(trend_plot(climate.years, index.years, index.trend, title))
    note = Text(
        en="The band holds the lines that the 95 % interval of the slope allows. A dashed orange line is a certain "
        "trend, a dotted green one may be chance.",
        es="La banda contiene las rectas que permite el intervalo del 95 % de la pendiente. Una línea naranja de "
        "trazos es una tendencia segura; una verde de puntos puede ser azar.",
    )
    return Markup().join(parts) + localized(note, "p")


def _normals(climate: StationClimate) -> Markup:
    header: list[str | Text] = [Text(en="Normals", es="Normales"), *map(str, range(1, 13)), Text(en="Year", es="Año")]
    rows = [
        [_name(of), *(_cell(value, 1) for value in of.normals.months), _cell(of.normals.year, 1)]
        for of in climate.variables
        if of.normals is not None
    ]
    notes = Markup('<ul class="explain">{}</ul>').format(_items([describe_normals(of) for of in climate.variables]))
    return (table(header, rows) if rows else Markup()) + notes


def _trends(climate: StationClimate) -> Markup:
    header: list[str | Text] = [
        Text(en="Trend", es="Tendencia"), Text(en="Season", es="Temporada"), Text(en="A decade", es="Por década"),
        Text(en="95 % interval", es="Intervalo del 95 %"), Text(en="p", es="p"),
        Text(en="p, pre-whitened", es="p, preblanqueada"), Text(en="Years", es="Años"),
        Text(en="Certain", es="Segura"),
    ]  # fmt: skip
    year, rows = localized(Text(en="Year", es="Año")), []
    for of in climate.variables:
        found = [(year, of.trend)] if of.trend is not None else []
        found += [(localized(season_title(name, climate.latitude_deg)), trend) for name, trend in of.seasons.items()]
        rows += [[_name(of), season, *_line(trend)] for season, trend in found]
    return table(header, rows) if rows else Markup()


def _indices(climate: StationClimate) -> Markup:
    header: list[str | Text] = [
        Text(en="Extremes", es="Extremos"), Text(en="Index", es="Índice"), Text(en="Unit", es="Unidad"),
        Text(en="Mean", es="Media"), Text(en="Years", es="Años"), Text(en="A decade", es="Por década"),
        Text(en="95 % interval", es="Intervalo del 95 %"), Text(en="Certain", es="Segura"),
    ]  # fmt: skip
    rows = []
    for of in climate.indices:
        known = [value for value in of.years if value is not None]
        line = ["–", "–", "–"] if of.trend is None else [_line(of.trend)[place] for place in (0, 1, 5)]
        mean = sum(known) / len(known) if known else None
        rows.append([localized(of.title), of.name, localized(of.unit), _cell(mean, 1), str(len(known)), *line])
    extremes = [
        [
            _name(of),
            f"{_cell(of.least.value, 1)} ({of.least.date})",
            f"{_cell(of.greatest.value, 1)} ({of.greatest.date})",
        ]
        for of in climate.variables
    ]
    days = table(
        [Text(en="Days", es="Días"), Text(en="Least", es="Mínimo"), Text(en="Greatest", es="Máximo")], extremes
    )
    return (table(header, rows) if rows else Markup()) + days


def _homogeneity(climate: StationClimate) -> Markup:
    header: list[str | Text] = [
        Text(en="Homogeneity", es="Homogeneidad"), "Pettitt", "SNHT", "Buishand", "von Neumann",
        Text(en="Likeliest break after", es="Ruptura más probable después de"), Text(en="Class", es="Clase"),
    ]  # fmt: skip
    rows = [
        [
            _name(of), *(f"p {_p(of.breaks.p[test])}" for test in ("pettitt", "snht", "buishand", "von_neumann")),
            str(of.breaks.year), localized(_CLASSES[of.breaks.verdict]),
        ]
        for of in climate.variables
        if of.breaks is not None
    ]  # fmt: skip
    if not rows:
        return Markup('<ul class="explain">{}</ul>').format(_items([describe_breaks(of) for of in climate.variables]))
    return table(header, rows)


def _line(trend: TrendLine) -> list[str | Markup]:
    interval = f"{_cell(trend.low, 2, True)} … {_cell(trend.high, 2, True)}"
    yes_or_no = Text(en="yes", es="sí") if trend.is_certain else Text(en="no", es="no")
    return [
        _cell(trend.per_decade, 2, True), interval, _p(trend.p), _p(trend.p_prewhitened),
        str(trend.num_years), localized(yes_or_no),
    ]  # fmt: skip


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _cell(value: float | None, decimals: int, is_signed: bool = False) -> str:
    return format_number(value, decimals, is_signed=is_signed)


def _name(of: VariableClimate) -> Markup:
    title, unit = TITLES[of.name], UNITS[of.name]
    return localized(Text(en=f"{title.en}, {unit}", es=f"{title.es}, {unit}"))


def _num(values: tuple[float | None, ...]) -> int:
    return sum(value is not None for value in values)


_CLASSES = {
    "useful": Text(en="useful", es="útil"),
    "doubtful": Text(en="doubtful", es="dudosa"),
    "suspect": Text(en="suspect", es="sospechosa"),
}
_METHODS = Text(
    en="Nothing is filled in: a month's mean has at most 10 missing days and 4 in a row, a sum none (WMO-No. 1203); a "
    "year needs its twelve months; an index at most 15 missing days and 3 in a month (ETCCDI). Slopes: Theil and Sen; "
    "tests and intervals: Mann and Kendall with the variance of autocorrelated years of Hamed and Rao (1998), or of "
    "years that depend on the one before if that is greater, and after trend-free pre-whitening (Yue et al. 2002). A "
    "trend is certain where the interval and both tests exclude none at 5 %. Homogeneity: classes of Wijngaard et al. "
    "(2003) from four tests at 1 %.",
    es="No se rellena nada: la media de un mes tiene como máximo 10 días faltantes y 4 seguidos, una suma ninguno "
    "(OMM-N.º 1203); un año necesita sus doce meses; un índice, como máximo 15 días faltantes y 3 en un mes (ETCCDI). "
    "Pendientes: Theil y Sen; pruebas e intervalos: Mann y Kendall con la varianza de años autocorrelacionados de "
    "Hamed y Rao (1998), o la de años que dependen del anterior si es mayor, y tras preblanqueo sin tendencia (Yue et "
    "al. 2002). Una tendencia es segura donde el intervalo y ambas pruebas excluyen su ausencia al 5 %. Homogeneidad: "
    "clases de Wijngaard et al. (2003) con cuatro pruebas al 1 %.",
)
