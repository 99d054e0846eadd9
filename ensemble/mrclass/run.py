"""A tree of files -> plan -> workers -> ledger -> pages: what `mrclass classify` does, and how it resumes.

Reads the named paths, writes only below OUT. Source: design.md, "A run is a ledger".
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mrclass import balance, ledger, plan
from mrclass.card import differences, versions
from mrclass.crew import Crew, Setup, cores
from mrclass.errors import MRClassError, UsageError
from mrclass.files import is_full, locked
from mrclass.ledger import Ledger
from mrclass.members import choose, find_bundles
from mrclass.pages import THUMBNAILS, Result, write_pages
from mrclass.progress import bar
from mrclass.worker import Outcome, Rooms

LOG = "errors.log"
_SCRATCH = ".scratch"
# A worker holds torch and six networks, about a gigabyte: beyond this many, memory decides, and --jobs says.
_MAX_DEFAULT_JOBS = 4


def _scan(paths: Sequence[Path], exclude: Sequence[Path], spool: Path) -> Any:
    from mrclass.dicom import scan

    with bar("headers") as progress:
        return scan(paths, exclude=exclude, progress=progress, spool=spool)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def classify(
    paths: Sequence[Path],
    out: Path,
    *,
    bundles: Path | None = None,
    members: Mapping[str, Path] | None = None,
    jobs: int | None = None,
    device: str = "cpu",
    backends: Mapping[str, str] | None = None,
    timeout_s: float = 300.0,
    keep_identifiers: bool = False,
    retry: bool = False,
    command: str = "",
    say: Callable[[str], None] = _say,
    scan: Callable[[Sequence[Path], Sequence[Path], Path], Any] = _scan,
    rooms: Rooms | None = None,
) -> Result:
    """Classify every series below some paths into OUT; what OUT holds already is not done again.

    Args:
        paths: folders or files.
        out: folder of the run; made when missing.
        bundles: folder of the bundles; see `members.find_bundles` for the default.
        members: label -> bundle folder that serves it in place of the one in `bundles`.
        jobs: worker processes; by default one per core, four at most.
        device: of the networks, as torch names it.
        backends: what runs the networks, as for `members.choose`.
        timeout_s: time limit for one series, in seconds.
        keep_identifiers: whether OUT holds real UIDs and patient keys.
        retry: whether series that could not be read are tried once more.
        command: the command line, for run.json.
        say: takes one line of talk.
        scan, rooms: the intake and the rooms of a worker; tests put light doubles here.

    Raises:
        UsageError: a path is missing, OUT is no place for a run, or OUT was begun with other members.
        LedgerError: the ledger in OUT is unusable.
        BundleError: a bundle cannot serve.
        KeyboardInterrupt: the run was interrupted; its text says what is kept and how to go on.
    """
    started = time.monotonic()
    checked = plan.check_paths(paths, out)
    cards = [] if rooms is not None else choose(folder := find_bundles(bundles), members, backends)
    setup = Setup(
        rooms=rooms or Rooms(),
        bundles="" if rooms is not None else str(folder.resolve()),
        members={label: str(Path(path).resolve()) for label, path in (members or {}).items()},
        device=device,
        backends=dict(backends or {}),
        threads=1,
        scratch=(out / _SCRATCH).resolve(),
        timeout_s=timeout_s,
    )
    plan.check_out(out)
    out.mkdir(parents=True, exist_ok=True)
    with (
        _locked(out),
        Ledger(out / ledger.FILE_NAME, keep_identifiers=keep_identifiers) as book,
        _room_in(out, book),
    ):
        book.set_meta("inputs", sorted({*book.meta("inputs", []), *map(str, checked)}))
        if cards:
            _agree_on_members(book, out, versions(cards))
        new, intake = 0, None
        try:
            (out / _SCRATCH).mkdir(exist_ok=True)
            intake = scan(checked, [out], out / _SCRATCH / "intake.sqlite")
            if not intake.series:
                raise MRClassError(_nothing_found(paths, len(intake.files)))
            balance.write_files(intake.files, checked, book, out / balance.FILES)
            todo = plan.make(intake.series, book, retry)
            _announce(say, len(intake.series), len(todo), out)
            settled = (place for place in todo if not place.workable)
            for item in plan.items(intake.series, settled, checked, book):
                _write(book, item, Outcome(item.series.status_hint, item.series.skip_reason or ""), out)
                new += 1
            workable = [place for place in todo if place.workable]
            items = plan.items(intake.series, workable, checked, book)
            for item, outcome in _classified(items, len(workable), setup, jobs, book, out):
                _write(book, item, outcome, out)
                new += 1
                if outcome.disk_full:
                    raise MRClassError(_full(book, out, " (with --retry, this series too)"))
            files = len(intake.files)
            accounts = balance.write_files(intake.files, checked, book, out / balance.FILES)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"Interrupted: {book.count()} series are done and kept in {out}; "
                "run the same command again to go on."
            ) from None
        finally:
            if intake is not None:
                intake.close()
            shutil.rmtree(out / _SCRATCH, ignore_errors=True)
        run_facts = {
            "command": command,
            "paths": [str(path) for path in paths],
            "device": device,
            "keep_identifiers": keep_identifiers,
            "seconds": round(time.monotonic() - started, 2),
            "new_series": new,
            "files": files,
            "balance": accounts,
        }
        book.set_meta("run", run_facts)
        return write_pages(book, out, new)


@contextmanager
def _room_in(out: Path, book: Ledger) -> Iterator[None]:
    """Let a full disk, whatever was being written, end the run with one sentence."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if not is_full(error):
            raise
        raise MRClassError(_full(book, out)) from error


