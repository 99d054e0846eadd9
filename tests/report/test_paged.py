"""A report of many series: cards in files beside the page, an index for filters and search."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from browsers import browser, opened
from mrclass import report
from mrclass.report import paged
from report_rows import done, without_volume

HOSTILE = "\"'><script>alert(1)</script>\u2028</h3>\x00"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five series are many, two go into a file."""
    monkeypatch.setattr(paged, "WHOLE", 4)
    monkeypatch.setattr(paged, "PER_FILE", 2)


def rows(count: int) -> list[dict[str, Any]]:
    return [done(index, description=f"AX number {index}") for index in range(1, count + 1)]


def cards(folder: Path, number: int) -> list[str]:
    text = (folder / f"report/cards-{number:04d}.js").read_text("ascii")
    return list(json.loads(text[text.index("[") : text.rindex("]") + 1]))


def index(folder: Path) -> list[list[Any]]:
    text = (folder / "report/index.js").read_text("ascii")
    return list(json.loads(text[text.index("[") : text.rindex(",")] + "]"))


def test_few_series_make_one_file(tmp_path: Path, small: None) -> None:
    report.write(tmp_path, rows(4), {})
    assert not (tmp_path / "report").exists()


def test_every_series_is_in_exactly_one_file_and_in_the_index(tmp_path: Path, small: None) -> None:
    report.write(tmp_path, rows(5), {})
    held = [card for number in (1, 2, 3) for card in cards(tmp_path, number)]
    assert [re.search(r"number (\d)", card)[1] for card in held] == ["1", "2", "3", "4", "5"]  # type: ignore[index]
    assert [entry[4] for entry in index(tmp_path)] == [f"AX number {n}" for n in range(1, 6)]


def test_the_index_searches_what_is_shown_but_not_the_bars(tmp_path: Path, small: None) -> None:
    report.write(tmp_path, [*rows(4), without_volume(5, "unreadable", "Twelve of 24 images.")], {})
    first, *_, last = index(tmp_path)
    assert "seriesdescription: ax t2" in first[5] and "flair" not in first[5]
    assert "twelve of 24 images." in last[5]
    assert (last[0], last[3]) == ("unreadable", -1)


def test_a_header_stays_text_in_the_files_too(tmp_path: Path, small: None) -> None:
    report.write(tmp_path, [done(n, description=HOSTILE, source=f"a/{HOSTILE}{n}") for n in range(5)], {})
    (card, _), (entry, *_) = cards(tmp_path, 1), index(tmp_path)
    assert "<script" not in card
    assert "<script>alert(1)</script>" in entry[4]  # as text, which the page never takes for HTML


def test_a_shorter_report_leaves_no_files_of_the_longer_one(tmp_path: Path, small: None) -> None:
    report.write(tmp_path, rows(7), {})
    report.write(tmp_path, rows(5), {})
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "cards-0001.js", "cards-0002.js", "cards-0003.js", "index.js",
    ]  # fmt: skip
    report.write(tmp_path, rows(3), {})
    assert not (tmp_path / "report").exists()


def test_without_script_the_page_says_where_the_rest_is(tmp_path: Path, small: None) -> None:
    text = report.write(tmp_path, rows(5), {}).read_text("utf-8")
    assert "only the first 2 of 5 series are shown here; all of them are in results.csv" in text
    assert text.count("<article") == 2


@pytest.mark.skipif(browser() is None, reason="no Chromium to open the page in")
def test_a_link_to_a_series_on_another_page_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paged, "WHOLE", 100)
    page = report.write(tmp_path / "run", rows(130), {})
    shown = opened(page, tmp_path, "#s125")
    main = shown[shown.index("<main") : shown.index("</main>")]
    assert "AX number 125" in main and "AX number 1<" not in main
    assert ">101 to 130 of 130<" in shown
