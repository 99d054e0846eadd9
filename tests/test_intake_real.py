"""Intake and header rules on the 290 public DICOM folders of the shared data (skipped where they are not)."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import nibabel
import pytest
from mrclass.balance import write_files
from mrclass.convert import convert
from mrclass.dicom import Intake, scan
from mrclass.errors import ConversionError
from mrclass.header import header_label
from mrclass.ledger import Ledger

SHARED = Path(os.environ.get("MRCLASS_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
DICOM = SHARED / "dicom"
pytestmark = pytest.mark.skipif(
    not DICOM.is_dir(), reason=f"{DICOM} is not here; name the shared data in MRCLASS_SHARED_DATA"
)


@dataclass
class Everything:
    """One pass over all of the shared DICOM data."""

    intake: Intake
    notes: dict[str, list[str]] = field(default_factory=dict)  # series key -> volume notes
    failures: dict[str, str] = field(default_factory=dict)  # series key -> reason
    remarks: list[str] = field(default_factory=list)
    claims: list[tuple[str, str | None]] = field(default_factory=list)  # (true label, header label)
    left: list[Path] = field(default_factory=list)
    before: list[tuple[str, int]] = field(default_factory=list)
    after: list[tuple[str, int]] = field(default_factory=list)


def state() -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns) for path in DICOM.rglob("*"))


def truth(label: str) -> str | None:
    """Label of the table for a label of the catalogue; None where the pixels are no image of a head."""
    return {"T1w": "t1w", "T1ce": "t1ce", "T2w": "t2w", "FLAIR": "flair", "ADC": "adc", "SWI": "swi"}.get(
        label, "other" if label.startswith("other:") else None
    )


@pytest.fixture(scope="module")
def everything() -> Everything:
    with open(DICOM / "catalog.csv", newline="", encoding="utf-8") as file:
        labels = {row["folder"]: row["label"] for row in csv.DictReader(file)}
    before = state()
    result = Everything(scan([DICOM]), before=before)
    for series in result.intake.series:
        if series.skip_reason is not None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                volumes = convert(series, Path(folder))
            except ConversionError as error:
                result.failures[series.key] = str(error)
                result.left.extend(Path(folder).iterdir())
                continue
            for volume in volumes:
                assert nibabel.load(volume.path).shape == volume.shape
                label = truth(labels.get(str(series.folder.relative_to(DICOM)), ""))
                if label is not None:
                    result.claims.append((label, header_label(series.header, volume.sidecar).label))
            result.notes[series.key] = [volume.note for volume in volumes]
            result.remarks.extend(remark for volume in volumes for remark in volume.remarks)
    result.after = state()
    return result


def test_every_file_is_accounted_for_once(everything: Everything) -> None:
    files = sorted(path for path in DICOM.rglob("*") if path.is_file())
    assert sorted(note.path for note in everything.intake.files) == files
    keys = {series.key for series in everything.intake.series}
    assert len(keys) == len(everything.intake.series)
    assert {note.series_key for note in everything.intake.files} <= keys | {None}


def test_files_in_are_files_in_volumes_and_files_explained(everything: Everything, tmp_path: Path) -> None:
    with Ledger(tmp_path / "mrclass.sqlite") as book:
        for series in everything.intake.series:
            failure = everything.failures.get(series.key)
            status = "unreadable" if failure else "done" if series.skip_reason is None else series.status_hint
            head = {"series_key": book.series_key(series.key), "root": "", "fingerprint": ""}
            book.finish({**head, "status": status, "reason": failure or series.skip_reason or ""}, [])
        found = write_files(everything.intake.files, [DICOM], book, tmp_path / "files.csv")
    assert found["files"] == len([path for path in DICOM.rglob("*") if path.is_file()])
    assert found["unexplained"] == 0 and found["files"] == found["in_volumes"] + found["explained"]
    assert sum(found["reasons"].values()) == found["explained"] and "other reasons" not in found["reasons"]


def test_every_folder_of_the_catalogue_has_a_series(everything: Everything) -> None:
    folders = {path.parent for path in DICOM.glob("*/*/*")}
    found = {path.parent for series in everything.intake.series for path in series.files}
    assert folders == found


def test_every_series_is_done_or_says_why_not_in_a_sentence(everything: Everything) -> None:
    for series in everything.intake.series:
        if series.skip_reason is None:
            assert (series.key in everything.notes) != (series.key in everything.failures)
        else:
            assert series.status_hint in ("skipped", "unreadable")
    reasons = [series.skip_reason for series in everything.intake.series if series.skip_reason]
    reasons += list(everything.failures.values())
    for reason in reasons:
        assert len(reason.split()) >= 3 and "Traceback" not in reason and str(DICOM) not in reason
    done, failed = len(everything.notes), len(everything.failures)
    print(f"\n{done} series done, {failed} unreadable by the converter,", end=" ")
    print(Counter(series.status_hint for series in everything.intake.series))
    assert done > 6 * failed


def test_no_series_is_lost_to_a_decoder(everything: Everything) -> None:
    assert everything.failures == {}


def test_every_file_of_a_series_has_its_slice_in_a_volume(everything: Everything) -> None:
    assert [remark for remark in everything.remarks if "left out" in remark] == []
    assert any("Rewritten without compression" in remark for remark in everything.remarks)


def test_volumes_of_one_series_have_different_notes(everything: Everything) -> None:
    for notes in everything.notes.values():
        assert len(set(notes)) == len(notes)


def test_nothing_is_left_behind_and_nothing_is_written_beside_the_input(everything: Everything) -> None:
    assert everything.left == []
    assert everything.before == everything.after


def test_the_header_label_agrees_with_most_labels_of_the_catalogue(everything: Everything) -> None:
    right = sum(label == claim for label, claim in everything.claims)
    silent = sum(claim is None for _, claim in everything.claims)
    print(f"\nheader label: {right} of {len(everything.claims)} volumes right, {silent} silent")
    wrong = Counter((label, claim) for label, claim in everything.claims if label != claim)
    print("wrong or silent:", dict(wrong))
    assert right >= 0.8 * len(everything.claims) and len(everything.claims) > 30


def test_reading_all_headers_fits_into_little_memory() -> None:
    # in a process of its own: the figure is the largest of all children a process ever had
    script = (
        "import resource, sys; from pathlib import Path; from mrclass.dicom import scan\n"
        "if __name__ == '__main__':\n"
        "    found = len(scan([Path(sys.argv[1])]).series)\n"
        "    print(found, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(DICOM)], capture_output=True, text=True, timeout=300, check=True
    )
    series, kilobytes = map(int, done.stdout.split())
    assert series > 200
    assert kilobytes < 1_500_000
