"""Cleans, shortens, escapes and measures text from strangers' headers and paths; touches no files."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from typing import Any

_SPACES = re.compile(r"\s+")
# What can move a cursor, reverse the reading order, hide in a name or break an encoder: C0 and C1 controls,
# bidirectional overrides, invisible marks, tags, lone surrogates (the undecodable bytes of a path).
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
REPLACEMENT = "\ufffd"
LONGEST_SHOWN = 400  # characters; DICOM allows 64 in a description, broken files hold anything


def clean(value: Any, limit: int | None = None) -> str:
    """One line of visible text: white space becomes one space, everything unsafe becomes U+FFFD.

    Args:
        value: anything; None is empty.
        limit: characters kept, the last one an ellipsis where something was cut.
    """
    text = "" if value is None else str(value)
    if not text.isprintable() or "  " in text:  # few texts need the slow way
        text = _UNSAFE.sub(REPLACEMENT, _SPACES.sub(" ", text))
    text = text.strip()
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return text


def escape(value: Any, limit: int = LONGEST_SHOWN) -> str:
    """Text for HTML, in an element or in a quoted attribute alike."""
    return html.escape(clean(value, limit), quote=True)


def number(value: Any) -> float | None:
    """A finite number, or None for everything else (missing, NaN, text)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def score(value: Any, digits: int = 3) -> str:
    """A score for people; below one it never reads 1.000, which would say more than was measured."""
    found = number(value)
    if found is None:
        return "–"
    return f"{min(found, 1 - 10**-digits) if found < 1 else found:.{digits}f}"


def natural(value: Any) -> str:
    """Sorting key under which IM2 comes before IM10: one string, so that many fit in memory."""
    parts = [part for part in re.split(r"([0-9]+)", clean(value).lower()) if part]
    # Digits compare by their count, then as text, which is by value; int() refuses 5 000 of them. A cleaned
    # text holds no control character, so that the marks divide the parts: digits come before text.
    digits = [part.lstrip("0") for part in parts]
    return "".join(
        f"\x01{len(d):08d}{d}" if part.isdecimal() and part.isascii() else f"\x02{part}"
        for part, d in zip(parts, digits, strict=True)
    )


def width(text: str) -> int:
    """Columns a text takes in a terminal (East Asian wide characters take two, combining marks none)."""
    return sum(_columns(char) for char in text)


def fit(text: str, columns: int, tail: int = 0) -> str:
    """A text cut (an ellipsis where something is missing) and padded to exactly so many columns.

    Args:
        text: what is shown.
        columns: columns it fills.
        tail: of them, columns kept for the end of a text that is cut: file names differ there.
    """
    if width(text) > columns:
        end = _first(text[::-1], tail)[::-1]
        text = _first(text, columns - 1 - width(end)) + "…" + end
    return text + " " * (columns - width(text))


def _first(text: str, columns: int) -> str:
    """As many characters from the beginning as fit."""
    kept, used = [], 0
    for char in text[: 4 * columns]:  # bounds what combining marks can add
        if used + _columns(char) > columns:
            break
        kept.append(char)
        used += _columns(char)
    return "".join(kept)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
