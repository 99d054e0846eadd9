"""The report's page: what stands on it, and that nothing of the data becomes markup or leaves the folder."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import browser, opened
from mrclass import labels, report
from report_rows import MEMBERS, done, mixed, without_volume

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>\n</style></title>\u202e\x00\x1b[31m&lt;"
RUN: dict[str, Any] = {"mrclass": "0.1.0", "command": ["mrclass", "classify", "EXPORT", "-o", "OUT"]}


class Page(HTMLParser):
    """Every element with its attributes, and the text of the page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.shown.append(data)

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.elements
            if name == tag
            and all(wanted in (found.get(key) or "").split() for key, wanted in attributes.items())
        ]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.shown))


def written(folder: Path, rows: list[dict[str, Any]], run: dict[str, Any] | None = None) -> str:
    return report.write(folder, rows, RUN if run is None else run).read_text(encoding="utf-8")


def picture(folder: Path, name: str) -> str:
    slices = np.zeros((10, 60, 60), np.uint8)
    slices[:, 10:50, 15:45] = 200
    return report.thumbnail(slices, folder / name).relative_to(folder).as_posix()


def test_each_series_has_one_card_and_its_volumes_stand_in_it(tmp_path: Path) -> None:
    page = Page(written(tmp_path, mixed()))
    assert len(page.all("article", **{"class": "card"})) == 6
    assert len(page.all("div", **{"class": "volume"})) == 7
    assert "b 1000" in page.text


def test_a_card_shows_label_score_votes_header_and_verdict(tmp_path: Path) -> None:
    text = Page(written(tmp_path, [done(2, header_label="t1w", verdict="disagree")])).text
    for shown in (
        "T2w",
        "0.988",
        "9 of 10 slices",
        "≠ disagree",
        "header says T1w, image shows T2w",
        "SeriesDescription: AX T2",
        "axial",
        "256 × 256 × 24 at 0.9 × 0.9 × 5.5 mm",
        "study/series2",
    ):
        assert shown in text


def test_a_conflict_names_the_labels_that_reached_their_thresholds(tmp_path: Path) -> None:
    row = done(1, conflict=True, candidates=["t2w", "flair"])
    assert "▲ conflict T2w and FLAIR reach their thresholds" in Page(written(tmp_path, [row])).text


def test_bars_mark_other_claimants_in_a_conflict_alone(tmp_path: Path) -> None:
    agreed = done(1, label="t1ce", candidates=["t1w"], scores={"t1w": 0.95, "t1ce": 0.99})
    torn = done(
        2, label="t2w", conflict=True, candidates=["t2w", "flair"], scores={"t2w": 0.9, "flair": 0.85}
    )
    (tmp_path / "agreed").mkdir()
    assert '<li class="also">' not in written(tmp_path / "agreed", [agreed])
    assert '<li class="also">' in written(tmp_path, [torn])


def test_other_shows_whose_score_it_is(tmp_path: Path) -> None:
    row = done(1, label="other", score=0.61, scores={"t1w": 0.61, "t2w": 0.1}, votes={"t1w": 7, "t2w": 0})
    assert "closest: T1w 0.610, threshold 0.900, 7 of 10 slices" in Page(written(tmp_path, [row])).text


def test_a_series_without_a_volume_shows_its_reason(tmp_path: Path) -> None:
    page = Page(written(tmp_path, [without_volume(1, "unreadable", "Twelve of 24 images.")]))
    assert "✕ unreadable" in page.text
    assert "Twelve of 24 images." in page.text
    assert not page.all("img")


def test_bars_carry_the_score_and_the_threshold_of_their_member(tmp_path: Path) -> None:
    bars = [found["style"] for found in Page(written(tmp_path, [done()])).all("i") if "style" in found]
    assert bars == ["--s:0.012;--t:0.900", "--s:0.988;--t:0.800", "--s:0.250;--t:0.700"]


def test_thresholds_that_only_the_run_knows_are_drawn_too(tmp_path: Path) -> None:
    bare = {name: {"version": "1", "sha256": "e"} for name in MEMBERS}
    text = written(tmp_path, [done(members=bare)], {"members": MEMBERS})
    assert "--s:0.988;--t:0.800" in text


def test_the_summary_counts_series_and_lists_disagreements_first(tmp_path: Path) -> None:
    page = Page(written(tmp_path, mixed()))
    totals = "6 series5 volumes1 disagree1 conflict1 unreadable1 skipped"
    assert totals in page.text
    assert "first: image and header disagree; several labels reach their thresholds" in page.text
    assert page.text.index("≠ header T1w") < page.text.index("▲ conflict")


def test_members_are_named_with_version_threshold_and_hash(tmp_path: Path) -> None:
    text = Page(written(tmp_path, [done()])).text
    assert "mrclass_t2w1.2.30.8001" + "c" * 64 in text
    assert "different versions" not in text


