"""A subject made of balls, so that what a scan must show can be said beforehand; not deformed."""

from __future__ import annotations

import numpy as np
from mrclass.phantom.anatomy import Anatomy
from mrclass.phantom.head import BRAIN, SHAPE, ellipsoid
from mrclass.phantom.tissues import INDEX

Point = tuple[float, float, float]
CENTRE = (0.0, -15.0, 14.0)  # MNI mm, the middle of usual fields of view


def ball(centre: Point, radius: float) -> np.ndarray:
    """bool, shape SHAPE; MNI mm."""
    return ellipsoid(centre, (radius, radius, radius))


def balls(seed: int = 1, **tissues: tuple[Point, float]) -> Anatomy:
    """Grey matter in fat, white matter in it, CSF in the middle; `tissues` adds balls (centre, radius)."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[ball(CENTRE, 80)] = INDEX["fat"]
    labels[ball(CENTRE, 74)] = BRAIN
    soft = np.zeros((3, *SHAPE), dtype=np.uint8)
    white, csf = ball(CENTRE, 55), ball(CENTRE, 20)
    soft[0][csf] = 255
    soft[1][~white] = 255
    soft[2][white & ~csf] = 255
    for name, (centre, radius) in tissues.items():
        labels[ball(centre, radius)] = INDEX[name]
    return Anatomy(labels, soft, np.eye(3), np.zeros((3, 7, 7, 7), dtype=np.float32), seed)


def away(affine: np.ndarray, shape: tuple[int, ...], centre: Point) -> np.ndarray:
    """Distance in mm of every voxel of a volume to a point: float64, the given shape."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    return np.linalg.norm(index @ affine[:3, :3].T + affine[:3, 3] - np.asarray(centre), axis=-1)
