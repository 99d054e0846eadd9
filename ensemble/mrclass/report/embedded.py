"""Pictures of a run inside a page that is complete in itself: reads thumbnails, writes nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrclass.report import thumbnails
from mrclass.report.series import title
from mrclass.report.text import clean, escape


class Pictures:
    """Pictures of rows as elements that hold them, until a page has its fill.

    Args:
        folder: the run's folder, where the rows' thumbnails lie.
        most: pictures on the page, about 15 kB each.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self.left = folder, most

    def of(self, row: Mapping[str, Any]) -> str:
        """The first picture of a row that can be read, or words in its place."""
        for name in row["thumbnails"]:
            path = self.folder / str(name)
            pixels = thumbnails.size(path)
            if pixels is None or not self.left:
                continue
            self.left -= 1
            data = base64.b64encode(path.read_bytes()).decode("ascii")
            kind = "png" if path.suffix == ".png" else "webp"
            seen = ", ".join(word for word in (title(row), clean(row["acquisition_plane"])) if word)
            return (
                f'<p class="strip"><img src="data:image/{kind};base64,{data}" width="{pixels[0]}"'
                f' height="{pixels[1]}" alt="Middle slices of {escape(seen)}"></p>'
            )
        return '<p class="strip empty">no picture</p>'
