"""Where a district lies: distances, neighbours, natural region."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_KM = 6371.0
NUM_NEIGHBOURS = 10

_COASTAL = ("02", "04", "07", "11", "13", "14", "15", "18", "20", "23", "24")
_AMAZONIAN = ("01", "16", "17", "22", "25")
# Of departments with a slope to the Amazon; a longer code is a province (Jaén, San Ignacio; Huanta, La Mar; Tayacaja).
_EASTERN = ("0608", "0609", "0504", "0505", "0907", "08", "10", "12", "19", "21")
_COAST_BELOW_M, _FOREST_BELOW_M, _EASTERN_FOREST_BELOW_M = 500, 2000, 1800


def distances_km(
    latitudes: NDArray[np.float64],
    longitudes: NDArray[np.float64],
    other_latitudes: NDArray[np.float64],
    other_longitudes: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Returns the great-circle distances of places in degrees, of the shapes' broadcast."""
    latitudes, longitudes = np.radians(latitudes), np.radians(longitudes)
    other_latitudes, other_longitudes = np.radians(other_latitudes), np.radians(other_longitudes)
    haversine = (
        np.sin((other_latitudes - latitudes) / 2) ** 2
        + np.cos(latitudes) * np.cos(other_latitudes) * np.sin((other_longitudes - longitudes) / 2) ** 2
    )
    distances: NDArray[np.float64] = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(haversine))
    return distances


def nearest(
    latitudes: NDArray[np.float64], longitudes: NDArray[np.float64], count: int = NUM_NEIGHBOURS
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns the nearest other places of each, `(N, count)`, and their distances in km.

    Args:
        latitudes: float array of shape `(N,)`, in degrees.
        longitudes: likewise.
        count: int. At most `N - 1`.
    """
    all_km = distances_km(latitudes[:, None], longitudes[:, None], latitudes, longitudes)
    np.fill_diagonal(all_km, np.inf)
    order = np.argsort(all_km, axis=1, kind="stable")[:, :count]
    return order.astype(np.int64), np.take_along_axis(all_km, order, axis=1)


def natural_regions(ubigeos: Sequence[str], altitudes_m: NDArray[np.float64]) -> NDArray[np.object_]:
    """Returns the natural region of each district: `"coast"`, `"highlands"` or `"rainforest"`.

    By the altitude of the capital and the side of the Andes that the code names, after INEI's bounds of 500 m in the
    west and 2,000 m in the east. It is a reading for slices, not an official list.
    """
    coastal, amazonian, eastern = (
        np.array([code.startswith(prefixes) for code in ubigeos]) for prefixes in (_COASTAL, _AMAZONIAN, _EASTERN)
    )
    regions = np.full(len(ubigeos), "highlands", dtype=object)
    regions[coastal & (altitudes_m < _COAST_BELOW_M)] = "coast"
    regions[amazonian & (altitudes_m < _FOREST_BELOW_M)] = "rainforest"
    regions[eastern & (altitudes_m < _EASTERN_FOREST_BELOW_M)] = "rainforest"
    return regions
