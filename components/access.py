"""Errors about files that cannot be read or written."""

from pathlib import Path

from ..errors import DataError


def unreadable(path: Path, error: OSError) -> DataError:
    """Returns the error that says why a path cannot be read, and the fix."""
    if isinstance(error, PermissionError):
        fix = "Give this user the permission (`chmod`; for a folder also to enter it), or name another path."
        return DataError(f"Expected {path} to be readable. Received: permission denied. {fix}")
    return DataError(
        f"Expected {path} to be readable. Received: {error.strerror or error}. Check the disk and the path."
    )


def unwritable(folder: Path | str, error: Exception) -> DataError:
    """Returns the error that says why nothing can be written to a folder, and the fix."""
    return DataError(
        f"Expected to write to {folder}. Received: {getattr(error, 'strerror', None) or error}. Free disk space or "
        "raise the file-size limit, check the permission to write there, or name another folder."
    )
