"""The published networks without N4 (t2w, flair, adc, swi) trained on: their last two stages, on new slabs.

Reads published bundles and slabs (`simulate.py`, `real.py`, `derive.py`, `infarct.py`); writes
OUT/refined-<seed>.pt (checkpoint, resumable), OUT/refined-<seed>.jsonl (log), and with --outputs
OUT/members/<label>.pt and OUT/members.json.
    python studies/first_weights/refine.py OUT --start bundles --seed 1 --sim FOLDER [...] \\
        --real FOLDER/train.npz [...] --validation FOLDER/validation.npz --minutes 60
    python studies/first_weights/refine.py OUT --start bundles --outputs --sim FOLDER [...] --real ... [...]
Made for cores without bf16: the first two stages and all statistics of batch normalisation stay as they are,
and the head is looked at without the padding. Seeds begin from the same weights, so their averages can be
averaged in turn (Wortsman et al., Model soups, ICML 2022), and with the start's (--share; the same, Robust
fine-tuning of zero-shot models, CVPR 2022); each bundle's two outputs are then trained at
224 x 224 as in `members.py`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from members import SIZE, cache, pooled, train_outputs
from mrclass.labels import KEYS
from mrclass.stats import auc
from slabs import Slabs, augment, gather, normalise
from torch.nn import functional
from trunk import QUESTIONS, REAL, follow, from_bundles, mean, network, save, targets

MEMBERS = ("t2w", "flair", "adc", "swi")
COLUMNS = [QUESTIONS.index(q) for q in MEMBERS]
SHARES = {"t1w": 0.09, "t1ce": 0.08, "t2w": 0.15, "flair": 0.15, "adc": 0.14, "swi": 0.10, "other": 0.29}
FROZEN = ("conv1", "bn1", "layer1", "layer2")
CROP = 112


def begin(folder: Path) -> torch.nn.Module:
    """The published network, its first two stages frozen, its statistics fixed."""
    net = network()
    net.load_state_dict(from_bundles(folder))
    for name in FROZEN:
        getattr(net, name).requires_grad_(False)
    return net.eval().to(memory_format=torch.channels_last)


def forward(net: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Logits of the four questions: float32 (n, 4)."""
    with torch.no_grad():
        x = net.layer2(net.layer1(net.maxpool(net.act(net.bn1(net.conv1(x))))))
    x = net.layer4(net.layer3(x))
    return net.fc(torch.flatten(net.avgpool(x), 1))[:, COLUMNS]


@torch.no_grad()
def look(net: torch.nn.Module, pool: Slabs) -> dict[str, float]:
    """Each question's area under the ROC curve, and how often 0.5 is right: scans of one slab."""
    scores = []
    for image, statistics in zip(pool.images, pool.statistics, strict=True):
        z = normalise(
            torch.from_numpy(image).float()[:, None], torch.from_numpy(statistics[None].repeat(10, 0))
        )
        scores.append(torch.sigmoid(forward(net, z)).mean(0).numpy())
    table, truth = np.array(scores), np.array([KEYS[i] for i in pool.label])
    found = {}
    for column, question in enumerate(MEMBERS):
        positive, negative = table[truth == question, column], table[truth != question, column]
        area = auc(list(positive), list(negative))
        if area is not None:
            found[f"auc_{question}"] = round(area, 4)
            found[f"sensitivity_{question}"] = round(float((positive > 0.5).mean()), 4)
        found[f"specificity_{question}"] = round(float((negative <= 0.5).mean()), 4)
    return found


