"""Watches a run from outside: its memory and how far its ledger is, sampled twice a second.

Starts the command it is given, appends samples to one file; reads /proc, so Linux only.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from mrclass.errors import MRClassError
from mrclass.ledger import Ledger

EVERY_S = 0.5
FIRST_S = 0.02


def memory(pid: int) -> tuple[float, float]:
    """Resident memory of a process and of its largest descendant, MB; zeros for one that is gone."""
    own, waiting, largest = _resident(pid), _children(pid), 0.0
    while waiting:
        child = waiting.pop()
        largest = max(largest, _resident(child))
        waiting += _children(child)
    return own, largest


def _resident(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return 0.0
    lines = [line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:")]
    return int(lines[0]) / 1024 if lines else 0.0


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text("ascii").split())
    except OSError:
        pass  # it ended meanwhile: it has no children any more
    return found


def watch(command: Sequence[str], ledger: Path, samples: Path, every_s: float = EVERY_S) -> dict[str, float]:
    """Run a command; append samples to a file of JSON lines.

    Args:
        command: of the run; exit codes other than 0 and 3 are an error.
        ledger: whose series are counted; may not be there yet.
        samples: gets {"s", "done", "client_mb", "child_mb"} lines; seconds go on where they ended. The last
            line is written when the command has ended: all that it did, and the memory last seen.
        every_s: seconds between two samples; the first ones come sooner.

    Returns:
        Seconds of this command, and its highest client and child memory, MB.

    Raises:
        MRClassError: the command failed.
    """
    before = read_samples(samples)
    offset = before[-1]["s"] if before else 0.0
    started = time.monotonic()
    seen = [(0.0, 0.0)]
    with samples.open("a", encoding="ascii") as file:

        def write(own: float, largest: float) -> None:
            done, seconds = count(ledger), round(offset + time.monotonic() - started, 1)
            sample = {"s": seconds, "done": done, "client_mb": round(own, 1), "child_mb": round(largest, 1)}
            file.write(json.dumps(sample) + "\n")
            file.flush()

        pause = FIRST_S
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while process.poll() is None:
                own, largest = memory(process.pid)
                if own:  # it may have ended since it was asked
                    seen.append((own, largest))
                    write(own, largest)
                time.sleep(pause)
                pause = min(2 * pause, every_s)
        finally:
            process.kill()
            process.wait()
        write(*seen[-1])  # a run may end, or end well, between two samples
    if process.returncode not in (0, 3):
        raise MRClassError(f"{' '.join(command)} ended with exit code {process.returncode}.")
    seconds = round(time.monotonic() - started, 1)
    client, child = (round(max(values), 1) for values in zip(*seen, strict=True))
    return {"seconds": seconds, "client_mb": client, "child_mb": child}


def count(ledger: Path) -> int:
    """Series in a ledger; 0 where there is none yet."""
    if not ledger.is_file() or not ledger.stat().st_size:
        return 0
    try:
        with Ledger(ledger, create=False) as book:
            return book.count()
    except MRClassError:
        return 0  # it is being made at this moment


def read_samples(path: Path) -> list[dict[str, float]]:
    """Samples that `watch` wrote; a line that a kill cut in two is left out."""
    lines = path.read_text("ascii").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("}")]
