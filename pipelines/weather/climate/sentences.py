"""What trends and breaks mean, in plain sentences of both languages, with their uncertainty."""

from __future__ import annotations

from ....components.text import Text
from ....components.web_page.numbers import format_number
from .document import IndexSeries, StationClimate, TrendLine, Values, VariableClimate
from .homogeneity import MIN_YEARS as MIN_YEARS_OF_BREAKS
from .trends import MIN_SHARE, MIN_YEARS

UNITS = {
    "temperature_c": "°C", "temperature_min_c": "°C", "temperature_max_c": "°C", "dew_point_c": "°C",
    "relative_humidity_pct": "%", "pressure_hpa": "hPa", "rain_mm": "mm", "wind_speed_m_s": "m/s", "sunshine_h": "h",
}  # fmt: skip
TITLES = {
    "temperature_c": Text(en="Mean temperature", es="Temperatura media"),
    "temperature_min_c": Text(en="Minimum temperature", es="Temperatura mínima"),
    "temperature_max_c": Text(en="Maximum temperature", es="Temperatura máxima"),
    "dew_point_c": Text(en="Dew point", es="Punto de rocío"),
    "relative_humidity_pct": Text(en="Relative humidity", es="Humedad relativa"),
    "pressure_hpa": Text(en="Pressure at the station", es="Presión en la estación"),
    "rain_mm": Text(en="Rain", es="Lluvia"),
    "wind_speed_m_s": Text(en="Wind speed", es="Velocidad del viento"),
    "sunshine_h": Text(en="Hours of sunshine", es="Horas de sol"),
}
MONTHS = {
    "DJF": Text(en="December to February", es="diciembre a febrero"),
    "MAM": Text(en="March to May", es="marzo a mayo"),
    "JJA": Text(en="June to August", es="junio a agosto"),
    "SON": Text(en="September to November", es="septiembre a noviembre"),
}
_POINTS = Text(en="percentage points", es="puntos porcentuales")
_TROPIC_DEG = 23.44
_NORTH = {
    "DJF": Text(en="winter", es="invierno"), "MAM": Text(en="spring", es="primavera"),
    "JJA": Text(en="summer", es="verano"), "SON": Text(en="autumn", es="otoño"),
}  # fmt: skip
_OPPOSITE = {"DJF": "JJA", "MAM": "SON", "JJA": "DJF", "SON": "MAM"}


def season_title(season: str, latitude_deg: float | None) -> Text:
    """Returns a season's months, and its name where the station's latitude gives it one.

    Within the tropics it has none: in the Andes the rains of December to February are called winter.
    """
    months = MONTHS[season]
    if latitude_deg is None or abs(latitude_deg) <= _TROPIC_DEG:
        return months
    name = _NORTH[season if latitude_deg > 0 else _OPPOSITE[season]]
    return Text(en=f"{months.en} ({name.en})", es=f"{months.es} ({name.es})")


def describe_trend(title: Text, unit: Text, trend: TrendLine | None, years: Values) -> Text:
    """Returns what a trend says, and what it does not.

    Args:
        title: `Text`. What is measured.
        unit: `Text`.
        trend: `TrendLine` or None.
        years: tuple of floats or None. The values of successive years.
    """
    if trend is None:
        known = [place for place, value in enumerate(years) if value is not None]
        count, span = len(known), known[-1] - known[0] + 1 if known else 0
        return Text(
            en=f"{title.en}: no trend is given. Years with a value: {count} of {span} from the first to the last; "
            f"needed are at least {MIN_YEARS}, and more than {100 * MIN_SHARE:.0f} %.",
            es=f"{title.es}: no se da tendencia. Años con valor: {count} de {span} del primero al último; se necesitan "
            f"al menos {MIN_YEARS}, y más del {100 * MIN_SHARE:.0f} %.",
        )
    slope, low, high = (format_number(value, 2, is_signed=True) for value in (trend.per_decade, trend.low, trend.high))
    period, p = f"{trend.first}–{trend.last}", _p(trend)
    change = Text(
        en=f"{slope} {unit.en} a decade (95 % interval {low} to {high}; {period}, {trend.num_years} years)",
        es=f"{slope} {unit.es} por década (intervalo del 95 %: {low} a {high}; {period}, {trend.num_years} años)",
    )
    if not trend.is_certain:
        return Text(
            en=f"{title.en}: no certain trend. The best estimate is {change.en}, but the years differ so much that it "
            f"may be chance (p {p}).",
            es=f"{title.es}: sin tendencia segura. La mejor estimación es {change.es}, pero los años difieren tanto "
            f"que puede ser azar (p {p}).",
        )
    verb = ("it has risen", "ha aumentado") if trend.per_decade > 0 else ("it has fallen", "ha disminuido")
    return Text(
        en=f"{title.en}: {verb[0]}, {change.en}. That is more than years differ by chance (p {p}).",
        es=f"{title.es}: {verb[1]}, {change.es}. Es más de lo que los años difieren por azar (p {p}).",
    )


