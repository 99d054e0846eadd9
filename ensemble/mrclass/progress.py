"""Progress on stderr: a bar in a terminal, now and then a line in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FIRST_LINE_S = 60.0
LINES_S = 60.0


@contextmanager
def bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    """A function to call with (done, total); what is over within seconds shows nothing.

    Args:
        unit: what is counted.
    """
    if not sys.stderr.isatty():
        yield _lines(unit)
        return
    from tqdm import tqdm

    with tqdm(unit=f" {unit}", file=sys.stderr, delay=1, leave=False) as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield progress


def _lines(unit: str) -> Callable[[int, int], None]:
    """Says how far the work is, where what is said is kept: a batch system's log, a pipe."""
    due = time.monotonic() + FIRST_LINE_S

    def progress(done: int, total: int) -> None:
        nonlocal due
        if time.monotonic() >= due and done < total:
            due = time.monotonic() + LINES_S
            print(f"{done} of {total} {unit}", file=sys.stderr, flush=True)

    return progress
