"""Cached slabs -> batches of normalised, augmented slices; reads the files of `simulate.py` and `real.py`.

Augmentation hides what could betray a source: pose, field of view, resolution, noise, shading and window.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mrclass.labels import KEYS
from mrclass.slab import foreground
from torch.nn import functional

LIMIT = 5.0


class Slabs:
    """A pool of slabs.

    Attributes:
        images: list of uint8 (10, H, W).
        label: int (n,), index into labels.KEYS.
        statistics: float32 (n, 3), ceiling, mean and deviation of the foreground in the units of `images`.
        group: str (n,), source and kind: what sampling balances within a label.
    """

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []
        self.label = np.zeros(0, dtype=np.int64)
        self.group = np.zeros(0, dtype=object)
        self.kind = np.zeros(0, dtype=object)
        self.simulated = np.zeros(0, dtype=bool)
        self.statistics = np.zeros((0, 3), dtype=np.float32)
        self._seen: set[Path] = set()

    def add_file(self, path: Path) -> None:
        """Add a file of slabs once."""
        if path in self._seen:
            return
        self._seen.add(path)
        data = np.load(path, allow_pickle=False)
        images = data["images"]
        simulated = "source" not in data
        source = np.array(["simulated"] * len(images)) if simulated else data["source"]
        self.images.extend(images)
        self.label = np.append(self.label, [KEYS.index(x) for x in data["label"]])
        self.kind = np.append(self.kind, data["kind"])
        self.group = np.append(self.group, [f"{s}|{k}" for s, k in zip(source, data["kind"], strict=True)])
        self.simulated = np.append(self.simulated, [simulated] * len(images))
        self.statistics = np.concatenate([self.statistics, np.stack([statistics(x) for x in images])])

    def add_folders(self, folders: list[Path]) -> None:
        """Add the files that are complete."""
        for folder in folders:
            for path in sorted(folder.glob("*.npz")):
                if not path.name.endswith(".tmp.npz"):
                    self.add_file(path)

    def weights(self, shares: dict[str, float], real_share: float) -> np.ndarray:
        """Probability of each slab, float64 (n,).

        Labels get `shares`; within a label real slabs get `real_share`, groups the root of their size.
        """
        p = np.zeros(len(self.images))
        for index, key in enumerate(KEYS):
            for simulated in (False, True):
                here = (self.label == index) & (self.simulated == simulated)
                if not here.any():
                    continue
                both = ((self.label == index) & (self.simulated != simulated)).any()
                part = (1 - real_share if simulated else real_share) if both else 1.0
                groups, inverse, counts = np.unique(
                    self.group[here].astype(str), return_inverse=True, return_counts=True
                )
                w = 1 / np.sqrt(counts[inverse])
                p[here] = shares[key] * part * w / w.sum()
        return p / p.sum()


def statistics(slab: np.ndarray) -> np.ndarray:
    """Ceiling, mean and deviation as `mrclass.transforms.NormalizeForeground` finds them: float32 (3,)."""
    values = slab.astype(np.float32)
    tissue = values[foreground(values)]
    if tissue.size == 0:
        return np.array([255, 0, 1], dtype=np.float32)
    high = np.percentile(tissue, 99.8)
    tissue = np.minimum(tissue, high)
    return np.array([high, tissue.mean(), max(float(tissue.std()), 1e-3)], dtype=np.float32)


def gather(pool: Slabs, index: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One random slice of each slab: raw float32 (n, 1, H, W) and its statistics (n, 3)."""
    slices = [pool.images[i][rng.integers(0, 10)] for i in index]
    return torch.from_numpy(np.stack(slices)).float()[:, None], torch.from_numpy(pool.statistics[index])


def normalise(images: torch.Tensor, stats: torch.Tensor) -> torch.Tensor:
    """z-score by the slab's foreground: float32 (n, 1, H, W)."""
    high, mean, deviation = (stats[:, k, None, None, None] for k in range(3))
    return ((torch.minimum(images, high) - mean) / deviation).clamp(-LIMIT, LIMIT)


