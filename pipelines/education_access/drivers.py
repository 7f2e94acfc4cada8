"""The drivers of access to education, from the joined official files: shares, rates, distances.

Percentages are of people, dwellings or households of the district, as `schema.pbtxt` says of each.
"""

import numpy as np
import pandas as pd

from .layout import AGES, AMAZONIAN, OTHER_LANGUAGES
from .places import distances_km, natural_regions, nearest


def drivers(
    census: pd.DataFrame,
    languages: pd.DataFrame,
    development: pd.DataFrame,
    information: pd.DataFrame,
    services: pd.DataFrame,
    places: pd.DataFrame,
) -> pd.DataFrame:
    """Returns the drivers of each district.

    Args:
        census: data frame, one row a district, all six with the same index; columns as `layout.CENSUS` names them.
        languages: likewise, `layout.LANGUAGES`.
        development: likewise, `layout.DEVELOPMENT`.
        information: likewise, `layout.INFORMATION`.
        services: likewise, `layout.SERVICES`.
        places: likewise, `layout.PLACES`.
    """
    columns = (
        _geography(places, information)
        | _people(census, information)
        | _languages(languages)
        | _dwellings(information)
        | _households(information)
        | _health(information, development, services)
        | {"poverty_pct": information["poverty_pct"], "extreme_poverty_pct": information["extreme_poverty_pct"]}
    )
    table = pd.DataFrame(columns).replace([np.inf, -np.inf], np.nan)
    _, distances = nearest(places["latitude"].to_numpy(), places["longitude"].to_numpy())
    table["km_to_neighbours"] = distances[:, :5].mean(axis=1)
    return table


