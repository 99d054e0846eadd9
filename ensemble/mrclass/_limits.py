"""Limits that a worker puts on itself once its networks are loaded: memory, and the size of a file it writes.

Changes this process alone. Source: setrlimit(2); a limit that the platform has not is left out, and the
client's time limit remains.
"""

from __future__ import annotations

from pathlib import Path

MEMORY_MB = 8192  # beyond what the loaded networks take
FILE_MB = 8192


def limit_worker(memory_mb: int = MEMORY_MB, file_mb: int = FILE_MB) -> None:
    """Let this process grow by so much memory, and write no larger file.

    Beyond it Python raises MemoryError or OSError instead of taking the machine along. Not for a process that
    uses a GPU: its driver reserves addresses by the terabyte.
    """
    try:
        import resource
    except ImportError:
        return  # not a POSIX platform
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return  # not Linux: what is in use is not known, and others do not enforce RLIMIT_AS anyway
    used = pages * resource.getpagesize()
    for what, value in (
        (resource.RLIMIT_AS, used + (memory_mb << 20)),
        (resource.RLIMIT_FSIZE, file_mb << 20),
    ):
        hard = resource.getrlimit(what)[1]
        if hard == resource.RLIM_INFINITY or value <= hard:
            resource.setrlimit(what, (value, hard))
