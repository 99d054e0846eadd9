"""A small classified export for the tests of `sort`: real files, intake and converter, labels by grey value.

The brightest voxel of a volume, divided by 400, is its label: the place in `KINDS`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dicom_files as files
import doubles
import nibabel
import numpy as np
from mrclass import run, worker

KINDS = ("t1w", "t1ce", "t2w", "flair", "adc", "swi", "other", "conflict")
HOSTILE = "../../=cmd|' /C calc'!A0 \u202e T1 <b>"
PATIENTS = ("SECRET-ID", "SECRET-ID-2")
# Folder of a series -> what it shows, and its tags. Two are of a second patient.
SERIES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "a/t1": ("t1w", {}),
    "a/gd": ("t1ce", {"ContrastBolusAgent": "GADOVIST 1,0"}),
    "a/gd2": ("t1ce", {"ContrastBolusAgent": "given by Dr Secret"}),
    "a/t2": ("t2w", {"SeriesDescription": "T2"}),
    "a/fl": ("flair", {"SeriesDescription": "FLAIR"}),
    "a/adc": ("adc", {"SeriesDescription": "ADC", "ImageType": ["DERIVED", "PRIMARY", "ADC"]}),
    "a/swi": ("swi", {"SeriesDescription": "SWI"}),
    "a/loc": ("other", {"SeriesDescription": "localizer"}),
    "a/odd": ("conflict", {"SeriesDescription": HOSTILE}),
    "b/t1": ("t1w", {"SeriesDescription": HOSTILE}),
    "b/t1again": ("t1w", {"SeriesDescription": HOSTILE}),
    "b/ct": ("other", {"Modality": "CT"}),
}


@dataclass(frozen=True)
class Done:
    """An export and the folder of its run."""

    export: Path
    out: Path


def pixels(kind: str) -> bytes:
    """A slice of a kind: nothing brighter than its value."""
    shown: np.ndarray = np.arange(files.SIZE**2, dtype="<u2") % 200 + 400 * KINDS.index(kind) + 100
    shown[0] = 400 * KINDS.index(kind) + 399
    return shown.tobytes()


def series(folder: Path, number: int, kind: str, **tags: Any) -> list[Path]:
    """Three slices of one series of a kind."""
    return files.stack(folder, 3, number, PixelData=pixels(kind), **tags)


def export(root: Path) -> Path:
    """The whole export: `SERIES`, a series of two echoes that show two things, a NIfTI file, half a file."""
    for number, (name, (kind, tags)) in enumerate(SERIES.items(), start=1):
        patient = PATIENTS[name.startswith("b")]
        study = files.uid(3, PATIENTS.index(patient))
        tags = {"SpecificCharacterSet": "ISO_IR 192", "PatientID": patient, "StudyInstanceUID": study, **tags}
        series(root / name, number, kind, **tags)
    echoes = {"PatientID": PATIENTS[0], "StudyInstanceUID": files.uid(3, 0), "SeriesDescription": "dual"}
    for echo, kind in ((1, "other"), (2, "t2w")):
        for n in (1, 2, 3):
            number = n + 10 * echo
            one = files.image(
                50, n, PixelData=pixels(kind), EchoNumbers=echo, EchoTime=20.0 * echo, InstanceNumber=number,
                SOPInstanceUID=files.uid(2, 50, number), **echoes,
            )  # fmt: skip
            files.write(root / f"a/dual/IM{number}.dcm", one)
    (root / "a/torso").mkdir()
    (root / "a/torso/IM1.dcm").write_bytes(
        files.write(root / "whole.dcm", files.image(60, 1)).read_bytes()[:700]
    )
    (root / "whole.dcm").unlink()
    nifti(
        root / "c/scan.nii", "flair", {"EchoTime": 0.09, "PatientName": "Secret^Name", "FlipAngle": "ninety"}
    )
    return root


def nifti(path: Path, kind: str, sidecar: Mapping[str, Any] | None = None) -> Path:
    """A volume of 16 x 16 x 3 voxels, with a sidecar."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.frombuffer(pixels(kind), "<u2").reshape(16, 16, 1).repeat(3, axis=2).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([2.0, 2.0, 3.0, 1.0])), path)
    if sidecar is not None:
        path.with_suffix(".json").write_text(json.dumps(sidecar))
    return path


class Ensemble(doubles.Ensemble):
    """Tells what a volume is by its grey values."""

    def predict(self, path: Path) -> doubles.Prediction:
        kind = KINDS[int(np.asanyarray(nibabel.load(path).dataobj).max()) // 400]
        if kind == "conflict":
            return doubles.Prediction("t2w", candidates=("t2w", "flair"), conflict=True)
        return doubles.Prediction(kind)


def ensemble(
    bundles: str, members: Mapping[str, str], device: str, backends: Mapping[str, str]
) -> doubles.Ensemble:
    return Ensemble()


ROOMS = worker.Rooms(ensemble=ensemble, thumbnail=doubles.thumbnail)


def classify(root: Path, out: Path, keep_identifiers: bool = False) -> Path:
    """Classify an export with these doubles."""
    run.classify([root], out, jobs=1, rooms=ROOMS, say=lambda text: None, keep_identifiers=keep_identifiers)
    return out


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, with its content; a link gives where it leads."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink()).encode()
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
