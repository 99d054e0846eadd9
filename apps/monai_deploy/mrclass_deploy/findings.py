"""What a run says of each series, by study, and as JSON; reads the run's ledger, writes one JSON file.

The report and the tables of a run hold pseudonyms; here each row meets its series again, whose real UIDs the
archive knows. Source: mrclass.run, mrclass.ledger.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrclass import __version__
from mrclass.files import replace_text
from mrclass.ledger import FILE_NAME, Ledger

# Of a volume, under the names that MONAI Label's answers have too.
VOLUME_KEYS = (
    "label", "score", "conflict", "candidates", "scores", "slice_scores", "n_slices", "acquisition_plane",
    "header_label", "header_evidence", "verdict", "remarks", "echo_time", "b_value",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One series and its rows.

    Attributes:
        series: of the intake, with real UIDs and files.
        rows: of the ledger, one per volume, or one that says why there is none.
    """

    series: Any
    rows: Sequence[Mapping[str, Any]]

    @property
    def status(self) -> str:
        """done, unreadable or skipped."""
        states = [str(row["status"]) for row in self.rows]
        return "done" if "done" in states else states[0]


@dataclass(frozen=True)
class Study:
    """The series of one study of one patient: a folder in which two patients share a StudyInstanceUID is two.

    Attributes:
        uid: StudyInstanceUID, "" for what names no study.
        patient: real PatientID; stands in no JSON.
    """

    uid: str
    patient: str = field(repr=False)
    findings: Sequence[Finding]


def collect(series: Sequence[Any], run: Path) -> list[Study]:
    """The studies of a run, in the order of the intake; what names no study comes last, if anything does.

    Args:
        series: those that the run was given.
        run: the run's folder.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    with Ledger(run / FILE_NAME, create=False) as book:
        for row in book.each():
            rows.setdefault(row["series_key"], []).append(row)
        keys = [book.series_key(one.key) for one in series]
    found: dict[tuple[str, str], list[Finding]] = {}
    for one, key in zip(series, keys, strict=True):
        place = (one.study_uid, one.patient_id if one.study_uid else "")
        found.setdefault(place, []).append(Finding(one, rows[key]))
    studies = [Study(uid, patient, findings) for (uid, patient), findings in found.items()]
    return sorted(studies, key=lambda study: not study.uid)


def as_json(
    studies: Sequence[Study], reports: Sequence[tuple[str | None, str]], run: Mapping[str, Any], page: str
) -> dict[str, Any]:
    """What the application found, JSON-able; no name, ID or birth date of a patient is in it.

    Args:
        studies: of `collect`.
        reports: of each study the name of its Structured Report or None, and why there is none.
        run: as in run.json.
        page: the picture report, relative to the output folder.
    """
    with_uid = [(study, *report) for study, report in zip(studies, reports, strict=True) if study.uid]
    return {
        "mrclass": __version__,
        "research_use_only": True,
        "report": page,
        "device": run["device"],
        "seconds": run["seconds"],
        "files": run["balance"],
        "members": run["members"],
        "studies": [
            {
                "study_uid": study.uid,
                "structured_report": name,
                "structured_report_reason": reason,
                "series": [_series(one) for one in study.findings],
            }
            for study, name, reason in with_uid
        ],
        "without_study": [_series(one) for study in studies if not study.uid for one in study.findings],
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write the JSON in one step; undecodable bytes of a path become escapes."""
    replace_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _series(finding: Finding) -> dict[str, Any]:
    row = finding.rows[0]
    return {
        "series_uid": finding.series.series_uid,
        "series_number": finding.series.header.get("SeriesNumber"),
        "description": row["description"],
        "modality": row["modality"],
        "source": row["source"],
        "n_files": row["n_files"],
        "status": finding.status,
        "reason": row["reason"],
        "volumes": [_volume(one) for one in finding.rows if one["status"] == "done" or len(finding.rows) > 1],
    }


def _volume(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["status"] != "done":
        return {"note": row["volume_note"], "status": row["status"], "reason": row["reason"]}
    return {
        "note": row["volume_note"],
        "status": row["status"],
        **{key: row[key] for key in VOLUME_KEYS},
        "slice_votes": row["votes"],
    }
