"""Worker processes that may die: hands each one series, kills what exceeds its time, replaces what is lost.

Reads and writes nothing itself. Source of its method: a pool of the standard library ends as a whole when one
process is killed; a run must lose the series in hand and nothing more (design.md, "A run is a ledger").
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from mrclass import errors
from mrclass._limits import limit_worker
from mrclass.errors import MRClassError
from mrclass.worker import Outcome, Rooms, process

START_TIMEOUT_S = 900.0  # importing torch and reading six bundles, on a machine that others use as well
_MAX_FAILED_STARTS = 3


@dataclass(frozen=True)
class Setup:
    """What a worker needs to start: picklable, no open files."""

    rooms: Rooms
    bundles: str
    members: Mapping[str, str]
    device: str
    backends: Mapping[str, str]
    threads: int
    scratch: Path
    timeout_s: float


def limit_threads(threads: int) -> None:
    """Give the numeric libraries of this process so many threads; to be called before they load."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(threads)


def _stay_inside(folder: Path) -> None:
    """Turn what libraries write as they load, to the user's home and the system's temporary folder, to ours.

    MONAI loads matplotlib, which keeps a list of fonts, and torch's compiler, which makes a folder.
    """
    os.environ["MPLCONFIGDIR"] = str(folder / "matplotlib")
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def _work(setup: Setup, number: int, pipe: Connection) -> None:
    """Body of a worker process: load the ensemble, then one series after the other until the pipe closes."""
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C reaches the client only; killing the group takes the converter along
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)  # the client's stdout is for data: whatever a library prints here is talk
    # One person's run is not the place for libraries to talk to their developers.
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", FutureWarning)
    limit_threads(setup.threads)
    scratch = setup.scratch / str(number)
    scratch.mkdir(parents=True, exist_ok=True)
    _stay_inside(setup.scratch)
    try:
        ensemble = setup.rooms.ensemble(setup.bundles, setup.members, setup.device, setup.backends)
    except MRClassError as error:
        pipe.send(("failed", type(error).__name__, str(error)))
        return
    except Exception as error:  # a missing library, a broken config: one sentence, no traceback
        pipe.send(("failed", "BundleError", f"The bundles cannot be loaded: {type(error).__name__}: {error}"))
        return
    if setup.device.startswith("cpu"):
        limit_worker()
    pipe.send(("ready", ensemble.versions))
    try:
        while True:
            # the converter's limit ends before the series', so that its own words reach the row
            pipe.send(process(pipe.recv(), ensemble, setup.rooms, scratch, 0.8 * setup.timeout_s))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the client is gone: nobody is left to report to


class _Worker:
    """One worker process as the client sees it."""

    def __init__(self, setup: Setup, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.number = number
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(setup, number, theirs), name=f"mrclass-{number}")
        self.process.start()
        theirs.close()
        self.ready = False
        self.place: int | None = None  # in the plan, of the series in hand
        self.deadline = time.monotonic() + START_TIMEOUT_S
        self._scratch = setup.scratch / str(number)

    def give(self, place: int, series: Any, timeout_s: float) -> None:
        self.place = place
        self.deadline = time.monotonic() + timeout_s
        self.pipe.send(series)

    def kill(self) -> None:
        """End the process and everything it started, and remove what it left behind."""
        if self.process.is_alive():
            try:
                os.killpg(self.process.pid or 0, signal.SIGKILL)
            except (ProcessLookupError, PermissionError, AttributeError):
                self.process.kill()  # it had not opened its group yet, or the system has none
        self.process.join()
        self.pipe.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def last_words(self) -> str:
        """How the process ended, in plain words."""
        self.process.join(5)
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            hint = ", as when memory runs out" if name == "SIGKILL" else ""
            return f"ended by {name}{hint}"
        return f"ended with exit code {code}"


