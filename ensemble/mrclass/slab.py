"""From a volume to the slab of slices the networks see, on arrays; reads and writes no file.

Source: paper, section 2.3 (common orientation, crop, 2 mm, ten slices); docs/decisions/0002-slab.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from . import geometry
from .errors import VolumeError

LOGGER = logging.getLogger(__name__)

SPACING = 2.0  # mm, between slices, rows and columns of the slab
SIZE = 224  # rows and columns
SLICES = 10
CLIP_FRACTION = 0.5  # of the median of the foreground: 3dClipLevel's default
TAIL = 0.01  # share of the foreground ignored at each side when its middle is sought
LOWEST = 0.001  # share of voxels below the value that negative volumes are shifted by


@dataclass(frozen=True)
class Slab:
    """The slices the networks see.

    Attributes:
        slices: float32, shape (slices, H, W), intensities >= 0, zero outside the stored volume.
        affine: float64, shape (4, 4), (slice, row, column) index to mm, RAS+.
        acquisition_plane: axial, coronal, sagittal or oblique.
        slice_axis: voxel axis of the stored volume the slices were stacked along.
    """

    slices: NDArray[np.float32]
    affine: NDArray[np.float64]
    acquisition_plane: str
    slice_axis: int


def clip_level(intensities: NDArray[np.float32], fraction: float = CLIP_FRACTION) -> float:
    """Intensity that divides air from tissue: half of the median of what lies above it, found by iteration.

    Args:
        intensities: float32, any shape, >= 0. Zeros (padding, masked air) are not counted.

    Returns:
        A level in the unit of the intensities; 0 when no intensity is positive.

    Source: AFNI 3dClipLevel, which starts from the upper 65 % of the positive voxels or half their root mean
        square.
    """
    positive = np.sort(intensities[intensities > 0], axis=None)
    if positive.size == 0:
        return 0.0
    # the brightest 1 % is cut, or a few stray voxels would be all that is taken for tissue
    trimmed = np.minimum(positive, positive[int((1 - TAIL) * (positive.size - 1))])
    half_rms = 0.5 * float(np.sqrt(np.mean(np.square(trimmed, dtype=np.float64))))
    start = max(int(0.35 * positive.size), int(np.searchsorted(positive, half_rms)))
    start = min(start, positive.size - 1)
    for _ in range(66):
        median = float(positive[(start + positive.size) // 2])
        level = fraction * median
        following = int(np.searchsorted(positive, level, side="right"))
        if following == start:
            break
        start = following
    return level


def foreground(intensities: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Voxels brighter than the clip level: bool, the shape of the intensities."""
    return intensities > clip_level(intensities)


def foreground_middle(mask: NDArray[np.bool_], axis: int) -> float:
    """Middle, in voxels, of the range along an axis that holds all but 1 % of the mask at each side.

    The middle of the grid when the mask is empty.
    """
    counts = mask.sum(axis=tuple(other for other in range(mask.ndim) if other != axis)).astype(np.float64)
    total = counts.sum()
    if total == 0:
        return (counts.size - 1) / 2
    first = int(np.argmax(np.cumsum(counts) >= TAIL * total))
    last = counts.size - 1 - int(np.argmax(np.cumsum(counts[::-1]) >= TAIL * total))
    return (first + last) / 2


def slab(
    volume: Any,
    affine: Any,
    spacing: float = SPACING,
    size: int = SIZE,
    slices: int = SLICES,
    slice_axis: int | None = None,
) -> Slab:
    """The slices around the middle of the acquisition, centred on the foreground, by one interpolation.

    The grid keeps the direction of the acquisition; rows and columns are only swapped and counted backwards
    (geometry.orient). A stack thinner than `slices` x `spacing` mm gives as many slices as fit, at least one.
    A volume with negative intensities (phase, CT) is shifted so that they start at zero.

    Args:
        volume: array or tensor, shape (I, J, K) or (I, J), real, arbitrary unit.
        affine: shape (4, 4), voxel to mm, RAS+.
        spacing: mm between slices, rows and columns of the slab.
        size: rows and columns of the slab.
        slices: slices wanted.
        slice_axis: voxel axis the slices lie across; by default the acquisition axis.

    Raises:
        VolumeError: the volume or its affine cannot be looked at; the message says why.
    """
    array = _checked(volume)
    matrix = geometry.check_affine(affine)
    turn = geometry.orient(array.shape, matrix, slice_axis)
    count = geometry.slice_count(turn.shape[0], float(turn.spacing[0]), spacing, slices)
    step = spacing / turn.spacing  # target spacing in stored voxels, (slices, rows, columns)
    middle = (turn.shape[0] - 1) / 2
    wanted = geometry.positions(middle, count, float(step[0]))

    factors = np.array(
        [geometry.pooling_factor(n, mm, spacing) for n, mm in zip(turn.shape, turn.spacing, strict=True)]
    )
    pooled, start = _crop_and_pool(array, turn, wanted, factors)
    pooled = _from_zero(pooled)

    mask = foreground(pooled)
    inside = [
        geometry.positions((middle_ * factors[axis]) + start[axis], size, float(step[axis]))
        for axis, middle_ in ((1, foreground_middle(mask, 1)), (2, foreground_middle(mask, 2)))
    ]
    grid = [wanted, *inside]
    result = torch.from_numpy(pooled)
    for axis in range(3):
        # thick slices reach beyond their centre: the outermost is repeated there; in-plane it is zero
        result = _interpolate(result, axis, (grid[axis] - start[axis]) / factors[axis], border=axis == 0)
    first = np.array([line[0] for line in grid])
    return Slab(
        result.numpy(),
        geometry.grid_affine(turn.affine, first, step),
        turn.acquisition_plane,
        turn.slice_axis,
    )