def _geography(places: pd.DataFrame, information: pd.DataFrame) -> dict[str, pd.Series]:
    codes = pd.Series(places.index, index=places.index)
    population = information["population"]
    province = codes.str[:4]
    to_province, to_department = (_km_to(places, codes.str[:length] + "01" * (3 - length // 2)) for length in (4, 2))
    province_population = population.groupby(province).transform("sum")
    capital_population = population.reindex(province + "01").to_numpy()
    return {
        "altitude_m": places["altitude_m"],
        "latitude": places["latitude"],
        "longitude": places["longitude"],
        "population_log10": _log10(population),
        "people_per_km2_log10": _log10(population / places["area_km2"]),
        "settlements_per_1000_log10": _log10(1000 * information["settlements"] / population),
        "km_to_province_capital": to_province,
        "km_to_department_capital": to_department,
        "province_population_log10": _log10(province_population),
        "province_capital_population_log10": _log10(pd.Series(capital_population, index=places.index)),
    }


def _people(census: pd.DataFrame, information: pd.DataFrame) -> dict[str, pd.Series]:
    people = census["men"] + census["women"]
    ages = list(AGES)
    first, last = ages.index("aged_15_19"), ages.index("aged_20_24")
    groups = {
        "aged_0_14_pct": ages[:3],
        "aged_15_19_pct": ages[first : first + 1],
        "aged_20_29_pct": ages[last : last + 2],
        "aged_30_49_pct": ages[6:10],
        "aged_65_more_pct": ages[13:],
    }
    change = information["population"] / information["population_2007"]
    return {
        "rural_pct": _pct(census["rural"], people),
        "men_pct": _pct(census["men"], people),
        **{name: _pct(_sum(census[columns]), people) for name, columns in groups.items()},
        "children_per_100_women": _pct(census["aged_0_4"], census["women"]),
        "aged_15_19_per_10_14_pct": _pct(census["aged_15_19"], census["aged_10_14"]),
        "aged_20_24_per_15_19_pct": _pct(census["aged_20_24"], census["aged_15_19"]),
        "population_change_log10": _log10(change),
        "births_per_1000": 1000 * information["births"] / information["population"],
        "no_identity_document_pct": _pct(
            information["no_document"] + information["birth_certificate_only"], information["population"]
        ),
        "employed_pct": _pct(information["employed"], information["population"]),
    }


def _languages(languages: pd.DataFrame) -> dict[str, pd.Series]:
    spoken = languages[["quechua", "aymara", *AMAZONIAN, *OTHER_LANGUAGES]]
    people = _sum(spoken)
    return {
        "quechua_pct": _pct(languages["quechua"], people),
        "aymara_pct": _pct(languages["aymara"], people),
        "amazonian_language_pct": _pct(_sum(languages[list(AMAZONIAN)]), people),
        # The chance that two people drawn at random have another mother tongue.
        "language_diversity_pct": 100 * (1 - _sum(spoken.div(people, axis=0) ** 2)),
    }


def _dwellings(information: pd.DataFrame) -> dict[str, pd.Series]:
    occupied = information["lighting_total"]
    of_occupied = {
        "electricity_pct": ["electricity"],
        "piped_water_home_pct": ["water_inside"],
        "piped_water_pct": ["water_inside", "water_building", "water_tap"],
        "river_water_pct": ["water_river"],
        "sewer_pct": ["sewer_inside", "sewer_building"],
        "latrine_pct": ["latrine", "pit"],
        "open_defecation_pct": ["open_defecation"],
        "earth_floor_pct": ["earth_floor"],
        "wood_floor_pct": ["wood_floor"],
        "cement_floor_pct": ["cement_floor"],
        "concrete_roof_pct": ["concrete_roof"],
        "tiled_roof_pct": ["tiled_roof"],
        "metal_roof_pct": ["metal_roof"],
        "thatched_roof_pct": ["thatched_roof"],
        "brick_wall_pct": ["brick_wall"],
        "adobe_wall_pct": ["adobe_wall", "rammed_earth_wall"],
        "wooden_wall_pct": ["wooden_wall"],
        "one_room_pct": ["one_room"],
        "rented_pct": ["rented"],
        "titled_pct": ["titled"],
    }
    empty = ["absent", "occasional", "for_sale", "in_construction", "abandoned", "other"]
    not_lived_in = _sum(information[[f"dwellings_{name}" for name in empty]])
    answered = information["water_daily"] + information["water_not_daily"]
    return {
        **{name: _pct(_sum(information[columns]), occupied) for name, columns in of_occupied.items()},
        "three_rooms_pct": 100 - _pct(information["one_room"] + information["two_rooms"], occupied),
        "daily_water_pct": _pct(information["water_daily"], answered),
        "not_lived_in_pct": _pct(not_lived_in, not_lived_in + information["dwellings_occupied"]),
    }


def _households(information: pd.DataFrame) -> dict[str, pd.Series]:
    households = information["households"]
    names = ("couples_with_children", "single_parents", "extended", "composite", "one_person")
    fuels = ("firewood", "dung", "gas", "no_cooking")
    insured = _sum(information[[f"insured_{name}" for name in ("sis", "essalud", "forces", "private", "other")]])
    people = insured + information["uninsured"]
    return {
        **{f"{name}_pct": _pct(information[name], households) for name in (*names, *fuels)},
        "people_per_household": information["population"] / households,
        **{
            f"insured_{name}_pct": _pct(information[f"insured_{name}"], people)
            for name in ("sis", "essalud", "private")
        },
        "uninsured_pct": _pct(information["uninsured"], people),
    }


def _health(information: pd.DataFrame, development: pd.DataFrame, services: pd.DataFrame) -> dict[str, pd.Series]:
    return {
        "low_birth_weight_pct": information["low_birth_weight_pct"],
        "chronic_malnutrition_pct": information["chronic_malnutrition_pct"],
        "anaemia_pct": information["anaemia_pct"],
        "life_expectancy_years": development["life_expectancy_years"],
        "health_density": services["health_density"],
        "internet_pct": services["internet_pct"],
    }


def regions_of(places: pd.DataFrame) -> pd.Series:
    """Returns the natural region of each district."""
    return pd.Series(natural_regions(list(places.index), places["altitude_m"].to_numpy()), index=places.index)


def _km_to(places: pd.DataFrame, capitals: pd.Series) -> pd.Series:
    there = places.reindex(capitals.to_numpy())
    here = places[["latitude", "longitude"]].to_numpy().T
    return pd.Series(distances_km(*here, *there[["latitude", "longitude"]].to_numpy().T), index=places.index)


def _sum(parts: pd.DataFrame) -> pd.Series:
    """Returns the sum of each row; a missing part makes it missing, not smaller."""
    return parts.sum(axis=1, skipna=False)


def _pct(part: pd.Series, whole: pd.Series) -> pd.Series:
    return 100 * part / whole.where(whole > 0)


def _log10(values: pd.Series) -> pd.Series:
    return np.log10(values.where(values > 0))
