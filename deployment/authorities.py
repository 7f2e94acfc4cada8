"""The certificate authorities that the environment names, such as those of a company's proxy."""

import os
import ssl
from pathlib import Path

from ..errors import UsageError

VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def authorities() -> str | None:
    """Returns the file that the first of `VARIABLES` names; None where none is set.

    Raises:
        UsageError: if there is no such file.
    """
    for variable in VARIABLES:
        path = os.environ.get(variable)
        if path:
            if not Path(path).is_file():
                raise UsageError(f"Expected {variable} to name a file of certificates. Received: {path!r}. Correct it.")
            return path
    return None


def verification() -> ssl.SSLContext | bool:
    """Returns what a client of httpx verifies servers by.

    Raises:
        UsageError: if the file that the environment names cannot be read.
    """
    path = authorities()
    return True if path is None else ssl.create_default_context(cafile=path)


def describe(error: Exception) -> str:
    """Returns why a server could not be asked, in a few words."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"a certificate of an authority that is not known here; {VARIABLES[0]} names a file of further ones"
    return type(error).__name__
