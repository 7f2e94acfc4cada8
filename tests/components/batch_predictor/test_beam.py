"""A Beam runner comes to the same as the processes of one machine."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from yachay.components.batch_predictor import sources
from yachay.components.batch_predictor.beam import beam_runner
from yachay.components.batch_predictor.model_place import ModelPlace
from yachay.components.batch_predictor.predict import PredictionSummary, predict
from yachay.components.batch_predictor.settings import PredictSettings
from yachay.components.pusher.settings import PushSettings
from yachay.pipelines.assembly import BEAM_ARGS

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_beam_writes_what_the_processes_of_one_machine_write(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    score: Callable[..., PredictionSummary],
    suffix: str,
) -> None:
    monkeypatch.setattr(sources, "PART_BYTES", 3000)
    monkeypatch.setattr("yachay.components.example_gen.csv_segments.read_segments.__defaults__", (500,))
    rows = range(500)
    frame = pd.DataFrame({"id": rows, "income": [10.0 * row for row in rows], "visits": rows, "town": "Lima"})
    frame.loc[::50, "income"] = None
    data = tmp_path / f"in{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(data, row_group_size=100)
    else:
        frame.to_csv(data, index=False)
    settings = PredictSettings(data=str(data), output=str(tmp_path / "beam.csv"), key=("id",))

    on_beam = predict(model, settings, runner=beam_runner(BEAM_ARGS, ModelPlace(str(tmp_path), PushSettings())))

    here = score(data, "here.csv", key=("id",))
    assert (on_beam.rows, on_beam.rejected) == (here.rows, here.rejected) == (490, 10)
    for name in ("output", "quarantine"):
        assert Path(getattr(on_beam, name)).read_bytes() == Path(getattr(here, name)).read_bytes()
