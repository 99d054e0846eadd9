"""Writes a text file so that a reader finds either the old one or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write UTF-8 text beside `path`, then put it in its place.

    Raises:
        OSError: the folder cannot be written; the older file stays as it was.
    """
    replace_bytes(path, text.encode("utf-8"))


def replace_bytes(path: Path, data: bytes) -> None:
    """Write bytes beside `path`, then put them in its place.

    Raises:
        OSError: the folder cannot be written; the older file stays as it was.
    """
    replace_parts(path, [data])


def replace_parts(path: Path, parts: Iterable[bytes]) -> None:
    """Write bytes that come part by part beside `path`, then put them in its place.

    Raises:
        OSError: the folder cannot be written; the older file stays as it was.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
        os.chmod(name, 0o666 & ~_umask())  # mkstemp gives 0600; a report is meant to be read by colleagues
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's file mode mask; the system only tells it by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
