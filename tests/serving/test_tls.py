"""TLS, clients' certificates and tokens, and that all of them can be renewed while the server runs."""

import datetime
import ipaddress
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import grpc
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from yachay.errors import ConfigurationError
from yachay.serving.access import watch_tokens
from yachay.serving.settings import make_parser, read_settings
from yachay.serving.tls import TlsFiles

from .conftest import ROW, Running

Serve = Callable[..., AbstractContextManager[Running]]


class Authority:
    """Signs certificates of the loopback address and of clients."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        own = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.pem = own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Writes `<name>.crt` and `<name>.key` as Kubernetes does, with a new inode each."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = self._builder(subject, key).add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return (
            put(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM)),
            put(folder / f"{name}.key", private),
        )

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )


def put(path: Path, content: bytes) -> Path:
    (path.parent / "new").write_bytes(content)
    return (path.parent / "new").replace(path)


def trusting(authority: Authority, client: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.pem.decode())
    if client is not None:
        context.load_cert_chain(*client)
    return context


def over_rest(server: Running, authority: Authority, client: tuple[Path, Path] | None = None) -> int:
    response = httpx.post(
        f"{server.url}/v1/models/tiny:predict", json={"instances": [ROW]}, verify=trusting(authority, client)
    )
    return response.status_code


def over_grpc(server: Running, authority: Authority, client: tuple[Path, Path] | None = None) -> str:
    private, public = (client[1].read_bytes(), client[0].read_bytes()) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.pem, private, public)
    with grpc.secure_channel(server.grpc, credentials) as channel:
        metadata: str = GRPCInferenceServiceStub(channel).ModelMetadata(pb.ModelMetadataRequest(name="tiny")).name
    return metadata


@pytest.fixture(scope="module")
def ours() -> Authority:
    return Authority("ours")


@pytest.fixture(scope="module")
def theirs() -> Authority:
    return Authority("theirs")


@pytest.fixture
def files(ours: Authority, tmp_path: Path) -> Iterator[TlsFiles]:
    return TlsFiles(*ours.issue(tmp_path, "server"), put(tmp_path / "clients.pem", ours.pem))


def test_rest_and_grpc_speak_tls(
    serve: Serve, model_dir: Path, ours: Authority, theirs: Authority, tmp_path: Path
) -> None:
    with serve(model_dir, tls=TlsFiles(*ours.issue(tmp_path, "server"))) as server:
        assert over_rest(server, ours) == 200
        assert over_grpc(server, ours) == "tiny"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            over_rest(server, theirs)
        with pytest.raises(grpc.RpcError) as raised:
            over_grpc(server, theirs)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_renewed_certificate_and_a_new_authority_serve_without_a_restart(
    serve: Serve, model_dir: Path, ours: Authority, theirs: Authority, files: TlsFiles, tmp_path: Path
) -> None:
    client, other = ours.issue(tmp_path, "client"), theirs.issue(tmp_path, "other")
    with serve(model_dir, tls=files) as server:
        with pytest.raises(httpx.ConnectError):
            over_rest(server, theirs, other)
        assert (over_rest(server, ours, client), over_grpc(server, ours, client)) == (200, "tiny")
        theirs.issue(tmp_path, "server")
        put(tmp_path / "clients.pem", theirs.pem)
        assert (over_rest(server, theirs, other), over_grpc(server, theirs, other)) == (200, "tiny")
        # Over TLS 1.3 a client learns of it with its first read.
        with pytest.raises(httpx.TransportError):
            over_rest(server, theirs, client)
        with pytest.raises(grpc.RpcError):
            over_grpc(server, theirs, client)


def test_a_certificate_beside_the_key_of_the_next_one_leaves_the_last(
    serve: Serve, model_dir: Path, ours: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = ours.issue(tmp_path, "server")
    (tmp_path / "next").mkdir()
    with serve(model_dir, tls=TlsFiles(certificate, key)) as server:
        put(key, ours.issue(tmp_path / "next", "server")[1].read_bytes())
        assert (over_rest(server, ours), over_grpc(server, ours)) == (200, "tiny")
        assert (over_rest(server, ours), over_grpc(server, ours)) == (200, "tiny")
    assert caplog.text.count("What was read before is kept.") == 2, "once for REST, once for gRPC"


def test_whoever_shows_no_certificate_reaches_the_probes_alone(
    serve: Serve, model_dir: Path, ours: Authority, files: TlsFiles
) -> None:
    with serve(model_dir, tls=files) as server:
        assert over_rest(server, ours) == 401
        paths = ("/v2/health/live", "/v2/models/tiny/ready", "/metrics", "/v2/models/tiny")
        statuses = [httpx.get(f"{server.url}{path}", verify=trusting(ours)).status_code for path in paths]
        with pytest.raises(grpc.RpcError):
            over_grpc(server, ours)
    assert statuses == [200, 200, 401, 401]


def test_a_client_needs_the_certificate_and_the_token_where_both_are_asked_for(
    serve: Serve, model_dir: Path, ours: Authority, files: TlsFiles, tmp_path: Path
) -> None:
    client = ours.issue(tmp_path, "client")
    with serve(model_dir, tls=files, tokens=lambda: ["s3cret"]) as server:
        url = f"{server.url}/v2/models/tiny"
        statuses = [
            httpx.get(url, verify=trusting(ours, shown), headers=headers).status_code
            for shown in (None, client)
            for headers in ({}, {"authorization": "Bearer s3cret"})
        ]
    assert statuses == [401, 401, 401, 200]


def test_a_token_is_rotated_without_a_restart(serve: Serve, model_dir: Path, tmp_path: Path) -> None:
    """As kubelet does it: the mounted name is a link into a folder, which is replaced by another as a whole."""
    for name, content in (("first", "old\n"), ("second", "old\nnew\n"), ("third", "new\n"), ("broken", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(content, encoding="ascii")

    def point_at(name: str) -> None:
        (tmp_path / "link").symlink_to(name)
        (tmp_path / "link").replace(tmp_path / "..data")

    point_at("first")
    (tmp_path / "token").symlink_to("..data/token")
    with serve(model_dir, tokens=watch_tokens(tmp_path / "token")) as server:

        def statuses() -> list[int]:
            headers = [{"authorization": f"Bearer {token}"} for token in ("old", "new")]
            return [httpx.get(f"{server.url}/v2/models/tiny", headers=each).status_code for each in headers]

        seen = [statuses()]
        for name in ("second", "third", "broken"):
            point_at(name)
            seen.append(statuses())
    assert seen == [[200, 401], [200, 200], [401, 200], [401, 200]]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["ssl_certfile"], "Expected --ssl_certfile and --ssl_keyfile together. Received: one of them."),
        (["ssl_ca_certs"], "Expected --ssl_certfile and --ssl_keyfile together. Received: --ssl_ca_certs alone."),
        (["ssl_certfile", "ssl_keyfile"], "Expected a certificate, its key and authorities in PEM that fit each other"),
    ],
)
def test_files_that_make_no_tls_are_rejected_before_the_model_is_loaded(
    tmp_path: Path, names: list[str], message: str
) -> None:
    flags = [f"--{name}={put(tmp_path / name, b'nothing')}" for name in names]
    with pytest.raises(ConfigurationError, match=message):
        read_settings(make_parser().parse_args(["--model_dir=x", *flags]))
