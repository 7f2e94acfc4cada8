import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from yachay.deployment.authorities import VARIABLES
from yachay.deployment.backend import SERVER_NAME, SERVING_AUTHORITY, Address, Backend
from yachay.deployment.cluster import LEASE, Cluster
from yachay.deployment.errors import ClusterError, MonitoringError
from yachay.deployment.prometheus import Prometheus
from yachay.errors import UsageError


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file of a certificate for 127.0.0.1, its own authority, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a company's proxy")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(SERVER_NAME)]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    written = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "proxy.pem"
    path.write_bytes(made.public_bytes(pem) + written)
    return path


@pytest.fixture
def url(certificate: Path) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.respond(b"{}")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.respond(b'{"status": "success", "data": {"result": []}}')

        def respond(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def connected(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    entry = {"name": "test"}
    config = {
        "current-context": "test",
        "clusters": [entry | {"cluster": {"server": url}}],
        "users": [entry | {"user": {"token": "a"}}],
        "contexts": [entry | {"context": {"cluster": "test", "user": "test"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(folder / "kubeconfig"))
    cluster = Cluster.connect("ml")
    cluster._retry_seconds = 0.0
    return cluster


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_authorities_of_the_environment_are_trusted(
    url: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(certificate))

    assert connected(url, tmp_path, monkeypatch).get(LEASE, "any") == {}
    assert Prometheus.connect(url, {}) is not None


def test_a_certificate_that_nobody_knows_is_named_as_the_reason(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "an authority that is not known here; SSL_CERT_FILE names a file of further ones"
    with pytest.raises(ClusterError, match=reason):
        connected(url, tmp_path, monkeypatch).get(LEASE, "any")
    with pytest.raises(MonitoringError, match=reason):
        Prometheus.connect(url, {})


def test_a_file_that_is_not_there_is_rejected(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))

    with pytest.raises(UsageError, match=r"Expected REQUESTS_CA_BUNDLE to name a file of certificates\. Received: "):
        connected(url, tmp_path, monkeypatch)


def test_a_pod_checks_the_certificate_of_the_servers_it_asks_whatever_their_service_is_called(
    url: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = url.replace("127.0.0.1", "localhost")

    class Here(Backend):
        url = address

    monkeypatch.setattr("yachay.deployment.backend._IN_POD", tmp_path)
    backend = Here(connected(url, tmp_path, monkeypatch), "dropout-predictor", "dropout-predictor", True)
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        backend.status("dropout")

    monkeypatch.setenv(SERVING_AUTHORITY, str(certificate))
    assert backend.status("dropout") == 200
    monkeypatch.setattr("yachay.deployment.backend.SERVER_NAME", "another")
    with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
        backend.status("dropout")


def test_golden_requests_to_an_address_trust_the_authorities_of_the_environment(
    url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLES[1], str(certificate))

    assert Address(url).status("dropout") == 200
