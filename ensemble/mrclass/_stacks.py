"""The geometry that headers state: stacks of slices, and how a converted volume agrees with them; pure.

Source: DICOM PS3.3 C.7.6.2.1.1 (image position and orientation, LPS+); the NIfTI affine is RAS+.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import acos, degrees
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrclass._positions import MAX_STACKS, add, alike, normal, numbers
from mrclass.geometry import acquisition_axis

ALONG = 0.98  # cosine (11 degrees) from which on a voxel axis is the direction across the slices
APART = 0.02  # mm; positions closer than this are one
UNEVEN = 1.1  # largest over median distance of slices, from which on they are uneven
TOLERANCE = 0.02  # relative difference of a spacing that rounding explains


@dataclass(frozen=True)
class Stack:
    """Slices of one orientation, as the headers of a series have them.

    Attributes:
        orientation: six direction cosines of rows and columns, LPS+, as ImageOrientationPatient.
        positions: mm across the slices, ascending, each once; () where the header states none.
        slices: number of them; None where it is not told.
        matrix: Columns and Rows; None where they are those of a mosaic.
        spacing: mm between columns and between rows; None where it is not told.
    """

    orientation: tuple[float, ...]
    positions: tuple[float, ...] = ()
    slices: int | None = None
    matrix: tuple[int, int] | None = None
    spacing: tuple[float, float] | None = None


@dataclass(frozen=True)
class Match:
    """What the headers say of one volume.

    Attributes:
        axis: voxel axis across the slices; None where the headers do not tell.
        orientation: six direction cosines, LPS+; () where there are none.
        remarks: one sentence per disagreement.
    """

    axis: int | None = None
    orientation: tuple[float, ...] = ()
    remarks: tuple[str, ...] = ()


def merge(files: Iterable[tuple[Sequence[Any], Mapping[str, Any]]]) -> tuple[Stack, ...]:
    """Stacks of a series of its files' stacks (`_positions.stacks`) and headers."""
    found: list[list[Any]] = []
    places: list[set[float]] = []
    facts: list[tuple[int | None, Mapping[str, Any]]] = []
    for stacks, header in files:
        for orientation, positions, count in stacks:
            index = next((i for i, known in enumerate(found) if alike(known[0], orientation)), None)
            if index is None:
                if len(found) >= MAX_STACKS:
                    continue
                add(found, orientation, None)
                places.append(set())
                facts.append((count, header))
                index = len(found) - 1
            places[index].update(positions)
    return tuple(
        _stack(known[0], sorted(place), count, header)
        for known, place, (count, header) in zip(found, places, facts, strict=True)
    )


def _stack(
    orientation: Sequence[float], places: Sequence[float], count: int | None, header: Mapping[str, Any]
) -> Stack:
    kept: list[float] = []
    for place in places:
        if not kept or place - kept[-1] > APART:
            kept.append(place)
    rows, columns = header.get("Rows"), header.get("Columns")
    mosaic = count is not None or "MOSAIC" in (header.get("ImageType") or ())
    known = isinstance(rows, int) and isinstance(columns, int) and not mosaic
    spacing = numbers(header.get("PixelSpacing"), 2)
    return Stack(
        tuple(orientation),
        tuple(kept),
        count or len(kept) or None,
        (columns, rows) if known else None,  # type: ignore[arg-type]
        (spacing[1], spacing[0]) if spacing and min(spacing) > 0 else None,
    )


def stated(orientation: Any) -> tuple[Stack, ...]:
    """The one stack that a sidecar's ImageOrientationPatientDICOM states; () where it states none."""
    found: list[list[Any]] = []
    given = numbers(orientation, 6)
    if given is not None:
        add(found, given, None)
    return tuple(Stack(tuple(known[0])) for known in found)


