"""What an action makes of communities: the changed features, for whom it is, whether there is any community like it.

Features are columns of a table of `decode_records`, one row a community.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .catalogue import Catalogue, CatalogueAction, CatalogueMove, Condition

Numbers = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Applied:
    """An action applied to every community.

    Args:
        columns: dict of each column that changes to its values `(N,)` with the action.
        change: float array `(N,)`. By how much the first feature changes, positive; 0 without a move.
        fits: bool array `(N,)`. Whether the action is for the community: all conditions hold, and something moves.
    """

    columns: dict[str, Numbers]
    change: Numbers
    fits: NDArray[np.bool_]


def apply_action(table: pd.DataFrame, action: CatalogueAction, whole_numbers: Collection[str] = ()) -> Applied:
    """Returns what an action makes of communities. A missing value stays missing.

    Args:
        table: `pandas.DataFrame`, a row a community.
        action: `CatalogueAction`.
        whole_numbers: collection of the columns that hold integers. Defaults to none.
    """
    columns: dict[str, Numbers] = {}
    changes = []
    for move in action.moves:
        changed = _move(table, columns, move)
        changes.append(np.nan_to_num(np.abs(changed[move.feature] - table[move.feature].to_numpy(np.float64))))
        columns |= changed
    columns |= {name: np.round(values) for name, values in columns.items() if name in whole_numbers}
    fits = np.ones(len(table), bool)
    for condition in action.fits.where:
        fits &= _holds(table, condition)
    if changes:
        fits &= np.any(changes, axis=0)
    return Applied(columns, changes[0] if changes else np.zeros(len(table)), fits)


def _move(table: pd.DataFrame, so_far: Mapping[str, Numbers], move: CatalogueMove) -> dict[str, Numbers]:
    def values(name: str) -> Numbers:
        return so_far[name] if name in so_far else table[name].to_numpy(np.float64)

    before = values(move.feature)
    sign = 1.0 if move.direction == "up" else -1.0
    bounds = [np.full(len(table), np.inf)]
    if move.to_at_most is not None:
        bounds.append(sign * (move.to_at_most - before))
    if move.by_at_most is not None:
        bounds.append(np.full(len(table), move.by_at_most))
    if move.not_above is not None:
        bounds.append(sign * (values(move.not_above) - before))
    change = np.nan_to_num(np.maximum(np.min(bounds, axis=0), 0))  # Beside an unknown bound nothing moves.
    changed = {move.feature: before + sign * change}
    parts = {name: np.nan_to_num(values(name)).clip(0) for name in move.takes_from}
    whole: Numbers = np.sum([np.zeros(len(table)), *parts.values()], axis=0)
    for name, part in parts.items():
        taken = np.minimum(change, whole) * np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
        changed[name] = np.where(np.isnan(values(name)), np.nan, part - np.nan_to_num(taken))
    for name in move.raises:
        changed[name] = np.where(change > 0, np.fmax(values(name), changed[move.feature]), values(name))
    return changed


def _holds(table: pd.DataFrame, condition: Condition) -> NDArray[np.bool_]:
    if condition.one_of:
        is_one: NDArray[np.bool_] = table[condition.columns[0]].isin(condition.one_of).to_numpy()
        return is_one
    total = table[list(condition.columns)].sum(axis=1, skipna=False).to_numpy(np.float64)
    holds: NDArray[np.bool_] = np.isfinite(total)
    if condition.at_least is not None:
        holds &= total >= condition.at_least
    if condition.at_most is not None:
        holds &= total <= condition.at_most
    return holds


def apply_together(
    table: pd.DataFrame, catalogue: Catalogue, whole_numbers: Collection[str] = ()
) -> tuple[dict[str, Numbers], NDArray[np.bool_]]:
    """Returns the columns with all actions that fit, one after the other; of those that exclude each other the first.

    Beside them it returns which actions those are in each community, `(A, N)`.

    Args:
        table: `pandas.DataFrame`, a row a community.
        catalogue: `Catalogue`.
        whole_numbers: collection of the columns that hold integers. Defaults to none.
    """
    current, changed = table.copy(), {}
    done: dict[str, NDArray[np.bool_]] = {}
    for name, action in catalogue.actions.items():
        applied = apply_action(current, action, whole_numbers)
        fits = applied.fits
        for other, is_done in done.items():
            if other in action.excludes or name in catalogue.actions[other].excludes:
                fits = fits & ~is_done
        for column, values in applied.columns.items():
            changed[column] = np.where(fits, values, current[column].to_numpy(np.float64))
            current[column] = changed[column]
        done[name] = fits
    return changed, np.array(list(done.values()))


def extrapolates(
    table: pd.DataFrame, features: Sequence[str], action: CatalogueAction, applied: Applied, similar: int
) -> NDArray[np.bool_]:
    """Returns for each community whether the action takes it where there is none like it, `(N,)`.

    It does where the new value of a moved feature lies beyond those of the `similar` communities, itself among them,
    that are nearest in all other features (Euclidean, each feature divided by its standard deviation, a missing value
    taken for the median).

    Args:
        table: `pandas.DataFrame`, a row a community.
        features: sequence of the model's inputs that are numbers.
        action: `CatalogueAction`.
        applied: `Applied` to the same rows.
        similar: int.
    """
    from sklearn.neighbors import NearestNeighbors

    others = [name for name in features if name not in action.columns]
    if not action.moves or not others:
        return np.zeros(len(table), bool)
    matrix = table[others].to_numpy(np.float64)
    centre, scale = np.nanmedian(matrix, axis=0), np.nanstd(matrix, axis=0)
    matrix = np.where(np.isnan(matrix), 0, (matrix - centre) / np.where(scale > 0, scale, 1))
    count = min(similar, len(table))
    nearest = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(matrix).kneighbors(return_distance=True)[1]
    nearest = np.column_stack([np.arange(len(table)), nearest])
    beyond = np.zeros(len(table), bool)
    for move in action.moves:
        among = table[move.feature].to_numpy(np.float64)[nearest]
        new = applied.columns[move.feature]
        beyond |= (new > np.nanmax(among, axis=1)) | (new < np.nanmin(among, axis=1))
    return beyond
