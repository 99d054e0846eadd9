"""A simulated PACS export of two patients -> OUT/export (DICOM as it comes) and OUT/truth.csv beside it.

All six labels in all three planes, five kinds of `other`, three headers that lie, a truncated file, an object
without pixels and a text file. Nothing under OUT/export gives the truth away.
Source: the faults that public DICOM collections show (mislabelled, mixed, cut off), put in on purpose.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrclass import __version__
from mrclass.errors import UsageError
from mrclass.phantom import study as study_module
from mrclass.phantom.demo_plan import VISITS, Planned, Visit, demo_protocol

if TYPE_CHECKING:
    import numpy as np

    from mrclass.phantom.acquire import Acquired
    from mrclass.phantom.anatomy import Anatomy
    from mrclass.phantom.dicomwriter import Study, WrittenSeries
    from mrclass.phantom.protocols import Protocol

TRUTH_COLUMNS: tuple[str, ...] = (
    "file", "series_uid", "patient", "label", "kind", "plane", "description", "n_files", "expected_status",
    "lie",
)  # fmt: skip
NOTE = """MR export (simulated by mrclass.phantom)
This text file lies here because real exports hold such files too.
"""
_LOOSE = "LOOSE"
#: Of the shipped demo: two subjects whose grey and white matter differ as in most people.
SEED = 18


@dataclass(frozen=True)
class Task:
    """One series to write: where, of which visit, and the numbers of the patient and of the series."""

    export: Path
    visit: Visit
    patient: int
    number: int
    seed: int


@dataclass(frozen=True)
class Demo:
    """What was written: the folder to classify, the truth beside it, and how much it is."""

    export: Path
    truth: Path
    n_series: int
    n_files: int


def write_demo(
    out: Path,
    seed: int = SEED,
    progress: Callable[[int, int], None] | None = None,
    visits: Sequence[Visit] = VISITS,
    jobs: int = 2,
) -> Demo:
    """Write the demo; where it is complete already it is left as it is.

    Args:
        out: folder; gets export/ and truth.csv.
        seed: the same seed writes the same bytes.
        progress: called with (series written, series in all).
        visits: the patients; the default is the demo, tests ask for less.
        jobs: processes; more than one a patient is of no use.

    Raises:
        UsageError: `out` holds a demo of another seed, or an export that this command did not write.
    """
    out = Path(out)
    settings: dict[str, Any] = {"seed": seed, "mrclass": __version__}
    settings["series"] = sum(len(visit.series) for visit in visits)
    marker, export, truth = out / "phantom.json", out / "export", out / "truth.csv"
    if export.exists():
        kept = json.loads(marker.read_text(encoding="utf-8")) if marker.is_file() else None
        if kept != settings:
            found = "no demo" if kept is None else f"a demo with {kept}"
            raise UsageError(
                f"{export} exists and is {found}; wanted {settings}. Name another folder or remove it."
            )
        return _summary(export, truth)
    part = out / ".export.part"
    if part.exists():  # what a killed call left
        shutil.rmtree(part)
    tasks = [
        Task(part, visit, patient, number, seed)
        for patient, visit in enumerate(visits, start=1)
        for number in range(1, len(visit.series) + 1)
    ]
    rows: list[dict[str, Any]] = []
    for row in _write_all(tasks, jobs):
        rows.append(row)
        if progress:
            progress(len(rows), len(tasks))
    rows.append(_object_without_pixels(part, visits[0], seed))
    (part / "README.TXT").write_text(NOTE, encoding="ascii")
    rows.append(_row("README.TXT", expected_status="ignored"))
    with truth.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, TRUTH_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    marker.write_text(json.dumps(settings) + "\n", encoding="utf-8")
    part.rename(export)
    return _summary(export, truth)


def _write_all(tasks: Sequence[Task], jobs: int) -> Iterator[dict[str, Any]]:
    """Rows of truth in the order of the tasks; with several jobs each patient has a process of its own."""
    patients = sorted({task.patient for task in tasks})
    if jobs < 2 or len(patients) < 2:
        with study_module.single_threaded():
            yield from map(write_one, tasks)
        return
    with ExitStack() as stack:
        pools = [
            stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"), study_module.one_thread))
            for _ in range(min(jobs, len(patients)))
        ]
        for future in [pools[task.patient % len(pools)].submit(write_one, task) for task in tasks]:
            yield future.result()


def write_one(task: Task) -> dict[str, Any]:
    """Write one series; its row of truth."""
    from mrclass.phantom.dicomwriter import Study

    visit, planned = task.visit, task.visit.series[task.number - 1]
    study = Study(task.seed, task.patient, visit.style, visit.date)
    loose = [other for other in visit.series if other.loose]
    if planned.loose:  # the files of these series alternate in one folder
        folder, start, stride = task.export / _LOOSE, loose.index(planned) + 1, len(loose)
    else:
        nested = task.export / "DICOM" / f"PA{task.patient:06d}" / "ST000001"
        folder, start, stride = nested / f"SE{task.number:06d}", 1, 1
    rng = study_module.stream(task.seed, task.patient, f"{task.number} {planned.kind}")
    acquired = _acquire(_anatomy(task.seed, task.patient, visit.lesions), planned, visit, rng)
    series = _write(acquired, folder, study, task.number, planned, start, stride)
    return _series_row(task.export, series, planned, acquired[0].protocol, task.patient)


@lru_cache(maxsize=1)
def _anatomy(seed: int, patient: int, lesions: tuple[str, ...]) -> Anatomy:
    """The patient's anatomy, made once for all series."""
    from mrclass.phantom.anatomy import make_anatomy

    return make_anatomy(int(study_module.stream(seed, patient).integers(2**31)), lesions=lesions)


