"""Subject and protocol -> the volumes a scanner would store; arrays only, no files.

Derived maps (ADC, FA, phase, projections) are computed from simulated raw images.
Source: `weighting.py` for contrast, `scanner.py` for the acquisition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from mrclass.phantom import tensor
from mrclass.phantom.anatomy import Anatomy, rotation
from mrclass.phantom.maps import adc_map, anisotropy, phase_like, project
from mrclass.phantom.protocols import ALL_KINDS, Protocol
from mrclass.phantom.quality import make_quality
from mrclass.phantom.realistic import RealisticScan
from mrclass.phantom.sampling import Sampled, sample, slice_profile
from mrclass.phantom.scan import Scan
from mrclass.phantom.spine import make_spine
from mrclass.phantom.tissues import TissueValues, tissue_values


@dataclass
class Acquired:
    """One stored volume.

    Attributes:
        volume: float32 (columns, rows, slices), arbitrary units >= 0 (ADC: 1e-6 mm2/s).
        affine: float64 (4, 4), voxel -> mm, RAS+.
        protocol: how it was acquired.
        b_value: s/mm2 of this volume, or None.
    """

    volume: np.ndarray
    affine: np.ndarray
    protocol: Protocol
    b_value: float | None = None


def render(
    sampled: Sampled,
    profile: torch.Tensor,
    protocol: Protocol,
    values: TissueValues,
    rng: np.random.Generator,
) -> list[tuple[float | None, torch.Tensor]]:
    """All volumes of a series on the sampled in-plane grid.

    Args:
        sampled: tissues on thin slices.
        profile: weights (n_slices, thin slices).
        protocol, values: the acquisition and the subject's tissue parameters.
        rng: everything random about this scan.

    Returns:
        (b-value or None, float32 (slices, height, width)) per volume.
    """
    if protocol.realism > 1:
        return render_realistic(RealisticScan(sampled, profile, protocol, values, rng))
    scan, kind = Scan(sampled, profile, protocol, values, rng), protocol.kind
    if kind == "adc":
        return [(None, adc_map(scan, protocol.b_values[-1]))]
    if kind == "dwi":
        return [(b, scan.image(b)) for b in protocol.b_values]
    if kind == "fa":
        return [(None, anisotropy(scan))]
    if kind in ("phase", "fieldmap"):
        return [(None, phase_like(scan, high_pass=kind == "phase"))]
    return [(None, projected(scan.image(), protocol, rng))]


def projected(image: torch.Tensor, protocol: Protocol, rng: np.random.Generator) -> torch.Tensor:
    """The image, or its projection where the kind is one: float32 (slices, height, width)."""
    kind, step = protocol.kind, float(protocol.thickness + protocol.gap)
    if kind == "mip_full":
        image = project(image, image.shape[0], largest=True)
    elif kind == "mip":
        image = project(image, max(2, int(rng.uniform(8, 60) / step / 2)), largest=True)
    elif kind == "minip":
        image = project(image, max(1, int(rng.uniform(8, 20) / step / 2)), largest=False)
    return image


def render_realistic(scan: RealisticScan) -> list[tuple[float | None, torch.Tensor]]:
    """All volumes of a series of realism 2, as `render`."""
    protocol, kind = scan.protocol, scan.protocol.kind
    volumes: list[tuple[float | None, torch.Tensor]]
    if kind == "adc":
        volumes = [(None, tensor.adc_map(scan, protocol.b_values[-1]))]
    elif kind == "dwi":
        volumes = [(b, scan.image(b)) for b in protocol.b_values]
    elif kind == "trace":
        volumes = [(protocol.b_values[-1], tensor.trace(scan, protocol.b_values[-1]))]
    elif kind in ("fa", "colour_fa"):
        volumes = [(None, tensor.anisotropy(scan, colour=kind == "colour_fa"))]
    elif kind in ("phase", "fieldmap"):
        volumes = [(None, phase_like(scan, high_pass=kind == "phase"))]
    else:
        volumes = [(None, projected(scan.image(), protocol, scan.rng))]
    return [(b, scan.seen(image)) for b, image in volumes]


def _centre(protocol: Protocol, rng: np.random.Generator) -> tuple[float, float, float]:
    """Head mm of the middle of a usual field of view."""
    if protocol.plane == "axial":
        return (rng.normal(0, 3), rng.normal(-15, 5), rng.normal(14, 10))
    if protocol.plane == "sagittal":
        return (rng.normal(0, 4), rng.normal(-8, 6), rng.normal(2, 8))
    return (rng.normal(0, 3), rng.normal(-18, 9), rng.normal(6, 8))


def acquire(
    anatomy: Anatomy, protocol: Protocol, rng: np.random.Generator, extent: float | None = None
) -> list[Acquired]:
    """Scan a subject: float32 volumes (columns, rows, slices) of 256 mm in-plane, with their affines.

    Args:
        anatomy: the subject; a kind "spine" brings its own.
        protocol: what to acquire.
        rng: everything random about this scan.
        extent: mm covered along the slice axis; None takes what is usual for the plane.

    Returns:
        One volume, or one per b-value.
    """
    usual = {"axial": 138.0, "sagittal": 146.0, "coronal": 170.0}[protocol.plane]
    if ALL_KINDS[protocol.kind].geometry == "localizer":
        usual = 3 * (protocol.thickness + protocol.gap)
    step = protocol.thickness + protocol.gap
    count = max(1, int((extent or usual) / step))
    thin = min(1.0, protocol.thickness)
    n_thin = max(1, int(np.ceil(((count - 1) * step + protocol.thickness) / thin)))
    tilt = rotation(np.deg2rad(rng.normal(0, (7.0, 2.5, 2.5))))
    values = tissue_values(protocol.field, np.random.default_rng([anatomy.seed, 11]))
    centre = _centre(protocol, rng)
    if protocol.kind == "quality":
        anatomy, centre = make_quality(anatomy.seed), (0.0, -15.0, 4.0)
    if protocol.kind == "spine":
        anatomy, centre = make_spine(anatomy.seed), (0.0, -20.0, -2.0)
    sampled = sample(anatomy, protocol.plane, centre, n_thin, thin, tilt=tilt)
    middle = (n_thin - 1) / 2 * thin
    centres = middle + (np.arange(count) - (count - 1) / 2) * step
    profile = slice_profile(n_thin, thin, centres, protocol.thickness)
    size = max(32, int(round(256.0 / protocol.spacing / 2) * 2))
    first = sampled.origin + centres[0] * sampled.directions[0]
    first = first + (0.5 * protocol.spacing - 0.5) * (sampled.directions[1] + sampled.directions[2])
    affine = np.eye(4)
    real = 256.0 / size
    affine[:3, :3] = np.stack(
        [sampled.directions[2] * real, sampled.directions[1] * real, sampled.directions[0] * step], 1
    )
    affine[:3, 3] = first
    out = []
    for b, image in render(sampled, profile, protocol, values, rng):
        mode = "bicubic" if size > 256 else "area"
        stored = functional.interpolate(image[:, None], size=(size, size), mode=mode)[:, 0]
        stored = stored.clamp_min(0)  # (slices, rows, columns)
        out.append(Acquired(stored.permute(2, 1, 0).contiguous().numpy(), affine.copy(), protocol, b))
    return out
