"""N simulated subjects, a series of every kind each -> a folder of NIfTI files or DICOM series and truth.csv.

Every subject draws from random streams of its own (seed, subject, kind), so ten subjects are the first ten of
twenty and a kind left out changes no other. A subject whose folder is complete is not written again.
Source: NumPy's SeedSequence, for streams that are independent of each other.
"""

from __future__ import annotations

import csv
import json
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mrclass import __version__
from mrclass.errors import UsageError
from mrclass.files import replacing
from mrclass.phantom import headers

if TYPE_CHECKING:
    from mrclass.phantom.acquire import Acquired

FORMATS: tuple[str, ...] = ("nifti", "dicom")
TRUTH_COLUMNS: tuple[str, ...] = (
    "file", "label", "kind", "patient", "plane", "source", "b_value", "series_uid", "field", "spacing",
    "thickness", "gap", "tr", "te", "ti", "flip", "contrast_agent", "seed",
)  # fmt: skip
_SETTINGS = "phantom.json"
_TRUTH = "truth.csv"


@dataclass(frozen=True)
class Plan:
    """What is asked of every subject."""

    out: Path
    seed: int
    format: str
    kinds: tuple[str, ...]
    realism: int = 1


def write_subjects(
    out: Path,
    subjects: int,
    seed: int = 0,
    format: str = "nifti",
    kinds: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    jobs: int = 1,
    realism: int = 1,
) -> Path:
    """Write `subjects` simulated subjects under `out` and return the path of truth.csv.

    Args:
        out: folder; gets sub-0001/..., truth.csv and phantom.json (the settings, compared on a second call).
        subjects: how many; asking for more later adds the missing ones.
        seed: the same seed gives the same subjects, whatever their number.
        format: "nifti" (one .nii.gz a volume) or "dicom" (one folder a series).
        kinds: kinds of series; `protocols.KINDS` when None, MORE_KINDS only by name.
        progress: called with (subjects complete, subjects asked) at the start and after each subject.
        jobs: processes to write with.
        realism: 1 or 2, as `protocols.random_protocol` and `anatomy.make_anatomy` take it.

    Raises:
        UsageError: a number, format or kind is off, or `out` holds subjects of other settings.
    """
    from mrclass.phantom import protocols

    if subjects < 1:
        raise UsageError(f"{subjects} subjects were asked for; ask for 1 or more.")
    if format not in FORMATS:
        raise UsageError(f"{format!r} is not a format; choose one of: {', '.join(FORMATS)}")
    unknown = [kind for kind in kinds or () if kind not in protocols.ALL_KINDS]
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)}: no such kind; choose among: {', '.join(sorted(protocols.ALL_KINDS))}"
        )
    if realism not in protocols.REALISM:
        raise UsageError(
            f"realism {realism} was asked for; choose one of: {', '.join(map(str, protocols.REALISM))}"
        )
    plan = Plan(Path(out), seed, format, tuple(protocols.KINDS if kinds is None else kinds), realism)
    _settle(plan)
    missing = [index for index in range(1, subjects + 1) if not (_home(plan, index) / _TRUTH).is_file()]
    done = subjects - len(missing)
    if progress:
        progress(done, subjects)
    if jobs > 1 and len(missing) > 1:
        with ProcessPoolExecutor(min(jobs, len(missing)), get_context("spawn"), one_thread) as pool:
            for future in as_completed([pool.submit(write_subject, plan, index) for index in missing]):
                future.result()
                done += 1
                if progress:
                    progress(done, subjects)
    else:
        with single_threaded():
            for index in missing:
                write_subject(plan, index)
                done += 1
                if progress:
                    progress(done, subjects)
    return _gather(plan)


def write_subject(plan: Plan, index: int) -> None:
    """Write one subject; its folder appears under its name when it is complete and not before."""
    from mrclass.phantom.acquire import acquire
    from mrclass.phantom.anatomy import make_anatomy
    from mrclass.phantom.protocols import random_protocol

    patient = f"sub-{index:04d}"
    part = plan.out / f".{patient}.part"
    if part.exists():  # what a killed call left
        shutil.rmtree(part)
    part.mkdir(parents=True)
    anatomy = make_anatomy(int(stream(plan.seed, index).integers(2**31)), realism=plan.realism)
    rows: list[dict[str, object]] = []
    for number, kind in enumerate(plan.kinds, start=1):
        rng = stream(plan.seed, index, kind)
        acquired = acquire(anatomy, random_protocol(kind, rng, realism=plan.realism), rng)
        rows += _write_kind(plan, part, index, number, acquired)
    for row in rows:
        row["file"] = f"{patient}/{row['file']}"
    _write_truth(part / _TRUTH, rows)
    part.rename(_home(plan, index))


