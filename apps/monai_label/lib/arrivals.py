"""Makes one series of what a request names: a NIfTI or DICOM file, a folder, or a zip of a series.

Reads the named path; a zip is unpacked into a folder that the caller gives. Nothing in a zip decides where a
file is written, how many are, or how large they grow.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from mrclass.dicom import scan
from mrclass.errors import SeriesError

MAX_FILES = 20_000
MAX_BYTES = 8 << 30


def series_of(path: Path, scratch: Path) -> Any:
    """The one series that a path holds, as the intake of `mrclass classify` finds it.

    Args:
        path: file, folder, or zip.
        scratch: existing folder that a zip is unpacked into; the caller removes it.

    Raises:
        SeriesError: nothing to look at, or more than one series; the message says what was found.
    """
    if not path.exists():
        raise SeriesError(f"{path.name} is not there any more.")
    if path.suffix.lower() == ".zip":
        path = unzip(path, scratch / "unzipped")
    intake = scan([path])
    try:
        found = list(intake.series)
        notes = [note.note for note in intake.files if note.note]
    finally:
        intake.close()
    good = [series for series in found if series.status_hint == "ok"]
    if len(good) > 1:
        raise SeriesError(
            f"{len(good)} series came at once; wanted one. Post them one by one, or start the server on "
            "their folder and use batch inference."
        )
    if not good:
        reasons = [series.skip_reason for series in found if series.skip_reason] or notes
        raise SeriesError(f"No series to look at: {reasons[0] if reasons else 'no file'}.")
    return good[0]


def unzip(path: Path, folder: Path) -> Path:
    """The files of a zip in one flat folder under numbers; only endings that the intake knows are kept.

    Raises:
        SeriesError: not a zip, or too many or too large files in it.
    """
    folder.mkdir(parents=True)
    written = 0
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_FILES:
                raise SeriesError(f"The zip holds {len(entries)} files; at most {MAX_FILES} are unpacked.")
            for index, entry in enumerate(entries):
                with (
                    archive.open(entry) as packed,
                    (folder / f"{index:06d}{_ending(entry)}").open("wb") as out,
                ):
                    while piece := packed.read(1 << 20):
                        written += len(piece)
                        if written > MAX_BYTES:  # counted as it comes: a zip's own numbers may lie
                            raise SeriesError(f"The zip unpacks to more than {MAX_BYTES >> 30} GiB.")
                        out.write(piece)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise SeriesError(f"The zip cannot be unpacked: {error}.") from error
    return folder


def _ending(entry: zipfile.ZipInfo) -> str:
    name = entry.filename.lower()
    return next((end for end in (".nii.gz", ".nii") if name.endswith(end)), ".dcm")
