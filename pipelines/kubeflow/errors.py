"""Errors of the compiler.

- `ConfigurationError`
    - `CompileError`: a pipeline is refused before anything is written.
"""

from ...errors import ConfigurationError


class CompileError(ConfigurationError):
    """A pipeline cannot be compiled for open-source Kubeflow Pipelines."""