def match(
    shape: Sequence[int], affine: NDArray[np.float64], stacks: Sequence[Stack], resampled: bool = False
) -> Match:
    """The stack that a volume was made of, the axis across its slices, and where the two disagree.

    Args:
        shape: voxels, (3,).
        affine: float64, shape (4, 4), voxel to mm, RAS+.
        stacks: of the volume's series.
        resampled: slice number and distance were changed on purpose.
    """
    if not stacks:
        return Match()
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    axes = (affine[:3, :3] / spacing).T  # (axis, RAS)
    found: list[tuple[float, bool, int, Stack]] = []
    for stack in stacks:
        across = _ras(normal(stack.orientation))
        for axis in range(3):
            fits = stack.slices == shape[axis] or resampled
            found.append((round(abs(float(axes[axis] @ across)), 2), fits, axis, stack))
    # dcm2niix keeps the slices along the third axis, unless it turned the volume
    third = [entry for entry in found if entry[2] == 2 and entry[0] >= ALONG]
    cosine, _, axis, stack = max(third or found, key=lambda entry: entry[:3])
    if cosine < ALONG:
        nearest = degrees(acos(min(1.0, cosine)))
        words = f"The volume is turned {nearest:.0f} degrees against the header's ImageOrientationPatient."
        return Match(None, stack.orientation, (words,))
    remarks = _sizes(shape, spacing, axes, axis, stack, resampled)
    if acquisition_axis(tuple(shape[a] for a in _last(axis)), spacing[list(_last(axis))]) != 2:
        remarks.append(
            "Its voxels are so much longer in-plane than across its slices that the slab is cut in-plane."
        )
    return Match(axis, stack.orientation, tuple(remarks))


def _last(axis: int) -> tuple[int, int, int]:
    """Order of axes that puts one last and keeps the order of the others."""
    first, second = (other for other in range(3) if other != axis)
    return first, second, axis


def _sizes(
    shape: Sequence[int],
    spacing: NDArray[np.float64],
    axes: NDArray[np.float64],
    axis: int,
    stack: Stack,
    resampled: bool,
) -> list[str]:
    """Disagreements in number and distance of slices, rows and columns."""
    remarks = []
    if not resampled and stack.slices is not None and stack.slices != shape[axis]:
        remarks.append(f"The header has {stack.slices} slice positions, the volume {shape[axis]} slices.")
    gaps: NDArray[np.float64] = np.diff(np.asarray(stack.positions, dtype=np.float64))
    if gaps.size:
        middle = float(np.median(gaps))
        if float(gaps.max()) > UNEVEN * middle or float(gaps.min()) * UNEVEN < middle:
            remarks.append(f"The header's slices lie {gaps.min():.4g} to {gaps.max():.4g} mm apart.")
        elif not resampled and stack.slices == shape[axis] and not _near(middle, float(spacing[axis])):
            remarks.append(
                f"The header's slices lie {middle:.4g} mm apart, the volume's {spacing[axis]:.4g} mm."
            )
    along_rows = _ras(stack.orientation[:3])  # columns are counted along the rows
    others = [other for other in range(3) if other != axis]
    columns = max(others, key=lambda other: abs(float(axes[other] @ along_rows)))
    rows = next(other for other in others if other != columns)
    if stack.matrix is not None and stack.matrix != (shape[columns], shape[rows]):
        has = f"{stack.matrix[0]} x {stack.matrix[1]}"
        remarks.append(f"The header has {has} pixels, the volume {shape[columns]} x {shape[rows]}.")
    elif stack.spacing is not None and not (
        _near(stack.spacing[0], float(spacing[columns])) and _near(stack.spacing[1], float(spacing[rows]))
    ):
        has = f"{stack.spacing[0]:.4g} x {stack.spacing[1]:.4g}"
        remarks.append(
            f"The header has pixels of {has} mm, the volume {spacing[columns]:.4g} x {spacing[rows]:.4g} mm."
        )
    return remarks


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= max(TOLERANCE * max(one, other), 0.005)


def _ras(direction: Sequence[float]) -> NDArray[np.float64]:
    """A direction of DICOM's LPS+ in RAS+, float64, shape (3,), of length 1."""
    turned = np.array([-direction[0], -direction[1], direction[2]], dtype=np.float64)
    return turned / np.linalg.norm(turned)
