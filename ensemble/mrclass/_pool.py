"""Keeps child processes that read headers: file paths in, one record per path out, whatever a file does.

The unit is one file: a child that crashes or exceeds its time is ended and replaced, and the file it had in
hand is the culprit. The records are those of `_reader.read`.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mrclass.errors import MRClassError

START_SECONDS = 60.0  # a child's first answer may wait for its imports on a busy machine
MAX_ANSWER = 4_000_000  # bytes; a record is a few kilobytes
# Neither the working folder nor this package's own folder may shadow a module of the child: a stranger's
# export may hold a json.py.
BOOT = (
    "import sys; sys.path[:] = [entry for entry in sys.path if entry]; sys.argv.pop(0); import runpy; "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


class LongAnswerError(Exception):
    """The child's answer on a file is longer than any record; raised and caught in this module."""


class Reader:
    """One child process; `read` never raises for what a file contains.

    Args:
        seconds: limit per file, of time and of processor time.
        megabytes: memory limit of the child.
        command: the child's command line (tests replace it).
    """

    def __init__(
        self, seconds: float = 30.0, megabytes: int = 1500, command: Sequence[str] | None = None
    ) -> None:
        script = str(Path(__file__).with_name("_reader.py"))
        numbers = [str(megabytes), str(math.ceil(seconds))]  # of memory, of processor time
        self.command = list(command) if command else [sys.executable, "-c", BOOT, script, *numbers]
        self.seconds = seconds
        self.child: subprocess.Popen[bytes] | None = None

    def _start(self) -> subprocess.Popen[bytes]:
        """A new child, once it has said that it is ready; a file in its hands when it ends is then the
        culprit."""
        environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
        try:
            child = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise MRClassError(f"The header reader cannot be started: {error.strerror or error}.") from error
        self.child = child
        try:
            ready = self._line(child, START_SECONDS)
        except LongAnswerError:
            ready = None
        if not ready:
            status = self.close()
            raise MRClassError(
                f"The header reader does not start ({describe(status)}). "
                f"Install pydicom for {sys.executable}."
            )
        return child

    def close(self) -> int | None:
        """End the child; its exit status where it had ended by itself."""
        if self.child is None:
            return None
        child, self.child = self.child, None
        try:
            if child.stdin is not None:
                child.stdin.close()  # the end of its work: it leaves at once unless a file holds it
            status = child.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            status = None
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
        return status

    def _line(self, child: subprocess.Popen[bytes], limit: float) -> bytes | None:
        """The child's next line; b"" if it ended, None if it took too long.

        Raises:
            LongAnswerError: it is longer than `MAX_ANSWER`.
        """
        assert child.stdout is not None  # opened as a pipe in _start
        deadline, answer = time.monotonic() + limit, bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    return None
                part = os.read(child.stdout.fileno(), 65536)
                if not part:
                    return b""
                answer += part
                if len(answer) > MAX_ANSWER:
                    raise LongAnswerError
        return bytes(answer)

    def read(self, path: Path | str) -> dict[str, Any]:
        """The record of one file; `kind` "broken" with a reason when the file ended or held up the child."""
        child = self.child or self._start()
        assert child.stdin is not None  # opened as a pipe in _start
        try:
            child.stdin.write(os.fsencode(path).hex().encode() + b"\n")
            line = self._line(child, self.seconds)
        except BrokenPipeError:
            line = b""
        except LongAnswerError:
            self.close()
            return {"kind": "broken", "reason": f"its header holds more than {MAX_ANSWER} bytes of values"}
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        status = self.close()
        if line is None or status == -signal.SIGXCPU:
            return {
                "kind": "broken",
                "reason": f"reading its header did not end within {self.seconds:g} seconds",
            }
        return {"kind": "broken", "reason": f"it ended the header reader ({describe(status)})"}


def describe(status: int | None) -> str:
    """A child's exit status in words."""
    if status is None:
        return "no exit status"
    if status < 0:
        try:
            return f"signal {signal.Signals(-status).name}"
        except ValueError:
            return f"signal {-status}"
    return f"exit status {status}"


def read_each(
    paths: Iterator[tuple[int, str]],
    total: int,
    jobs: int,
    keep: Callable[[int, str, dict[str, Any]], None],
    progress: Callable[[int, int], None] | None = None,
    reader: Callable[[], Reader] = Reader,
) -> None:
    """Read the headers of files with up to `jobs` children, whatever order they answer in.

    Args:
        paths: place and path of each file.
        total: number of paths.
        jobs: children at a time; few files need few.
        keep: takes place, path and record of each file, called from several threads.
        progress: called with (done, total) after each file.
        reader: makes a child; tests put others here.
    """
    lock = threading.Lock()
    failures: list[BaseException] = []
    done = 0

    def work() -> None:
        nonlocal done
        child = reader()
        try:
            while not failures:
                with lock:
                    place, path = next(paths, (-1, ""))
                if place < 0:
                    return
                keep(place, path, child.read(path))
                with lock:
                    done += 1
                    if progress is not None:
                        progress(done, total)
        except BaseException as error:  # handed to the caller's thread below
            failures.append(error)
        finally:
            child.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(max(1, min(jobs, total // 16 + 1)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException as error:  # Ctrl-C: let the children end before it goes on
        failures.append(error)
        raise
    if failures:
        raise failures[0]
