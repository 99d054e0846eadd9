"""What runs a member's network: PyTorch from its weights, or an export of it through another runtime.

Reads models/model.ts or models/model.onnx of a bundle and models/exports.json, which `mrclass bundles export`
wrote; an export is used only for the weights and the config it was made of, and only unchanged. The runtimes
onnxruntime and openvino are optional (`pip install "mrclass[export]"`).
Source: docs/how-to/export.md.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .card import BACKENDS, EXPORTS, Card, read_json, sha256_of
from .errors import BundleError, UsageError

EXPORT_COMMAND = "mrclass bundles export"
# The extra that brings each runtime; torch is always there.
_RUNTIMES = {"onnx": "onnxruntime", "tensorrt": "onnxruntime", "openvino": "openvino"}


def available(backend: str) -> str:
    """Why a backend cannot run here, in one sentence; empty where it can."""
    name = _RUNTIMES.get(backend)
    if name is None:
        return ""
    try:
        runtime = _openvino() if name == "openvino" else importlib.import_module(name)
    except ImportError:
        return f'{name} is not installed; pip install "mrclass[export]"'
    if backend == "tensorrt" and "TensorrtExecutionProvider" not in runtime.get_available_providers():
        return "this onnxruntime has no TensorRT; wanted onnxruntime-gpu, TensorRT and an NVIDIA GPU"
    return ""


def exported_network(card: Card, device: str = "cpu") -> torch.nn.Module:
    """The network of a member from its export: (slices, 1, H, W) to logits (slices, 2), both float32.

    Args:
        card: of the bundle, with its backend.
        device: where TorchScript and, if it can, ONNX runs; OpenVINO runs on the CPU.

    Raises:
        UsageError: the backend's runtime is not here.
        BundleError: the export is missing, was changed, or is of other weights or another config.
    """
    reason = available(card.backend)
    if reason:
        raise UsageError(f"{card.name} cannot run as {card.backend}: {reason}.")
    path = card.folder / BACKENDS[card.backend]
    _check(card, path)
    try:
        if card.backend == "torchscript":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # torch calls TorchScript deprecated
                return torch.jit.load(path, map_location="cpu").eval()
        if card.backend == "openvino":
            return OpenVinoNetwork(path)
        return OnnxNetwork(path, card.backend, device)
    except Exception as error:  # each runtime has errors of its own
        raise BundleError(
            f"{path} cannot be loaded as {card.backend}: {error}. Export {card.name} again: "
            f"{EXPORT_COMMAND} {card.folder}"
        ) from error


def _check(card: Card, path: Path) -> None:
    """Refuses an export that is missing, changed, or of other weights or another config."""
    again = f"Make it: {EXPORT_COMMAND} {card.folder}"
    if not path.is_file():
        raise BundleError(f"{path} is missing; {card.name} cannot run as {card.backend} without it. {again}")
    notes = read_json(card.folder / EXPORTS) if (card.folder / EXPORTS).is_file() else {}
    note = notes.get(path.name)
    if not isinstance(note, dict) or note.get("sha256") != sha256_of(path):
        raise BundleError(f"{path} is not the file that {EXPORTS} of {card.name} names. {again}")
    for key, held, word in (
        ("weights_sha256", card.sha256, "other weights"),
        ("config_sha256", card.config_sha256, "another configs/inference.json"),
    ):
        if note.get(key) != held:
            raise BundleError(f"{path} was exported from {word} than {card.name} has now. {again}")


class OnnxNetwork(torch.nn.Module):
    """An ONNX file behind onnxruntime.

    Args:
        path: the file; one input (slices, 1, H, W), one output (slices, 2), float32.
        backend: "onnx" or "tensorrt".
        device: "cuda..." asks for onnxruntime's CUDA where it has it.
    """

    def __init__(self, path: Path, backend: str = "onnx", device: str = "cpu") -> None:
        import onnxruntime

        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors only: its advice is for those who built the file
        wanted = ["TensorrtExecutionProvider"] if backend == "tensorrt" else []
        if wanted or device.startswith("cuda"):
            wanted.append("CUDAExecutionProvider")
        there = onnxruntime.get_available_providers()
        providers = [name for name in (*wanted, "CPUExecutionProvider") if name in there]
        self.session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        self.input = self.session.get_inputs()[0].name

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        (logits,) = self.session.run(None, {self.input: _array(slices)})
        return torch.from_numpy(logits).to(slices.device)


class OpenVinoNetwork(torch.nn.Module):
    """An ONNX file behind OpenVINO on the CPU, in float32.

    Args:
        path: as for OnnxNetwork.
    """

    def __init__(self, path: Path) -> None:
        openvino = _openvino()
        super().__init__()
        # bfloat16 would be faster on some processors, and would move scores by more than the tolerance
        options = {
            "INFERENCE_NUM_THREADS": str(torch.get_num_threads()),
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self.compiled = openvino.Core().compile_model(str(path), "CPU", options)

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        logits = self.compiled(_array(slices))[0]
        return torch.from_numpy(np.array(logits)).to(slices.device)


def _openvino() -> Any:
    """The package openvino without its telemetry, which reports each import to its maker over the network."""
    absent = object()
    before = sys.modules.get("openvino_telemetry", absent)
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # its import fails; a stub is used
    try:
        return importlib.import_module("openvino")
    finally:
        if before is absent:
            del sys.modules["openvino_telemetry"]
        else:
            sys.modules["openvino_telemetry"] = before  # type: ignore[assignment]


def _array(slices: torch.Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.ascontiguousarray(slices.detach().cpu().numpy(), dtype=np.float32)
