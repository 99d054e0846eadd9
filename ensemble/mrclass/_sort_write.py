"""Puts files into DEST: copies, links, NIfTI with its sidecar; each appears whole or not at all.

Reads the files of a series and never changes them; writes below DEST only.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mrclass import bids, labels
from mrclass._sort_names import Names, safe
from mrclass._sort_plan import Plan
from mrclass._sort_state import Put
from mrclass.errors import ConversionError, SeriesError
from mrclass.files import replace_parts, replace_text, replacing
from mrclass.report.tables import csv_line, guard
from mrclass.report.text import number

SIDECARS = (".json", ".bval", ".bvec")  # what belongs to a NIfTI file that is copied or linked
COLUMNS = (
    "target", "label", "score", "why_not", "description", "header_label", "verdict", "volume_note", "subject",
    "session", "row_id", "source", "series_key",
)  # fmt: skip
WHERE_FROM = ("source", "series_key")
_PIECE = 1 << 20


def put(
    series: Any, puts: Sequence[Put], dest: Path, scratch: Path, mode: str, timeout_s: float
) -> Iterator[tuple[Put, list[str]]]:
    """Put one series, or each of its volumes; yields each with its files below DEST as it is done.

    Raises:
        SeriesError: it cannot be converted any more, or to something else than was classified.
        OSError: DEST cannot be written.
    """
    if mode != "nifti":
        for one in puts:
            yield one, _files(series, one, dest, scratch, mode)
        return
    from mrclass.convert import convert

    folder = scratch / "volumes"
    folder.mkdir()
    try:
        volumes = {volume.index: volume for volume in convert(series, folder, timeout_s)}
        pairs = [(one, volumes.get(int(one.row["volume_index"]))) for one in puts]
        if any(volume is None or list(volume.shape) != list(one.row["shape"]) for one, volume in pairs):
            raise ConversionError("The conversion gives other volumes than those that were classified.")
        for one, volume in pairs:
            yield one, _volume(volume, one, dest, scratch)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _files(series: Any, one: Put, dest: Path, scratch: Path, mode: str) -> list[str]:
    """The files of a series under their own names, made safe; numbered where two would be one."""
    sources = list(series.files)
    if series.kind == "nifti":
        stem = str(sources[0]).removesuffix(".gz").removesuffix(".nii")
        sources += [Path(stem + ending) for ending in SIDECARS if Path(stem + ending).is_file()]
    names = [_name(path) for path in sources]
    if len({name.casefold() for name in names}) < len(names):
        names = [f"{index:06d}_{name}" for index, name in enumerate(names, start=1)]
    written = []
    for source, name in zip(sources, names, strict=True):
        place = dest / one.target / name
        if mode != "link" and not os.access(source, os.R_OK):
            raise SeriesError(f"{source.name} cannot be read any more")
        with replacing(place, scratch) as part:
            if mode == "link":
                os.symlink(os.path.abspath(source), part)
            else:
                shutil.copyfile(source, part)
        written.append(f"{one.target}/{name}")
    return written


def _name(path: Path) -> str:
    """Its name made safe, the ending kept where a long name is cut."""
    stem, ending = (path.name[:-7], ".nii.gz") if path.name.endswith(".nii.gz") else (path.stem, path.suffix)
    return safe(stem, "file") + (ending if safe(ending[1:], "") == ending[1:] else "")


def _volume(volume: Any, one: Put, dest: Path, scratch: Path) -> list[str]:
    """One volume as .nii.gz (the same bytes each time) and its sidecar."""
    image, sidecar = (dest / path for path in one.paths)
    with (
        replacing(image, scratch) as part,
        part.open("wb") as target,
        gzip.GzipFile("", "wb", 6, target, mtime=0) as packed,
    ):
        for piece in _plain(volume.path):
            packed.write(piece)
    replace_text(sidecar, bids.sidecar(volume.sidecar, one.row, "_part-phase_" in one.target))
    return list(one.paths)


def _plain(path: Path) -> Iterator[bytes]:
    """A NIfTI file in pieces: voxels as they are, without its free texts (times, comments) and extensions."""
    import nibabel

    loaded = nibabel.load(path)
    header, voxels = loaded.header.copy(), loaded.dataobj
    header.extensions.clear()
    for name in ("descrip", "aux_file", "db_name", "intent_name"):
        if name in header:
            header[name] = b""
    header["scl_slope"], header["scl_inter"] = voxels.slope, voxels.inter  # nibabel takes them out on loading
    header["vox_offset"] = header.single_vox_offset
    yield header.binaryblock + bytes(4)  # and no extensions
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rb") as source:
        source.seek(voxels.offset)
        while piece := source.read(_PIECE):
            yield piece


def tables(dest: Path, plan: Plan, failed: Sequence[tuple[Put, str]], layout: str) -> None:
    """Write sorted.csv, and the texts of a BIDS data set; a file that would not change is left alone.

    The paths of the input stand in the table of class folders only: a BIDS data set is meant to be handed on.
    """
    home = dest / "sourcedata/mrclass" if layout == "bids" else dest
    home.mkdir(parents=True, exist_ok=True)
    columns = [name for name in COLUMNS if layout == "labels" or name not in WHERE_FROM]
    lost = {one.key: why for one, why in failed}
    lines = [csv_line(columns)]
    lines += [csv_line(cells[name] for name in columns) for cells in _lines(plan, lost)]
    path = home / "sorted.csv"
    text = "".join(lines).encode()
    if not path.is_file() or path.read_bytes() != text:
        replace_parts(path, [text])
    if layout == "bids":
        placed = [one.target.partition("/")[0] for one in plan.puts if not one.reason and one.key not in lost]
        bids.describe(dest, placed)


def _lines(plan: Plan, lost: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for one in plan.puts:
        why = lost.get(one.key, "")
        yield _cells(one.row, "" if why else one.target, why or one.reason, one.names)
    for row, reason in plan.left:
        yield _cells(row, "", reason, Names("", "", ""))


def _cells(row: Mapping[str, Any], target: str, why_not: str, names: Names) -> dict[str, Any]:
    score = number(row["score"])
    cells: dict[str, Any] = {
        **{name: row[name] for name in COLUMNS if name in row},
        "target": target,
        "why_not": why_not,
        "label": labels.display(str(row["label"] or "")),
        "header_label": labels.display(str(row["header_label"] or "")),
        "subject": names.subject,
        "session": names.session,
    }
    return {
        **{name: guard(value) if isinstance(value, str) else value for name, value in cells.items()},
        "score": "" if score is None else round(score, 6),
    }
