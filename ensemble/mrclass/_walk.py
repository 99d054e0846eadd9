"""Lists the files under the paths a user names, in a fixed order, reading names only."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mrclass.errors import UsageError

NIFTI_ENDINGS = (".nii", ".nii.gz")
SIDECAR_ENDINGS = (".json", ".bval", ".bvec")
EMPTY = "empty file"


def nifti_stem(name: str) -> str | None:
    """A NIfTI file's name without its ending (any case); None for other names and for macOS resource
    forks."""
    if name.startswith("._"):
        return None
    for ending in NIFTI_ENDINGS:
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return None


def bids_subject(path: str) -> str:
    """The first BIDS subject that a path names, such as `sub-07`; "" where it names none.

    Source: Brain Imaging Data Structure 1.11.1, "Filenames".
    """
    found = re.search(r"(?:^|[/_])(sub-[A-Za-z0-9]+)", path)
    return found[1] if found else ""


def walk(paths: Sequence[Path], exclude: Iterable[Path] = ()) -> Iterator[tuple[str, str | None]]:
    """Absolute path of all that is no folder under `paths`; and why it is passed over, None for a file.

    Files of a folder come by name, then its folders by name. A path named twice, or inside another named one,
    counts once. Only the names of one folder, and those of the folders seen, are held in memory.

    Args:
        paths: files and folders.
        exclude: folders left out without a word (the run's own output).

    Raises:
        UsageError: a named path is not there.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path} does not exist; name a folder or files that do.")
    left_out = {os.path.realpath(folder) for folder in exclude}
    seen: set[str] = set()  # real paths of folders, and paths of files that were named one by one
    for path in paths:
        start = os.path.abspath(path)
        if os.path.isdir(start):
            yield from _folder(start, left_out, seen)
        elif start not in seen and os.path.realpath(os.path.dirname(start)) not in seen:
            seen.add(start)
            yield _file(start)


def _folder(start: str, left_out: set[str], seen: set[str]) -> Iterator[tuple[str, str | None]]:
    waiting = [start]  # a stack instead of recursion: the depth of a stranger's tree is not bounded
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder)
        if real in left_out or real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            yield folder, f"the folder cannot be opened ({error.strerror or error})"
            continue
        inner = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inner.append(entry.path)
            elif entry.is_symlink() and os.path.isdir(entry.path):
                yield entry.path, "a link to a folder, not followed: name the folder itself"
            elif entry.path not in seen:
                yield _file(entry.path)
        waiting.extend(reversed(inner))


def _file(path: str) -> tuple[str, str | None]:
    try:
        found = os.stat(path)
    except OSError as error:
        return path, f"cannot be opened ({error.strerror or error})"
    if not stat.S_ISREG(found.st_mode):  # a pipe would hold up a reader for ever
        return path, "neither a file nor a folder (a pipe, socket or device)"
    return path, None if found.st_size else EMPTY  # no reader is asked: there may be a hundred thousand
