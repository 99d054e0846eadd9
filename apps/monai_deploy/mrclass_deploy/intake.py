"""The series of a study folder, and which of them the application's selection rules choose.

Reads headers below the folder and writes nothing. Source: mrclass.dicom, which `mrclass classify` asks; the
SDK's own loader keeps one image per position, so that of several b-values or echoes all but one are lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mrclass.dicom import scan

NOT_CHOSEN = "not chosen by the application's selection rules"


@dataclass(frozen=True)
class Held:
    """What a scan found, held in memory: a study, not an archive; takes the place of `mrclass.dicom.Intake`.

    Attributes:
        series: in order of their first file; those without an image to look at carry the reason.
        files: a note on every input file.
    """

    series: Sequence[Any]
    files: Sequence[Any]

    def close(self) -> None:
        """Nothing is open."""


def take(folder: Path, exclude: Path) -> Held:
    """Every series below a folder, the output folder left out.

    Raises:
        UsageError: the folder is not there.
        MRClassError: the header reader cannot be started.
    """
    intake = scan([folder], exclude=[exclude])
    try:
        return Held(list(intake.series), list(intake.files))
    finally:
        intake.close()


def offered(held: Held) -> Iterator[Path]:
    """The first file of each DICOM series that can be looked at: what the selection rules are asked about."""
    for series in held.series:
        if series.kind == "dicom" and series.status_hint == "ok" and series.series_uid:
            yield series.files[0]


def choose(held: Held, chosen: Collection[tuple[str, str]]) -> Held:
    """The same series; those that were offered to the rules and not chosen are skipped, with that reason.

    Args:
        held: of `take`.
        chosen: (StudyInstanceUID, SeriesInstanceUID) of the chosen series.
    """
    asked = {path for path in offered(held)}
    return Held(
        [
            replace(one, status_hint="skipped", skip_reason=NOT_CHOSEN)
            if one.files[0] in asked and (one.study_uid, one.series_uid) not in chosen
            else one
            for one in held.series
        ],
        held.files,
    )
