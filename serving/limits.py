"""What a request and a batch may hold."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a request and a batch may hold.

    Args:
        max_rows: int. Rows of a request. Defaults to 4,096.
        max_batch_rows: int. Rows of several requests that are predicted together. Defaults to 256.
        max_string_bytes: int. Bytes of a string in UTF-8. Defaults to 4,096.
        max_body_bytes: int. Bytes of a request's body. Defaults to 16 MiB.
        body_seconds: float. How long the rest of a body over REST may take once it has begun. Defaults to 30.
    """

    max_rows: int = 4096
    max_batch_rows: int = 256
    max_string_bytes: int = 4096
    max_body_bytes: int = 16 * 2**20
    body_seconds: float = 30.0
