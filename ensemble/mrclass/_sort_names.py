"""Names of what is sorted: a ledger row in, a path below DEST out that no header can choose; pure.

Source of the BIDS names: Brain Imaging Data Structure 1.11.1, "Magnetic Resonance Imaging". It has no suffix
for SWI (BEP 004 is a draft): SWI becomes T2starw, marked by `acq-swi`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Mapping
from typing import Any, NamedTuple

from mrclass import labels

Row = Mapping[str, Any]
LONGEST = 40  # characters of a name that come from a header or a path
# Folder, suffix and acquisition label of the labels that BIDS can hold.
BIDS: Mapping[str, tuple[str, str, str]] = {
    "t1w": ("anat", "T1w", ""),
    "t1ce": ("anat", "T1w", ""),
    "t2w": ("anat", "T2w", ""),
    "flair": ("anat", "FLAIR", ""),
    "adc": ("dwi", "ADC", ""),
    "swi": ("anat", "T2starw", "swi"),
}
# What ContrastBolusAgent can name in a file's name; of free text nothing else gets there.
AGENTS = (
    "gadovist", "gadavist", "gadobutrol", "dotarem", "clariscan", "gadoterate", "magnevist", "gadopentetate",
    "prohance", "gadoteridol", "multihance", "gadobenate", "omniscan", "gadodiamide", "elucirem", "vueway",
    "gadopiclenol", "primovist", "eovist", "gadoxetate", "gadolinium",
)  # fmt: skip


class Names(NamedTuple):
    """Pseudonyms of a row: of its patient, of its study ("" where it has none), of its series."""

    subject: str
    session: str
    series: str


_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.I)  # device names of Windows


def safe(text: str, fallback: str = "unnamed") -> str:
    """A text as a file name everywhere: letters, digits, `_ . + -`, never hidden, reserved, empty or long."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "_", plain).strip("._-")[:LONGEST].rstrip("._-")
    return f"{fallback}_{plain}" if _RESERVED.match(plain) else plain or fallback


def labels_folder(row: Row, names: Names) -> str:
    """Folder below a label's: subject, study, description and a part of the series' name, which is unique."""
    named = str(row["description"] or "") or str(row["source"]).rstrip("/").rsplit("/", 1)[-1]
    named = re.sub(r"\.nii(\.gz)?$", "", named)
    levels = [names.subject, *([f"study-{names.session}"] if names.session else [])]
    return "/".join([*levels, f"{safe(named, 'series')}-{names.series[:8]}"])


def labels_file(row: Row, names: Names) -> str:
    """Path of one volume below a label's folder, without ending."""
    return f"{labels_folder(row, names)}_{int(row['volume_index'])}"


def bids_file(row: Row, names: Names, taken: Container[str], before: str | None = None) -> str:
    """Path of one volume in a BIDS tree, without ending.

    Args:
        row: of one of the labels in `BIDS`.
        names: its pseudonyms.
        taken: paths that other volumes have.
        before: the path that this volume had in an earlier sort; it keeps its run number.
    """
    folder, suffix, acquisition = BIDS[str(row["label"])]
    levels = [f"sub-{_alphanumeric(names.subject)}", *([f"ses-{names.session}"] if names.session else [])]
    entities = [*levels]
    plane = _alphanumeric(str(row["acquisition_plane"] or ""))
    if acquisition or plane:
        entities.append(f"acq-{acquisition}{plane}")
    if row["label"] == "t1ce":
        entities.append(f"ce-{agent(str(row['contrast_agent'] or ''))}")
    stem = "/".join([*levels, folder, "_".join(entities)])
    if before is not None and re.fullmatch(rf"{re.escape(stem)}_run-\d+_{suffix}", before):
        return before
    run = 1
    while f"{stem}_run-{run}_{suffix}" in taken:
        run += 1
    return f"{stem}_run-{run}_{suffix}"


def agent(text: str) -> str:
    """The contrast agent for a `ce` entity: one of `AGENTS`, or "agent" where the tag names none of them."""
    plain = _alphanumeric(text).lower()
    return next((name for name in AGENTS if name in plain), "agent")


def folder_of(label: str) -> str:
    """Folder of a label: its spelling for people."""
    return safe(labels.display(label), "label")


def _alphanumeric(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode())
