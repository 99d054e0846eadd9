"""What a scanner does to an ideal image: coil shading, low resolution, noise, ghosts, motion, EPI distortion.

Stacks of slices in, stacks of slices out; k-space by torch's FFT. No files.
Source: k-space description of acquisition (Haacke et al., Magnetic Resonance Imaging, ch. 12 to 15, 19, 23).
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional


def smooth_field(shape: tuple[int, ...], cells: int, rng: np.random.Generator) -> torch.Tensor:
    """Smooth noise of about unit variance: float32, the given 3-D shape, grain of 1/cells of each axis."""
    knots = [min(cells + 1, max(2, n)) for n in shape]
    small = torch.from_numpy(rng.normal(size=(1, 1, *knots)).astype(np.float32))
    return functional.interpolate(small, size=shape, mode="trilinear", align_corners=True)[0, 0]


def receive_bias(
    shape: tuple[int, int, int], rng: np.random.Generator, rim: float | None = None
) -> torch.Tensor:
    """Coil sensitivity: smooth field, brighter rim; float32 (slices, height, width), about 1 in the middle.

    Args:
        shape: (slices, height, width).
        rng: strength and position.
        rim: how much brighter the rim is (1 adds about 1.2 at mid-edge); None draws 0 to 0.8.
    """
    n, h, w = shape
    strength = float(rng.uniform(0.02, 0.28))
    field = torch.exp(strength * smooth_field(shape, 2, rng))
    y = torch.linspace(-1, 1, h)[None, :, None]
    x = torch.linspace(-1, 1, w)[None, None, :]
    cy, cx = rng.normal(0, 0.12, 2)
    amount = float(rng.uniform(0, 0.8)) if rim is None else rim
    return field * (1 + amount * ((x - cx) ** 2 + (y - cy) ** 2) * 1.2)


def shift_along_phase(image: torch.Tensor, shift: torch.Tensor, phase_axis: int) -> torch.Tensor:
    """EPI distortion: signal moved along the phase axis, with its pile-up; float32 (slices, height, width).

    Args:
        image: float32 (slices, height, width).
        shift: float32, same shape, pixels.
        phase_axis: 1 rows, 2 columns.
    """
    n, h, w = image.shape
    ys, xs = torch.meshgrid(
        torch.arange(h, dtype=torch.float32), torch.arange(w, dtype=torch.float32), indexing="ij"
    )
    ys, xs = ys.expand(n, h, w), xs.expand(n, h, w)
    if phase_axis == 1:
        ys = ys + shift
    else:
        xs = xs + shift
    grid = torch.stack([2 * xs / max(w - 1, 1) - 1, 2 * ys / max(h - 1, 1) - 1], dim=-1)
    moved = functional.grid_sample(image[:, None], grid, align_corners=True, padding_mode="zeros")[:, 0]
    jacobian = 1 + torch.gradient(shift, dim=phase_axis)[0]
    return moved * jacobian.clamp(0.2, 2.5)


def acquire_slices(
    image: torch.Tensor,
    noise: float,
    pixel: float,
    acquired: float,
    rng: np.random.Generator,
    epi: bool = False,
    motion: float = 0.0,
    phase_axis: int = 1,
) -> torch.Tensor:
    """Sample k-space of every slice at limited resolution with noise and artefacts; return magnitudes.

    Args:
        image: float32 (slices, height, width), ideal magnitudes.
        noise: standard deviation of the complex noise at full resolution, in the image's units.
        pixel: mm per pixel of `image`.
        acquired: mm that the acquisition resolves (>= pixel).
        rng: artefacts.
        epi: Nyquist ghost instead of respiratory ghosts.
        motion: 0 none, 1 strong.
        phase_axis: 1 rows, 2 columns.

    Returns:
        float32, same shape (zero-filled interpolation).
    """
    n, h, w = image.shape
    k = torch.fft.fft2(image)
    fy, fx = torch.fft.fftfreq(h)[:, None].abs(), torch.fft.fftfreq(w)[None, :].abs()
    limit = 0.5 * min(1.0, pixel / acquired)
    partial = float(rng.uniform(0.75, 1.0))  # phase direction is often sampled less
    ly, lx = (limit * partial, limit) if phase_axis == 1 else (limit, limit * partial)
    keep = ((fy <= ly) & (fx <= lx)).float()
    if rng.random() < 0.6:  # vendors' filter against truncation
        strength = float(rng.uniform(0.2, 0.9))
        keep = keep * (1 - strength * (fy / (2 * ly)) ** 2 * 2) * (1 - strength * (fx / (2 * lx)) ** 2 * 2)
        keep = keep.clamp_min(0)
    lines = torch.arange(h if phase_axis == 1 else w, dtype=torch.float32)
    if epi:
        ghost = float(rng.uniform(0.0, 0.09))
        modulation = 1 + ghost * torch.where(lines % 2 == 0, 1.0, -1.0)
    elif rng.random() < 0.25:
        modulation = 1 + float(rng.uniform(0.02, 0.12)) * torch.sin(
            2 * np.pi * lines / float(rng.uniform(2, 9))
        )
    else:
        modulation = torch.ones_like(lines)
    factor = modulation.to(torch.complex64)
    if motion > 0:
        steps = torch.zeros_like(lines)
        for _ in range(int(rng.integers(1, 5))):
            steps[int(rng.integers(0, len(lines))) :] += float(rng.normal(0, 1.6 * motion))
        freq = torch.fft.fftfreq(len(lines)) * 2 * np.pi
        factor = factor * torch.polar(torch.ones_like(steps), freq * torch.fft.ifftshift(steps))
    k = k * (factor[:, None] if phase_axis == 1 else factor[None, :])
    seed = int(rng.integers(2**31))
    generator = torch.Generator().manual_seed(seed)
    scale = noise * np.sqrt(h * w / 2)
    real = torch.randn(k.shape, generator=generator)
    imaginary = torch.randn(k.shape, generator=generator)
    k = (k + scale * torch.complex(real, imaginary)) * keep
    return torch.fft.ifft2(k).abs()
