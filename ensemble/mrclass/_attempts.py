"""Runs dcm2niix on a series, once more where it made nothing or a jumble, and chooses among its files.

Reads the series through links; writes below the given folder only.
"""

from __future__ import annotations

import math
import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mrclass._dcm2niix import Output, rewrite, run
from mrclass.errors import ConversionError, ConversionTimeoutError

ROI = re.compile(r"_ROI\d*\.nii$")
JUMBLED = "not divisible by number of repeats"
EVEN = re.compile(r"(.*)_Eq(?:_\d+)?\.nii$")


def attempt(files: Sequence[Path], work: Path, timeout_s: float) -> Output:
    """dcm2niix on the files as they are; where it makes nothing of them, once more on rewritten ones.

    Where it says that images are missing among repeated positions, its volume is a jumble: once more on the
    first file at each position.

    Raises:
        ConversionError: it wrote no image; the message is that of the first attempt.
        ConversionTimeoutError: the first attempt did not end within `timeout_s`.
    """
    started = time.monotonic()

    def rest() -> float:
        return max(1.0, timeout_s - (time.monotonic() - started))

    try:
        said = run(files, work, timeout_s)
        remarks = left_out(said.files, len(files))
        if any(JUMBLED in line for line in said.warnings):
            said, remarks = _firsts(said, remarks, work, rest)
    except ConversionTimeoutError:
        raise
    except ConversionError as first:
        said = _again(first, work, rest)
        why = str(first).partition(" dcm2niix says:")[0].partition("; ")[0].rstrip(".")
        why = why.removeprefix("No volume could be made: ")
        remarks = (f"Rewritten without compression, one frame a file: {why}.",)
    return replace(said, warnings=(*remarks, *said.warnings))


def _again(first: ConversionError, work: Path, rest: Callable[[], float]) -> Output:
    """dcm2niix on the rewritten files; raises `first` where that fails too."""
    plain = rewrite(work, rest())
    shutil.rmtree(work / "in", ignore_errors=True)
    if not plain:
        raise first
    try:
        said = run(plain, work, rest())
        return replace(said, warnings=(*left_out(said.files, len(plain)), *said.warnings))
    except ConversionError:
        raise first from None
    finally:
        shutil.rmtree(plain[0].parent, ignore_errors=True)


def _firsts(
    said: Output, remarks: tuple[str, ...], work: Path, rest: Callable[[], float]
) -> tuple[Output, tuple[str, ...]]:
    """dcm2niix on the first file at each position; as it was where a file has no position."""
    chosen = [path.readlink() for path in rewrite(work, rest(), "first")]
    shutil.rmtree(work / "plain", ignore_errors=True)
    n = len(list(said.links.iterdir()))
    if not chosen:
        return said, remarks
    for path in work.iterdir():  # what the first attempt wrote
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    words = f"Images are missing: of {n} files, the first at each of {len(chosen)} positions is looked at."
    return run(chosen, work, rest()), (words,)


def left_out(written: Sequence[Path], files: int) -> tuple[str, ...]:
    """A remark where dcm2niix wrote fewer slices than it was given files; a file holds one slice or more."""
    slices = sum(math.prod(_shape(path)[2:]) for path in _own(written))
    return (f"dcm2niix left out {files - slices} of {files} files.",) if slices < files else ()


def _own(written: Sequence[Path]) -> list[Path]:
    """Neither regions of interest nor slices resampled from another of the files."""
    names = {path.name for path in written}
    return [path for path in written if not ROI.search(path.name) and _source(path) not in names]


def _source(path: Path) -> str:
    """Name of the file that an evenly spaced one was resampled from; "" for any other."""
    even = EVEN.match(path.name)
    return f"{even[1]}.nii" if even else ""


def choose(files: Sequence[Path]) -> list[Path]:
    """Of what dcm2niix wrote, the files to look at: no regions of interest; evenly spaced where it made both.

    Slices at uneven distances come twice: as they are, with one wrong spacing, and resampled ("_Eq"). The
    resampled one has the true geometry and is taken, unless gaps blew it up to more than three times the
    slices.
    """
    chosen: list[Path] = []
    for path in _own(files):
        twins = [other for other in files if _source(other) == path.name]
        if twins and _shape(twins[0])[2] <= 3 * _shape(path)[2]:
            path = twins[0]
        chosen.append(path)
    return sorted(
        chosen, key=lambda path: [int(s) if s.isdigit() else s for s in re.split(r"(\d+)", path.name)]
    )


def _shape(path: Path) -> tuple[int, ...]:
    import nibabel

    return tuple(nibabel.load(path).shape)
