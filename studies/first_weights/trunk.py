"""One network trained on all labels at once: the start of the six bundles' networks. Resumable.

Reads slabs (`simulate.py`, `real.py`, `derive.py`), writes OUT/trunk.pt (checkpoint) and OUT/log.jsonl.
    python studies/first_weights/trunk.py OUT --sim FOLDER [...] --real FOLDER/train.npz FOLDER/derived.npz \\
        --validation FOLDER/validation.npz --minutes 60 [--start BUNDLES | TRUNK.pt [...]] [--seed 1] \\
        [--width 0.5 --coarse 0.6]
The body is the bundles' ResNet-18; six sigmoid outputs stand for the six binary questions. T1ce against T1w
is asked of T1 slices only. Seeds side by side, one core each, that began from the same weights are averaged
by naming their trunk.pt as the next start (Wortsman et al., Model soups, ICML 2022). Two of half the width
are joined by `join.py`.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from monai.networks.nets import ResNet
from mrclass.labels import KEYS
from slabs import PIXEL, Slabs, augment, gather, normalise, quick
from torch.nn import functional

QUESTIONS = ("t1w", "t2w", "flair", "adc", "swi", "t1ce")
SHARES = {"t1w": 0.14, "t1ce": 0.14, "t2w": 0.13, "flair": 0.13, "adc": 0.09, "swi": 0.07, "other": 0.30}
# of a label's slabs, how many are real; more where simulation is weakest
REAL = {"t1w": 0.4, "t1ce": 0.35, "t2w": 0.4, "flair": 0.4, "adc": 0.55, "swi": 0.4, "other": 0.55}
COARSE = 2.9  # mm; half the pixels of PIXEL
CODE = {key: i for i, key in enumerate(KEYS)}


def network(width: float = 1.0) -> torch.nn.Module:
    """The bundles' ResNet-18 with one output per question; `width` scales its channels."""
    return ResNet(
        "basic",
        [2, 2, 2, 2],
        [int(64 * width * 2**stage) for stage in range(4)],
        spatial_dims=2,
        n_input_channels=1,
        num_classes=len(QUESTIONS),
        conv1_t_stride=2,
        bias_downsample=False,
        shortcut_type="B",
    )


def from_bundles(folder: Path) -> dict[str, torch.Tensor]:
    """State of a start made of published bundles: the stages of t2w, an output of each bundle."""
    weights = {
        q: torch.load(folder / f"mrclass_{q}" / "models" / "model.pt", weights_only=True) for q in QUESTIONS
    }
    state = {k: v.float() if v.is_floating_point() else v for k, v in weights["t2w"].items()}
    for part in ("fc.weight", "fc.bias"):  # `members.py` sharpened the outputs threefold
        state[part] = torch.stack([(w[part][1] - w[part][0]).float() / 3 for w in weights.values()])
    return state


def begin(paths: list[Path]) -> tuple[dict[str, torch.Tensor], int]:
    """A start and the slices it has seen: of a folder of published bundles (0), or the mean of trunks."""
    if len(paths) == 1 and paths[0].is_dir():
        return from_bundles(paths[0]), 0
    trunks = [torch.load(path, weights_only=True) for path in paths]
    return mean(trunks), sum(trunk["views"] + trunk.get("before", 0) for trunk in trunks)


def mean(checkpoints: list[dict]) -> dict[str, torch.Tensor]:
    """Mean of the running averages of checkpoints; counters are those of the first."""
    return {
        k: sum(one["average"][k] for one in checkpoints) / len(checkpoints) if v.is_floating_point() else v
        for k, v in checkpoints[0]["average"].items()
    }


