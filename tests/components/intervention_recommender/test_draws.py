"""What a plan anew needs."""

import pytest
import recommendation_samples as samples

from yachay.components.intervention_recommender.draws import DRAWS_FILE, read_result, write_result
from yachay.errors import DataError


@pytest.mark.parametrize("size", [0, 200])
def test_draws_that_are_cut_off_are_named(tmp_path, size):
    write_result(samples.result(), tmp_path)
    path = tmp_path / DRAWS_FILE
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(DataError, match=r"Expected the draws and settings.*Run the pipeline again"):
        read_result(tmp_path)