def _acquire(anatomy: Anatomy, planned: Planned, visit: Visit, rng: np.random.Generator) -> list[Acquired]:
    """The volumes of one series; a localizer's three planes share one series."""
    from mrclass.phantom.acquire import acquire

    if planned.kind != "localizer":
        return acquire(anatomy, demo_protocol(planned.kind, planned.plane, visit.field, rng), rng)
    first = replace(demo_protocol("localizer", "axial", visit.field, rng), thickness=8.0, gap=12.0)
    return [
        item
        for plane in ("axial", "sagittal", "coronal")
        for item in acquire(anatomy, replace(first, plane=plane), rng)
    ]


def _write(
    acquired: Sequence[Acquired],
    folder: Path,
    study: Study,
    number: int,
    planned: Planned,
    start: int,
    stride: int,
) -> WrittenSeries:
    """Write one series; of a cut one keep the first file, and of that the first part."""
    from mrclass.phantom.dicomwriter import write_series

    def name(n: int) -> str:
        return f"IM{start + stride * (n - 1):06d}"

    series = write_series(acquired, folder, study, number, overrides=planned.overrides, name=name)
    if not planned.cut:
        return series
    first, *others = series.files
    for path in others:
        path.unlink()
    content = first.read_bytes()
    pixels = 2 * acquired[0].volume.size // len(series.files)  # bytes, at the end of the file
    first.write_bytes(content[: len(content) - pixels * 3 // 5])
    return replace(series, files=(first,))


def _object_without_pixels(export: Path, visit: Visit, seed: int) -> dict[str, Any]:
    """Write a text report (Basic Text SR) into the first patient's study."""
    from pydicom.dataset import Dataset, FileMetaDataset

    from mrclass.phantom import dicomwriter

    study = dicomwriter.Study(seed, 1, visit.style, visit.date)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = dicomwriter.EXPLICIT_VR_LITTLE_ENDIAN
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    ds.SOPInstanceUID = study.uid("report", "instance")
    dicomwriter.put_patient_and_study(ds, study)
    ds.Modality, ds.Manufacturer = "SR", dicomwriter.MANUFACTURER
    ds.SeriesInstanceUID, ds.SeriesNumber, ds.InstanceNumber = study.uid("report"), 99, 1
    ds.SeriesDescription = "Report"
    ds.ContentDate, ds.ContentTime = study.date, "120000"
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = [_code("18748-4", "LN", "Diagnostic imaging report")]
    text = Dataset()
    text.RelationshipType, text.ValueType = "CONTAINS", "TEXT"
    text.ConceptNameCodeSequence = [_code("121071", "DCM", "Finding")]
    text.TextValue = "Simulated report; there is no patient."
    ds.ContentSequence = [text]
    path = export / "DICOM" / "PA000001" / "ST000001" / "SE000099" / "SR000001"
    path.parent.mkdir(parents=True)
    dicomwriter.save(ds, path)
    return _row(
        path.relative_to(export).as_posix(),
        series_uid=ds.SeriesInstanceUID,
        patient="PHANTOM001",
        description="Report",
        n_files=1,
        expected_status="skipped",
    )


def _code(value: str, scheme: str, meaning: str) -> Any:
    """One item of a code sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _series_row(
    export: Path, series: WrittenSeries, planned: Planned, protocol: Protocol, patient: int
) -> dict[str, Any]:
    """The truth of one series; its file is the folder, or its first file where others lie beside it."""
    first = series.files[0]
    path = first if planned.cut or planned.loose else first.parent
    return _row(
        path.relative_to(export).as_posix(),
        series_uid=series.series_uid,
        patient=f"PHANTOM{patient:03d}",
        label=protocol.label,
        kind=planned.kind,
        plane="three planes" if planned.kind == "localizer" else planned.plane,
        description=series.description,
        n_files=len(series.files),
        expected_status="unreadable" if planned.cut else "done",
        lie=planned.lie,
    )


def _row(file: str, **values: Any) -> dict[str, Any]:
    """One row of truth.csv; a file of no series has no more than its name and status."""
    return {**dict.fromkeys(TRUTH_COLUMNS, ""), "n_files": 1, "file": f"export/{file}", **values}


def _summary(export: Path, truth: Path) -> Demo:
    """Count what lies there."""
    with truth.open(newline="", encoding="utf-8") as file:
        series = sum(bool(row["series_uid"]) for row in csv.DictReader(file))
    return Demo(export, truth, series, sum(path.is_file() for path in export.rglob("*")))
