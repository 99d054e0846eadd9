"""The report's pictures."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from mrclass import report
from mrclass.report import thumbnails
from PIL import Image, features


def slab(count: int = 10) -> np.ndarray:
    """A bright block, 40 high and 20 wide, that gets brighter slice by slice."""
    slices = np.zeros((count, 224, 224), np.uint8)
    for index in range(count):
        slices[index, 100:140, 60:80] = 100 + 10 * index
    return slices


@pytest.mark.parametrize(("count", "chosen"), [(10, [1, 5, 8]), (3, [0, 1, 2]), (2, [0, 1]), (1, [0])])
def test_slices_are_spread_evenly(count: int, chosen: list[int]) -> None:
    assert thumbnails.middle_slices(count) == chosen


@pytest.mark.parametrize(("count", "wide"), [(10, 436), (2, 290), (1, 144)])
def test_tiles_stand_side_by_side(tmp_path: Path, count: int, wide: int) -> None:
    path = report.thumbnail(slab(count), tmp_path / "1.png")
    assert thumbnails.size(path) == (wide, 144)


def test_the_picture_is_cropped_to_the_square_of_the_foreground_with_its_aspect(tmp_path: Path) -> None:
    with Image.open(report.thumbnail(slab(1), tmp_path / "1.png")) as picture:
        pixels = np.asarray(picture)
    lit = pixels > 50
    high, wide = lit.any(axis=1).sum(), lit.any(axis=0).sum()
    assert high == pytest.approx(144 * 40 / 44, abs=3)
    assert wide == pytest.approx(high / 2, abs=3)


def test_foreground_at_the_edge_is_padded_with_black(tmp_path: Path) -> None:
    slices = np.zeros((1, 50, 30), np.uint8)
    slices[:, :, :] = 255
    (tile,) = thumbnails.crop_square(slices)
    assert tile.shape == (55, 55)
    assert (tile == 255).sum() == 50 * 30


def test_specks_of_noise_do_not_widen_the_frame() -> None:
    slices = slab(1)
    slices[0, 5, 5] = slices[0, 220, 220] = 255
    assert thumbnails.crop_square(slices).shape == (1, 44, 44)


def test_a_black_slab_gives_a_black_picture(tmp_path: Path) -> None:
    with Image.open(report.thumbnail(np.zeros((10, 64, 64), np.uint8), tmp_path / "1.png")) as picture:
        assert picture.getextrema() == (0, 0)


@pytest.mark.skipif(not features.check("webp"), reason="Pillow was built without WebP")
def test_webp_is_the_default_and_small(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (10, 112, 112)).astype(np.uint8)
    path = report.thumbnail(noise, tmp_path / "deep/1.webp")
    assert path == tmp_path / "deep/1.webp"
    assert path.stat().st_size < 60_000
    assert report.thumbnail(slab(), tmp_path / "2.webp").stat().st_size < 5_000


def test_a_pillow_without_webp_gives_png_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    monkeypatch.setattr(thumbnails, "_warned", set())
    with caplog.at_level(logging.WARNING):
        paths = [report.thumbnail(slab(), tmp_path / f"{index}.webp") for index in range(2)]
    assert [path.name for path in paths] == ["0.png", "1.png"]
    assert [record.message for record in caplog.records] == [
        "Pillow was built without WebP: thumbnails are written as PNG."
    ]


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4), np.uint8), np.zeros((1, 4, 4)), np.zeros((0, 4, 4), np.uint8)]
)
def test_an_array_that_is_no_stack_of_slices_is_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 slices"):
        report.thumbnail(wrong, tmp_path / "1.webp")


def test_a_file_that_is_no_picture_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "1.webp").write_text("no picture")
    assert thumbnails.size(tmp_path / "1.webp") is None
    assert thumbnails.size(tmp_path / "missing.webp") is None
