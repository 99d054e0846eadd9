"""Names of what is sorted: a ledger row in, a path below DEST out that no header can choose; pure.

Source of the BIDS names: Brain Imaging Data Structure 1.11.1, "Magnetic Resonance Imaging". It has no suffix
for SWI (BEP 004 is a draft): SWI becomes T2starw, marked by `acq-swi`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
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
# What says which part of complex images a volume is: words of `volume_note`, values of ImageType.
PARTS: Mapping[str, frozenset[str]] = {
    "phase": frozenset({"phase", "P", "PHASE"}),
    "real": frozenset({"real part", "R", "REAL"}),
    "imag": frozenset({"imaginary part", "I", "IMAGINARY"}),
    "mag": frozenset({"M", "MAGNITUDE"}),
}
# What ContrastBolusAgent can name in a file's name; of free text nothing else gets there.
AGENTS = (
    "gadovist", "gadavist", "gadobutrol", "dotarem", "clariscan", "gadoterate", "magnevist", "gadopentetate",
    "prohance", "gadoteridol", "multihance", "gadobenate", "omniscan", "gadodiamide", "elucirem", "vueway",
    "gadopiclenol", "primovist", "eovist", "gadoxetate", "gadolinium",
)  # fmt: skip


NOBODY = "F-"  # begins the pseudonym of files without a patient; ten digits of their folder's token follow


class Names(NamedTuple):
    """Pseudonyms of a row: of its patient, of its study ("" where it has none), of its series."""

    subject: str
    session: str
    series: str


_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.I)  # device names of Windows


def is_nobody(subject: str) -> bool:
    """Whether a pseudonym stands for a folder of files without a patient."""
    return re.fullmatch(rf"{NOBODY}[0-9a-f]{{10}}", subject) is not None


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


def tails(volumes: Sequence[Row]) -> list[str]:
    """`_echo-2`, `_part-phase` or both for each volume of one series, "" where the series holds one of each.

    Echoes are counted by their time. Where parts differ, a volume that names none is the magnitude.
    """
    times = sorted({float(row["echo_time"]) for row in volumes if row["echo_time"]})
    parts = [_part(row) for row in volumes]
    many = len({part or "mag" for part in parts}) > 1
    return [
        (f"_echo-{times.index(float(row['echo_time'])) + 1}" if len(times) > 1 and row["echo_time"] else "")
        + (f"_part-{part or 'mag'}" if many else "")
        for row, part in zip(volumes, parts, strict=True)
    ]


def without_tail(path: str) -> str:
    """A path of `bids_file` without echo and part: what a series takes for all of them."""
    return re.sub(r"(_echo-\d+)?(_part-[a-z]+)?(?=_[^_/]+$)", "", path, count=1)


def _part(row: Row) -> str:
    """Which part of complex images a volume is: mag, phase, real, imag, or "" where nothing says so."""
    told = {*str(row["volume_note"] or "").split(", "), *(row["image_type"] or ())}
    return next((part for part, words in PARTS.items() if told & words), "")


def bids_file(
    row: Row, names: Names, taken: Mapping[str, str], before: str | None = None, tail: str = ""
) -> str:
    """Path of one volume in a BIDS tree, without ending.

    Args:
        row: of one of the labels in `BIDS`.
        names: its pseudonyms.
        taken: paths that other volumes have, also `without_tail`, and the pseudonyms of their series.
        before: the path that this volume had in an earlier sort; it keeps its run number.
        tail: of `tails`. Echoes and parts of a series have one run number, which no other series has.
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
    tail = tail if folder == "anat" else ""  # BIDS knows no echo and no part of an ADC map
    if before is not None and re.fullmatch(rf"{re.escape(stem)}_run-\d+{tail}_{suffix}", before):
        return before
    run = 1
    while (
        taken.get(f"{stem}_run-{run}_{suffix}", names.series) != names.series
        or f"{stem}_run-{run}{tail}_{suffix}" in taken
    ):
        run += 1
    return f"{stem}_run-{run}{tail}_{suffix}"


def agent(text: str) -> str:
    """The contrast agent for a `ce` entity: one of `AGENTS`, or "agent" where the tag names none of them."""
    plain = _alphanumeric(text).lower()
    return next((name for name in AGENTS if name in plain), "agent")


def folder_of(label: str) -> str:
    """Folder of a label: its spelling for people."""
    return safe(labels.display(label), "label")


def _alphanumeric(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode())
