"""Which rows are the second of two equal ones."""

import numpy as np

from yachay.components.example_gen.duplicates import Duplicates


def test_batches_of_which_no_row_is_left_are_no_obstacle() -> None:
    duplicates = Duplicates()
    found = [duplicates.find(np.array(rows, np.uint64)).tolist() for rows in ([], [], [3, 1, 3], [], [1, 2], [2, 4, 4])]
    assert found == [[], [], [False, False, True], [], [True, False], [True, False, True]]
