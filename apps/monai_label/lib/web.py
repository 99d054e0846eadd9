"""The MR series of a DICOMweb server as images of the local store, each fetched when first asked about.

Asks the server for its series (QIDO-RS) and for their instances (WADO-RS); writes a folder for each series
and series.csv below its own folder, and nothing on the server. Source: DICOM PS3.18, chapter 10.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock
from mrclass.dicom import pseudonym
from mrclass.errors import SeriesError, UsageError

from lib.studies import SERIES, Laid, safe, write_table

WANTED = (
    "PatientID",
    "SeriesDescription",
    "NumberOfSeriesRelatedInstances",
)  # beside what QIDO-RS always gives
LOCKS = ".fetching"  # folder beside that of the images
STUDY, UID, MODALITY, PATIENT = "0020000D", "0020000E", "00080060", "00100020"
DESCRIPTION, INSTANCES = "0008103E", "00201209"


def offer(client: Any, images: Path, table: Path) -> list[Laid]:
    """A folder, empty until it is asked for, for each MR series of a server.

    Args:
        client: of dicomweb_client.
        images: folder for them, made if needed; what is there already stays.
        table: series.csv to write.

    Returns:
        All series, those that are not MR with the reason.

    Raises:
        UsageError: the server does not answer as DICOMweb.
    """
    try:
        found = client.search_for_series(fields=list(WANTED), get_remaining=True)
    except Exception as error:  # requests and the client have trees of errors of their own
        address = getattr(client, "base_url", "The address")
        raise UsageError(
            f"{address} does not list its series ({type(error).__name__}: {error}); wanted a DICOMweb server "
            "with QIDO-RS and WADO-RS, such as http://127.0.0.1:8042/dicom-web."
        ) from error
    images.mkdir(parents=True, exist_ok=True)
    laid = []
    for series in found:
        study, uid, modality = (value(series, tag) for tag in (STUDY, UID, MODALITY))
        image = safe(uid) if modality == "MR" else ""
        if image:
            (images / f"{image}{SERIES}").mkdir(exist_ok=True)
        who = pseudonym(value(series, PATIENT) or study)  # as the intake makes it of a header
        reason = "" if image else f"Modality {modality or 'missing'}: not MR"
        count = int(value(series, INSTANCES) or 0)
        source = f"studies/{study}/series/{uid}"
        laid.append(Laid(image, who, "dicom", value(series, DESCRIPTION), count, reason, source))
    write_table(laid, table)
    return laid


def fetch(client: Any, source: str, folder: Path, count: int) -> None:
    """The instances of a series into its folder; all of them, or none.

    Whoever asks while another thread or process fetches the series waits for it, and then has it.

    Args:
        client: of dicomweb_client.
        source: studies/UID/series/UID, as in series.csv.
        folder: of the series, there already.
        count: how many instances the server said that the series has, 0 where it did not say; more than that
            may have come to the server since.

    Raises:
        SeriesError: the server does not give them, or gives fewer.
    """
    _, study, _, series = source.split("/", 3)
    locks = folder.parent.parent / LOCKS
    locks.mkdir(exist_ok=True)
    with FileLock(locks / f"{folder.name}.lock"):
        if any(folder.iterdir()):
            return
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent.parent))
        try:
            number = 0
            for number, instance in enumerate(client.retrieve_series(study, series), 1):
                # no name of the server's decides where it goes
                instance.save_as(part / f"{number - 1:06d}.dcm")
            if number < max(count, 1):
                raise SeriesError(
                    f"The DICOMweb server gives {number} instances of the series; wanted {max(count, 1)}. "
                    "Ask again, or start this server anew where the series has become smaller."
                )
            part.replace(folder)  # onto the empty folder
        except SeriesError:
            raise
        except Exception as error:  # as above; also pydicom's
            raise SeriesError(f"The DICOMweb server does not give the series: {error}.") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)


def value(series: Mapping[str, Any], tag: str) -> str:
    """First value of an attribute of DICOM JSON, as text; "" where there is none."""
    values = (series.get(tag) or {}).get("Value") or [""]
    return str(values[0])
