"""A reverse proxy as a university puts before its MLflow: https by its own authority, a path prefix, users."""

import base64
import datetime
import http.client
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PREFIX, USER, PASSWORD = "/tools/mlflow", "tracker", "a-long-password"
NOT_FORWARDED = ("Host", "Authorization", "Transfer-Encoding", "Content-Length")


@contextmanager
def proxy(server: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Serves a server to one user and gives the address, and the certificate of the authority."""
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = b"".join(self._chunks()) or self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Authorization") != expected:
                self._respond(401, b"Unauthorized")
                return
            if not self.path.startswith(f"{PREFIX}/"):
                self._respond(404, b"not here")
                return
            connection = http.client.HTTPConnection(urlsplit(server).netloc)
            headers = {name: value for name, value in self.headers.items() if name not in NOT_FORWARDED}
            connection.request(self.command, self.path.removeprefix(PREFIX), body, headers)
            response = connection.getresponse()
            self._respond(response.status, response.read(), response.headers.get("Content-Type", "text/plain"))
            connection.close()

        def _chunks(self) -> Iterator[bytes]:
            while self.headers.get("Transfer-Encoding") == "chunked" and (size := int(self.rfile.readline(), 16)) >= 0:
                yield self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815

        def _respond(self, status: int, content: bytes, kind: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    certificate = _certificate(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, folder / "key.pem")
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{httpd.server_port}{PREFIX}", certificate
        httpd.shutdown()


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a university's own authority")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    (folder / "authority.pem").write_bytes(made.public_bytes(pem))
    return folder / "authority.pem"
