"""Protocol and tissue parameters -> signal of every tissue; pure, no files.

Vessels are changed by flow: void in spin echoes, bright by inflow in gradient echoes.
Source: `signal.py` for the equations; Haacke et al., ch. 24, for flow.
"""

from __future__ import annotations

import numpy as np

from mrclass.phantom import signal
from mrclass.phantom.protocols import Protocol
from mrclass.phantom.tissues import INDEX, TissueValues

SPIN_ECHOES = ("t1w_se", "t1ce_se", "t2w", "t2w_3d", "pd", "flair", "flair_3d", "t1w_flair", "spine")

DIFFUSION = ("adc", "dwi", "trace", "fa", "colour_fa")


def tissue_signal(
    protocol: Protocol, values: TissueValues, rng: np.random.Generator, b: float = 0.0
) -> np.ndarray:
    """Signal of each tissue under a protocol.

    Args:
        protocol: timings in ms, degrees.
        values: the subject's tissue parameters.
        rng: dose of contrast agent, flow.
        b: diffusion weighting, s/mm2.

    Returns:
        float64, shape (n_tissues,), magnitude relative to a fully relaxed PD of 1.
    """
    v, p = values, protocol
    t1 = v.t1
    if p.contrast_agent:
        lesion = np.ones(len(t1))
        lesion[INDEX["tumour"]] = rng.uniform(0.4, 1.6)
        dose = rng.uniform(0.5, 2.0)
        if p.realism > 1:  # faint as often as bright; small veins hardly fill a voxel
            dose *= np.exp(rng.uniform(np.log(0.25), 0.0))
        t1 = signal.relaxed_t1(v.t1, v.uptake * lesion * dose)
    fat = np.ones(len(t1))
    for name, share in (("fat", 1.0), ("marrow", 0.8)):
        fat[INDEX[name]] = 1 - share + share * p.fat
    kind = p.kind
    if kind in ("t1w_se", "t1ce_se", "t2w", "t2w_3d", "pd", "m0", "perfusion", "spine", "noise", "quality"):
        s = signal.spin_echo(v.pd, t1, v.t2, p.tr, p.te)
        if kind == "perfusion":
            s = v.perfusion * 0.1
    elif kind in ("flair", "flair_3d", "t1w_flair"):
        null = _null_time(float(v.t1[INDEX["csf"]]), p.tr) * p.options.get("null", 1.0)
        ti = p.ti if p.ti and p.ti > 0 else null
        s = signal.inversion_recovery(v.pd, t1, v.t2, p.tr, p.te, ti)
    elif kind in ("t1w_mprage", "t1ce_mprage"):
        s = signal.magnetization_prepared(v.pd, t1, v.t2star, p.tr, p.te, float(p.ti or 900), p.flip)
    elif kind in DIFFUSION:
        s = signal.diffusion(signal.spin_echo(v.pd, t1, v.t2, p.tr, p.te), v.adc, b)
    elif kind == "localizer":
        s = signal.balanced_ssfp(v.pd, t1, v.t2, p.flip, p.te)
    else:
        s = signal.spoiled_gradient_echo(v.pd, t1, v.t2star, p.tr, p.te, p.flip)
    s = s * fat
    white, greys = INDEX["white"], [INDEX[name] for name in ("grey", "deep_grey", "iron")]
    if "flat" in p.options:
        s[greys] = s[white] + p.options["flat"] * (s[greys] - s[white])
    if "transfer" in p.options:
        # bound water of myelin takes the most away (Melki and Mulkern, MRM 1992: multislice fast spin echo)
        s[white] *= 1 - p.options["transfer"]
        s[greys] *= 1 - 0.4 * p.options["transfer"]
    _flow(s, p, rng)
    return s


def _null_time(t1_csf: float, tr: float) -> float:
    """Inversion time in ms that nulls CSF at a given TR."""
    return float(t1_csf * (np.log(2) - np.log1p(np.exp(-tr / t1_csf))))


def _flow(s: np.ndarray, p: Protocol, rng: np.random.Generator) -> None:
    """Change the signal of artery and vein by flow, in place."""
    artery, vein = INDEX["artery"], INDEX["vein"]
    brightest = float(np.max(s[[INDEX["grey"], INDEX["white"], INDEX["csf"]]]))
    if p.kind in ("tof", "mip", "mip_full"):
        s[artery] = brightest * rng.uniform(2.0, 4.5)
        s[vein] = brightest * rng.uniform(0.5, 1.5)
    elif p.kind in SPIN_ECHOES or p.kind in DIFFUSION:
        s[artery] *= rng.uniform(0.02, 0.3)
        if not p.contrast_agent:
            s[vein] *= rng.uniform(0.05, 0.7)
    elif not p.contrast_agent:
        s[artery] *= rng.uniform(0.9, 2.4)
        s[vein] *= rng.uniform(0.8, 1.4)
    if p.kind in ("swi", "minip"):
        # the phase mask to the fourth power suppresses what is paramagnetic
        s[vein] *= rng.uniform(0.05, 0.45)
        s[INDEX["iron"]] *= rng.uniform(0.4, 0.95)
        s[INDEX["blood"]] *= rng.uniform(0.02, 0.4)
        s[artery] *= rng.uniform(0.6, 1.1)
