"""Requests a second of our server beside a plain `kserve.Model` and MLflow's scoring server over the same SavedModel.

    .venv/bin/python tests/benchmarks/serve.py [--model FOLDER] [--seconds 4] [--repeats 5] [--mlflow-python PATH]

All servers run at once and are loaded in turn, so that each figure has its baseline beside it; printed are the median
over the repeats and, for a ratio, its least and greatest. Without `--model`, `student_dropout` is trained on synthetic
records. MLflow wants an environment of its own: `--mlflow-python` names its interpreter, `--install-mlflow FOLDER`
makes one there.
"""

import argparse
import contextlib
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from load import Load, find_wrk, post, put_load, server

from yachay.components.pusher.candidate_server import free_port

HERE = Path(__file__).parent
# A server rejects what more than 32 batches of 256 rows wait for: not 32 clients of 1,024 rows.
CELLS = [(rows, clients) for rows, clients in itertools.product((1, 32, 1024), (1, 8, 32)) if rows * clients <= 8192]
WARM_UP_SECONDS = 2
TENSORFLOW = "tensorflow==2.21.*"


@dataclass(frozen=True)
class Subject:
    """A server under load.

    Args:
        name: string.
        url: string. Where predictions are asked for.
        protocol: `"v1"`, `"v2"` or `"mlflow"`.
    """

    name: str
    url: str
    protocol: str

    def body(self, rows: Sequence[Mapping[str, Any]], dtypes: Mapping[str, str]) -> bytes:
        """Returns a request for rows."""
        if self.protocol == "v1":
            return json.dumps({"instances": rows}).encode()
        if self.protocol == "mlflow":
            return json.dumps({"dataframe_records": rows}).encode()
        datatypes = {"float32": "FP32", "int64": "INT64", "string": "BYTES"}
        inputs = [
            {"name": name, "shape": [len(rows)], "datatype": datatypes[dtype], "data": [row[name] for row in rows]}
            for name, dtype in dtypes.items()
        ]
        return json.dumps({"inputs": inputs}).encode()

    def classes(self, body: bytes) -> list[str]:
        """Returns the classes that it answers."""
        answer: Any = post(self.url, body)
        if self.protocol == "v2":
            return next(output["data"] for output in answer["outputs"] if output["name"] == "classes")
        return [prediction["classes"] for prediction in answer["predictions"]]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a push: push-<version>/<version>")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--mlflow-python", type=Path, help="an interpreter that has mlflow and tensorflow")
    parser.add_argument("--install-mlflow", type=Path, metavar="FOLDER", help="make that environment here")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    options = parser.parse_args()
    find_wrk()
    with tempfile.TemporaryDirectory() as scratch:
        model = options.model or train(Path(scratch))
        mlflow_python = options.mlflow_python or (options.install_mlflow and _install_mlflow(options.install_mlflow))
        measured = _compare(model, mlflow_python, Path(scratch), options.seconds, options.repeats)
    if options.json:
        options.json.write_text(json.dumps([{**key, **asdict(load)} for key, load in measured], indent=1))


def _compare(
    model: Path, mlflow_python: Path | None, scratch: Path, seconds: float, repeats: int
) -> list[tuple[dict[str, Any], Load]]:
    rows, dtypes = random_rows(model, max(CELLS)[0]), read_dtypes(model)
    with contextlib.ExitStack() as stack:
        subjects = [subject for group in _servers(model, mlflow_python, scratch, stack) for subject in group]
        _check_same_answers(subjects, rows, dtypes)
        for subject in subjects:
            put_load(subject.url, subject.body(rows[:1], dtypes), 8, WARM_UP_SECONDS)
        measured = []
        for (num_rows, clients), repeat in itertools.product(CELLS, range(repeats)):
            for subject in subjects:
                load = put_load(subject.url, subject.body(rows[:num_rows], dtypes), clients, seconds)
                measured.append(
                    ({"subject": subject.name, "rows": num_rows, "clients": clients, "repeat": repeat}, load)
                )
    _print(measured, subjects)
    return measured


def _servers(
    model: Path, mlflow_python: Path | None, scratch: Path, stack: contextlib.ExitStack
) -> Iterator[list[Subject]]:
    """Starts the servers and yields what to load of each."""
    process, root = our_server(model, scratch / "ours.log")
    stack.enter_context(process)
    yield [
        Subject("ours", f"{root}/v1/models/ours:predict", "v1"),
        Subject("ours V2", f"{root}/v2/models/ours/infer", "v2"),
    ]
    process, root = our_server(model, scratch / "logged.log", f"--prediction_log={scratch / 'predictions'}")
    stack.enter_context(process)
    yield [Subject("ours, with a prediction log", f"{root}/v1/models/ours:predict", "v1")]
    for signature in ("raw", "examples"):
        port = free_port()
        root = f"http://127.0.0.1:{port}"
        command = [sys.executable, str(HERE / "plain_server.py"), str(model), signature, str(port)]
        stack.enter_context(server(command, f"{root}/v2/models/plain/ready", scratch / f"{signature}.log"))
        yield [Subject(f"plain, {signature}", f"{root}/v1/models/plain:predict", "v1")]
        if signature == "raw":
            yield [Subject("plain, raw, V2", f"{root}/v2/models/plain/infer", "v2")]
    if mlflow_python is None:
        print(
            "MLflow's server is skipped: name its interpreter with --mlflow-python or make one with --install-mlflow."
        )
        return
    port = free_port()
    root = f"http://127.0.0.1:{port}"
    saved = scratch / "mlflow"
    subprocess.run([mlflow_python, HERE / "mlflow_model.py", model, saved], check=True, capture_output=True)
    command = [str(mlflow_python), "-m", "mlflow", "models", "serve", "-m", str(saved), "--env-manager=local"]
    command += ["--host=127.0.0.1", f"--port={port}", "--workers=1"]
    stack.enter_context(server(command, f"{root}/ping", scratch / "mlflow.log"))
    yield [Subject("MLflow", f"{root}/invocations", "mlflow")]