def _checked(volume: Any) -> NDArray[Any]:
    """The volume as a real 3-D array, or a VolumeError that says what came instead."""
    array = volume.detach().cpu().numpy() if isinstance(volume, torch.Tensor) else np.asarray(volume)
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 2:
        array = array[..., None]
    shape = " x ".join(map(str, array.shape))
    if array.dtype.fields is not None:
        raise VolumeError(
            "Volume holds colours (RGB); a volume has one number per voxel. Convert it to one channel."
        )
    if np.iscomplexobj(array):
        raise VolumeError(
            "Volume holds complex numbers; wanted real ones. Write magnitude and phase as two volumes."
        )
    if array.dtype.kind not in "fiub":
        raise VolumeError(f"Volume holds {array.dtype}; wanted numbers. Convert the series again.")
    if array.ndim != 3:
        raise VolumeError(
            f"Volume has {array.ndim} dimensions ({shape}); a volume has 3. Split it into volumes first."
        )
    if array.size == 0:
        raise VolumeError(f"Volume is empty ({shape}); wanted at least one voxel. Convert the series again.")
    return array


def _crop_and_pool(
    array: NDArray[Any], turn: geometry.Orientation, wanted: NDArray[np.float64], factors: NDArray[np.int_]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The part of the volume around the slab, turned, averaged over whole voxels.

    Returns:
        float32, shape (blocks, rows, columns), and float64, shape (3,): the position of its voxel 0, in
        stored voxels.
    """
    view = array.transpose(turn.order)[tuple(slice(None, None, -1 if flip else 1) for flip in turn.flips)]
    first, blocks = geometry.block_range(wanted, int(factors[0]), (turn.shape[0] - 1) / 2)
    index = np.clip(np.arange(first, first + blocks * factors[0]), 0, turn.shape[0] - 1)
    part = np.ascontiguousarray(view[index], dtype=np.float32)  # (slices, rows, columns)
    part = _finite(part)
    if part.max() == part.min():
        raise VolumeError(
            f"The middle of the volume is constant ({part.flat[0]:g}); wanted an image to look at."
        )
    # a remainder that fills no block, under 2 mm, is left out in equal parts at both sides
    left = [(part.shape[axis] % factors[axis]) // 2 for axis in (1, 2)]
    kernel = tuple(int(factor) for factor in factors)
    tensor = torch.from_numpy(part)[None, None, :, left[0] :, left[1] :]
    pooled = torch.nn.functional.avg_pool3d(tensor, kernel)[0, 0] if max(kernel) > 1 else tensor[0, 0]
    return pooled.numpy(), np.array([first, *left]) + (factors - 1) / 2


def _finite(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """The part with voxels that are no finite number set to its minimum, and one warning that counts them."""
    finite = np.isfinite(part)
    missing = part.size - int(np.count_nonzero(finite))
    if missing == 0:
        return part
    if missing == part.size:
        raise VolumeError(
            "The middle of the volume holds no finite number; wanted intensities. Convert it again."
        )
    lowest = part[finite].min()
    LOGGER.warning(
        "%d of %d voxels around the slab are not finite; set to the minimum, %g.", missing, part.size, lowest
    )
    return np.where(finite, part, lowest)


def _from_zero(intensities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intensities >= 0: negative volumes are shifted by their 0.1st percentile and cut below it.

    The percentile, not the minimum, so that one stray voxel of a computed map does not lift the air to
    tissue.
    """
    if intensities.min() >= 0:
        return intensities
    index = int(LOWEST * (intensities.size - 1))
    lowest = min(0.0, float(np.partition(intensities, index, axis=None)[index]))
    return np.maximum(intensities - np.float32(lowest), np.float32(0))


def _interpolate(data: torch.Tensor, axis: int, position: NDArray[np.float64], border: bool) -> torch.Tensor:
    """Linear interpolation along one axis; beyond the ends the outermost voxel (border) or zero."""
    length = data.shape[axis]
    if border:
        position = np.clip(position, 0, length - 1)
    lower = np.floor(position).astype(np.int64)
    share = position - lower
    parts = []
    for index, weight in ((lower, 1 - share), (lower + 1, share)):
        weight = np.where((index >= 0) & (index < length), weight, 0)
        shape = [1, 1, 1]
        shape[axis] = -1
        chosen = data.index_select(axis, torch.from_numpy(np.clip(index, 0, length - 1)))
        parts.append(chosen * torch.from_numpy(weight.astype(np.float32)).reshape(shape))
    return parts[0] + parts[1]
