import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Running

# JSON Schema cannot say that columns have one length, nor that each input of a list stands there once.
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["200", "400", "404"]
"""


def fuzz(served: Running, num_examples: int, folder: Path) -> tuple[int, str]:
    """Sends good and bad requests made from the server's own document; returns how many, and what was found."""
    command = shutil.which("st", path=str(Path(sys.executable).parent))
    assert command is not None
    configuration = folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    result = subprocess.run(
        [
            *(
                command,
                "--config-file",
                str(configuration),
                "run",
                f"{served.url}/openapi.json",
                "--mode=all",
                "--checks=all",
            ),
            *("--phases=examples,coverage,fuzzing,stateful", f"--max-examples={num_examples}"),
            *("--generation-deterministic", "--continue-on-failure", "--no-color"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    match = re.search(r"(\d+) generated", result.stdout)
    assert match is not None, result.stdout
    return int(match.group(1)), "" if result.returncode == 0 else result.stdout


@pytest.mark.end_to_end
def test_no_request_made_from_its_own_document_gets_a_500(served: Running, tmp_path: Path) -> None:
    num_cases, found = fuzz(served, 30, tmp_path)

    assert found == "", found
    assert num_cases >= 60


@pytest.mark.slow
def test_no_request_of_two_thousand_gets_a_500(served: Running, tmp_path: Path) -> None:
    num_cases, found = fuzz(served, 1000, tmp_path)

    assert found == "", found
    assert num_cases >= 2000
