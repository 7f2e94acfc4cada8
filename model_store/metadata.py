"""What the Trainer notes in a SavedModel and the server reads: `assets.extra/yachay.json`, its format and values."""

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

METADATA_FILE = "assets.extra/yachay.json"
METADATA_FORMAT = 1

Dtype: TypeAlias = Literal["float32", "int64", "string"]

MISSING_VALUE: Mapping[str, float | int | str] = {"float32": math.nan, "int64": -(2**63), "string": ""}
"""What stands for a missing value in a tensor, and in front of a sequence that is shorter than the signature's."""
