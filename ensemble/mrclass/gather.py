"""Labelled volumes for training: from catalogue CSVs, class folders, and runs whose labels a person gave.

Reads CSVs, folders and a run's ledger; for a run, the series with a label are converted to NIfTI below a
folder that is named for it, as `mrclass sort --nifti` converts them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mrclass import labels
from mrclass._sort_names import is_nobody
from mrclass._sort_plan import ASIDE
from mrclass._walk import bids_subject
from mrclass.datalist import PATIENT
from mrclass.errors import UsageError
from mrclass.truth import Truth

# What a catalogue may call the sections.
SECTION_NAMES = {
    **dict.fromkeys(("training", "train"), "training"),
    **dict.fromkeys(("validation", "val", "valid"), "validation"),
}


@dataclass(frozen=True)
class Volume:
    """One labelled volume.

    Attributes:
        image: NIfTI file.
        label: label key.
        patient: whoever it shows; volumes of one patient have the same text, across catalogues too.
        source: where it comes from: hospital, scanner, data set.
        section: training or validation where a catalogue fixes it, else "".
        guessed: whether no patient was named, so that the file, or its folder, counts as one.
        doubtful: whether a run was in conflict about it, and its label is still the run's.
        family: set when volumes are split: all that must stay on one side has the same text.
        content: sha256 of its voxels, once they were looked at.
    """

    image: Path
    label: str
    patient: str
    source: str
    section: str = ""
    guessed: bool = False
    doubtful: bool = False
    family: str = ""
    content: str = ""


@dataclass(frozen=True)
class Left:
    """A volume that was left out, and why."""

    image: str
    label: str
    reason: str


Found = tuple[list[Volume], list[Left]]


def catalogue(truth: Truth, patient_column: str = PATIENT, section_column: str = "") -> Found:
    """Volumes of a catalogue CSV: columns file and label; patient and source where it has them.

    Args:
        truth: the CSV and how to read it; files are relative to its folder, or to `root`.
        patient_column: column of the patient; where it is absent or empty the BIDS subject that the path
            names, within its source, is one, and a file that names none is a patient of its own.
        section_column: column that says training or validation; other values leave a volume out.

    Raises:
        UsageError: the CSV cannot be read or lacks a column.
    """
    from mrclass import truth as truths

    home = truth.root or truth.path.parent
    volumes, left = [], []
    for line, key in truths.lines(truth, [section_column] if section_column else []):
        name = line[truth.file_column]
        section = ""
        if section_column:
            section = SECTION_NAMES.get((line[section_column] or "").strip().lower(), "")
            if not section:
                said = line[section_column] or "nothing"
                left.append(
                    Left(name, key, f"its {section_column} is {said}: neither training nor validation")
                )
                continue
        patient = (line.get(patient_column) or "").strip()
        named_source = (line.get(truth.source_column) or "").strip()
        source = named_source or truth.path.parent.resolve().name
        path = home / name
        subject = bids_subject(name)
        patient = patient or (f"{named_source} {subject}".strip() if subject else "")
        if not path.is_file():
            left.append(Left(name, key, "the file is not there"))
            continue
        volumes.append(Volume(path, key, patient or str(path), source, section, guessed=not patient))
    return volumes, left


def folders(root: Path) -> Found:
    """Volumes of class folders: LABEL/.../*.nii.gz, as `mrclass sort --nifti` lays them and a person mends.

    The folder below the label's is the patient. A file straight in the label's folder, or in one that a sort
    made of files without a patient, is the BIDS subject of its path; else it, or that folder, counts as a
    patient. A sort puts *other* into aside/other: that is a folder of a label too. What lies in folders that
    no label is called after, such as aside/conflict, is left out.

    Raises:
        UsageError: it is no folder, or holds no folder of a label.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no folder; wanted one with a folder per label: T1w/, T2w/ ...")
    volumes = []
    loose = sorted(
        path for folder in (root, root / ASIDE) for path in folder.glob("*.nii*") if _is_nifti(path)
    )
    left = [Left(str(path), "", "it lies in no folder of a label") for path in loose]
    named = 0
    for folder in [*_folders_in(root), *_folders_in(root / ASIDE)]:
        files = sorted(path for path in folder.rglob("*.nii*") if _is_nifti(path))
        try:
            key = labels.parse(folder.name)
        except ValueError:
            name = folder.relative_to(root).as_posix()
            left += [Left(str(path), "", f"{name} is not a label") for path in files]
            continue
        named += 1
        for path in files:
            inside = path.relative_to(folder)
            alone = len(inside.parts) == 1
            named_by, guessed = str(path) if alone else inside.parts[0], False
            if alone or is_nobody(named_by):
                subject = bids_subject(inside.as_posix())
                named_by, guessed = subject or named_by, not subject
            volumes.append(Volume(path, key, named_by, root.resolve().name, guessed=guessed))
    if not named:
        raise UsageError(f"{root} holds no folder called {', '.join(labels.DISPLAY.values())}.")
    return volumes, left


def _folders_in(folder: Path) -> list[Path]:
    """Folders straight in a folder, but hidden ones and `aside`, which only holds some."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return sorted(path for path in found if path.name != ASIDE)


def _is_nifti(path: Path) -> bool:
    named = path.name.endswith((".nii", ".nii.gz")) and not path.name.startswith(".")
    return named and path.is_file()


def reviewed(
    out: Path,
    truth: Truth,
    dest: Path,
    timeout_s: float = 300.0,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Volumes of a run that a truth CSV gives labels to, as NIfTI files below `dest`.

    A line of the CSV is about a row of the run as in `mrclass evaluate` (file, or folder that holds it); a
    CSV with the column `row_id` of results.csv names rows by it, so that volumes of one series may differ.
    Files without a patient are those of the BIDS subject that their path names; else their folder counts as
    a patient, which is a guess.

    Args:
        out: folder of the run.
        truth: labels a person gave.
        dest: new folder, or that of an earlier call: what lies there is not converted again.
        timeout_s: limit for the conversion of one series, in seconds.
        progress: called with (volumes done, volumes to do).

    Raises:
        UsageError: CSV or DEST are off, or no row of the run is in the CSV.
        LedgerError, SortError: OUT holds no usable ledger; DEST holds something else.
    """
    from mrclass import sort

    known, left, roots = _known(out, truth)
    done = sort.sort(
        out, dest, "volumes", "nifti", timeout_s=timeout_s, progress=progress,
        keep=lambda row: int(row["row_id"]) in known,
    )  # fmt: skip
    failed = {put.key: trouble for put, trouble in done.failed}
    volumes = []
    for put in done.plan.puts:
        label, source = known[int(put.row["row_id"])]
        if put.key in failed:
            left.append(Left(str(put.row["source"]), label, failed[put.key]))
            continue
        image = dest / f"{put.target}.nii.gz"
        patient, guessed = put.names.subject, False
        if is_nobody(patient):
            root = Path(roots[str(put.row["series_key"])])
            subject = bids_subject(str(put.row["source"])) or bids_subject(root.name)
            patient, guessed = subject or patient, not subject
        doubtful = bool(put.row["conflict"]) and put.row["label"] == label
        name = source or out.resolve().name
        volumes.append(Volume(image, label, patient, name, guessed=guessed, doubtful=doubtful))
    for row, reason in done.plan.left:
        if int(row["row_id"]) in known:
            left.append(Left(str(row["source"]), known[int(row["row_id"])][0], reason))
    return volumes, left


def _known(out: Path, truth: Truth) -> tuple[dict[int, tuple[str, str]], list[Left], Mapping[str, str]]:
    """Row of the ledger -> label key and source of its line in the CSV; lines about no row; roots of the
    series."""
    from mrclass import truth as truths
    from mrclass.ledger import FILE_NAME, Ledger

    column = _row_or_file(truth)
    lines = truths.lines(replace(truth, file_column=column))
    with Ledger(out / FILE_NAME, create=False) as book:
        rows, roots = book.rows(), book.roots()
    if column == "row_id":
        named = _by_row(lines, truth)
        known = {row["row_id"]: named[str(row["row_id"])] for row in rows if str(row["row_id"]) in named}
        held = {str(number) for number in known}
        missing = [(name, key) for name, (key, _) in named.items() if name not in held]
    else:
        # `join` tells of a case what the run said; the number of the row in place of its label leads back
        numbered = [{**row, "status": "done", "label": str(row["row_id"])} for row in rows]
        triples = [(line[column], key, line.get(truth.source_column) or "") for line, key in lines]
        cases, names, _ = truths.join(
            triples, numbered, roots, truth.root or truth.path.parent, truths.files_of(out)
        )
        known = {int(case.predicted): (case.truth, case.source) for case in cases}
        keys = {name: key for name, key, _ in triples}
        missing = [(name, keys[name]) for name in names]
    if not known:
        raise UsageError(
            f"None of the {len(lines)} lines of {truth.path} is about one of the {len(rows)} rows of {out}; "
            "see --root, --file-column and --where."
        )
    shown = "row_id " if column == "row_id" else ""
    return known, [Left(f"{shown}{name}", key, "no row of the run") for name, key in missing], roots


def _by_row(lines: Sequence[tuple[Mapping[str, Any], str]], truth: Truth) -> dict[str, tuple[str, str]]:
    """row_id -> label key and source; raises UsageError where two lines give one row two labels."""
    named: dict[str, tuple[str, str]] = {}
    for line, key in lines:
        name = str(line["row_id"]).strip()
        first, _ = named.setdefault(name, (key, _source(line, truth.source_column)))
        if first != key:
            raise UsageError(
                f"{truth.path}: row_id {name} is {labels.display(first)} in one line and "
                f"{labels.display(key)} in another. Leave one of the two out."
            )
    return named


def _row_or_file(truth: Truth) -> str:
    """Column that names what a line is about: row_id where the CSV has it, else that of the file."""
    try:
        with truth.path.open(newline="", encoding="utf-8-sig") as file:
            first = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return truth.file_column  # the reader says what is wrong
    return "row_id" if "row_id" in first else truth.file_column


def _source(line: Mapping[str, Any], column: str) -> str:
    """The source of a reviewed line; in a copy of results.csv that column is the path of the series."""
    return "" if "series_key" in line else str(line.get(column) or "")


def gathered(found: Sequence[Found]) -> Found:
    """Everything found, and everything left out, in one."""
    volumes: list[Volume] = []
    left: list[Left] = []
    for some, without in found:
        volumes += some
        left += without
    return volumes, left


def told(left: Sequence[Left]) -> Iterator[str]:
    """What was left out by reason, commonest first, each with how many and the first of them."""
    from mrclass.report.text import clean

    reasons: dict[str, list[Left]] = {}
    for one in left:
        reasons.setdefault(one.reason.partition(":")[0], []).append(one)
    for reason, some in sorted(reasons.items(), key=lambda pair: -len(pair[1])):
        more = ", ..." if len(some) > 1 else ""
        yield f"  {len(some)}: {clean(reason)} ({clean(some[0].image)}{more})"
