"""A small study folder for the tests of the Deploy app, and what is read from its results."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dicom_files import image, stack, uid, write
from monaideploy_double import install
from pydicom import dcmread
from tiny_bundles import NO, WITH_N4, YES, make_bundle
from tiny_volumes import write_volume

NAME, SEX = "Müller^Ärmel", "F"


def small_bundles(folder: Path) -> Path:
    """Three members, of which t2w says yes."""
    make_bundle(folder / "mrclass_t1w", "t1w", offset=NO, steps=WITH_N4)
    make_bundle(folder / "mrclass_t1ce", "t1ce", offset=NO, refines="t1w", threshold=0.5, steps=WITH_N4)
    make_bundle(folder / "mrclass_t2w", "t2w", offset=YES)
    return folder


def small_study(folder: Path) -> Path:
    """A T1 (series 1), a T2 (2), a truncated image (3), a CT (4) of one patient; a stray NIfTI and a text."""
    who = {"PatientName": NAME, "PatientSex": SEX, "SpecificCharacterSet": "ISO_IR 100"}
    who |= {"AccessionNumber": "A1", "StudyDate": "20200102"}
    stack(folder / "t1", 4, series=1, **who)
    stack(folder / "t2", 4, series=2, SeriesDescription="AX T2", **who)
    cut = write(folder / "cut.dcm", image(3, 1, SeriesDescription="AX FLAIR", **who))
    cut.write_bytes(cut.read_bytes()[:-100])
    write(folder / "ct.dcm", image(4, 1, Modality="CT", SeriesDescription="CT HEAD", **who))
    write_volume(folder / "stray.nii")
    (folder / "README.TXT").write_text("no image")
    return folder


def start(monkeypatch: pytest.MonkeyPatch, study: Path, out: Path, models: Path, **knobs: Any) -> None:
    """Runs the app as `python apps/monai_deploy -i STUDY -o OUT -m MODELS` does."""
    install(monkeypatch)
    from mrclass_deploy.app import MRClass

    argv = ["apps/monai_deploy", "-i", str(study), "-o", str(out), "-m", str(models)]
    monkeypatch.setattr(sys, "argv", argv)
    app = MRClass(argv)
    app.sections["mrclass"] |= knobs
    app.run()


def items(report: Any) -> Iterator[Any]:
    """All content items below a data set, in order."""
    for item in report.get("ContentSequence", []):
        yield item
        yield from items(item)


def groups(report: Any) -> list[dict[str, Any]]:
    """Of each measurement group the values by the meaning of their names; of several of one name, a list."""
    found = []
    for item in items(report):
        if _meaning(item.get("ConceptNameCodeSequence")) != "Measurement Group":
            continue
        values: dict[str, Any] = {}
        for one in item.ContentSequence:
            name, value = _meaning(one.ConceptNameCodeSequence), _value(one)
            values[name] = [*values[name], value] if isinstance(values.get(name), list) else (
                [values[name], value] if name in values else value
            )  # fmt: skip
        found.append(values)
    return found


def reports(out: Path) -> list[Any]:
    """The Structured Reports of an output folder, by StudyInstanceUID."""
    return sorted((dcmread(path) for path in out.glob("*.dcm")), key=lambda one: str(one.StudyInstanceUID))


def _meaning(codes: Any) -> str:
    return str(codes[0].CodeMeaning) if codes else ""


def _value(item: Any) -> Any:
    kind = item.ValueType
    if kind == "NUM":
        return float(item.MeasuredValueSequence[0].NumericValue)
    if kind == "CODE":
        code = item.ConceptCodeSequence[0]
        return code.CodingSchemeDesignator, code.CodeValue, code.CodeMeaning
    if kind == "IMAGE":
        return str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
    return str(item.get("TextValue") or item.get("UID") or "")


STUDY = uid(3)