def _check_same_answers(
    subjects: Sequence[Subject], rows: Sequence[Mapping[str, Any]], dtypes: Mapping[str, str]
) -> None:
    expected = subjects[0].classes(subjects[0].body(rows, dtypes))
    for subject in subjects[1:]:
        if subject.classes(subject.body(rows, dtypes)) != expected:
            raise SystemExit(f"Expected the same classes from every server. Received: others from {subject.name}.")


def _print(measured: Sequence[tuple[Mapping[str, Any], Load]], subjects: Sequence[Subject]) -> None:
    def of(name: str, num_rows: int, clients: int) -> list[Load]:
        wanted = {"subject": name, "rows": num_rows, "clients": clients}
        return [load for key, load in measured if all(key[field] == value for field, value in wanted.items())]

    print("| rows | clients | server | requests/s | p50 ms | p99 ms | errors | ours is |")
    print("|---|---|---|---|---|---|---|---|")
    for num_rows, clients in CELLS:
        for subject in subjects:
            loads = of(subject.name, num_rows, clients)
            ours = of("ours V2" if subject.protocol == "v2" else "ours", num_rows, clients)
            ratios = [mine.rate / other.rate for mine, other in zip(ours, loads, strict=True)]
            ratio = "" if ours == loads else f"{_median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"
            columns = [
                f"{_median([load.rate for load in loads]):,.0f}",
                f"{_median([load.p50_ms for load in loads]):.1f}",
                f"{_median([load.p99_ms for load in loads]):.1f}",
                sum(load.num_errors for load in loads),
            ]
            print("|", " | ".join(map(str, [num_rows, clients, subject.name, *columns, ratio])), "|")


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


def train(workdir: Path) -> Path:
    """Returns a push of `student_dropout`, trained on synthetic records."""
    print("Training student_dropout on synthetic records", file=sys.stderr)
    command = [str(Path(sys.executable).with_name("yachay")), "run", "student_dropout", "--workdir", str(workdir)]
    subprocess.run(command, check=True, capture_output=True)
    (saved_model,) = workdir.glob("*/models/push-*/*/saved_model.pb")
    return saved_model.parent


def read_dtypes(model: Path) -> dict[str, str]:
    """Returns the dtype of each feature of a pushed model."""
    return {feature["name"]: feature["dtype"] for feature in _features(model)}


def random_rows(model: Path, count: int) -> list[dict[str, Any]]:
    """Returns rows with values of the features' domains."""
    generator = random.Random(42)
    return [{feature["name"]: _value(feature, generator) for feature in _features(model)} for _ in range(count)]


def our_server(model: Path, log: Path, *flags: str) -> tuple[contextlib.AbstractContextManager[Any], str]:
    """Returns our server over a model or a store, to be entered, and its address."""
    port, grpc_port = free_port(), free_port()
    root = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "yachay.serving", "--host=127.0.0.1", "--model_name=ours", f"--model_dir={model}"]
    command += [f"--http_port={port}", f"--grpc_port={grpc_port}", "--allow_unchecked=true", *flags]
    return server(command, f"{root}/v2/models/ours/ready", log), root


def _features(model: Path) -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = json.loads((model / "assets.extra/yachay.json").read_text())["features"]
    return features


def _value(feature: Mapping[str, Any], generator: random.Random) -> Any:
    domain = feature["domain"] or {}
    if feature["dtype"] == "string":
        return generator.choice(domain.get("values", ["unknown"]))
    low, high = domain.get("min", 0), domain.get("max", 100)
    return generator.randint(low, high) if feature["dtype"] == "int64" else round(generator.uniform(low, high), 2)


def _install_mlflow(folder: Path) -> Path | None:
    """Makes an environment with MLflow, and returns its interpreter; None where that fails."""
    python = folder / "bin" / "python"
    if not python.is_file():
        print(f"Installing MLflow into {folder}", file=sys.stderr)
        uv = str(Path(sys.executable).with_name("uv"))
        steps = (
            [uv, "venv", "--quiet", "--python", f"{sys.version_info[0]}.{sys.version_info[1]}", folder],
            [uv, "pip", "install", "--quiet", "--python", python, "mlflow", TENSORFLOW],
        )
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True)
            if done.returncode:
                print(f"MLflow cannot be installed: {done.stderr.strip()}")
                return None
    return python


if __name__ == "__main__":
    main()
