"""Brings bundles to TorchScript and ONNX, and compares each backend's scores with PyTorch's on volumes.

Writes models/model.ts, models/model.onnx and models/exports.json of a bundle. TensorRT runs the same ONNX
file where onnxruntime has it. An ensemble that mixes all backends is compared too.
Source: docs/how-to/export.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from .backends import available
from .bundle import Member, load_member, save_torchscript
from .card import BACKENDS, EXPORTS, Card, sha256_of, versions
from .ensemble import Ensemble
from .errors import BundleError, UsageError, VolumeError
from .files import replace_text, replacing

TOLERANCE = 1e-4  # largest difference of a slice's score, in [0, 1], from PyTorch's on the same slab


def export(folder: str | Path) -> list[str]:
    """Writes the exports of one bundle, and in exports.json what they were made of.

    Returns:
        Names of the files written, in models/. Without the package onnx, TorchScript only.

    Raises:
        BundleError: the bundle cannot be loaded, or its network cannot be exported.
    """
    member = load_member(folder)
    notes: dict[str, dict[str, str]] = {}
    made: list[tuple[str, Callable[[Member, Path], None]]] = [("torchscript", _torchscript)]
    if not missing_exporter():
        made.append(("onnx", _onnx))
    for backend, write in made:
        target = member.folder / BACKENDS[backend]
        with replacing(target) as part:
            try:
                write(member, part)
            except Exception as error:  # a stranger's network can fail in any way
                line = " ".join(str(error).split())[:300]
                raise BundleError(
                    f"{member.name} cannot be exported to {backend}: {type(error).__name__}: {line}"
                ) from error
        notes[target.name] = {
            "sha256": sha256_of(target),
            "weights_sha256": member.sha256,
            "config_sha256": member.config_sha256,
            "torch": torch.__version__,
        }
    replace_text(member.folder / EXPORTS, json.dumps(notes, indent=1) + "\n")
    return list(notes)


def missing_exporter() -> str:
    """Why there can be no ONNX here, in one sentence; empty where there can."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        return f'{error.name} is not installed; pip install "mrclass[export]"'
    return ""


def _torchscript(member: Member, path: Path) -> None:
    save_torchscript(member.folder, path)


