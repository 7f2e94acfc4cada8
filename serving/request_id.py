"""The id under which a request stands in the response, the traces and the prediction log."""

import random

MAX_CHARACTERS = 128


def request_id(given: str | None) -> str:
    """Returns the client's id where it is short printable ASCII, and a new one where it is not."""
    if given and len(given) <= MAX_CHARACTERS and given.isascii() and given.isprintable():
        return given
    # No secret. `uuid4` asks the kernel, and gives the interpreter to another thread meanwhile.
    return f"{random.getrandbits(128):032x}"
