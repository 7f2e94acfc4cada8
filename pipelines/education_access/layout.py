"""What the official files hold and where: names of files, sheets and columns, as in the editions that the README names.

A new edition is a change here and nowhere else. Titles are written on one line and without their footnotes.
"""

from dataclasses import dataclass, field

SENTINELS = {
    "S.I.": "no information",
    "-": "no value",
    "NA": "no value",
    "(**)": "none, for the district is younger than 2007",
    "(***)": "none, for the district took no part in the census of 2007",
    "(****)": "hidden, for it rests on fewer than five children",
}
"""Marks of a missing number, and what they mean."""


@dataclass(frozen=True, eq=False)
class TableLayout:
    """Columns of a file.

    Args:
        file: string. Its name.
        key: string. Title of the column of the UBIGEO.
        columns: dict of our name to the title of a column of numbers.
        texts: dict of our name to the title of a column of text. Defaults to none.
        counts: frozenset of our names of columns in which `-` means none. Defaults to none.
        drops_leading_zero: bool. Whether the codes are numbers, so that 010101 stands there as 10101.
    """

    file: str
    key: str
    columns: dict[str, str]
    texts: dict[str, str] = field(default_factory=dict)
    counts: frozenset[str] = frozenset()
    drops_leading_zero: bool = False

    @property
    def place(self) -> str:
        """How messages call it."""
        return self.file


@dataclass(frozen=True, eq=False)
class SheetLayout(TableLayout):
    """Columns of a workbook's sheet.

    Args:
        sheet: string.
        header_row: int. The row of the titles, from 1.
    """

    sheet: str = ""
    header_row: int = 1

    @property
    def place(self) -> str:
        """How messages call it."""
        return f"{self.file}, sheet {self.sheet!r}"


AGES = {f"aged_{low}_{low + 4}": f"De {low} a {low + 4} años" for low in range(0, 95, 5)} | {
    "aged_95_more": "De 95 a más"
}

CENSUS = SheetLayout(
    file="educacion_basica_2017.xlsx",
    sheet="Output",
    header_row=6,
    key="Código",
    drops_leading_zero=True,
    columns={
        "urban": "Urbano censal",
        "rural": "Rural censal",
        "men": "Hombre",
        "women": "Mujer",
        **AGES,
        "no_level": "Sin Nivel",
        "nursery": "Inicial",
        "primary": "Primaria",
        "special": "Básica especial",
        "secondary": "Secundaria",
        "college_begun": "Superior no universitaria incompleta",
        "college": "Superior no universitaria completa",
        "university_begun": "Superior universitaria incompleta",
        "university": "Superior universitaria completa",
        "postgraduate": "Maestría / Doctorado",
    },
)
"""INEI, census 2017, people by area, sex, age and highest level passed (REDATAM export)."""

AMAZONIAN = (
    "Ashaninka", "Awajún / Aguaruna", "Shipibo - Konibo", "Shawi/Chayahuita", "Matsigenka/Machiguenga", "Achuar",
    "Otra lengua nativa u originaria", "Wampis", "Kichwa", "Nomatsigenga", "Tikuna", "Urarina", "Yine", "Yanesha",
    "Kandozi-Chapra", "Kakataibo", "Matses", "Kukama kukamiria", "Yagua", "Secoya", "Harakbut", "Yaminahua",
    "Murui-Muinani", "Kakinte", "Amahuaca", "Arabela", "Nahua", "Ese Eja", "Capanahua", "Maijuna", "Ocaina",
    "Sharanahua", "Shiwilu", "Cashinahua", "Isconahua", "Omagua",
)  # fmt: skip
OTHER_LANGUAGES = (
    "Castellano", "Portugués", "Otra lengua extranjera", "Lengua de señas peruanas", "No escucha, ni habla", "Jaqaru",
    "Cauqui",
)  # fmt: skip

LANGUAGES = SheetLayout(
    file="lengua_alfabetismo_2017.xlsx",
    sheet="Output",
    header_row=6,
    key="Código",
    drops_leading_zero=True,
    columns={
        "quechua": "Quechua",
        "aymara": "Aimara",
        **{name: name for name in (*AMAZONIAN, *OTHER_LANGUAGES)},
        "literate": "Sí sabe leer y escribir",
        "illiterate": "No sabe leer y escribir",
    },
)
"""INEI, census 2017, people of 3 years and more by mother tongue and literacy (REDATAM export)."""

DEVELOPMENT = SheetLayout(
    file="idh_2019.xlsx",
    sheet="IDH 2019",
    header_row=4,
    key="UBIGEO",
    columns={
        "life_expectancy_years": "Esperanza de vida al nacer",
        "secondary_pct": "Población (18 años) con Educ. secundaria completa",
        "schooling_years": "Años de educación (Poblac. 25 y más)",
        "household_income_soles": "Ingreso familiar per cápita",
    },
)
"""UNDP Peru, human development 2019 by department, province and district."""

_HOUSEHOLDS = {
    "couples_with_children": "Nuclear con hijos",
    "single_parents": "Nuclear monoparental",
    "extended": "Familias extendidas",
    "composite": "Familias compuestas",
    "one_person": "Unipersonal",
}