def refine(args: argparse.Namespace, pool: Slabs, check: Slabs) -> None:
    """Train for so many minutes; a second call goes on."""
    net = begin(args.start)
    body = [p for n, p in net.named_parameters() if p.requires_grad and not n.startswith("fc.")]
    optimiser = torch.optim.AdamW(
        [{"params": body, "top": args.rate}, {"params": net.fc.parameters(), "top": args.rate * 5}],
        lr=args.rate,
        weight_decay=0.02,
    )
    average = {k: v.clone() for k, v in net.state_dict().items()}
    views, spent, checkpoint = 0, 0.0, args.out / f"refined-{args.seed}.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        average, views, spent = state["average"], state["views"], state["spent"]
    rng = np.random.default_rng([args.seed, views])
    start, seen, loss_mean, p, elapsed = time.monotonic(), 0.0, 0.0, None, 0.0

    def keep() -> None:
        save(checkpoint, net, optimiser, average, views, spent + elapsed)
        live = {k: v.clone() for k, v in net.state_dict().items()}
        net.load_state_dict(average)
        line = {
            "views": views,
            "minutes": (spent + elapsed) / 60,
            "loss": loss_mean,
            "slabs": len(pool.images),
        }
        line |= look(net, check)
        net.load_state_dict(live)
        with checkpoint.with_suffix(".jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    while (elapsed := time.monotonic() - start) < args.minutes * 60:
        if p is None or elapsed - seen > 300:
            seen = elapsed
            pool.add_folders(args.sim)
            p = pool.weights(SHARES, REAL)
            keep()
        done = min(1.0, (spent + elapsed) / (spent + args.minutes * 60))
        for group in optimiser.param_groups:  # warm up, then a cosine to the end of the time
            group["lr"] = (
                group["top"] * min(1.0, (views + 1) / 3000) * (0.51 + 0.49 * math.cos(math.pi * done))
            )
        index = rng.choice(len(pool.images), args.batch, p=p)
        x = augment(*gather(pool, index, rng), CROP, rng).to(memory_format=torch.channels_last)
        y, _ = targets(torch.from_numpy(pool.label[index]))
        loss = functional.binary_cross_entropy_with_logits(forward(net, x), y[:, COLUMNS] * 0.98 + 0.01)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        views += args.batch
        loss_mean = 0.98 * loss_mean + 0.02 * loss.item() if loss_mean else loss.item()
        follow(average, net, min(0.997, views / args.batch / (views / args.batch + 50)))
    keep()


def outputs(args: argparse.Namespace, pool: Slabs) -> None:
    """Average the seeds, train each bundle's two outputs at 224 x 224, write the members."""
    states = [torch.load(path, weights_only=True) for path in sorted(args.out.glob("refined-*.pt"))]
    net = begin(args.start)
    refined = mean(states)
    net.load_state_dict(
        {
            key: torch.lerp(value, refined[key], args.share) if value.is_floating_point() else value
            for key, value in net.state_dict().items()
        }
    )
    p = pool.weights(SHARES, REAL)
    features, label = cache(net, pool, p, args.slices, seed=5)
    with torch.no_grad():  # the head covers a fifth of the padded grid: begin with logits of the usual size
        net.fc.weight.mul_((SIZE / CROP) ** 2)
    seen = pooled(net, features)
    folder = args.out / "members"
    folder.mkdir(exist_ok=True)
    report: dict[str, object] = {
        "share": args.share,
        "seeds": [{"views": s["views"], "minutes": round(s["spent"] / 60, 1)} for s in states],
        "slabs": {"simulated": int(pool.simulated.sum()), "real or derived": int((~pool.simulated).sum())},
    }
    for question in MEMBERS:
        member, numbers = train_outputs(question, net, seen, label)
        partial = folder / f"{question}.tmp"
        torch.save({k: v.contiguous() for k, v in member.state_dict().items()}, partial)
        partial.rename(folder / f"{question}.pt")
        report[question] = numbers
        print(question, numbers, file=sys.stderr, flush=True)
    (args.out / "members.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Read the slabs, then train a seed or the outputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--start", type=Path, required=True, help="a folder of published bundles")
    parser.add_argument("--sim", type=Path, nargs="*", default=[])
    parser.add_argument("--real", type=Path, nargs="+", required=True)
    parser.add_argument("--validation", type=Path, help="looked at for the log; nothing is chosen by it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--outputs", action="store_true", help="train the outputs of the averaged seeds")
    parser.add_argument("--slices", type=int, default=6000, help="with --outputs: slices to train on")
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="with --outputs: of the refined weights, the rest the start's",
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    pool, check = Slabs(), Slabs()
    for path in args.real:
        pool.add_file(path)
    if args.validation:
        check.add_file(args.validation)
    if args.outputs:
        pool.add_folders(args.sim)
        outputs(args, pool)
    else:
        refine(args, pool, check)


if __name__ == "__main__":
    main()
