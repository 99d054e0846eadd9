"""Values of header tags as the header's rules want them, whatever a stranger wrote into them; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

MAX_TEXT = 256  # characters of a value that are looked at: a stranger's sidecar may hold megabytes


def normal(text: str) -> str:
    """Text as the tables want it: lower case, no accents, separators as blanks; the minus of "C-" stays."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    plain = plain.replace("~", " ")
    plain = re.sub(r"(?<![a-z0-9])(c|gd|gad|km)-(?=$|[\s_,;)])", r" \1~ ", plain)
    plain = plain.replace("w/o", " wo ").replace("w/", " w ")
    plain = re.sub(r"[-_.,;:()<>\[\]|/\\^\"'#]", " ", plain).replace("~", "-")
    return re.sub(r"\s+", " ", plain).strip()


def text_of(header: Mapping[str, Any], keyword: str) -> str:
    """A value as text without blanks at its ends, at most MAX_TEXT characters; "" where there is none."""
    value = header.get(keyword)
    if isinstance(value, (list, tuple)):
        value = " ".join(str(item) for item in value[:16])
    return str(value).strip()[:MAX_TEXT] if value is not None else ""


def list_of(header: Mapping[str, Any], keyword: str) -> list[Any]:
    """Values of a tag that may hold several; [] where there is none."""
    value = header.get(keyword)
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else str(value).split("\\")


def codes_of(header: Mapping[str, Any], keyword: str) -> set[str]:
    """Code values, whether a list, "SE\\IR" or "SE_IR"."""
    return {code for item in list_of(header, keyword) for code in re.split(r"[\\_/ ]+", str(item).upper())}


def number_of(header: Mapping[str, Any], keyword: str) -> float | None:
    """The first value as a number; None where it is none or not finite enough to compare (NaN)."""
    value = header.get(keyword)
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    try:
        number = float(value) if value is not None else None
    except (TypeError, ValueError):
        return None
    return number if number is not None and number == number else None


def quoted(text: str) -> str:
    """The start of a text for a sentence."""
    return f'"{text[:80]}"'
