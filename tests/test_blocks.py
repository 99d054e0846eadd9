"""`template/blocks.py`: documents quote results/*.json by rendering, and say what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "template"))

import cards  # noqa: E402
import render  # noqa: E402

FIGURES: dict[str, Any] = {
    "data": "simulated", "n_series": 50, "n_files": 60, "slices_per_series": 1, "jobs": 1, "seconds": 120,
    "starts": 2, "parts": [{"series": 5, "client_mb": 40.5, "child_mb": 900.0, "seconds_per_series": 2.4}],
    "last_to_second_part": {"client_mb": 1.01}, "client_mb_while_pages_are_written": 50.5,
    "ledger": {"bytes_per_series": 2000, "write_ms_full": 3.5, "series": 50, "write_ratio": 1.1,
               "ask_ms_full": 0.1, "ask_ratio": 0.9},
    "nothing_to_do": {"seconds": 3.0, "client_mb": 39.0},
    "report": {"seconds": 2.0, "client_mb": 38.0,
               "bytes": {"report_html": 2500, "index_js": 3500, "card_files": 4, "largest_card_file": 4500}},
}  # fmt: skip
BLOCK = "before\n<!-- results:scale -->\nold\n<!-- /results:scale -->\nafter\n"


def test_the_figures_of_a_large_archive_are_quoted(tmp_path: Path) -> None:
    (tmp_path / "scale.json").write_text(json.dumps({"shipped": FIGURES}))
    text = cards.fill_blocks(BLOCK, cards.Results.read(tmp_path))
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    for words in (
        "**50 simulated series** (60 DICOM files", "the bundles' own networks", "begun 2 times",
        "| 5 | 40.5 | 900.0 | 2.4 |", "second tenth: run 1.01.", "the run takes 50.5 MB",
        "2000 bytes a series", "opens with 2 kB",
    ):  # fmt: skip
        assert words in text


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    assert "Not measured yet: `results/scale.json`" in cards.fill_blocks(BLOCK, cards.Results.read(tmp_path))


def test_how_tos_are_rendered_like_the_readme() -> None:
    assert ROOT / "docs" / "how-to" / "large-archives.md" in render.wanted()
