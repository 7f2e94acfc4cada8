"""Preparing files with Dask: the same bytes for any workers and blocks, workers that die, hostile names, errors."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_networks import FIELDS, hours, killed_once, network

from yachay.components.example_gen.notes import Note
from yachay.errors import ConfigurationError, DataError, UsageError
from yachay.pipelines.dask_cluster import local_cluster
from yachay.pipelines.weather import prepare as preparing
from yachay.pipelines.weather.prepare import prepare
from yachay.pipelines.weather.source import read
from yachay.pipelines.weather.windows import WindowSettings

pytestmark = pytest.mark.integration

Files = Callable[[dict[str, pd.DataFrame]], Path]
SETTINGS = WindowSettings(past_steps=24, steps_ahead=6, stride=5)


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        found.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return found.hexdigest()


def three_stations() -> dict[str, pd.DataFrame]:
    tables = [hours(name, 24 * 60, seed=seed) for seed, name in enumerate(("A", "B/../C", "Ñ. á"))]
    tables[1].loc[100, "T"] = 99.0
    return {"first.csv": pd.concat(tables[:2]), "second.csv": pd.concat([tables[2], tables[0].iloc[:0]])}


def test_the_same_bytes_come_of_any_workers_and_blocks(files: Files, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, out = files(three_stations()), tmp_path_factory.mktemp("out")
    summary = prepare([str(folder)], out / "alone", network(), SETTINGS)
    seen: list[tuple[str, int, int]] = []
    with local_cluster(2, "1GiB") as client:
        prepare(
            [str(folder)], out / "cluster", network(), SETTINGS, client, lambda *at: seen.append(at), block_bytes=3000
        )
    assert digest(out / "alone") == digest(out / "cluster")
    assert seen[-1] == ("stations", 3, 3)
    assert sorted(summary["stations"]) == ["A", "B/../C", "Ñ. á"]
    assert summary["stations"]["B/../C"]["flags"] == {"temperature_c: range": 1}
    assert sorted(path.name for path in (out / "alone").iterdir()) == [
        "daily", "flags", "station=%C3%91%2E %C3%A1", "station=A", "station=B%2F%2E%2E%2FC", "summary.json",
    ]  # fmt: skip
    month = pq.ParquetFile(out / "alone" / "station=A" / "month=2024-01.parquet").read()
    assert set(month["time"].to_pylist()) <= {
        f"2024-01-{day:02}T{hour:02}:00:00Z" for day in range(1, 32) for hour in range(24)
    }


def test_what_a_killed_worker_had_begun_another_does(
    files: Files, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = files(three_stations()), tmp_path_factory.mktemp("out")
    prepare([str(folder)], out / "alone", network(), SETTINGS)
    with local_cluster(2, "1GiB") as client:
        monkeypatch.setattr(preparing, "_put_aside", killed_once)
        prepare([str(folder)], out / "killed_worker", network(), SETTINGS, client, block_bytes=20_000)
    assert (out / "killed").exists()
    assert digest(out / "alone") == digest(out / "killed_worker")


def test_what_a_killed_process_left_goes_at_the_next_start(files: Files, tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from small_networks import network
from yachay.pipelines.weather.prepare import prepare
from yachay.pipelines.weather.windows import WindowSettings
settings = WindowSettings(past_steps=24, steps_ahead=6, stride=5)
prepare([sys.argv[1]], Path(sys.argv[2]), network(), settings, None, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""
    folder, out = files(three_stations()), tmp_path / "out"
    out.mkdir()
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    arguments = [sys.executable, "-c", program, str(folder), str(out / "windows")]
    done = subprocess.run(arguments, env={**os.environ, "PYTHONPATH": here}, check=False)
    assert done.returncode == -9
    assert [path.name for path in out.iterdir() if path.name.startswith("yachay-scratch-")]
    prepare([str(folder / "first.csv")], out / "windows", network(), SETTINGS)
    assert [path.name for path in out.iterdir()] == ["windows"]


def test_without_workers_it_ends_with_the_reason(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "WORKERS_SECONDS", 0.5)
    monkeypatch.setattr(preparing, "_LOOK_SECONDS", 0.5)
    with local_cluster(1, "1GiB") as client:
        client.cluster.scale(0)
        with pytest.raises(DataError, match=r"workers of the Dask cluster\. Received: none"):
            prepare([str(files(three_stations()))], tmp_path / "out", network(), SETTINGS, client)
    assert not (tmp_path / "out").exists()


def test_after_an_error_what_was_there_stays_and_nothing_else(files: Files, tmp_path: Path) -> None:
    tables = three_stations()
    out = tmp_path / "windows"
    prepare([str(files(tables))], out, network(), SETTINGS)
    before = digest(out)
    tables["second.csv"]["T"] = tables["second.csv"]["T"] * 9 / 5 + 50
    with pytest.raises(DataError, match=r"temperature_c of the station 'Ñ\. á' between -90 and 57"):
        prepare([str(files(tables))], out, network(), SETTINGS)
    assert digest(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.csv", "second.csv", "windows"]


def test_the_reader_takes_raw_files_and_prepared_ones_alike(files: Files, tmp_path: Path) -> None:
    options: dict[str, Any] = {"network": FIELDS, "windows": SETTINGS.model_dump()}
    raw = list(read(str(files(three_stations())), **options))
    prepare([str(tmp_path)], tmp_path / "windows", network(), SETTINGS)
    prepared = list(read(str(tmp_path / "windows"), **options))
    notes = [item for item in raw if isinstance(item, Note)]
    assert [(note.file, note.column, note.change) for note in notes] == [("B/../C", "temperature_c", "blanked")]
    assert notes == [item for item in prepared if isinstance(item, Note)]
    tables = [pd.concat(item.to_pandas() for item in of if isinstance(item, pa.RecordBatch)) for of in (raw, prepared)]
    pd.testing.assert_frame_equal(*tables)
    assert np.stack(tables[0]["temperature_c"].to_list()).shape[1] == 24


def test_series_too_short_for_a_window_are_an_error(files: Files) -> None:
    folder = files({"a.csv": hours("A", 20)})
    with pytest.raises(DataError, match=r"windows of 24 steps and 6 ahead\. Received: none"):
        list(read(str(folder), FIELDS, SETTINGS.model_dump()))


def test_windows_that_were_cut_by_other_settings_are_an_error(files: Files, tmp_path: Path) -> None:
    files(three_stations())
    prepare([str(tmp_path)], tmp_path / "windows", network(), SETTINGS)
    other = SETTINGS.model_dump() | {"boundaries": ["2024-02-01T00:00Z"], "stride": 3}
    with pytest.raises(DataError, match=r"stride: 3, boundaries: \['2024-02-01.*Received: stride: 5, boundaries: \[\]"):
        list(read(str(tmp_path / "windows"), FIELDS, other))


def test_a_target_that_the_network_does_not_have_is_an_error(files: Files, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"target": "temperature"})
    with pytest.raises(ConfigurationError, match=r"Received: 'temperature'\. Did you mean 'temperature_c'"):
        prepare([str(files(three_stations()))], tmp_path / "windows", network(), settings)


def test_a_station_whose_name_is_a_number_or_na_or_long_keeps_it(files: Files) -> None:
    long = ["大" * 80 + "A", "大" * 80 + "B"]
    table = pd.concat([hours(name, 24 * 20) for name in ("007", "NA", *long)], ignore_index=True)
    table.loc[[100, 600], "T"] = 99.0
    items = list(read(str(files({"a.csv": table})), FIELDS, SETTINGS.model_dump()))
    assert [item.file for item in items if isinstance(item, Note)] == ["007", "NA"]
    stations = {
        name for item in items if isinstance(item, pa.RecordBatch) for name in item.column("station").to_pylist()
    }
    assert stations == {"007", "NA", *long}


def test_a_folder_that_holds_something_else_is_not_replaced(files: Files) -> None:
    folder = files(three_stations())
    with pytest.raises(UsageError, match=r"which holds 'first\.csv' and would be replaced"):
        prepare([str(folder)], folder, network(), SETTINGS)
    assert sorted(path.name for path in folder.iterdir()) == ["first.csv", "second.csv"]


def test_a_station_without_a_place_beside_others_that_have_one_is_an_error(files: Files, tmp_path: Path) -> None:
    folder = files(three_stations())
    place = {"latitude_deg": -7.0, "longitude_deg": -78.0}

    with pytest.raises(
        DataError, match=r"place of each station\. Received: none of 'B/\.\./C', 'Ñ\. á', and of 1 others"
    ):
        prepare([str(folder)], tmp_path / "out", network(places={"A": place}), SETTINGS)
    assert not (tmp_path / "out").exists()