INFORMATION = SheetLayout(
    file="informacion_distritos_2020.xlsx",
    sheet="Nivel Distrital",
    header_row=1,
    key="Ubigeo (Texto)",
    counts=frozenset(_HOUSEHOLDS),
    columns={
        "population_2007": "Población 2007",
        "population": "Población 2017",
        "no_document": "Documento de identidad: No tiene documento alguno",
        "birth_certificate_only": "Documento de identidad: Solo tiene partida de nacimiento",
        "settlements": "No. de Centros Poblados",
        "births": "CNV: Número anual de nacidos vivos según distrito de residencia habitual de la madre (2019)",
        "low_birth_weight_pct": "CNV: Porcentaje de nacidos vivos con bajo peso al nacer (2019)",
        "chronic_malnutrition_pct": "Porcentaje de desnutrición crónica (Niños menores de 5 años) (2018)",
        "anaemia_pct": "Porcentaje de anemia (Niños entre 6 y 35 meses) (2018)",
        "poverty_pct": "Porcentaje de la población en pobreza total (2018)",
        "extreme_poverty_pct": "Porcentaje de la población en pobreza extrema (2018/2013)",
        "employed": "Población Ocupada (2017 )",
        "dwellings_occupied": "Vivienda: Ocupada, con personas presentes",
        "dwellings_absent": "Vivienda: Ocupada, con personas ausentes",
        "dwellings_occasional": "Vivienda: Ocupada, de uso ocasional",
        "dwellings_for_sale": "Vivienda: Desocupada, en alquiler o venta",
        "dwellings_in_construction": "Vivienda: Desocupada, en construcción o reparación",
        "dwellings_abandoned": "Vivienda: Desocupada, abandonada o cerrada",
        "dwellings_other": "Vivienda: Desocupada, otra causa",
        "wood_floor": "Pisos: Madera (pona, tornillo, etc.)",
        "cement_floor": "Pisos: Cemento",
        "earth_floor": "Pisos: Tierra",
        "concrete_roof": "Techo: Concreto armado",
        "tiled_roof": "Techo: Tejas",
        "metal_roof": "Techo: Planchas de calamina, fibra de cemento o similares",
        "thatched_roof": "Techo: Paja, hoja de palmera y similares",
        "brick_wall": "Paredes extriores: Ladrillo o bloque de cemento",
        "adobe_wall": "Paredes extriores: Adobe",
        "rammed_earth_wall": "Paredes extriores: Tapia",
        "wooden_wall": "Paredes extriores: Madera (pona, tornillo etc.)",
        "water_inside": "Agua: Red pública dentro de la vivienda",
        "water_building": "Agua: Red pública fuera de la vivienda, pero dentro de la edificación",
        "water_tap": "Agua: Pilón o pileta de uso público",
        "water_river": "Agua: Río, acequia, lago, laguna",
        "water_daily": "Agua diariamente: Sí tiene servicio de agua todos los días de la semana",
        "water_not_daily": "Agua diariamente: No tiene servicio de agua todos los días de la semana",
        "sewer_inside": "Servicio higienico: Red pública de desagüe dentro de la vivienda",
        "sewer_building": "Servicio higienico: Red pública de desagüe fuera de la vivienda, pero dentro de la "
        "edificación",
        "latrine": "Servicio higienico: Letrina (con tratamiento)",
        "pit": "Servicio higienico: Pozo ciego o negro",
        "open_defecation": "Servicio higienico: Campo abierto o al aire libre",
        "electricity": "Alumbrado electrico: Sí tiene alumbrado eléctrico",
        "lighting_total": "Alumbrado electrico: Total",
        "one_room": "N° de habitaciones: 1 habitación",
        "two_rooms": "N° de habitaciones: 2 habitaciones",
        "rented": "Tenencia de vivienda: Alquilada",
        "titled": "Tenencia de vivienda: Propia con título de propiedad",
        "gas": "Energía para cocinar: Gas (balón GLP)",
        "firewood": "Energía para cocinar: Leña",
        "dung": "Energía para cocinar: Bosta, estiercol",
        "no_cooking": "Energía para cocinar: No cocinan",
        "households": "Total de hogares",
        **_HOUSEHOLDS,
        "insured_sis": "Afiliación seguro: SIS",
        "insured_essalud": "Afiliación seguro: ESSALUD",
        "insured_forces": "Afiliación seguro: Fuerzas armadas o policiales",
        "insured_private": "Afiliación seguro: Seguro privado de salud",
        "insured_other": "Afiliación seguro: Otro seguro",
        "uninsured": "Afiliación seguro: Ningún seguro",
    },
)
"""CEPLAN, information on districts 2020: census 2017 (dwellings, households), MINSA, INS, RENIEC, INEI."""

SERVICES = TableLayout(
    file="indicadores-distrito.json",
    key="ubigeo",
    columns={
        "water_pct": "agua",
        "drain_pct": "desague",
        "electricity_pct": "electricidad",
        "internet_pct": "internet",
        "water_density": "ideAgua",
        "electricity_density": "ideElectricidad",
        "health_density": "ideSalud",
    },
)
"""Services 2017: shares of dwellings, and the parts of UNDP's state density index."""

PLACES = TableLayout(
    file="ubigeo_distrito.csv",
    key="inei",
    columns={
        "area_km2": "superficie",
        "altitude_m": "altitude",
        "latitude": "latitude",
        "longitude": "longitude",
        "human_development_index": "idh_2019",
    },
    texts={
        "department": "departamento",
        "province": "provincia",
        "district": "distrito",
        "macroregion": "macroregion_inei",
    },
)
"""Districts by UBIGEO, with their capital's place."""
