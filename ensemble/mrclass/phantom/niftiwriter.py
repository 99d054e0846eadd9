"""Simulated volumes -> compressed NIfTI files (int16 with a slope), same volume, same bytes.

Source: NIfTI-1 (scl_slope, sform); the affine is RAS+ already.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mrclass.phantom.acquire import Acquired


def write_volume(acquired: Acquired, path: Path) -> Path:
    """Write one volume.

    Args:
        acquired: volume, shape (i, j, k), and its affine, voxel -> mm, RAS+.
        path: ends in .nii or .nii.gz; its folder is made where it is missing.

    Raises:
        ValueError: the volume has not 3 dimensions.
    """
    import nibabel as nib

    if acquired.volume.ndim != 3:
        raise ValueError(
            f"Volume has {acquired.volume.ndim} dimensions {acquired.volume.shape}; a volume has 3."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(np.asarray(acquired.volume, dtype=np.float32), acquired.affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"Simulated by mrclass.phantom"
    image.set_data_dtype(np.int16)  # nibabel chooses the slope that uses all 16 bits
    nib.save(image, path)
    return path
