"""Reads a bundle folder (configs/*.json, models/model.pt) into a member of the ensemble; writes nothing.

The only module that imports monai.bundle. A bundle's config is code ($ expressions are evaluated), so only
folders the user names are read; its weights are checked against the sha256 in its metadata before anything is
unpacked. Source: MONAI bundle specification; docs/conventions.
"""

from __future__ import annotations

import json
import logging
import pickle
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser, ckpt_export
from monai.bundle.config_item import ConfigComponent

from .backends import exported_network
from .card import BACKENDS, CONFIG, METADATA, WEIGHTS, Card, number, read_card, read_json, sha256_of
from .errors import BundleError, WeightsMismatchError, WeightsMissingError


@dataclass(frozen=True)
class Step:
    """One transform of a bundle's preprocessing.

    Attributes:
        key: its config with all references resolved, as JSON; steps of equal keys do equal work.
        transform: the transform, called with a dictionary.
    """

    key: str
    transform: Callable[[dict[str, Any]], dict[str, Any]] = field(compare=False)


@dataclass(frozen=True)
class Member(Card):
    """A loaded bundle: its card, its network and the steps that lead to it.

    Attributes:
        network: in evaluation mode, float32, on the CPU; its weights are those of `sha256`.
        preprocessing: the transform as the bundle runs it.
        steps: the parts of `preprocessing` in order.
    """

    network: torch.nn.Module
    preprocessing: Any
    steps: tuple[Step, ...]


def load_member(folder: str | Path, backend: str = "torch", device: str = "cpu") -> Member:
    """Reads a bundle: its metadata, preprocessing and network from the inference config, its weights.

    Args:
        folder: the bundle.
        backend: what runs the network: torch, or an export of it (`backends`).
        device: where an exported network is to run; a PyTorch one is moved later.

    Raises:
        UsageError: there is no such backend, or its runtime is not here.
        WeightsMissingError: models/model.pt is not there.
        WeightsMismatchError: it is not the file the metadata names.
        BundleError: anything else that keeps the folder from being a member.
    """
    card = read_card(folder, backend)
    path = card.folder / CONFIG
    config = read_json(path)
    missing = [key for key in ("network_def", "preprocessing") if key not in config]
    if missing:
        raise BundleError(
            f"{path} lacks {', '.join(missing)}; wanted the ids of a MONAI inference config. Add them."
        )
    state = _weights(card) if backend == "torch" else None

    parser = ConfigParser()
    parser.read_config(config)
    parser.read_meta(read_json(card.folder / METADATA))
    parser["bundle_root"] = str(card.folder)
    parser["device"] = "cpu"  # preprocessing stays on the CPU; the ensemble moves the networks
    try:
        with _without_codec_advice():
            parser.parse(reset=True)
            network = parser.get_parsed_content("network_def") if state is not None else None
            preprocessing = parser.get_parsed_content("preprocessing")
            steps = _steps(parser, preprocessing, card.name)
            values = {
                key: parser.get_parsed_content(key) for key in ("temperature", "threshold") if key in config
            }
    except Exception as error:  # a config can raise anything: it is code
        raise BundleError(
            f"{path} cannot be used: {first_line(error)}. Check the config against the template."
        ) from error
    if state is None:
        network = exported_network(card, device)
    if not isinstance(network, torch.nn.Module):
        raise BundleError(f"network_def of {path} is a {type(network).__name__}; wanted a torch network.")
    for key, stated in (("temperature", card.temperature), ("threshold", card.threshold)):
        if key in values and number(path, key, values[key], 0.0, 1e3) != stated:
            raise BundleError(
                f"{card.name} has {key} {values[key]} in {CONFIG} and {stated} in {METADATA}; "
                "wanted one value. Make them equal."
            )
    network = _filled(network, state, card)
    return Member(**vars(card), network=network, preprocessing=preprocessing, steps=steps)


