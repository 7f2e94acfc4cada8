"""The files of a recommendation."""

import pandas as pd

from yachay.components.intervention_recommender.outputs import for_spreadsheets


def test_no_text_is_a_formula_to_a_spreadsheet():
    table = pd.DataFrame(
        {"name": ["=1+1", "@x", "-a", "Lima", None], "key": ["-12", "01", "+5", "a=b", "-1.5"], "n": -1}
    )
    found = for_spreadsheets(table)

    assert found["name"].tolist()[:4] == ["'=1+1", "'@x", "'-a", "Lima"]
    assert found["key"].tolist() == table["key"].tolist()
    assert found["n"].tolist() == table["n"].tolist()
