"""Bundle folders with a network of two weights, small enough that their scores can be worked out by hand.

The network answers the logits (0, gain x mean of the slice + offset); with the plain preprocessing below the
mean of a slice is that of the slab's z-scores.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

LOAD: list[dict[str, Any]] = [
    {"_target_": "LoadImaged", "keys": "image"},
    {"_target_": "EnsureChannelFirstd", "keys": "image"},
    {"_target_": "mrclass.transforms.AcquisitionSlabd", "keys": "image", "size": 32},
]
N4: dict[str, Any] = {"_target_": "mrclass.transforms.N4BiasFieldCorrectiond", "keys": "image"}
NORMALIZE: dict[str, Any] = {"_target_": "mrclass.transforms.NormalizeForegroundd", "keys": "image"}
YES, NO = 4.0, -4.0  # logits of class 1: scores of 0.982 and 0.018
PLAIN = [*LOAD, NORMALIZE]
WITH_N4 = [*LOAD, N4, NORMALIZE]
# the mean of a slice, then one linear layer of two outputs
NETWORK = "$torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(1, 2))"


def make_bundle(
    folder: Path,
    label: str,
    *,
    gain: float = 0.0,
    offset: float = 0.0,
    refines: str | None = None,
    threshold: float = 0.6,
    temperature: float = 1.0,
    steps: list[dict[str, Any]] | None = None,
) -> Path:
    """Writes a whole bundle folder and gives its path back."""
    import torch

    (folder / "models").mkdir(parents=True)
    state = {"2.weight": torch.tensor([[0.0], [gain]]).half(), "2.bias": torch.tensor([0.0, offset]).half()}
    weights = folder / "models" / "model.pt"
    torch.save(state, weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    make_card(folder, label, refines=refines, threshold=threshold, temperature=temperature, digest=digest)
    config = {
        "imports": ["$import torch"],
        "bundle_root": ".",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "temperature": temperature,
        "network_def": NETWORK,
        "preprocessing": {"_target_": "Compose", "transforms": steps or PLAIN},
    }
    write(folder / "configs" / "inference.json", config)
    return folder


def make_folder(folder: Path) -> Path:
    """Bundles of which t2w says yes; t1ce would, where T1w won; t1w and t1ce with N4."""
    make_bundle(folder / "mrclass_t1w", "t1w", offset=NO, steps=WITH_N4)
    make_bundle(folder / "mrclass_t1ce", "t1ce", offset=YES, refines="t1w", threshold=0.5, steps=WITH_N4)
    make_bundle(folder / "mrclass_t2w", "t2w", offset=YES)
    make_bundle(folder / "mrclass_flair", "flair", offset=NO)
    return folder


def make_card(
    folder: Path,
    label: str,
    *,
    refines: str | None = None,
    threshold: float = 0.6,
    temperature: float = 1.0,
    digest: str = "ab" * 32,
) -> Path:
    """Writes a bundle folder that holds a metadata.json alone, as far as the ensemble reads it; no torch."""
    metadata = {
        "version": "0.1.0",
        "network_data_format": {
            "inputs": {"image": {"type": "image", "num_channels": 1, "spatial_shape": [32, 32]}},
            "outputs": {"pred": {"type": "probabilities", "num_channels": 2, "spatial_shape": []}},
        },
        "mrclass": {
            "label": label,
            "refines": refines,
            "threshold": threshold,
            "temperature": temperature,
            "weights_sha256": digest,
        },
    }
    (folder / "configs").mkdir(parents=True)
    write(folder / "configs" / "metadata.json", metadata)
    return folder


def write(path: Path, content: Any) -> None:
    """A JSON file."""
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def change(path: Path, **values: Any) -> None:
    """Sets top-level ids of a JSON file; None takes one out."""
    content = json.loads(path.read_text(encoding="utf-8"))
    for key, value in values.items():
        if value is None:
            del content[key]
        else:
            content[key] = value
    write(path, content)


def change_block(folder: Path, **values: Any) -> None:
    """Sets keys of the `mrclass` block of a bundle's metadata."""
    path = folder / "configs" / "metadata.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(path, mrclass=content["mrclass"] | values)
