"""Draws the middle slices of a slab side by side into one small picture file (Pillow); no torch."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np

from mrclass.files import replace_bytes

TILE = 144  # pixels; a head of 230 mm at 2 mm per voxel is drawn a little larger than it is
TILES = 3
GAP = 2  # pixels of black between two slices
MARGIN = 0.05  # of the foreground's side, on each side
SMALLEST_SIDE = 24  # voxels; a smaller crop would only show interpolation
FOREGROUND = 24  # grey value of 255 above which a pixel counts as foreground
QUALITY = 82
_warned: set[str] = set()


def thumbnail(slices: np.ndarray, path: Path | str) -> Path:
    """Write three evenly spaced slices of a slab side by side, cropped to the foreground's square.

    Args:
        slices: uint8, shape (n_slices, H, W), grey values for show, equal spacing in both axes.
        path: file to write. `.png` gives PNG, anything else WebP (PNG where Pillow has no WebP).

    Returns:
        Path written, with the suffix of what it holds. Slabs of one or two slices give one or two tiles.

    Raises:
        ValueError: the array is not a uint8 stack of slices.
        OSError: the folder cannot be written.
    """
    from PIL import Image, features

    if slices.ndim != 3 or slices.dtype != np.uint8 or 0 in slices.shape:
        raise ValueError(
            f"Got {slices.dtype} {slices.shape}; a thumbnail is made of uint8 slices (n, H, W), one or more."
        )
    target = Path(path)
    kind = "PNG" if target.suffix.lower() == ".png" else "WEBP"
    if kind == "WEBP" and not features.check("webp"):
        kind = "PNG"
        if "webp" not in _warned:
            _warned.add("webp")
            logging.getLogger(__name__).warning(
                "Pillow was built without WebP: thumbnails are written as PNG."
            )
    chosen = slices[middle_slices(len(slices))]  # (tiles, H, W)
    cropped = crop_square(chosen)  # (tiles, side, side)
    strip = Image.new("L", (len(cropped) * (TILE + GAP) - GAP, TILE))
    for index, tile in enumerate(cropped):
        picture = Image.fromarray(tile).resize((TILE, TILE), Image.Resampling.BICUBIC)
        strip.paste(picture, (index * (TILE + GAP), 0))
    buffer = io.BytesIO()
    if kind == "PNG":
        strip.save(buffer, "PNG", optimize=True)
    else:
        strip.save(buffer, "WEBP", quality=QUALITY, method=4)
    target = target.with_suffix("." + kind.lower())
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(target, buffer.getvalue())
    return target


def middle_slices(count: int) -> list[int]:
    """Indices of up to three slices, evenly spread: the middles of the thirds of the slab."""
    tiles = min(TILES, count)
    return [int((index + 0.5) * count / tiles) for index in range(tiles)]


def crop_square(slices: np.ndarray) -> np.ndarray:
    """Cut the square around the foreground of all slices, with a margin; black where it leaves the image.

    Args:
        slices: uint8, shape (tiles, H, W).

    Returns:
        uint8, shape (tiles, side, side).
    """
    mask = slices.max(axis=0) > FOREGROUND  # (H, W)
    # A line counts when more than one pixel in fifty of it is lit: specks of noise do not widen the frame.
    rows = np.flatnonzero(mask.mean(axis=1) > 0.02)
    columns = np.flatnonzero(mask.mean(axis=0) > 0.02)
    if not len(rows) or not len(columns):
        rows, columns = np.arange(slices.shape[1]), np.arange(slices.shape[2])
    high, wide = int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
    side = max(SMALLEST_SIDE, round(max(high, wide) * (1 + 2 * MARGIN)))
    top = int(rows[0]) + high // 2 - side // 2
    left = int(columns[0]) + wide // 2 - side // 2
    padded = np.pad(slices, ((0, 0), (side, side), (side, side)))
    return padded[:, top + side : top + 2 * side, left + side : left + 2 * side]


def size(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture file in pixels, from its header alone; None where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.size
    except (OSError, ValueError):
        return None
