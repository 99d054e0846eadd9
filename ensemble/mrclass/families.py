"""Families of volumes, which must not be torn apart, and a split of them that weighs volumes; pure.

A family is a patient; all patients who share an image (they are one person under two names); by source also
all patients of a source, and all sources that share a patient.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mrclass.gather import Volume


def with_families(volumes: Sequence[Volume], by: str) -> list[Volume]:
    """Volumes, each with the name of the family that it belongs to; `by` is patient or source."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while parents.setdefault(name, name) != name:
            name = parents[name]
        return name

    for volume in volumes:
        own = root(f"patient {volume.patient}")
        for other in [f"image {volume.content}"] + ([f"source {volume.source}"] if by == "source" else []):
            parents[root(other)] = own
    return [replace(volume, family=root(f"patient {volume.patient}")) for volume in volumes]


def with_one_name(volumes: Sequence[Volume]) -> list[Volume]:
    """Volumes whose patient is that of the first volume of their family."""
    names: dict[str, str] = {}
    return [replace(one, patient=names.setdefault(one.family, one.patient)) for one in volumes]


def followed(volumes: Sequence[Volume]) -> list[Volume]:
    """Volumes without a section get that of their family, where some of it was given one."""
    given = {volume.family: volume.section for volume in volumes if volume.section}
    return [replace(volume, section=volume.section or given.get(volume.family, "")) for volume in volumes]


def split_by_volumes(volumes: Sequence[Volume], fraction: float, seed: int) -> dict[str, list[Volume]]:
    """Splits families of any size so that each label keeps about the same share of its volumes.

    The families are shuffled; each goes to validation where the shares of all labels then lie nearer to what
    was asked for, and every label it holds stays in training with another family. A label of two families or
    more that got none gets the one that fits best. The same volumes and seed give the same split.

    Args:
        volumes: with family and label.
        fraction: share of the volumes of each label for validation, in (0, 1).
        seed: of the choice.

    Returns:
        training and validation -> volumes, each in the order given.
    """
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for volume in volumes:
        held[volume.family][volume.label] += 1
    total = _sum(held.values())
    order = sorted(held)
    random.Random(seed).shuffle(order)
    gone: set[str] = set()

    def off(some: set[str]) -> float:
        """How far the shares of validation are from the wanted one, over all labels."""
        here = _sum(held[family] for family in some)
        return round(sum(abs(here[label] / total[label] - fraction) for label in total), 9)  # ties are ties

    for family in order:
        if _stays(held, gone | {family}) >= set(total) and off(gone | {family}) < off(gone):
            gone.add(family)
    for label in sorted(total, key=lambda name: (total[name], name)):
        holders = [family for family in order if label in held[family]]
        if not gone.intersection(holders):
            spare = [family for family in holders if _stays(held, gone | {family}) >= set(total)]
            gone.update(sorted(spare, key=lambda family: off(gone | {family}))[:1])
    return {
        "training": [volume for volume in volumes if volume.family not in gone],
        "validation": [volume for volume in volumes if volume.family in gone],
    }


def _stays(held: Mapping[str, Counter[str]], gone: set[str]) -> set[str]:
    """Labels that training still has."""
    return {label for family, counts in held.items() if family not in gone for label in counts}


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for some in counts:
        total.update(some)
    return total
