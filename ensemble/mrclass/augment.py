"""Motion of the head while a slice is acquired, for training: TorchIO has it for volumes, not for slices.

(TorchIO's RandomMotion cuts k-space along the third axis, which has one sample in a slice: it gives a moved
slice, not a motion artefact.) A leaf: the bundles' train.json names it, it imports nothing of ours.
Touches no file.
Source: paper, section 2.4 (augmentation); Shaw et al., MRI k-Space Motion Artefact Augmentation: Model
Robustness and Task-Specific Uncertainty, MIDL 2019, PMLR 102.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform


class RandSliceMotiond(RandomizableTransform, MapTransform):
    """Now and then, slabs as if the head had moved in the plane of the slices during their acquisition.

    Args:
        keys: slabs, tensors of shape (slices, H, W); all slices move alike.
        prob: share of slabs that get it.
        degrees: largest rotation either way.
        translation: largest shift either way along rows and columns, in pixels.
        movements: most movements in one acquisition.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float = 0.1,
        degrees: float = 10.0,
        translation: float = 10.0,
        movements: int = 2,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.degrees, self.translation, self.movements = degrees, translation, movements

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        result = dict(data)
        self.randomize(None)
        if not self._do_transform:
            return result
        n = int(self.R.randint(1, self.movements + 1))
        times = sorted(self.R.uniform(0.0, 1.0, n))
        moves = [
            (
                self.R.uniform(-self.degrees, self.degrees),
                *self.R.uniform(-self.translation, self.translation, 2),
            )
            for _ in range(n)
        ]
        along_rows = bool(self.R.randint(2))
        for key in self.key_iterator(result):
            result[key] = moved_meanwhile(result[key], times, moves, along_rows)
        return result


def moved_meanwhile(
    slices: torch.Tensor,
    times: Sequence[float],
    moves: Sequence[tuple[float, float, float]],
    along_rows: bool,
) -> torch.Tensor:
    """Slices whose k-space lines were acquired before and after movements.

    Args:
        slices: float32, shape (slices, H, W), z-scores.
        times: when the head moved, shares of the acquisition in [0, 1], rising.
        moves: (degrees, rows, columns) after each; the position in which the centre of k-space is acquired is
            the unmoved one, so that the picture stays where it is.
        along_rows: lines are rows of k-space, else columns.

    Returns:
        float32, of the shape of `slices`.
    """
    poses = [*moves]
    axis = 1 if along_rows else 2
    lines = slices.shape[axis]
    borders = [0, *(round(time * lines) for time in times), lines]
    centre = next(i for i in range(len(borders) - 1) if borders[i] <= lines // 2 < borders[i + 1])
    poses.insert(centre, (0.0, 0.0, 0.0))
    spectrum = torch.empty_like(slices, dtype=torch.complex64)
    for start, end, pose in zip(borders[:-1], borders[1:], poses, strict=True):
        if end > start:
            part = torch.fft.fftshift(torch.fft.fft2(move(slices, *pose)), dim=(1, 2))
            spectrum.narrow(axis, start, end - start).copy_(part.narrow(axis, start, end - start))
    return torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(1, 2))).real.to(slices.dtype)


def move(slices: torch.Tensor, degrees: float, rows: float, columns: float) -> torch.Tensor:
    """Slices turned about their centre and shifted; what comes in from outside has their lowest value.

    Args:
        slices: float32, shape (slices, H, W).
        degrees: anticlockwise as seen with rows downwards.
        rows, columns: shift in pixels, downwards and to the right.
    """
    if degrees == rows == columns == 0.0:
        return slices
    height, width = slices.shape[1:]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # from a point of the result to its source, in grid_sample's coordinates (x, y from -1 to 1)
    x, y = 2 * columns / width, 2 * rows / height
    source = torch.tensor(
        [
            [cos, -sin * height / width, -cos * x + sin * y * height / width],
            [sin * width / height, cos, -sin * x * width / height - cos * y],
        ],
        dtype=slices.dtype,
    )
    lowest = slices.min()
    grid = torch.nn.functional.affine_grid(source[None], [1, 1, height, width], align_corners=False)
    result = torch.nn.functional.grid_sample((slices - lowest)[None], grid, align_corners=False)
    return result[0] + lowest
