"""Finds the series in files and folders by their headers, every file accounted for; writes a temporary file.

Headers are read by pydicom in child processes with limits (`_pool`, `_reader`); `_group` says what one series
is; what is found lies in a file (`_spool`), so that memory does not grow with the archive.
Source: DICOM PS3.3 (a series has one SeriesInstanceUID, study, patient and Modality), corrected by what
public exports really hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrclass._group import FileNote, Series, group, path_hash
from mrclass._judge import FileRecord
from mrclass._judge import pseudonym as pseudonym  # for who knows a PatientID without a file
from mrclass._spool import Spool
from mrclass._walk import EMPTY, SIDECAR_ENDINGS, nifti_stem, walk


@dataclass(frozen=True)
class Intake:
    """What a scan found: series in order of their first file; a note on every input file, in order.

    Both are read from the scan's temporary file as they are asked for, a few at a time.
    """

    series: Sequence[Series]
    files: Sequence[FileNote]
    spool: Spool = field(repr=False, compare=False)

    def close(self) -> None:
        """Close the temporary file."""
        self.spool.close()


def scan(
    paths: Sequence[Path],
    exclude: Iterable[Path] = (),
    progress: Callable[[int, int], None] | None = None,
    jobs: int | None = None,
    spool: Path | None = None,
) -> Intake:
    """Find every series under `paths` (files or folders, flat or nested, anything in them).

    Args:
        paths: files and folders; links to folders inside them are not followed.
        exclude: folders left out, the run's own output.
        progress: called with (files read, files found) after each file, from another thread.
        jobs: header readers at a time; default one per CPU, four at most.
        spool: temporary file for what is found, which the caller removes; memory where none is named.

    Raises:
        UsageError: a named path does not exist.
        MRClassError: the header reader cannot be started.
    """
    found = Spool(spool)
    sidecars: list[tuple[int, str]] = []
    for path, passed in walk(list(paths), exclude):
        folder, name = os.path.split(path)
        stem = nifti_stem(name) if passed in (None, EMPTY) else None
        place = found.add_file(path, passed, None if stem is None else os.path.join(folder, stem))
        if stem is not None:
            hint = "ok" if passed is None else "unreadable"
            key = f"nifti:{path_hash(Path(path))}"
            single = Series(key, "nifti", (Path(path),), skip_reason=passed, status_hint=hint)
            found.add_series(place, single)
            found.note(place, passed or "", single.key)
        elif passed is None and name.lower().endswith(SIDECAR_ENDINGS):
            sidecars.append((place, os.path.splitext(path)[0]))
    for place, stem in sidecars:
        nifti = found.of_stem(stem)
        if nifti is not None:
            found.note(place, f"sidecar of {os.path.basename(nifti)}")
    roots = [Path(os.path.abspath(path)) for path in paths]
    _ask_headers(found, jobs or min(4, os.cpu_count() or 1), progress)
    for team in found.teams():
        places = {record.path: place for place, record in team}
        for _, record in team:
            root = next(
                (root for root in roots if record.path.is_relative_to(root) and record.path != root),
                record.path.parent,
            )
            record.shown = str(record.path.relative_to(root))
        for series, notes in group([record for _, record in team]):
            for one in series:
                found.add_series(min(places[path] for path in one.files), one)
            for note in notes:
                found.note(places[note.path], note.note, note.series_key, note.used)
    return Intake(*found.finish(), found)


def _ask_headers(found: Spool, jobs: int, progress: Callable[[int, int], None] | None) -> None:
    total = found.asked()
    if not total:
        return
    from mrclass._pool import read_each

    def keep(place: int, path: str, answer: dict[str, Any]) -> None:
        record = FileRecord.from_answer(Path(path), answer)
        team = "\0".join(record.group_key()) if record.kind == "dicom" else f"file {place}"
        found.keep(place, team, answer)

    read_each(found.paths_asked(), total, jobs, keep, progress)