def test_rows_of_two_versions_of_a_member_are_said_to_be_so(tmp_path: Path) -> None:
    newer = {**MEMBERS, "mrclass_t2w": {**MEMBERS["mrclass_t2w"], "version": "2.0.0"}}
    assert "made by different versions" in Page(written(tmp_path, [done(1), done(2, members=newer)])).text


def test_filters_are_buttons_with_counts_and_tell_whether_they_are_pressed(tmp_path: Path) -> None:
    page = Page(written(tmp_path, mixed()))
    buttons = {found["data-tag"]: found for found in page.all("button") if "data-tag" in found}
    assert {*labels.KEYS, "disagree", "conflict", "unreadable", "skipped"} <= set(buttons)
    assert all(found["aria-pressed"] == "false" for found in buttons.values())
    assert "disabled" in buttons["swi"] and "disabled" not in buttons["t2w"]
    assert "≠ disagree 1" in page.text and "T2w 2" in page.text


def test_nothing_of_the_data_becomes_an_element_or_an_attribute(tmp_path: Path) -> None:
    def shape(page: Page) -> list[tuple[str, tuple[str, ...]]]:
        return [(tag, tuple(found)) for tag, found in page.elements]

    def pages(text: str) -> Page:
        name = picture(tmp_path, "thumbnails/1.webp")
        texts = (
            "reason",
            "patient",
            "modality",
            "manufacturer",
            "description",
            "volume_note",
            "acquisition_plane",
            "series_uid",
            "study_uid",
            "kind",
            "label",
            "header_label",
            "verdict",
        )
        rows = [
            done(
                1,
                **dict.fromkeys(texts, text),
                header_evidence=[text],
                candidates=[text, text],
                source="1" + text,
                conflict=True,
                thumbnails=[name],
                scores={text: 0.5},
                votes={text: 5},
                slice_scores={text: [0.5]},
                members={text: {"label": text, "version": text, "sha256": text, "threshold": 0.5}},
                shape=[text],
                seconds={text: 1.0},
            ),
            without_volume(2, "unreadable", text, source="2" + text, study_uid=text, description=text),
            without_volume(3, text, text, source="3" + text, study_uid=text, description=text),
        ]
        run = {"mrclass": text, "command": [text], "started": text, "title": text}
        return Page(written(tmp_path, rows, run))

    hostile, harmless = pages(HOSTILE), pages("text")
    assert shape(hostile) == shape(harmless)
    assert len(hostile.all("script")) == 1
    assert not any(key.startswith("on") for _, found in hostile.elements for key in found)
    assert "\u202e" not in hostile.text and "\x1b" not in hostile.text


def test_picture_addresses_are_quoted_and_relative(tmp_path: Path) -> None:
    name = picture(tmp_path, "thumbnails/a b\"'<#?%\u00e9.webp")
    (image,) = Page(written(tmp_path, [done(thumbnails=[name])])).all("img")
    assert image["src"] == "thumbnails/a%20b%22%27%3C%23%3F%25%C3%A9.webp"
    assert (image["width"], image["height"], image["loading"]) == ("436", "144", "lazy")
    assert image["alt"] == "Middle slices of AX T2, axial"


def test_a_picture_that_is_gone_leaves_a_card_that_says_so(tmp_path: Path) -> None:
    page = Page(written(tmp_path, [done(thumbnails=["thumbnails/gone.webp"])]))
    assert not page.all("img")
    assert "no picture" in page.text


def test_undecodable_bytes_of_a_path_do_not_stop_the_report(tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    text = written(tmp_path, [done(source=f"study/{name}", description="")])
    assert "study/caf\ufffd" in text
    assert '"study/caf\\udce9"' in (tmp_path / "results.json").read_text(encoding="utf-8")


def test_the_page_names_no_address_outside_its_folder(tmp_path: Path) -> None:
    text = written(tmp_path, mixed())
    assert not re.search(r"(?:https?:)?//[a-z0-9]", text)
    assert not Page(text).all("link")
    assert "default-src 'none'" in text


def test_cards_are_complete_without_the_script_and_the_toolbar_is_hidden(tmp_path: Path) -> None:
    page = Page(written(tmp_path, mixed()))
    assert not [found for found in page.all("article") if "hidden" in found]
    (bar,) = page.all("div", **{"class": "toolbar"})
    assert "hidden" in bar


def test_a_run_without_rows_gives_a_page(tmp_path: Path) -> None:
    assert "0 series0 volumes" in Page(written(tmp_path, [])).text


def test_an_older_report_survives_a_failure(tmp_path: Path) -> None:
    before = written(tmp_path, [done()])
    with pytest.raises(TypeError):
        report.write(tmp_path, [done(scores=3)], RUN)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "results.csv", "results.json"]


@pytest.mark.skipif(browser() is None, reason="no Chromium to open the page in")
def test_the_script_starts_in_a_browser_under_the_page_s_own_policy(tmp_path: Path) -> None:
    written(tmp_path / "run", mixed())
    (bar,) = Page(opened(tmp_path / "run/report.html", tmp_path)).all("div", **{"class": "toolbar"})
    assert "hidden" not in bar  # only the script shows it
