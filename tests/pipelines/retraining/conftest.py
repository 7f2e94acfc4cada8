"""What the monitor found, a log and its labels, for tests of retraining."""

import datetime
import json

import numpy as np
import pyarrow as pa
import pytest

from yachay.components.drift_monitor.labels import Labels
from yachay.components.drift_monitor.result import MonitorResult, Reason, WindowResult
from yachay.components.drift_monitor.settings import MonitorSettings
from yachay.pipelines.registry import find_pipeline

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
ROWS = 40


@pytest.fixture(scope="session")
def task():
    return find_pipeline("student_dropout").load().prediction_task("semester2")


@pytest.fixture
def log(tmp_path, task):
    folder = tmp_path / "log"
    folder.mkdir()
    rows = [
        {
            "prediction_id": f"r{number}",
            "prediction_row": 0,
            "prediction_time": (NOW - datetime.timedelta(days=2, minutes=number)).isoformat(),
            "prediction_version": "100",
            "prediction_classes": "Graduate",
            **dict.fromkeys(task.features, 1),
        }
        for number in range(ROWS)
    ]
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return str(folder)


@pytest.fixture
def labels():
    return Labels(
        key="prediction_id", keys=pa.array([f"r{number}" for number in range(ROWS)]), values=np.zeros(ROWS, np.int64)
    )


@pytest.fixture
def drifted(log):
    window = WindowResult(
        version="100",
        start=(NOW - datetime.timedelta(days=3)).isoformat(),
        end=NOW.isoformat(),
        is_complete=True,
        is_current=True,
        rows=ROWS,
        labels=ROWS,
        verdict="drift",
    )
    return MonitorResult(
        verdict="drift",
        model="100",
        log_uri=log,
        created=NOW.isoformat(),
        settings=MonitorSettings(),
        rows=ROWS,
        windows=(window,),
        reasons=(Reason(kind="feature", name="Course", window=0, distance=0.4),),
    )
