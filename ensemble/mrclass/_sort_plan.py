"""What goes where: rows of a ledger in, things to put and what is left out in; pure.

One series goes as a whole (copy, link) or volume by volume (nifti). What no classifier claims, conflicts, and
whole series whose volumes are several things stand aside with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from mrclass import labels
from mrclass._sort_names import (
    BIDS,
    Names,
    bids_file,
    folder_of,
    labels_file,
    labels_folder,
    tails,
    without_tail,
)
from mrclass._sort_state import Put
from mrclass.report.tables import closest
from mrclass.report.text import clean, score

Row = Mapping[str, Any]
ASIDE = "aside"
VOLUMES = "volumes"  # the layout without folders of labels, where nothing stands aside
BIDS_ASIDE = "sourcedata/mrclass/aside"
_KEPT = (
    "row_id", "series_key", "volume_index", "volume_note", "status", "reason", "description", "source",
    "label", "score", "scores", "conflict", "candidates", "verdict", "header_label", "acquisition_plane",
    "contrast_agent", "shape", "echo_time", "image_type",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What a sort would do.

    Attributes:
        puts: in the order of the rows.
        left: rows of which nothing can be put, with the reason.
    """

    puts: Sequence[Put]
    left: Sequence[tuple[Row, str]] = field(default=())


def make(
    rows: Iterable[Row],
    layout: str,
    mode: str,
    names: Callable[[Row], Names],
    fingerprint: Callable[[str], str],
    before: Callable[[str], str | None] = lambda key: None,
    taken: Mapping[str, str] | None = None,
) -> Plan:
    """Plan a sort.

    Args:
        rows: of the ledger; those of one series follow each other. Gone through once.
        layout: labels, bids or volumes.
        mode: copy, link or nifti.
        names: pseudonyms of a row.
        fingerprint: of a series in the ledger, by its key.
        before: where an earlier sort put a thing, by its key.
        taken: all such places, and the key of what lies there.
    """
    puts: list[Put] = []
    left: list[tuple[Row, str]] = []
    used: dict[str, str] = {}
    for path, owner in (taken or {}).items():
        used |= dict.fromkeys((path, without_tail(path)), owner.partition("/")[0])
    for series_key, group in groupby(rows, key=lambda row: str(row["series_key"])):
        done = []
        for whole in group:
            row = {name: whole[name] for name in _KEPT}
            if row["status"] == "done" and row["label"]:
                done.append(row)
                named = names(whole)
            else:
                left.append((row, f"{row['status']}: {row['reason']}"))
        ends = {int(row["volume_index"]): tail for row, tail in zip(done, tails(done), strict=True)}
        for thing, number in _things(done, mode):
            key = named.series if number is None else f"{named.series}/{number}"
            folder, reason = (
                ("", "") if layout == VOLUMES else _aside(done if number is None else [thing], layout)
            )
            if layout == "bids" and not reason:
                target = bids_file(thing, named, used, before(key), ends[int(thing["volume_index"])])
            else:
                path = labels_folder(thing, named) if number is None else labels_file(thing, named)
                target = f"{folder}/{path}".lstrip("/")
            used |= dict.fromkeys((target, without_tail(target)), named.series)
            shown = ASIDE if reason else folder_of(str(thing["label"]))
            puts.append(Put(key, number, target, shown, reason, fingerprint(series_key), thing, named))
    return Plan(puts, left)


def _things(done: Sequence[Row], mode: str) -> Iterator[tuple[Row, int | None]]:
    """The rows that stand for something to put: one of a whole series, or every volume with its number."""
    if mode == "nifti":
        yield from ((row, int(row["volume_index"])) for row in done)
    elif done:
        yield done[0], None


def _aside(volumes: Sequence[Row], layout: str) -> tuple[str, str]:
    """Folder, and why it is not that of a label ("" where it is)."""
    aside = BIDS_ASIDE if layout == "bids" else ASIDE
    conflict = next((row for row in volumes if row["conflict"]), None)
    found = list(dict.fromkeys(str(row["label"]) for row in volumes))
    if len(found) > 1:
        named = ", ".join(labels.display(key) for key in found)
        return f"{aside}/several", f"several: its volumes are {named}; with --nifti each goes by itself"
    if conflict is not None:
        named = " and ".join(labels.display(str(key)) for key in conflict["candidates"])
        return f"{aside}/conflict", f"conflict: {named or 'several labels'} reach their thresholds"
    if found[0] == labels.OTHER:
        nearest = closest(volumes[0])
        near = f"; closest: {labels.display(nearest)} {score(volumes[0]['score'])}" if nearest else ""
        return f"{aside}/other", f"other: no classifier claims it{near}"
    if layout == "bids" and found[0] not in BIDS:
        return f"{aside}/{folder_of(found[0])}", f"BIDS has no suffix for {clean(found[0], 40)}"
    return folder_of(found[0]), ""
