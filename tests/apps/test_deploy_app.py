"""The Deploy app from folder to results, in doubles of the SDK; ensemble, intake and reports are real."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from deploy_helpers import NAME, STUDY, groups, items, reports, small_bundles, small_study, start
from dicom_files import uid
from mrclass import __version__
from mrclass.errors import MRClassError, UsageError
from pydicom import dcmread

DONE = ("99MRCLASS", "done", "done")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy")
    small_study(folder / "study")
    small_bundles(folder / "models")
    return folder


@pytest.fixture(scope="module")
def out(place: Path) -> Path:
    """The results of one run on the small study."""
    log = logging.FileHandler(place / "log.txt")
    logging.getLogger().addHandler(log)
    with pytest.MonkeyPatch.context() as monkeypatch:
        start(monkeypatch, place / "study", place / "out", place / "models")
    logging.getLogger().removeHandler(log)
    log.close()
    return place / "out"


@pytest.fixture(scope="module")
def content(out: Path) -> dict[str, Any]:
    return json.loads((out / "mrclass.json").read_text())


@pytest.fixture(scope="module")
def by_series(out: Path) -> dict[str, dict[str, Any]]:
    """Measurement groups of the one report by SeriesInstanceUID."""
    (report,) = reports(out)
    return {group["Series Instance UID"]: group for group in groups(report)}


def test_a_study_has_one_report_beside_the_json_and_the_picture_report(out: Path) -> None:
    (report,) = reports(out)
    assert sorted(os.listdir(out)) == sorted([f"{report.SOPInstanceUID}.dcm", "mrclass.json", "report"])
    assert (report.StudyInstanceUID, report.Modality) == (STUDY, "SR")
    assert (out / "report" / "report.html").is_file()


def test_a_label_is_coded_with_its_score_votes_and_the_headers_word(by_series: dict[str, Any]) -> None:
    group = by_series[uid(4, 1)]
    assert group["Status"] == DONE
    assert group["Label from the image content"] == ("99MRCLASS", "t2w", "T2w")
    assert group["Score (mean softmax value over the slices)"] == pytest.approx(0.982, abs=1e-3)
    assert (group["Slices that vote for it"], group["Slices looked at"]) == (6, 6)  # of 2 mm in 4 x 3 mm
    assert group["Label that the header claims"] == ("99MRCLASS", "t1w", "T1w")
    assert group["Header against image"] == ("99MRCLASS", "disagree", "disagree")
    assert (group["Algorithm Name"], group["Algorithm Version"]) == ("MR-Class", __version__)
    assert group["Tracking Identifier"] == "AX T1"


def test_what_is_not_looked_at_stands_in_the_report_with_its_reason(by_series: dict[str, Any]) -> None:
    cut, ct = by_series[uid(4, 3)], by_series[uid(4, 4)]
    assert cut["Status"][1] == "unreadable" and "truncated" in cut["Reason"]
    assert (ct["Status"][1], ct["Reason"]) == ("skipped", "Modality CT: not MR")
    assert set(by_series) == {uid(4, n) for n in (1, 2, 3, 4)}


def test_the_evidence_names_every_image_that_was_looked_at(out: Path) -> None:
    (report,) = reports(out)
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    found = {
        one.SeriesInstanceUID: [str(sop.ReferencedSOPInstanceUID) for sop in one.ReferencedSOPSequence]
        for one in study.ReferencedSeriesSequence
    }
    assert found == {uid(4, n): [uid(2, n, image) for image in (1, 2, 3, 4)] for n in (1, 2)}


def test_one_image_of_the_series_can_be_opened_from_the_report(by_series: dict[str, Any]) -> None:
    assert by_series[uid(4, 2)]["Source of Measurement"] == uid(2, 2, 3)


def test_the_report_carries_the_patient_and_the_study(out: Path) -> None:
    (report,) = reports(out)
    assert (str(report.PatientName), report.PatientID) == (NAME, "SECRET-ID")
    assert (report.PatientBirthDate, report.PatientSex) == ("19010203", "F")
    assert (report.AccessionNumber, report.StudyDate) == ("A1", "20200102")
    assert report.StudyID == ""  # the study has none; the standard wants the element
    assert report.SpecificCharacterSet == "ISO_IR 192"


def test_version_and_hashes_of_every_member_stand_in_the_report(out: Path, content: dict[str, Any]) -> None:
    (report,) = reports(out)
    said = [str(item.TextValue) for item in items(report) if "TextValue" in item]
    assert set(content["members"]) == {"mrclass_t1w", "mrclass_t1ce", "mrclass_t2w"}
    for name, one in content["members"].items():
        at = said.index(name)
        assert said[at : at + 4] == [
            name,
            one["version"],
            f"weights sha256 {one['sha256']}",
            f"inference config sha256 {one['config_sha256']}",
        ]
    assert list(report.SoftwareVersions)[0] == f"mrclass {__version__}"


def test_the_json_holds_real_uids_and_no_patient(out: Path, content: dict[str, Any]) -> None:
    (study,) = content["studies"]
    assert study["study_uid"] == STUDY
    assert study["structured_report"] == reports(out)[0].SOPInstanceUID + ".dcm"
    told = {one["series_uid"]: (one["status"], len(one["volumes"])) for one in study["series"]}
    done = {uid(4, 1): ("done", 1), uid(4, 2): ("done", 1)}
    assert told == {**done, uid(4, 3): ("unreadable", 0), uid(4, 4): ("skipped", 0)}
    text = (out / "mrclass.json").read_text()
    assert not any(word in text for word in ("SECRET", "Müller", "M\\u00fcller", "19010203"))


def test_what_names_no_study_stands_in_the_json_alone(content: dict[str, Any]) -> None:
    (stray,) = content["without_study"]
    assert (stray["source"], stray["volumes"][0]["label"]) == ("stray.nii", "t2w")
    assert content["files"]["unexplained"] == 0 and content["files"]["files"] == 12


def test_the_picture_report_and_its_tables_hold_no_identity(out: Path) -> None:
    for path in (out / "report").glob("*.*"):
        told = path.read_bytes()
        assert not any(word in told for word in (b"SECRET", "Müller".encode(), STUDY.encode())), path


def test_series_that_the_rules_do_not_choose_are_skipped_and_accounted_for(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = '{"selections": [{"name": "t2", "conditions": {"SeriesDescription": "T2"}}]}'
    start(monkeypatch, place / "study", place / "chosen", place / "models", rules=rules)
    (report,) = reports(place / "chosen")
    told = {one["Series Instance UID"]: one for one in groups(report)}
    assert told[uid(4, 2)]["Status"] == DONE
    assert told[uid(4, 1)]["Status"][1] == "skipped"
    assert told[uid(4, 1)]["Reason"] == "not chosen by the application's selection rules"
    assert "truncated" in told[uid(4, 3)]["Reason"]  # its own reason stays


def test_an_output_folder_with_an_earlier_result_is_refused(
    place: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(os.listdir(out))
    with pytest.raises(UsageError, match="without an earlier result"):
        start(monkeypatch, place / "study", out, place / "models")
    assert sorted(os.listdir(out)) == before


def test_a_study_without_a_report_fails_the_app_after_the_json_was_written(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mrclass_deploy.structured_report as module

    def fail(*_: Any) -> Any:
        raise KeyError("1.2.3")

    monkeypatch.setattr(module, "build", fail)
    rules = '{"selections": [{"name": "none", "conditions": {"SeriesDescription": "nothing"}}]}'
    with pytest.raises(MRClassError, match=f"No Structured Report could be made of study {STUDY}"):
        start(monkeypatch, place / "study", place / "failed", place / "models", rules=rules)
    (study,) = json.loads((place / "failed" / "mrclass.json").read_text())["studies"]
    assert (study["structured_report"], study["structured_report_reason"]) == (None, "KeyError: '1.2.3'")


def test_the_default_of_choosing_all_series_is_no_warning(place: Path, out: Path) -> None:
    assert "No selection rules" not in (place / "log.txt").read_text()


def test_the_input_is_not_touched(place: Path, out: Path) -> None:
    names = sorted(path.name for path in (place / "study").rglob("*") if path.is_file())
    assert len(names) == 12
    assert dcmread(place / "study" / "t1" / "IM1.dcm").PatientID == "SECRET-ID"
