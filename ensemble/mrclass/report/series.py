"""Groups rows into series, orders and counts them, for page, tables and terminal alike; touches no files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from mrclass import labels
from mrclass.report.text import clean, natural, number

Row = Mapping[str, Any]
DONE, UNREADABLE, SKIPPED = "done", "unreadable", "skipped"
DISAGREE, CONFLICT = "disagree", "conflict"
# What deserves a look first; the position is the rank by which the page can be sorted.
ATTENTION = (DISAGREE, CONFLICT, UNREADABLE, labels.OTHER, SKIPPED)


@dataclass(frozen=True)
class Series:
    """The rows of one series, in the order of its volumes.

    Attributes:
        rows: one per volume, or the one row of a series that gave none.
        tags: what filters find it by: label keys, verdicts, `conflict`, `unreadable`, `skipped`.
    """

    rows: tuple[Row, ...]
    tags: tuple[str, ...]

    @property
    def rank(self) -> int:
        """0 for what deserves a look first."""
        return min((ATTENTION.index(tag) for tag in self.tags if tag in ATTENTION), default=len(ATTENTION))


@dataclass(frozen=True)
class Counts:
    """How many series of a run are what. A series of several volumes can count under several labels.

    Attributes:
        series, volumes: totals; a series without a volume adds no volume.
        tags: series per tag.
        labels: keys that occur, in the order of the label table.
    """

    series: int
    volumes: int
    tags: Counter[str] = field(default_factory=Counter)
    labels: tuple[str, ...] = ()


def group(rows: Iterable[Row]) -> Iterator[Series]:
    """Series one after the other; the rows of one follow each other, as `ordered` has them."""
    numbered = enumerate(rows)
    for _, found in groupby(numbered, key=lambda pair: str(pair[1].get("series_key") or f"row {pair[0]}")):
        members = tuple(row for _, row in found)
        yield Series(members, _tags(members))


def counts(series: Iterable[Series]) -> Counts:
    """Totals of some series."""
    tags: Counter[str] = Counter()
    present: set[str] = set()
    n_series = volumes = 0
    for one in series:
        n_series += 1
        tags.update(one.tags)
        made = [row for row in one.rows if row.get("status") == DONE]
        volumes += len(made)
        present.update(str(row["label"]) for row in made if row.get("label"))
    return Counts(
        n_series, volumes, tags, tuple(sorted(present, key=lambda key: (labels.sort_key(key), key)))
    )


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Rows by study, then by source, then by volume: the same whatever order the workers finished in."""
    keyed = [(natural(row.get("source")), row) for row in rows]
    first: dict[str, str] = {}
    for key, row in keyed:
        study = _study(row)
        first[study] = min(first.get(study, key), key)
    keyed.sort(
        key=lambda pair: (
            first[_study(pair[1])],
            _study(pair[1]),
            pair[0],
            str(pair[1].get("series_key") or ""),
            number(pair[1].get("volume_index")) or 0,
            number(pair[1].get("row_id")) or 0,
        )
    )
    return [row for _, row in keyed]


def member_order(names: Iterable[str]) -> list[str]:
    """Member labels in the order of the label table, strangers after them by name."""
    return sorted(set(names), key=lambda name: (labels.sort_key(name), name))


def title(row: Row) -> str:
    """What a person calls a series: its description, or the last part of its path."""
    source = clean(row.get("source"))
    return (
        clean(row.get("description")) or source.rstrip("/").rsplit("/", 1)[-1] or clean(row.get("series_key"))
    )


def _study(row: Row) -> str:
    # A NIfTI file knows no study: then the source alone orders it.
    return str(row.get("study_uid") or row.get("source") or "")


def _tags(rows: Sequence[Row]) -> tuple[str, ...]:
    tags: dict[str, None] = {}
    for row in rows:
        status = str(row.get("status") or DONE)
        if status != DONE:
            tags[status] = None
            continue
        for key in ("label", "verdict"):
            if row.get(key):
                tags[str(row[key])] = None
        if row.get("conflict"):
            tags[CONFLICT] = None
    return tuple(tags)
