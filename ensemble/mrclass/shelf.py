"""A folder of bundles as a shelf: tries whether a bundle fits as a member, puts one in; imports torch.

Reads bundle folders; `add` copies one into the shelf and moves the one it takes the place of aside, into
the shelf's folder `replaced`. Nothing is deleted. Source: docs/how-to/swap-a-classifier.md.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from .card import METADATA, Card, read_card
from .errors import BundleError, UsageError
from .labels import display
from .members import choose

REPLACED = "replaced"
# What the runs of a bundle write: of no use to the ensemble.
_LEFT_BEHIND = shutil.ignore_patterns("eval", "checkpoint*", "best*", "__pycache__", "*.part")


def check(folder: str | Path, shelf: str | Path | None = None) -> Card:
    """Tries one bundle as a member: metadata, hash of the weights, network, and a simulated volume.

    Args:
        folder: the bundle.
        shelf: folder of the bundles among which it is tried, in the place of the one of its label.

    Raises:
        BundleError: it does not fit; the message says why.
    """
    import torch

    from .bundle import load_member
    from .ensemble import Ensemble, try_out

    member = load_member(folder)
    try_out([member], torch.device("cpu"))
    if shelf is not None:
        others = [
            load_member(card.folder) for label, card in _by_label(shelf).items() if label != member.label
        ]
        if others:
            Ensemble([*others, member])
    return member


def add(folder: str | Path, shelf: str | Path, replace: bool = False) -> tuple[Path, Path | None]:
    """Copies a bundle that fits into a folder of bundles.

    Args:
        folder: the bundle.
        shelf: folder of the bundles, made if needed.
        replace: whether it takes the place of the bundle of its label, which moves to the shelf's `replaced`.

    Returns:
        Where the bundle is now, and where the one it replaced is (None where there was none).

    Raises:
        BundleError: it does not fit.
        UsageError: its place is taken.
    """
    folder, shelf = Path(folder).resolve(), Path(shelf)
    if folder.parent == shelf.resolve():
        raise UsageError(f"{folder} is in {shelf} already.")
    new = check(folder, shelf)
    there = _by_label(shelf)
    old = there.get(new.label)
    if old is not None and not replace:
        raise UsageError(
            f"{old.folder} answers for {display(new.label)} already; add --replace to put {folder.name} "
            f"in its place (the old one moves to {shelf / REPLACED})."
        )
    target = shelf / folder.name
    if target.exists() and (old is None or target != old.folder):
        raise UsageError(f"{target} is there already and answers for another label; rename {folder.name}.")
    shelf.mkdir(parents=True, exist_ok=True)
    part = shelf / f".{folder.name}.part"
    shutil.rmtree(part, ignore_errors=True)  # left by a copy that was stopped
    shutil.copytree(folder, part, ignore=_LEFT_BEHIND)
    moved = _aside(old, shelf) if old is not None else None
    os.replace(part, target)
    return target, moved


def _by_label(shelf: str | Path) -> Mapping[str, Card]:
    """Cards of the bundles on a shelf, which may be empty or not there."""
    if not any(Path(shelf).glob(f"*/{METADATA}")):
        return {}
    return {card.label: card for card in choose(shelf)}


def _aside(old: Card, shelf: Path) -> Path:
    """Moves a bundle out of the way, under a name that no earlier one has."""
    name = f"{old.name}-{old.version}-{old.sha256[:8]}"
    (shelf / REPLACED).mkdir(exist_ok=True)
    taken = 1
    target = shelf / REPLACED / name
    while target.exists():
        taken += 1
        target = shelf / REPLACED / f"{name}-{taken}"
    os.replace(old.folder, target)
    return target


def check_all(folders: list[Path], shelf: Path | None) -> list[tuple[Path, str]]:
    """Each folder with the reason why it does not fit, or an empty text where it does; as `check`."""
    found = []
    for folder in folders:
        try:
            check(folder, shelf)
        except BundleError as error:
            found.append((folder, str(error)))
        else:
            found.append((folder, ""))
    return found


def facts(folder: Path) -> str:
    """A bundle that fits, in one line."""
    card = read_card(folder)
    against = f"against {display(card.refines)}" if card.refines else "against everything else"
    return (
        f"{display(card.label)} {against}, version {card.version}, threshold {card.threshold:g}, weights "
        f"{card.sha256[:12]}, config {card.config_sha256[:12]}"
    )
