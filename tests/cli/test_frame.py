import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from yachay.cli import frame
from yachay.cli.exit_status import ExitStatus
from yachay.cli.main import COMMANDS, run
from yachay.errors import DataError, UsageError

pytestmark = pytest.mark.integration

FORBIDDEN = re.compile(
    r"(tfx|tfx_bsl|tensorflow\w*|keras|pandas|sklearn|scipy|numpy|pyarrow|pydantic|kfp|kubernetes|kserve|apache_beam|httpx"
    r"|google\.protobuf|yachay\.(components|deployment|manifests|model_store|pipelines|schemas|serving))(\.|$)"
)
HELP = [["--help"], *([name, "--help"] for name in sorted(COMMANDS)), ["report", "index", "--help"]]


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_help_imports_nothing_that_takes_time(arguments: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "yachay.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )

    imported = [line.rpartition("|")[2].strip() for line in result.stderr.splitlines() if "import time:" in line]
    assert "Usage: yachay" in result.stdout
    assert "yachay.cli.frame" in imported
    assert [name for name in imported if FORBIDDEN.match(name)] == []


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"serve", "stream"}))
def test_invalid_usage_prints_one_json_object(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--no-such-option", "--json"]) == ExitStatus.REJECTED

    assert "No such option" in json.loads(capsys.readouterr().out)["error"]


def test_help_states_the_exit_status_of_a_model_that_was_rolled_back(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])

    assert f"{ExitStatus.ROLLED_BACK:d} not blessed, or rolled back;" in " ".join(capsys.readouterr().out.split())


def made(error: BaseException | None) -> frame.Frame:
    @frame.command("sample", fields=["rows"], hints=lambda output, error: [f"Rows: {output['rows']}"])
    def command(output: frame.Fields) -> None:
        output["rows"] = 3
        if error is not None:
            raise error
        if not frame.is_json():
            click.echo("done")

    return command


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UsageError("Expected x."), ExitStatus.REJECTED, "Error: Expected x."),
        (DataError("Expected y."), ExitStatus.FAILED, "Error: Expected y."),
        (OSError(28, "No space left on device"), ExitStatus.FAILED, "No space left on device. Free disk space"),
        (KeyboardInterrupt(), ExitStatus.INTERRUPTED, "Interrupted."),
        (frame.Terminated(signal.SIGTERM), ExitStatus.TERMINATED, "Interrupted by SIGTERM."),
        (frame.Terminated(signal.SIGHUP), ExitStatus.INTERRUPTED, "Interrupted by SIGHUP."),
    ],
)
def test_an_error_becomes_a_status_a_line_and_one_json_object(
    error: BaseException, status: ExitStatus, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert made(error).main(["--json"], standalone_mode=False) == status

    captured = capsys.readouterr()
    assert line in captured.err
    assert captured.err.endswith("Rows: 3\n")
    printed = json.loads(captured.out)
    assert printed["rows"] == 3
    assert printed["error"] in captured.err


def test_a_command_without_errors_prints_what_it_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert made(None).main(["--json"], standalone_mode=False) == ExitStatus.DONE
    assert json.loads(capsys.readouterr().out) == {"rows": 3, "error": None}
    assert made(None).main([], standalone_mode=False) == ExitStatus.DONE
    assert capsys.readouterr().out == "done\n"


def test_an_error_of_the_library_itself_is_in_the_json_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        made(ZeroDivisionError("division by zero")).main(["--json"], standalone_mode=False)

    assert json.loads(capsys.readouterr().out)["error"] == "ZeroDivisionError: division by zero"


def test_sigterm_ends_a_command_with_a_message_and_status_143(tmp_path: Path) -> None:
    program = (
        "import sys, time, click\n"
        "from yachay.cli import frame\n"
        "@frame.command('sample', fields=['rows'])\n"
        "def command(output):\n"
        "    print('started', flush=True)\n"
        "    time.sleep(60)\n"
        "sys.exit(command.main(['--json'], standalone_mode=False))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)

    assert process.returncode == ExitStatus.TERMINATED
    assert err == "Interrupted by SIGTERM.\n"
    assert json.loads(out) == {"rows": None, "error": "Interrupted by SIGTERM."}
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_an_object_is_deleted_is_not_lost(number: int) -> None:
    class Deleted:
        def __del__(self) -> None:
            signal.raise_signal(number)

    def wait() -> None:
        with frame.interruptible():
            del deleted[0]
            time.sleep(30)

    deleted = [Deleted()]
    with pytest.raises(KeyboardInterrupt):
        wait()
