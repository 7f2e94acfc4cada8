import datetime
import ipaddress
import json
import re
import ssl
import threading
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import kfp
import kfp_server_api
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kfp_samples import compiled_pipeline
from kfp_server import KfpServer

from yachay.errors import UsageError
from yachay.pipelines.kubeflow.client import client
from yachay.pipelines.kubeflow.client.client import KubeflowError, check_host, connect, quiet, ui_link
from yachay.pipelines.kubeflow.spec.package import read_package


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("KFP_EXISTING_TOKEN", "KF_PIPELINES_SA_TOKEN_PATH", "KF_PIPELINES_UI_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)


def submit_with_stock_client(server: KfpServer, document: dict[str, Any], folder: Path, **parameters: Any) -> None:
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(document))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stock = kfp.Client(host=server.url)
    pipeline = stock.pipelines.pipeline_service_create_pipeline(kfp_server_api.V2beta1Pipeline(display_name="p"))
    version = stock.upload_pipeline_version(str(folder / "pipeline.yaml"), "v1", pipeline_id=pipeline.pipeline_id)
    stock.run_pipeline(
        stock.create_experiment("Default").experiment_id,
        "run",
        params=parameters,
        pipeline_id=pipeline.pipeline_id,
        version_id=version.pipeline_version_id,
    )


def with_resolver() -> dict[str, Any]:
    document = compiled_pipeline()
    document["deploymentSpec"]["executors"]["exec-Trainer"] = {"resolver": {"outputArtifactQueries": {}}}
    return document


@pytest.mark.parametrize(
    ("document", "parameters", "rejection"),
    [
        ({"pipelineSpec": compiled_pipeline()}, {}, "^400 .*unknown template format"),
        (compiled_pipeline() | {"foo": 1}, {}, "^400 .*unknown template format"),
        (compiled_pipeline() | {"schemaVersion": "2.0.0"}, {}, "^400 .*KFP only supports schema version 2.1.0"),
        (compiled_pipeline() | {"pipelineInfo": {"name": "My Pipeline"}}, {}, "^400 .*only lowercase alphanumeric"),
        (compiled_pipeline(), {}, "^400 .*parameter label is not optional, yet has neither default value nor user"),
        (compiled_pipeline(), {"label": "x", "steps": "5"}, "^400 .*input parameter steps requires type"),
        (compiled_pipeline(), {"label": "x", "foo": 1}, "^400 .*not required by pipeline: foo"),
        (with_resolver(), {"label": "x"}, "^500 .*non-container and non-importer executor not implemented"),
    ],
)
def test_the_server_of_these_tests_rejects_what_the_real_one_rejects(
    document: dict[str, Any], parameters: dict[str, Any], rejection: str, tmp_path: Path
) -> None:
    with KfpServer() as server, pytest.raises(kfp_server_api.ApiException) as rejected:
        submit_with_stock_client(server, document, tmp_path, **parameters)

    assert re.search(rejection, f"{rejected.value.status} {rejected.value.body}")


def test_the_server_of_these_tests_serves_the_stock_client(tmp_path: Path) -> None:
    with KfpServer() as server:
        submit_with_stock_client(server, compiled_pipeline(), tmp_path, label="x")

        assert len(server.runs) == 1


def test_the_server_of_these_tests_rejects_doubled_names_and_unknown_fields() -> None:
    with KfpServer() as server, quiet():
        connected = connect(server.url)
        pipeline = kfp_server_api.V2beta1Pipeline(display_name="p")
        connected.pipelines.pipeline_service_create_pipeline(pipeline)

        with pytest.raises(KubeflowError, match=r"The name p already exist.*\(HTTP 409\)"):
            connected.pipelines.pipeline_service_create_pipeline(pipeline)
        with pytest.raises(KubeflowError, match=r'unknown field "nane"'):
            connected.pipelines.pipeline_service_create_pipeline({"nane": "q"})


def test_the_client_prints_logs_and_warns_of_nothing(
    capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    with KfpServer() as server, quiet():
        connect(server.url).create_experiment("Default")

    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "READ_SECONDS", 0.1)
    hold = threading.Event()
    with KfpServer() as server, quiet():
        connected = connect(server.url)
        server.at_look = lambda look: bool(hold.wait(5))
        server.runs["r"] = {"run_id": "r"}
        with pytest.raises(KubeflowError, match="Read timed out"):
            connected.get_run("r")
        hold.set()


def test_a_page_in_place_of_the_api_is_rejected() -> None:
    with (
        PageServer() as url,
        quiet(),
        pytest.raises(KubeflowError, match="a response that is no JSON object"),
    ):
        connect(url)


def test_an_authority_of_ones_own_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    with PageServer(certificate) as url, quiet():
        with pytest.raises(KubeflowError, match="Name the bundle of its certificate authority in SSL_CERT_FILE"):
            connect(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(KubeflowError, match="no JSON"):
            connect(url)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "KF_PIPELINES_SA_TOKEN_PATH"])
def test_a_missing_file_of_the_environment_is_rejected(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "nowhere")

    with pytest.raises(UsageError, match=f"Expected {variable} to name a file that can be read"):
        connect("http://127.0.0.1")


def test_links_lead_to_the_web_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ui_link("http://h/pipeline", "runs/details/1") == "http://h/pipeline/#/runs/details/1"
    monkeypatch.setenv("KF_PIPELINES_UI_ENDPOINT", "ui.example/")
    assert ui_link("http://h/pipeline", "runs/details/1") == "http://ui.example/#/runs/details/1"


def test_a_host_loses_its_trailing_slash() -> None:
    assert check_host("https://kubeflow.example:8443/pipeline/") == "https://kubeflow.example:8443/pipeline"


@pytest.mark.parametrize(
    "host", ["kubeflow.example", "ftp://h", "http://", "http://h/#/runs", "http://h:x", "http://a b"]
)
def test_what_is_no_host_is_rejected(host: str) -> None:
    with pytest.raises(UsageError, match="Expected --host to be the URL of the API"):
        check_host(host)


def test_the_tasks_of_sub_dags_are_listed_in_an_order_in_which_they_can_run(tmp_path: Path) -> None:
    document = compiled_pipeline()
    inner = {"Importer": {"taskInfo": {"name": "Importer"}, "componentRef": {"name": "comp-ExampleGen"}}}
    document["components"]["comp-latest"] = {"dag": {"tasks": inner}}
    tasks = document["root"]["dag"]["tasks"]
    tasks["latest"] = {
        "taskInfo": {"name": "latest"},
        "componentRef": {"name": "comp-latest"},
        "dependentTasks": ["Trainer"],
    }
    (tmp_path / "pipeline.json").write_text(json.dumps(document))

    assert read_package(tmp_path / "pipeline.json").task_names() == ["ExampleGen", "Trainer", "Importer"]


class PageServer:
    """A web server that answers every request with a page, over TLS where a certificate is named."""

    def __init__(self, certificate: Path | None = None) -> None:
        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"<html></html>")

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Page)
        self._scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "server.pem"
