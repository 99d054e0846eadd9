"""The picture of all kinds: tiles, captions, a small file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from balls import balls
from mrclass.phantom import montage
from mrclass.phantom.acquire import Acquired
from mrclass.phantom.protocols import random_protocol
from PIL import Image


def test_a_slice_is_cut_at_the_level_of_the_lesion() -> None:
    volume = np.zeros((256, 256, 5), dtype=np.float32)
    volume[:, :, 3] = 7.0
    affine = np.diag([1.0, 1.0, 10.0, 1.0])
    item = Acquired(volume, affine, random_protocol("t2w", np.random.default_rng(0)))
    assert (montage.cut(item, np.array([0.0, 0.0, 28.0])) == 7).all()
    assert (montage.cut(item, np.array([0.0, 0.0, 12.0])) == 0).all()
    assert montage.cut(item, np.array([0.0, 0.0, 500.0])).shape == (232, 232)  # beyond the volume: its last


def test_the_level_of_a_lesion_is_its_middle_in_head_millimetres() -> None:
    assert np.allclose(montage.level(balls(tumour=((-20.0, 10.0, 30.0), 8.0))), (-20, 10, 30), atol=1.5)


def test_a_window_shows_the_darkest_black_and_the_brightest_white() -> None:
    shown = montage.window(np.linspace(3.0, 8.0, 1000).reshape(10, 100))
    assert shown.dtype == np.uint8 and shown.min() == 0 and shown.max() == 255


def test_tiles_stand_in_rows_with_their_captions_above(tmp_path: Path) -> None:
    bright = np.tile(np.linspace(0, 1, 50), (50, 1))
    sheet = montage.compose([("one", bright), ("two", bright), ("three", bright)], columns=2, width=200)
    assert sheet.size == (200, 2 * (100 + montage.CAPTION))
    pixels = np.asarray(sheet)
    assert pixels[: montage.CAPTION, :100].max() > 150  # a caption
    assert pixels[montage.CAPTION + 50, 95] > 200  # a tile
    assert pixels[montage.CAPTION * 2 + 150, 195] == 0  # no fourth


def test_a_sheet_is_saved_with_few_grey_values(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120)).astype(np.uint8)
    path = montage.save(Image.fromarray(noise), tmp_path / "new" / "sheet.png")
    with Image.open(path) as picture:
        assert picture.size == (120, 90)
        values = np.asarray(picture.convert("L")).astype(int)
    assert len(np.unique(values)) <= montage.LEVELS
    assert np.abs(values - noise).max() <= 4


def test_the_command_draws_the_kinds_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mrclass.phantom.anatomy.make_anatomy", lambda seed, **_: balls(seed))
    monkeypatch.setattr(montage, "EXTENT", 4.0)
    out = tmp_path / "kinds.png"
    assert montage.main([str(out), "--kinds", "t2w", "dwi", "--lesions"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    with Image.open(out) as picture:
        assert picture.width == montage.WIDTH


def test_an_unknown_kind_is_a_usage_error_that_lists_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        montage.main(["out.png", "--kinds", "t3w"])
    assert stop.value.code == 2
    assert "t1w_se" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(montage, "scan", lambda *_: [("one", np.eye(4))])
    (tmp_path / "file").write_text("")
    assert montage.main([str(tmp_path / "file" / "out.png")]) == 1
    assert "cannot be written" in capsys.readouterr().err
