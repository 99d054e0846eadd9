"""What the bundles' configs call around their engines: data, checks before a run, a training's start.

Reads datalists and weights; writes nothing. A leaf: the bundles' configs name it, it imports nothing of ours
but errors, datalist and card. Source: docs/decisions/0001-rendered-bundles.md.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch

from . import datalist
from .card import sha256_of
from .errors import BundleError, MRClassError, UsageError, WeightsMismatchError, WeightsMissingError

LOGGER = logging.getLogger(__name__)


SOME_UNREADABLE = 3  # exit code of `mrclass classify` too


def refuse(error: MRClassError) -> NoReturn:
    """Ends `python -m monai.bundle run` with one sentence instead of pages of traceback; elsewhere raises."""
    if _is_command():
        raise SystemExit(f"error: {error}")
    raise error


def end(sentence: str) -> None:
    """Ends `python -m monai.bundle run` with exit code 3, done but for some volumes; elsewhere a WARNING."""
    LOGGER.warning(sentence)
    if _is_command():
        raise SystemExit(SOME_UNREADABLE)


def _is_command() -> bool:
    started = getattr(sys.modules.get("__main__"), "__spec__", None)
    return started is not None and started.name == "monai.bundle.__main__"


def images(**arguments: Any) -> list[datalist.Item]:
    """`datalist.images` for a config."""
    return _told(datalist.images, arguments)


def volumes(**arguments: Any) -> dict[str, list[datalist.Item]]:
    """`datalist.load` for a config; tells how many volumes of each label came."""
    sections = _told(datalist.load, arguments)
    for name, items in sections.items():
        LOGGER.info("%s: %d volumes (%s)", name, len(items), datalist.describe(items))
    return sections


def evaluation(**arguments: Any) -> list[datalist.Item]:
    """`datalist.evaluation` for a config."""
    return _told(datalist.evaluation, arguments)


def _told(function: Any, arguments: Mapping[str, Any]) -> Any:
    try:
        return function(**arguments)
    except MRClassError as error:
        refuse(error)


def check_run(weights: str, sha256: str, data: Sequence[Any]) -> None:
    """Refuses to run without weights, with weights that the metadata does not name, or without volumes.

    Args:
        weights: path of models/model.pt.
        sha256: of the metadata; empty where no weights were published yet, which is told as a WARNING.
        data: volumes to look at.

    Raises:
        WeightsMissingError, WeightsMismatchError, UsageError.
    """
    path = Path(weights)
    if not path.is_file():
        refuse(WeightsMissingError(missing(path)))
    held = sha256_of(path)
    if not sha256:
        LOGGER.warning("The metadata names no sha256 of %s: weights used unchecked (%s).", path, held)
    elif held != sha256:
        refuse(
            WeightsMismatchError(
                f"{path} has sha256 {held[:12]}..., its metadata names {sha256[:12]}.... If these weights "
                f"are meant, record them: python -m mrclass.publish {path.parent.parent}"
            )
        )
    if not data:
        refuse(
            UsageError(
                "No volume to look at. Name NIfTI files with --image, or their folder with --dataset_dir."
            )
        )


def missing(path: Path) -> str:
    """The sentence for weights that are not there."""
    bundle = path.resolve().parent.parent.name
    return (
        f"{path} is missing. Copy it from bundles/{bundle}/models/ of the MR-Class repository (or say where "
        "the bundle is: --bundle_root FOLDER), or train it: python -m monai.bundle run train --config_file "
        "configs/train.json --datalist FILE.json"
    )


def flag(value: bool | str) -> bool:
    """A switch named on the command line: `--resume true` arrives as text, `--resume True` as a bool.

    Raises:
        UsageError: it is neither true nor false.
    """
    if not isinstance(value, bool) and str(value).lower() not in ("true", "false"):
        refuse(UsageError(f"{value!r} is no switch; choose one of: true, false"))
    return str(value).lower() == "true"


def start_from(network: torch.nn.Module, pretrained: str = "", imagenet: bool | str = False) -> None:
    """Loads what a training starts from: a state dict of this network, or torchvision's ImageNet weights.

    Args:
        network: ResNet-18 with one input channel; changed in place.
        pretrained: state dict file; any number of outputs (a differing last layer stays random, told as a
            WARNING).
        imagenet: start from ImageNet instead; its three input channels are summed. Downloads about 45 MB
            once.

    Raises:
        UsageError: both asked for.
        WeightsMissingError: the file, or the network to fetch ImageNet's from, is not there.
        BundleError: the file does not fit.
    """
    imagenet = flag(imagenet)
    if pretrained and imagenet:
        refuse(UsageError("Both --pretrained and --imagenet were given; choose one."))
    if not pretrained and not imagenet:
        return
    if imagenet:
        state = _imagenet()
    else:
        path = Path(pretrained)
        if not path.is_file():
            refuse(WeightsMissingError(f"{path} is missing; wanted a state dict to start from."))
        state = torch.load(path, map_location="cpu", weights_only=True)
    own = network.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    left = [k for k in own if k not in fitting]
    if any(not k.startswith("fc.") for k in left):
        refuse(
            BundleError(
                f"{pretrained or 'ImageNet'} does not fit the network: {', '.join(left[:5])} missing."
            )
        )
    if left:
        LOGGER.warning(
            "The last layer starts at random: %s has another number of outputs.", pretrained or "ImageNet"
        )
    network.load_state_dict({**own, **fitting})


def _imagenet() -> dict[str, torch.Tensor]:
    from torchvision.models import ResNet18_Weights

    try:
        state = dict(ResNet18_Weights.IMAGENET1K_V1.get_state_dict(progress=False))
    except OSError as error:  # urllib's errors are OSErrors
        refuse(
            WeightsMissingError(
                f"ImageNet weights could not be fetched ({error}); give --pretrained FILE instead."
            )
        )
    state["conv1.weight"] = state["conv1.weight"].sum(dim=1, keepdim=True)  # (64, 3, 7, 7) to (64, 1, 7, 7)
    return {k: v for k, v in state.items() if not k.startswith("fc.")}
