"""The balance of a run: files in = files in volumes + files explained; writes files.csv and counts it again.

    python -m mrclass.balance NAME=OUT ... -o results/balance.json

The command reads OUT/files.csv and OUT/run.json of finished runs, and lists the input's folders anew, apart
from the intake: a file that either side lacks is named, and the exit code is 1.
Source: docs/how-to/account-for-every-file.md.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from mrclass import __version__
from mrclass.errors import UsageError
from mrclass.files import replace_parts, replace_text
from mrclass.ledger import Ledger
from mrclass.plan import locate
from mrclass.report.tables import csv_line, guard

FILES = "files.csv"
COLUMNS = ("file", "series_key", "note", "state", "series")
IN_VOLUME, EXPLAINED, WAITING = "in a volume", "explained", "waiting"
# What a reason says, in a word or two for the totals; the first that fits.
KINDS = (
    (("duplicate of", "copy of another series", "truncated duplicate"), "duplicate"),
    (("truncated:", "without its pixel data", "cut off"), "truncated or without pixels"),
    (("without Rows and Columns",), "truncated or without pixels"),
    (("not MR",), "not MR"),
    (("no image to look at", "without an image", "a DICOMDIR"), "no image in it"),
    (("sidecar of",), "sidecar of a NIfTI file"),
    (("not DICOM", "empty file", "named like a DICOM file"), "not DICOM or NIfTI"),
    (("cannot be opened", "not followed", "neither a file nor a folder"), "cannot be opened"),
    (("time limit", "worker process", "more memory than", "did not end within"), "ended by its limits"),
    (("header", "begins like a DICOM", "nested too deeply"), "damaged header"),
    (("is constant", "is empty ("), "a volume without a picture"),
    (("No volume could be", "dcm2niix", "NIfTI file"), "not converted"),
    (("usable geometry", "separate volumes"), "not converted"),
    (("disk of the output folder",), "no room in the output folder"),
)  # fmt: skip


def write_files(notes: Iterable[Any], roots: Sequence[Path], book: Ledger, path: Path) -> dict[str, Any]:
    """Write what became of every input file, and return the balance.

    A file is in a volume when its series is done and it was used for it; every other file has its reason.

    Args:
        notes: one per input file, of the intake.
        roots: the named PATHs.
        book: the run's ledger.
        path: files.csv.

    Returns:
        As `count` gives it.
    """

    @lru_cache(maxsize=1024)
    def outcome(key: str) -> tuple[str, str, str] | None:
        return book.outcome(key)

    def lines() -> Iterator[tuple[str, str, str, str, str]]:
        for note in notes:
            key = "" if note.series_key is None else book.series_key(note.series_key)
            known = outcome(key) if key else None
            state, reason = _judge(note, key, known)
            yield locate([note.path], roots)[1], key, reason, state, known[2] if known else ""

    counter = Counter[tuple[str, str]]()

    def counted() -> Iterator[bytes]:
        yield csv_line(COLUMNS).encode()
        for name, key, reason, state, series in lines():
            counter[(state, kind(reason) if state == EXPLAINED else "")] += 1
            line = csv_line([guard(name), key, guard(reason), state, guard(series)])
            yield line.encode(errors="backslashreplace")

    replace_parts(path, counted())
    return count(counter)


def _judge(note: Any, key: str, known: tuple[str, str, str] | None) -> tuple[str, str]:
    """State and reason of one file."""
    if not key:
        return (EXPLAINED if note.note else WAITING), note.note
    if known is None:
        return WAITING, note.note
    status, reason, _ = known
    if status == "done" and getattr(note, "used", True):
        return IN_VOLUME, note.note
    return EXPLAINED, note.note or reason or f"its series is {status}"


def kind(reason: str) -> str:
    """What sort of reason it is, for the totals."""
    return next((name for words, name in KINDS if any(word in reason for word in words)), "other reasons")


def count(counter: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """The balance: `files`, `in_volumes`, `explained`, `unexplained`, and `reasons` (kind -> files)."""
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for (state, name), n in counter.items():
        states[state] += n
        if state == EXPLAINED:
            reasons[name] += n
    files = sum(states.values())
    found, told = states[IN_VOLUME], states[EXPLAINED]
    return {
        "files": files,
        "in_volumes": found,
        "explained": told,
        "unexplained": files - found - told,
        "reasons": dict(reasons.most_common()),
    }


def sentence(balance: Mapping[str, Any]) -> str:
    """The balance on one line."""
    reasons = ", ".join(f"{n} {name}" for name, n in balance["reasons"].items())
    files = balance["files"]
    words = f"{files} file{'s' * (files != 1)} in = {balance['in_volumes']} in volumes"
    words += f" + {balance['explained']} explained" + (f" ({reasons})" if reasons else "")
    if balance["unexplained"]:
        words += f"; ! {balance['unexplained']} NOT EXPLAINED, see {FILES}"
    return words + "."


# ---- the same counted again, from the folders and files.csv


def recount(out: Path) -> dict[str, Any]:
    """The balance of a finished run, counted from its files.csv and from the input's folders.

    Returns:
        As `count` gives it, with `on_disk` (files and links found by listing the named paths), `not_in_table`
        and `not_on_disk` (names; both empty where the table is whole).

    Raises:
        UsageError: OUT holds no finished run.
    """
    try:
        run = json.loads((out / "run.json").read_text(encoding="utf-8"))
        with (out / FILES).open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        paths = [Path(os.path.abspath(path)) for path in run["paths"]]
        table = [(line["file"], line["state"], line["note"]) for line in lines]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{out} holds no finished run of this version: {error!r}.") from error
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(
                f"{path}, which {out} is a run of, is not there; call this from where the run was."
            )
    states = Counter((state, kind(note) if state == EXPLAINED else "") for _, state, note in table)
    disk = sorted(_listed(paths, out))
    in_table = Counter(name for name, _, _ in table)
    on_disk = Counter(disk)
    return {
        **count(states),
        "on_disk": len(disk),
        "not_in_table": sorted((on_disk - in_table).elements())[:20],
        "not_on_disk": sorted((in_table - on_disk).elements())[:20],
    }


def _listed(paths: Sequence[Path], out: Path) -> Iterator[str]:
    """Names, as files.csv has them, of all files, links and closed folders below some paths, OUT left aside.

    What lies below two of the paths counts once.
    """
    seen = {os.path.realpath(out)}
    for root in paths:
        if not root.is_dir():
            yield guard(root.name)
            continue
        closed: list[OSError] = []
        for folder, folders, files in os.walk(root, onerror=closed.append):
            real = os.path.realpath(folder)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            for name in (*files, *links):
                yield guard(os.path.relpath(os.path.join(folder, name), root))
        yield from (guard(os.path.relpath(error.filename, root)) for error in closed)


def balanced(entry: Mapping[str, Any]) -> bool:
    """Whether nothing is unexplained, missing from the table or from the disk."""
    return not (entry["unexplained"] or entry["not_in_table"] or entry["not_on_disk"]) and (
        entry["files"] == entry["on_disk"]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 balanced, 1 not, 2 usage."""
    import argparse

    parser = argparse.ArgumentParser(description="Counts the files of finished runs again.")
    parser.add_argument("runs", nargs="+", metavar="NAME=OUT", help="name for the figures, folder of a run")
    parser.add_argument("-o", "--output", type=Path, metavar="JSON", help="write the figures there")
    chosen = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    for text in chosen.runs:
        name, equals, folder = text.partition("=")
        if not equals:
            parser.error(f"{text}: write NAME=OUT")
        try:
            figures[name] = recount(Path(folder))
        except UsageError as error:
            print(error, file=sys.stderr)
            return 2
        print(f"{name}: {sentence(figures[name])}")
    if chosen.output is not None:
        content = {"runs": figures, "made_by": {"mrclass": __version__}}
        replace_text(chosen.output, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return 0 if all(balanced(entry) for entry in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
