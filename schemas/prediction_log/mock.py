"""Synthetic records in the form of the prediction log, for demonstrations and tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

LABELS = ("Dropout", "Enrolled", "Graduate")
START = datetime(2026, 1, 1, tzinfo=UTC)


def mock_records(num_rows: int, seed: int = 42) -> list[dict[str, Any]]:
    """Returns records of a classification with one feature of each type, a hundredth of them missing.

    Args:
        num_rows: int. One request a row, a second apart.
        seed: int. Defaults to 42.
    """
    generator = np.random.default_rng(seed)
    scores = generator.dirichlet([2.0, 1.0, 3.0], num_rows)
    grades = generator.normal(12.0, 3.0, num_rows).clip(0, 20).round(2)
    courses = generator.choice([33, 171, 9003, 9991], num_rows)
    missing = generator.random(num_rows) < 0.01
    return [
        {
            "prediction_id": f"{generator.integers(2**63):016x}",
            "prediction_row": 0,
            "prediction_time": (START + timedelta(seconds=row)).isoformat().replace("+00:00", "Z"),
            "prediction_model": "student-dropout",
            "prediction_version": "1795239891",
            "prediction_protocol": "v1",
            "Admission_grade": None if missing[row] else float(grades[row]),
            "Course": int(courses[row]),
            "District": str(generator.choice(["north", "south"])),
            "prediction_classes": LABELS[int(scores[row].argmax())],
            "prediction_scores": scores[row].tolist(),
        }
        for row in range(num_rows)
    ]
