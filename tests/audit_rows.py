"""Rows for the tests of the audit: what the ledger gives for one volume each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "report"))
from report_rows import done, without_volume  # noqa: E402

__all__ = ["volume", "without_volume"]


def volume(series: int, label: str, verdict: str, header: str = "", **changes: Any) -> dict[str, Any]:
    """A volume of a series of that number: its label, the verdict, what the header claims."""
    row = {
        "label": label,
        "verdict": verdict,
        "header_label": header,
        "contrast_agent": "",
        "conflict": False,
    }
    row["row_id"] = series
    return done(**{**row, **changes})


def seven() -> list[dict[str, Any]]:
    """Four T1w (two agree, one header says T2w, one is silent), one T1ce without a tag, an other, a CT."""
    return [
        volume(1, "t1w", "agree", "t1w", description="T1 SAG"),
        volume(2, "t1w", "agree", "t1w", description="T1 SAG"),
        volume(3, "t1w", "disagree", "t2w", description="AX T2 1234", contrast_agent="off"),
        volume(4, "t1w", "header silent", description="SE000003", acquisition_plane="coronal"),
        volume(5, "t1ce", "disagree", "t1w", description="T1 TRA"),
        volume(6, "other", "agree", "other", description="localizer"),
        without_volume(7, "skipped", "Modality CT is not MR"),
    ]
