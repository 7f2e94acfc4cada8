"""Errors of the manifests.

- `ConfigurationError`
    - `ManifestError`: a service is rejected before anything is written or applied.
"""

from ..errors import ConfigurationError


class ManifestError(ConfigurationError):
    """A service cannot be deployed as it is described."""
