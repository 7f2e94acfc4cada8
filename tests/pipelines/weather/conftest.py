"""Files of small networks."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest


@pytest.fixture
def files(tmp_path: Path) -> Callable[[dict[str, pd.DataFrame]], Path]:
    def write(tables: dict[str, pd.DataFrame]) -> Path:
        for name, table in tables.items():
            table.to_csv(tmp_path / name, index=False)
        return tmp_path

    return write
