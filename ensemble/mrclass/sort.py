"""Copies, links or converts the series of a run into class folders or a BIDS tree; writes below DEST only.

Reads the ledger of a run and the files it was made from, which are never changed. The labels come from the
ledger, the files from a new look at the input; a series whose files are no longer those is left out.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrclass import _sort_plan, _sort_write, labels
from mrclass._sort_names import NOBODY, Names
from mrclass._sort_plan import Plan
from mrclass._sort_state import FILE, SCRATCH, Put, State
from mrclass.errors import SeriesError, SortError, UsageError
from mrclass.files import is_full, locked
from mrclass.ledger import FILE_NAME, Ledger
from mrclass.pages import in_order
from mrclass.plan import fingerprint

# "volumes" has no folder per label: a label that a person changes later moves nothing. It is for `gather`.
LAYOUTS, MODES = ("labels", "bids", "volumes"), ("copy", "link", "nifti")


@dataclass(frozen=True)
class Sorted:
    """What a sort did.

    Attributes:
        plan: everything, with what was left out before.
        new: number of things put now; the others lay there already.
        failed: things that could not be put, with the reason.
    """

    plan: Plan
    new: int
    failed: Sequence[tuple[Put, str]]

    @property
    def unreadable(self) -> bool:
        """Whether some series could not be read, in the run or now."""
        return bool(self.failed) or any(row["status"] == "unreadable" for row, _ in self.plan.left)


def sort(
    out: Path,
    dest: Path,
    layout: str = "labels",
    mode: str | None = None,
    dry_run: bool = False,
    timeout_s: float = 300.0,
    progress: Callable[[int, int], None] | None = None,
    keep: Callable[[Mapping[str, Any]], bool] | None = None,
) -> Sorted:
    """Sort the series of a run.

    Args:
        out: folder of the run.
        dest: folder to put them into: new, empty, or that of an earlier sort of the same layout and mode.
        layout: "labels" (a folder per label), "bids" or "volumes" (no folder per label).
        mode: "copy", "link" or "nifti"; by default copy, for BIDS nifti, the only one it knows.
        dry_run: only plan; nothing at all is written.
        timeout_s: limit for the conversion of one series, in seconds.
        progress: called with (things done, things to do).
        keep: says of a row of the ledger whether it is meant; all by default.

    Raises:
        UsageError: DEST is no place for it, layout and mode do not go together, or the input is gone.
        SortError: something would be overwritten, moved or mixed, and nothing has been written; or the disk
            is full, and what was put stays.
        LedgerError: OUT holds no usable ledger.
    """
    how = mode or ("nifti" if layout == "bids" else "copy")
    if layout not in LAYOUTS or how not in MODES:
        raise UsageError(f"{layout}, {how}: choose one of {', '.join(LAYOUTS)} and of {', '.join(MODES)}.")
    if layout == "bids" and how != "nifti":
        raise UsageError(f"A BIDS tree holds NIfTI: --{how} goes with --layout labels only.")
    with Ledger(out / FILE_NAME, create=False) as book:
        roots = book.roots()
        inputs = [Path(path) for path in book.meta("inputs") or sorted(set(roots.values()))]
        _check_places(dest, out, inputs)

        def planned(state: State) -> Plan:
            made = _sort_plan.make(
                (row for row in in_order(book) if keep is None or keep(row)),
                layout,
                how,
                lambda row: _names(row, book, roots),
                lambda key: book.fingerprint(key) or "",
                state.target,
                {str(put["target"]): key for key, put in state.puts.items()},
            )
            state.check(made.puts, layout, how)
            return made

        state = State.read(dest)
        made = planned(state)
        if dry_run:
            return Sorted(made, sum(not state.is_done(put) for put in made.puts), ())
        with _locked(dest):
            if State.read(dest) != state:  # another sort has ended meanwhile
                made = planned(state := State.read(dest))
            todo = [put for put in made.puts if not state.is_done(put)]
            state.begin(made.puts, layout, how)
            failed: list[tuple[Put, str]] = []
            scratch = (dest / SCRATCH).resolve()  # dcm2niix wants a whole path
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            try:
                work = _all(todo, book, inputs, [out, dest], state, scratch, how, timeout_s)
                for count, (put, trouble) in enumerate(work, start=1):
                    failed += [(put, trouble)] if trouble else []
                    if progress is not None:
                        progress(count, len(todo))
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            _sort_write.tables(dest, made, failed, layout)
    return Sorted(made, len(todo) - len(failed), failed)


@contextmanager
def _locked(dest: Path) -> Iterator[None]:
    """Hold DEST, by the record of what lies in it; a full disk and Ctrl-C say how to go on."""
    try:
        dest.mkdir(parents=True, exist_ok=True)
        with locked(dest / FILE) as mine:
            if not mine:
                raise UsageError(f"Another sort is writing to {dest}; wait for its end, then sort again.")
            yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Interrupted: what was put stays in {dest}; run the same command again to go on."
        ) from None
    except (OSError, sqlite3.OperationalError) as error:
        if not is_full(error):
            raise
        raise SortError(
            f"The disk of {dest} is full: what was put stays; "
            "make room and run the same command again to go on."
        ) from error


def _check_places(dest: Path, out: Path, inputs: Sequence[Path]) -> None:
    place = dest.resolve()
    for path, what in [(out, "the run's folder"), *((path, "the input") for path in inputs)]:
        if not path.exists():
            raise UsageError(f"{path}, which {out} was made from, is not there any more.")
        other = path.resolve()
        if place == other or other in place.parents or place in other.parents:
            raise UsageError(f"{dest} and {what} {path} lie in one another; name a folder beside them.")


def _names(row: Mapping[str, Any], book: Ledger, roots: Mapping[str, str]) -> Names:
    """Pseudonyms, also where the run kept identifiers; files without a patient belong together by folder."""
    patient, study, key = (str(row[name] or "") for name in ("patient", "study_uid", "series_key"))
    if patient:
        subject = book.patient(patient) if book.keep_identifiers else patient
    else:
        subject = NOBODY + book.token("folder", str((Path(roots[key]) / str(row["source"])).parent))[:10]
    return Names(subject, book.token("study", study)[:8] if study else "", book.token("series", key))


def _all(
    todo: Sequence[Put],
    book: Ledger,
    inputs: Sequence[Path],
    exclude: Sequence[Path],
    state: State,
    scratch: Path,
    mode: str,
    timeout_s: float,
) -> Iterator[tuple[Put, str]]:
    """Put one thing after the other; each with what stood against it, "" where nothing did."""
    from mrclass.dicom import scan

    if not todo:
        return
    wanted: dict[str, list[Put]] = {}
    for put in todo:
        wanted.setdefault(str(put.row["series_key"]), []).append(put)
    intake = scan(inputs, exclude=exclude, spool=scratch / "intake.sqlite")
    try:
        for series in intake.series:
            puts = wanted.get(book.series_key(series.key))
            if puts is None or series.skip_reason is not None:
                continue
            del wanted[book.series_key(series.key)]
            yield from _one(series, puts, state, scratch, mode, timeout_s)
    finally:
        intake.close()
    for puts in wanted.values():
        yield from ((put, "its files are not there any more") for put in puts)


def _one(
    series: Any, puts: Sequence[Put], state: State, scratch: Path, mode: str, timeout_s: float
) -> Iterator[tuple[Put, str]]:
    now = fingerprint(series.files)
    if now != puts[0].fingerprint:
        trouble = f"its files have changed since it was classified ({puts[0].fingerprint}, now {now})"
        yield from ((put, trouble) for put in puts)
        return
    try:
        for put, files in _sort_write.put(series, puts, state.dest, scratch, mode, timeout_s):
            state.done(put, files)
            yield put, ""
    except SeriesError as error:
        yield from ((put, str(error)) for put in puts)


def summary(done: Sorted, dry_run: bool) -> str:
    """What a sort did, in two or three lines."""
    lost = {put.key for put, _ in done.failed}
    good = [put for put in done.plan.puts if put.key not in lost]
    good.sort(key=lambda put: (labels.sort_key(str(put.row["label"])), put.group, put.reason))
    counted = Counter(put.group for put in good if not put.reason)
    aside = Counter(put.reason.partition(":")[0] for put in good if put.reason)
    left = Counter(str(row["status"]) for row, _ in done.plan.left)
    parts = [", ".join(f"{n} {name}" for name, n in counted.items()) or "nothing by label"]
    parts += [f"aside: {', '.join(f'{n} {why}' for why, n in sorted(aside.items()))}"] if aside else []
    parts += [f"left out: {', '.join(f'{n} {status}' for status, n in left.items())}"] if left else []
    before = len(done.plan.puts) - done.new - len(done.failed)
    word = "to be put" if dry_run else "put now"
    parts += [f"{done.new} {word}, {before} there already"]
    parts += [f"{len(done.failed)} could not be put"] if done.failed else []
    return "; ".join(parts) + "."


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan, a line per thing: where it goes, what it is made of, and why it stands aside."""
    from mrclass.report.text import clean

    for put in plan.puts:
        ending = "/" if put.volume is None else ".nii.gz"
        note = clean(put.row["volume_note"]) if put.volume is not None else ""
        made_of = clean(put.row["source"]) + (f" ({note})" if note else "")
        why = f"  [{clean(put.reason)}]" if put.reason else ""
        yield f"{put.target}{ending}  <-  {made_of}{why}"
    for row, reason in plan.left:
        yield f"-  <-  {clean(row['source'])}  [{clean(reason)}]"
