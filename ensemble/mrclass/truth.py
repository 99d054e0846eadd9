"""Joins a truth CSV and a run's rows by path: reads the CSV, OUT's ledger and files.csv, writes figures."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrclass import __version__, curves, labels
from mrclass.balance import FILES
from mrclass.errors import UsageError
from mrclass.evaluate import UNREADABLE, Case, measure
from mrclass.files import replace_text
from mrclass.ledger import FILE_NAME, Ledger
from mrclass.report.tables import guard

SKIP = "skip"


@dataclass(frozen=True)
class Truth:
    """A truth CSV and how to read it.

    Attributes:
        path: the CSV.
        file_column, label_column, source_column: names of its columns; the last may be absent.
        root: folder its files are relative to; None for the folder of the CSV.
        where: column -> value that a line must have.
        renamed: label of the CSV, in lower case -> label key, or `skip`.
    """

    path: Path
    file_column: str = "file"
    label_column: str = "label"
    source_column: str = "source"
    root: Path | None = None
    where: Mapping[str, str] | None = None
    renamed: Mapping[str, str] | None = None


def read(truth: Truth) -> list[tuple[str, str, str]]:
    """Lines of a truth CSV as (file, label key, source).

    Raises:
        UsageError: as in `lines`.
    """
    return [(line[truth.file_column], key, line.get(truth.source_column) or "") for line, key in lines(truth)]


def lines(truth: Truth, wanted: Sequence[str] = ()) -> list[tuple[dict[str, str], str]]:
    """Lines of a truth CSV, column -> cell, that name a file and pass `where`, each with its label key.

    Args:
        truth: the CSV.
        wanted: columns that it must have beside those of the file, the label and `where`.

    Raises:
        UsageError: the CSV cannot be read, lacks a column, names a strange label, or nothing is left.
    """
    try:
        with truth.path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns, held = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{truth.path} cannot be read as a truth CSV: {error}") from error
    for column in (truth.file_column, truth.label_column, *(truth.where or {}), *wanted):
        if column not in columns:
            raise UsageError(f"{truth.path} has no column {column!r}; it has: {', '.join(columns)}")
    found = []
    for line in held:
        if any(line[column] != value for column, value in (truth.where or {}).items()):
            continue
        key = label_key(line[truth.label_column] or "", truth)
        if key != SKIP and line[truth.file_column]:
            found.append((line, key))
    if not found:
        raise UsageError(f"{truth.path} has no line left to compare ({len(held)} in all).")
    return found


def label_key(text: str, truth: Truth) -> str:
    """Label key of a label in the CSV; `other:fMRI` is taken for `other`; an empty one is `skip`."""
    if not text.strip():
        return SKIP
    for name in (text, text.partition(":")[0]):
        if name.strip().lower() in (truth.renamed or {}):
            return (truth.renamed or {})[name.strip().lower()]
        try:
            return labels.parse(name)
        except ValueError:
            continue
    raise UsageError(
        f"{truth.path}: {text!r} is not a label; choices are {', '.join(labels.DISPLAY.values())}. "
        f"Say what it stands for with --map {text.partition(':')[0] or 'NAME'}=other, or =skip."
    )


def join(
    lines: Sequence[tuple[str, str, str]],
    rows: Sequence[Mapping[str, Any]],
    roots: Mapping[str, str],
    root: Path,
    files: Iterable[tuple[str, str]] = (),
) -> tuple[list[Case], list[str], int]:
    """Cases, files of the truth that no row is about, and the number of rows that no line is about.

    A line is about a row when its path is a file of the row's series, the row's file, or a folder that holds
    it. Rows of skipped series are left aside: nobody looked at them.

    Args:
        lines: of `read`.
        rows: of the ledger.
        roots: series key -> folder that the series' paths are relative to.
        root: folder that the lines' files are relative to.
        files: (series key, file) of the run's files.csv: tells series apart whose files share a folder.

    Raises:
        UsageError: lines about one file, or about files of one series, give different labels.
    """
    places = [os.path.realpath(root / file) for file, _, _ in lines]
    index: dict[str, int] = {}
    for number, place in enumerate(places):
        _agree(
            lines[index.setdefault(place, number)], lines[number], "both lines are about one file or folder"
        )
    by_file = _by_file(lines, index, roots, files)
    cases, seen, strangers = [], set(), 0
    for row in rows:
        own = Path(os.path.realpath(Path(roots[row["series_key"]]) / row["source"]))
        by_place = next((index[str(path)] for path in (own, *own.parents) if str(path) in index), None)
        numbers = by_file.get(row["series_key"]) or ([] if by_place is None else [by_place])
        seen.update(numbers)
        if row["status"] == "skipped":
            continue
        if not numbers:
            strangers += 1
        else:
            cases.append(_case(lines[numbers[0]], row))
    missing = [file for place, (file, _, _) in zip(places, lines, strict=True) if index[place] not in seen]
    return cases, missing, strangers


def _by_file(
    lines: Sequence[tuple[str, str, str]],
    index: Mapping[str, int],
    roots: Mapping[str, str],
    files: Iterable[tuple[str, str]],
) -> dict[str, list[int]]:
    """Series key -> numbers of the lines that name one of its files."""
    found: dict[str, list[int]] = {}
    wanted: dict[str, dict[str, int]] = {}  # folder -> name of a file as files.csv writes it -> line
    for folder in set(roots.values()):
        real = Path(os.path.realpath(folder))
        wanted[folder] = {
            guard(Path(path).relative_to(real).as_posix()): number
            for path, number in index.items()
            if real in Path(path).parents
        }
    for key, file in files:
        number = wanted.get(roots.get(key, ""), {}).get(file)
        if number is not None:
            found.setdefault(key, []).append(number)
    for numbers in found.values():
        for number in numbers[1:]:
            _agree(lines[numbers[0]], lines[number], "they are files of one series, which gets one label")
    return found


def _agree(first: tuple[str, str, str], second: tuple[str, str, str], why: str) -> None:
    """Refuse two lines of the truth that must have one label and have two."""
    if first[1] != second[1]:
        raise UsageError(
            f"{first[0]} is {labels.display(first[1])} in the truth and {second[0]} is "
            f"{labels.display(second[1])}, but {why}. Leave one of the two out."
        )


def files_of(out: Path) -> Iterator[tuple[str, str]]:
    """Series key and name of each file of a run; nothing where an earlier version left no files.csv."""
    path = out / FILES
    if path.is_file():
        with path.open(newline="", encoding="utf-8", errors="backslashreplace") as file:
            for line in csv.DictReader(file):
                if line.get("series_key") and line.get("file"):
                    yield line["series_key"], line["file"]


def _case(line: tuple[str, str, str], row: Mapping[str, Any]) -> Case:
    file, key, source = line
    done = row["status"] == "done"
    return Case(
        file=file,
        truth=key,
        predicted=row["label"] if done else UNREADABLE,
        score=row["score"],
        scores=row["scores"],
        candidates=tuple(row["candidates"]),
        source=source,
        note=row["volume_note"] if done else row["reason"],
        slice_scores=row["slice_scores"],
        plane=row["acquisition_plane"],
        pictures=tuple(row["thumbnails"]),
    )


@dataclass(frozen=True)
class Compared:
    """A run beside its truth.

    Attributes:
        cases: sorted by file.
        missing: files of the truth that no row is about.
        strangers: rows that no line of the truth is about.
        made_by: command, version of mrclass, members of the run, sha256 of the CSV.
    """

    cases: list[Case]
    missing: list[str]
    strangers: int
    made_by: dict[str, Any]

    @property
    def members(self) -> dict[str, dict[str, Any]]:
        """Bundle name -> version, sha256, and label, threshold and temperature where the run kept them."""
        members: dict[str, dict[str, Any]] = self.made_by["members"]
        return members


def compare(out: Path, truth: Truth, command: str = "") -> Compared:
    """Reads a run and what is known of its files.

    Raises:
        UsageError: the truth cannot be read, or no row of the run is in it.
        LedgerError: OUT holds no usable ledger.
    """
    lines = read(truth)
    with Ledger(out / FILE_NAME, create=False) as book:
        rows, roots, made = book.rows(), book.roots(), made_by(book, command)
    cases, missing, strangers = join(lines, rows, roots, truth.root or truth.path.parent, files_of(out))
    if not cases:
        raise UsageError(
            f"None of the {len(lines)} files in {truth.path} is among the {len(rows)} rows of {out}; see "
            "--root, --file-column and --where."
        )
    return Compared(
        sorted(cases, key=lambda case: case.file),
        missing,
        strangers,
        {**made, "truth_sha256": hashlib.sha256(truth.path.read_bytes()).hexdigest()},
    )


def evaluate(out: Path, truth: Truth, data: str, command: str = "") -> dict[str, Any]:
    """All figures of a run against a truth, with what they were made from.

    Args:
        out: folder of a run.
        truth: what is known.
        data: `real` or `simulated`; a card must say which.
        command: the command line, as typed.

    Raises:
        UsageError, LedgerError: as in `compare`.
    """
    return figures_of(compare(out, truth, command), data)


def figures_of(compared: Compared, data: str) -> dict[str, Any]:
    """The figures of a run that was compared; `data` as in `evaluate`."""
    return {
        "data": data,
        "unit": "volume",
        **measure(compared.cases),
        **curves.measure(compared.cases, compared.members),
        "missing": compared.missing,
        "rows_without_truth": compared.strangers,
        "made_by": compared.made_by,
    }


def made_by(book: Ledger, command: str) -> dict[str, Any]:
    """What figures of a run were made by: command line, version, and the members with their hashes."""
    return {"command": command, "mrclass": __version__, "members": book.meta("members", {})}


def write(figures: Mapping[str, Any], path: Path) -> None:
    """Write the figures as JSON, in one step; lists of numbers stand on one line."""
    text = json.dumps(figures, indent=1)
    text = re.sub(r"\[\n[\s\d.,eEnul+-]*\]", _one_line, text)
    replace_text(path, text + "\n")


def _one_line(found: re.Match[str]) -> str:
    return "[" + " ".join(found[0][1:-1].split()) + "]"
