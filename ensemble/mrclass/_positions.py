"""Where the slices of one DICOM file lie by its own header; loaded by the header reader, imports nothing.

Source: DICOM PS3.3 C.7.6.2 (image plane), C.7.6.16.2.3 and .4 (plane position and orientation of frames).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

MAX_FRAMES = 10_000  # frames of one file that are looked at
MAX_STACKS = 64  # orientations of one file that are kept apart
SAME = 0.999  # cosine from which on two directions are one
MOSAIC_SLICES = 0x0019100A  # Siemens: images in a mosaic


def numbers(value: Any, count: int) -> list[float] | None:
    """A list of exactly so many finite numbers, or None."""
    if not isinstance(value, list) or len(value) != count:
        return None
    try:
        found = [float(item) for item in value]
    except (TypeError, ValueError):
        return None
    return found if all(abs(number) < 1e6 for number in found) else None


def normal(orientation: Sequence[float]) -> list[float]:
    """Direction across the slices, LPS+: the cross product of rows and columns."""
    a, b = orientation[:3], orientation[3:]
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def alike(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two orientations are the same but for rounding."""
    return all(
        sum(x * y for x, y in zip(one[start : start + 3], other[start : start + 3], strict=True)) > SAME
        for start in (0, 3)
    )


def add(stacks: list[list[Any]], orientation: Sequence[float], place: Sequence[float] | None) -> None:
    """Put one slice into the stack of its orientation, opening one if there is none yet."""
    length = sum(x * x for x in orientation[:3]) * sum(x * x for x in orientation[3:])
    if not 0.9 < length < 1.1:
        return  # not two unit vectors: says nothing
    stack = next((known for known in stacks if alike(known[0], orientation)), None)
    if stack is None:
        if len(stacks) >= MAX_STACKS:
            return
        stack = [[round(x, 6) for x in orientation], []]
        stacks.append(stack)
    if place is not None:
        across = normal(stack[0])
        stack[1].append(round(sum(x * y for x, y in zip(across, place, strict=True)), 3))


def stacks(dataset: Any, get: Callable[[Any, Any], Any]) -> list[list[Any]]:
    """Stacks of one file: [ImageOrientationPatient, positions across it in mm, slices in a mosaic] each.

    Args:
        dataset: pydicom data set.
        get: gives one element's value as plain JSON, or None.
    """
    found: list[list[Any]] = []
    kinds = get(dataset, "ImageType") or []
    orientation = numbers(get(dataset, "ImageOrientationPatient"), 6)
    if orientation is not None:
        # the position of a mosaic is that of its corner, not of a slice
        place = None if "MOSAIC" in kinds else numbers(get(dataset, "ImagePositionPatient"), 3)
        add(found, orientation, place)
    else:
        shared = macro(dataset, "SharedFunctionalGroupsSequence", 0, "PlaneOrientationSequence")
        for index in range(frames(dataset)):
            group = "PerFrameFunctionalGroupsSequence"
            plane = macro(dataset, group, index, "PlaneOrientationSequence")
            where = macro(dataset, group, index, "PlanePositionSequence")
            turned = numbers(get(plane or shared, "ImageOrientationPatient"), 6)
            if turned is not None:
                add(found, turned, numbers(get(where, "ImagePositionPatient"), 3))
    tiles = get(dataset, MOSAIC_SLICES) if "MOSAIC" in kinds else None
    count = tiles if isinstance(tiles, int) and 0 < tiles < 1000 else None
    return [[orientation, sorted(set(places)), count] for orientation, places in found]


def frames(dataset: Any) -> int:
    """Items of the per-frame functional groups, as many as are looked at."""
    try:
        return min(len(dataset["PerFrameFunctionalGroupsSequence"].value), MAX_FRAMES)
    except Exception:  # noqa: BLE001 - absent or broken: the header says nothing about frames
        return 0


def macro(dataset: Any, group: str, index: int, name: str) -> Any:
    """The first item of a functional group macro; an empty mapping where there is none."""
    try:
        return dataset[group].value[index][name].value[0]
    except Exception:  # noqa: BLE001 - absent or broken: as good as not told
        return {}
