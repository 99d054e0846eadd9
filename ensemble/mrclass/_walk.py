"""Lists the files under the paths a user names, in a fixed order, reading names only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from mrclass.errors import UsageError

NIFTI_ENDINGS = (".nii", ".nii.gz")
SIDECAR_ENDINGS = (".json", ".bval", ".bvec")


def nifti_stem(name: str) -> str | None:
    """A NIfTI file's name without its ending (any case); None for other names and for macOS resource
    forks."""
    if name.startswith("._"):
        return None
    for ending in NIFTI_ENDINGS:
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return None


def walk(paths: Sequence[Path], exclude: Iterable[Path] = ()) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Files under `paths`, and what was passed over with the reason.

    Files of a folder come by name, then its folders by name. A path named twice, or inside another named one,
    counts once.

    Args:
        paths: files and folders.
        exclude: folders left out without a word (the run's own output).

    Returns:
        Absolute paths of regular files; (path, reason) of everything that is neither a regular file nor a
        folder.

    Raises:
        UsageError: a named path is not there.
    """
    left_out = {os.path.realpath(folder) for folder in exclude}
    files: list[Path] = []
    passed: list[tuple[Path, str]] = []
    seen: set[str] = set()
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path} does not exist; name a folder or files that do.")
        start = os.path.abspath(path)
        if os.path.isdir(start):
            _folder(start, left_out, seen, files, passed)
        else:
            _file(start, seen, files, passed)
    return files, passed


def _folder(
    start: str, left_out: set[str], seen: set[str], files: list[Path], passed: list[tuple[Path, str]]
) -> None:
    waiting = [start]  # a stack instead of recursion: the depth of a stranger's tree is not bounded
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder)
        if real in left_out or real in seen:
            continue
        seen.add(real)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            passed.append((Path(folder), f"the folder cannot be opened ({error.strerror or error})"))
            continue
        inner = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inner.append(entry.path)
            elif entry.is_symlink() and os.path.isdir(entry.path):
                passed.append((Path(entry.path), "a link to a folder, not followed: name the folder itself"))
            else:
                _file(entry.path, seen, files, passed)
        waiting.extend(reversed(inner))


def _file(path: str, seen: set[str], files: list[Path], passed: list[tuple[Path, str]]) -> None:
    if path in seen:
        return
    seen.add(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        passed.append((Path(path), f"cannot be opened ({error.strerror or error})"))
        return
    if stat.S_ISREG(mode):
        files.append(Path(path))
    else:  # a pipe would hold up a reader for ever
        passed.append((Path(path), "neither a file nor a folder (a pipe, socket or device)"))
