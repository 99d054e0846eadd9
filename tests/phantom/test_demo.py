"""The demo export: it holds what it should, and the truth beside it is true."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import pydicom
import pytest
from mrclass import labels
from mrclass.errors import UsageError
from mrclass.header import header_label, verdict
from mrclass.phantom.demo import Demo, write_demo
from mrclass.phantom.demo_plan import VISITS, demo_protocol

pytestmark = pytest.mark.usefixtures("small_physics")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, small_physics: None) -> Demo:
    return write_demo(tmp_path_factory.mktemp("demo"), seed=5, jobs=1)


def truth(demo: Demo) -> list[dict[str, str]]:
    with demo.truth.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def instances(demo: Demo) -> dict[str, list[tuple[Path, Any]]]:
    """Readable headers by SeriesInstanceUID."""
    found: dict[str, list[tuple[Path, Any]]] = {}
    for path in sorted(demo.export.rglob("*")):
        if path.is_file() and path.suffix != ".TXT":
            header = pydicom.dcmread(path, stop_before_pixels=True)
            found.setdefault(str(header.SeriesInstanceUID), []).append((path, header))
    return found


def test_every_file_of_the_export_is_in_the_truth(demo: Demo) -> None:
    rows = truth(demo)
    assert sum(int(row["n_files"]) for row in rows) == demo.n_files
    assert {row["series_uid"] for row in rows if row["series_uid"]} == set(instances(demo))


def test_every_series_of_the_truth_has_its_files_where_the_truth_says(demo: Demo) -> None:
    found = instances(demo)
    for row in truth(demo):
        where = demo.truth.parent / row["file"]
        if row["series_uid"]:
            files = [path for path, _ in found[row["series_uid"]]]
            assert len(files) == int(row["n_files"])
            assert files[0] == where or {path.parent for path in files} == {where}
        else:
            assert where.is_file()


def test_six_labels_come_in_three_planes(demo: Demo) -> None:
    planes: dict[str, set[str]] = {}
    for row in truth(demo):
        if row["expected_status"] == "done":
            planes.setdefault(row["label"], set()).add(row["plane"])
    for key in labels.KEYS:
        if key != labels.OTHER:
            assert planes[key] == {"axial", "sagittal", "coronal"}, key


def test_other_comes_in_five_kinds(demo: Demo) -> None:
    kinds = {row["kind"] for row in truth(demo) if row["label"] == labels.OTHER}
    assert kinds == {"localizer", "dwi", "pd", "tof", "spine"}


def test_two_b_values_lie_in_one_series(demo: Demo) -> None:
    (row,) = [row for row in truth(demo) if row["kind"] == "dwi"]
    values = {float(header.DiffusionBValue) for _, header in instances(demo)[row["series_uid"]]}
    assert values == {0.0, 1000.0}


def test_the_localizer_holds_three_orientations_in_one_series(demo: Demo) -> None:
    (row,) = [row for row in truth(demo) if row["kind"] == "localizer"]
    headers = [header for _, header in instances(demo)[row["series_uid"]]]
    assert len({str(header.ImageOrientationPatient) for header in headers}) == 3


def test_three_headers_lie_and_the_truth_names_them(demo: Demo) -> None:
    found = instances(demo)
    lies = {row["lie"]: (row, found[row["series_uid"]][0][1]) for row in truth(demo) if row["lie"]}
    assert len(lies) == 3
    row, header = lies["a T2w called T1"]
    assert (row["label"], header.SeriesDescription) == ("t2w", "t1_se_cor")
    row, header = lies["a contrast agent that was never given"]
    assert (row["label"], header.ContrastBolusAgent) == ("t1w", "GADOLINIUM")
    row, header = lies["an empty description"]
    assert (row["label"], header.SeriesDescription) == ("flair", "")
    assert "InversionTime" not in header


def test_only_the_headers_that_lie_do_not_agree(demo: Demo) -> None:
    found = instances(demo)
    for row in truth(demo):
        if row["expected_status"] == "done" and row["kind"] != "dwi":
            instance = found[row["series_uid"]][0][1]
            header = {e.keyword: list(e.value) if e.VM > 1 else e.value for e in instance if e.VR != "SQ"}
            wanted = "agree"
            if row["lie"]:
                wanted = "header silent" if "empty" in row["lie"] else "disagree"
            assert (row["file"], verdict(header_label(header), row["label"])) == (row["file"], wanted)


def test_one_file_ends_in_the_middle_of_its_pixels(demo: Demo) -> None:
    (row,) = [row for row in truth(demo) if row["expected_status"] == "unreadable"]
    cut = pydicom.dcmread(demo.truth.parent / row["file"])
    assert 0 < len(cut.PixelData) < cut.Rows * cut.Columns * 2


def test_one_object_has_no_pixels(demo: Demo) -> None:
    (row,) = [row for row in truth(demo) if row["expected_status"] == "skipped"]
    report = pydicom.dcmread(demo.truth.parent / row["file"])
    assert report.Modality == "SR"
    assert "PixelData" not in report


def test_one_flat_folder_mixes_two_series(demo: Demo) -> None:
    order = [
        str(pydicom.dcmread(path, stop_before_pixels=True).SeriesInstanceUID)
        for path in sorted((demo.export / "LOOSE").iterdir())
    ]
    assert len(set(order)) == 2
    assert order[0] != order[1]


def test_files_have_no_extension_and_no_telling_names(demo: Demo) -> None:
    names = {path.name for path in demo.export.rglob("*") if path.is_file()} - {"README.TXT"}
    assert all(name[:2] in ("IM", "SR") and name[2:].isdigit() for name in names)


def test_the_same_seed_writes_the_same_bytes(demo: Demo, tmp_path: Path) -> None:
    again = write_demo(tmp_path / "again", seed=5, jobs=1)
    for path in demo.export.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again.export / path.relative_to(demo.export)).read_bytes()
    assert demo.truth.read_bytes() == again.truth.read_bytes()


def test_a_complete_demo_is_left_as_it_is(demo: Demo) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo.export.rglob("*")}
    assert write_demo(demo.export.parent, seed=5, jobs=1) == demo
    assert {path: path.stat().st_mtime_ns for path in demo.export.rglob("*")} == before


def test_a_demo_of_another_seed_is_refused(demo: Demo) -> None:
    with pytest.raises(UsageError, match="'seed': 5.*wanted.*'seed': 6"):
        write_demo(demo.export.parent, seed=6, jobs=1)


def test_an_export_of_somebody_else_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "IM000001").write_text("theirs")
    with pytest.raises(UsageError, match="Name another folder"):
        write_demo(tmp_path, jobs=1)
    assert (tmp_path / "export" / "IM000001").read_text() == "theirs"


def test_what_a_killed_call_left_is_written_again(tmp_path: Path) -> None:
    (tmp_path / ".export.part").mkdir()
    (tmp_path / ".export.part" / "IM000001").write_text("half")
    demo = write_demo(tmp_path, visits=[dataclasses.replace(VISITS[0], series=VISITS[0].series[:1])], jobs=1)
    assert not (demo.export / "IM000001").exists()
    assert json.loads((tmp_path / "phantom.json").read_text())["series"] == 1


def test_progress_counts_to_the_number_of_series(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    visit = dataclasses.replace(VISITS[0], series=VISITS[0].series[:2])
    write_demo(tmp_path, visits=[visit], jobs=1, progress=lambda *step: steps.append(step))
    assert steps == [(1, 2), (2, 2)]


def test_only_t1ce_is_acquired_after_contrast_agent() -> None:
    import numpy as np

    for visit in VISITS:
        for planned in visit.series:
            protocol = demo_protocol(planned.kind, planned.plane, visit.field, np.random.default_rng(1))
            assert protocol.contrast_agent == (protocol.label == "t1ce")
            assert protocol.field == visit.field
