"""NIfTI files small enough for tests: a ball with texture, dark around."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np


def write_volume(path: Path, seed: int = 0, texture: float = 3.0) -> Path:
    """A ball of 18 mm in 24 x 24 x 12 voxels of 2 mm.

    Args:
        path: file to write; its folder is made.
        seed: added to the ball's intensity, so that two files differ.
        texture: rise of the intensity from 100 along the first axis, per voxel.
    """
    i, j, k = np.indices((24, 24, 12))
    ball = (i - 11.5) ** 2 + (j - 11.5) ** 2 + (k - 5.5) ** 2 < 81
    data = np.where(ball, 100 + texture * i + 5 * (j % 3) + seed, 0).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.diag([2.0, 2.0, 2.0, 1.0])), path)
    return path
