import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_wheel_holds_the_library_and_its_data_only(tmp_path: Path) -> None:
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(source)], check=True)

    [wheel] = tmp_path.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]

    assert {name.partition("/")[0] for name in names} == {"yachay"}
    assert {Path(name).suffix for name in names if name != "yachay/py.typed"} <= {
        ".py",
        ".yaml",
        ".json",
        ".pbtxt",
        ".html",
        ".js",
        ".css",
    }
    assert {
        "yachay/__init__.py",
        "yachay/errors.py",
        "yachay/files.py",
        "yachay/fork_server.py",
        "yachay/py.typed",
        "yachay/manifests/base/runtime.yaml",
        "yachay/components/evaluation_report/page/assets/page.html",
        "yachay/pipelines/student_dropout/config.yaml",
        "yachay/schemas/student_dropout/schema.pbtxt",
        "yachay/schemas/student_dropout/marginals.json",
        "yachay/serving/page_assets/page.html",
    } <= set(names)
    assert "yachay/setup.py" not in names
    assert not any(name.startswith("yachay/tests/") for name in names)


def test_an_old_python_is_rejected_with_the_fix(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "setup_environment.sh"
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.9.1'\nexit 1\n")
    old.chmod(0o755)

    result = subprocess.run(
        ["bash", str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(old)},
    )

    assert result.returncode == 1
    assert "expected Python 3.11, 3.12 or 3.13" in result.stderr
    assert "Received: Python 3.9.1" in result.stderr
