"""Tissue parameters at 1.5 and 3 T for the simulator; reads and writes nothing.

Source: relaxation times and diffusivities in the range of the literature for brain at 1.5 and 3 T, rounded;
jittered per subject because no two subjects, scanners or fits agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tissue:
    """One tissue.

    Attributes:
        name: key of INDEX.
        pd: proton density, 0..1.
        t1: s at (1.5 T, 3 T).
        t2, t2star: ms at (1.5 T, 3 T).
        adc: 1e-3 mm2/s.
        uptake: mM of contrast agent reached after a usual dose.
        fa: fractional anisotropy, 0..1.
        perfusion: cerebral blood flow relative to grey matter.
    """

    name: str
    pd: float
    t1: tuple[float, float]
    t2: tuple[float, float]
    t2star: tuple[float, float]
    adc: float
    uptake: float = 0.0
    fa: float = 0.05
    perfusion: float = 0.0


TABLE: tuple[Tissue, ...] = (
    Tissue("air", 0.0, (1.0, 1.0), (1.0, 1.0), (1.0, 1.0), 0.0),
    Tissue("csf", 1.0, (4.0, 4.3), (1800, 1700), (600, 300), 3.0),
    Tissue("grey", 0.82, (1.05, 1.40), (95, 90), (75, 58), 0.83, 0.03, 0.12, 1.0),
    Tissue("white", 0.70, (0.65, 0.86), (78, 72), (65, 50), 0.72, 0.01, 0.55, 0.35),
    Tissue("deep_grey", 0.78, (0.90, 1.20), (78, 68), (45, 30), 0.78, 0.03, 0.20, 0.9),
    Tissue("iron", 0.74, (0.80, 1.05), (66, 54), (30, 18), 0.76, 0.03, 0.25, 0.7),
    Tissue("fat", 0.90, (0.28, 0.36), (110, 100), (35, 20), 0.1, 0.0, 0.05, 0.02),
    Tissue("muscle", 0.75, (0.95, 1.30), (42, 38), (28, 20), 1.3, 0.08, 0.25, 0.1),
    Tissue("bone", 0.06, (0.5, 0.6), (8, 6), (2, 1.5), 0.2),
    Tissue("marrow", 0.55, (0.36, 0.45), (70, 62), (18, 10), 0.3, 0.05),
    Tissue("skin", 0.72, (0.75, 0.95), (38, 33), (22, 15), 1.0, 0.15),
    Tissue("vein", 0.80, (1.45, 1.65), (120, 70), (45, 18), 1.6, 1.6, 0.05, 0.6),
    Tissue("artery", 0.80, (1.45, 1.65), (180, 140), (120, 70), 1.6, 1.0, 0.05, 1.5),
    Tissue("dura", 0.55, (0.85, 1.1), (45, 38), (28, 18), 0.9, 0.5),
    Tissue("mucosa", 0.85, (1.0, 1.3), (110, 100), (50, 30), 1.5, 1.2, 0.05, 0.6),
    Tissue("choroid", 0.86, (1.3, 1.6), (160, 145), (60, 40), 1.7, 1.0, 0.05, 1.2),
    Tissue("oedema", 0.90, (1.3, 1.6), (180, 165), (130, 100), 1.45, 0.02, 0.15, 0.3),
    Tissue("tumour", 0.86, (1.1, 1.4), (120, 110), (75, 55), 1.05, 1.0, 0.1, 1.6),
    Tissue("necrosis", 0.94, (2.0, 2.3), (320, 290), (200, 140), 2.1, 0.02, 0.05, 0.02),
    Tissue("stroke", 0.86, (1.15, 1.5), (140, 125), (100, 75), 0.42, 0.02, 0.3, 0.1),
    Tissue("wm_lesion", 0.88, (1.15, 1.45), (150, 135), (100, 75), 1.15, 0.02, 0.2, 0.25),
    Tissue("blood", 0.72, (0.55, 0.75), (45, 35), (9, 5), 0.7, 0.02, 0.05, 0.02),
    Tissue("vitreous", 1.0, (3.6, 3.9), (1200, 1100), (400, 250), 2.8),
    Tissue("pituitary", 0.80, (0.75, 1.0), (85, 78), (40, 28), 0.8, 1.3, 0.05, 1.0),
    Tissue("disc", 0.80, (0.95, 1.2), (95, 85), (45, 30), 1.6, 0.05, 0.2, 0.02),
)

INDEX: dict[str, int] = {tissue.name: i for i, tissue in enumerate(TABLE)}
COUNT = len(TABLE)


@dataclass(frozen=True)
class TissueValues:
    """Parameters of all tissues in one subject at one field strength.

    Every attribute: float64, shape (n_tissues,), in the units of `Tissue`, but T1, T2 and T2* all in ms.
    """

    pd: np.ndarray
    t1: np.ndarray
    t2: np.ndarray
    t2star: np.ndarray
    adc: np.ndarray
    uptake: np.ndarray
    fa: np.ndarray
    perfusion: np.ndarray


def tissue_values(field: float, rng: np.random.Generator, spread: float = 1.0) -> TissueValues:
    """Draw one subject's tissue parameters: float64 (n_tissues,) each.

    Args:
        field: tesla; values between and beyond 1.5 and 3 T follow the line through both on a log scale.
        rng: source of the jitter: T1 and T2 8 %, T2* 15 %, PD 3 %, ADC 8 %, uptake 25 %.
        spread: factor on the jitter; 0 gives the table.
    """
    weight = np.log(field / 1.5) / np.log(2.0)

    def at_field(name: str, scale: float) -> np.ndarray:
        pair = np.array([getattr(tissue, name) for tissue in TABLE], dtype=np.float64)
        return scale * np.exp(np.log(pair[:, 0]) * (1 - weight) + np.log(pair[:, 1]) * weight)

    def jitter(values: np.ndarray, sigma: float) -> np.ndarray:
        # mostly common to all tissues: subjects and fits differ, the order of grey and white matter hardly
        common = rng.normal(0.0, 0.9 * sigma * spread)
        own = rng.normal(0.0, 0.35 * sigma * spread, values.shape)
        return values * np.exp(common + own)

    def plain(name: str) -> np.ndarray:
        return np.array([getattr(tissue, name) for tissue in TABLE], dtype=np.float64)

    return TissueValues(
        pd=jitter(plain("pd"), 0.03),
        t1=jitter(at_field("t1", 1000.0), 0.08),
        t2=jitter(at_field("t2", 1.0), 0.08),
        t2star=jitter(at_field("t2star", 1.0), 0.15),
        adc=jitter(plain("adc"), 0.08),
        uptake=jitter(plain("uptake"), 0.25),
        fa=jitter(plain("fa"), 0.1),
        perfusion=jitter(plain("perfusion"), 0.15),
    )
