"""From labelled volumes to a training list: unfit ones and copies left out, split, leaks refused, written.

Reads the volumes once; writes the list (JSON, read by the bundles' train.json through `mrclass.datalist`) and
a CSV of what was left out. Source of the split: paper, section 2.4 (80/20, stratified by label).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mrclass import __version__, datalist, labels
from mrclass.errors import SeriesError, UsageError, VolumeError
from mrclass.families import followed, split_by_volumes, with_families, with_one_name
from mrclass.gather import Left, Volume
from mrclass.report.text import clean

FEW = 5  # patients of a label below which its figures say little
BY = (datalist.PATIENT, "source")
Sections = Mapping[str, Sequence[Volume]]


@dataclass(frozen=True)
class Listed:
    """A training list before it is written.

    Attributes:
        sections: training and validation; training alone where nothing was split.
        left: volumes that were left out, with the reason.
        warnings: sentences about labels of which there is little.
    """

    sections: Sections
    left: Sequence[Left]
    warnings: Sequence[str]


def make(
    volumes: Sequence[Volume],
    by: str = datalist.PATIENT,
    fraction: float = datalist.SHARE,
    seed: int = 0,
    split: bool = True,
    smallest: int = datalist.SMALLEST,
    progress: Callable[[int, int], None] | None = None,
    before: Sequence[Left] = (),
) -> Listed:
    """Choose and split volumes.

    Args:
        volumes: of `gather`.
        by: what must not stand in both sections: patient, or source (then neither a patient).
        fraction: share for validation, of the patients of each label; by source, of its volumes.
        seed: of the split.
        split: whether volumes without a section of their own are split; else all are training, and a family
            has one name, because whoever splits the list later sees no families.
        smallest: pixels of the slab that the foreground of one slice must be high and wide; 0: any.
        progress: called with (volumes done, volumes to do).
        before: what was left out already.

    Raises:
        UsageError: no volume is left, or something is in both sections.
    """
    if by not in BY:
        raise UsageError(f"{by!r}: choose one of {', '.join(BY)}.")
    if not 0 < fraction < 1:
        raise UsageError(f"The share for validation is {fraction:g}; wanted one between 0 and 1.")
    seen, left = _looked_at(volumes, smallest, progress)
    kept, copies = _without_copies(followed(with_families(seen, by)))
    left = [*before, *left, *copies]
    if not kept:
        raise UsageError(
            f"No volume of {len(volumes) + len(before)} is left"
            + (f"; of {clean(left[0].image)}: {clean(left[0].reason)}." if left else ".")
        )
    sections = _sections(kept, by, fraction, seed) if split else {"training": with_one_name(kept)}
    return Listed(sections, left, _warnings(sections, by))


def _looked_at(
    volumes: Sequence[Volume], smallest: int, progress: Callable[[int, int], None] | None
) -> tuple[list[Volume], list[Left]]:
    """Volumes that the networks can look at, with their content, and those they cannot."""
    seen, left = [], []
    for count, volume in enumerate(volumes, start=1):
        try:
            content, (height, width) = look(volume.image)
        except (SeriesError, OSError, MemoryError) as error:
            why = "it does not fit into memory" if isinstance(error, MemoryError) else error
            left.append(Left(str(volume.image), volume.label, f"cannot be looked at: {why}"))
        else:
            if min(height, width) < smallest:
                reason = f"too small to judge: {height} x {width} pixels of foreground, wanted {smallest}"
                left.append(Left(str(volume.image), volume.label, reason))
            else:
                seen.append(replace(volume, content=content))
        if progress is not None:
            progress(count, len(volumes))
    return seen, left


def look(image: Path) -> tuple[str, tuple[int, int]]:
    """What an image is, and how much of it the networks see.

    Returns:
        sha256 of the shape and the stored voxels, whatever stands in the header; and rows and columns, in
        pixels of the slab, that the foreground of its largest slice spans.

    Raises:
        SeriesError: it cannot be read, its header claims too many voxels, or the networks cannot look at it.
        MemoryError: it does not fit.
    """
    import nibabel as nib
    import numpy as np

    from mrclass.convert import MAX_VOXELS
    from mrclass.slab import foreground, slab
    from mrclass.volume import check_image

    check_image(image)
    loaded: Any = nib.load(image)
    if math.prod(loaded.shape) > MAX_VOXELS:
        size = " x ".join(str(count) for count in loaded.shape)
        raise VolumeError(f"{image.name} claims {size} voxels, more than is looked at.")
    try:
        stored = np.ascontiguousarray(loaded.dataobj.get_unscaled())
        voxels = np.asarray(loaded.dataobj, dtype=np.float32)
    except (EOFError, ValueError, zlib.error) as error:
        raise SeriesError(f"{image.name} cannot be read: {error}") from error
    digest = hashlib.sha256(f"{stored.shape} {stored.dtype.str}".encode())
    digest.update(stored.data)
    spans = []
    for mask in foreground(slab(voxels, loaded.affine).slices):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        spans.append((int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1) if rows.size else (0, 0))
    return digest.hexdigest(), max(spans, key=min)


def _without_copies(volumes: Sequence[Volume]) -> tuple[list[Volume], list[Left]]:
    """One of each image in each section; none of an image that stands under two labels."""
    first: dict[tuple[str, str], Volume] = {}
    named: dict[str, set[str]] = defaultdict(set)
    for volume in volumes:
        first.setdefault((volume.content, volume.section), volume)
        named[volume.content].add(volume.label)
    kept, left = [], []
    for volume in volumes:
        original = first[volume.content, volume.section]
        if len(named[volume.content]) > 1:
            shown = " and ".join(
                labels.display(key) for key in sorted(named[volume.content], key=labels.sort_key)
            )
            left.append(Left(str(volume.image), volume.label, f"the same image is labelled {shown}"))
        elif volume is original:
            kept.append(volume)
        else:
            left.append(Left(str(volume.image), volume.label, f"the same image again: {original.image}"))
    return kept, left


def _sections(volumes: Sequence[Volume], by: str, fraction: float, seed: int) -> Sections:
    """Training and validation: as the catalogue says, else by patient as the bundles do, or by source.

    Raises:
        UsageError: nothing to tell apart, or a leak.
    """
    free = [volume for volume in volumes if not volume.section]
    if free and len({volume.family for volume in volumes}) < 2:
        raise UsageError(
            f"All volumes belong to one {by}: nothing can be set aside. "
            + ("Split them --by patient." if by == "source" else "Add patients, or leave it --unsplit.")
        )
    if by == "source":
        parts = split_by_volumes(free, fraction, seed)
    else:
        items = [{"truth": one.label, "patient": one.family, "volume": one} for one in free]
        split = datalist.split_by_patient(items, fraction, seed)
        parts = {name: [item["volume"] for item in some] for name, some in split.items()}
    sections = {
        name: [volume for volume in volumes if volume.section == name] + parts[name]
        for name in datalist.SECTIONS
    }
    datalist.refuse_leaks(
        {name: [_leak_keys(volume) for volume in some] for name, some in sections.items()},
        ("image content", "patient", *(["source"] if by == "source" else [])),
    )
    return sections


def _leak_keys(volume: Volume) -> dict[str, str]:
    return {
        "patient": volume.patient,
        "source": volume.source,
        "image content": f"sha256 {volume.content[:12]}",
    }


def _warnings(sections: Sections, by: str) -> list[str]:
    held = [volume for some in sections.values() for volume in some]
    guessed = sum(volume.guessed for volume in held)
    told = []
    if guessed:
        volumes = "1 volume" if guessed == 1 else f"{guessed} volumes"
        told = [f"{volumes} without a patient: each file, or of a run each folder, counts as one."]
    doubtful = sum(volume.doubtful for volume in held)
    if doubtful:
        told += [f"{doubtful} of the volumes in conflict still have the run's own label: look at them."]
    families_of = {key: {v.family for v in held if v.label == key} for key in labels.KEYS}
    missing = [labels.display(key) for key, families in families_of.items() if not families]
    told += [f"No volume of {', '.join(missing)}."] if missing else []
    for key, families in families_of.items():
        name = labels.display(key)
        if families and len(families) < FEW:
            much = "which cannot be in both sections" if len(families) == 1 else "too few to tell much"
            told.append(f"{name} comes from {len(families)} {by}{'s' if len(families) > 1 else ''}, {much}.")
    return told


def table(sections: Sections) -> str:
    """Volumes and patients per label and section, as text."""
    head = f"{'LABEL':<8}" + "".join(f"{name.upper():>24}" for name in sections)
    lines = [head]
    keys = sorted({v.label for some in sections.values() for v in some}, key=labels.sort_key)
    for key in [*keys, ""]:
        cells = []
        for some in sections.values():
            mine = [volume for volume in some if not key or volume.label == key]
            patients = len({volume.patient for volume in mine})
            cells.append(f"{f'{len(mine)} of {patients} patient' + 's' * (patients != 1):>24}")
        lines.append(f"{labels.display(key) or 'all':<8}" + "".join(cells))
    return "\n".join(lines)


def write(listed: Listed, path: Path, made: Mapping[str, Any], base: Path | None = None) -> Path | None:
    """Write the list, and beside it what was left out: both, or where one cannot be written neither.

    Args:
        listed: of `make`.
        path: JSON file: an object with training and validation, or one list where nothing was split.
        made: what it was made by, kept in the object.
        base: folder that the names of the images are written relative to; by default they are absolute.

    Returns:
        The CSV of what was left out; None where nothing was.

    Raises:
        UsageError: one of the two is a folder.
        OSError: the folder cannot be written.
    """
    from mrclass.files import replacing
    from mrclass.report.tables import csv_line, guard

    aside = left_out_of(path)
    entries = {name: [_entry(volume, base) for volume in some] for name, some in listed.sections.items()}
    content: Any = {"made_by": {"mrclass": __version__, **made}, **entries}
    if list(entries) == ["training"]:
        content = entries["training"]
    rows = [("file", "label", "reason")]
    rows += [(one.image, labels.display(one.label), one.reason) for one in listed.left]
    with replacing(path) as part, replacing(aside) as beside:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        beside.write_text("".join(csv_line(map(guard, row)) for row in rows), encoding="utf-8")
    if not listed.left:
        aside.unlink()
        return None
    return aside


def left_out_of(path: Path) -> Path:
    """The CSV beside a list; raises UsageError where either of them is a folder."""
    aside = path.with_name(f"{path.stem}-left-out.csv") if path.name else path
    for file in (path, aside):
        if file.is_dir():
            name = path / "datalist.json" if file == path else path.with_name(f"{path.stem}-2.json")
            raise UsageError(f"{file} is a folder; wanted a file to write. Name one, such as -o {name}.")
    return aside


def _entry(volume: Volume, base: Path | None) -> dict[str, str]:
    image = os.path.abspath(volume.image)
    return {
        "image": image if base is None else os.path.relpath(image, os.path.abspath(base)),
        "label": volume.label,
        "patient": volume.patient,
        "source": volume.source,
    }
