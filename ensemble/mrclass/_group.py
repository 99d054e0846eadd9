"""Makes series of header records: what belongs together, what is a copy, what is left out and why; pure.

What counts as one series: files with the same SeriesInstanceUID, study, patient, Modality and SeriesNumber,
wherever they lie, images apart from other objects (raw data may share the UID of its images). Copies
re-encoded in another transfer syntax in folders of their own stay apart.

What counts as a duplicate: the same SOPInstanceUID in a series AND the same instance number, position, times,
echo and matrix. The UID alone is not enough: exporters exist that give one UID to different images, and those
are kept. A folder that holds nothing but duplicates of another folder's series becomes a skipped series of
its own, so that it is seen.

Source: DICOM PS3.3 (a series has one SeriesInstanceUID, study, patient and Modality).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mrclass._judge import FileRecord, Judgement, judge, not_dicom
from mrclass._stacks import Stack, merge


@dataclass(frozen=True)
class Series:
    """One series to convert, or one that cannot be, with the reason.

    Attributes:
        key: stable name of the series in a ledger: SeriesInstanceUID and a sub-key, or a hash of the path.
        kind: "dicom" or "nifti".
        files: absolute paths, in order of instance number, then path; without duplicates and truncated files.
        study_uid, series_uid: real UIDs, "" where there are none.
        patient_key: pseudonym of the patient, the same for the same PatientID; "" for NIfTI.
        header: plain JSON-able values of the first file by DICOM keyword; no name, ID, date.
        skip_reason: why it is not converted, in plain words; None if it is.
        status_hint: "ok", "skipped" or "unreadable".
        notes: what a reader of the row should know though the series is converted.
        patient_id: the real PatientID, for `--keep-identifiers` only.
        stacks: where its slices lie by its own headers, one per orientation.
    """

    key: str
    kind: str
    files: tuple[Path, ...]
    study_uid: str = ""
    series_uid: str = ""
    patient_key: str = ""
    header: dict[str, Any] = field(default_factory=dict)
    skip_reason: str | None = None
    status_hint: str = "ok"
    notes: tuple[str, ...] = ()
    patient_id: str = field(default="", repr=False)
    stacks: tuple[Stack, ...] = field(default=(), repr=False)

    @property
    def folder(self) -> Path:
        """Folder of the first file."""
        return self.files[0].parent

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders that hold files of the series, in order."""
        return tuple(dict.fromkeys(path.parent for path in self.files))

    @property
    def description(self) -> str:
        """SeriesDescription, else ProtocolName, else "" (a NIfTI file: its name)."""
        if self.kind == "nifti":
            return self.files[0].name
        return str(self.header.get("SeriesDescription") or self.header.get("ProtocolName") or "")


@dataclass(frozen=True)
class FileNote:
    """What became of one input file: its series' key or None, and a note in plain words ("" if it is simply
    read); `used` is false for a copy or a file that its series goes without."""

    path: Path
    series_key: str | None
    note: str = ""
    used: bool = True


def group(records: Sequence[FileRecord]) -> list[tuple[list[Series], list[FileNote]]]:
    """Series of the files' records, and a note on each file; pure."""
    groups: dict[tuple[str, ...], list[FileRecord]] = {}
    results: list[tuple[list[Series], list[FileNote]]] = []
    for record in records:
        if record.kind == "none":
            reason = not_dicom(record)
            if not record.claims_dicom:
                results.append(([], [FileNote(record.path, None, reason)]))
                continue
            record.kind, record.reason = "broken", reason
        if record.kind == "broken":
            key = f"file:{path_hash(record.path)}"
            single = Series(key, "dicom", (record.path,), skip_reason=record.reason, status_hint="unreadable")
            results.append(([single], [FileNote(record.path, key, record.reason)]))
            continue
        groups.setdefault(record.group_key(), []).append(record)
    results.extend(_series_of(key, members) for key, members in groups.items())
    return results


def _series_of(key: tuple[str, ...], members: list[FileRecord]) -> tuple[list[Series], list[FileNote]]:
    """Series of the files that share UID, study, patient, Modality and sort of object."""
    series: list[Series] = []
    notes: list[FileNote] = []
    kept: dict[tuple[str, str], FileRecord] = {}
    for part in _encodings(members):
        fresh: list[FileRecord] = []
        copies: dict[Path, list[tuple[FileRecord, FileRecord]]] = {}
        for record in sorted(part, key=lambda one: (one.cut is not None, os.fsencode(one.path))):
            twin = kept.get(record.identity()) if record.instance else None
            if twin is None:
                kept[record.identity()] = record
                fresh.append(record)
            else:
                copies.setdefault(record.path.parent, []).append((record, twin))
        main_key = _key(key, fresh or part)
        if fresh:
            main, about = _one_series(main_key, fresh)
            series.append(main)
            notes.extend(about)
        folders = {record.path.parent for record in fresh}
        for folder, pairs in copies.items():
            if folder in folders:
                notes.extend(
                    FileNote(copy.path, main_key, _copy_words(copy, twin), False) for copy, twin in pairs
                )
                continue
            copy_key = f"{main_key}/copy-{path_hash(folder)[:8]}"
            files = tuple(copy.path for copy, _ in pairs)
            first, twin = pairs[0]
            verdict = judge(first)
            hint = "skipped" if verdict.status == "ok" else verdict.status
            where = f"the same {'image is' if len(files) == 1 else 'images are'} in {Path(twin.shown).parent}"
            reason = (
                f"{verdict.reason}; {where}" if verdict.status != "ok" else f"copy of another series: {where}"
            )
            series.append(_build(copy_key, first, files, reason, hint))
            notes.extend(
                FileNote(copy.path, copy_key, _copy_words(copy, twin), False) for copy, twin in pairs
            )
    return series, notes


