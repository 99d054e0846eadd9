"""The page of an audit: complete in itself, readable without a mouse, and nothing of the data is markup."""

from __future__ import annotations

import base64
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import browser, opened
from mrclass import report

sys.path.insert(0, str(Path(__file__).parents[1]))
from audit_rows import seven, volume  # noqa: E402
from mrclass.audit import audit, measure  # noqa: E402
from mrclass.report import audit_page  # noqa: E402

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>\n</style></title>\u202e\x00\x1b[31m&lt;"


class Page(HTMLParser):
    """Every element with its attributes, and the text of the page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def written(folder: Path, rows: list[dict[str, Any]]) -> str:
    found = audit(rows)
    return audit_page.write(folder, found, measure(found)).read_text(encoding="utf-8")


def test_the_page_shows_the_table_the_patterns_and_the_proposals(tmp_path: Path) -> None:
    text = re.sub(r"\s+", " ", Page(written(tmp_path, seven())).text)
    assert "25.0 % [4.6, 69.9]" in text
    assert "1 of 6 series: header says T1w the image is T1ce" in text
    assert "T1ce by the image, and the tag names no agent" in text
    assert "T1w coronal" in text


def test_pictures_are_in_the_page_itself(tmp_path: Path) -> None:
    (tmp_path / "thumbnails").mkdir()
    slices = np.zeros((10, 60, 60), np.uint8)
    slices[:, 10:50, 15:45] = 200
    path = report.thumbnail(slices, tmp_path / "thumbnails" / "3.webp")
    rows = [volume(3, "t1w", "disagree", "t2w", thumbnails=["thumbnails/3.webp"])]
    (image,) = [found for tag, found in Page(written(tmp_path, rows)).elements if tag == "img"]
    address = str(image["src"])
    assert address.startswith("data:image/webp;base64,")
    assert base64.b64decode(address.partition(",")[2]) == path.read_bytes()
    assert image["alt"] == "Middle slices of AX T2, axial"


def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    page = Page(written(tmp_path, seven()))
    assert not [tag for tag, _ in page.elements if tag in ("script", "link", "iframe", "object")]
    (policy,) = [found["content"] for tag, found in page.elements if tag == "meta" and "http-equiv" in found]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_nothing_from_a_header_becomes_markup(tmp_path: Path) -> None:
    changes = {key: HOSTILE for key in ("description", "source", "contrast_agent", "volume_note", "label",
                                        "header_label", "acquisition_plane", "series_uid")}  # fmt: skip
    rows = [
        {**volume(1, "t1w", "disagree"), **changes, "header_evidence": [HOSTILE]},
        volume(2, "t1w", "header silent", description=HOSTILE, header_evidence=[HOSTILE], source=HOSTILE),
        volume(3, "t1ce", "agree", "t1ce", description=HOSTILE, contrast_agent="none"),
    ]
    text = written(tmp_path, rows)
    page = Page(text)
    assert not [tag for tag, _ in page.elements if tag in ("script", "img")]
    assert not {"\u202e", "\x00", "\x1b"} & set(text)
    assert text.count("</style>") == text.count("</title>") == 1


def test_everything_that_can_be_opened_can_be_reached_by_keys(tmp_path: Path) -> None:
    page = Page(written(tmp_path, seven()))
    targets = {found["id"] for _, found in page.elements if found.get("id")}
    links = {str(found["href"])[1:] for tag, found in page.elements if tag == "a"}
    assert links and links <= targets  # the skip link and the contents
    tags = [tag for tag, _ in page.elements]
    assert tags.count("summary") == tags.count("details") > 0
    assert not [found for _, found in page.elements if any(key.startswith("on") for key in found)]


def test_a_frequent_pattern_shows_its_first_series_and_counts_the_rest(tmp_path: Path) -> None:
    rows = [volume(number, "t1w", "disagree", "t2w") for number in range(1, 31)]
    page = Page(written(tmp_path, rows))
    assert [tag for tag, _ in page.elements].count("article") == audit_page.PER_PATTERN == 24
    assert "and 6 more, all in audit-series.csv" in page.text


def test_the_score_of_other_names_the_member_that_came_closest(tmp_path: Path) -> None:
    rows = [volume(1, "other", "disagree", "t2w", score=0.25, scores={"t1w": 0.1, "flair": 0.25})]
    assert "closest: FLAIR 0.250" in Page(written(tmp_path, rows)).text


@pytest.mark.skipif(browser() is None, reason="no Chromium on this machine")
def test_a_browser_shows_the_whole_page(tmp_path: Path) -> None:
    written(tmp_path, seven())
    assert 'class="pattern" open=""' in opened(tmp_path / "audit.html", tmp_path)