def _onnx(member: Member, path: Path) -> None:
    example = torch.zeros(2, 1, *member.spatial_shape)
    slices = torch.export.Dim("slices", min=1, max=1024)
    with torch.no_grad():  # inference mode makes tensors that the exporter cannot trace
        torch.onnx.export(
            member.network,
            (example,),
            path,
            input_names=["image"],
            output_names=["pred"],
            dynamic_shapes=({0: slices},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def compare(cards: Sequence[Card], volumes: Sequence[str | Path]) -> dict[str, Any]:
    """Differences of every backend's scores from PyTorch's, on the slabs of some volumes.

    Args:
        cards: bundles that were exported.
        volumes: NIfTI files.

    Returns:
        tolerance, n_volumes, and per bundle n_slices and per backend `status` (ok, differs, skipped), the
        `reason` where skipped, `max_score_difference`, `bytes` and `sha256` of the file.

    Raises:
        UsageError: no volume.
        BundleError: a bundle or an export cannot be loaded.
    """
    if not volumes:
        raise UsageError("No volume to compare on; name a folder of NIfTI files with --on.")
    found: dict[str, Any] = {}
    slabs: dict[tuple[str, ...], torch.Tensor] = {}
    for card in cards:
        member = load_member(card.folder)
        steps = tuple(step.key for step in member.steps)  # members that prepare alike share their slabs
        if steps not in slabs:
            prepared = [member.preprocessing({"image": str(path)})["image"] for path in volumes]
            slabs[steps] = torch.cat([torch.as_tensor(slab).float() for slab in prepared])[:, None]
        batch = slabs[steps]  # (slices of all volumes, 1, H, W)
        wanted = _scores(member, batch)
        backends = {
            backend: _compared(card, backend, batch, wanted) for backend in BACKENDS if backend != "torch"
        }
        found[card.name] = {"n_slices": len(batch), "backends": backends}
    return {
        "tolerance": TOLERANCE,
        "n_volumes": len(volumes),
        "bundles": found,
        "made_by": {"torch": torch.__version__, "members": versions(cards)},
    }


def _compared(card: Card, backend: str, batch: torch.Tensor, wanted: torch.Tensor) -> dict[str, Any]:
    reason = available(backend)
    path = card.folder / BACKENDS[backend]
    if not reason and not path.is_file():
        reason = missing_exporter() or f"{path.name} is not there"
    if reason:
        return {"status": "skipped", "reason": reason}
    scores = _scores(load_member(card.folder, backend), batch)
    difference = float((scores - wanted).abs().max())
    return {
        "status": "ok" if difference <= TOLERANCE else "differs",
        "max_score_difference": float(f"{difference:.2g}"),
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
    }


def mixture(
    cards: Sequence[Card], volumes: Sequence[str | Path], progress: Callable[[int], None] = lambda done: None
) -> dict[str, Any]:
    """An ensemble whose members run on all backends that are here, in turn, against one on PyTorch alone.

    Args:
        cards: bundles that were exported; together they form an ensemble.
        volumes: NIfTI files; one that cannot be looked at counts as not compared.
        progress: told the number of volumes done.

    Returns:
        backends (label to backend), n_volumes compared, same_label, max_score_difference of a member's score,
        `status` (ok, differs).

    Raises:
        BundleError: the cards form no ensemble, or an export cannot be loaded.
    """
    here = [backend for backend in BACKENDS if not available(backend)]
    backends = {card.label: here[number % len(here)] for number, card in enumerate(cards)}
    plain = Ensemble(load_member(card.folder) for card in cards)
    mixed = Ensemble(load_member(card.folder, backends[card.label]) for card in cards)
    compared, same, difference = 0, 0, 0.0
    for number, volume in enumerate(volumes):
        progress(number)
        try:
            wanted, found = plain.predict(volume), mixed.predict(volume)
        except VolumeError:
            continue
        compared += 1
        same += wanted.label == found.label
        both = wanted.scores.keys() & found.scores.keys()
        difference = max([difference, *(abs(wanted.scores[key] - found.scores[key]) for key in both)])
    alike = same == compared and difference <= TOLERANCE
    return {
        "backends": backends,
        "n_volumes": compared,
        "same_label": same,
        "max_score_difference": float(f"{difference:.2g}"),
        "status": "ok" if alike else "differs",
    }


def _scores(member: Member, batch: torch.Tensor) -> torch.Tensor:
    """Score of each slice: float32, shape (n,), ten slices at a time as in a run."""
    with torch.inference_mode():
        logits = torch.cat([member.network(part).float() for part in batch.split(10)])
        return torch.softmax(logits / member.temperature, dim=1)[:, 1]


def table(figures: Mapping[str, Any]) -> str:
    """The comparison as text."""
    lines = [f"{'BUNDLE':<16}{'BACKEND':<13}{'STATUS':<9}{'LARGEST DIFFERENCE OF A SCORE'}"]
    for name, entry in figures["bundles"].items():
        for backend, one in entry["backends"].items():
            told = one.get("reason") or f"{one['max_score_difference']:.1e} over {entry['n_slices']} slices"
            lines.append(f"{name:<16}{backend:<13}{one['status']:<9}{told}")
    lines += ["", f"Wanted: at most {figures['tolerance']:g}."]
    if "mixture" in figures:
        mixed = figures["mixture"]
        lines.append(
            f"Together, on {', '.join(mixed['backends'].values())}: {mixed['same_label']} of "
            f"{mixed['n_volumes']} volumes with PyTorch's label, scores within "
            f"{mixed['max_score_difference']:.1e}."
        )
    return "\n".join(lines)