def stream(seed: int, index: int, name: str = "") -> np.random.Generator:
    """The random stream of one subject and one purpose; independent of how many others there are."""
    return np.random.default_rng([seed, index, zlib.crc32(name.encode())])


def one_thread() -> None:
    """Let torch compute with one thread in this process: the processes share the cores already."""
    import torch

    torch.set_num_threads(1)


@contextmanager
def single_threaded() -> Iterator[None]:
    """`one_thread` for the length of a block; the same sums in the same order, so the same bytes."""
    import torch

    before = torch.get_num_threads()
    one_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _write_kind(
    plan: Plan, part: Path, index: int, number: int, acquired: Sequence[Acquired]
) -> list[dict[str, object]]:
    """Write the volumes of one kind; one row a file (NIfTI) or a series folder (DICOM)."""
    stem = f"{acquired[0].protocol.kind}_{acquired[0].protocol.plane}"
    if plan.format == "nifti":
        from mrclass.phantom.niftiwriter import write_volume

        rows = []
        for item in acquired:
            several = len(acquired) > 1 and item.b_value is not None
            name = f"{stem}{f'_b{item.b_value:.0f}' if several else ''}.nii.gz"
            write_volume(item, part / name)
            rows.append(_row(plan, index, name, item, ""))
        return rows
    from mrclass.phantom.dicomwriter import Study, write_series

    study = Study(plan.seed, index, headers.STYLES[index % len(headers.STYLES)])
    folder = f"{number:03d}_{stem}"
    series = write_series(acquired, part / folder, study, number)
    row = _row(plan, index, folder, acquired[0], series.series_uid)
    row["b_value"] = " ".join(f"{item.b_value:g}" for item in acquired if item.b_value is not None)
    return [row]


def _row(plan: Plan, index: int, name: str, item: Acquired, series_uid: str) -> dict[str, object]:
    """One row of truth.csv."""
    protocol = item.protocol
    return {
        "file": name,
        "label": protocol.label,
        "kind": protocol.kind,
        "patient": f"sub-{index:04d}",
        "plane": protocol.plane,
        "source": "simulated",
        "b_value": "" if item.b_value is None else f"{item.b_value:g}",
        "series_uid": series_uid,
        **{
            name: f"{getattr(protocol, name):.6g}"
            for name in ("field", "spacing", "thickness", "gap", "tr", "te", "flip")
        },
        "ti": "" if (inversion := headers.inversion_time(protocol)) is None else f"{inversion:.6g}",
        "contrast_agent": int(protocol.contrast_agent),
        "seed": plan.seed,
    }


def _home(plan: Plan, index: int) -> Path:
    return plan.out / f"sub-{index:04d}"


def _settle(plan: Plan) -> None:
    """Write the settings, or compare them with those `out` was begun with."""
    settings = {"seed": plan.seed, "format": plan.format, "kinds": list(plan.kinds), "realism": plan.realism}
    path = plan.out / _SETTINGS
    if path.is_file():
        kept = {"realism": 1, **json.loads(path.read_text(encoding="utf-8"))}  # older folders do not say
        differing = [name for name, value in settings.items() if kept.get(name) != value]
        if differing:
            raise UsageError(
                f"{plan.out} was begun with "
                + ", ".join(f"{name} {kept.get(name)}" for name in differing)
                + "; asked for now: "
                + ", ".join(f"{name} {settings[name]}" for name in differing)
                + ". Name another folder, or ask for the same."
            )
        return
    if plan.out.is_dir() and any(plan.out.glob("sub-*")):
        raise UsageError(
            f"{plan.out} holds folders named sub-* that this command did not write; name another folder."
        )
    plan.out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**settings, "mrclass": __version__}, indent=1) + "\n", encoding="utf-8")


def _gather(plan: Plan) -> Path:
    """All complete subjects' rows, in their order, as one truth.csv."""
    rows: list[dict[str, object]] = []
    for path in sorted(plan.out.glob(f"sub-*/{_TRUTH}")):
        with path.open(newline="", encoding="utf-8") as file:
            rows += csv.DictReader(file)
    truth = plan.out / _TRUTH
    _write_truth(truth, rows)
    return truth


def _write_truth(path: Path, rows: Sequence[dict[str, object]]) -> None:
    """Write rows so that the file is there whole or not at all."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, TRUTH_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
