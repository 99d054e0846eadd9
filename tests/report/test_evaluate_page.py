"""The page of an evaluation: complete in itself, of the JSON alone, and nothing of the data is markup."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import browser, opened
from mrclass import curves, evaluate, report
from mrclass.evaluate import Case
from mrclass.report import evaluate_page, ink, pictures
from PIL import Image
from test_audit_page import HOSTILE, Page

CASES = [
    Case("a", "t1w", "t1w", 0.975, {"t1w": 0.975, "t1ce": 0.21}, ("t1w",), "north", plane="axial"),
    Case("b", "t1ce", "t1w", 0.905, {"t1w": 0.905, "t1ce": 0.4}, ("t1w",), "north", plane="axial"),
    Case("c", "t2w", "t2w", 0.805, {"t1w": 0.105, "t2w": 0.805}, ("t2w",), "south", plane="sagittal"),
    Case("d", "other", "t2w", 0.705, {"t1w": 0.7, "t2w": 0.705}, ("t2w", "t1w"), "south", "b 1000"),
    Case("e", "flair", "unreadable", source="south", note="truncated"),
]
MEMBERS = {
    f"mrclass_{label}": {"label": label, "threshold": threshold, "version": "1.2.3", "sha256": "f" * 64}
    for label, threshold in (("t1w", 0.7), ("t1ce", 0.5), ("t2w", 0.65))
}


def figures_of(cases: list[Case], members: dict[str, Any] = MEMBERS) -> dict[str, Any]:
    made = {"command": "mrclass evaluate OUT", "mrclass": "0.1.0", "members": members, "truth_sha256": "aa"}
    return {
        "data": "simulated", **evaluate.measure(cases), **curves.measure(cases, members),
        "missing": ["gone.nii"], "rows_without_truth": 2, "made_by": made,
    }  # fmt: skip


def text_of(cases: list[Case], folder: Path, members: dict[str, Any] = MEMBERS) -> str:
    """The page without its figures, which take seconds to draw."""
    thumbnails = [case.pictures for case in evaluate.wrong(cases)]
    return evaluate_page.page(figures_of(cases, members), {}, folder, thumbnails)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    figures = figures_of(CASES)
    thumbnails = [case.pictures for case in evaluate.wrong(CASES)]
    evaluate_page.write(folder / "new" / "page", figures, folder, thumbnails)
    return folder / "new" / "page"


def test_every_figure_is_written_as_a_picture_that_can_be_printed(written: Path) -> None:
    names = {path.name for path in written.glob("*.png")}
    assert names == {f"evaluate-{name}.png" for name in pictures.FIGURES}
    for name in names:
        with Image.open(written / name) as picture:
            assert picture.width == 10 * ink.DPI
            assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_the_page_holds_each_picture_for_paper_and_for_dark_screens(written: Path) -> None:
    page = Page((written / "evaluate.html").read_text(encoding="utf-8"))
    bright = [str(found["src"]) for tag, found in page.elements if tag == "img"]
    dark = [found for tag, found in page.elements if tag == "source"]
    assert len(bright) == len(dark) == len(pictures.FIGURES)
    assert base64.b64decode(bright[0].partition(",")[2]) == (written / "evaluate-labels.png").read_bytes()
    assert {found["media"] for found in dark} == {"screen and (prefers-color-scheme: dark)"}
    held = base64.b64decode(str(dark[0]["srcset"]).partition(",")[2])
    with Image.open(io.BytesIO(held)) as picture:
        assert "#{:02x}{:02x}{:02x}".format(*picture.convert("RGB").getpixel((0, 0))) == ink.DARK.ground


def test_a_picture_of_an_earlier_evaluation_does_not_stay(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(pictures, "draw", lambda name, figures, colours: b"drawn")
    old = tmp_path / "evaluate-refusal.png"
    old.write_bytes(b"old")
    refused = [Case("a", "t1w", "other", 0.2, {"t1w": 0.2})]
    evaluate_page.write(tmp_path, figures_of(refused), tmp_path, [()])
    assert not old.exists()
    assert (tmp_path / "evaluate-confusion.png").read_bytes() == b"drawn"


def test_all_that_the_page_says_is_in_the_json(tmp_path: Path) -> None:
    thumbnails = [case.pictures for case in evaluate.wrong(CASES)]
    kept = json.loads(json.dumps(figures_of(CASES)))
    assert evaluate_page.page(kept, {}, tmp_path, thumbnails) == text_of(CASES, tmp_path)


def test_sensitivity_and_specificity_stand_under_their_names(tmp_path: Path) -> None:
    text = Page(text_of(CASES, tmp_path)).text
    assert "labelvolumessensitivityspecificity" in text
    # T2w: one of one is found; of four others one is taken for it
    assert "T2w1100.0 % [20.7, 100.0]1 of 175.0 % [30.1, 95.4]3 of 4" in text


def test_the_members_own_decisions_and_thresholds_are_told(tmp_path: Path) -> None:
    # T1w: claims a and b rightly, d wrongly (in conflict), refuses c rightly; both of its own score higher
    text = Page(text_of(CASES, tmp_path)).text
    assert "T1w0.7020111.000" in text


def test_volumes_without_a_plane_are_counted(tmp_path: Path) -> None:
    assert "2 volumes have none." in Page(text_of(CASES, tmp_path)).text


def test_errors_show_their_picture_and_the_scores_of_all_members(tmp_path: Path) -> None:
    slices = np.zeros((10, 60, 60), np.uint8)
    slices[:, 10:50, 15:45] = 200
    path = report.thumbnail(slices, tmp_path / "7.webp")
    cases = [replace(case, pictures=("7.webp",)) if case.file == "d" else case for case in CASES]
    page = Page(text_of(cases, tmp_path))
    (image,) = [found for tag, found in page.elements if tag == "img"]
    assert base64.b64decode(str(image["src"]).partition(",")[2]) == path.read_bytes()
    assert "other taken for T2w 0.705" in page.text
    styles = {found["style"] for tag, found in page.elements if tag == "i" and "style" in found}
    assert {"--s:0.700;--t:0.700", "--s:0.705;--t:0.650"} <= styles


def test_many_errors_of_one_pair_are_counted_beyond_the_first(tmp_path: Path) -> None:
    cases = [replace(CASES[3], file=f"d{number}") for number in range(63)]
    page = Page(text_of(cases, tmp_path))
    assert [tag for tag, _ in page.elements].count("article") == evaluate_page.PER_PAIR == 60
    assert "and 3 more, all in the JSON" in page.text


def test_nothing_from_a_truth_or_a_header_becomes_markup(tmp_path: Path) -> None:
    cases = [replace(case, source=HOSTILE, file=HOSTILE, note=HOSTILE, plane=HOSTILE) for case in CASES]
    members = {HOSTILE: {"label": HOSTILE, "version": HOSTILE, "sha256": HOSTILE, "threshold": 0.5}}
    text = text_of([*cases, replace(cases[0], predicted=HOSTILE)], tmp_path, members)
    page = Page(text)
    assert not [tag for tag, _ in page.elements if tag in ("script", "img")]
    assert not {"\u202e", "\x00", "\x1b"} & set(text)
    assert text.count("</style>") == text.count("</title>") == 1


def test_a_hostile_name_is_drawn_as_it_is(tmp_path: Path) -> None:
    cases = [replace(case, source="$\\frac{$ 東京 " + HOSTILE) for case in CASES]
    assert pictures.draw("groups", figures_of(cases)).startswith(b"\x89PNG")


def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    page = Page(text_of(CASES, tmp_path))
    assert not [tag for tag, _ in page.elements if tag in ("script", "link", "iframe", "object")]
    (policy,) = [found["content"] for tag, found in page.elements if tag == "meta" and "http-equiv" in found]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_everything_that_can_be_opened_can_be_reached_by_keys(tmp_path: Path) -> None:
    page = Page(text_of(CASES, tmp_path))
    targets = {found["id"] for _, found in page.elements if found.get("id")}
    links = {str(found["href"])[1:] for tag, found in page.elements if tag == "a"}
    assert links and links <= targets
    tags = [tag for tag, _ in page.elements]
    assert tags.count("summary") == tags.count("details") > 0


@pytest.mark.parametrize("colours", [ink.LIGHT, ink.DARK], ids=["light", "dark"])
def test_what_is_drawn_stands_out_from_its_ground(colours: ink.Ink) -> None:
    from test_contrast import contrast

    assert min(contrast(colour, colours.ground) for colour in (colours.text, colours.soft)) >= 4.5
    assert min(contrast(colour, colours.ground) for colour in (colours.right, colours.wrong)) >= 3
    for share in (0, 0.25, 0.5, 0.75, 1):
        cell = ink.mix(colours.ground, colours.right, share)
        assert contrast(ink.readable_on(cell), cell) >= 4.5


@pytest.mark.skipif(browser() is None, reason="no Chromium on this machine")
def test_a_browser_shows_the_whole_page(written: Path, tmp_path: Path) -> None:
    assert 'id="made"' in opened(written / "evaluate.html", tmp_path)