def _weights(card: Card) -> dict[str, torch.Tensor]:
    """State dict of a bundle in float32, unpacked only after its sha256 was found right."""
    path = card.folder / WEIGHTS
    if not path.is_file():
        raise WeightsMissingError(
            f"{path} is missing; {card.name} cannot classify without its weights. Copy the file from a "
            f"release, or train it: cd {card.folder} && "
            "python -m monai.bundle run train --config_file configs/train.json"
        )
    found = sha256_of(path)
    if found != card.sha256:
        raise WeightsMismatchError(
            f"{path} has sha256 {found}; {METADATA} names {card.sha256 or 'none'}. Fetch the file "
            f"anew, or, if these weights are meant, record them: python -m mrclass.publish {card.folder}"
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise BundleError(
            f"{path} cannot be loaded as weights: {first_line(error)}. Fetch the file anew."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise BundleError(f"{path} holds no state dict (name to tensor). Save network.state_dict() alone.")
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def _filled(network: torch.nn.Module, state: dict[str, torch.Tensor] | None, card: Card) -> torch.nn.Module:
    """The network with its weights, in evaluation mode, tried once on two slices of noise."""
    try:
        if state is not None:
            network.float().load_state_dict(state)
            network.eval()
        noise = torch.randn(2, 1, *card.spatial_shape, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            answer = network(noise)
            shape = tuple(answer.shape)
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise BundleError(
            f"{card.folder / BACKENDS[card.backend]} does not fit network_def: {first_line(error)}"
        ) from error
    if shape != (2, 2):
        raise BundleError(
            f"The network of {card.name} answers two slices with shape {shape}; wanted (2, 2), the logits of "
            "everything else and the label for each slice."
        )
    inside = bool(((answer > 0) & (answer < 1)).all())
    if inside and torch.allclose(answer.sum(dim=1), torch.ones(2), atol=1e-4):
        raise BundleError(
            f"The network of {card.name} answers with probabilities; wanted logits, softmax comes after it. "
            "Take the softmax out of network_def and put it into postprocessing."
        )
    for parameter in network.parameters():  # a ScriptModule has no requires_grad_ of its own
        parameter.requires_grad_(False)
    return network


def save_torchscript(folder: Path, path: Path) -> None:
    """Writes a bundle's network with its weights as TorchScript, as MONAI's own export does.

    The file holds metadata and config as well, so that MONAI Deploy can run it by itself.
    """
    # torch calls TorchScript deprecated and MONAI lists its arguments: neither helps who asked for the file
    with warnings.catch_warnings(), _quiet("monai.bundle.scripts"), _quiet("monai.networks.utils"):
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        ckpt_export(
            net_id="network_def",
            filepath=str(path),
            ckpt_file=str(folder / WEIGHTS),
            meta_file=str(folder / METADATA),
            config_file=str(folder / CONFIG),
            bundle_root=str(folder),
        )


def _steps(parser: ConfigParser, preprocessing: Any, name: str) -> tuple[Step, ...]:
    """The transforms of a Compose, each with the resolved config by which equal work is recognised."""
    transforms = getattr(preprocessing, "transforms", None)
    if transforms is None:
        return (Step(f"{name}: preprocessing", preprocessing),)
    written = parser["preprocessing"].get("transforms") if isinstance(parser["preprocessing"], dict) else None
    keys: list[str] = []
    if isinstance(written, list):
        for index, step in enumerate(written):
            item_id = f"preprocessing::transforms::{index}"
            if ConfigComponent.is_instantiable(step):
                item = parser.ref_resolver.get_item(item_id)  # resolved along with the whole
                if item.is_disabled():
                    continue
                # objects show by address: a step that holds one is never taken for another bundle's
                keys.append(json.dumps(item.get_config(), sort_keys=True, default=repr))
            else:
                keys.append(f"{name}: {item_id}")
    if len(keys) != len(transforms):
        keys = [f"{name}: step {index}" for index in range(len(transforms))]
    return tuple(Step(key, transform) for key, transform in zip(keys, transforms, strict=True))


@contextmanager
def _without_codec_advice() -> Iterator[None]:
    """Silences LoadImage's advice to install a GPU codec for DICOM: no DICOM is read here."""
    with _quiet("monai.data.nvimgcodec_pydicom_plugin"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="NvImgCodecPydicomReader")
        yield


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """A logger that says errors only."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def first_line(error: BaseException) -> str:
    """What an error says, on one line, with its innermost cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"
