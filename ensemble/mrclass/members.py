"""Finds the bundle folders of a run and reads their metadata.json; no torch, so listing them takes no time.

Source: the `mrclass` block that the template writes into each bundle's metadata.json.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mrclass import labels
from mrclass.errors import BundleError, UsageError

METADATA = Path("configs") / "metadata.json"
WEIGHTS = Path("models") / "model.pt"


@dataclass(frozen=True)
class Card:
    """What a bundle's metadata says about it.

    Attributes:
        name: folder's name.
        label: label its positive class stands for.
        refines: label that must have won before this one is asked, or None for a one-vs-all bundle.
        version: of the bundle.
        threshold: scan score from which its label is a candidate.
        sha256: of the weights, as the metadata names it.
        has_weights: whether models/model.pt is there.
        folder: where it lies.
    """

    name: str
    label: str
    refines: str | None
    version: str
    threshold: float
    sha256: str
    has_weights: bool
    folder: Path


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


def read_card(folder: Path) -> Card:
    """Read what the metadata of one bundle folder says.

    Raises:
        BundleError: metadata.json is missing, is no JSON, or has no usable `mrclass` block.
    """
    path = folder / METADATA
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        block = metadata["mrclass"]
        return Card(
            name=folder.resolve().name,
            label=str(block["label"]),
            refines=block.get("refines"),
            version=str(metadata["version"]),
            threshold=float(block["threshold"]),
            sha256=str(block["weights_sha256"]),
            has_weights=(folder / WEIGHTS).is_file(),
            folder=folder,
        )
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}); a bundle folder has one") from error
    except (ValueError, TypeError) as error:
        raise BundleError(f"{path} is not the metadata of a bundle: {error}") from error
    except KeyError as error:
        raise BundleError(
            f"{path} has no {error} entry; a bundle names its version, and in its `mrclass` block "
            "label, refines, threshold and weights_sha256"
        ) from error


def read_cards(bundles: Path, members: Mapping[str, Path]) -> list[Card]:
    """Cards of all members: the bundles of a folder, and the folders that `members` names in their place."""
    folders = sorted(path.parent.parent for path in bundles.glob(f"*/{METADATA}"))
    cards = [card for card in map(read_card, folders) if card.label not in members]
    cards += [read_card(folder) for folder in members.values()]
    return sorted(cards, key=lambda card: (labels.sort_key(card.label), card.name))


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
            key = labels.parse(name)
        except ValueError:
            key = name.strip().lower()  # a label outside the table, of a seventh bundle
        if not (Path(folder) / METADATA).is_file():
            raise UsageError(f"--member {text}: {folder} is no bundle folder ({METADATA} is missing)")
        members[key] = Path(folder)
    return members
