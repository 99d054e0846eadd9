"""The six rendered bundles, copies of them in places of their own, and the network they share."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigWorkflow
from monai.networks.nets import resnet18
from mrclass.publish import publish

BUNDLES = Path(__file__).resolve().parents[2] / "bundles"
NAMES = ("mrclass_t1w", "mrclass_t2w", "mrclass_flair", "mrclass_adc", "mrclass_swi", "mrclass_t1ce")
Runner = Callable[..., ConfigWorkflow]


def read(path: Path) -> Any:
    """Content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def network() -> torch.nn.Module:
    """The network of all six, by the arguments that give it torchvision's keys."""
    net: torch.nn.Module = resnet18(
        spatial_dims=2,
        n_input_channels=1,
        num_classes=2,
        conv1_t_stride=2,
        bias_downsample=False,
        shortcut_type="B",
    )
    return net


def copy_alone(name: str, place: Path) -> Path:
    """A bundle as cloned, without weights, in a place of its own."""
    folder = place / name
    shutil.copytree(BUNDLES / name, folder, ignore=shutil.ignore_patterns("models", "eval"))
    return folder


def with_weights(name: str, place: Path, weights: Path) -> Path:
    """The same with weights that its metadata names."""
    folder = copy_alone(name, place)
    publish(folder, weights)
    return folder
