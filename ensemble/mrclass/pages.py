"""The files a run leaves for people: ledger in; run.json, tables and report out, a row in memory at a time.

Reads the ledger, writes run.json, results.csv, results.json and the report below OUT; removes pictures that
no row names.
"""

from __future__ import annotations

import json
import platform
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from mrclass import __version__
from mrclass.files import replace_text
from mrclass.ledger import Ledger

THUMBNAILS = "thumbnails"


@dataclass(frozen=True)
class Result:
    """What a run leaves behind.

    Attributes:
        rows: all rows of the ledger, in the order of the report; read from it as they are gone through.
        run: command, versions and totals, as in run.json.
        page: the report.
        new: number of series finished by this call.
    """

    rows: Sequence[dict[str, Any]]
    run: dict[str, Any]
    page: Path
    new: int

    @property
    def unreadable(self) -> int:
        """Number of rows that could not be read."""
        return int(self.run["totals"]["status"].get("unreadable", 0))


class Rows(Sequence[dict[str, Any]]):
    """Rows of a ledger in a given order, read one at a time each time they are gone through.

    Args:
        path: the ledger.
        row_ids: the rows, in their order.
    """

    def __init__(self, path: Path, row_ids: Sequence[int]) -> None:
        self._path, self._ids = path, array("q", row_ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with Ledger(self._path, create=False) as book:
            yield from book.each(self._ids)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        chosen = self._ids[index] if isinstance(index, slice) else [self._ids[index]]
        with Ledger(self._path, create=False) as book:
            found = list(book.each(chosen))
        return found if isinstance(index, slice) else found[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)


def write_pages(book: Ledger, out: Path, new: int = 0) -> Result:
    """Write run.json, the tables and the report of a ledger; `mrclass report` calls this alone."""
    from mrclass import report

    rows = in_order(book)
    run = {
        **book.meta("run", {}),
        "mrclass": __version__,
        "python": platform.python_version(),
        "members": book.meta("members", {}),
        "totals": totals(rows),
    }
    replace_text(out / "run.json", json.dumps(run, indent=1) + "\n")
    known = {name for row in rows for name in row["thumbnails"]}
    # Others are left by a series that was done anew, or by a kill between picture and commit.
    for path in (out / THUMBNAILS).glob("*"):
        if f"{THUMBNAILS}/{path.name}" not in known and re.fullmatch(r"\d+\.(webp|png)", path.name):
            path.unlink()
    return Result(rows, run, report.write(out, rows, run, in_order=True), new)


def in_order(book: Ledger) -> Rows:
    """All rows of a ledger in the order of the report."""
    from mrclass.report.series import ordered

    return Rows(book.path, [row["row_id"] for row in ordered(map(_place, book.each()))])


def _place(row: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a row that decides its place in the report."""
    return {key: row[key] for key in ("row_id", "source", "study_uid", "series_key", "volume_index")}


def totals(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers of series and rows by status, label and verdict."""
    keys: set[str] = set()
    counted: dict[str, Counter[str]] = {"status": Counter(), "label": Counter(), "verdict": Counter()}
    n_rows = conflicts = 0
    for row in rows:
        keys.add(row["series_key"])
        n_rows += 1
        conflicts += bool(row["conflict"])
        for name, counter in counted.items():
            counter.update([row[name]] if row[name] else [])
    shown = {name: dict(counter) for name, counter in counted.items()}
    return {"series": len(keys), "rows": n_rows, **shown, "conflict": conflicts}
