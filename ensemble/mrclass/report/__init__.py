"""Pages and tables of a run: ledger rows in; report.html, results.csv, results.json, terminal table out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mrclass.files import replace_parts, replace_text
from mrclass.report import html, tables
from mrclass.report.series import ordered
from mrclass.report.tables import table
from mrclass.report.thumbnails import thumbnail

__all__ = ["table", "thumbnail", "write"]


def write(
    out: Path | str, rows: Sequence[Mapping[str, Any]], run: Mapping[str, Any], in_order: bool = False
) -> Path:
    """Write results.csv, results.json and report.html into a folder, each in one step.

    A report of many series keeps their cards in files beside it, in the folder `report` (`paged`).

    Args:
        out: the run's folder, made where it is missing; the rows name their pictures relative to it.
        rows: one mapping per volume (one per series that gave no volume), keys as in the ledger, any order.
        run: as in run.json: command, times and `members` (name -> label, threshold, version, sha256).
        in_order: the rows stand in the order of `series.ordered` already; then they are gone through several
            times, one in memory at a time.

    Returns:
        Path of report.html.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    sorted_rows = rows if in_order else ordered(rows)
    replace_parts(folder / "results.csv", (line.encode() for line in tables.csv_lines(sorted_rows)))
    replace_parts(folder / "results.json", (line.encode() for line in tables.json_lines(sorted_rows, run)))
    page = folder / "report.html"
    replace_text(page, html.page(sorted_rows, run, folder))
    return page
