"""Sequence protocols of clinical brain MR, drawn at random per kind; reads and writes nothing.

Source: parameter ranges of routine protocols at 1.5 and 3 T as vendors and consensus papers state them (for
example the brain tumour imaging protocol); widened, because archives are wider than consensus.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field  # `field` is tesla in Protocol

import numpy as np

from mrclass.phantom import timings
from mrclass.phantom.timings import uniform

PLANES = ("axial", "sagittal", "coronal")
REALISM = (1, 2)  # docs/realism.md


@dataclass(frozen=True)
class Protocol:
    """How one series is acquired.

    Attributes:
        kind: row of KINDS.
        label: key of `mrclass.labels`.
        field: tesla.
        plane: axial, sagittal or coronal.
        spacing: in-plane mm of the stored image.
        thickness, gap: slice profile and distance between slices, mm.
        tr, te, ti: ms; ti None without inversion, -1 for the null of CSF times options["null"].
        flip: degrees.
        b_values: s/mm2, one volume each; empty without diffusion weighting.
        contrast_agent: given before this series.
        acquired: in-plane mm that was really acquired (>= spacing: the rest is interpolation).
        fat: factor on the signal of fat (fat saturation < 1).
        snr: signal of white matter over the standard deviation of the noise.
        options: what else a kind needs.
        realism: generation of the simulation; 1 keeps what was published, 2 looks more like real scans.
    """

    kind: str
    label: str
    field: float
    plane: str
    spacing: float
    thickness: float
    gap: float
    tr: float
    te: float
    ti: float | None
    flip: float
    b_values: tuple[float, ...] = ()
    contrast_agent: bool = False
    acquired: float = 1.0
    fat: float = 1.0
    snr: float = 40.0
    options: dict[str, float] = dataclass_field(default_factory=dict)
    realism: int = 1


@dataclass(frozen=True)
class Kind:
    """A row of the protocol table: how often each geometry occurs and which timings are drawn."""

    label: str
    draw: timings.Draw
    geometry: str  # stack | volume | epi | thin | localizer | spine | any (stack or volume)
    snr: tuple[float, float] = (20.0, 90.0)
    planes: tuple[float, float, float] = (0.6, 0.22, 0.18)
    contrast_agent: float = 0.0  # share acquired after contrast agent


KINDS: dict[str, Kind] = {
    "t1w_se": Kind("t1w", timings.t1_se, "stack"),
    "t1w_mprage": Kind("t1w", timings.t1_mprage, "volume", planes=(0.35, 0.5, 0.15)),
    "t1w_gre": Kind("t1w", timings.t1_gre, "any"),
    "t1w_flair": Kind("t1w", timings.t1_flair, "stack"),
    "t1ce_se": Kind("t1ce", timings.t1_se, "stack", contrast_agent=1.0),
    "t1ce_mprage": Kind("t1ce", timings.t1_mprage, "volume", planes=(0.5, 0.35, 0.15), contrast_agent=1.0),
    "t1ce_gre": Kind("t1ce", timings.t1_gre, "any", contrast_agent=1.0),
    "t2w": Kind("t2w", timings.t2, "stack"),
    "t2w_3d": Kind("t2w", timings.t2_3d, "volume", planes=(0.4, 0.45, 0.15)),
    "flair": Kind("flair", timings.flair, "stack", contrast_agent=0.1),
    "flair_3d": Kind("flair", timings.flair, "volume", (15.0, 60.0), (0.4, 0.45, 0.15), 0.1),
    "adc": Kind("adc", timings.diffusion, "epi", (14.0, 60.0), (0.9, 0.05, 0.05), 0.1),
    "swi": Kind("swi", timings.swi, "thin", (12.0, 45.0), (0.97, 0.01, 0.02), 0.1),
    "dwi": Kind("other", timings.diffusion, "epi", (10.0, 60.0), (0.9, 0.05, 0.05), 0.1),
    "t2star": Kind("other", timings.t2star, "stack", planes=(0.85, 0.05, 0.1)),
    "pd": Kind("other", timings.pd, "any"),
    "tof": Kind("other", timings.tof, "thin", (10.0, 40.0), (0.95, 0.02, 0.03)),
    "mip": Kind("other", timings.tof, "thin", (10.0, 40.0), (0.5, 0.2, 0.3)),
    "minip": Kind("other", timings.swi, "thin", (12.0, 45.0), (0.97, 0.01, 0.02)),
    "phase": Kind("other", timings.swi, "thin", (8.0, 45.0), (0.9, 0.05, 0.05)),
    "epi": Kind("other", timings.epi, "epi", (15.0, 90.0), (0.85, 0.1, 0.05)),
    "m0": Kind("other", timings.m0, "epi", (15.0, 90.0), (0.85, 0.1, 0.05)),
    "perfusion": Kind("other", timings.m0, "epi", (3.0, 15.0), (0.9, 0.05, 0.05)),
    "fa": Kind("other", timings.diffusion, "epi", (10.0, 40.0), (0.9, 0.05, 0.05)),
    "fieldmap": Kind("other", timings.fieldmap, "epi", (10.0, 60.0), (0.85, 0.1, 0.05)),
    "localizer": Kind("other", timings.localizer, "localizer", (8.0, 30.0), (0.34, 0.33, 0.33)),
    "spine": Kind("other", timings.t2, "spine", (15.0, 60.0), (0.15, 0.75, 0.1)),
    "noise": Kind("other", timings.m0, "any", (0.01, 0.5)),
}

# added later: drawn when they are named, so that what was made of all KINDS stays as it is; always realism 2
MORE_KINDS: dict[str, Kind] = {
    "trace": Kind("other", timings.diffusion, "epi", (8.0, 40.0), (0.9, 0.05, 0.05)),
    "colour_fa": Kind("other", timings.diffusion, "epi", (10.0, 40.0), (0.9, 0.05, 0.05)),
    "mip_full": Kind("other", timings.tof, "thin", (10.0, 40.0), (0.4, 0.3, 0.3)),
    "quality": Kind("other", timings.quality, "any", (20.0, 90.0)),
}
ALL_KINDS: dict[str, Kind] = {**KINDS, **MORE_KINDS}


def _geometry(style: str, rng: np.random.Generator) -> dict[str, float]:
    """Draw spacing, thickness, gap and acquired resolution, all mm."""
    if style == "any":
        style = str(rng.choice(["stack", "volume"]))
    if style == "volume":
        iso = uniform(rng, 0.8, 1.3)
        return dict(
            spacing=iso, thickness=iso * uniform(rng, 0.9, 1.4), gap=0.0, acquired=iso * uniform(rng, 1, 1.2)
        )
    if style == "thin":
        spacing = uniform(rng, 0.4, 1.0)
        return dict(
            spacing=spacing,
            thickness=uniform(rng, 0.8, 2.6),
            gap=0.0,
            acquired=spacing * uniform(rng, 1, 1.6),
        )
    if style == "epi":
        acquired = uniform(rng, 1.6, 3.8)
        spacing = acquired / float(rng.choice([1, 1, 2]))
        return dict(
            spacing=spacing, thickness=uniform(rng, 2, 5.5), gap=uniform(rng, 0, 1.2), acquired=acquired
        )
    if style == "localizer":
        return dict(
            spacing=uniform(rng, 0.7, 1.1),
            thickness=uniform(rng, 5, 10),
            gap=uniform(rng, 0, 10),
            acquired=uniform(rng, 1.2, 2.4),
        )
    spacing = uniform(rng, 0.4, 1.0)
    return dict(
        spacing=spacing,
        thickness=uniform(rng, 2.5, 6),
        gap=uniform(rng, 0, 1.6),
        acquired=spacing * uniform(rng, 1, 1.5),
    )


def random_protocol(
    kind: str, rng: np.random.Generator, plane: str | None = None, realism: int = 1
) -> Protocol:
    """Draw a protocol of a kind.

    Args:
        kind: row of ALL_KINDS.
        rng: source of the draw.
        plane: fixed plane; None draws it with the kind's usual shares.
        realism: one of REALISM; 2 draws on after what 1 draws. MORE_KINDS are always of 2.

    Raises:
        ValueError: unknown kind, plane or realism; the message lists the choices.
    """
    if kind not in ALL_KINDS:
        raise ValueError(f"{kind!r} is not a kind of series; choose one of: {', '.join(ALL_KINDS)}")
    if plane is not None and plane not in PLANES:
        raise ValueError(f"{plane!r} is not a plane; choose one of: {', '.join(PLANES)}")
    if realism not in REALISM:
        raise ValueError(f"{realism!r} is no realism; choose one of: {', '.join(map(str, REALISM))}")
    row = ALL_KINDS[kind]
    tesla = float(rng.choice([1.5, 3.0]))
    chosen = plane or str(rng.choice(PLANES, p=row.planes))
    drawn: dict[str, object] = dict(ti=None)
    drawn.update(row.draw(rng, tesla))
    drawn.update(_geometry(row.geometry, rng))
    protocol = Protocol(
        kind=kind,
        label=row.label,
        field=tesla,
        plane=chosen,
        contrast_agent=bool(rng.random() < row.contrast_agent),
        snr=float(np.exp(rng.uniform(*np.log(row.snr)))),
        **drawn,  # type: ignore[arg-type]
    )
    return realistic(protocol, rng) if realism > 1 or kind in MORE_KINDS else protocol


def realistic(p: Protocol, rng: np.random.Generator) -> Protocol:
    """The protocol of realism 2 of one of realism 1; draws from rng what it changes.

    An echo comes before the next pulse; CSF of SWI is dark to bright; spin-echo T1 is flat; diffusion noisy;
    trains of echoes transfer magnetisation, and those of varying flip angle are T2-weighted like an echo of
    about 100 ms, whatever their TE (Busse et al., MRM 2006, fast spin echo with tissue-specific flip angles).
    """
    changes: dict[str, object] = {"realism": 2}
    options = dict(p.options)
    if p.kind in ("swi", "minip", "phase"):
        # low flip angles make CSF bright, high ones dark
        changes["flip"] = uniform(rng, 5.0, 20.0)
        changes["tr"] = max(uniform(rng, 27, 60), p.te + uniform(rng, 7, 14))
    elif p.te >= p.tr:
        changes["tr"] = p.te + uniform(rng, 1.5, 3.0)
    if p.kind in ("t1w_se", "t1ce_se"):  # turbo factors and magnetisation transfer take the contrast away
        options["flat"] = uniform(rng, 0.25, 1.0)
    if p.kind == "t2w_3d":
        changes["te"] = uniform(rng, 75.0, 125.0)
    if p.kind in ("t2w", "t2w_3d", "flair", "flair_3d", "spine"):
        options["transfer"] = uniform(rng, 0.05, 0.3)
    if p.kind in ("adc", "dwi", "trace", "fa", "colour_fa"):
        low, high = (14.0, 60.0) if p.kind in ("fa", "colour_fa") else (5.0, 35.0)
        changes["snr"] = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        changes["fat"] = uniform(rng, 0.0, 0.12)
    if KINDS.get(p.kind, KINDS["noise"]).geometry in ("stack", "thin", "volume") and rng.random() < 0.06:
        options["fov"] = uniform(rng, 100.0, 180.0)  # mm; inner ear, orbits, pituitary
    return replace(p, options=options, **changes)  # type: ignore[arg-type]
