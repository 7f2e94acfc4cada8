"""`yachay prepare`."""

import json

import pytest

from yachay.cli.main import run
from yachay.pipelines.weather.mock import write_mock

pytestmark = pytest.mark.integration


def test_it_writes_windows_that_a_run_reads_and_replaces_what_was_there(tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    write_mock(tmp_path / "raw" / "PRSA_Data_made_up.csv")
    arguments = ["prepare", "weather", "--data", str(tmp_path / "raw"), "-o", str(tmp_path / "windows"), "--json"]
    for limit in ([], ["--workers", "1", "--memory-limit", "2GiB"]):
        assert run([*arguments, *limit]) == 0
        printed = capsys.readouterr()
        made = json.loads(printed.out)
        assert made["pipeline"] == "weather"
        assert sorted(made["summary"]["stations"]) == ["Changping", "Dongsi", "Huairou"]
        assert "stations: 3 of 3" in printed.err
    assert len(list((tmp_path / "windows").glob("station=*/month=*.parquet"))) >= 30


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (["student_dropout"], "Expected a pipeline with `data.prepare`. Received: student_dropout", 2),
        (["weather", "--dask-scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "Expected no --workers", 2),
        (["weather", "--memory-limit", "much"], "Expected a memory limit such as 1GiB. Received: 'much'", 2),
        (["weather", "--workers", "1"], "Expected files of the network at", 1),
        (["weather", "--workers", "1", "--set", "data.reader_options.network=beijin"], "Did you mean 'beijing'", 2),
    ],
)
def test_what_does_not_fit_is_an_error_and_nothing_is_written(tmp_path, capsys, arguments, message, status):
    command = ["prepare", *arguments, "--data", str(tmp_path / "none.csv"), "-o", str(tmp_path / "out")]
    assert run(command) == status
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
