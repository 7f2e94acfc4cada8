"""The published files, where `YACHAY_DATA` names them."""

import numpy as np


def test_all_districts_of_the_census_are_records_in_25_departments(official) -> None:
    assert len(official.records) == 1874
    assert official.records["department"].nunique() == 25
    assert official.records["natural_region"].value_counts().to_dict() == {
        "highlands": 1320,
        "rainforest": 283,
        "coast": 271,
    }


def test_the_worst_fifth_lies_below_the_cut(official) -> None:
    assert (official.records["barrier"] == "barrier").sum() == 376
    assert np.quantile(official.records["secondary_pct"], 0.2) == np.float32(41.184477)


def test_codes_of_the_first_nine_departments_get_their_zero(official) -> None:
    for file in ("educacion_basica_2017.xlsx", "lengua_alfabetismo_2017.xlsx"):
        notes = official.notes_of(file, change="replaced")
        assert len(notes) == 908
        assert (notes[0].line, notes[0].record) == (7, "010101")


def test_only_purus_has_the_services_of_the_country(official) -> None:
    notes = official.notes_of("indicadores-distrito.json", reason="the row has the totals of the country")

    assert {(note.record, note.line) for note in notes} == {("250401", 1892)}
    assert np.isnan(official.records.loc["250401", "internet_pct"])


def test_districts_founded_after_the_census_are_left_out(official) -> None:
    reason = "idh_2019.xlsx has no outcome of the district"

    assert len(official.notes_of("indicadores-distrito.json", reason=reason)) == 20
    assert len(official.notes_of("ubigeo_distrito.csv", reason=reason)) == 18


def test_marks_of_missing_values_are_counted(official) -> None:
    blanked = [note.reason.split(" ")[0] for note in official.notes_of("informacion", change="blanked")]

    assert {mark: blanked.count(mark) for mark in set(blanked)} == {
        "'-'": 31,
        "'(****)'": 37,
        "'(**)'": 40,
        "'S.I.'": 2,
    }
    assert official.records["chronic_malnutrition_pct"].isna().sum() == 14
    assert official.records["anaemia_pct"].isna().sum() == 54


def test_a_district_reads_as_in_the_files(official) -> None:
    chachapoyas = official.records.loc["010101"]

    assert (chachapoyas["department"], chachapoyas["district"]) == ("AMAZONAS", "CHACHAPOYAS")
    assert chachapoyas["secondary_pct"] == np.float32(79.56270499773225)
    assert chachapoyas["electricity_pct"] == np.float32(100 * 6797 / 7355)
    assert chachapoyas["illiteracy_pct"] == np.float32(100 * 2766 / (28270 + 2766))
    assert chachapoyas["km_to_department_capital"] == 0
