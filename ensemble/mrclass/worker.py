"""What happens to one series: files -> volumes -> predictions -> parts of its rows; runs in a worker process.

Reads the files of one series, writes only below the scratch folder it is given.
Source: design.md, "DICOM to volumes is dcm2niix's work".
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrclass.errors import MRClassError, SeriesError

LEAST_FREE = 1 << 20  # bytes; less counts as a full disk


def _ensemble(bundles: str, members: Mapping[str, str], device: str, backends: Mapping[str, str]) -> Any:
    # the other rooms as well: a library that is missing must end the run at its start, not fail every series
    import mrclass.convert
    import mrclass.header
    import mrclass.report  # noqa: F401
    from mrclass.ensemble import Ensemble

    return Ensemble.from_folder(bundles, members=dict(members), device=device, backends=backends)


def _convert(series: Any, folder: Path, timeout_s: float) -> Sequence[Any]:
    from mrclass.convert import convert

    return convert(series, folder, timeout_s=timeout_s)


def _header_label(header: dict[str, Any], sidecar: dict[str, Any] | None) -> Any:
    from mrclass.header import header_label

    return header_label(header, sidecar)


def _verdict(header_label: Any, content_label: str) -> str:
    from mrclass.header import verdict

    return verdict(header_label, content_label)


def _thumbnail(slices: Any, path: Path) -> Any:
    from mrclass.report import thumbnail

    return thumbnail(slices, path)


@dataclass(frozen=True)
class Rooms:
    """The rooms a worker goes through, as functions that a spawned process can import by name."""

    ensemble: Callable[[str, Mapping[str, str], str, Mapping[str, str]], Any] = _ensemble
    convert: Callable[[Any, Path, float], Sequence[Any]] = _convert
    header_label: Callable[[dict[str, Any], dict[str, Any] | None], Any] = _header_label
    verdict: Callable[[Any, str], str] = _verdict
    thumbnail: Callable[[Any, Path], Any] = _thumbnail


@dataclass
class Outcome:
    """What came of one series.

    Attributes:
        status: done | unreadable.
        reason: one sentence where it is not done.
        volumes: volume parts of its rows, JSON-able.
        pictures: per volume the encoded thumbnail and its file suffix, or None.
        trace: the traceback of an error that nobody foresaw, for the log.
        disk_full: it failed for want of room in the output folder.
    """

    status: str
    reason: str = ""
    volumes: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[tuple[bytes, str] | None] = field(default_factory=list)
    trace: str = ""
    disk_full: bool = False


def process(series: Any, ensemble: Any, rooms: Rooms, scratch: Path, timeout_s: float) -> Outcome:
    """Classify every volume of one series; a data problem is an outcome with a reason, never an exception.

    Args:
        series: a `Series` of the intake.
        ensemble: what `rooms.ensemble` returned.
        rooms: the rooms to go through.
        scratch: existing folder for temporary files; left as it was found.
        timeout_s: time limit of the conversion, in seconds.
    """
    folder = Path(tempfile.mkdtemp(dir=scratch))
    outcome = Outcome("done")
    try:
        started = time.perf_counter()
        volumes = rooms.convert(series, folder, timeout_s)
        share = (time.perf_counter() - started) / max(1, len(volumes))
        for index, volume in enumerate(volumes):
            row, picture = _one_volume(volume, series, ensemble, rooms, folder, share)
            row["volume_index"] = index
            outcome.volumes.append(row)
            outcome.pictures.append(picture)
        outcome.reason = "; ".join(getattr(series, "notes", ()))
        if not volumes:
            outcome = Outcome("unreadable", "The converter made no volume of this series.")
        elif all(row["status"] == "unreadable" for row in outcome.volumes):
            outcome.status, outcome.reason = "unreadable", outcome.volumes[0]["reason"]
    except MRClassError as error:
        outcome = Outcome("unreadable", str(error))
    except MemoryError:
        outcome = Outcome("unreadable", "It needs more memory than a worker is allowed.")
    except Exception as error:  # one series must never end a run; the traceback goes to the run's log
        reason = f"Unforeseen {type(error).__name__}: {error} (traceback in errors.log)"
        outcome = Outcome("unreadable", reason, trace=traceback.format_exc())
    finally:
        full = shutil.disk_usage(scratch).free < LEAST_FREE  # before what fills it is removed
        shutil.rmtree(folder, ignore_errors=True)
    if full and outcome.status == "unreadable":
        outcome = Outcome("unreadable", f"The disk of the output folder is full. {outcome.reason}".strip())
        outcome.disk_full = True
    if not outcome.volumes:
        outcome.volumes, outcome.pictures = [_header_only(series, rooms)], [None]
    return outcome


def _one_volume(
    volume: Any, series: Any, ensemble: Any, rooms: Rooms, folder: Path, convert_s: float
) -> tuple[dict[str, Any], tuple[bytes, str] | None]:
    """Volume part of a row, and its encoded thumbnail with its suffix."""
    claimed = rooms.header_label(series.header, volume.sidecar)
    row: dict[str, Any] = {
        "status": "done",
        "volume_note": volume.note,
        "shape": [int(n) for n in volume.shape],
        "spacing": [round(float(mm), 4) for mm in volume.spacing],
        **_claims(claimed),
        **_facts(volume, series.header),
        "seconds": {"convert": convert_s},
    }
    try:
        prediction = ensemble.predict(volume.path)
    except SeriesError as error:
        reason = str(error).replace(f"{folder}{os.sep}", "")  # the scratch folder means nothing to a reader
        return {**row, "status": "unreadable", "reason": reason}, None
    row |= {
        "label": prediction.label,
        "score": float(prediction.score),
        "conflict": bool(prediction.conflict),
        "candidates": list(prediction.candidates),
        "votes": {name: int(votes) for name, votes in prediction.votes.items()},
        "scores": {name: float(score) for name, score in prediction.scores.items()},
        "slice_scores": {
            name: [float(s) for s in scores] for name, scores in prediction.slice_scores.items()
        },
        "n_slices": int(prediction.n_slices),
        "acquisition_plane": prediction.acquisition_plane,
        "verdict": rooms.verdict(claimed, prediction.label),
    }
    started = time.perf_counter()
    written = rooms.thumbnail(prediction.slices, folder / "thumbnail.webp")
    path = written if isinstance(written, Path) else folder / "thumbnail.webp"
    picture = (path.read_bytes(), path.suffix)
    row["seconds"] |= {stage: float(s) for stage, s in prediction.seconds.items()}
    row["seconds"]["thumbnail"] = time.perf_counter() - started
    return row, picture


def _header_only(series: Any, rooms: Rooms) -> dict[str, Any]:
    """What the header claims about a series that gave no volume."""
    try:
        claimed = rooms.header_label(series.header, None)
    except Exception:  # the reason already given is the one that matters; a second one would hide it
        return {}
    return _claims(claimed)


def _claims(claimed: Any) -> dict[str, Any]:
    """Header label, the source that decided, every source's claim, and the sentences."""
    return {
        "header_label": claimed.label or "",
        "header_basis": claimed.basis,
        "header_claims": [[source, label or ""] for source, label in claimed.sources],
        "header_evidence": list(claimed.evidence),
    }


def _facts(volume: Any, header: Mapping[str, Any]) -> dict[str, Any]:
    """What distinguishes a series' volumes: echo time (ms), b-value (s/mm2), ImageType, orientation."""
    seconds = volume.sidecar.get("EchoTime")
    echo = seconds * 1000.0 if isinstance(seconds, (int, float)) else header.get("EchoTime")
    b_value = volume.sidecar.get("DiffusionBValue")
    kinds = volume.sidecar.get("ImageType") or header.get("ImageType") or []
    return {
        "echo_time": round(float(echo), 4) if isinstance(echo, (int, float)) else None,
        "b_value": float(b_value) if isinstance(b_value, (int, float)) else None,
        "image_type": [str(kind) for kind in (kinds if isinstance(kinds, list) else [kinds])],
        "orientation": [round(float(cosine), 4) for cosine in volume.orientation],
        "remarks": list(volume.remarks),
    }
