"""The brain of a volume or slab by a crude mask, for training data; reads and writes nothing.

A leaf: `randomise` and the studies use it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .slab import SPACING, foreground

BALL = 4.5  # mm, what is thinner than twice that does not belong to the brain
WHOLE = 0.1  # share of the foreground that a brain must have, else it was not found
Slices: TypeAlias = NDArray[np.float32]


def stripped(slab: Slices, spacing: float = SPACING) -> Slices:
    """A slab with zero outside the brain: float32, (slices, H, W); unchanged where no brain is found."""
    tissue = foreground(slab)
    if not tissue.any():
        return slab
    box = tuple(slice(max(0, low - 4), high + 5) for low, high in extent(tissue))
    part = slab[:, box[0], box[1]]
    # the outermost slices are repeated: the brain goes on beyond them
    mask = brain_mask(np.pad(part, ((3, 3), (0, 0), (0, 0)), mode="edge"), np.full(3, spacing))[3:-3]
    if (mask & tissue[:, box[0], box[1]]).sum() < WHOLE * tissue.sum():
        return slab
    result = np.zeros_like(slab)
    result[:, box[0], box[1]] = part * mask
    return result


def brain_mask(volume: Slices, spacing: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Brain of a volume, by threshold, opening with a ball and its largest part; crude.

    It keeps eyes and muscles that lie close to the brain, and loses thin gyri; where skull is as bright as
    brain it keeps the head. Good enough to train with, not to measure.

    Args:
        volume: (i, j, k), intensities >= 0.
        spacing: mm along i, j, k.

    Returns:
        bool, the shape of the volume; empty where nothing is bright.
    """
    smooth = ndimage.gaussian_filter(volume, 1.2 / spacing)
    inside = smooth > 0.1 * np.percentile(smooth, 99)
    if not inside.any():
        return np.asarray(inside, dtype=bool)
    mask = smooth > 0.45 * np.median(smooth[inside])
    grid = np.indices((5, 5, 5)) - 2
    ball = (grid**2 * np.minimum(spacing, 4.0)[:, None, None, None] ** 2).sum(0) <= BALL**2
    parts, count = ndimage.label(ndimage.binary_opening(mask, ball))
    if not count:
        return np.zeros_like(mask)
    mask = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    mask = ndimage.binary_closing(np.pad(mask, 3), ball, iterations=2)[3:-3, 3:-3, 3:-3]
    thick = int(np.argmax(spacing))
    filled = [ndimage.binary_fill_holes(one) for one in np.moveaxis(mask, thick, 0)]
    return np.moveaxis(np.stack(filled), 0, thick)


def extent(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last row, first and last column of a mask (slices, H, W) that is not empty."""
    lines = [np.flatnonzero(mask.any(axis=axes)) for axes in ((0, 2), (0, 1))]
    return [(int(line[0]), int(line[-1])) for line in lines]
