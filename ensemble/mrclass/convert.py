"""Makes 3-D volumes of one series through dcm2niix, or of one NIfTI file; writes to a given folder only.

The input is read through links in a temporary folder and never touched. What dcm2niix splits (echoes, phase,
orientations) and what 4-D files hold (b-values, time points) becomes one Volume each, with a note of what
distinguishes it. Source of the method: dcm2niix (Li et al. 2016, doi 10.1016/j.jneumeth.2016.03.001), its
file-name endings and sidecars.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mrclass._attempts import attempt, choose
from mrclass._dcm2niix import Output
from mrclass._stacks import Match, Stack, match, stated
from mrclass._walk import nifti_stem
from mrclass.dicom import Series
from mrclass.errors import ConversionError
from mrclass.geometry import acquisition_axis

MAX_VOXELS = 1 << 29  # of one volume; an absurd matrix in a header must not fill the memory
MAX_VOLUMES = 512  # of one series
MAX_SIDECAR = 4_000_000  # bytes
# Fields of a sidecar that may leave this module; names, places, devices, dates and times may not.
SIDECAR = frozenset([
    "Modality", "MagneticFieldStrength", "Manufacturer", "ManufacturersModelName", "BodyPart",
    "BodyPartExamined", "MRAcquisitionType", "SeriesDescription", "ProtocolName", "ScanningSequence",
    "SequenceVariant", "ScanOptions", "SequenceName", "PulseSequenceName", "PulseSequenceType",
    "PulseSequenceDetails", "ImageType", "ImageTypeText", "RawImage", "SeriesNumber", "AcquisitionNumber",
    "SliceThickness", "SpacingBetweenSlices", "EchoNumber", "EchoTime", "RepetitionTime", "InversionTime",
    "FlipAngle", "EchoTrainLength", "DiffusionBValue", "ContrastBolusAgent", "ContrastBolusIngredient",
    "ComplexImageComponent", "ImageOrientationPatientDICOM", "ImageOrientationText", "BidsGuess",
    "ConversionSoftware", "ConversionSoftwareVersion", "NonlinearGradientCorrection",
    "PhaseEncodingDirection",
])  # fmt: skip
# Endings that dcm2niix gives to names, and what they mean.
ENDINGS = (
    (re.compile(r"_e(\d+)"), "echo {}"),
    (re.compile(r"_phMag"), "magnitude and phase"),
    (re.compile(r"_ph\b"), "phase"),
    (re.compile(r"_fieldmaphz"), "field map"),
    (re.compile(r"_real"), "real part"),
    (re.compile(r"_imaginary"), "imaginary part"),
    (re.compile(r"_ADC"), "ADC"),
    (re.compile(r"_TRACE"), "trace"),
    (re.compile(r"_MoCo"), "motion corrected"),
    (re.compile(r"_Raw"), "raw data"),
    (re.compile(r"_SBRef", re.I), "single-band reference"),
    (re.compile(r"_t(\d+)"), "trigger time {} ms"),
    (re.compile(r"_c(\d+)"), "coil {}"),
    (re.compile(r"_i(\d+)"), "image {}"),
)  # fmt: skip


@dataclass(frozen=True)
class Volume:
    """One 3-D volume of a series.

    Attributes:
        path: NIfTI file, 3-D; inside the caller's folder, or the input itself where that was a 3-D NIfTI
            file.
        index: position among the series' volumes, from 0.
        note: what distinguishes it ("echo 2", "b 1000", "time point 1 of 120"), "" if nothing has to.
        sidecar: fields of dcm2niix's JSON, without identifying ones; times in seconds as BIDS has them.
        affine: float64, shape (4, 4), voxel -> mm, RAS+.
        shape: voxels along i, j, k; slices along k where the header tells its orientation.
        spacing: mm along i, j, k.
        orientation: ImageOrientationPatient, six cosines, LPS+; () where the header has none.
        remarks: where its geometry disagrees with the header, and dcm2niix's warnings that touch what is
            seen.
    """

    path: Path
    index: int
    note: str
    sidecar: dict[str, Any] = field(repr=False)
    affine: np.ndarray = field(repr=False)
    shape: tuple[int, int, int] = (0, 0, 0)
    spacing: tuple[float, float, float] = (0.0, 0.0, 0.0)
    orientation: tuple[float, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """One NIfTI file on the way to volumes: its words so far, sidecar and b-values."""

    path: Path
    words: tuple[str, ...]
    sidecar: dict[str, Any]
    b_values: tuple[float, ...]


def convert(series: Series, folder: Path, timeout_s: float = 120.0) -> list[Volume]:
    """Volumes of one series, written below `folder`, which the caller removes when done with them.

    Args:
        series: of kind "dicom" or "nifti".
        folder: existing temporary folder; on an error nothing is left in it.
        timeout_s: seconds that dcm2niix may take.

    Raises:
        ConversionError: no volume could be made; the message says why in plain words and with dcm2niix's own.
        ConversionTimeoutError: dcm2niix did not end in time.
    """
    if series.skip_reason is not None:
        raise ConversionError(f"The series is not for conversion: {series.skip_reason}.")
    try:
        work = Path(tempfile.mkdtemp(prefix="series-", dir=folder))
    except OSError as error:
        raise ConversionError(f"{folder} could not be written to: {error.strerror or error}.") from error
    try:
        if series.kind == "nifti":
            volumes = _split([_nifti_part(series.files[0])], work, ())
            said: Output | None = None
        else:
            said = attempt(series.files, work, timeout_s)
            parts = [_part(path, said.stem) for path in choose(said.files)]
            volumes = _split(parts, work, series.stacks)
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        raise ConversionError(f"No volume could be written: {error.strerror or error}.") from error
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    if said is not None:
        shutil.rmtree(said.links, ignore_errors=True)
        volumes = [replace(volume, remarks=(*volume.remarks, *said.warnings)) for volume in volumes]
    return volumes


def _part(path: Path, stem: str) -> _Part:
    """The words, sidecar and b-values that go with a file of dcm2niix."""
    base = re.sub(r"_Eq(_\d+)?$", "", path.stem)
    ending = path.stem[len(stem) :] if path.stem.startswith(stem) else path.stem
    words = []
    for pattern, meaning in ENDINGS:
        found = pattern.search(ending)
        if found:
            words.append(meaning.format(*(int(text) for text in found.groups())))
    if path.stem != base:
        words.append("resampled to even slice distances")
    sidecar = _sidecar(path.with_name(f"{base}.json"))
    # An ADC map keeps the b-value it was computed from in its header; it is not a volume of that b-value.
    computed = (
        "ADC" in words
        or "ADC" in sidecar.get("ImageType", [])
        or "apparent" in str(sidecar.get("SeriesDescription")).lower()
    )
    return _Part(path, tuple(words), sidecar, () if computed else _b_values(path.with_name(f"{base}.bval")))


def _nifti_part(path: Path) -> _Part:
    stem = nifti_stem(path.name) or path.stem
    return _Part(
        path, (), _sidecar(path.with_name(f"{stem}.json")), _b_values(path.with_name(f"{stem}.bval"))
    )


def _sidecar(path: Path) -> dict[str, Any]:
    """Permitted fields of a JSON sidecar; {} where there is none or it is not one."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_SIDECAR:
            return {}  # a pipe would hold up the reader
        content = json.loads(path.read_text("utf-8", "replace"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {key: content[key] for key in content if key in SIDECAR} if isinstance(content, dict) else {}


def _b_values(path: Path) -> tuple[float, ...]:
    """b-values of a .bval file, s/mm2; () where there is none or it is not one."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_SIDECAR:
            return ()
        return tuple(float(word) for word in path.read_text("ascii", "replace").split())
    except (OSError, ValueError):
        return ()


def _split(parts: Sequence[_Part], work: Path, stacks: Sequence[Stack]) -> list[Volume]:
    """3-D volumes of NIfTI files, each with its note; raises ConversionError if none can be had.

    The header's ImageOrientationPatient says across which axis the slices lie; that axis becomes the third.
    """
    from mrclass._volumes import Piece, pieces

    found: list[tuple[_Part, Piece, Match]] = []
    problems: list[str] = []
    for part in parts:
        try:
            for piece in pieces(part.path, part.b_values, MAX_VOXELS):
                told = _told(part, piece, stacks)
                if told.axis is not None and told.axis != acquisition_axis(
                    piece.shape, np.asarray(piece.spacing)
                ):
                    piece = piece.turned(told.axis)
                found.append((part, piece, told))
        except ConversionError as error:
            problems.append(str(error))
    if not found:
        raise ConversionError(problems[0] if problems else "dcm2niix wrote no image.")
    if len(found) > MAX_VOLUMES:
        raise ConversionError(
            f"The series holds {len(found)} separate volumes; at most {MAX_VOLUMES} are looked at."
        )
    notes = _notes([(part, piece) for part, piece, _ in found])
    volumes = []
    for index, ((part, piece, told), note) in enumerate(zip(found, notes, strict=True)):
        sidecar = dict(part.sidecar)
        if piece.b_value is not None:
            sidecar["DiffusionBValue"] = piece.b_value
        path = piece.save(work / f"volume-{index:03d}.nii", may_keep=True)
        remarks = (*told.remarks, *problems)
        volumes.append(
            Volume(
                path,
                index,
                note,
                sidecar,
                piece.affine,
                piece.shape,
                piece.spacing,
                told.orientation,
                remarks,
            )
        )
    kept = {volume.path for volume in volumes}
    for part in parts:  # 4-D originals are no longer needed
        if part.path not in kept and part.path.parent == work:
            os.unlink(part.path)
    return volumes


def _told(part: _Part, piece: Any, stacks: Sequence[Stack]) -> Match:
    """What the series' headers, or the sidecar of a NIfTI file, say of a volume's geometry."""
    known = stacks or stated(part.sidecar.get("ImageOrientationPatientDICOM"))
    return match(piece.shape, piece.affine, known, any(word.startswith("resampled") for word in part.words))


def _notes(found: Sequence[tuple[_Part, Any]]) -> list[str]:
    """A note per volume: planes, echoes, series and image numbers are named only where they distinguish."""
    several_planes = len({piece.plane for _, piece in found}) > 1
    numbers = [part.sidecar.get("SeriesNumber") for part, _ in found]
    several_numbers = len(set(map(str, numbers))) > 1
    short, full = [], []
    for (part, piece), number in zip(found, numbers, strict=True):
        mine = [f"series number {number}"] if several_numbers and number is not None else []
        mine += [piece.plane] if several_planes else []
        mine += [word for word in part.words if len(found) > 1 or not word.startswith("echo ")]
        mine += piece.words
        full.append(", ".join(mine))
        short.append(", ".join(word for word in mine if not word.startswith("image ")))
    result = []
    for index in range(len(found)):
        text = short[index] if short.count(short[index]) == 1 else full[index]
        if len(found) > 1 and (not text or full.count(full[index]) > 1):
            text = ", ".join([text] * bool(text) + [f"volume {index + 1} of {len(found)}"])
        result.append(text)
    return result
