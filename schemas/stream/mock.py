"""Synthetic events of `student_dropout`'s task `essentials`, for demonstrations and tests."""

from typing import Any

import numpy as np

SEED = 42


def mock_events(num_events: int, num_keys: int = 1000, seed: int = SEED) -> list[dict[str, Any]]:
    """Returns events with the seven features under the columns' original names.

    Args:
        num_events: int.
        num_keys: int. Different students. Defaults to 1,000.
        seed: int. Defaults to 42.
    """
    generator = np.random.default_rng(seed)
    students = generator.integers(num_keys, size=num_events)
    enrolled = generator.integers(4, 8, num_events)
    first, second = (generator.binomial(enrolled, 0.7) for _ in range(2))
    gdp = generator.choice([-4.06, -1.7, 0.32, 0.79, 1.74, 1.79, 2.02], num_events)
    inflation = generator.choice([-0.8, 0.3, 0.5, 1.4, 2.6, 3.7], num_events)
    fees, scholarship = (generator.random(num_events) < share for share in (0.88, 0.25))
    return [
        {
            "student_features": {
                "GDP": float(gdp[row]),
                "Inflation rate": float(inflation[row]),
                "Tuition fees up to date": int(fees[row]),
                "Scholarship holder": int(scholarship[row]),
                "Curricular units 1st sem (approved)": int(first[row]),
                "Curricular units 1st sem (enrolled)": int(enrolled[row]),
                "Curricular units 2nd sem (approved)": int(second[row]),
            },
            "student_id": int(students[row]),
        }
        for row in range(num_events)
    ]
