"""Reads what a bundle says of itself as a member (metadata.json, hashes); no torch, writes nothing.

Source: the `mrclass` block that the template writes into each metadata.json; MONAI bundle specification.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BundleError, UsageError
from .labels import OTHER, parse
from .vote import REFINED, REFINEMENT

METADATA = "configs/metadata.json"
CONFIG = "configs/inference.json"
WEIGHTS = "models/model.pt"
EXPORTS = "models/exports.json"  # what the exported files were made of
# What can run a member's network, and the file it reads.
BACKENDS = {
    "torch": WEIGHTS,
    "torchscript": "models/model.ts",
    "onnx": "models/model.onnx",
    "openvino": "models/model.onnx",
    "tensorrt": "models/model.onnx",
}


@dataclass(frozen=True)
class Card:
    """What a bundle's metadata says of it as a member.

    Attributes:
        name: of the folder.
        label: what its positive class stands for, a key of the label table or one of its own.
        refines: None for a one-vs-all member, "t1w" for the member that divides T1w from T1ce.
        threshold: score from which on the label counts, in [0, 1].
        temperature: the logits are divided by it before softmax.
        sha256: of models/model.pt, lower-case hexadecimal; empty where no weights were published yet.
        config_sha256: of configs/inference.json as it is; empty where there is none.
        spatial_shape: rows and columns of the network's input.
        backend: what runs the network, a key of BACKENDS.
    """

    name: str
    folder: Path
    label: str
    refines: str | None
    threshold: float
    temperature: float
    version: str
    sha256: str
    config_sha256: str
    spatial_shape: tuple[int, ...]
    backend: str

    @property
    def has_weights(self) -> bool:
        """Whether models/model.pt is there."""
        return (self.folder / WEIGHTS).is_file()


def read_card(folder: str | Path, backend: str = "torch") -> Card:
    """What a bundle says of itself, without reading its config or weights.

    Raises:
        UsageError: there is no such backend.
        BundleError: no metadata, or a metadata that does not describe a member.
    """
    if backend not in BACKENDS:
        raise UsageError(f"{backend!r} is no backend; choose one of: {', '.join(BACKENDS)}")
    folder = Path(folder)
    path = folder / METADATA
    metadata = read_json(path)
    if "version" not in metadata:
        raise BundleError(f"{path} names no version; a bundle has one, and a run names it. Fill it in.")
    block = metadata.get("mrclass")
    if not isinstance(block, dict):
        raise BundleError(
            f'{path} has no "mrclass" block; wanted label, refines, threshold, temperature, weights_sha256. '
            "Copy the block of one of the six bundles and fill it in."
        )
    missing = [key for key in ("label", "refines", "threshold", "weights_sha256") if key not in block]
    if missing:
        raise BundleError(f'The "mrclass" block of {path} lacks {", ".join(missing)}. Fill it in.')
    label, refines = block["label"], block["refines"]
    if not isinstance(label, str) or not label or label == OTHER:
        raise BundleError(
            f"{path} gives the label {label!r}; wanted the key of a label a network can be trained for."
        )
    if (refines is not None or label == REFINEMENT) and (label, refines) != (REFINEMENT, REFINED):
        raise BundleError(
            f"{path} says that {label} refines {refines!r}; wanted null for a one-vs-all bundle, or "
            f'"{REFINED}" for {REFINEMENT}.'
        )
    form = metadata.get("network_data_format")
    try:
        given, pred = form["inputs"]["image"], form["outputs"]["pred"]  # type: ignore[index]
        channels, classes, shape = given["num_channels"], pred["num_channels"], tuple(given["spatial_shape"])
    except (KeyError, TypeError) as error:
        raise BundleError(
            f"{path} does not say the network's input and output ({error} is missing)."
        ) from error
    if channels != 1 or classes != 2:
        raise BundleError(
            f"{path} describes a network of {channels} input channels and {classes} outputs; wanted 1 and 2 "
            "(everything else, the label). Only such bundles can join the ensemble."
        )
    if len(shape) != 2 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise BundleError(
            f"{path} gives the network's input the spatial_shape {list(shape)}; wanted [rows, columns] of "
            "one slice. Only 2-D networks can join the ensemble."
        )
    _check_classes(path, label, pred)
    config = folder / CONFIG
    return Card(
        name=folder.resolve().name,
        folder=folder,
        label=label,
        refines=refines,
        threshold=number(path, "threshold", block["threshold"], 0.0, 1.0),
        temperature=number(path, "temperature", block.get("temperature", 1.0), 1e-3, 1e3),
        version=str(metadata["version"]),
        sha256=str(block["weights_sha256"] or "").lower(),
        config_sha256=sha256_of(config) if config.is_file() else "",
        spatial_shape=shape,
        backend=backend,
    )


def _check_classes(path: Path, label: str, pred: dict[str, Any]) -> None:
    """Refuses outputs that are no probabilities of (everything else, the label), in this order."""
    kind = pred.get("type", "probabilities")
    if kind != "probabilities":
        raise BundleError(f"{path} says the output is {kind}; wanted probabilities of two classes.")
    channels = pred.get("channel_def")
    if channels is None:
        return
    named = channels.get("1") if isinstance(channels, dict) and set(channels) == {"0", "1"} else None
    if not isinstance(named, str) or _key(named) != _key(label):
        raise BundleError(
            f"{path} names the classes {channels!r}; wanted everything else as 0 and {label} as 1. "
            "Order the outputs so, or correct the channel_def."
        )


def _key(name: str) -> str:
    """Key of a label in any spelling; a label outside the table in lower case."""
    try:
        return parse(name)
    except ValueError:
        return name.strip().lower()


def versions(cards: Iterable[Card]) -> dict[str, dict[str, Any]]:
    """Identity of each member by bundle name: what a run keeps of its members, and each of its results.

    Label, version, threshold, temperature, backend, sha256 of the weights, config_sha256 of the inference
    config. Of two folders of one name in different places, the second is told apart by its label.
    """
    found: dict[str, dict[str, Any]] = {}
    for card in cards:
        found[card.name if card.name not in found else f"{card.name} ({card.label})"] = {
            "label": card.label,
            "version": card.version,
            "threshold": card.threshold,
            "temperature": card.temperature,
            "backend": card.backend,
            "sha256": card.sha256,
            "config_sha256": card.config_sha256,
        }
    return found


# What may differ between two identities of a member, in words.
_PARTS = {"sha256": "weights", "config_sha256": CONFIG}


def differences(before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What differs between the members of two runs, a phrase for each member: `mrclass_t2w (weights)`."""
    said = []
    for name in sorted({*before, *now}):
        if name not in before or name not in now:
            said.append(f"{name} ({'not there before' if name in now else 'not there now'})")
        elif before[name] != now[name]:
            keys = [
                key for key in {**before[name], **now[name]} if before[name].get(key) != now[name].get(key)
            ]
            said.append(f"{name} ({', '.join(_PARTS.get(key, key) for key in keys)})")
    return said


def sha256_of(path: Path) -> str:
    """sha256 of a file, lower-case hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a bundle."""
    if not path.is_file():
        raise BundleError(f"{path} is missing; wanted a MONAI bundle folder with {METADATA}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise BundleError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path} holds a {type(content).__name__}; wanted a JSON object.")
    return content


def number(path: Path, key: str, value: Any, low: float, high: float) -> float:
    """A number of a bundle's metadata, in its range."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BundleError(f"{path} has {key} {value!r}; wanted a number from {low:g} to {high:g}.")
    return float(value)
