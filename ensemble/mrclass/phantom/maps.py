"""Derived maps of a scan: ADC, anisotropy, phase, projections; arrays only, no files.

Source: log ratio of simulated b-values for ADC; `scanner.py` for what the acquisition does to the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from mrclass.phantom.scanner import acquire_slices, shift_along_phase, smooth_field
from mrclass.phantom.tissues import INDEX

if TYPE_CHECKING:
    from mrclass.phantom.scan import Scan

# phase in radians that each tissue adds to a filtered phase image
SUSCEPTIBLE = (("vein", 1.2), ("iron", 0.6), ("deep_grey", 0.3), ("grey", 0.12), ("blood", 1.6))


def adc_map(scan: Scan, b: float) -> torch.Tensor:
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


def anisotropy(scan: Scan) -> torch.Tensor:
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


def phase_like(scan: Scan, high_pass: bool) -> torch.Tensor:
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


def project(image: torch.Tensor, reach: int, largest: bool) -> torch.Tensor:
    """Sliding maximum or minimum of (slices, height, width) over `reach` slices on each side."""
    pooled = image if largest else -image
    stack = functional.max_pool1d(
        pooled.permute(1, 2, 0).reshape(-1, 1, image.shape[0]), 2 * reach + 1, 1, reach
    )
    out = stack.reshape(*image.shape[1:], image.shape[0]).permute(2, 0, 1)
    return out if largest else -out
