"""Light doubles of the intake, the converter and the ensemble: text files stand for series.

The first word of a file is the label it gets, or its fate (broken, two, ct); slow, crash, hang, bug and flat
may follow and do what they say.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrclass import run
from mrclass.errors import BundleError, ConversionError, VolumeError
from mrclass.worker import Rooms

VERSIONS = {
    "mrclass_t1w": {"version": "1.0.0", "sha256": "aa"},
    "mrclass_t2w": {"version": "1.0.0", "sha256": "bb"},
}


@dataclass(frozen=True)
class Series:
    key: str
    files: tuple[Path, ...]
    kind: str = "dicom"
    study_uid: str = "1.2.3"
    series_uid: str = "1.2.3.4"
    patient_key: str = "somebody"
    patient_id: str = "4711"
    header: dict[str, Any] = field(default_factory=dict)
    skip_reason: str | None = None
    status_hint: str = "ok"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Note:
    path: Path
    series_key: str | None
    note: str = ""


@dataclass(frozen=True)
class Intake:
    series: list[Series]
    files: list[Note]

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Volume:
    path: Path
    index: int
    note: str
    sidecar: dict[str, Any]
    shape: tuple[int, ...] = (8, 8, 4)
    spacing: tuple[float, ...] = (2.0, 2.0, 2.0)
    orientation: tuple[float, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    label: str
    score: float = 0.9
    votes: dict[str, int] = field(default_factory=lambda: {"t1w": 9, "t2w": 1})
    scores: dict[str, float] = field(default_factory=lambda: {"t1w": 0.9, "t2w": 0.1})
    slice_scores: dict[str, list[float]] = field(default_factory=lambda: {"t1w": [0.9], "t2w": [0.1]})
    candidates: tuple[str, ...] = ("t1w",)
    conflict: bool = False
    n_slices: int = 10
    acquisition_plane: str = "axial"
    seconds: dict[str, float] = field(default_factory=lambda: {"slab": 0.1, "n4": 0.2, "networks": 0.3})
    slices: Any = b"picture"


@dataclass(frozen=True)
class HeaderLabel:
    label: str | None
    evidence: tuple[str, ...] = ()
    basis: str = "SeriesDescription"
    sources: tuple[tuple[str, str | None], ...] = (("SeriesDescription", "t1w"),)


def scan(paths: Sequence[Path], exclude: Sequence[Path], spool: Path) -> Intake:
    """Every .txt file is a series; any other file is none."""
    series, notes = [], []
    left_out = [path.resolve() for path in exclude]
    for root in paths:
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if not path.is_file() or any(folder in path.resolve().parents for folder in left_out):
                continue
            if path.suffix != ".txt":
                notes.append(Note(path, None, "not an image"))
                continue
            words = path.read_text().split()
            skip = "Modality CT is not MR" if words[0] == "ct" else None
            header = {"Modality": "MR", "SeriesDescription": words[0]}
            hint = "skipped" if skip else "ok"
            series.append(Series(str(path), (path,), header=header, skip_reason=skip, status_hint=hint))
            notes.append(Note(path, str(path)))
    return Intake(series, notes)


def convert(series: Series, folder: Path, timeout_s: float) -> list[Volume]:
    words = series.files[0].read_text().split()
    if words[0] == "broken":
        raise ConversionError("dcm2niix made no volume: it said so")
    if words[0] == "two":
        return [Volume(series.files[0], 0, "echo 1", {}), Volume(series.files[0], 1, "echo 2", {})]
    facts = {"EchoTime": 0.08, "DiffusionBValue": 1000, "ImageType": ["ORIGINAL", "M"]}
    plane, remarks = (1, 0, 0, 0, 1, 0), ("The slices are uneven.",)
    return [Volume(series.files[0], 0, "", facts, orientation=plane, remarks=remarks)]


class Ensemble:
    versions = VERSIONS

    def predict(self, path: Path) -> Prediction:
        words = path.read_text().split()
        if "slow" in words:
            time.sleep(0.15)
        if "crash" in words:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hang" in words:
            time.sleep(600)
        if "bug" in words:
            raise KeyError("nobody foresaw this")
        if "flat" in words:
            raise VolumeError("The volume is constant")
        print("a library that talks on stdout")
        return Prediction(words[0])


class OtherEnsemble(Ensemble):
    versions = {**VERSIONS, "mrclass_t2w": {"version": "2.0.0", "sha256": "cc"}}


def ensemble(bundles: str, members: Mapping[str, str], device: str, backends: Mapping[str, str]) -> Ensemble:
    return Ensemble()


def other_ensemble(
    bundles: str, members: Mapping[str, str], device: str, backends: Mapping[str, str]
) -> Ensemble:
    return OtherEnsemble()


def no_ensemble(
    bundles: str, members: Mapping[str, str], device: str, backends: Mapping[str, str]
) -> Ensemble:
    raise BundleError("bundles/mrclass_t1w/models/model.pt is missing")


def dying_ensemble(
    bundles: str, members: Mapping[str, str], device: str, backends: Mapping[str, str]
) -> Ensemble:
    os._exit(7)


def header_label(header: dict[str, Any], sidecar: dict[str, Any] | None) -> HeaderLabel:
    return HeaderLabel("t1w", ("SeriesDescription",))


def verdict(claimed: HeaderLabel, content: str) -> str:
    return "agree" if claimed.label == content else "disagree"


def thumbnail(slices: Any, path: Path) -> Path:
    path.with_suffix(".png").write_bytes(slices)
    return path.with_suffix(".png")


ROOMS = Rooms(ensemble, convert, header_label, verdict, thumbnail)
OTHER_ROOMS = Rooms(other_ensemble, convert, header_label, verdict, thumbnail)
NO_ROOMS = Rooms(no_ensemble, convert, header_label, verdict, thumbnail)
DYING_ROOMS = Rooms(dying_ensemble, convert, header_label, verdict, thumbnail)


# ---- a run with them


def classify(export: Path, out: Path, **more: Any) -> run.Result:
    """`run.classify` with one worker, without talk."""
    options: dict[str, Any] = {"jobs": 1, "rooms": ROOMS, "scan": scan, "say": lambda text: None}
    return run.classify([export], out, **{**options, **more})


def write(export: Path, **files: str) -> None:
    """One series a name: NAME.txt with its words."""
    for name, words in files.items():
        (export / f"{name}.txt").write_text(words)


def series_of(folder: Path, words: str) -> Series:
    """One series whose file holds these words."""
    (folder / "a.txt").write_text(words)
    return Series("a", (folder / "a.txt",))


def by_source(result: run.Result) -> dict[str, dict[str, Any]]:
    """The rows of a run by the file they are of."""
    return {row["source"]: row for row in result.rows}
