"""Subject and protocol -> the volumes a scanner would store; arrays only, no files.

Derived maps (ADC, FA, phase, projections) are computed from simulated raw images.
Source: `weighting.py` for contrast, `scanner.py` for the acquisition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from mrclass.phantom.anatomy import Anatomy, rotation
from mrclass.phantom.protocols import KINDS, Protocol
from mrclass.phantom.sampling import Sampled, sample, slice_profile
from mrclass.phantom.scanner import acquire_slices, receive_bias, shift_along_phase, smooth_field
from mrclass.phantom.spine import make_spine
from mrclass.phantom.tissues import INDEX, TissueValues, tissue_values
from mrclass.phantom.weighting import tissue_signal

EPI_KINDS = ("adc", "dwi", "fa", "epi", "m0", "perfusion", "fieldmap")
# phase in radians that each tissue adds to a filtered phase image
SUSCEPTIBLE = (("vein", 1.2), ("iron", 0.6), ("deep_grey", 0.3), ("grey", 0.12), ("blood", 1.6))


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


class Scan:
    """One pass of the scanner.

    Everything random about it is drawn once, so that b0 and b1000 share shading and distortion.

    Args:
        sampled: tissues on thin slices.
        profile: float32 (slices, thin slices), weights that average thin slices into stored ones.
        protocol, values: the acquisition and the subject's tissue parameters.
        rng: everything random about this pass.
    """

    def __init__(
        self,
        sampled: Sampled,
        profile: torch.Tensor,
        protocol: Protocol,
        values: TissueValues,
        rng: np.random.Generator,
    ) -> None:
        self.sampled, self.profile, self.protocol = sampled, profile, protocol
        self.values, self.rng = values, rng
        shape = tuple(sampled.labels.shape)
        self.epi = protocol.kind in EPI_KINDS
        self.phase_axis = 1 if self.epi or rng.random() < 0.5 else 2
        self.texture = 1 + float(rng.uniform(0.0, 0.05)) * smooth_field(shape, 60, rng)
        thick = (profile.shape[0], *shape[1:])
        self.bias = receive_bias(thick, rng, float(rng.uniform(0, 1.6)) if self.epi else None)
        self.air = torch.einsum("sn,nhw->shw", profile, sampled.air)
        self.shift = self._distortion(thick) if self.epi else None
        self.motion = float(rng.uniform(0.2, 1.0)) if rng.random() < 0.12 else 0.0
        self.contrast_seed = int(rng.integers(2**31))
        self.raw_seed = int(rng.integers(2**31))

    def _distortion(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Pixels that EPI moves the signal along the phase axis: float32, the given shape."""
        amount = float(self.rng.choice([-1, 1]) * self.rng.uniform(0, 14))
        return amount * self.air + float(self.rng.uniform(0, 2.0)) * smooth_field(shape, 2, self.rng)

    def signal(self, b: float = 0.0) -> np.ndarray:
        """Signal per tissue: float64 (n_tissues,); contrast agent and flow are the same for every b-value."""
        return tissue_signal(self.protocol, self.values, np.random.default_rng(self.contrast_seed), b)

    def image(self, b: float = 0.0, signal: np.ndarray | None = None, boost: float = 1.0) -> torch.Tensor:
        """Magnitude image: float32 (slices, height, width), in the units of the signal.

        Args:
            b: diffusion weighting, s/mm2.
            signal: float64 (n_tissues,) instead of the protocol's own.
            boost: factor on the signal-to-noise ratio (averages).
        """
        s = self.signal(b) if signal is None else signal
        thin = self.sampled.ideal(s) * self.texture
        if self.epi and b > 0 and signal is None:
            fibres = float(self.rng.uniform(0.0, 0.06))  # directions average badly
            thin = thin * (1 + fibres * smooth_field(tuple(thin.shape), 24, self.rng))
        thick = torch.einsum("sn,nhw->shw", self.profile, thin)
        p = self.protocol
        if self.epi or p.kind in ("swi", "minip", "t2star", "phase", "t1w_gre", "t1ce_gre"):
            sensitivity = p.te / (60.0 if p.kind in ("adc", "dwi", "fa") else 18.0) * (p.field / 3.0)
            thick = thick * torch.exp(-float(self.rng.uniform(0.5, 2.5)) * sensitivity * self.air)
        thick = thick * self.bias
        if self.shift is not None:
            thick = shift_along_phase(thick, self.shift, self.phase_axis)
        reference = float(self.signal(0.0)[INDEX["white"]]) if signal is None else float(np.max(s))
        noise = max(reference, 1e-4) / (p.snr * boost)
        scanner = np.random.default_rng(self.raw_seed + int(b))
        return acquire_slices(
            thick, noise, self.sampled.pixel, p.acquired, scanner, self.epi, self.motion, self.phase_axis
        )


def _adc(scan: Scan, b: float) -> torch.Tensor:
    """ADC in 1e-6 mm2/s from simulated b0 and b images, masked in one of the ways vendors do."""
    rng = scan.rng
    s0, s1 = scan.image(0.0), scan.image(b, boost=float(rng.uniform(1.2, 2.5)))
    adc = torch.log(s0.clamp_min(1e-6) / s1.clamp_min(1e-6)) / b * 1e6
    adc = adc.clamp(0, float(rng.choice([3300, 4000, 4095, 6000])))
    style = rng.random()
    white = float(scan.signal(0.0)[INDEX["white"]])
    if style < 0.55:
        adc = adc * (s0 > float(rng.uniform(0.1, 0.4)) * white)
    elif style < 0.7:
        keep = functional.avg_pool2d((s0 > 0.3 * white).float()[:, None], 7, 1, 3)[:, 0] > 0.55
        adc = adc * keep
    return adc


