"""Puts weights into a bundle: models/model.pt as fp16 state dict, its sha256 into configs/metadata.json.

    python -m mrclass.publish BUNDLE [WEIGHTS] [--grid N]

Reads WEIGHTS (a state dict; default BUNDLE/models/best.pt, else model.pt as it is); writes model.pt and
metadata.json. With --grid, kernels and matrices are rounded to steps of about 1/N of their own deviation: the
file is as long, but compresses to six tenths, which a repository of many weights is grateful for.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .card import METADATA, WEIGHTS, sha256_of
from .errors import BundleError, WeightsMissingError
from .files import replace_bytes, replace_text

if TYPE_CHECKING:
    import torch

BEST = "models/best.pt"


def publish(bundle: str | Path, weights: str | Path | None = None, grid: int | None = None) -> str:
    """Writes a bundle's weights and their hash.

    Args:
        bundle: bundle folder.
        weights: file with a state dict; None: models/best.pt of the bundle, or only the hash where there is
            none.
        grid: see `on_grid`; None: no rounding but that to fp16.

    Returns:
        sha256 of the model.pt written.

    Raises:
        WeightsMissingError: no weights to publish.
        BundleError: the folder has no metadata with our block, or the file is no state dict.
    """
    bundle = Path(bundle)
    target, metadata_file = bundle / WEIGHTS, bundle / METADATA
    source = Path(weights) if weights else bundle / BEST
    if weights is None and not source.is_file():
        source = target
    if not source.is_file():
        raise WeightsMissingError(f"{source} is missing; wanted a state dict to publish in {bundle}.")
    try:
        metadata = json.loads(metadata_file.read_text(encoding="utf-8"))
        block = metadata["mrclass"]
    except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise BundleError(f"{metadata_file} is not a metadata.json with a block 'mrclass'.") from error
    if source != target or grid:
        write_half(source, target, grid)
    block["weights_sha256"] = sha256_of(target)
    replace_text(metadata_file, json.dumps(metadata, indent=4, ensure_ascii=False) + "\n")
    return str(block["weights_sha256"])


def write_half(source: Path, target: Path, grid: int | None = None) -> None:
    """Writes a state dict with its floating-point tensors as fp16, on a grid where one is given."""
    import torch

    try:
        state = torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, LookupError, pickle.UnpicklingError) as error:
        raise BundleError(f"{source} cannot be read as weights ({type(error).__name__}).") from error
    tensors = isinstance(state, dict) and all(isinstance(v, torch.Tensor) for v in state.values())
    if not tensors or not state:
        raise BundleError(f"{source} is not a state dict (names to tensors).")
    half = {}
    for key, value in state.items():
        value = value.detach()
        if value.is_floating_point():
            value = (on_grid(value, grid) if grid else value).half().contiguous()
        half[key] = value
    buffer = io.BytesIO()
    torch.save(half, buffer)
    replace_bytes(target, buffer.getvalue())


def on_grid(weights: torch.Tensor, steps: int) -> torch.Tensor:
    """Kernels and matrices rounded to a power of two near 1/steps of their standard deviation.

    Uniform rounding moves a weight by at most half a step: with 16 steps by 1.8 % of the deviation (root mean
    square). Biases and the statistics of batch normalisation, one-dimensional, stay as they are.

    Args:
        weights: floating-point tensor of any shape.
        steps: about how many steps a standard deviation holds, at least 1.
    """
    if weights.dim() < 2:
        return weights
    deviation = float(weights.float().std())
    if not math.isfinite(deviation) or deviation == 0:
        return weights
    step = 2.0 ** round(math.log2(deviation / steps))
    return (weights.float() / step).round() * step


def main(arguments: list[str] | None = None) -> int:
    """The command; exit code 0 done, 1 refused, 2 usage."""
    parser = argparse.ArgumentParser(
        prog="python -m mrclass.publish",
        description="Weights into a bundle: fp16, with their hash in its metadata.",
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("weights", type=Path, nargs="?", help="a state dict; default models/best.pt")
    parser.add_argument(
        "--grid",
        type=_at_least_one,
        metavar="N",
        help="round kernels to about 1/N of their deviation: the file compresses better",
    )
    try:
        asked = parser.parse_args(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    try:
        digest = publish(asked.bundle, asked.weights, asked.grid)
    except BundleError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{asked.bundle / WEIGHTS}  sha256 {digest}")
    return 0


def _at_least_one(text: str) -> int:
    steps = int(text)
    if steps < 1:
        raise argparse.ArgumentTypeError("wanted 1 or more")
    return steps


if __name__ == "__main__":
    sys.exit(main())
