"""`yachay climate`."""

import json

import pytest

from yachay.cli.main import run
from yachay.pipelines.weather.mock import write_mock

pytestmark = pytest.mark.integration


def test_it_describes_stations_of_raw_files_and_of_prepared_ones_alike(tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    write_mock(tmp_path / "raw" / "PRSA_Data_made_up.csv")
    prepare = ["prepare", "weather", "--data", str(tmp_path / "raw"), "-o", str(tmp_path / "windows"), "--workers", "1"]
    assert run(prepare) == 0
    capsys.readouterr()
    found = []
    for folder in ("raw", "windows"):
        out = tmp_path / f"of-{folder}"
        arguments = ["climate", "weather", "--data", str(tmp_path / folder), "-o", str(out), "--json"]
        assert run([*arguments, "--station", "Dongsi"]) == 0
        made = json.loads(capsys.readouterr().out)
        assert [one["station"] for one in made["stations"]] == ["Dongsi"]
        assert made["stations"][0]["page"] == str(out / "Dongsi.html")
        found.append(json.loads((out / "Dongsi.json").read_text()))
    assert found[0] == found[1]
    assert found[0]["variables"][0]["trend"] is None


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (["student_dropout"], "Expected a pipeline with `data.climate`. Received: student_dropout", 2),
        (["weather"], "Expected files of the network at", 1),
    ],
)
def test_what_does_not_fit_is_an_error(tmp_path, capsys, arguments, message, status):
    assert run(["climate", *arguments, "--data", str(tmp_path / "none.csv")]) == status
    assert message in capsys.readouterr().err