def _anisotropy(scan: Scan) -> torch.Tensor:
    """FA map, grey or the brightness of its colour version: float32 (slices, height, width), 0..1.

    Fibres are ridges in smooth noise; a noise floor is added and the outside is masked or noisy.
    """
    rng = scan.rng
    fa = torch.einsum("sn,nhw->shw", scan.profile, scan.sampled.ideal(scan.values.fa))
    shape = tuple(fa.shape)
    ridges = 1 - torch.tanh(smooth_field(shape, 22, rng).abs() * float(rng.uniform(0.6, 1.6)))
    fa = fa * (0.35 + 1.1 * ridges)
    if rng.random() < 0.4:
        fa = fa * (0.45 + 0.35 * smooth_field(shape, 9, rng)).clamp(0.1, 1.0)
    if scan.shift is not None:
        fa = shift_along_phase(fa, scan.shift, scan.phase_axis)
    fa = acquire_slices(fa, float(rng.uniform(0.01, 0.08)), scan.sampled.pixel, scan.protocol.acquired, rng)
    fa = fa + float(rng.uniform(0.02, 0.12))
    head = torch.einsum("sn,nhw->shw", scan.profile, scan.sampled.inside().float())
    if rng.random() < 0.6:
        brain = torch.einsum("sn,nhw->shw", scan.profile, (scan.sampled.labels == 255).float())
        return fa * (functional.avg_pool2d(brain[:, None], 5, 1, 2)[:, 0] > 0.4)
    outside = torch.from_numpy(rng.gamma(3.0, 0.1, shape).astype(np.float32))
    return torch.where(head > 0.5, fa, outside * float(rng.choice([0.0, 1.0])))


def _phase_like(scan: Scan, high_pass: bool) -> torch.Tensor:
    """Phase image (high-pass filtered as in SWI) or field map: float32 (slices, height, width), 0 at 2000."""
    rng = scan.rng
    head = torch.einsum("sn,nhw->shw", scan.profile, scan.sampled.inside().float())
    shape = tuple(head.shape)
    from_air = 2.5 * scan.air * float(rng.uniform(1, 4))
    field = from_air + smooth_field(shape, 3, rng) * float(rng.uniform(0.3, 2.0))
    if high_pass:
        susceptible = np.zeros(len(scan.values.pd))
        for name, amount in SUSCEPTIBLE:
            susceptible[INDEX[name]] = amount * rng.uniform(0.5, 1.5)
        field = 0.35 * field + torch.einsum("sn,nhw->shw", scan.profile, scan.sampled.ideal(susceptible))
    noise = torch.from_numpy(rng.normal(0, float(rng.uniform(0.03, 0.25)), shape).astype(np.float32))
    random = torch.from_numpy(rng.uniform(-np.pi, np.pi, shape).astype(np.float32))
    phase = torch.where(head > 0.4, field + noise, random * float(rng.choice([0.0, 1.0, 1.0])))
    if high_pass or rng.random() < 0.5:
        phase = torch.remainder(phase + np.pi, 2 * np.pi) - np.pi
    return (phase + 4.0).clamp_min(0) * 500


def _project(image: torch.Tensor, reach: int, largest: bool) -> torch.Tensor:
    """Sliding maximum or minimum of (slices, height, width) over `reach` slices on each side."""
    pooled = image if largest else -image
    stack = functional.max_pool1d(
        pooled.permute(1, 2, 0).reshape(-1, 1, image.shape[0]), 2 * reach + 1, 1, reach
    )
    out = stack.reshape(*image.shape[1:], image.shape[0]).permute(2, 0, 1)
    return out if largest else -out


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
    scan, kind = Scan(sampled, profile, protocol, values, rng), protocol.kind
    if kind == "adc":
        return [(None, _adc(scan, protocol.b_values[-1]))]
    if kind == "dwi":
        return [(b, scan.image(b)) for b in protocol.b_values]
    if kind == "fa":
        return [(None, _anisotropy(scan))]
    if kind in ("phase", "fieldmap"):
        return [(None, _phase_like(scan, high_pass=kind == "phase"))]
    image = scan.image()
    step = float(protocol.thickness + protocol.gap)
    if kind == "mip":
        image = _project(image, max(2, int(rng.uniform(8, 60) / step / 2)), largest=True)
    elif kind == "minip":
        image = _project(image, max(1, int(rng.uniform(8, 20) / step / 2)), largest=False)
    return [(None, image)]


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
    if KINDS[protocol.kind].geometry == "localizer":
        usual = 3 * (protocol.thickness + protocol.gap)
    step = protocol.thickness + protocol.gap
    count = max(1, int((extent or usual) / step))
    thin = min(1.0, protocol.thickness)
    n_thin = max(1, int(np.ceil(((count - 1) * step + protocol.thickness) / thin)))
    tilt = rotation(np.deg2rad(rng.normal(0, (7.0, 2.5, 2.5))))
    values = tissue_values(protocol.field, np.random.default_rng([anatomy.seed, 11]))
    centre = _centre(protocol, rng)
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
