"""Cached slabs -> batches of normalised, augmented slices.

Reads the files of `simulate.py`, `real.py`, `derive.py` and `n4.py`.
Augmentation hides what could betray a source: pose, field of view, resolution, noise, shading and window.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mrclass.labels import KEYS
from mrclass.slab import foreground
from torch.nn import functional

LIMIT = 5.0
PIXEL = 2.0  # mm, of cached slabs


def quick() -> torch.autocast:
    """Half precision where this CPU computes in it; elsewhere it would be emulated, ten times slower."""
    can = getattr(torch.cpu, "get_capabilities", dict)()
    return torch.autocast("cpu", torch.bfloat16, enabled=bool(can.get("amx_bf16") or can.get("avx512_bf16")))


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

    def add_file(self, path: Path, without: Sequence[str] = ()) -> None:
        """Add a file of slabs once, but for some kinds."""
        if path in self._seen:
            return
        self._seen.add(path)
        data = np.load(path, allow_pickle=False)
        keep = ~np.isin(data["kind"], without)
        images, kind = data["images"][keep], data["kind"][keep]
        source = data["source"][keep] if "source" in data else np.array(["simulated"] * len(images))
        self.images.extend(images)
        self.label = np.append(self.label, [KEYS.index(x) for x in data["label"][keep]])
        self.kind = np.append(self.kind, kind)
        self.group = np.append(self.group, [f"{s}|{k}" for s, k in zip(source, kind, strict=True)])
        self.simulated = np.append(self.simulated, source == "simulated")
        self.statistics = np.concatenate(
            [self.statistics, np.array([statistics(x) for x in images], np.float32).reshape(-1, 3)]
        )

    def add_folders(self, folders: Sequence[Path], latest: Sequence[str] = ()) -> None:
        """Add the files that are complete; of the kinds `latest`, only those of the last folder."""
        for folder in folders:
            for path in sorted(folder.glob("*.npz")):
                if not path.name.endswith(".tmp.npz"):
                    self.add_file(path, () if folder == folders[-1] else latest)

    def weights(self, shares: dict[str, float], real_share: dict[str, float]) -> np.ndarray:
        """Probability of each slab, float64 (n,).

        Labels get `shares`; within a label real slabs get its `real_share`, groups the root of their size.
        """
        p = np.zeros(len(self.images))
        for index, key in enumerate(KEYS):
            for simulated in (False, True):
                here = (self.label == index) & (self.simulated == simulated)
                if not here.any():
                    continue
                both = ((self.label == index) & (self.simulated != simulated)).any()
                part = (1 - real_share[key] if simulated else real_share[key]) if both else 1.0
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


class Draw:
    """Random numbers of a batch, as torch tensors."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.rng, self.n = rng, n

    def between(self, low: float, high: float) -> torch.Tensor:
        """Uniform, float32 (n, 1, 1, 1)."""
        return torch.from_numpy(self.rng.uniform(low, high, (self.n, 1, 1, 1)).astype(np.float32))

    def chance(self, p: float) -> torch.Tensor:
        """True with probability p, bool (n, 1, 1, 1)."""
        return torch.from_numpy(self.rng.random((self.n, 1, 1, 1)) < p)

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal, float32 of this shape."""
        return torch.from_numpy(self.rng.standard_normal(shape, dtype=np.float32))


def augment(
    images: torch.Tensor, stats: torch.Tensor, size: int, rng: np.random.Generator, spacing: float = PIXEL
) -> torch.Tensor:
    """Augmented z-scores of raw slices: float32 (n, 1, size, size).

    Resolution, ghosts, shading, gamma, black level, window, noise, pose, aspect and field of view, at random.

    Args:
        images: float32 (n, 1, H, W), raw values of 2-mm pixels.
        stats: float32 (n, 3), ceiling, mean and deviation of each slice's slab.
        size: pixels of a side.
        rng: everything random.
        spacing: mm of a pixel of the result.
    """
    draw = Draw(rng, len(images))
    high, mean, deviation = (stats[:, k, None, None, None] for k in range(3))
    tissue = images > 0.35 * mean
    before = _moments(images, tissue)
    x = _intensities(images, high, mean, deviation, draw)
    after = _moments(x, tissue)
    # what changed inside the slice changed the slab alike
    scale = after[1] / before[1]
    mean, high = after[0] + (mean - before[0]) * scale, after[0] + (high - before[0]) * scale
    deviation = (deviation * scale).clamp_min(1e-3)
    z = ((torch.minimum(x, high) - mean) / deviation).clamp(-LIMIT, LIMIT)
    z = _placed(z, -mean / deviation, size, spacing, draw)
    z = z * torch.exp(draw.between(-0.12, 0.12)) + draw.between(-0.12, 0.12)
    return z.clamp(-LIMIT, LIMIT)


def _moments(x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation inside the mask, float32 (n, 1, 1, 1) each."""
    count = mask.sum((1, 2, 3), keepdim=True).clamp_min(1)
    mean = (x * mask).sum((1, 2, 3), keepdim=True) / count
    variance = ((x - mean).square() * mask).sum((1, 2, 3), keepdim=True) / count
    return mean, variance.sqrt().clamp_min(1.0)


