import json
import subprocess
import sys

import pytest

IMPORT = """
import importlib, json, sys
from yachay.deferred import defer_imports
from yachay.pipelines.executor_modules import modules_with_tensorflow
defer_imports()
for name in modules_with_tensorflow():
    importlib.import_module(name)
from yachay.components.evaluation_report.page.page import environment
assert not [name for name in sys.modules if name.startswith("mlflow")]
print(json.dumps(sorted(name for _, name in environment().cache)))
"""


@pytest.mark.integration
def test_what_a_fork_server_imports_is_there_and_has_the_pages_templates_compiled() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert {"page.html", "slices.html", "macros.html"} <= set(json.loads(done.stdout.splitlines()[-1]))
