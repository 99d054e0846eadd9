"""Arithmetic of voxel grids: from shape and affine to the slab's axes, plane and positions; no files.

Source: the NIfTI convention (affine maps voxel index to mm, RAS+); docs/decisions/0002-slab.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, floor, radians

import numpy as np
from numpy.typing import NDArray

from .errors import VolumeError

# Spacing of the coarsest axis over the median spacing from which on it is taken for the slice direction.
ANISOTROPY = 1.2
# A slice direction farther than this from every anatomical axis makes the plane oblique (degrees).
OBLIQUE = 30.0
# 1.003 mm counts as half of 2 mm: the pooling factor is rounded down only after this allowance.
POOLING_ALLOWANCE = 0.05

PLANES = ("sagittal", "coronal", "axial")  # by the anatomical axis (R, A, S) the slices are stacked along
# Directions (RAS+) in which slices, rows and columns of the slab are counted, by the same axis.
_WANTED = (
    np.array([[1, 0, 0], [0, 0, -1], [0, -1, 0]], float),  # sagittal: to the right, down, to the back
    np.array(
        [[0, 1, 0], [0, 0, -1], [-1, 0, 0]], float
    ),  # coronal: to the front, down, to the patient's left
    np.array([[0, 0, 1], [0, -1, 0], [-1, 0, 0]], float),  # axial: up, to the back, to the patient's left
)


@dataclass(frozen=True)
class Orientation:
    """How a stored volume is turned, by swaps and flips only, into slices, rows and columns.

    Attributes:
        order: voxel axes that become the slices, the rows and the columns.
        flips: whether each of the three, in that order, is counted backwards.
        shape: voxels along slices, rows, columns.
        affine: float64, shape (4, 4), (slice, row, column) index of the turned volume to mm, RAS+.
        acquisition_plane: axial, coronal, sagittal or oblique.
    """

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    acquisition_plane: str

    @property
    def slice_axis(self) -> int:
        """Voxel axis of the stored volume along which it was acquired."""
        return self.order[0]

    @property
    def spacing(self) -> NDArray[np.float64]:
        """float64, shape (3,), mm along slices, rows, columns."""
        return spacing_of(self.affine)


def spacing_of(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Voxel sizes: float64, shape (3,), mm, of an affine of shape (4, 4)."""
    return np.linalg.norm(affine[:3, :3], axis=0)


