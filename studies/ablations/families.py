"""Folds of the training sources for leave-source-out: what may share patients or scanners stays together."""

from __future__ import annotations

import hashlib

FOLDS = 4
# the sources with the six classes are dealt by hand, so that every fold leaves something out of most classes
BY_HAND = {
    "muschellij2/open_ms_data": 0,
    "kirby21": 1,
    "MMIV-ML/ELMED219-2021": 2,
    "aaronsossin/DepressionMRI_AI": 3,
    "computational-medicine/BMED360-2020": 1,
    "xa30": 2,
}
TOGETHER = {
    "kirby21": ("Neurohacking_data", "imaging_in_r"),
    "canon": ("canon",),
    "xa30": ("xa30",),
}


def family(source: str) -> str:
    """The name under which sources that belong together are kept together."""
    source = source.removeprefix("dicom:")
    for name, parts in TOGETHER.items():
        if any(part.lower() in source.lower() for part in parts):
            return name
    return source


def fold(source: str) -> int:
    """Fold of a source, 0 to FOLDS - 1; -1 where it is never left out (single slices, simulated)."""
    if source == "simulated" or source.startswith("figshare"):
        return -1
    name = family(source)
    if name in BY_HAND:
        return BY_HAND[name]
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % FOLDS
