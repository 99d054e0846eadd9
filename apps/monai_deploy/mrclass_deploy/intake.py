"""The series of a study folder, and which of them the application's selection rules choose.

Reads headers below the folder and writes nothing. Source: mrclass.dicom, which `mrclass classify` asks; the
SDK's own loader keeps one image per position, so that of several b-values or echoes all but one are lost.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mrclass.dicom import scan

NOT_CHOSEN = "not chosen by the application's selection rules"
NOT_ASKED = "the selection rules could not be asked: MONAI Deploy's loader does not take its first image"


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


def ask(held: Held, load: Callable[[Path], Sequence[Any]]) -> tuple[Held, list[Any]]:
    """What the selection rules are asked about: each DICOM series that can be looked at, by its first image.

    The loader is called for one series at a time: it drops what it cannot read, takes one SeriesInstanceUID
    in two studies for one series, and ends at errors that a parser may raise of a stranger's file.

    Args:
        held: of `take`.
        load: the SDK's loader; a folder -> its studies.

    Returns:
        The same series, those that the loader did not give back skipped with that reason; the studies that
        it gave.
    """
    series, studies = [], []
    for one in held.series:
        if _offered(one):
            found, why = _load(one.files[0], load)
            if (one.study_uid, one.series_uid) in _named(found):
                studies += found
            else:
                one = replace(one, status_hint="skipped", skip_reason=NOT_ASKED + why)
        series.append(one)
    return Held(series, held.files), studies


def choose(held: Held, chosen: Collection[tuple[str, str]]) -> Held:
    """The same series; those that the rules were asked about and did not choose are skipped, saying so.

    Args:
        held: of `ask`.
        chosen: (StudyInstanceUID, SeriesInstanceUID) of the chosen series.
    """
    return Held(
        [
            replace(one, status_hint="skipped", skip_reason=NOT_CHOSEN)
            if _offered(one) and (one.study_uid, one.series_uid) not in chosen
            else one
            for one in held.series
        ],
        held.files,
    )


def _offered(series: Any) -> bool:
    return series.kind == "dicom" and series.status_hint == "ok" and bool(series.series_uid)


def _load(path: Path, load: Callable[[Path], Sequence[Any]]) -> tuple[Sequence[Any], str]:
    """Studies that the SDK's loader finds in one file; () and the kind of error where it ends with one."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "0.dcm").symlink_to(path)
        try:
            return load(Path(folder)), ""
        except Exception as error:  # a stranger's file may raise anything; its text may hold a person's name
            return (), f" ({type(error).__name__})"


def _named(studies: Sequence[Any]) -> set[tuple[str, str]]:
    return {
        (str(study.StudyInstanceUID), str(one.SeriesInstanceUID))
        for study in studies
        for one in study.get_all_series()
    }
