"""Finds the series in files and folders by their headers, every file accounted for; writes nothing.

Headers are read by pydicom in child processes with limits (`_pool`, `_reader`); `_group` says what one series
is. Source: DICOM PS3.3 (a series has one SeriesInstanceUID, study, patient and Modality), corrected by what
public exports really hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrclass._group import FileNote, Series, group, path_hash
from mrclass._judge import FileRecord
from mrclass._walk import SIDECAR_ENDINGS, nifti_stem, walk


@dataclass(frozen=True)
class Intake:
    """What a scan found: series in order of their first file; a note on every input file, in order."""

    series: list[Series]
    files: list[FileNote]


def scan(
    paths: Sequence[Path],
    exclude: Iterable[Path] = (),
    progress: Callable[[int, int], None] | None = None,
    jobs: int | None = None,
) -> Intake:
    """Find every series under `paths` (files or folders, flat or nested, anything in them).

    Args:
        paths: files and folders; links to folders inside them are not followed.
        exclude: folders left out, the run's own output.
        progress: called with (files read, files found) after each file, from another thread.
        jobs: header readers at a time; default one per CPU, four at most.

    Raises:
        UsageError: a named path does not exist.
        MRClassError: the header reader cannot be started.
    """
    files, passed = walk(list(paths), exclude)
    nifti = {path for path in files if nifti_stem(path.name) is not None}
    stems = {(path.parent, nifti_stem(path.name)): path for path in nifti}
    notes: dict[Path, FileNote] = {path: FileNote(path, None, reason) for path, reason in passed}
    series: list[Series] = []
    headers: list[Path] = []
    for path in files:
        if path in nifti:
            single = Series(key=f"nifti:{path_hash(path)}", kind="nifti", files=(path,))
            series.append(single)
            notes[path] = FileNote(path, single.key)
        elif path.suffix.lower() in SIDECAR_ENDINGS and (path.parent, path.stem) in stems:
            notes[path] = FileNote(path, None, f"sidecar of {stems[path.parent, path.stem].name}")
        else:
            headers.append(path)
    roots = [Path(os.path.abspath(path)) for path in paths]
    for found, about in group(_records(headers, roots, jobs, progress)):
        series.extend(found)
        notes.update((note.path, note) for note in about)
    order = {path: index for index, path in enumerate([*files, *(path for path, _ in passed)])}
    series.sort(key=lambda one: (min(order[path] for path in one.files), one.key))
    return Intake(series, sorted(notes.values(), key=lambda note: order[note.path]))


def _records(
    paths: Sequence[Path],
    roots: Sequence[Path],
    jobs: int | None,
    progress: Callable[[int, int], None] | None,
) -> list[FileRecord]:
    if not paths:
        return []
    from mrclass._pool import read_all

    answers = read_all(paths, jobs or min(4, os.cpu_count() or 1), progress)
    headers: dict[str, dict[str, Any]] = {}
    records = []
    for path, answer in zip(paths, answers, strict=True):
        record = FileRecord.from_answer(path, answer)
        root = next((root for root in roots if path.is_relative_to(root) and path != root), path.parent)
        record.shown = str(path.relative_to(root))
        # Thousands of files of one series have equal headers; one copy of each keeps the memory of a large
        # archive small.
        record.header = headers.setdefault(repr(record.header), record.header)
        records.append(record)
    return records
