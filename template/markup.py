"""What cards and blocks are written with: a Markdown table, a proportion with its interval; stdlib only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class CardError(Exception):
    """A result or a placeholder cannot be rendered; the message names it."""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def interval(entry: Mapping[str, Any]) -> str:
    """`93.3 % [70.2, 98.8]` of a proportion as `mrclass.stats.proportion` gives it; n is at least 1."""
    low, high = entry["ci95"]
    return f"{100 * entry['value']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
