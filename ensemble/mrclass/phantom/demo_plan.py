"""What the demo export holds: two patients, their series in order, the headers that lie; no files.

Source: a routine tumour protocol and a routine brain protocol, with the faults that public DICOM shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from mrclass.phantom.protocols import Protocol


@dataclass(frozen=True)
class Planned:
    """One series of the demo: what is acquired, and what its header will claim instead."""

    kind: str
    plane: str
    lie: str = ""
    overrides: Mapping[str, str | None] = field(default_factory=dict)
    loose: bool = False  # goes into the flat folder where two series are mixed
    cut: bool = False  # one file of it, cut off in the middle of its pixels


@dataclass(frozen=True)
class Visit:
    """One patient of the demo."""

    style: str
    field: float
    date: str
    lesions: tuple[str, ...]
    series: tuple[Planned, ...]


VISITS: tuple[Visit, ...] = (
    Visit(
        "underscore",
        1.5,
        "20190314",
        ("tumour",),
        (
            Planned("localizer", "axial"),
            Planned("t1w_se", "sagittal"),
            Planned("t2w", "axial"),
            Planned("flair", "coronal"),
            Planned("dwi", "axial"),
            Planned("adc", "axial"),
            Planned("swi", "axial"),
            Planned(
                "t2w",
                "coronal",
                "a T2w called T1",
                {"SeriesDescription": "t1_se_cor", "ProtocolName": "t1_se_cor", "SequenceName": "*se2d1"},
            ),
            Planned("adc", "sagittal"),
            Planned("swi", "coronal"),
            Planned("t1ce_se", "axial"),
            Planned("t1ce_se", "coronal"),
            Planned("t1ce_mprage", "sagittal"),
            Planned("t2w", "sagittal", cut=True),
        ),
    ),
    Visit(
        "title",
        3.0,
        "20210908",
        ("wm_lesions",),
        (
            Planned("t1w_mprage", "coronal"),
            Planned("t2w", "sagittal"),
            Planned(  # without the inversion time nothing else in the header tells what it is
                "flair", "axial", "an empty description", {"SeriesDescription": "", "InversionTime": None}
            ),
            Planned("pd", "axial"),
            Planned("tof", "axial"),
            Planned(
                "t1w_se",
                "axial",
                "a contrast agent that was never given",
                {"SeriesDescription": "Ax T1 SE +C", "ContrastBolusAgent": "GADOLINIUM"},
            ),
            Planned("adc", "coronal"),
            Planned("swi", "sagittal", loose=True),
            Planned("flair", "sagittal", loose=True),
            Planned("spine", "sagittal"),
        ),
    ),
)


# ms; the middle of what hospitals use, where `protocols` draws from all that archives hold.
TIMINGS: Mapping[str, tuple[float, float]] = {  # TR, TE
    "t1w_se": (550.0, 12.0),
    "t1ce_se": (550.0, 12.0),
    "t2w": (4500.0, 100.0),
    "flair": (9000.0, 110.0),
    "pd": (3000.0, 15.0),
    "spine": (3500.0, 100.0),
}


def demo_protocol(kind: str, plane: str, field: float, rng: np.random.Generator) -> Protocol:
    """A routine protocol at the visit's field strength: stacks of 5 mm, volumes of 1.2 mm, usual timings."""
    from mrclass.phantom.protocols import random_protocol

    protocol = random_protocol(kind, rng, plane)
    while protocol.field != field:
        protocol = random_protocol(kind, rng, plane)
    spacing, thickness, gap = 0.9, 5.0, 1.0
    if kind.endswith(("mprage", "_3d")):
        spacing, thickness, gap = 1.1, 1.2, 0.0
    elif kind in ("swi", "tof"):
        thickness, gap = 2.0, 0.0
    elif kind in ("dwi", "adc"):
        spacing = 1.2
    acquired = max(spacing, min(protocol.acquired, 2.0 * spacing))
    drawn = replace(protocol, spacing=spacing, thickness=thickness, gap=gap, acquired=acquired)
    if kind in TIMINGS:
        tr, te = TIMINGS[kind]
        drawn = replace(drawn, tr=tr, te=te, fat=1.0)
    if kind in ("dwi", "adc"):
        drawn = replace(drawn, b_values=(0.0, 1000.0))
    return replace(drawn, contrast_agent=drawn.label == "t1ce")
