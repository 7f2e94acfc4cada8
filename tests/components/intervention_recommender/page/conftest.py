import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from yachay.components.intervention_recommender.document import (
    Action,
    BudgetPoint,
    Choice,
    Columns,
    CommonTop,
    CostPoint,
    Driver,
    Effects,
    Gain,
    Model,
    Move,
    NaivePlan,
    OtherRanks,
    Outcome,
    Plan,
    Recommendation,
    Refutation,
)
from yachay.components.text import Text

MakeDocument = Callable[..., Recommendation]


def column(num: int, low: float, high: float) -> list[float]:
    return [low + (high - low) * i / max(num - 1, 1) for i in range(num)]


def make(num: int = 12, names: Sequence[str] | None = None, **changes: Any) -> Recommendation:
    """A small, true-shaped document: communities on a grid, the worst first; `changes` replace parts."""
    predicted = column(num, 20.5, 90.5)
    titles = {
        "internet": Text(en="Households with internet", es="Hogares con internet"),
        "water": Text(en="Piped water"),
    }
    effect = [3.5 if i % 2 else 0.0 for i in range(num)]
    document = Recommendation(
        system="schools",
        task="share",
        title=Text(en="Where help is needed", es="Dónde hace falta ayuda"),
        created="2026-11-21T20:00:00Z",
        data_source="A census",
        licence="CC BY 4.0",
        model=Model(family="boosted_trees", method=Text(en="Each region out of fold"), metrics={"r2": 0.5}),
        num_draws=100,
        level=0.8,
        outcome=Outcome(
            name="share",
            title=Text(en="Complete secondary school", es="Secundaria completa"),
            unit=Text(en="%"),
            higher_is_better=True,
            cut=25.0,
        ),
        gain=Gain(title=Text(en="More graduates", es="Más egresados")),
        unit=Text(en="district", es="distrito"),
        regions_name=Text(en="department", es="departamento"),
        columns=Columns(
            key=tuple(f"{i:06d}" for i in range(num)),
            name=tuple(names or (f"Place {i}" for i in range(num))),
            region=tuple(f"Region {i % 3}" for i in range(num)),
            population=tuple(1000.0 + i for i in range(num)),
            longitude=tuple(-75.0 + i % 4 for i in range(num)),
            latitude=tuple(-10.0 - i // 4 for i in range(num)),
            observed=tuple(None if i == 1 else value + 1 for i, value in enumerate(predicted)),
            predicted=tuple(predicted),
            lower=tuple(value - 5 for value in predicted),
            upper=tuple(value + 5 for value in predicted),
            rank=tuple(range(1, num + 1)),
            rank_lower=tuple(max(1, i - 1) for i in range(num)),
            rank_upper=tuple(min(num, i + 4) for i in range(num)),
        ),
        other_ranks=(
            OtherRanks(
                task="reading", title=Text(en="reading", es="lectura"), rank=tuple(range(num, 0, -1)),
                rank_correlation=-1, common=(CommonTop(top=1, common=0),),
            ),
        ),
        drivers=tuple(
            (
                Driver(feature="internet_pct", title=titles["internet"], value=5.5, typical=40.0, effect=-6.5),
                Driver(feature="water", title=titles["water"], value=None, typical=70.0, effect=1.5),
            )
            for _ in range(num)
        ),
        actions=(
            Action(
                name="internet",
                title=Text(en="School internet", es="Internet escolar"),
                description=Text(en="Connects schools."),
                moves=(
                    Move(
                        feature="internet", title=titles["internet"], direction="up", by_at_most=20, years=3,
                        evidence="A study (2017)", assumed=False,
                    ),
                ),
                cost_per_person=120,
                people=Text(en="pupils"),
                currency="PEN",
                cost_source="assumed",
                cost_assumed=True,
                fits=Text(en="below the target"),
            ),
            Action(
                name="meals",
                title=Text(en="School meals", es="Comedor escolar"),
                description=Text(),
                moves=(),
                cost_per_person=50,
                people=Text(en="pupils"),
                currency="PEN",
                cost_source="A budget (2023)",
                cost_assumed=False,
                fits=Text(),
                needs=("internet",),
            ),
        ),
        effects=(
            Effects(
                action="internet", effect=tuple(effect), lower=tuple(e - 1 for e in effect),
                upper=tuple(e + 1 for e in effect), extrapolates=tuple(i == 1 for i in range(num)),
                fits=tuple(i % 2 == 1 for i in range(num)), cost=tuple(1200.0 + i for i in range(num)),
            ),
            Effects(
                action="meals", effect=(0.0,) * num, lower=(0.0,) * num, upper=(0.0,) * num,
                extrapolates=(False,) * num, fits=(True,) * num, cost=(500.0,) * num,
                zero_reason=Text(en="the model does not use it", es="el modelo no la usa"),
            ),
        ),
        refutations=(
            (
                Refutation(
                    test="placebo feature", title=Text(en="Placebo"), statistic=0.1, expected="< 0.5", passed=False,
                    explanation=Text(en="A made-up feature does as much."),
                ),
            ),
            (),
        ),
        plan=Plan(
            budget=5000, currency="PEN", choices=tuple(Choice(community=i, action=0) for i in range(1, num, 2)),
            cost=4800, gain=40.5, gain_lower=20, gain_upper=60, gap=0.001, seconds=0.2, solver="HiGHS",
            floors={"Region 2": 0.1}, holds_in=0.95, guaranteed_gain=18,
        ),
        naive_plans=(
            NaivePlan(name="poverty", title=Text(en="Poorest first"), cost=4900, gain=30, gain_lower=9, gain_upper=44),
        ),
        budget_curve=tuple(BudgetPoint(budget=b, gain=b / 100, gain_lower=0, gain_upper=b / 50) for b in (1000, 5000)),
        cost_sensitivity=(
            CostPoint(factor=0.8, gain=45, changed_share=0.1),
            CostPoint(factor=1, gain=40.5, changed_share=0),
            CostPoint(factor=1.2, gain=33, changed_share=0.25),
        ),
        caveats=(Text(en="Associations are not causes.", es="Las asociaciones no son causas."),),
    )  # fmt: skip
    return document.model_copy(update=changes)


@pytest.fixture
def make_document() -> MakeDocument:
    return make


def square(west: float, north: float, side: float = 1.0) -> list[list[float]]:
    """A ring with a point in the middle of each side, as neighbours of another grid would have."""
    steps = [(0, 0), (0.5, 0), (1, 0), (1, 0.5), (1, 1), (0.5, 1), (0, 1), (0, 0.5), (0, 0)]
    return [[west + side * x, north - side * y] for x, y in steps]


def write_polygons(path: Path, keys: Sequence[str]) -> Path:
    """Squares of one degree around the communities' coordinates; the last has none."""
    features = [
        {
            "type": "Feature",
            "properties": {"OBJECTID": i, "CODE": key},
            "geometry": {"type": "Polygon", "coordinates": [square(-75.5 + i % 4, -9.5 - i // 4)]},
        }
        for i, key in enumerate(keys[:-1])
    ]
    features.append({"type": "Feature", "properties": {"CODE": keys[-1]}, "geometry": None})  # type: ignore[dict-item]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


@pytest.fixture
def polygons(tmp_path: Path) -> Path:
    """Polygons of a document of 12 communities."""
    return write_polygons(tmp_path / "squares.geojson", [f"{i:06d}" for i in range(12)])
