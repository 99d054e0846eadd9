"""Volumes for training lists: boxes in five slices of 64 x 64 pixels of 2 mm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
from mrclass.gather import Volume

Make = Callable[..., Path]


def maker(folder: Path) -> Make:
    """Writes a box of the given pixels below `folder`; `grey` tells boxes apart."""

    def write(name: str, grey: int, rows: int = 40, columns: int = 40) -> Path:
        voxels = np.zeros((64, 64, 5), np.uint8)
        voxels[32 - rows // 2 : 32 + rows // 2, 32 - columns // 2 : 32 + columns // 2] = 200
        voxels[32, 32] = grey
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(voxels, np.diag([2.0, 2.0, 2.0, 1.0])), path)
        return path

    return write


def volume(image: Path, label: str, patient: str, source: str = "here", section: str = "") -> Volume:
    return Volume(image, label, patient, source, section)


def eight(make: Make, label: str = "t1w", first: int = 0) -> list[Volume]:
    """Eight volumes of eight patients, of four sources in turn."""
    return [
        volume(make(f"{label}{n}.nii.gz", first + n), label, f"{label}-p{n}", f"s{n % 4}") for n in range(8)
    ]
