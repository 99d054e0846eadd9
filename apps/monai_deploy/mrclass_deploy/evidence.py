"""What a Structured Report needs of a study's own files: which images they are, and whose; writes nothing.

Reads headers, in the application's process, of files that the intake's child has read whole before; pixels
are never read. Source: docs/decisions/0008-deploy-reads-headers.md; DICOM PS3.3 C.7.1.1, C.7.2.1.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mrclass.errors import SeriesError
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.valuerep import DA, TM

from mrclass_deploy.findings import Finding, Study

logger = logging.getLogger(__name__)
IDENTITY = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
LONGEST = 65_536  # bytes of a value of the patient and study modules; longer ones are left in the file
# What the patient and study modules must hold, if only empty (PS3.3 C.7.1.1, C.7.2.1: type 2).
TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


def _sex(value: str) -> str:
    if value not in ("", "F", "M", "O"):
        raise ValueError(value)
    return value


KINDS: dict[str, Callable[[str], Any]] = {
    "PatientBirthDate": DA,
    "StudyDate": DA,
    "StudyTime": TM,
    "PatientSex": _sex,
}


def images(finding: Finding) -> tuple[list[Dataset], str]:
    """Identity of each image of a series, in the order of the series; and what is to be remarked of the rest.

    Returns:
        Data sets of IDENTITY; "", or a sentence on images that could not be read again.
    """
    found, failed = [], Counter[str]()
    for path in finding.series.files:
        try:
            header = _read(path, IDENTITY)
        except SeriesError as error:
            failed[str(error)] += 1
        else:
            found += [header] if _has_identity(header) else []
    if not failed:
        return found, ""
    why = ", ".join(sorted(failed))
    lacking = (
        f"{failed.total()} of {len(finding.series.files)} images could not be read again for this report, "
        f"which does not refer to them ({why})"
    )
    logger.warning("series %s: %s", finding.series.series_uid, lacking)
    return found, lacking


def patient(study: Study) -> Dataset:
    """The header that says whose study it is: of a series that was looked at, else of any that can tell.

    It is made fit to be copied: text in Unicode, what must be there at least empty, and what is no date or
    no sex left out, with a warning. Private and very long elements are left out unread.

    Raises:
        ValueError: no file of the study can tell.
    """
    failed = set()
    for finding in sorted(study.findings, key=lambda one: one.status != "done"):
        try:
            header = _read(finding.series.files[0])
        except SeriesError as error:
            failed.add(str(error))
            continue
        if _has_identity(header):
            return header
    why = f" ({', '.join(sorted(failed))})" if failed else ""
    raise ValueError(
        f"No file of study {study.uid} names its series and its image{why}; wanted one that does"
    )


def _read(path: Path, tags: Sequence[str] | None = None) -> Dataset:
    """Some elements of a header, or what a report copies of it.

    Raises:
        SeriesError: what went wrong, without the file's name, which may be a person's.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values that the standard forbids; they are not judged here
        try:
            header = dcmread(
                path,
                defer_size=LONGEST,
                stop_before_pixels=True,
                force=True,  # the intake takes files without the preamble, too
                specific_tags=list(tags) if tags else None,
            )
            return header if tags else _fit(header)
        except (OSError, MemoryError) as error:
            raise SeriesError(
                f"{type(error).__name__}: {getattr(error, 'strerror', '') or 'too large'}"
            ) from error
        except Exception as error:  # a stranger's file may raise anything in a parser
            raise SeriesError(f"{type(error).__name__} in its header") from error


def _has_identity(header: Dataset) -> bool:
    return all(header.get(word) for word in IDENTITY)


def _fit(header: Dataset) -> Dataset:
    """The header as a report may copy from it."""
    for tag in list(header.keys()):
        raw = header.get_item(tag, keep_deferred=True)
        if tag.is_private or (raw.value is None and (getattr(raw, "length", 0) or 0) > LONGEST):
            del header[tag]
    header.decode()
    for word in TYPE_2:
        if word not in header:
            setattr(header, word, "")
    for word, kind in KINDS.items():
        try:
            kind(header.get(word) or "")
        except ValueError:
            logger.warning("%s is left empty in the report: the study's own is not valid", word)
            setattr(header, word, "")
    return header
