"""Diffusion as realism 2 has it: tracts, a tensor fitted to noisy images, FA, colour FA, trace, ADC.

Arrays only, no files. Source: Basser and Pierpaoli, J Magn Reson B 1996 (tensor, anisotropy); Pajevic and
Pierpaoli, MRM 1999 (colour).
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from mrclass.phantom.realistic import RealisticScan
from mrclass.phantom.scanner import smooth_field
from mrclass.phantom.tissues import INDEX

LUMINANCE = (0.299, 0.587, 0.114)  # red left-right, green front-back, blue up-down


def _blur(image: torch.Tensor, reach: int) -> torch.Tensor:
    """Mean over (2 reach + 1) pixels in-plane, twice: float32, as the image."""
    for _ in range(2):
        image = functional.avg_pool2d(image[:, None], 2 * reach + 1, 1, reach, count_include_pad=False)[:, 0]
    return image


def tracts(scan: RealisticScan) -> tuple[torch.Tensor, torch.Tensor]:
    """White-matter tracts of the slices.

    Fibres follow the contours of a potential made of the distance to ventricles and to cortex; between sheets
    of fibres the anisotropy falls, where they cross.

    Returns:
        delta, float32 (slices, height, width): the tensor's anisotropic part, 0..1 (l1 = m (1 + 2 delta));
        fibre, float32 (3, slices, height, width): unit vectors along slices, rows, columns.
    """
    rng = np.random.default_rng([scan.raw_seed, 9])
    soft = torch.einsum("sn,cnhw->cshw", scan.profile, scan.sampled.soft)
    csf, white = soft[0], soft[2]
    reach = max(2, int(round(5.0 / scan.sampled.pixel)))
    shape = tuple(white.shape)
    deep, near = _blur(white, reach), _blur((csf > 0.6).float(), reach)
    wander = smooth_field(shape, 12, rng)
    potential = 1.6 * deep - 1.8 * near + float(rng.uniform(0.08, 0.16)) * wander
    slope = torch.stack(
        [torch.gradient(potential, dim=k)[0] if shape[k] > 1 else torch.zeros(shape) for k in range(3)]
    )
    slope[0] *= scan.sampled.pixel / max(scan.protocol.thickness + scan.protocol.gap, 0.1)
    axis = torch.stack([0.5 * smooth_field(shape, 4, rng) + c for c in rng.normal(0, 0.6, 3)])
    fibre = torch.linalg.cross(slope, axis, dim=0)
    fibre = fibre / fibre.norm(dim=0, keepdim=True).clamp_min(1e-6)
    sheets = 0.5 + 0.5 * torch.cos(2 * np.pi * potential * float(rng.uniform(3.0, 5.0)))
    bundle = (0.30 + 0.55 * sheets + 0.9 * near).clamp(0, 1)
    stripe = 1 + 0.25 * smooth_field(shape, 48, rng)
    fa = (white**1.5 * (0.16 + 0.66 * bundle) * stripe).clamp(0, 0.92)
    fa = torch.maximum(fa, 0.10 * soft[1])
    return fa / (3 - 2 * fa**2).sqrt(), fibre


def _directions(count: int, rng: np.random.Generator) -> torch.Tensor:
    """Unit vectors spread over the half-sphere, three of them at right angles: float32 (count, 3)."""
    if count == 3:  # their mean is the trace
        turned, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        return torch.from_numpy(turned.T.astype(np.float32))
    k = np.arange(count) + 0.5
    z, angle = 1 - k / count, np.pi * (1 + 5**0.5) * k + rng.uniform(0, 6)
    r = np.sqrt(1 - z**2)
    return torch.from_numpy(np.stack([r * np.cos(angle), r * np.sin(angle), z], 1).astype(np.float32))


def _weighted(scan: RealisticScan, b: float, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noisy b 0 (s, h, w), noisy images of directions (count, s, h, w), the directions (count, 3)."""
    delta, fibre = tracts(scan)
    plain = scan.received(0.0)
    mean = torch.einsum("sn,nhw->shw", scan.profile, scan.sampled.ideal(scan.values.adc)) * 1e-3
    directions = _directions(count, scan.own)
    images = []
    for n, g in enumerate(directions):
        along = torch.einsum("k,kshw->shw", g, fibre)
        images.append(scan.stored(plain * torch.exp(-b * mean * (1 + delta * (3 * along**2 - 1))), b=b + n))
    return scan.stored(plain, boost=1.5), torch.stack(images), directions


