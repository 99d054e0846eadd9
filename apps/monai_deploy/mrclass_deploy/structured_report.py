"""One DICOM Structured Report for the findings of one study: TID 1500, a TID 1501 group for each volume.

Reads headers through `evidence`; writes nothing. It carries the patient and study modules of the study,
so that it finds its place in the archive. Source: DICOM PS3.16 (TID 1500, 1501, 4019, 1004), PS3.3 A.35.2
(Enhanced SR).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    AlgorithmIdentification,
    ContainerContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    EnhancedSR,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
    UIDRefContentItem,
)
from mrclass import __version__
from mrclass.labels import OTHER
from mrclass.report.series import title
from mrclass.report.tables import closest, winning_votes
from mrclass.report.text import clean
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from mrclass_deploy import coding, evidence
from mrclass_deploy.findings import Finding, Study

NAME = "MR-Class"
MAKER = "The MR-Class developers"
DESCRIPTION = "MR-Class labels (research use only)"
SERIES_NUMBER = 9001
UTF_8 = "ISO_IR 192"


def build(study: Study, members: Mapping[str, Mapping[str, Any]]) -> EnhancedSR:
    """The report of one study, ready to be written.

    Args:
        study: its findings; all of them stand in the report, also what was skipped or could not be read.
        members: name, version and hashes of each bundle, as of `mrclass.card.versions`.

    Raises:
        ValueError: no file of the study has a header that a report could refer to.
    """
    images = [evidence.images(one) if one.status == "done" else ([], "") for one in study.findings]
    groups = [
        _group(finding, row, headers, lacking)
        for finding, (headers, lacking) in zip(study.findings, images, strict=True)
        for row in finding.rows
    ]
    content = MeasurementReport(
        observation_context=ObservationContext(ObserverContext(codes.DCM.Device, _device())),
        procedure_reported=coding.MR_IMAGING,
        imaging_measurements=groups,
    )
    content[0].ContentSequence.append(_members(members))
    scheme = CodingSchemeIdentificationItem(
        coding.SCHEME, name=coding.SCHEME_NAME, responsible_organization=MAKER
    )
    versions = [f"mrclass {__version__}", *(f"{name} {one['version']}" for name, one in members.items())]
    return EnhancedSR(
        evidence=[evidence.patient(study), *(header for headers, _ in images for header in headers)],
        content=content[0],
        series_instance_uid=generate_uid(prefix=None),
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=NAME,
        software_versions=[clean(one, 64) for one in versions],  # pydicom takes a list, not a tuple
        device_serial_number=__version__,
        series_description=DESCRIPTION,
        coding_schemes=[scheme],
        specific_character_set=UTF_8,
        is_complete=True,
        is_final=False,
        is_verified=False,
    )


# ---- content


def _group(
    finding: Finding, row: Mapping[str, Any], images: Sequence[Dataset], lacking: str
) -> MeasurementsAndQualitativeEvaluations:
    """What is said of one volume, or of a series that gave none."""
    done = row["status"] == "done"
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(generate_uid(prefix=None), _name(row)),
        algorithm_id=AlgorithmIdentification(NAME, __version__) if done else None,
        measurements=_numbers(row) if done else None,
        qualitative_evaluations=[QualitativeEvaluation(name, value) for name, value in _codes(row)],
        # a series of several volumes: which image belongs to which is the converter's knowledge
        source_images=[_middle(images)] if images and len(finding.rows) == 1 else None,
    )
    items = group[0].ContentSequence
    if finding.series.series_uid:
        context = RelationshipTypeValues.HAS_OBS_CONTEXT
        items.insert(2, UIDRefContentItem(coding.SERIES_UID, finding.series.series_uid, context))
    texts = [(coding.REASON, row["reason"]), *((coding.REMARK, one) for one in (*row["remarks"], lacking))]
    items.extend(_text(name, said) for name, said in texts if clean(said))
    return group


def _name(row: Mapping[str, Any]) -> str:
    """The series as a person calls it, and which of its volumes it is."""
    note = clean(row["volume_note"])
    return f"{title(row) or 'unnamed'}{f' ({note})' if note else ''}"


def _numbers(row: Mapping[str, Any]) -> list[Measurement]:
    votes = winning_votes(row)
    found = [Measurement(coding.SCORE, round(float(row["score"]), 6), coding.NO_UNITS)]
    if votes is not None:
        found += [_count(coding.VOTES, votes), _count(coding.SLICES, int(row["n_slices"]))]
    return found


def _count(name: Code, n: int) -> Measurement:
    """A number of slices, written whole: highdicom would write 10.0."""
    count = Measurement(name, n, coding.SLICE_UNITS)
    count[0].MeasuredValueSequence[0].NumericValue = str(n)
    return count


def _codes(row: Mapping[str, Any]) -> list[tuple[Code, Code]]:
    """Status, labels and verdict of a row; of `other` also the member whose score it is."""
    said = [(coding.STATUS, coding.STATES[row["status"]])]
    if row["status"] == "done":
        said.append((coding.CONTENT_LABEL, coding.label(row["label"])))
        nearest = closest(row) if row["label"] == OTHER else None
        said += [(coding.NEAREST, coding.label(nearest))] if nearest else []
        others = [one for one in row["candidates"] if one != row["label"]] if row["conflict"] else []
        said += [(coding.ALSO, coding.label(one)) for one in others]
    if row["header_label"]:
        said.append((coding.HEADER_LABEL, coding.label(row["header_label"])))
    if row["verdict"] in coding.VERDICTS:
        said.append((coding.VERDICT, coding.VERDICTS[row["verdict"]]))
    return said


def _middle(images: Sequence[Dataset]) -> SourceImageForMeasurementGroup:
    """One image of the series to look at; the evidence names them all."""
    image = images[len(images) // 2]
    return SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID)


def _text(name: Code, said: Any) -> TextContentItem:
    return TextContentItem(name, clean(said), RelationshipTypeValues.CONTAINS)


def _members(members: Mapping[str, Mapping[str, Any]]) -> ContainerContentItem:
    """Version and hashes of each bundle, once for the whole report."""
    contains = RelationshipTypeValues.CONTAINS
    container = ContainerContentItem(coding.MEMBERS, relationship_type=contains)
    container.ContentSequence = ContentSequence()
    for name, one in members.items():
        item = ContainerContentItem(coding.MEMBER, relationship_type=contains)
        item.ContentSequence = ContentSequence()
        parameters = [
            f"weights sha256 {one['sha256']}",
            f"inference config sha256 {one['config_sha256']}",
            f"threshold {one['threshold']}",
            f"backend {one['backend']}",
        ]
        item.ContentSequence.extend(AlgorithmIdentification(clean(name), clean(one["version"]), parameters))
        container.ContentSequence.append(item)
    return container


def _device() -> DeviceObserverIdentifyingAttributes:
    """The software as observer; its UID is the same wherever this version runs."""
    uid = f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{NAME} {__version__}').int}"
    return DeviceObserverIdentifyingAttributes(uid, name=NAME, manufacturer_name=MAKER, model_name=NAME)
