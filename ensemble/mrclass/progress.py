"""Progress bars: drawn on stderr where somebody watches, silent otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    """A function to call with (done, total); draws a bar when stderr is a terminal and the work is long.

    Args:
        unit: what is counted.
    """
    from tqdm import tqdm

    with tqdm(
        unit=f" {unit}", file=sys.stderr, disable=not sys.stderr.isatty(), delay=1, leave=False
    ) as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield progress
