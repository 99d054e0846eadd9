"""A pass of the scanner as realism 2 has it: surface coils, dropout near air, fat ghosts, veins, coverage.

Arrays in, arrays out; no files. docs/realism.md says what each remedy is for.
Source: Haacke et al., Magnetic Resonance Imaging, ch. 19, 20, 25 (echo-planar imaging, susceptibility) and
Roemer et al., MRM 1990 (sum of squares of surface coils).
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from mrclass.phantom.protocols import Protocol
from mrclass.phantom.sampling import Sampled
from mrclass.phantom.scan import Scan
from mrclass.phantom.scanner import acquire_slices, shift_along_phase, smooth_field
from mrclass.phantom.tissues import INDEX, TissueValues

GRADIENT_ECHOES = ("swi", "minip", "t2star", "phase", "t1w_gre", "t1ce_gre", "epi", "fieldmap")
VENOUS = ("swi", "minip", "t2star")


def surface_coils(
    shape: tuple[int, int, int], head: torch.Tensor, rng: np.random.Generator, strength: float
) -> torch.Tensor:
    """Sum of squares of surface coils around the head: float32 (1, height, width), about 1 in its middle.

    Args:
        shape: (slices, height, width).
        head: bool (slices, height, width).
        rng: number, places and gains of the coils.
        strength: 0 flat (prescan normalised), 1 as received.
    """
    _, h, w = shape
    rows, columns = head.any(0).any(1).nonzero().flatten(), head.any(0).any(0).nonzero().flatten()
    if not len(rows):
        return torch.ones(1, h, w)
    cy, cx = float(rows.float().mean()), float(columns.float().mean())
    ry, rx = (max(float(v.max() - v.min()) / 2, 8.0) * 1.25 for v in (rows, columns))
    y, x = torch.arange(h)[:, None].float(), torch.arange(w)[None, :].float()
    count = int(rng.integers(6, 20))
    reach = float(rng.uniform(0.55, 0.9)) * max(ry, rx)
    total = torch.zeros(h, w)
    for angle in np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(0, 6):
        py, px = cy + ry * np.sin(angle), cx + rx * np.cos(angle)
        d2 = ((y - py) ** 2 + (x - px) ** 2) / reach**2
        total += float(rng.uniform(0.6, 1.4)) / (1 + d2) ** 3
    coils = total.sqrt()
    coils = coils / coils[int(np.clip(cy, 0, h - 1)), int(np.clip(cx, 0, w - 1))]
    return (coils.clamp(0.05, 6.0) ** strength)[None]


def near_air(sampled: Sampled, profile: torch.Tensor) -> torch.Tensor:
    """Where air inside the head bends the field: float32 (slices, height, width), 0..1, wide and smooth."""
    small = functional.avg_pool2d(sampled.air[:, None], 4)[:, 0][None, None]
    wide = functional.avg_pool3d(
        functional.pad(small, (3, 3, 3, 3, 7, 7), mode="replicate"), (15, 7, 7), stride=1
    )
    wide = functional.interpolate(
        wide[0].permute(1, 0, 2, 3), size=sampled.air.shape[1:], mode="bilinear", align_corners=False
    )[:, 0]
    return torch.einsum("sn,nhw->shw", profile, (3.0 * wide).clamp(0, 1))


def ridges(shape: tuple[int, ...], cells: int, width: float, rng: np.random.Generator) -> torch.Tensor:
    """Thin winding lines, the zero crossings of smooth noise: float32 of the given 3-D shape, 0..1."""
    return torch.exp(-((smooth_field(shape, cells, rng) / width) ** 2))


class RealisticScan(Scan):
    """One pass of the scanner, realism 2; arguments as `Scan`."""

    def __init__(
        self,
        sampled: Sampled,
        profile: torch.Tensor,
        protocol: Protocol,
        values: TissueValues,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(sampled, profile, protocol, values, rng)
        shape = (profile.shape[0], *sampled.labels.shape[1:])
        own = np.random.default_rng([self.raw_seed, 2])
        self.own = own
        thin = tuple(sampled.labels.shape)
        grain = float(own.uniform(0.01, 0.05)) * smooth_field(thin, 90, own)
        region = float(own.uniform(0.01, 0.06)) * smooth_field(thin, 9, own)
        self.texture = (1 + grain + region).clamp_min(0.3)
        self.head = torch.einsum("sn,nhw->shw", profile, sampled.inside().float())
        self.wide = near_air(sampled, profile)
        # most makers normalise what the coils receive, echo-planar images less often
        normalised = own.random() < (0.35 if self.epi else 0.75)
        strength = float(own.uniform(0.0, 0.35) if normalised else own.uniform(0.4, 1.1))
        self.bias = surface_coils(shape, self.head > 0.4, own, strength)
        self.bias = self.bias * torch.exp(float(own.uniform(0.02, 0.15)) * smooth_field(shape, 2, own))
        if protocol.plane != "axial" and protocol.kind not in ("spine", "quality"):
            self.bias = self.bias * self._reach_of_the_coil(shape[1])
        self.ghost_shift = int(own.integers(5, 16)) * int(own.choice([-1, 1]))
        if self.epi:
            pixels = float(own.choice([-1, 1]) * own.uniform(0, 9)) * (1.5 / sampled.pixel)
            bend = float(own.uniform(0, 1.5)) * smooth_field(shape, 2, own)
            self.shift = pixels * self.wide + bend
            self.phase_axis = 1 if own.random() < 0.9 else 2
        self.loss = torch.exp(-self._dephasing(own) * (self.wide + self.air))
        self.band = self._coverage(own)

    def _reach_of_the_coil(self, height: int) -> torch.Tensor:
        """The head coil ends at the neck: float32 (1, height, 1)."""
        end, width = float(self.own.uniform(0.66, 0.95)) * height, float(self.own.uniform(0.03, 0.1)) * height
        return torch.sigmoid((end - torch.arange(height).float()) / width)[None, :, None].clamp_min(0.02)

    def _dephasing(self, own: np.random.Generator) -> float:
        """How much signal is lost near air: gradient echoes lose it with TE, spin-echo EPI a little."""
        p = self.protocol
        if p.kind in GRADIENT_ECHOES:
            return float(own.uniform(2.0, 6.0)) * p.te / 25.0 * p.field / 3.0
        return float(own.uniform(0.2, 1.5)) if self.epi else 0.0

    def _coverage(self, own: np.random.Generator) -> tuple[int, int, int] | None:
        """First row, last row and rows a slice of an axial echo-planar stack looked at from the side."""
        p = self.protocol
        if not self.epi or p.plane == "axial" or own.random() < 0.15:
            return None
        rows = (self.head > 0.5).any(0).any(1).nonzero().flatten()
        top = int(rows.min()) - int(own.integers(-4, 12)) if len(rows) else 0
        extent = int(own.uniform(95, 160) / self.sampled.pixel)
        each = max(1, int(round((p.thickness + p.gap) / self.sampled.pixel)))
        return max(top, 0), min(top + extent, self.head.shape[1]), each

    def seen(self, image: torch.Tensor) -> torch.Tensor:
        """The image where it was acquired, zero elsewhere: stacks end, small fields of view are small."""
        fov = self.protocol.options.get("fov")
        out = image
        if fov:
            half = int(fov / self.sampled.pixel / 2)
            h, w = image.shape[1:]
            rows = (self.head > 0.5).any(0).any(1).nonzero().flatten().float()
            cy = int(rows.mean()) if len(rows) else h // 2
            cy, cx = cy + int(self.own.normal(0, half / 4)), w // 2 + int(self.own.normal(0, half / 4))
            keep = torch.zeros_like(image)
            keep[:, max(0, cy - half) : cy + half, max(0, cx - half) : cx + half] = 1
            out = out * keep
        if self.band is not None:
            first, last, each = self.band
            part = out[:, first:last]
            blocks = functional.avg_pool2d(part[:, None], (each, 1), ceil_mode=True)
            smooth = functional.interpolate(
                blocks, size=part.shape[1:], mode="bilinear" if self.raw_seed % 2 else "nearest"
            )[:, 0]
            out = torch.zeros_like(out)
            out[:, first:last] = smooth
        return out

    def received(self, b: float = 0.0, signal: np.ndarray | None = None) -> torch.Tensor:
        """What the coils see before k-space is sampled: float32 (slices, height, width), without fat."""
        s = (self.signal(b) if signal is None else signal).copy()
        p = self.protocol
        if self.epi:
            for name in ("fat", "marrow"):
                s[INDEX[name]] *= 0.15
        thin = self.sampled.ideal(s) * self.texture
        if p.kind in VENOUS:
            lines = ridges(tuple(thin.shape), 28, 0.22, np.random.default_rng([self.raw_seed, 5]))
            sulci = (1.6 * self.sampled.soft[0]).clamp(0, 1) * (self.sampled.soft[1] > 0.1)
            thin = thin * (1 - 0.8 * lines * sulci)
        return torch.einsum("sn,nhw->shw", self.profile, thin)

    def image(self, b: float = 0.0, signal: np.ndarray | None = None, boost: float = 1.0) -> torch.Tensor:
        """Magnitude image: float32 (slices, height, width), in units of the signal; arguments as `Scan`."""
        thick = self.received(b, signal)
        if self.epi and b > 0 and signal is None and self.protocol.kind == "dwi":
            thick = thick * self._direction(b)
        return self.stored(thick, boost, b)

    def _direction(self, b: float) -> torch.Tensor:
        """What one diffusion direction adds to the trace: float32 (slices, height, width), about 1."""
        from mrclass.phantom.tensor import tracts

        own = np.random.default_rng([self.raw_seed, 6])
        if own.random() < 0.4:
            return torch.ones(1)
        delta, fibre = tracts(self)
        g = own.normal(size=3)
        along = torch.einsum("k,kshw->shw", torch.from_numpy(g / np.linalg.norm(g)).float(), fibre)
        return torch.exp(-b * 0.75e-3 * delta * (3 * along**2 - 1))

    def stored(self, thick: torch.Tensor, boost: float = 1.0, b: float = 0.0) -> torch.Tensor:
        """Loss, coils, fat ghost, distortion, k-space and noise: float32 (slices, height, width).

        Args:
            thick: float32 (slices, height, width), what is in the slices.
            boost: factor on the signal-to-noise ratio.
            b: names the noise: another b-value, other noise.
        """
        p = self.protocol
        thick = thick * self.loss
        if p.kind in ("swi", "minip"):
            phase = 14.0 * self.wide  # wraps of the phase mask, behind the sinuses
            thick = thick * (1 - 0.7 * torch.relu(torch.sin(phase)) * (phase > 1.5))
        if self.epi and p.fat > 0.01:
            only = np.zeros(len(self.values.pd))
            for name in ("fat", "marrow"):
                only[INDEX[name]] = self.signal(b)[INDEX[name]]
            fat = torch.einsum("sn,nhw->shw", self.profile, self.sampled.ideal(only))
            thick = thick + 0.7 * torch.roll(fat, self.ghost_shift, self.phase_axis)
        thick = thick * self.bias
        if self.shift is not None:
            thick = shift_along_phase(thick, self.shift, self.phase_axis)
        white = max(float(self.signal(0.0)[INDEX["white"]]), 1e-4)
        # noise is that of the acquired voxels: what is interpolated between them adds none
        coarse = max(1.0, p.acquired / self.sampled.pixel)
        noise = white / (p.snr * boost) * (coarse if self.epi else 1.0)
        scanner = np.random.default_rng(self.raw_seed + int(b))
        return acquire_slices(
            thick, noise, self.sampled.pixel, p.acquired, scanner, self.epi, self.motion, self.phase_axis
        )
