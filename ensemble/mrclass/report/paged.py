"""Cards of a large report in files beside it: JavaScript that a page opened from a disk may load; no network.

Writes OUT/report/: cards-0001.js ... with the cards of so many series each, and index.js with what filters,
search and order need of every series. A browser lets a page from a disk load scripts, but not JSON.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from mrclass.files import replace_parts

FOLDER = "report"
WHOLE = 250  # series up to which a report is one file
PER_FILE = 100  # series, about 400 kB
_UNSEARCHED = re.compile(r'<ul class="bars".*?</ul>|<pre>.*?</pre>|<summary>.*?</summary>', re.S)
_HEAD = re.compile(
    r'<article [^>]*data-tags="([^"]*)" data-rank="(\d+)" data-label="(\d+)" data-score="([^"]*)">'
)
_NAME = re.compile(r"<h3[^>]*>(.*?)</h3>", re.S)


def write(cards: Iterable[str], folder: Path) -> None:
    """Write the cards of all series, in their order, and the index.

    Args:
        cards: HTML of each series, as `card.card` draws it.
        folder: the run's folder.

    Raises:
        OSError: the folder cannot be written.
    """
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    number = 0
    held: list[str] = []

    def flush() -> None:
        nonlocal number
        number += 1
        text = f"mrclassCards({number}, {json.dumps(held)});\n"
        replace_parts(place / f"cards-{number:04d}.js", [text.encode("ascii")])
        held.clear()

    def entries() -> Iterator[bytes]:
        yield b"mrclassIndex([\n"
        for card in cards:
            held.append(card)
            if len(held) == PER_FILE:
                flush()
            yield json.dumps(entry(card)).encode("ascii") + b",\n"
        if held:
            flush()
        yield b"]);\n"

    replace_parts(place / "index.js", entries())
    for path in place.glob("cards-*.js"):  # of an older, longer report
        if int(path.stem.partition("-")[2]) > number:
            path.unlink()


def entry(card: str) -> list[str | int | float]:
    """Tags, rank, label, score, name and searched text of a card, as the page's script has them."""
    head, name = _HEAD.search(card), _NAME.search(card)
    if head is None or name is None:
        raise ValueError("Got HTML that is no card; wanted what card.card draws.")
    return [
        html.unescape(head[1]),
        int(head[2]),
        int(head[3]),
        float(head[4]),
        plain(name[1]),
        # not the bars: every card names every member there, so that "flair" would find all of them
        plain(_UNSEARCHED.sub(" ", card)).lower(),
    ]


def plain(markup: str) -> str:
    """Text of HTML on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())
