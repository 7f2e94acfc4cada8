import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_model import save_small_model

from yachay.components.batch_predictor.plan import Part, Plan, Receipt
from yachay.components.batch_predictor.predict import PredictionSummary, predict
from yachay.components.batch_predictor.score import Scorer
from yachay.components.batch_predictor.settings import PredictSettings
from yachay.components.example_gen.settings import ReadSettings

HEADER = ["id", "income", "visits", "town"]


def run_here(plan: Plan, parts: Iterable[Part]) -> Iterator[tuple[Part, Receipt]]:
    """Scores in this process, as a Beam worker does."""
    scorer = Scorer(plan)
    for part in parts:
        yield part, scorer.score(part)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_model(tmp_path_factory.mktemp("model") / "1")


@pytest.fixture
def write_records(tmp_path: Path) -> Callable[..., Path]:
    def write(rows: Iterable[Iterable[Any]], name: str = "records.csv", header: list[str] = HEADER) -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(header)
            writer.writerows(rows)
        return path

    return write


@pytest.fixture
def score(model: Path, tmp_path: Path) -> Callable[..., PredictionSummary]:
    def run(
        data: object, output: str = "out.csv", read: ReadSettings | None = None, overwrite: bool = False, **fields: Any
    ) -> PredictionSummary:
        settings = PredictSettings(data=str(data), output=str(tmp_path / output), **fields)
        return predict(model, settings, read or ReadSettings(), overwrite=overwrite, runner=run_here)

    return run
