"""A made-up country in the form of the official files, for demonstrations and tests. It describes no place.

Twenty-three departments lie along a coast, in highlands, on their eastern slope and in a rainforest. What a district is
like follows from where it lies, how remote it is and a development of its own that its department and province share;
the drivers follow from that with noise, and the outcome from some of the drivers. The files have the form and the
faults of the official ones: titles above and notes below, codes without their zero, marks of missing values, totals,
and for the last district the services of the whole country.
"""

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .layout import (
    AGES,
    AMAZONIAN,
    CENSUS,
    DEVELOPMENT,
    INFORMATION,
    LANGUAGES,
    OTHER_LANGUAGES,
    PLACES,
    SERVICES,
    SheetLayout,
    TableLayout,
)

Tables = Mapping[TableLayout, pd.DataFrame]
Numbers = NDArray[np.float64]

_DEPARTMENTS = {
    "coast": {
        "02": "Bahía",
        "04": "Playa Sur",
        "11": "Oasis",
        "13": "Algarrobo",
        "14": "Caña",
        "18": "Faro",
        "20": "Manglar",
        "23": "Duna",
        "24": "Espuma",
    },
    "highlands": {"03": "Ichu", "05": "Quinua", "06": "Puya", "09": "Cóndor"},
    "slope": {"08": "Cantuta", "10": "Neblina", "12": "Orquídea", "19": "Cascada", "21": "Lago"},
    "rainforest": {"01": "Quina", "16": "Aguaje", "17": "Castaña", "22": "Ceiba", "25": "Shiringa"},
}
_PROVINCES, _DISTRICTS = 3, 8
_ALTITUDES_M = {"coast": (20, 1300), "highlands": (2300, 4300), "slope": (500, 4100), "rainforest": (90, 900)}
_LONGITUDES = {"coast": -77.5, "highlands": -75.5, "slope": -74.0, "rainforest": -72.5}


