"""Finds the bundle folders that serve as members and chooses among them; no torch, writes nothing.

Only metadata.json is read (card.py), so that a listing takes no time and a wrong choice ends a run at once.
Source: docs/decisions/0001-rendered-bundles.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from .card import BACKENDS, METADATA, Card, read_card
from .errors import BundleError, UsageError
from .labels import parse, sort_key


def find_bundles(named: Path | None) -> Path:
    """Folder that holds the bundles: the one named, MRCLASS_BUNDLES, ./bundles, or the source checkout's own.

    Raises:
        UsageError: there is none; the message says where was looked.
    """
    if named is not None:
        candidates = [named]
    elif os.environ.get("MRCLASS_BUNDLES"):
        candidates = [Path(os.environ["MRCLASS_BUNDLES"])]
    else:
        candidates = [Path("bundles"), Path(__file__).resolve().parents[2] / "bundles"]
    for folder in candidates:
        if folder.is_dir() and any(folder.glob(f"*/{METADATA}")):
            return folder
    looked = ", ".join(str(folder) for folder in candidates)
    raise UsageError(f"No bundles in {looked}; name their folder with --bundles or in MRCLASS_BUNDLES.")


def parse_members(texts: Iterable[str]) -> dict[str, Path]:
    """`LABEL=FOLDER` of the command line -> label key -> folder.

    Raises:
        UsageError: a text has another form, or its folder is no bundle.
    """
    members: dict[str, Path] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        if not equals or not name or not folder:
            raise UsageError(f"--member {text}: write LABEL=FOLDER, for example t2w=bundles/mrclass_t2w")
        try:
            key = parse(name)
        except ValueError:
            key = name.strip().lower()  # a label outside the table, of a seventh bundle
        if not (Path(folder) / METADATA).is_file():
            raise UsageError(f"--member {text}: {folder} is no bundle folder ({METADATA} is missing)")
        members[key] = Path(folder)
    return members


def parse_backends(texts: Iterable[str]) -> dict[str, str]:
    """`BACKEND` (for all) or `LABEL=BACKEND` of the command line -> label key, or "" for all -> backend.

    Raises:
        UsageError: there is no such backend.
    """
    backends: dict[str, str] = {}
    for text in texts:
        name, _, backend = text.rpartition("=")
        if backend not in BACKENDS:
            raise UsageError(
                f"--backend {text}: write BACKEND or LABEL=BACKEND; backends are {', '.join(BACKENDS)}"
            )
        try:
            key = parse(name) if name else ""
        except ValueError:
            key = name.strip().lower()
        backends[key] = backend
    return backends


def choose(
    folder: str | Path,
    members: Mapping[str, str | Path] | None = None,
    backends: Mapping[str, str] | None = None,
) -> list[Card]:
    """Cards of the bundles in a folder, those named by `members` in the place of theirs.

    Args:
        folder: holds one sub-folder per bundle.
        members: label to the bundle folder that serves it.
        backends: label to what runs its network; "" stands for all that are not named. By default torch.

    Raises:
        UsageError: a backend is named for a label that nobody answers for.
        BundleError: no bundle, two of one label, or a named bundle that answers for another label.
    """
    asked = dict(backends or {})
    everywhere = asked.pop("", "torch")
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError(f"{folder} is not a folder; wanted one that holds the bundles.")
    named: dict[str, Card] = {}
    for label, path in (members or {}).items():
        card = read_card(path)
        if card.label != label:
            raise BundleError(f"{path} answers for {card.label}; it cannot take the place of {label}.")
        named[label] = card
    found = [read_card(path.parents[1]) for path in sorted(folder.glob(f"*/{METADATA}"))]
    cards = [card for card in found if card.label not in named] + list(named.values())
    if not cards:
        raise BundleError(
            f"{folder} holds no bundle (no */{METADATA}); name the folder that holds the bundles."
        )
    check_labels(cards)
    strangers = sorted(set(asked) - {card.label for card in cards})
    if strangers:
        known = ", ".join(card.label for card in cards)
        raise UsageError(f"--backend {strangers[0]}=...: no bundle answers for it; there is: {known}")
    cards = [replace(card, backend=asked.get(card.label, everywhere)) for card in cards]
    return sorted(cards, key=lambda card: (sort_key(card.label), card.label))


def check_labels(cards: Iterable[Card]) -> None:
    """Refuses two bundles that answer for one label."""
    first: dict[str, Path] = {}
    for card in cards:
        if card.label in first:
            raise BundleError(
                f"{first[card.label]} and {card.folder} both answer for {card.label}; wanted one bundle "
                f"for each label. Take one out of the folder, or name the one to use as member {card.label}."
            )
        first[card.label] = card.folder