def _intensities(
    images: torch.Tensor, high: torch.Tensor, mean: torch.Tensor, deviation: torch.Tensor, draw: Draw
) -> torch.Tensor:
    """What scanners and archives do to intensities: float32, same shape."""
    n, _, h, w = images.shape
    x = images.clone()
    choice = draw.rng.random(n)  # coarse pixels: isotropic, or along one axis
    for low, top, axes in ((0.0, 0.18, (1, 1)), (0.18, 0.26, (1, 0)), (0.26, 0.34, (0, 1))):
        here = torch.from_numpy((choice >= low) & (choice < top))
        if bool(here.any()):
            factor = float(draw.rng.uniform(0.35, 0.8))
            shape = [
                max(8, round(side * factor)) if on else side for side, on in zip((h, w), axes, strict=True)
            ]
            part = functional.interpolate(x[here], size=shape, mode="area")
            x[here] = functional.interpolate(part, size=(h, w), mode="bilinear", align_corners=False)
    ghost = draw.chance(0.06)[:, 0, 0, 0]
    if bool(ghost.any()):
        shift = int(draw.rng.integers(h // 6, h // 2))
        x[ghost] = x[ghost] + float(draw.rng.uniform(0.05, 0.25)) * x[ghost].roll(shift, 2)
    field = functional.interpolate(draw.normal(n, 1, 3, 3), size=(h, w), mode="bicubic", align_corners=True)
    x = x * torch.exp(field * (draw.between(0.0, 0.25) * draw.chance(0.6)))
    gamma = torch.where(draw.chance(0.4), torch.exp(draw.between(-0.3, 0.3)), torch.ones(1))
    x = high * (x.clamp_min(0) / high).pow(gamma)
    black = draw.between(0.0, 0.3) * draw.chance(0.15) * mean
    x = (x - black).clamp_min(0)
    white = torch.where(draw.chance(0.2), draw.between(0.6, 1.0), torch.ones(1) * 2)
    x = torch.minimum(x, white * high)
    sigma = draw.between(0.0, 0.3) * draw.chance(0.35) * deviation
    noisy = torch.hypot(x + sigma * draw.normal(*x.shape), sigma * draw.normal(*x.shape))
    kept_black = draw.chance(0.5) & (images == 0)  # archives mask the air
    return torch.where(kept_black, x, noisy)


def _placed(z: torch.Tensor, floor: torch.Tensor, size: int, spacing: float, draw: Draw) -> torch.Tensor:
    """Pose, aspect, mirror and field of view: float32 (n, 1, size, size); outside is `floor`."""
    n, _, h, _ = z.shape
    angle, scale = draw.between(-0.35, 0.35), torch.exp(draw.between(-0.18, 0.18))
    aspect = torch.exp(draw.between(-0.08, 0.08))
    flip = torch.where(draw.chance(0.5), 1.0, -1.0)
    reach = scale * size * spacing / (PIXEL * h)  # a pixel keeps its millimetres whatever the size
    cos, sin = torch.cos(angle) * reach, torch.sin(angle) * reach
    top = torch.cat([cos * flip * aspect, -sin, draw.between(-0.1, 0.1)], 3)
    bottom = torch.cat([sin * flip * aspect, cos, draw.between(-0.1, 0.1)], 3)
    theta = torch.cat([top, bottom], 2)[:, 0]
    grid = functional.affine_grid(theta, [n, 1, size, size], align_corners=False)
    z = functional.grid_sample(z - floor, grid, align_corners=False) + floor
    cut = draw.chance(0.12)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    outside = (yy.abs() > draw.between(0.35, 0.8)) | (xx.abs() > draw.between(0.35, 0.8))
    return torch.where(outside & cut, floor.expand_as(z), z)
