"""Colours and manners of pictures drawn by matplotlib: for paper, bright and dark screens; writes nothing.

The two hues are those of Okabe and Ito, which colour-blind readers tell apart.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

DPI = 160  # of a picture 10 inches wide: 300 dots an inch where it is printed half as wide


@dataclass(frozen=True)
class Ink:
    """Colours of one scheme: for paper and bright screens, or for dark screens."""

    ground: str
    text: str
    soft: str
    line: str
    right: str
    wrong: str


LIGHT = Ink("#ffffff", "#16191d", "#545d66", "#d9dde1", "#0072b2", "#d55e00")
DARK = Ink("#191d21", "#e8ebee", "#a3adb7", "#333a41", "#56b4e9", "#e69f00")


@contextmanager
def matplotlib_in(ink: Ink) -> Iterator[Any]:
    """matplotlib's Figure in our colours; its list of fonts goes to a folder that is removed again."""
    with tempfile.TemporaryDirectory() as folder:
        kept = os.environ.get("MPLCONFIGDIR")
        os.environ.setdefault("MPLCONFIGDIR", folder)
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it tells that it lists fonts
        try:
            import matplotlib
            from matplotlib.figure import Figure
        finally:
            if kept is None:
                del os.environ["MPLCONFIGDIR"]
    style = {
        "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold",
        "axes.titlelocation": "left", "figure.facecolor": ink.ground, "axes.facecolor": ink.ground,
        "savefig.facecolor": ink.ground, "text.color": ink.text, "axes.labelcolor": ink.text,
        "axes.titlecolor": ink.text, "xtick.color": ink.soft, "ytick.color": ink.soft,
        "axes.edgecolor": ink.soft, "grid.color": ink.line, "axes.spines.top": False,
        "axes.spines.right": False, "hatch.linewidth": 0.6, "legend.frameon": False,
        "text.parse_math": False, "axes.axisbelow": True, "figure.constrained_layout.use": True,
    }  # fmt: skip
    with matplotlib.rc_context(style):
        yield Figure


def mix(one: str, other: str, share: float) -> str:
    """Colour between two, as #rrggbb."""
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in pairs)


def readable_on(colour: str) -> str:
    """Black or white, whichever stands out on a colour (WCAG 2, relative luminance)."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"