def augment(images: torch.Tensor, stats: torch.Tensor, size: int, rng: np.random.Generator) -> torch.Tensor:
    """Augmented z-scores of raw slices: float32 (n, 1, size, size).

    Random pose, resolution, shading, gamma, noise and field of view.

    Args:
        images: float32 (n, 1, H, W), raw values of 2-mm pixels.
        stats: float32 (n, 3), ceiling, mean and deviation of each slice's slab.
        size: pixels of a side.
        rng: everything random.
    """
    n, _, h, w = images.shape

    def r(low: float, high: float) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(low, high, n).astype(np.float32))

    def chance(p: float) -> torch.Tensor:
        return torch.from_numpy(rng.random(n) < p)

    x = images
    low_resolution = chance(0.2)
    if bool(low_resolution.any()):
        part = x[low_resolution]
        factor = float(rng.uniform(0.45, 0.8))
        part = functional.interpolate(part, scale_factor=factor, mode="area")
        x = x.clone()
        x[low_resolution] = functional.interpolate(part, size=(h, w), mode="bilinear", align_corners=False)
    small = torch.from_numpy(rng.normal(size=(n, 1, 3, 3)).astype(np.float32))
    field = functional.interpolate(small, size=(h, w), mode="bicubic", align_corners=True)
    x = x * torch.exp(field * (r(0.0, 0.22) * chance(0.6))[:, None, None, None])
    high, mean, deviation = (stats[:, k, None, None, None] for k in range(3))
    gamma = torch.where(chance(0.4), torch.exp(r(-0.25, 0.25)), torch.ones(n))[:, None, None, None]
    x = high * (x.clamp_min(0) / high).pow(gamma)
    mean, deviation = _moved(high, mean, deviation, gamma)
    sigma = (r(0.0, 0.25) * chance(0.35))[:, None, None, None] * deviation
    noise = torch.from_numpy(rng.standard_normal((2, *x.shape), dtype=np.float32))
    x = ((x + sigma * noise[0]).square() + (sigma * noise[1]).square()).sqrt()
    z = ((torch.minimum(x, high) - mean) / deviation).clamp(-LIMIT, LIMIT)
    floor = -mean / deviation  # what zero becomes: padding
    angle, scale = r(-0.3, 0.3), torch.exp(r(-0.16, 0.16))
    flip = torch.where(chance(0.5), 1.0, -1.0)
    reach = scale * size / h  # a pixel stays 2 mm whatever the size
    cos, sin = torch.cos(angle) * reach, torch.sin(angle) * reach
    theta = torch.stack(
        [
            torch.stack([cos * flip, -sin, r(-0.1, 0.1)], 1),
            torch.stack([sin * flip, cos, r(-0.1, 0.1)], 1),
        ],
        1,
    )
    grid = functional.affine_grid(theta, [n, 1, size, size], align_corners=False)
    z = functional.grid_sample(z - floor, grid, align_corners=False) + floor
    cut = chance(0.12)
    if bool(cut.any()):  # a field of view smaller than the head
        yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
        half_h, half_w = r(0.35, 0.8)[:, None, None], r(0.35, 0.8)[:, None, None]
        outside = ((yy.abs() > half_h) | (xx.abs() > half_w)) & cut[:, None, None]
        z = torch.where(outside[:, None], floor.expand_as(z), z)
    return (z * torch.exp(r(-0.1, 0.1))[:, None, None, None] + r(-0.1, 0.1)[:, None, None, None]).clamp(
        -LIMIT, LIMIT
    )


def _moved(
    high: torch.Tensor, mean: torch.Tensor, deviation: torch.Tensor, gamma: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation after a gamma, to first order."""
    new_mean = high * (mean / high).clamp_min(1e-4).pow(gamma)
    slope = gamma * (mean / high).clamp_min(1e-4).pow(gamma - 1)
    return new_mean, deviation * slope.clamp(0.3, 3.0)
