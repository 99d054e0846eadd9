"""Anatomy -> tissues on the grid of an acquisition: deformation and one look-up; arrays in, arrays out.

Rows run anterior or superior first, columns patient right or anterior first, as images are displayed.
Source: the slice geometry of MR acquisition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from mrclass.phantom.anatomy import Anatomy
from mrclass.phantom.head import BRAIN, ORIGIN, SHAPE
from mrclass.phantom.tissues import INDEX

# RAS directions of (slices, rows, columns)
DIRECTIONS: dict[str, np.ndarray] = {
    "axial": np.array([[0, 0, 1], [0, -1, 0], [-1, 0, 0]], dtype=np.float64),
    "sagittal": np.array([[1, 0, 0], [0, 0, -1], [0, -1, 0]], dtype=np.float64),
    "coronal": np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]], dtype=np.float64),
}


@dataclass
class Sampled:
    """Tissues on a grid of thin slices.

    Attributes:
        labels: uint8 (slices, height, width), tissue indices; 255 where `soft` says.
        soft: float32 (3, slices, height, width), CSF, grey, white in 0..1.
        air: float32 (slices, height, width), 0..1, closeness to air in the head: where susceptibility acts.
        pixel, step: mm in-plane and between the thin slices.
        origin: float64 (3,), RAS mm of the first voxel.
        directions: float64 (3, 3), RAS directions of slices, rows, columns.
    """

    labels: torch.Tensor
    soft: torch.Tensor
    air: torch.Tensor
    pixel: float
    step: float
    origin: np.ndarray
    directions: np.ndarray

    def ideal(self, signal: np.ndarray) -> torch.Tensor:
        """Noise-free image: float32 (slices, height, width), of the signal (n_tissues,) of each tissue."""
        table = torch.zeros(256)
        table[: len(signal)] = torch.from_numpy(signal.astype(np.float32))
        image = table[self.labels.long()]
        weights = table[[INDEX["csf"], INDEX["grey"], INDEX["white"]]]
        return image + (self.soft * weights[:, None, None, None]).sum(0)

    def inside(self) -> torch.Tensor:
        """Boolean (slices, height, width): not air."""
        return self.labels != INDEX["air"]


def sample(
    anatomy: Anatomy,
    plane: str,
    centre: tuple[float, float, float],
    count: int,
    step: float,
    size: tuple[int, int] = (256, 256),
    pixel: float = 1.0,
    tilt: np.ndarray | None = None,
) -> Sampled:
    """Look a subject's tissues up on thin slices: (count, height, width), deformed as the subject says.

    Args:
        anatomy: the subject.
        plane: axial, sagittal, coronal.
        centre: head RAS mm of the grid's middle.
        count: thin slices.
        step: mm between them.
        size: (height, width) in pixels.
        pixel: mm.
        tilt: rotation matrix (3, 3) applied to the plane's directions.
    """
    directions = DIRECTIONS[plane] if tilt is None else DIRECTIONS[plane] @ tilt.T
    height, width = size
    offsets = [(np.arange(n) - (n - 1) / 2) * d for n, d in ((count, step), (height, pixel), (width, pixel))]
    origin = np.asarray(centre) + sum(o[0] * d for o, d in zip(offsets, directions, strict=True))
    labels = torch.empty((count, height, width), dtype=torch.uint8)
    soft = torch.empty((3, count, height, width), dtype=torch.float32)
    hard_volume = torch.from_numpy(anatomy.labels)
    soft_volume = torch.from_numpy(anatomy.soft)
    shifts = torch.from_numpy(anatomy.shifts)[None]
    in_plane = (
        torch.from_numpy(offsets[1])[:, None, None] * torch.from_numpy(directions[1])
        + torch.from_numpy(offsets[2])[None, :, None] * torch.from_numpy(directions[2])
        + torch.from_numpy(np.asarray(centre, dtype=np.float64))
    )
    linear, start = torch.from_numpy(anatomy.linear), torch.tensor(ORIGIN, dtype=torch.float64)
    extent = torch.tensor(SHAPE, dtype=torch.float64) - 1
    for k in range(count):
        points = in_plane + offsets[0][k] * torch.from_numpy(directions[0])
        voxel = points @ linear.T - start
        unit = (2 * voxel / extent - 1).float()
        moved = functional.grid_sample(
            shifts, unit.flip(-1)[None, None], align_corners=True, padding_mode="border"
        )
        voxel = voxel.float() + moved[0, :, 0].permute(1, 2, 0)
        labels[k], soft[:, k] = _look_up(voxel, hard_volume, soft_volume)
    soft = soft * (labels == BRAIN)
    return Sampled(labels, soft, _air_closeness(labels), pixel, step, origin, directions)


def _look_up(
    voxel: torch.Tensor, hard: torch.Tensor, soft: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Nearest label (h, w) and trilinear soft maps (3, h, w), 0..1, at voxels (h, w, 3); air off the grid."""
    limit = torch.tensor(SHAPE)
    nearest = voxel.round().long()
    outside = ((nearest < 0) | (nearest >= limit)).any(-1)
    nearest = nearest.clamp_min(0).minimum(limit - 1)
    label = hard[nearest[..., 0], nearest[..., 1], nearest[..., 2]]
    label[outside] = INDEX["air"]
    low = voxel.floor().long().clamp_min(0).minimum(limit - 2)
    t = (voxel - low).clamp(0, 1)
    total = torch.zeros((3, *voxel.shape[:2]))
    brain = label == BRAIN
    if bool(brain.any()):
        low_b, t_b = low[brain], t[brain]
        value = torch.zeros((3, low_b.shape[0]))
        for dx in (0, 1):
            for dy in (0, 1):
                for dz in (0, 1):
                    weight = (t_b[:, 0] if dx else 1 - t_b[:, 0]) * (t_b[:, 1] if dy else 1 - t_b[:, 1])
                    weight = weight * (t_b[:, 2] if dz else 1 - t_b[:, 2])
                    value += soft[:, low_b[:, 0] + dx, low_b[:, 1] + dy, low_b[:, 2] + dz] * weight
        total[:, brain] = value / 255
    return label, total