def write_mock(path: Path) -> None:
    """Writes the files of the country as a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in official_files(mock_tables()).items():
            archive.writestr(name, content)


def mock_tables(seed: int = 42) -> Tables:
    """Returns the tables of the files, by district."""
    random = np.random.default_rng(seed)
    place = _place(random)
    count = len(place)

    def noise(scale: float) -> Numbers:
        return random.normal(0, scale, count)

    def share(logit: Numbers, scale: float = 0.4) -> Numbers:
        shares: Numbers = 1 / (1 + np.exp(-(logit + noise(scale))))
        return shares

    remote, high = place["remoteness"].to_numpy(), (place["altitude_m"].to_numpy() - 2500) / 1500
    forest = (place["natural"] == "rainforest").to_numpy() * 1.0
    level = place["level"].to_numpy()
    people = np.exp(8.3 + 0.9 * level - 0.3 * remote + noise(0.8)).round().clip(150)
    rural = share(-0.4 - 1.2 * level + 0.9 * remote)
    young = 0.27 + 0.05 * share(-level) + 0.05 * forest
    electricity = share(1.8 + 0.9 * level - 0.5 * remote - 0.8 * forest)
    earth = share(0.6 - 1.3 * level + 0.3 * high)
    water = share(0.4 + 0.8 * level - 0.8 * forest)
    malnutrition = share(-1.4 - 0.7 * level + 0.3 * high, 0.3)
    quechua = share(-1.2 + 1.6 * high - 2 * forest, 0.9)
    native = share(-4 + 2.2 * forest + 0.5 * remote, 0.8)
    secondary = 100 * share(1.3 + 0.75 * level - 0.45 * rural - 0.9 * forest - 1.2 * native + 0.3 * high, 0.28)
    dwellings = (people / 3.4).round().clip(40)
    households = (dwellings * 1.05).round()

    def of(whole: Numbers, part: Numbers) -> Numbers:
        parts: Numbers = np.round(whole * part)
        return parts

    census = pd.DataFrame({"urban": of(people, 1 - rural), "rural": people - of(people, 1 - rural)})
    census["men"] = of(people, 0.5 + noise(0.015))
    census["women"] = people - census["men"]
    profile = np.concatenate([np.full(3, 1 / 3), np.full(len(AGES) - 3, 0)])
    older = np.concatenate([np.zeros(3), np.exp(-np.arange(len(AGES) - 3) / 7)])
    spread = np.outer(young, profile) + np.outer(1 - young, older / older.sum())
    census[list(AGES)] = np.round(people[:, None] * spread * random.uniform(0.85, 1.15, spread.shape))
    reached = (0.25 + 0.006 * secondary + noise(0.03)).clip(0.05, 0.95)
    levels = {"no_level": 0.12, "nursery": 0.1, "primary": 0.77, "special": 0.01}
    census[list(levels)] = np.outer(people * (1 - reached), list(levels.values())).round()
    upper = {"secondary": 0.6, "college_begun": 0.06, "college": 0.13, "university_begun": 0.08, "university": 0.11}
    census[[*upper, "postgraduate"]] = np.outer(people * reached, [*upper.values(), 0.02]).round()

    illiterate = (0.3 - 0.003 * secondary + 0.08 * quechua + noise(0.02)).clip(0.01, 0.6)
    languages = pd.DataFrame({"quechua": of(people, 0.9 * quechua), "aymara": of(people, 0.02 * share(high))})
    languages[list(AMAZONIAN)] = np.outer(
        of(people, 0.5 * native), random.dirichlet(np.full(len(AMAZONIAN), 0.2))
    ).round()
    languages[list(OTHER_LANGUAGES)] = 0
    languages["Castellano"] = (people - languages.sum(axis=1)).clip(0)
    languages["literate"], languages["illiterate"] = of(people, 1 - illiterate), of(people, illiterate)

    development = pd.DataFrame(
        {
            "life_expectancy_years": (74 + 2.5 * level - 1.5 * high + noise(2)).clip(50, 85),
            "secondary_pct": secondary,
            "schooling_years": (2.5 + 0.08 * secondary + noise(0.6)).clip(1.5, 14),
            "household_income_soles": np.exp(6.2 + 0.6 * level + noise(0.3)),
        }
    )

    information = pd.DataFrame(
        {name: of(dwellings, share(np.full(count, -2.6) - 0.3 * level)) for name in INFORMATION.columns}
    )
    poverty = share(-0.8 - 0.9 * level, 0.5)
    information = information.assign(
        population_2007=of(people, 1 + 0.1 * remote - 0.1 * level),
        population=of(people, np.full(count, 1.06)),
        no_document=of(people, 0.005 * share(remote)),
        birth_certificate_only=of(people, 0.004 * share(remote)),
        settlements=of(people, 0.01 * rural + 0.001) + 1,
        births=of(people, 0.012 + 0.01 * young),
        low_birth_weight_pct=100 * share(np.full(count, -2.7)),
        chronic_malnutrition_pct=100 * malnutrition,
        anaemia_pct=100 * share(-0.6 - 0.3 * level),
        poverty_pct=100 * poverty,
        extreme_poverty_pct=100 * poverty * share(-1 - 0.4 * level),
        employed=of(people, 0.36 + 0.05 * share(level)),
        dwellings_occupied=dwellings,
        lighting_total=dwellings,
        electricity=of(dwellings, electricity),
        earth_floor=of(dwellings, earth),
        cement_floor=of(dwellings, 0.7 * (1 - earth)),
        water_inside=of(dwellings, water),
        water_building=of(dwellings, 0.2 * (1 - water)),
        water_tap=of(dwellings, 0.1 * (1 - water)),
        sewer_inside=of(dwellings, 0.8 * water * share(level)),
        households=households,
        firewood=of(households, share(0.2 - 1.1 * level)),
        gas=of(households, share(0.1 + 1.1 * level)),
        composite=np.where(random.random(count) < 0.1, 0, of(households, np.full(count, 0.02))),
        insured_sis=of(people, 0.7 * share(0.8 - level)),
        insured_essalud=of(people, 0.3 * share(-1 + level)),
        uninsured=of(people, 0.25 * share(np.zeros(count))),
    )
    information.loc[count - 1, "electricity"] = np.round(0.3 * dwellings[-1])
    lit, all_lit = information["electricity"], information["lighting_total"]
    services = pd.DataFrame(
        {
            "water_pct": 100 * water,
            "drain_pct": 80 * water,
            "electricity_pct": 100 * lit / all_lit,
            "internet_pct": 100 * share(-3.2 + 1.4 * level),
            "water_density": water,
            "electricity_density": lit / all_lit,
            "health_density": share(-1 + 0.4 * level),
        }
    ).round(4)
    national = 100 * lit.sum() / all_lit.sum()
    services.loc[count - 1, "electricity_pct"] = round(national, 2)

    places = place.drop(columns=["natural", "remoteness", "level"]).reset_index(drop=True)
    places["area_km2"] = np.exp(5 + 0.5 * remote + 1.2 * forest + noise(0.8))
    places["human_development_index"] = (0.2 + 0.004 * secondary + 0.05 * level).clip(0.05, 0.9)
    tables = {
        CENSUS: census,
        LANGUAGES: languages,
        DEVELOPMENT: development,
        INFORMATION: information,
        SERVICES: services,
        PLACES: places,
    }
    return {layout: table.set_axis(pd.Index(place.index, name="ubigeo")) for layout, table in tables.items()}


def official_files(tables: Tables) -> dict[str, bytes]:
    """Returns the content of each official file by its name."""
    census, languages = (_export(layout, tables[layout]) for layout in (CENSUS, LANGUAGES))
    return {
        CENSUS.file: _workbook(CENSUS, census),
        LANGUAGES.file: _workbook(LANGUAGES, languages),
        DEVELOPMENT.file: _workbook(DEVELOPMENT, _development(tables[DEVELOPMENT])),
        INFORMATION.file: _workbook(INFORMATION, _information(tables[INFORMATION])),
        SERVICES.file: _services(tables[SERVICES]),
        PLACES.file: _places(tables[PLACES]),
    }


def _place(random: np.random.Generator) -> pd.DataFrame:
    """Returns where each district lies, how remote it is and how developed."""
    rows: dict[str, dict[str, Any]] = {}
    for kind, departments in _DEPARTMENTS.items():
        lowest, highest = _ALTITUDES_M[kind]
        for number, (code, name) in enumerate(departments.items()):
            latitude = -4.0 - 1.6 * number + random.normal(0, 0.3)
            level = random.normal({"coast": 0.5, "rainforest": -0.5}.get(kind, 0.0), 0.25)
            for province in range(1, _PROVINCES + 1):
                shared = level + random.normal(0, 0.3)
                at = (latitude + random.normal(0, 0.6), _LONGITUDES[kind] + random.normal(0, 0.5))
                base = random.uniform(lowest, highest)
                for district in range(1, _DISTRICTS + 1):
                    remoteness = 0.0 if district == 1 else random.gamma(2.0, 0.5)
                    rows[f"{code}{province:02}{district:02}"] = {
                        "department": name.upper(),
                        "province": f"{name} {province}",
                        "district": f"{name} {province}-{district}",
                        "macroregion": {"rainforest": "ORIENTE"}.get(kind, "CENTRO"),
                        "altitude_m": round(float(np.clip(base + random.normal(0, 350), 5, 4700))),
                        "latitude": at[0] + 0.15 * random.normal(0, 1 + remoteness),
                        "longitude": at[1] + 0.15 * random.normal(0, 1 + remoteness),
                        "natural": "rainforest" if kind == "rainforest" else "other",
                        "remoteness": remoteness,
                        "level": shared + (0.8 if district == 1 else 0.0) - 0.35 * remoteness + random.normal(0, 0.5),
                    }
    return pd.DataFrame.from_dict(rows, orient="index").sort_index()


def _export(layout: SheetLayout, table: pd.DataFrame) -> list[list[Any]]:
    """Returns the rows of a REDATAM export: titles above, codes without their leading zero, a total."""
    titles = list(layout.columns.values())
    rows: list[list[Any]] = [["Título"], ["Lista por Áreas"], ["Área Geográfica"], ["Toda la Base de Datos"], []]
    rows.append([None, layout.key, "Distrito", *titles, None])
    names = list(layout.columns)
    for ubigeo, values in table[names].astype(int).iterrows():
        rows.append([None, int(str(ubigeo)), f"distrito: {ubigeo}", *values.tolist(), None])
    rows.append([None, "TOTAL", None, *table[names].sum().astype(int).tolist(), None])
    return [*rows, [], ["Fuente: datos ficticios"]]


def _development(table: pd.DataFrame) -> list[list[Any]]:
    names = ("life_expectancy_years", "secondary_pct", "schooling_years", "household_income_soles")
    titles = [DEVELOPMENT.columns[name] for name in names]
    header = [DEVELOPMENT.key, "DEPARTAMENTO", None, None, None, "Población", *titles, None, *titles[:3]]
    rows: list[list[Any]] = [[], ["Índice de Desarrollo Humano"], [None] * 11 + ["Valores normalizados"], header]
    rows += [[None, None, "Provincia"], [None, None, "Distrito"], [], [], ["000000", "PAÍS"]]
    for code, districts in table.groupby(table.index.str[:4]):
        rows.append([f"{code}00", None, f"Provincia {code}"])
        for number, (ubigeo, values) in enumerate(districts.iterrows(), start=1):
            numbers = [float(values[name]) for name in names]
            normalised = [None, *(value / 100 for value in numbers[:3])]
            rows.append([ubigeo, number, f"Distrito {ubigeo}", None, None, 1000.0, *numbers, *normalised])
    return [*rows, [], ["Fuente: datos ficticios"]]


def _information(table: pd.DataFrame) -> list[list[Any]]:
    """Returns CEPLAN's rows: footnotes in the titles, marks of missing values, a total and notes."""
    names = list(INFORMATION.columns)
    titles = [f"{INFORMATION.columns[name].replace(' ', chr(10), 1)}\n14a/" for name in names]
    rows: list[list[Any]] = [["UBIGEO", INFORMATION.key, *titles]]
    marks = {
        "population_2007": {3: "(**)", 40: "(**)"},
        "chronic_malnutrition_pct": {5: "(****)", 9: "-"},
        "anaemia_pct": {7: "(****)"},
        "births": {11: "S.I."},
    }
    for place, (ubigeo, values) in enumerate(table.iterrows()):
        cells = [
            "-" if name in INFORMATION.counts and values[name] == 0 else marks.get(name, {}).get(place, values[name])
            for name in names
        ]
        rows.append([int(str(ubigeo)), ubigeo, *cells])
    rows.append([None, None, *table.sum().tolist()])
    return [*rows, ["(**) Distritos creados después del censo 2007."], ["14a/ Fuente: datos ficticios."]]


def _services(table: pd.DataFrame) -> bytes:
    entries = [
        {SERVICES.key: ubigeo, **{SERVICES.columns[name]: float(value) for name, value in values.items()}}
        for ubigeo, values in table.iterrows()
    ]
    younger = {SERVICES.key: "040199", **dict.fromkeys(SERVICES.columns.values())}
    return json.dumps([*entries, younger], ensure_ascii=False).encode()


def _places(table: pd.DataFrame) -> bytes:
    titles = PLACES.texts | PLACES.columns
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow([PLACES.key, *titles.values()])
    for place, (ubigeo, values) in enumerate(table.iterrows()):
        rows.writerow([ubigeo, *("S.I." if name == "area_km2" and place == 13 else values[name] for name in titles)])
    rows.writerow(["NA", *("NA" for _ in titles)])
    return stream.getvalue().encode()


def _workbook(layout: SheetLayout, rows: Sequence[Sequence[Any]]) -> bytes:
    from openpyxl import Workbook

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet(layout.sheet)
    for row in rows:
        sheet.append(list(row))
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()