def _p(trend: TrendLine) -> str:
    p = max(trend.p, trend.p_prewhitened)
    return "< 0.001" if p < 0.001 else f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"


def describe_variable(of: VariableClimate) -> Text:
    """Returns the trend of a variable's years."""
    return describe_trend(TITLES[of.name], _unit(of), of.trend, of.years)


def describe_index(of: IndexSeries) -> Text:
    """Returns the trend of an index."""
    return describe_trend(of.title, of.unit, of.trend, of.years)


def describe_breaks(of: VariableClimate) -> Text:
    """Returns whether the years look as if the station had changed."""
    title, unit, breaks = TITLES[of.name], _unit(of), of.breaks
    if breaks is None:
        count = sum(value is not None for value in of.years)
        return Text(
            en=f"{title.en}: not tested. Years with a value: {count}; needed are {MIN_YEARS_OF_BREAKS}, not all equal.",
            es=f"{title.es}: sin prueba. Años con valor: {count}; se necesitan {MIN_YEARS_OF_BREAKS}, no todos "
            "iguales.",
        )
    rejected = sum(p < 0.01 for p in breaks.p.values())
    if breaks.verdict == "useful":
        return Text(
            en=f"{title.en}: no sign of a break ({rejected} of 4 tests reject at 1 %).",
            es=f"{title.es}: sin señal de ruptura ({rejected} de 4 pruebas rechazan al 1 %).",
        )
    step = format_number(breaks.after - breaks.before, 2, is_signed=True)
    return Text(
        en=f"{title.en}: {rejected} of 4 tests reject at 1 % that all years are alike; the likeliest break is after "
        f"{breaks.year} ({step} {unit.en}). A trend of the climate does this too, and so does a station that was moved "
        "or got another instrument: the series alone cannot tell which.",
        es=f"{title.es}: {rejected} de 4 pruebas rechazan al 1 % que todos los años sean iguales; la ruptura más "
        f"probable es después de {breaks.year} ({step} {unit.es}). También lo causa una tendencia del clima, o una "
        "estación que se trasladó o cambió de instrumento: la serie sola no puede decir cuál.",
    )


def describe_normals(of: VariableClimate) -> Text:
    """Returns what the normals of a variable are of."""
    title, normals = TITLES[of.name], of.normals
    if normals is None:
        return Text(
            en=f"{title.en}: no normals, for no month is there in four fifths of the years.",
            es=f"{title.es}: sin normales, pues ningún mes está en cuatro quintos de los años.",
        )
    known = [num for num, month in zip(normals.num_years, normals.months, strict=True) if month is not None]
    least, period = min(known), f"{normals.first}–{normals.last}"
    if normals.is_standard:
        return Text(
            en=f"{title.en}: climatological standard normals {period}, from {least} to {max(known)} years.",
            es=f"{title.es}: normales climatológicas estándar {period}, de {least} a {max(known)} años.",
        )
    return Text(
        en=f"{title.en}: means of {period}, from {least} to {max(known)} years; no standard normals, which "
        "need 24 years of 1991–2020.",
        es=f"{title.es}: medias de {period}, de {least} a {max(known)} años; no son normales estándar, que "
        "requieren 24 años de 1991–2020.",
    )


def summarize(climate: StationClimate) -> list[Text]:
    """Returns the sentences on a station: trends of its variables and what may be wrong with them, then of extremes."""
    found = []
    for of in climate.variables:
        found.append(describe_variable(of))
        if of.trend is not None and of.breaks is not None and of.breaks.verdict != "useful":
            found.append(describe_breaks(of))
    return found + [describe_index(of) for of in climate.indices if of.trend is not None and of.trend.is_certain]


def _unit(of: VariableClimate) -> Text:
    """Returns the unit of a difference."""
    unit = UNITS[of.name]
    return _POINTS if unit == "%" else Text(en=unit, es=unit)