def _fit(b0: torch.Tensor, images: torch.Tensor, g: torch.Tensor, b: float) -> torch.Tensor:
    """Linear least squares: the tensor's (xx, yy, zz, xy, xz, yz) in 1e-3 mm2/s, float32 (6, s, h, w)."""
    design = torch.stack(
        [g[:, 0] ** 2, g[:, 1] ** 2, g[:, 2] ** 2, 2 * g[:, 0] * g[:, 1], 2 * g[:, 0] * g[:, 2],
         2 * g[:, 1] * g[:, 2]], 1,
    )  # fmt: skip
    apparent = torch.log(b0.clamp_min(1e-6) / images.clamp_min(1e-6)) / b * 1e3
    return torch.einsum("kn,nshw->kshw", torch.linalg.pinv(design), apparent)


def anisotropy(scan: RealisticScan, colour: bool) -> torch.Tensor:
    """FA map, or the luminance of the colour one: float32 (slices, height, width), 0..1.

    Args:
        scan: the pass; six to twenty directions are simulated and a tensor is fitted.
        colour: weight each direction of the main eigenvector as its colour's luminance.
    """
    own, b = scan.own, scan.protocol.b_values[-1]
    b0, images, g = _weighted(scan, b, int(own.choice([6, 6, 12, 20])))
    d = _fit(b0, images, g, b)
    square = (d[:3] ** 2).sum(0) + 2 * (d[3:] ** 2).sum(0)
    third = d[:3].sum(0) / 3
    fa = (1.5 * (square - 3 * third**2).clamp_min(0) / square.clamp_min(1e-6)).sqrt().clamp(0, 1)
    if colour:
        matrix = d[[0, 3, 4, 3, 1, 5, 4, 5, 2]].reshape(3, 3, *fa.shape).permute(2, 3, 4, 0, 1)
        for _ in range(4):  # the main eigenvector outgrows the others
            matrix = matrix / matrix.flatten(-2).norm(dim=-1).clamp_min(1e-9)[..., None, None]
            matrix = matrix @ matrix
        main = matrix[..., [0, 1, 2], [0, 1, 2]].clamp_min(0)
        main = (main / main.sum(-1, keepdim=True).clamp_min(1e-9)).sqrt()  # (s, h, w, slice-row-column)
        ras = torch.from_numpy(np.abs(scan.sampled.directions).astype(np.float32))
        fa = fa * ((main @ ras) @ torch.tensor(LUMINANCE)).clamp(0, 1)
    return fa * _mask(scan, b0, 0.7)


def _mask(scan: RealisticScan, b0: torch.Tensor, share: float) -> torch.Tensor:
    """What a maker keeps of a map: the brain (in `share` of the scans), the ragged head, or everything."""
    own = scan.own
    style = own.random()
    if style < share:
        brain = torch.einsum("sn,nhw->shw", scan.profile, (scan.sampled.labels == 255).float())
        if scan.shift is not None:
            from mrclass.phantom.scanner import shift_along_phase

            brain = shift_along_phase(brain, scan.shift, scan.phase_axis)
        return (_blur(brain, 2) > float(own.uniform(0.25, 0.6))).float()
    if style < share + 0.28:
        white = float(scan.signal(0.0)[INDEX["white"]])
        return (b0 > float(own.uniform(0.08, 0.3)) * white).float()
    return torch.ones_like(b0)


def adc_map(scan: RealisticScan, b: float) -> torch.Tensor:
    """ADC in 1e-6 mm2/s of noisy b 0 and b: float32 (slices, height, width).

    Three directions are averaged as scanners do; outside, the logarithm of noise stays, or a mask takes it.
    """
    own = scan.own
    b0, images, _ = _weighted(scan, b, 3)
    weighted = images.clamp_min(1e-6).log().mean(0).exp()
    if own.random() < 0.5:  # what scanners smooth before they divide
        b0, weighted = (functional.avg_pool2d(x[:, None], 3, 1, 1)[:, 0] for x in (b0, weighted))
    adc = torch.log(b0.clamp_min(1e-6) / weighted.clamp_min(1e-6)) / b * 1e6
    top = float(own.choice([3300, 4000, 4095, 6000]))
    white = float(scan.signal(0.0)[INDEX["white"]])
    adc = adc.clamp(0, top)
    style = own.random()
    if style < 0.5:  # a threshold on b 0: ragged rim, holes in the skull
        return adc * (b0 > float(own.uniform(0.1, 0.45)) * white)
    if style < 0.7:
        keep = functional.avg_pool2d((b0 > 0.3 * white).float()[:, None], 7, 1, 3)[:, 0] > 0.55
        return adc * keep
    return adc


def trace(scan: RealisticScan, b: float) -> torch.Tensor:
    """Geometric mean of three directions: float32 (slices, height, width)."""
    _, images, _ = _weighted(scan, b, 3)
    return images.clamp_min(1e-6).log().mean(0).exp()
