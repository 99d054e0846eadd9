"""Signal equations of the MR weightings: tissue parameters and timings in, relative magnitudes out; no files.

Arrays are float64 (n_tissues,): PD in 0..1, T1, T2 and T2* in ms, ADC in 1e-3 mm2/s. TR, TE and TI are ms,
flip angles degrees. A signal of 1 is that of a PD of 1, fully relaxed and not decayed.
Source: the textbook steady-state solutions (Haacke et al., Magnetic Resonance Imaging, ch. 8, 18, 21, 26).
"""

from __future__ import annotations

import numpy as np

R1_RELAXIVITY = 4.2  # per mM per s, gadolinium chelates at clinical field


def relaxed_t1(t1: np.ndarray, concentration: np.ndarray) -> np.ndarray:
    """T1 in ms with contrast agent of the given concentration in mM: 1/T1 grows by 4.2 per mM per s."""
    return 1.0 / (1.0 / t1 + R1_RELAXIVITY * concentration / 1000.0)


def spin_echo(pd: np.ndarray, t1: np.ndarray, t2: np.ndarray, tr: float, te: float) -> np.ndarray:
    """Spin echo: PD (1 - exp(-TR/T1)) exp(-TE/T2)."""
    return pd * (1 - np.exp(-tr / t1)) * np.exp(-te / t2)


def inversion_recovery(
    pd: np.ndarray, t1: np.ndarray, t2: np.ndarray, tr: float, te: float, ti: float
) -> np.ndarray:
    """Inversion recovery with a spin echo: PD |1 - 2 exp(-TI/T1) + exp(-TR/T1)| exp(-TE/T2)."""
    return pd * np.abs(1 - 2 * np.exp(-ti / t1) + np.exp(-tr / t1)) * np.exp(-te / t2)


def spoiled_gradient_echo(
    pd: np.ndarray, t1: np.ndarray, t2star: np.ndarray, tr: float, te: float, flip: float
) -> np.ndarray:
    """Spoiled gradient echo: PD sin(a) (1 - E) / (1 - cos(a) E) exp(-TE/T2*) with E = exp(-TR/T1) (Ernst)."""
    alpha = np.deg2rad(flip)
    e1 = np.exp(-tr / t1)
    return pd * np.sin(alpha) * (1 - e1) / (1 - np.cos(alpha) * e1) * np.exp(-te / t2star)


def magnetization_prepared(
    pd: np.ndarray, t1: np.ndarray, t2star: np.ndarray, tr: float, te: float, ti: float, flip: float
) -> np.ndarray:
    """Inversion-prepared gradient-echo train (MPRAGE): magnitude at its centre, inversion efficiency 0.95.

    The read-out train is short against TR, so magnetisation recovers between inversions as in plain inversion
    recovery; the flip angle enters through the partial saturation of the train.
    """
    saturation = np.exp(-0.12 * (flip / 9.0) * (1000.0 / t1))
    mz = 1 - (1 + 0.95 * saturation) * np.exp(-ti / t1) + 0.95 * saturation * np.exp(-tr / t1)
    return pd * np.abs(mz) * np.exp(-te / t2star)


def balanced_ssfp(pd: np.ndarray, t1: np.ndarray, t2: np.ndarray, flip: float, te: float) -> np.ndarray:
    """Balanced steady state for TR much shorter than T1 and T2: contrast follows T2/T1."""
    alpha = np.deg2rad(flip)
    ratio = t1 / t2
    return pd * np.sin(alpha) / (1 + np.cos(alpha) + (1 - np.cos(alpha)) * ratio) * np.exp(-te / t2)


def diffusion(signal: np.ndarray, adc: np.ndarray, b: float) -> np.ndarray:
    """Trace-weighted signal: S exp(-b ADC) with b in s/mm2 and ADC in 1e-3 mm2/s."""
    return signal * np.exp(-b * adc * 1e-3)
