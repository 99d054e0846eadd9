"""Networks of a part of the width side by side in one of the full width: its logits are the mean of theirs.

Reads the trunk.pt of `trunk.py --width 0.5`, trained on the same slabs from seeds of their own, and writes
OUT/trunk.pt, which `members.py` goes on from.
    python studies/first_weights/join.py OUT CACHE/half/s1/trunk.pt CACHE/half/s2/trunk.pt
A quarter of the arithmetic a slice, so that two cores see several times the slices in the same time; what the
networks do not share is zero and takes no room in the repository's history.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from trunk import network


def joined(states: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """State of the full width from states of 1/n of it; counters are those of the first.

    Raises:
        ValueError: n states of 1/n of the width are needed.
    """
    full = network().state_dict()
    for key, target in full.items():
        parts = [state[key] for state in states]
        if not target.is_floating_point():
            full[key] = parts[0].clone()
        elif key == "fc.weight":
            full[key] = torch.cat(parts, 1) / len(parts)
        elif key == "fc.bias":
            full[key] = torch.stack(parts).mean(0)
        elif target.ndim == 1 or key == "conv1.weight":  # a value a channel; all see the one input
            full[key] = torch.cat(parts)
        else:
            full[key] = _diagonal(parts)
        if full[key].shape != target.shape:
            raise ValueError(
                f"{key} joined is {tuple(full[key].shape)}, not {tuple(target.shape)}: "
                f"{len(states)} networks of 1/{len(states)} of the width are needed."
            )
    return full


def _diagonal(kernels: list[torch.Tensor]) -> torch.Tensor:
    """Kernels (o, i, h, w) along the diagonal of one, zeros elsewhere."""
    outs, ins = (sum(k.shape[axis] for k in kernels) for axis in (0, 1))
    whole = kernels[0].new_zeros(outs, ins, *kernels[0].shape[2:])
    row = column = 0
    for kernel in kernels:
        whole[row : row + kernel.shape[0], column : column + kernel.shape[1]] = kernel
        row, column = row + kernel.shape[0], column + kernel.shape[1]
    return whole


def main() -> None:
    """Join the running averages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("trunks", type=Path, nargs="+")
    args = parser.parse_args()
    trunks = [torch.load(path, weights_only=True) for path in args.trunks]
    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(
        {
            "average": joined([trunk["average"] for trunk in trunks]),
            "views": sum(trunk["views"] + trunk["before"] for trunk in trunks),
            "joined": len(trunks),
        },
        args.out / "trunk.pt",
    )


if __name__ == "__main__":
    main()
