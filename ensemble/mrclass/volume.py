"""Judges a NIfTI header before the voxels are loaded, and makes pictures of a slab; writes nothing.

Source: the NIfTI-1 standard, as nibabel reads it.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

from .errors import UsageError, VolumeError

# Percentiles between which a slab is shown in pictures.
WINDOW = (1.0, 99.5)


def check_image(volume: str | Path | SpatialImage) -> None:
    """Looks at the header alone, so that what no network can see is refused before it is loaded.

    Raises:
        VolumeError: not readable as NIfTI, colours, complex numbers, or more than one volume.
    """
    name = ""
    if isinstance(volume, str | Path):
        name = f"{volume}: "
        try:
            image: Any = nib.load(volume)
        except (OSError, EOFError, ValueError, ImageFileError, zlib.error) as error:
            raise VolumeError(f"{volume} cannot be read as a NIfTI file: {innermost(error)}") from error
    elif isinstance(volume, SpatialImage):
        image = volume
    else:
        raise UsageError(
            f"predict() got a {type(volume).__name__}; wanted the path of a NIfTI file or a nibabel image."
        )
    dtype, shape = image.get_data_dtype(), tuple(image.shape)
    if dtype.fields is not None:
        raise VolumeError(
            f"{name}Volume holds colours (RGB); wanted one number per voxel. Convert it to one channel."
        )
    if dtype.kind == "c":
        raise VolumeError(
            f"{name}Volume holds complex numbers; wanted real ones. Write magnitude and phase apart."
        )
    if any(count != 1 for count in shape[3:]):
        raise VolumeError(
            f"{name}Volume has {len(shape)} dimensions {shape}; a volume has 3. Split it into volumes first."
        )
    if 0 in shape or len(shape) < 2:
        raise VolumeError(
            f"{name}Volume is empty {shape}; wanted three dimensions. Convert the series again."
        )


def windowed(picture: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    """Slices for pictures: uint8, shape (slices, H, W), 1st to 99.5th percentile of what is not padding."""
    if picture is None or not picture.size:
        return np.zeros((0, 0, 0), np.uint8)
    inside = picture[picture > 0] if picture.min() >= 0 else picture
    low, high = np.percentile(inside, WINDOW) if inside.size else (0.0, 1.0)
    scaled = (picture - low) / max(float(high - low), 1e-12)
    return np.round(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def innermost(error: BaseException) -> str:
    """The innermost cause of an error, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:300] or type(error).__name__
