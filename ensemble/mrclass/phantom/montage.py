"""A picture of the kinds of series in one simulated subject: slices side by side with their names, one PNG.

    python -m mrclass.phantom.montage OUT.png [--seed 3] [--plane axial] [--lesions tumour] [--kinds swi dwi]
        [--realism 2]

Reads nilearn's packaged brain; writes OUT.png. Slices are cut at the level of the subject's lesions.
Source: `acquire.py` for the images.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mrclass.labels import display
from mrclass.phantom.anatomy import LESIONS
from mrclass.phantom.protocols import ALL_KINDS, KINDS, PLANES, REALISM
from mrclass.phantom.tissues import INDEX

if TYPE_CHECKING:
    from PIL.Image import Image

    from mrclass.phantom.acquire import Acquired
    from mrclass.phantom.anatomy import Anatomy

WIDTH = 1200  # pixels of the whole picture
COLUMNS = 7
CAPTION = 18  # pixels above each tile
FIELD_OF_VIEW = 232.0  # mm shown of the 256 mm acquired
EXTENT = 60.0  # mm acquired along the slice axis: projections need neighbours
LEVELS = 40  # grey values in the file; noise makes more of them dear
_DISEASED = ("tumour", "necrosis", "stroke", "wm_lesion", "blood")


def window(image: np.ndarray) -> np.ndarray:
    """Grey values for show: uint8, the image's shape; its 1st percentile is black, its 99.5th white."""
    low, high = np.percentile(image, (1, 99.5))
    return np.round(255 * np.clip((image - low) / max(high - low, 1e-9), 0, 1)).astype(np.uint8)


def level(anatomy: Anatomy) -> np.ndarray:
    """Head mm (3,) of the middle of what is diseased, of the brain's usual middle in a healthy subject."""
    from mrclass.phantom.head import ORIGIN

    diseased = np.isin(anatomy.labels[::2, ::2, ::2], [INDEX[name] for name in _DISEASED])
    where = np.argwhere(diseased)
    grid = 2 * where.mean(axis=0) + np.asarray(ORIGIN) if len(where) else np.array([0.0, -15.0, 14.0])
    return np.linalg.solve(anatomy.linear, grid)


def cut(acquired: Acquired, point: np.ndarray) -> np.ndarray:
    """The slice of a volume next to a point in mm, for show: float32 (rows, columns), FIELD_OF_VIEW wide."""
    index = int(round((np.linalg.inv(acquired.affine) @ [*point, 1.0])[2]))
    image = acquired.volume[:, :, int(np.clip(index, 0, acquired.volume.shape[2] - 1))].T  # (rows, columns)
    margin = int(round(image.shape[0] * (1 - FIELD_OF_VIEW / 256.0) / 2))
    return image[margin : image.shape[0] - margin, margin : image.shape[1] - margin]


def scan(
    seed: int,
    plane: str,
    lesions: Sequence[str] | None,
    kinds: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
    realism: int = 1,
) -> list[tuple[str, np.ndarray]]:
    """One slice of every kind in one subject: (caption, float32 (rows, columns)), in the order of `kinds`.

    Args:
        seed: of the subject and of its acquisitions; a kind left out changes no other.
        plane: axial, sagittal or coronal.
        lesions: kinds from LESIONS; None draws them.
        kinds: rows of ALL_KINDS.
        progress: called with (kinds done, kinds asked).
        realism: as `protocols.random_protocol`.

    Raises:
        ValueError: unknown kind or plane; the message lists the choices.
    """
    from mrclass.phantom.acquire import acquire
    from mrclass.phantom.anatomy import make_anatomy
    from mrclass.phantom.protocols import random_protocol
    from mrclass.phantom.study import single_threaded, stream

    tiles = []
    with single_threaded():
        anatomy = make_anatomy(seed, lesions=lesions, realism=realism)
        point = level(anatomy)
        for number, kind in enumerate(kinds, start=1):
            rng = stream(seed, 1, kind)
            last = acquire(anatomy, random_protocol(kind, rng, plane, realism), rng, extent=EXTENT)[-1]
            weighting = f" b {last.b_value:.0f}" if last.b_value else ""
            tiles.append((f"{kind}{weighting}: {display(last.protocol.label)}", cut(last, point)))
            if progress:
                progress(number, len(kinds))
    return tiles


def compose(tiles: Sequence[tuple[str, np.ndarray]], columns: int = COLUMNS, width: int = WIDTH) -> Image:
    """Tiles under their captions: a grey Pillow image of `width` pixels.

    Args:
        tiles: (caption, 2-D image); every tile becomes a square.
        columns: tiles in a row.
        width: pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    side = width // columns
    rows = -(-len(tiles) // columns)
    sheet = Image.new("L", (width, rows * (side + CAPTION)))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, (caption, image) in enumerate(tiles):
        x, y = number % columns * side, number // columns * (side + CAPTION)
        picture = Image.fromarray(window(image)).resize((side - 2, side - 2), Image.Resampling.BOX)
        sheet.paste(picture, (x + 1, y + CAPTION))
        draw.text((x + 4, y + 1), caption, fill=235, font=font)
    return sheet


def save(sheet: Image, path: Path) -> Path:
    """Write a sheet as a PNG of LEVELS grey values, which is small; returns the path.

    Raises:
        OSError: the folder cannot be written.
    """
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    index = np.round(np.asarray(sheet, dtype=np.float32) * ((LEVELS - 1) / 255)).astype(np.uint8)
    small = Image.fromarray(index, "P")
    small.putpalette([value for k in range(LEVELS) for value in [round(255 * k / (LEVELS - 1))] * 3])
    small.save(path, "PNG", optimize=True)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the picture the command line asks for; returns the exit code."""
    from mrclass.progress import bar

    parser = argparse.ArgumentParser(prog="python -m mrclass.phantom.montage", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("out", type=Path, metavar="OUT.png", help="picture to write")
    parser.add_argument("--seed", type=int, default=3, help="of the subject")
    parser.add_argument("--plane", choices=PLANES, default="axial", help="of every series")
    parser.add_argument("--lesions", nargs="*", choices=LESIONS, default=["tumour"], help="of the subject")
    parser.add_argument(
        "--kinds", nargs="+", choices=tuple(ALL_KINDS), default=tuple(KINDS), help="of series"
    )
    parser.add_argument("--realism", type=int, choices=REALISM, default=1, help="of the simulation")
    asked = parser.parse_args(arguments)
    try:
        with bar("kinds") as progress:
            tiles = scan(asked.seed, asked.plane, asked.lesions, asked.kinds, progress, asked.realism)
        print(save(compose(tiles), asked.out))
    except OSError as error:
        print(f"{asked.out} cannot be written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
