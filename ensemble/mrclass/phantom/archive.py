"""An archive of any size out of a few small simulated series -> DICOM files under one folder, seeded.

For measuring what a run costs, not for training: the series are thin stacks of a small matrix, many copies of
one subject's with noise and UIDs of their own. Source: `study.py` for the series that are copied.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mrclass.errors import UsageError
from mrclass.phantom.dicomwriter import Study, write_series
from mrclass.phantom.study import single_threaded, stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mrclass.phantom.acquire import Acquired

KINDS: tuple[str, ...] = ("t1w_se", "t1ce_se", "t2w", "flair", "adc", "swi", "pd", "dwi")
PER_STUDY = 10
NOISE = 0.02  # of the brightest voxel, standard deviation
_SETTINGS = "archive.json"


def write_archive(
    out: Path,
    series: int,
    *,
    seed: int = 0,
    slices: int = 1,
    matrix: int = 64,
    kinds: Sequence[str] = KINDS,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write `series` small DICOM series under `out`, ten to a patient; a second call adds what is missing.

    Args:
        out: folder; gets patient-0001/series-01/IM000001, ..., and archive.json (the settings).
        series: how many.
        seed: the same seed gives the same archive.
        slices: files of each series, the middle ones of its volume.
        matrix: rows and columns, about.
        kinds: kinds of series to copy in turn.
        progress: called with (series complete, series asked) after each series.

    Returns:
        Number of DICOM files.

    Raises:
        UsageError: a number is below 1, or `out` holds an archive of other settings.
    """
    if min(series, slices, matrix) < 1:
        raise UsageError(
            f"{series} series of {slices} files and {matrix} pixels were asked for; each must be 1 or more."
        )
    settings = {"seed": seed, "slices": slices, "matrix": matrix, "kinds": list(kinds)}
    out.mkdir(parents=True, exist_ok=True)
    path = out / _SETTINGS
    if path.is_file() and json.loads(path.read_text("utf-8")) != settings:
        raise UsageError(f"{out} holds an archive of other settings; name another folder.")
    path.write_text(json.dumps(settings) + "\n", encoding="utf-8")
    originals: list[list[Acquired]] = []
    files = 0
    for index in range(series):
        patient, number = index // PER_STUDY + 1, index % PER_STUDY + 1
        folder = out / f"patient-{patient:04d}" / f"series-{number:02d}"
        if folder.is_dir():
            files += len(list(folder.iterdir()))
            continue
        originals = originals or _originals(seed, kinds, slices, matrix)
        rng = stream(seed, index, "archive")
        copies = [_noisy(item, rng) for item in originals[index % len(originals)]]
        part = folder.with_name(f".{folder.name}.part")  # an interrupted call leaves no half series
        written = write_series(copies, part, Study(seed, patient), number)
        part.rename(folder)
        files += len(written.files)
        if progress:
            progress(index + 1, series)
    return files


def _originals(seed: int, kinds: Sequence[str], slices: int, matrix: int) -> list[list[Acquired]]:
    from mrclass.phantom.acquire import acquire
    from mrclass.phantom.anatomy import make_anatomy
    from mrclass.phantom.protocols import random_protocol

    anatomy = make_anatomy(seed)
    originals = []
    with single_threaded():
        for kind in kinds:
            rng = stream(seed, 0, kind)
            acquired = acquire(anatomy, random_protocol(kind, rng), rng)
            originals.append([reduced(item, slices, matrix) for item in acquired])
    return originals


def reduced(item: Acquired, slices: int, matrix: int) -> Acquired:
    """The middle slices of a volume (columns, rows, slices), every n-th pixel of them; geometry kept true."""
    first = max(0, (item.volume.shape[2] - slices) // 2)
    step = max(1, round(max(item.volume.shape[:2]) / matrix))
    affine = np.array(item.affine, dtype=np.float64)
    affine[:3, 3] += first * affine[:3, 2]
    affine[:3, :2] *= step
    return _changed(item, item.volume[::step, ::step, first : first + slices], affine)


def _noisy(item: Acquired, rng: np.random.Generator) -> Acquired:
    noise = rng.normal(0, NOISE * float(item.volume.max()), item.volume.shape).astype(np.float32)
    return _changed(item, np.abs(item.volume + noise), item.affine)


def _changed(item: Acquired, volume: NDArray[np.float32], affine: NDArray[np.float64]) -> Acquired:
    from mrclass.phantom.acquire import Acquired

    return Acquired(volume, affine, item.protocol, item.b_value)
