"""The label table: keys, display names, order and aliases of the seven labels; reads and writes nothing.

Source: paper, section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Label:
    """One row of the label table.

    Attributes:
        key: lower-case key used in code, files and bundle names.
        display: spelling shown to people.
        meaning: one plain sentence.
        aliases: other spellings accepted on input, lower case.
    """

    key: str
    display: str
    meaning: str
    aliases: tuple[str, ...] = ()


# The order is the tie-break of paper-identical scores and the order of every table and matrix.
TABLE: tuple[Label, ...] = (
    Label("t1w", "T1w", "T1-weighted without contrast agent", ("t1", "t1-weighted")),
    Label(
        "t1ce",
        "T1ce",
        "contrast-enhanced T1-weighted",
        ("t1wce", "t1gd", "t1c", "t1-gd", "t1+c", "t1post"),
    ),
    Label("t2w", "T2w", "T2-weighted", ("t2", "t2-weighted")),
    Label(
        "flair",
        "FLAIR",
        "T2-weighted fluid-attenuated inversion recovery",
        ("t2w-flair", "t2-flair", "fl"),
    ),
    Label("adc", "ADC", "apparent diffusion coefficient map", ()),
    Label("swi", "SWI", "susceptibility-weighted imaging", ()),
    Label("other", "other", "claimed by no classifier", ("unknown", "none")),
)

KEYS: tuple[str, ...] = tuple(row.key for row in TABLE)
OTHER = "other"
DISPLAY: dict[str, str] = {row.key: row.display for row in TABLE}
_BY_NAME: dict[str, str] = {
    name: row.key for row in TABLE for name in (row.key, row.display.lower(), *row.aliases)
}


def display(key: str) -> str:
    """Spelling of a label for people; a key outside the table (of a seventh bundle) is returned as it is."""
    return DISPLAY.get(key, key)


def parse(text: str) -> str:
    """Key of a label given in any accepted spelling.

    Raises:
        ValueError: the text names no label; the message lists the choices.
    """
    key = _BY_NAME.get(text.strip().lower())
    if key is None:
        raise ValueError(f"{text!r} is not a label; choose one of: {', '.join(DISPLAY.values())}")
    return key


def sort_key(key: str) -> int:
    """Position in the table; labels outside it come after the six and before `other`."""
    if key == OTHER:
        return len(KEYS)
    return KEYS.index(key) if key in KEYS else len(KEYS) - 1