def targets(label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Binary targets and weights, float32 (n, 6): T1w is to claim T1ce too; T1ce is asked of T1 slices."""
    y = torch.stack([label == CODE[q] for q in QUESTIONS], 1).float()
    t1 = (label == CODE["t1w"]) | (label == CODE["t1ce"])
    y[:, 0] = t1.float()
    weight = torch.ones_like(y)
    weight[:, 5] = t1.float() * 3.0
    return y, weight


@torch.no_grad()
def evaluate(net: torch.nn.Module, pool: Slabs) -> dict[str, float]:
    """Scan accuracy by the mean over ten slices, argmax at 0.5, and T1ce against T1w AUC."""
    net.eval()
    rows = []
    for i in range(len(pool.images)):
        z = normalise(
            torch.from_numpy(pool.images[i]).float()[:, None], torch.from_numpy(pool.statistics[[i] * 10])
        )
        with quick():
            out = net(z.to(memory_format=torch.channels_last))
        rows.append(torch.sigmoid(out.float()).mean(0).numpy())
    scores = np.array(rows)
    net.train()
    best = scores[:, :5].argmax(1)
    names = np.array(
        [QUESTIONS[b] if scores[i, b] > 0.5 else "other" for i, b in enumerate(best)], dtype=object
    )
    refine = (names == "t1w") & (scores[:, 5] > 0.5)
    names[refine] = "t1ce"
    truth = np.array([KEYS[i] for i in pool.label], dtype=object)
    six = truth != "other"
    result = {
        "accuracy": float((names == truth).mean()),
        "six": float((names == truth)[six].mean()),
        "other": float((names == truth)[~six].mean()) if (~six).any() else float("nan"),
    }
    pos, neg = scores[truth == "t1ce", 5], scores[truth == "t1w", 5]
    if len(pos) and len(neg):
        result["t1ce_auc"] = float(
            (pos[:, None] > neg[None]).mean() + 0.5 * (pos[:, None] == neg[None]).mean()
        )
    for key in KEYS:
        if (truth == key).any():
            result[f"recall_{key}"] = float((names == truth)[truth == key].mean())
    return result


def main() -> None:
    """Train for so many minutes; a second call goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sim", type=Path, nargs="*", default=[])
    parser.add_argument("--latest", nargs="*", default=[], help="kinds simulated anew in the last of --sim")
    parser.add_argument("--real", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--start", type=Path, nargs="+", help="published bundles' folder, or trunks to average"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validation", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--size", type=int, default=104)
    parser.add_argument("--width", type=float, default=1.0, help="of the channels; two halves: `join.py`")
    parser.add_argument("--coarse", type=float, default=0.0, help="of the time, first, on pixels of 2.9 mm")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    net, before = network(args.width).to(memory_format=torch.channels_last), 0
    if args.start:
        state, before = begin(args.start)
        net.load_state_dict(state)
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.rate, weight_decay=0.02)
    average = {k: v.clone() for k, v in net.state_dict().items()}
    views, spent, checkpoint = 0, 0.0, args.out / "trunk.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        average, views, spent = state["average"], state["views"], state["spent"]
    pool, check = Slabs(), Slabs()
    for path in args.real:
        pool.add_file(path)
    if args.validation:
        check.add_file(args.validation)
    rng = np.random.default_rng([args.seed, views])
    start = last_look = time.monotonic()
    loss_mean, p = 0.0, None
    while (elapsed := time.monotonic() - start) < args.minutes * 60:
        if p is None or time.monotonic() - last_look > 240:
            last_look = time.monotonic()
            pool.add_folders(args.sim, args.latest)
            p = pool.weights(SHARES, REAL)
            if views:
                save(checkpoint, net, optimiser, average, views, spent + elapsed, before)
                live = {k: v.clone() for k, v in net.state_dict().items()}
                net.load_state_dict(average)
                line = {
                    "views": views,
                    "minutes": (spent + elapsed) / 60,
                    "loss": loss_mean,
                    "slabs": len(pool.images),
                }
                line |= evaluate(net, check) if args.validation else {}
                net.load_state_dict(live)
                with (args.out / "log.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
        done = (spent + elapsed) / (spent + args.minutes * 60)
        for group in optimiser.param_groups:  # warm up, then a cosine to the end of the time
            group["lr"] = (
                args.rate
                * min(1.0, (views + 1) / 6000)
                * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done)) + 0.01)
            )
        index = rng.choice(len(pool.images), args.batch, p=p)
        x, stats = gather(pool, index, rng)
        spacing = COARSE if done < args.coarse else PIXEL
        x = augment(x, stats, round(args.size * PIXEL / spacing), rng, spacing)
        x = x.to(memory_format=torch.channels_last)
        y, weight = targets(torch.from_numpy(pool.label[index]))
        y = y * 0.98 + 0.01
        with quick():
            out = net(x)
        loss = (
            functional.binary_cross_entropy_with_logits(out.float(), y, reduction="none") * weight
        ).sum() / weight.sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        views += args.batch
        loss_mean = 0.98 * loss_mean + 0.02 * loss.item() if loss_mean else loss.item()
        decay = min(0.998, views / args.batch / (views / args.batch + 50))
        follow(average, net, decay)
    save(checkpoint, net, optimiser, average, views, spent + time.monotonic() - start, before)


@torch.no_grad()
def follow(average: dict[str, torch.Tensor], net: torch.nn.Module, decay: float) -> None:
    """Move the running average of a network's state towards what it is now; counters are taken over."""
    for key, value in net.state_dict().items():
        if value.dtype.is_floating_point:
            average[key].lerp_(value, 1 - decay)
        else:
            average[key].copy_(value)


def save(
    path: Path,
    net: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict,
    views: int,
    spent: float,
    before: int = 0,
) -> None:
    """Write a checkpoint whole or not at all; `spent` in seconds, `before` in slices that its start saw."""
    partial = path.with_suffix(".tmp")
    torch.save(
        {
            "network": net.state_dict(),
            "optimiser": optimiser.state_dict(),
            "average": average,
            "views": views,
            "spent": spent,
            "before": before,
        },
        partial,
    )
    partial.rename(path)


if __name__ == "__main__":
    main()
