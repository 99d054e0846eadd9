"""Puts weights into a bundle: models/model.pt as fp16 state dict, its sha256 into configs/metadata.json.

    python -m mrclass.publish BUNDLE [WEIGHTS]

Reads WEIGHTS (a state dict; default BUNDLE/models/best.pt, else model.pt as it is); writes model.pt and
metadata.json.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from .card import METADATA, WEIGHTS, sha256_of
from .errors import BundleError, WeightsMissingError

BEST = "models/best.pt"


def publish(bundle: str | Path, weights: str | Path | None = None) -> str:
    """Writes a bundle's weights and their hash.

    Args:
        bundle: bundle folder.
        weights: file with a state dict; None: models/best.pt of the bundle, or only the hash where there is
            none.

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
    if source != target:
        write_half(source, target)
    block["weights_sha256"] = sha256_of(target)
    _replace(metadata_file, (json.dumps(metadata, indent=4, ensure_ascii=False) + "\n").encode())
    return str(block["weights_sha256"])


def write_half(source: Path, target: Path) -> None:
    """Writes a state dict with its floating-point tensors as fp16."""
    import io

    import torch

    state = torch.load(source, map_location="cpu", weights_only=True)
    if (
        not isinstance(state, dict)
        or not state
        or not all(isinstance(v, torch.Tensor) for v in state.values())
    ):
        raise BundleError(f"{source} is not a state dict (names to tensors).")
    half = {
        key: value.detach().half().contiguous() if value.is_floating_point() else value
        for key, value in state.items()
    }
    buffer = io.BytesIO()
    torch.save(half, buffer)
    target.parent.mkdir(parents=True, exist_ok=True)
    _replace(target, buffer.getvalue())


def _replace(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old or the new one, never a part."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def main(arguments: list[str] | None = None) -> int:
    """The command; exit code 0 done, 1 refused, 2 usage."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not 1 <= len(arguments) <= 2 or any(argument.startswith("-") for argument in arguments):
        print("usage: python -m mrclass.publish BUNDLE [WEIGHTS]", file=sys.stderr)
        return 2
    try:
        digest = publish(*arguments)
    except BundleError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{Path(arguments[0]) / WEIGHTS}  sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
