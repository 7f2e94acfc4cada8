"""Which push a server serves, as it says itself."""

import httpx

from ..errors import ModelError
from .backend import Target


def server_version(target: Target, model_name: str) -> int:
    """Returns the version of the model in service.

    Raises:
        ModelError: if the server does not respond, or says none.
    """
    address = f"{target.url}/v2/models/{model_name}"
    try:
        with target.client() as client:
            response = client.get(address)
        response.raise_for_status()
        return int(response.json()["versions"][0])
    except httpx.HTTPStatusError as error:
        received = f"status {error.response.status_code}, {error.response.text[:200]}"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError, IndexError) as error:
        received = f"{type(error).__name__}: {error}"
    raise ModelError(
        f"Expected {address} to say which version it serves. Received: {received}. Correct --url or --name."
    )
