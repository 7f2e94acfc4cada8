"""The polygons of a recommendation: where they lie, beside the records."""

import hashlib
from pathlib import Path

from ..errors import ConfigurationError
from .config.pipeline_config import PipelineConfig


def find_polygons(config: PipelineConfig, data_uri: str) -> tuple[str, str]:
    """Returns the file of polygons of a configuration and a digest of it; nothing where it names none.

    A relative path lies in the folder of the records. A run in a cluster has no such folder: there a relative path is
    none, and communities are points; name a URI.

    Args:
        config: `PipelineConfig`.
        data_uri: string. The records of the run; empty where a run in a cluster names them.

    Raises:
        ConfigurationError: if there is no such file.
    """
    settings = config.recommend.polygons if config.recommend else None
    if settings is None:
        return "", ""
    if "://" in settings.path:
        return settings.path, ""
    path = Path(settings.path)
    if not path.is_absolute():
        if not data_uri:
            return "", ""
        path = Path(data_uri, path)
    try:
        return str(path), hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigurationError(
            f"Expected polygons at {path} (recommend.polygons). Received: {error.strerror}. Put the file there, or run "
            "with --set recommend.polygons=null, by which communities are points."
        ) from None
