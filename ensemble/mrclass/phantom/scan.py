"""One pass of the scanner over a subject: signal, coil, distortion, resolution, noise; arrays only, no files.

Source: `weighting.py` for contrast, `scanner.py` for the acquisition.
"""

from __future__ import annotations

import numpy as np
import torch

from mrclass.phantom.protocols import Protocol
from mrclass.phantom.sampling import Sampled
from mrclass.phantom.scanner import acquire_slices, receive_bias, shift_along_phase, smooth_field
from mrclass.phantom.tissues import INDEX, TissueValues
from mrclass.phantom.weighting import tissue_signal

EPI_KINDS = ("adc", "dwi", "trace", "fa", "colour_fa", "epi", "m0", "perfusion", "fieldmap")


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
