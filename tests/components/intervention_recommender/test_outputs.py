"""The files of a recommendation."""

import codecs
import dataclasses

import pandas as pd
import pytest
import recommendation_samples as samples

from yachay.components.intervention_recommender import outputs
from yachay.components.intervention_recommender.outputs import (
    PARQUET_FILE,
    TABLE_FILE,
    for_spreadsheets,
    write_outputs,
)


def test_no_text_is_a_formula_to_a_spreadsheet():
    table = pd.DataFrame(
        {"name": ["=1+1", "@x", "-a", "Lima", None], "key": ["-12", "01", "+5", "a=b", "-1.5"], "n": -1}
    )
    found = for_spreadsheets(table)

    assert found["name"].tolist()[:4] == ["'=1+1", "'@x", "'-a", "Lima"]
    assert found["key"].tolist() == table["key"].tolist()
    assert found["n"].tolist() == table["n"].tolist()


def test_a_csv_file_has_a_mark_by_which_a_spreadsheet_knows_its_accents(tmp_path):
    result = samples.result()
    names = ("Ñañaíqui", "=cmd|' /C calc'!A0", "\u202eabc", *result.document.columns.name[3:])
    columns = result.document.columns.model_copy(update={"name": names})
    document = result.document.model_copy(update={"columns": columns})
    write_outputs(dataclasses.replace(result, document=document), tmp_path, None)

    written = (tmp_path / TABLE_FILE).read_bytes()
    assert written.startswith(codecs.BOM_UTF8)
    found = pd.read_csv(tmp_path / TABLE_FILE, encoding="utf-8-sig", dtype={"key": str}).set_index("key")["name"]
    assert {found["000"], found["001"], found["002"]} == {"Ñañaíqui", "'=cmd|' /C calc'!A0", "\u202eabc"}
    assert set(pd.read_parquet(tmp_path / PARQUET_FILE)["name"]) == set(names)


def test_the_files_are_those_of_one_plan_also_after_an_error(tmp_path, monkeypatch):
    write_outputs(samples.result(), tmp_path, None)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 7

    def fail(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(outputs, "write_result", fail)
    with pytest.raises(OSError, match="No space left"):
        write_outputs(samples.result(20), tmp_path, None)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