class Crew:
    """So many workers; a context manager that leaves none behind.

    Args:
        setup: what a worker starts with; its `timeout_s` is the limit for one series, in seconds.
        jobs: number of workers.
    """

    def __init__(self, setup: Setup, jobs: int) -> None:
        self._setup = setup
        self._started = 0
        self._failed_starts = 0
        self.versions: dict[str, dict[str, Any]] | None = None
        self._workers = [self._start() for _ in range(jobs)]

    def _start(self) -> _Worker:
        self._started += 1
        return _Worker(self._setup, self._started)

    def results(self, plan: Iterable[Any]) -> Iterator[tuple[int, Outcome]]:
        """Hand out the series of `plan`; yield the place of each with its outcome, as they come.

        The next series is taken from `plan` only when a worker is free.

        Raises:
            MRClassError: no worker can start, for example because a bundle cannot be read.
        """
        waiting = enumerate(plan)
        returned: list[tuple[int, Any]] = []
        while True:
            for worker in self._workers:
                if worker.ready and worker.place is None:
                    task = returned.pop() if returned else next(waiting, None)
                    if task is not None:
                        self._give(worker, task, returned)
            if not returned and all(one.place is None for one in self._workers if one.ready):
                task = next(waiting, None)  # a worker that is still starting is not waited for at the end
                if task is None:
                    return
                returned.append(task)
            for worker in self._wait():
                finished = self._hear(worker)
                if finished is not None:
                    yield finished

    def _give(self, worker: _Worker, task: tuple[int, Any], returned: list[tuple[int, Any]]) -> None:
        place, series = task
        try:
            worker.give(place, series, self._setup.timeout_s)
        except (BrokenPipeError, ConnectionResetError):
            worker.place = None
            returned.append(task)  # it died while idle: not this series' fault
            self._replace(worker)

    def _wait(self) -> list[_Worker]:
        """Workers that said something, died, or exceeded their time."""
        busy = [worker for worker in self._workers if worker.place is not None or not worker.ready]
        now = time.monotonic()
        pause = max(0.0, min((worker.deadline for worker in busy), default=now) - now)
        heard = set(wait([worker.pipe for worker in busy], timeout=pause))
        now = time.monotonic()
        return [worker for worker in busy if worker.pipe in heard or worker.deadline <= now]

    def _hear(self, worker: _Worker) -> tuple[int, Outcome] | None:
        """Take one message from a worker, or bury it; gives a finished place and its outcome."""
        place = worker.place
        try:
            message = worker.pipe.recv() if worker.pipe.poll() else None
        except (EOFError, ConnectionResetError):
            reason = f"The worker process {worker.last_words()} while it had this series in hand."
            self._replace(worker, worker.last_words())
            return None if place is None else (place, Outcome("unreadable", reason, [{}], [None]))
        if message is None:
            self._replace(worker, f"did not start within {START_TIMEOUT_S:.0f} s")
            reason = f"Took longer than its time limit ({self._setup.timeout_s:.0f} s); see --timeout."
            return None if place is None else (place, Outcome("unreadable", reason, [{}], [None]))
        if isinstance(message, Outcome) and place is not None:
            worker.place = None
            return place, message
        if message[0] == "failed":
            raise getattr(errors, message[1], MRClassError)(message[2])
        worker.ready = True
        self._failed_starts = 0
        self.versions = self.versions or message[1]
        return None

    def _replace(self, worker: _Worker, words: str = "ended while idle") -> None:
        if not worker.ready:
            self._failed_starts += 1
        worker.kill()
        if self._failed_starts >= _MAX_FAILED_STARTS:
            raise MRClassError(f"The workers cannot start: the last one {words}; see the messages above.")
        self._workers[self._workers.index(worker)] = self._start()

    def wait_ready(self) -> dict[str, dict[str, Any]]:
        """Wait for the first worker; returns the identities of its members (`card.versions`)."""
        while self.versions is None:
            for worker in self._wait():
                self._hear(worker)
        return self.versions

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()


def cores() -> int:
    """Processor cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