def _full(book: Ledger, out: Path, more: str = "") -> str:
    return (
        f"The disk of {out} is full: {book.count()} series are done and kept; "
        f"make room and run the same command again to go on{more}."
    )


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold OUT for this process."""
    with locked(out / plan.LOCK) as mine:
        if not mine:
            raise UsageError(f"Another run is writing to {out}; wait for its end or name another folder.")
        shutil.rmtree(out / _SCRATCH, ignore_errors=True)  # left by a run that was killed
        yield


def _agree_on_members(book: Ledger, out: Path, versions: Mapping[str, Mapping[str, Any]]) -> None:
    before = book.meta("members")
    if before is None or not book.count(("done",)):  # nothing yet that other bundles could mix with
        book.set_meta("members", versions)
    elif before != versions:
        raise UsageError(
            f"{out} was begun with other bundles; what differs: {'; '.join(differences(before, versions))}. "
            "One table must not mix two; name a new output folder."
        )


def _nothing_found(paths: Sequence[Path], n_files: int) -> str:
    named = ", ".join(str(path) for path in paths)
    found = f"{n_files} files, none of them an image" if n_files else "no files"
    return f"Nothing to classify in {named}: {found}."


def _announce(say: Callable[[str], None], found: int, todo: int, out: Path) -> None:
    if not todo:
        say(f"Nothing to do: all {found} series are in {out} already.")
    elif todo < found:
        say(f"{found} series found, {found - todo} of them done before; {todo} to go.")
    else:
        say(f"{found} series found.")


def _classified(
    items: Iterator[plan.Item], total: int, setup: Setup, jobs: int | None, book: Ledger, out: Path
) -> Iterator[tuple[plan.Item, Outcome]]:
    """Outcomes as the workers send them, behind a progress bar where somebody watches."""
    if not total:
        return
    workers = min(jobs or min(cores(), _MAX_DEFAULT_JOBS), total)
    setup = Setup(**{**vars(setup), "threads": max(1, cores() // workers)})
    with Crew(setup, workers) as crew:
        _agree_on_members(book, out, crew.wait_ready())
        with bar("series") as progress:
            progress(0, total)
            in_hand: dict[int, plan.Item] = {}

            def handed() -> Iterator[Any]:
                for place, item in enumerate(items):
                    in_hand[place] = item
                    yield item.series

            for done, (place, outcome) in enumerate(crew.results(handed()), 1):
                yield in_hand.pop(place), outcome
                progress(done, total)


def _write(book: Ledger, item: plan.Item, outcome: Outcome, out: Path) -> None:
    """Put one series into the ledger, its pictures beside it, and what nobody foresaw into the log."""

    def picture(row_id: int, place: int) -> list[str]:
        given = outcome.pictures[place]
        if given is None:
            return []
        data, suffix = given
        (out / THUMBNAILS).mkdir(exist_ok=True)
        (out / THUMBNAILS / f"{row_id}{suffix}").write_bytes(data)
        return [f"{THUMBNAILS}/{row_id}{suffix}"]

    head = {**item.head, "status": outcome.status, "reason": outcome.reason}
    book.finish(head, outcome.volumes, picture)
    if outcome.trace:
        with open(out / LOG, "a", encoding="utf-8") as log:
            log.write(f"{item.head['source']}\n{outcome.trace}\n")