def _air_closeness(labels: torch.Tensor) -> torch.Tensor:
    """Blurred map of the air between tissues of a slice (sinuses, mastoid): float32, as labels, 0..1."""
    air = (labels == INDEX["air"]).float()[:, None]
    body = functional.avg_pool2d(1 - air, 8)
    around = functional.avg_pool2d(functional.pad(body, (4, 4, 4, 4)), 9, stride=1)
    cavity = functional.avg_pool2d(air, 8) * (around > 0.45)
    blurred = functional.avg_pool2d(functional.pad(cavity, (2, 2, 2, 2)), 5, stride=1)
    full = functional.interpolate(blurred, size=labels.shape[1:], mode="bilinear", align_corners=False)
    return full[:, 0].clamp(0, 1)


def slice_profile(count: int, step: float, centres: np.ndarray, thickness: float) -> torch.Tensor:
    """Weights that average thin slices into thick ones: float32 (n_thick, count), rows sum to 1.

    Args:
        count: thin slices; the first lies at 0 mm.
        step: mm between thin slices.
        centres: mm of the thick slices.
        thickness: mm, box profile.
    """
    position = np.arange(count) * step
    overlap = np.minimum(position + step / 2, centres[:, None] + thickness / 2) - np.maximum(
        position - step / 2, centres[:, None] - thickness / 2
    )
    weights = np.clip(overlap, 0, None)
    empty = weights.sum(1) == 0
    weights[empty, np.abs(position[None] - centres[empty, None]).argmin(1)] = 1
    return torch.from_numpy((weights / weights.sum(1, keepdims=True)).astype(np.float32))
