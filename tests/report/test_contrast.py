"""The colours of the report: every pair of text and ground keeps the contrast of WCAG 2, level AA."""

from __future__ import annotations

import re
from importlib import resources

import pytest

CSS = resources.files("mrclass.report").joinpath("page.css").read_text(encoding="utf-8")
LABELS = ("t1w", "t1ce", "t2w", "flair", "adc", "swi", "other")
PAIRS = [
    ("text", "card"),
    ("text", "page"),
    ("text", "bad-back"),
    ("soft", "card"),
    ("soft", "page"),
    ("link", "page"),
    ("card", "bad"),
    ("bad", "page"),
    ("bad", "bad-back"),
    ("warn", "page"),
    ("warn", "warn-back"),
    ("good", "good-back"),
    ("card", "text"),
    *((name, f"{name}-back") for name in LABELS),
    *((name, "page") for name in LABELS),
]


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", block))


LIGHT, DARK, *_ = (colours(block) for block in re.findall(r":root \{(.*?)\}", CSS, re.S))


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_black_on_white_has_the_contrast_that_the_standard_states() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_keeps_its_contrast(scheme: dict[str, str], ink: str, ground: str) -> None:
    assert contrast(scheme[ink], scheme[ground]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("mark", ["won", "also", "text", "focus"])
def test_bars_ticks_and_focus_stand_out(scheme: dict[str, str], mark: str) -> None:
    assert contrast(scheme[mark], scheme["card"]) >= 3


def test_both_schemes_define_the_same_colours() -> None:
    assert set(LIGHT) == set(DARK)
