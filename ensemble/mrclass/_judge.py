"""What one file's header record means: convert, skip or unreadable, and the reason in plain words; pure.

Source: DICOM PS3.4 annex B (storage SOP classes) and PS3.10 (DICOMDIR).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DICOM_ENDINGS = (".dcm", ".dicom", ".ima")
DICOMDIR = "1.2.840.10008.1.3.10"
MAGIC = (
    ("ffd8ff", "a JPEG picture"), ("89504e47", "a PNG picture"), ("47494638", "a GIF picture"), 
    ("424d", "a bitmap"), ("1f8b", "a gzip file"), ("25504446", "a PDF"),
    ("504b0304", "a zip archive: unpack it and name the folder"),
    ("377abcaf", "a 7z archive: unpack it and name the folder"), ("3c", "XML or HTML"),
    ("49492a00", "a TIFF picture"), ("4d4d002a", "a TIFF picture"), ("4d5a", "a Windows program"),
)  # fmt: skip
# What SOP classes without an image are, for people; looked for in the standard's own name, in this order.
OBJECTS = (
    ("Presentation State", "a presentation state (display settings)"),
    ("Spectroscopy", "MR spectroscopy"),
    ("Raw Data", "raw data of the scanner"),
    ("SR", "a structured report"),
    ("Report", "a structured report"),
    ("Waveform", "a waveform (ECG or the like)"),
    ("RT Structure", "radiotherapy contours"),
    ("RT ", "a radiotherapy plan or record"),
    ("Hanging Protocol", "a hanging protocol (display layout)"),
    ("Encapsulated", "an encapsulated document"),
    ("Key Object", "a key object selection"),
)


@dataclass
class FileRecord:
    """One file's answer of the header reader.

    Attributes:
        kind: "dicom", "none" (not DICOM) or "broken" (DICOM, but its header cannot be read).
        content: hash of instance number, position, times, echo, matrix.
        cut: how its pixel data are cut off, in words; None if they are whole.
        stacks: where its slices lie by its header, as `_positions.stacks` gives them.
        shown: its path relative to what the user named, for messages.
    """

    path: Path
    kind: str
    reason: str = ""
    magic: str = ""
    series: str = ""
    study: str = ""
    instance: str = ""
    patient: str = ""
    number: float | None = None
    content: str = ""
    object: str = ""
    pixels: bool = False
    cut: str | None = None
    stacks: list[Any] = field(default_factory=list)
    header: dict[str, Any] = field(default_factory=dict)
    shown: str = ""

    @classmethod
    def from_answer(cls, path: Path, answer: dict[str, Any]) -> FileRecord:
        """The record of one line of the reader; absent values become empty."""
        number = answer.get("number")
        return cls(
            path=path,
            kind=answer["kind"],
            reason=answer.get("reason") or "",
            magic=answer.get("magic") or "",
            number=number if isinstance(number, (int, float)) else None,
            content=answer.get("content") or "",
            object=answer.get("object") or "",
            pixels=bool(answer.get("pixels")),
            cut=answer.get("cut"),
            stacks=answer.get("stacks") or [],
            header=answer.get("header") or {},
            **{word: _text(answer.get(word)) for word in ("series", "study", "instance", "patient")},
        )

    @property
    def modality(self) -> str:
        """Modality in capitals, "" where absent."""
        return _text(self.header.get("Modality")).upper()

    @property
    def syntax(self) -> str:
        """TransferSyntaxUID, "" where absent."""
        return _text(self.header.get("TransferSyntaxUID"))

    @property
    def is_image(self) -> bool:
        """Whether it holds pixels, or claims to by its SOP class or matrix."""
        return self.pixels or "Rows" in self.header or self.object.endswith("Image Storage")

    @property
    def claims_dicom(self) -> bool:
        """Whether its name says DICOM; such a file gets a row even if nothing in it can be read."""
        return self.path.suffix.lower() in DICOM_ENDINGS and self.reason != "empty file"

    def identity(self) -> tuple[str, str]:
        """SOPInstanceUID and content: equal for copies of one image."""
        return self.instance, self.content

    def group_key(self) -> tuple[str, ...]:
        """What files of one series share; the first entry is the series' UID or stands for it."""
        uid = self.series
        if not uid:
            uid = f"folder:{hashlib.sha256(os.fsencode(self.path.parent)).hexdigest()[:16]}"
        sort = "image" if self.is_image else self.object or "object"
        return uid, sort, self.modality, self.study, self.patient, _text(self.header.get("SeriesNumber"))

    def patient_key(self) -> str:
        """Pseudonym of the patient: the same for the same PatientID; without one, for the same study."""
        return pseudonym(self.patient or self.study or self.series)


def pseudonym(who: str) -> str:
    """Of a PatientID, or of what stands for it: P and ten hexadecimal digits; "" of nobody."""
    digest = hashlib.sha256(b"mrclass patient " + who.encode("utf-8", "replace")).hexdigest()
    return f"P{digest[:10]}" if who else ""


@dataclass(frozen=True)
class Judgement:
    """`status` "ok", "skipped" or "unreadable", and the reason ("" where there is nothing to say)."""

    status: str
    reason: str = ""


def judge(record: FileRecord) -> Judgement:
    """Whether a DICOM file goes to the converter, and why not."""
    modality, name = record.modality, record.object
    if record.header.get("SOPClassUID") == DICOMDIR:
        return Judgement("skipped", "a DICOMDIR: an index of other files, without an image")
    if not record.is_image:
        for word, meaning in OBJECTS:
            if word in name:
                return Judgement("skipped", f"{meaning}, no image to look at ({name})")
        what = f" ({name})" if name else ""
        return Judgement("skipped", f"a DICOM object without an image{what}")
    if modality and modality != "MR":
        return Judgement("skipped", f"Modality {modality}: not MR")
    if not modality and name.endswith("Image Storage") and not _may_be_mr(name):
        return Judgement("skipped", f"{name}: not MR")
    if not record.pixels:
        return Judgement("unreadable", "an image without its pixel data: the file is cut off or was stripped")
    if not (_positive(record.header.get("Rows")) and _positive(record.header.get("Columns"))):
        return Judgement("unreadable", "pixel data without Rows and Columns, so no image can be made of them")
    if record.cut:
        return Judgement("unreadable", f"truncated: {record.cut}")
    if not modality:
        return Judgement("ok", "Modality is missing; taken for MR because it is an image")
    return Judgement("ok")


def not_dicom(record: FileRecord) -> str:
    """Why a file that is not DICOM is left out, in plain words."""
    if record.reason:
        return record.reason
    if record.path.suffix.lower() in (".hdr", ".img"):
        return "not DICOM or NIfTI in one file (a .hdr/.img pair: convert it to .nii)"
    for magic, meaning in MAGIC:
        if record.magic.startswith(magic):
            return f"not DICOM or NIfTI ({meaning})"
    if record.path.suffix.lower() in DICOM_ENDINGS:
        return "named like a DICOM file, but it does not begin like one"
    return "not DICOM or NIfTI"


def _may_be_mr(name: str) -> bool:
    return "MR" in name.split() or "Secondary Capture" in name


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and value > 0


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    return str(value) if value is not None else ""
