"""Writes a file so that a reader finds either the old one or the new one, never half of one; holds folders.

A leaf: it imports nothing of ours. Writes beside the file it is given, and then in its place.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, beside: Path | None = None) -> Iterator[Path]:
    """Give the path of a file that is not there yet; put it in the place of `path` when the block ends well.

    It has the name of `path` (archives of torch keep the name of their file), in a hidden folder of its own
    that is removed whatever happens. The block may make a link instead of a file.

    Args:
        path: the file to replace; its folder is made where it is missing.
        beside: folder on the same disk for the hidden one; by default that of `path`.

    Raises:
        OSError: the folder cannot be written; the older file stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=".part-", dir=beside or path.parent)
    try:
        part = Path(folder) / path.name
        yield part
        os.replace(part, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold a file, made where it is missing, while the block runs; gives False where another run holds it.

    The system lets go of it however a process ends: nothing that was killed keeps others out.
    """
    try:
        import fcntl
    except ImportError:  # Windows: two runs into one folder are not kept apart there
        yield True
        return
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def is_full(error: Exception) -> bool:
    """Whether an error, of the system or of SQLite, says that a file could not grow."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return "full" in str(error)


def replace_text(path: Path, text: str) -> None:
    """Write UTF-8 text, then put it in the place of `path`; raises OSError as `replacing` does."""
    replace_parts(path, [text.encode("utf-8")])


def replace_bytes(path: Path, data: bytes) -> None:
    """Write bytes, then put them in the place of `path`; raises OSError as `replacing` does."""
    replace_parts(path, [data])


def replace_parts(path: Path, parts: Iterable[bytes]) -> None:
    """Write bytes that come part by part, then put them in place; raises OSError as `replacing` does."""
    with replacing(path) as part, part.open("wb") as file:
        for piece in parts:
            file.write(piece)