def _one_series(key: str, members: list[FileRecord]) -> tuple[Series, list[FileNote]]:
    """One series of files of which none is a copy of another; truncated files are left out where whole ones
    remain."""
    members = sorted(members, key=lambda one: (one.number is None, one.number or 0, os.fsencode(one.path)))
    verdicts = [judge(record) for record in members]
    good = [record for record, verdict in zip(members, verdicts, strict=True) if verdict.status == "ok"]
    if not good:
        reasons = list(dict.fromkeys(verdict.reason for verdict in verdicts))
        words = (
            reasons[0]
            if len(reasons) == 1
            else f"{reasons[0]} (and {len(reasons) - 1} other reasons in its files)"
        )
        hint = "unreadable" if any(verdict.status == "unreadable" for verdict in verdicts) else "skipped"
        series = _build(key, members[0], tuple(record.path for record in members), words, hint)
        return series, [
            _note(record, key, verdict) for record, verdict in zip(members, verdicts, strict=True)
        ]
    remarks = list(
        dict.fromkeys(verdict.reason for verdict in verdicts if verdict.status == "ok" and verdict.reason)
    )
    if len(good) < len(members):
        bad = next(verdict.reason for verdict in verdicts if verdict.status != "ok")
        remarks.append(f"{len(members) - len(good)} of {len(members)} files left out: {bad}")
    series = _build(key, good[0], tuple(record.path for record in good), None, "ok", tuple(remarks))
    series = replace(series, stacks=merge((record.stacks, record.header) for record in good))
    return series, [_note(record, key, verdict) for record, verdict in zip(members, verdicts, strict=True)]


def _note(record: FileRecord, key: str, verdict: Judgement) -> FileNote:
    return FileNote(record.path, key, verdict.reason, verdict.status == "ok")


def _build(
    key: str,
    first: FileRecord,
    files: tuple[Path, ...],
    reason: str | None,
    hint: str,
    notes: tuple[str, ...] = (),
) -> Series:
    return Series(
        key,
        "dicom",
        files,
        first.study,
        first.series,
        first.patient_key(),
        dict(first.header),
        reason,
        hint,
        notes,
        first.patient,
    )


def _copy_words(copy: FileRecord, twin: FileRecord) -> str:
    words = f"duplicate of {twin.shown}"
    if copy.cut:
        return f"truncated {words}"
    return words if copy.syntax == twin.syntax else f"{words} (in another transfer syntax)"


def _encodings(members: list[FileRecord]) -> list[list[FileRecord]]:
    """Parts of a series that never share a folder and differ in transfer syntax; the largest, least
    compressed first."""
    parts: list[tuple[set[str], set[Path], list[FileRecord]]] = []
    for record in members:
        touching = [part for part in parts if record.syntax in part[0] or record.path.parent in part[1]]
        merged: tuple[set[str], set[Path], list[FileRecord]] = ({record.syntax}, {record.path.parent}, [])
        for part in touching:
            merged[0].update(part[0])
            merged[1].update(part[1])
            merged[2].extend(part[2])
            parts.remove(part)
        merged[2].append(record)
        parts.append(merged)
    # Native pixels (the short UIDs 1.2.840.10008.1.2, .1.2.1, .1.2.2) before compressed ones.
    parts.sort(
        key=lambda part: (-sum(one.cut is None for one in part[2]), len(min(part[0])), str(part[2][0].path))
    )
    return [part[2] for part in parts]


def _key(key: tuple[str, ...], members: Sequence[FileRecord]) -> str:
    """SeriesInstanceUID (or "folder:" and a hash) and a sub-key of all else that makes it one series."""
    rest = "\0".join([*key[1:], *sorted({record.syntax for record in members})])
    return f"{key[0]}/{_hash(rest.encode('utf-8', 'surrogatepass'))[:8]}"


def path_hash(path: Path) -> str:
    """A short name for a path, the same on every run."""
    return _hash(os.fsencode(path))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