def check_affine(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine as float64, shape (4, 4), voxel to mm, when it can be inverted.

    Raises:
        VolumeError: wrong shape, numbers that are not finite, an axis without length, or axes in one plane.
    """
    matrix = np.asarray(affine, dtype=np.float64)
    if matrix.shape != (4, 4):
        raise VolumeError(
            f"The affine has shape {matrix.shape}; wanted (4, 4), voxel to mm. Write the header anew."
        )
    lengths = spacing_of(matrix)
    volume = abs(float(np.linalg.det(matrix[:3, :3]))) if np.isfinite(matrix).all() else 0.0
    if not (volume > 1e-3 * float(np.prod(lengths)) > 0.0):
        sizes = " x ".join(f"{length:g}" for length in lengths)
        raise VolumeError(
            f"The affine cannot be inverted (voxel of {sizes} mm); wanted three axes of finite length "
            "that span space. Repair the header or convert the series again."
        )
    return matrix


def acquisition_axis(shape: tuple[int, ...], spacing: NDArray[np.float64]) -> int:
    """Voxel axis along which the slices were stacked.

    The only axis of a single voxel; else the axis of clearly largest spacing; else the third, which is the
    slice direction of a series as converted from DICOM (paper-identical reading of "acquisition plane").
    """
    single = [axis for axis in range(3) if shape[axis] == 1]
    if len(single) == 1:
        return single[0]
    coarsest = int(np.argmax(spacing))
    return coarsest if spacing[coarsest] > ANISOTROPY * float(np.median(spacing)) else 2


def slice_axes(shape: tuple[int, ...], affine: NDArray[np.float64], extent: float) -> tuple[int, ...]:
    """Voxel axes that a volume could have been acquired along, its own first.

    Where no axis has the clearly largest spacing, and the volume is `extent` mm long along each of the two
    others, slices across an axis look like those of an acquisition along it.
    """
    spacing = spacing_of(affine)
    own = acquisition_axis(shape, spacing)
    if min(shape[:3]) == 1 or float(spacing.max()) > ANISOTROPY * float(np.median(spacing)):
        return (own,)
    long = [shape[axis] * spacing[axis] >= extent for axis in range(3)]
    return (own, *(axis for axis in range(3) if axis != own and all(long[:axis] + long[axis + 1 :])))


def orient(shape: tuple[int, ...], affine: NDArray[np.float64], slice_axis: int | None = None) -> Orientation:
    """Swaps and flips that bring a volume closest to the display convention, without any rotation.

    The slices lie across `slice_axis`, by default the acquisition axis.

    Axial rows run from anterior to posterior and columns from the patient's right to left; coronal rows from
    superior to inferior and columns from right to left; sagittal rows from superior to inferior and columns
    from anterior to posterior. Slices are counted towards superior, anterior and right.
    """
    spacing = spacing_of(affine)
    directions = (affine[:3, :3] / spacing).T  # (axis, RAS): unit vectors
    if slice_axis is None:
        slice_axis = acquisition_axis(shape, spacing)
    # rounded, so that the same grid stored in another order meets the same tie-break
    along = np.round(np.abs(directions[slice_axis]), 6)
    nearest = int(along.shape[0] - 1 - np.argmax(along[::-1]))
    wanted = _WANTED[nearest]
    first, second = (axis for axis in range(3) if axis != slice_axis)
    score = [
        abs(directions[row] @ wanted[1]) + abs(directions[column] @ wanted[2])
        for row, column in ((first, second), (second, first))
    ]
    rows, columns = (first, second) if score[0] >= score[1] else (second, first)
    order = (slice_axis, rows, columns)

    flips = tuple(bool(directions[axis] @ want < 0) for axis, want in zip(order, wanted, strict=True))
    turned = np.eye(4)
    turned[:3, 3] = affine[:3, 3]
    for target, (axis, flip) in enumerate(zip(order, flips, strict=True)):
        turned[:3, target] = -affine[:3, axis] if flip else affine[:3, axis]
        if flip:
            turned[:3, 3] += affine[:3, axis] * (shape[axis] - 1)
    plane = PLANES[nearest] if along[nearest] >= cos(radians(OBLIQUE)) else "oblique"
    return Orientation(order, flips, tuple(shape[axis] for axis in order), turned, plane)  # type: ignore[arg-type]


def slice_count(voxels: int, spacing: float, thickness: float, wanted: int) -> int:
    """Slices of `thickness` mm that fit into the extent of a stack: at least one, at most `wanted`.

    The extent counts each stored slice with its whole spacing. A stack of one slice gives one.
    """
    if voxels == 1:
        return 1
    return max(1, min(wanted, floor(voxels * spacing / thickness + 1e-6)))


def positions(centre: float, count: int, step: float) -> NDArray[np.float64]:
    """`count` positions `step` apart around `centre`: float64, shape (count,), in the unit of the centre."""
    return centre + (np.arange(count) - (count - 1) / 2) * step


def pooling_factor(voxels: int, spacing: float, target: float) -> int:
    """Voxels that are averaged before interpolation: as many whole ones as fit into the target spacing."""
    return max(1, min(voxels, floor(target / spacing + POOLING_ALLOWANCE)))


def block_range(wanted: NDArray[np.float64], factor: int, middle: float) -> tuple[int, int]:
    """First voxel, and number of blocks of `factor` voxels, needed to interpolate at the wanted positions.

    Blocks are laid so that, as nearly as whole voxels allow, their centres fall on the wanted slices: a
    border of blocks at the middle when the number of slices is even, a centre there when it is odd. The range
    may reach beyond the stored voxels: the caller repeats the outermost.
    """
    anchor = (
        floor(middle + 0.5 + 1e-6) if wanted.size % 2 == 0 else floor(middle - (factor - 1) / 2 + 0.5 + 1e-6)
    )
    half = (factor - 1) / 2
    first = floor((float(wanted[0]) - half - anchor) / factor + 1e-6)
    last = -floor(-((float(wanted[-1]) - half - anchor) / factor - 1e-6))
    return anchor + first * factor, last - first + 1


def grid_affine(
    affine: NDArray[np.float64], start: NDArray[np.float64], step: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Affine of a grid laid into another: its voxel 0 at index `start`, its voxels `step` indices apart.

    All float64; affines of shape (4, 4) in mm, start and step of shape (3,) in voxels of the given affine.
    """
    result = np.eye(4)
    result[:3, :3] = affine[:3, :3] * step
    result[:3, 3] = affine[:3, :3] @ start + affine[:3, 3]
    return result
