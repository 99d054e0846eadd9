"""Decides what is left to do: found series and the ledger in, series with the heads of their rows out.

Reads file sizes, writes nothing. Source: design.md, "A run is a ledger".
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrclass.errors import UsageError
from mrclass.ledger import FILE_NAME, STATUSES, Ledger

LOCK = ".lock"


def check_paths(paths: Sequence[Path], out: Path) -> list[Path]:
    """Absolute named paths, each there, none of them OUT itself or inside it.

    Raises:
        UsageError: one is not.
    """
    if not paths:
        raise UsageError("No PATH was named; name a folder of DICOM files, or NIfTI files.")
    place = out.resolve()
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist.")
        if path.resolve() == place or place in path.resolve().parents:
            raise UsageError(f"{path} lies in the output folder {out}; name another folder with -o.")
    return [Path(os.path.abspath(path)) for path in paths]


def check_out(out: Path) -> None:
    """Make sure that OUT is new, empty, or a run's folder.

    Raises:
        UsageError: it is a file, or holds something else.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; -o names a folder.")
    if out.is_dir() and not (out / FILE_NAME).is_file():
        others = [path.name for path in out.iterdir() if path.name != LOCK]
        if others:
            raise UsageError(
                f"{out} is not empty ({others[0]} ...) and holds no run; name a new folder with -o."
            )


@dataclass(frozen=True)
class Place:
    """One series to do: its index in the intake, its fingerprint, and whether it goes to a worker."""

    index: int
    size: str
    workable: bool


@dataclass(frozen=True)
class Item:
    """One series to do, and the series part of its rows."""

    series: Any
    head: dict[str, Any]


def make(found: Sequence[Any], book: Ledger, retry: bool) -> list[Place]:
    """Series that the ledger does not hold, or holds with other files than there are now."""
    statuses = ("done", "skipped") if retry else STATUSES
    places = []
    for index, series in enumerate(found):
        size = fingerprint(series.files)
        if book.fingerprint(book.series_key(series.key), statuses) != size:
            places.append(Place(index, size, series.status_hint == "ok"))
    return places


def items(
    found: Sequence[Any], places: Iterable[Place], roots: Sequence[Path], book: Ledger
) -> Iterator[Item]:
    """The series of some places with the heads of their rows, one after the other."""
    for place in places:
        series = found[place.index]
        root, source = locate(series.files, roots)
        header = series.header
        head = {
            "series_key": book.series_key(series.key),
            "series_uid": book.uid(series.series_uid),
            "study_uid": book.uid(series.study_uid),
            "patient": series.patient_id if book.keep_identifiers else book.patient(series.patient_key),
            "source": source,
            "n_files": len(series.files),
            "kind": series.kind,
            "modality": str(header.get("Modality") or ""),
            "manufacturer": str(header.get("Manufacturer") or ""),
            "description": str(header.get("SeriesDescription") or ""),
            "contrast_agent": str(header.get("ContrastBolusAgent") or ""),
            "root": str(root),
            "fingerprint": place.size,
        }
        yield Item(series, head)


def fingerprint(files: Sequence[Path]) -> str:
    """Number and total size of the files: tells whether a series has changed since."""
    size = 0
    for file in files:
        try:
            size += os.stat(file).st_size
        except OSError:
            continue  # gone meanwhile: the number of files still counts it, the worker gives the reason
    return f"{len(files)} files, {size} bytes"


def locate(files: Sequence[Path], roots: Sequence[Path]) -> tuple[Path, str]:
    """Folder of the named PATH, and where the series lies below it.

    That is its file, or the folder of its files; the first file where that folder would be PATH itself.
    """
    absolute = [os.path.abspath(file) for file in files]
    place = Path(absolute[0] if len(absolute) == 1 else os.path.commonpath(absolute))
    for root in roots:
        base = root if root.is_dir() else root.parent
        if base == place:
            return base, Path(absolute[0]).relative_to(base).as_posix()
        if base in place.parents:
            return base, place.relative_to(base).as_posix()
    return place.parent, Path(absolute[0]).relative_to(place.parent).as_posix()
