"""What a request, a connection and a batch may hold, and how long they may take."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a request, a connection and a batch may hold, and how long they may take.

    Args:
        max_rows: int. Rows of a request. Defaults to 4,096.
        max_batch_rows: int. Rows of several requests that are predicted together. Defaults to 256.
        max_string_bytes: int. Bytes of a string in UTF-8. Defaults to 4,096.
        max_body_bytes: int. Bytes of a request's body, also once it is decompressed. Defaults to 16 MiB.
        max_header_bytes: int. Bytes of a request's line and header. Defaults to 16 KiB.
        max_connections: int. Connections over REST. Defaults to 512.
        max_buffered_bytes: int. Bytes of all bodies over REST that are on their way or being read. Defaults to 128 MiB.
        header_seconds: float. How long a connection may take to send a header. Defaults to 10.
        body_seconds: float. How long the rest of a body over REST may take once it has begun, and a
            client to read what was sent to it. Defaults to 30.
        request_seconds: float. How long a request may take from its header to its response. Defaults to 60.
    """

    max_rows: int = 4096
    max_batch_rows: int = 256
    max_string_bytes: int = 4096
    max_body_bytes: int = 16 * 2**20
    max_header_bytes: int = 16 * 2**10
    max_connections: int = 512
    max_buffered_bytes: int = 128 * 2**20
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    request_seconds: float = 60.0
