"""What the training augments slices with where TorchIO, made for volumes, does not do: one draw for each
slice, motion while a slice is acquired, and an elastic deformation that is quick in two dimensions.

(TorchIO's RandomMotion cuts k-space along the third axis, which has one sample in a slice: it gives a moved
slice, not a motion artefact.) A leaf: the bundles' train.json names it, it imports nothing of ours.
Touches no file.
Source: paper, section 2.4 (augmentation); Shaw et al., MRI k-Space Motion Artefact Augmentation: Model
Robustness and Task-Specific Uncertainty, MIDL 2019, PMLR 102.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable, RandomizableTransform
from numpy.typing import NDArray

SPLINE_ORDER = 3


class EachSliced(Randomizable, MapTransform):
    """Applies a random transform to each slice of a slab by itself, so that each slice draws its own.

    Args:
        keys: slabs, tensors of shape (slices, H, W).
        transform: dictionary transform; it is given one slice at a time, of shape (1, H, W, 1) as TorchIO
            wants it, and keeps the shape.
    """

    def __init__(
        self, keys: KeysCollection, transform: Callable[[Any], Any], allow_missing_keys: bool = False
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        self.transform = transform

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> EachSliced:
        """Seeds the transform that draws."""
        super().set_random_state(seed, state)
        if isinstance(self.transform, Randomizable):
            self.transform.set_random_state(seed, state)
        return self

    def randomize(self, data: Any = None) -> None:
        """Nothing: the transform draws by itself."""

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        result = dict(data)
        for key in self.key_iterator(result):
            slab = torch.as_tensor(result[key])
            changed = [self.transform({key: one[None, ..., None]})[key] for one in slab]
            result[key] = torch.cat([torch.as_tensor(one) for one in changed])[..., 0].to(slab.dtype)
        return result


class RandElasticd(RandomizableTransform, MapTransform):
    """Now and then, slices deformed by a smooth random field of their own.

    The field is a cubic B-spline over a grid of control points that lie one grid step beyond the picture on
    each side, as in TorchIO's RandomElasticDeformation; the two outermost layers of points stay in place.

    Args:
        keys: slabs, tensors of shape (slices, H, W) or (slices, H, W, 1); each slice has a field of its own.
        prob: share of slabs that get it.
        max_displacement: largest displacement of a control point along rows and columns, in pixels.
        control_points: points along each axis, at least 5.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float = 0.1,
        max_displacement: float = 7.5,
        control_points: int = 7,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.max_displacement, self.control_points = max_displacement, control_points

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        result = dict(data)
        self.randomize(None)
        if not self._do_transform:
            return result
        for key in self.key_iterator(result):
            n = self.control_points
            points: NDArray[np.float32] = np.zeros((len(result[key]), n, n, 2), np.float32)
            free = points[:, 2:-2, 2:-2]
            free[:] = self.R.uniform(-self.max_displacement, self.max_displacement, free.shape)
            slab = result[key]
            result[key] = warped(slab.reshape(slab.shape[:3]), torch.from_numpy(points)).reshape(slab.shape)
        return result


def warped(slices: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Slices pulled along a cubic B-spline field; what comes in from outside has the lowest value.

    Args:
        slices: float32, shape (slices, H, W).
        points: displacement of each control point along (rows, columns) in pixels, shape (slices, n, n, 2). A
            pixel of the result is the one of `slices` that lies its displacement away.

    Returns:
        float32, of the shape of `slices`.
    """
    height, width = slices.shape[1:]
    rows, columns = (_spline(length, points.shape[1]) for length in (height, width))
    field = torch.einsum("hi,sijc,wj->shwc", rows, points.to(rows), columns)  # (slices, H, W, 2) pixels
    y = (torch.arange(height, dtype=field.dtype)[:, None] + field[..., 0] + 0.5) * 2 / height - 1
    x = (torch.arange(width, dtype=field.dtype)[None, :] + field[..., 1] + 0.5) * 2 / width - 1
    return _sampled(slices, torch.stack([x, y], dim=-1))


def _spline(length: int, points: int) -> torch.Tensor:
    """Weights of the control points for each of `length` pixels: float32, shape (length, points)."""
    mesh = points - SPLINE_ORDER
    place = (torch.arange(length, dtype=torch.float32) + 0.5) * mesh / length  # in grid steps
    first = place.floor().clamp(max=mesh - 1)
    t = place - first
    basis = torch.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], dim=1
    )
    weights = torch.zeros(length, points)
    return weights.scatter_(1, first.long()[:, None] + torch.arange(4), basis / 6)


def _sampled(slices: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Slices at the places of a grid, (slices, H, W, 2), x and y from -1 to 1; outside, their minimum."""
    lowest = slices.amin(dim=(1, 2), keepdim=True)
    found = torch.nn.functional.grid_sample((slices - lowest)[:, None], grid, align_corners=False)
    return found[:, 0] + lowest


class RandSliceMotiond(RandomizableTransform, MapTransform):
    """Now and then, slabs as if the head had moved in the plane of the slices during their acquisition.

    Args:
        keys: slabs, tensors of shape (slices, H, W) or (slices, H, W, 1); all slices move alike.
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
            slab = result[key]
            moved = moved_meanwhile(slab.reshape(slab.shape[:3]), times, moves, along_rows)
            result[key] = moved.reshape(slab.shape)
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
    grid = torch.nn.functional.affine_grid(source[None], [1, 1, height, width], align_corners=False)
    return _sampled(slices, grid.expand(len(slices), -1, -1, -1))
