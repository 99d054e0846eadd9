"""The Structured Report of findings that are made up, on small DICOM files."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from deploy_helpers import STUDY, groups, items
from dicom_files import image, stack, uid, write
from mrclass.ledger import SERIES_DEFAULTS, VOLUME_DEFAULTS
from mrclass_deploy.findings import Finding, Study, as_json
from mrclass_deploy.intake import NOT_CHOSEN, Held, choose
from mrclass_deploy.structured_report import build
from pydicom import dcmread

MEMBERS = {
    "mrclass_t2w": {
        "label": "t2w",
        "version": "0.1.0",
        "threshold": 0.6,
        "backend": "torch",
        "sha256": "ab" * 32,
        "config_sha256": "cd" * 32,
    }
}


def finding(files: list[Path], *rows: dict[str, Any], number: int = 1) -> Finding:
    """A series of some files and what is said of its volumes."""
    series = SimpleNamespace(files=tuple(files), series_uid=uid(4, number), header={}, study_uid=STUDY)
    whole = {**SERIES_DEFAULTS, **VOLUME_DEFAULTS, "status": "done", "description": "AX T1", "n_slices": 10}
    return Finding(series, [{**whole, **row} for row in rows])


def row(label: str = "t2w", score: float = 0.9, **more: Any) -> dict[str, Any]:
    return {"label": label, "score": score, "scores": {"t2w": score}, "votes": {"t2w": 7}, **more}


def report(*findings: Finding) -> Any:
    """The report as it is read again after it was written."""
    buffer = io.BytesIO()
    build(Study(STUDY, "SECRET-ID", findings), MEMBERS).save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return dcmread(buffer)


def test_each_volume_of_a_series_has_its_group_and_none_claims_an_image(tmp_path: Path) -> None:
    files = stack(tmp_path, 4)
    first, second = groups(
        report(finding(files, row(volume_note="b 0"), row("adc", 0.8, volume_note="b 1000")))
    )
    assert (first["Tracking Identifier"], second["Tracking Identifier"]) == ("AX T1 (b 0)", "AX T1 (b 1000)")
    assert first["Series Instance UID"] == second["Series Instance UID"] == uid(4, 1)
    assert second["Label from the image content"][1] == "adc"
    assert "Source of Measurement" not in first  # which image is of which volume, the headers do not tell


def test_other_names_the_member_whose_score_it_is(tmp_path: Path) -> None:
    (group,) = groups(report(finding(stack(tmp_path, 2), row("other", 0.4))))
    assert group["Label from the image content"] == ("99MRCLASS", "other", "other")
    assert group["Member that came nearest"] == ("99MRCLASS", "t2w", "T2w")
    assert group["Slices that vote for it"] == 7


def test_a_conflict_names_every_other_claim(tmp_path: Path) -> None:
    said = row(conflict=True, candidates=["t2w", "adc", "swi"])
    (group,) = groups(report(finding(stack(tmp_path, 2), said)))
    claims = group["Claimed by another member too (conflict)"]
    assert [code[1] for code in claims] == ["adc", "swi"]


def test_remarks_and_the_label_of_a_seventh_bundle_stand_as_they_are(tmp_path: Path) -> None:
    (group,) = groups(
        report(finding(stack(tmp_path, 2), row("pdw", 0.7, remarks=["first", "second\x1b[2J"])))
    )
    assert group["Label from the image content"] == ("99MRCLASS", "pdw", "pdw")
    assert group["Remark"] == ["first", "second\ufffd[2J"]


def test_a_name_in_another_script_arrives_whole(tmp_path: Path) -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    files = stack(tmp_path, 2, PatientName=name, SpecificCharacterSet=["", "ISO 2022 IR 87"])
    assert str(report(finding(files, row())).PatientName) == name


def test_what_is_no_date_and_no_sex_is_left_empty_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = stack(tmp_path, 2, StudyDate="yesterday", PatientSex="unknown")
    with caplog.at_level(logging.WARNING):
        found = report(finding(files, row()))
    assert (found.StudyDate, found.PatientSex, found.PatientID) == ("", "", "SECRET-ID")
    assert [text.split()[0] for text in caplog.messages] == ["StudyDate", "PatientSex"]


def test_a_study_in_which_nothing_could_be_looked_at_has_a_report_as_well(tmp_path: Path) -> None:
    cut = write(tmp_path / "cut.dcm", image(1, 1))
    said = {"status": "unreadable", "reason": "truncated"}
    found = report(finding([cut], said))
    (group,) = groups(found)
    assert (group["Status"][1], group["Reason"], found.PatientID) == ("unreadable", "truncated", "SECRET-ID")
    assert "Algorithm Name" not in group


def test_a_study_whose_files_name_no_image_has_none(tmp_path: Path) -> None:
    nameless = write(tmp_path / "nameless.dcm", image(1, 1, SOPInstanceUID=None))
    with pytest.raises(ValueError, match="names its series and its image"):
        build(Study(STUDY, "", [finding([nameless], row())]), MEMBERS)


def test_an_image_that_cannot_be_read_again_is_remarked_and_the_report_made(tmp_path: Path) -> None:
    files = stack(tmp_path, 4)
    files[2].unlink()
    found = report(finding(files, row()))
    (group,) = groups(found)
    assert group["Remark"].startswith("1 of 4 images could not be read again for this report")
    assert "FileNotFoundError" in group["Remark"] and str(tmp_path) not in group["Remark"]
    (study,) = found.CurrentRequestedProcedureEvidenceSequence
    assert len(study.ReferencedSeriesSequence[0].ReferencedSOPSequence) == 3


def test_what_the_parser_cannot_bear_is_a_sentence_and_another_series_says_whose_study_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mrclass_deploy import evidence

    hostile, good = stack(tmp_path / "a", 1), stack(tmp_path / "b", 2, series=2)

    def parse(path: Path, **more: Any) -> Any:
        if path in hostile:
            raise RecursionError("maximum recursion depth exceeded")
        return dcmread(path, **more)

    monkeypatch.setattr(evidence, "dcmread", parse)
    found = report(finding(hostile, row()), finding(good, row(), number=2))
    assert found.PatientID == "SECRET-ID"
    assert "RecursionError in its header" in groups(found)[0]["Remark"]


def test_private_and_very_long_elements_of_a_header_are_left_in_the_file(tmp_path: Path) -> None:
    from mrclass_deploy import evidence

    header = image(1, 1)
    header.add_new(0x00091001, "LO", "PRIVATE")
    header.StrainDescription = "x" * (evidence.LONGEST + 2)
    path = write(tmp_path / "long.dcm", header)
    read = evidence.patient(Study(STUDY, "", [finding([path], row())]))
    assert "StrainDescription" not in read and 0x00091001 not in read and read.PatientID == "SECRET-ID"


def test_slices_are_counted_in_whole_numbers(tmp_path: Path) -> None:
    written = [
        str(item.MeasuredValueSequence[0].NumericValue)
        for item in items(report(finding(stack(tmp_path, 2), row())))
        if item.ValueType == "NUM"
    ]
    assert written == ["0.9", "7", "10"]


def test_the_report_is_marked_as_research_complete_preliminary_and_unverified(tmp_path: Path) -> None:
    found = report(finding(stack(tmp_path, 2), row()))
    assert found.SeriesDescription == "MR-Class labels (research use only)"
    flags = (found.CompletionFlag, found.PreliminaryFlag, found.VerificationFlag)
    assert flags == ("COMPLETE", "PRELIMINARY", "UNVERIFIED")
    assert found.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99MRCLASS"
    assert found.ContentSequence[-1].ContentSequence[0].ContentSequence[0].TextValue == "mrclass_t2w"


def test_the_observer_is_the_same_in_every_report_and_the_rest_is_its_own(tmp_path: Path) -> None:
    files = stack(tmp_path, 2)
    one, two = (report(finding(files, row())) for _ in range(2))

    def observer(of: Any) -> list[str]:
        names = [item.ConceptNameCodeSequence[0].CodeMeaning for item in of.ContentSequence]
        return [of.ContentSequence[names.index("Device Observer UID")].UID]

    assert observer(one) == observer(two)
    assert one.SOPInstanceUID != two.SOPInstanceUID and one.SeriesInstanceUID != two.SeriesInstanceUID


def test_a_volume_that_could_not_be_read_beside_one_that_could_keeps_its_reason(tmp_path: Path) -> None:
    bad = {"status": "unreadable", "reason": "constant", "volume_note": "echo 2"}
    one = finding(stack(tmp_path, 2), row(volume_note="echo 1"), bad)
    study = Study(STUDY, "", [one])
    run = {"device": "cpu", "seconds": 1.0, "balance": {}, "members": MEMBERS}
    (series,) = as_json([study], [("a.dcm", "")], run, "report/report.html")["studies"][0]["series"]
    assert series["status"] == "done"
    assert series["volumes"][1] == {"note": "echo 2", "status": "unreadable", "reason": "constant"}


def test_a_series_is_chosen_by_its_study_and_its_own_uid(tmp_path: Path) -> None:
    from mrclass.dicom import Series

    one, two = (
        Series(f"{n}", "dicom", (tmp_path / f"{n}",), study_uid=n, series_uid="9", status_hint="ok")
        for n in ("1", "2")
    )
    first, second = choose(Held([one, two], []), {("1", "9")}).series
    assert first.status_hint == "ok"
    assert (second.status_hint, second.skip_reason) == ("skipped", NOT_CHOSEN)


def test_two_patients_under_one_study_uid_are_two_studies(tmp_path: Path) -> None:
    from mrclass.dicom import Series
    from mrclass.ledger import FILE_NAME, Ledger
    from mrclass_deploy.findings import collect

    series = [
        Series(who, "dicom", (tmp_path / who,), study_uid="1", series_uid=who, patient_id=who) for who in "AB"
    ]
    with Ledger(tmp_path / FILE_NAME) as book:
        for one in series:
            key = book.series_key(one.key)
            book.finish({"series_key": key, "status": "done", "root": "", "fingerprint": ""}, [row()])
    studies = collect(series, tmp_path)
    assert [(study.uid, study.patient, len(study.findings)) for study in studies] == [
        ("1", "A", 1),
        ("1", "B", 1),
    ]
