"""Measures a run over many empty files, one of them named as a volume: memory, time, and the balance.

Writes the files and the runs below a work folder. Needs Linux (/proc).
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
from pathlib import Path
from typing import Any

from mrclass._watch import watch
from mrclass.errors import MRClassError
from mrclass.ledger import FILE_NAME

FEW = 1000  # what a run over many is compared with
_A_FOLDER = 1000


def write_empty(folder: Path, count: int) -> None:
    """Write empty files, a thousand in a folder, every other one named like a DICOM file, the last `.nii`."""
    for number in range(count):
        place = folder / f"{number // _A_FOLDER:04}"
        if number % _A_FOLDER == 0:
            place.mkdir(parents=True, exist_ok=True)
        name = f"{number}.dcm" if number % 2 else f"IM{number:06}"
        (place / ("scan.nii" if number == count - 1 else name)).touch()


def measure_empty(work: Path, count: int, bundles: Path) -> dict[str, Any]:
    """Classify `FEW` and `count` empty files; the figures of both. No network runs, no reader is asked.

    Args:
        work: existing folder, for the files and the runs.
        count: number of empty files.
        bundles: folder of the bundles.

    Returns:
        `few` and `many`, each with files, seconds, processor seconds, highest memory of the run and of its
        largest child (MB), the balance, and the size of files.csv; and the ratio of the run's memory.

    Raises:
        MRClassError: a run failed, or left a file unexplained.
    """
    told: dict[str, Any] = {"data": "simulated"}
    for name, number in (("few", min(FEW, count)), ("many", count)):
        place, out = work / name, work / f"{name}-out"
        shutil.rmtree(out, ignore_errors=True)
        write_empty(place, number)
        before = _cpu()
        command = [sys.executable, "-m", "mrclass", "classify", str(place), "-o", str(out)]
        seen = watch(
            [*command, "--bundles", str(bundles), "--jobs", "1"], out / FILE_NAME, work / f"{name}.jsonl"
        )
        balance = json.loads((out / "run.json").read_text(encoding="utf-8"))["balance"]
        if balance["unexplained"] or balance["explained"] != number:
            raise MRClassError(f"Of {number} empty files {balance['explained']} are explained.")
        told[name] = {
            "n_empty": number,
            **seen,
            "cpu_seconds": round(_cpu() - before, 1),
            "balance": balance,
            "files_csv": (out / "files.csv").stat().st_size,
        }
    told["client_mb_ratio"] = round(told["many"]["client_mb"] / told["few"]["client_mb"], 3)
    return told


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
