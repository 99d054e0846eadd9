"""Draws bundles/*/docs/failures.png: simulated volumes that a bundle got wrong, for its card.

    python template/failures.py runs/validation-simulated runs/phantom/truth.csv

Reads a run of `mrclass classify` on simulated subjects, and the truth that `mrclass phantom` wrote beside
them; other images are refused. Each picture notes the sha256 of the weights, so that a card shows none of
others. The reading of that note needs the standard library alone; the drawing needs the package.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mrclass.evaluate import Case
    from PIL.Image import Image

ROOT = Path(__file__).resolve().parents[1]
PNG = "docs/failures.png"
KEY = "mrclass"  # of the note in the picture
MOST_BYTES = 60_000
SHOWN, COLUMNS = 8, 4
SIDE, GAP, LINE = 144, 8, 19  # pixels: a slice, between two, a line of words


class FailureError(Exception):
    """The run or its truth cannot be drawn from; the message says why."""


def note_of(path: Path) -> dict[str, Any]:
    """What a picture notes of itself: weights_sha256, wrong, shown, of; empty where there is none.

    Source: PNG specification (ISO/IEC 15948), sections 5.3 and 11.3.4.3 (chunks, tEXt).
    """
    data = path.read_bytes() if path.is_file() else b""
    place = 8
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"tEXt":
            key, _, text = data[place + 8 : place + 8 + length].partition(b"\0")
            if key.decode("latin-1") == KEY:
                found: dict[str, Any] = json.loads(text.decode("latin-1"))
                return found
        place += 12 + length
    return {}


def text(bundle: Path, digest: str) -> str:
    """The picture's lines in a card; empty where there is no picture of these weights."""
    note = note_of(bundle / PNG)
    if not digest or note.get("weights_sha256") != digest:
        return ""
    which = "all of them" if note["shown"] == note["wrong"] else f"the {note['shown']} furthest from right"
    return (
        f"\n\n![Simulated volumes that {bundle.name} got wrong]({Path(PNG).name})\n\n"
        f"*What this bundle by itself got wrong of {note['of']} simulated volumes: {note['wrong']}, {which}. "
        "A middle slice, what it is, what was said of it, and the score.*"
    )


def stale(bundle: Path, digest: str) -> bool:
    """Whether the bundle has a picture that was drawn with other weights."""
    return (bundle / PNG).is_file() and (not digest or note_of(bundle / PNG).get("weights_sha256") != digest)


# ---- drawing


def wrong(label: str, threshold: float, cases: Sequence[Case]) -> tuple[list[tuple[Case, str]], int]:
    """Volumes that a member got wrong, with what it said, those furthest from right first; and of how many.

    What a member is judged on, and what it claimed, are those of the evaluation's figures.
    """
    from mrclass.evaluate import asked, claims, targets
    from mrclass.labels import display

    looked = asked(label, cases)
    found = []
    for case in looked:
        claimed = claims(label, case)
        if claimed != (case.truth in targets(label)):
            said = f"taken for {display(label)}" if claimed else "refused"
            found.append((case, f"{said}: {case.scores[label]:.2f}"))
    found.sort(key=lambda one: (-abs(one[0].scores[label] - threshold), one[0].file))
    return found, len(looked)


def montage(failures: Sequence[tuple[Case, str]], out: Path) -> Image:
    """Middle slices side by side, two lines of words under each; greys on white."""
    from mrclass.labels import display
    from PIL import Image, ImageDraw, ImageFont

    columns = min(COLUMNS, len(failures))
    rows = -(-len(failures) // COLUMNS)
    high = SIDE + 2 * LINE + GAP
    canvas = Image.new("L", (columns * (SIDE + GAP) + GAP, rows * high + GAP), 255)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    for number, (case, said) in enumerate(failures):
        x, y = GAP + number % COLUMNS * (SIDE + GAP), GAP + number // COLUMNS * high
        if case.pictures:
            with Image.open(out / case.pictures[0]) as strip:
                tiles = max(1, round(strip.width / strip.height))  # the thumbnail's slices, a gap between two
                left = tiles // 2 * (strip.width // tiles + 1)
                middle = strip.convert("L").crop((left, 0, left + strip.height, strip.height))
            canvas.paste(middle.resize((SIDE, SIDE)), (x, y))
        pen.text((x, y + SIDE + 2), display(case.truth), 0, font)
        pen.text((x, y + SIDE + 2 + LINE), said, 0, font)
    return canvas


def encode(canvas: Image, note: Mapping[str, Any]) -> bytes:
    """PNG of at most MOST_BYTES with a note; greys are made fewer until it fits."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(KEY, json.dumps(note, sort_keys=True))
    for greys in (64, 32, 16, 12, 8, 6, 4, 2):
        buffer = io.BytesIO()
        canvas.quantize(greys, dither=0).save(buffer, "PNG", optimize=True, pnginfo=info)
        if buffer.tell() <= MOST_BYTES:
            break
    return buffer.getvalue()


def draw(out: Path, truth: Path, root: Path = ROOT) -> list[str]:
    """Draw the picture of each bundle of the table; what was done, one line each.

    Raises:
        FailureError: the images are not of `mrclass phantom`, or other weights than a bundle's made the run.
    """
    from mrclass.truth import Truth, compare

    if not (truth.parent / "phantom.json").is_file():
        raise FailureError(
            f"{truth.parent} was not written by `mrclass phantom` (it has no phantom.json); only simulated "
            "images are put into a card"
        )
    compared = compare(out, Truth(truth))
    lines = []
    for row in json.loads((root / "template" / "table.json").read_text(encoding="utf-8"))["rows"]:
        bundle = root / "bundles" / row["name"]
        weights = bundle / "models" / "model.pt"
        digest = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""
        member = compared.members.get(row["name"], {})
        if not digest or member.get("sha256") != digest:
            raise FailureError(f"{out} was not classified by the weights in {bundle}; run `make validate`")
        failures, asked = wrong(
            row["label"], float(member.get("threshold", row["threshold"])), compared.cases
        )
        path = bundle / PNG
        if not failures:
            path.unlink(missing_ok=True)
            lines.append(f"{row['name']}: none wrong of {asked}")
            continue
        shown = failures[:SHOWN]
        note = {"weights_sha256": digest, "wrong": len(failures), "shown": len(shown), "of": asked}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(montage(shown, out), note))
        lines.append(f"{row['name']}: {len(failures)} wrong of {asked}, {path.stat().st_size} bytes")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 drawn, 1 the run does not fit, 2 usage."""
    from mrclass.errors import MRClassError

    parser = argparse.ArgumentParser(description="Draws bundles/*/docs/failures.png from a simulated run.")
    parser.add_argument("run", type=Path, metavar="OUT", help="folder of the run")
    parser.add_argument("truth", type=Path, metavar="CSV", help="truth.csv of `mrclass phantom`")
    chosen = parser.parse_args(arguments)
    try:
        lines = draw(chosen.run, chosen.truth)
    except (FailureError, MRClassError, OSError) as error:
        print(f"template: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
