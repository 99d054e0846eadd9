"""From the common start to six one-vs-all networks at 224 x 224, each with its own preprocessing; resumable.

Reads OUT/trunk.pt and slabs (`simulate.py`, `real.py`); writes OUT/members/<label>.pt (state dicts for
`python -m mrclass.publish`) and OUT/members.json (what was trained on what).
    python studies/first_weights/members.py OUT --sim FOLDER [...] --real FOLDER/train.npz
The body up to its third stage keeps the weights and statistics of the start: padding to 224 does not change
what it sees of the head. The last stage is trained at 224 once per preprocessing (t1w, t1ce: after N4), then
the two outputs of each bundle by the paper's loss (class-weighted cross-entropy) and optimiser (SGD 0.9).
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from pathlib import Path

import numpy as np
import torch
from mrclass.labels import KEYS
from mrclass.transforms import N4BiasFieldCorrection
from slabs import Slabs, augment, statistics
from torch.nn import functional
from trunk import CODE, QUESTIONS, SHARES, network, targets

SIZE = 224
GROUPS = ((("t2w", "flair", "adc", "swi"), False), (("t1w", "t1ce"), True))  # the bundles' preprocessing


def two_outputs(start: torch.nn.Module, question: str) -> torch.nn.Module:
    """A bundle's network whose softmax equals the start's sigmoid for one question."""
    from monai.networks.nets import resnet18

    net = resnet18(
        spatial_dims=2,
        n_input_channels=1,
        num_classes=2,
        conv1_t_stride=2,
        bias_downsample=False,
        shortcut_type="B",
    )
    state = {k: v.clone() for k, v in start.state_dict().items() if not k.startswith("fc.")}
    row = QUESTIONS.index(question)
    weight, bias = start.state_dict()["fc.weight"][row], start.state_dict()["fc.bias"][row]
    state["fc.weight"] = torch.stack([-weight / 2, weight / 2])
    state["fc.bias"] = torch.stack([-bias / 2, bias / 2])
    net.load_state_dict(state)
    return net


def body(net: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Features after the third stage: (n, 256, 14, 14) for 224 x 224."""
    x = net.maxpool(net.act(net.bn1(net.conv1(x))))
    return net.layer3(net.layer2(net.layer1(x)))


def tail(net: torch.nn.Module, features: torch.Tensor) -> torch.Tensor:
    """Logits (n, 2) of features after the third stage."""
    return net.fc(torch.flatten(net.avgpool(net.layer4(features)), 1))


def corrected(slab: np.ndarray, seed: int, n4: N4BiasFieldCorrection) -> np.ndarray:
    """A slab after a random shading of its own and N4: what the two T1 networks see. float32 (10, H, W)."""
    rng = np.random.default_rng(seed)
    small = torch.from_numpy(rng.normal(0, rng.uniform(0, 0.25), (1, 1, 3, 3)).astype(np.float32))
    smooth = functional.interpolate(small, size=slab.shape[1:], mode="bicubic", align_corners=True)
    shade = torch.exp(smooth)[0]
    return np.asarray(n4(slab.astype(np.float32) * shade.numpy()))


@torch.no_grad()
def cache(
    net: torch.nn.Module,
    pool: Slabs,
    shares: dict[str, float],
    count: int,
    real_share: float,
    with_n4: bool,
    seed: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (bf16) and label codes of `count` augmented slices."""
    rng, n4 = np.random.default_rng(seed), N4BiasFieldCorrection()
    p = pool.weights(shares, real_share)
    index = rng.choice(len(pool.images), count, p=p)
    if with_n4:  # N4 is dear: five slices of each slab
        index = np.repeat(index[: count // 5], 5)
    out = []
    memory: tuple[int, np.ndarray, np.ndarray] = (-1, np.zeros(0), np.zeros(0))
    for i in range(0, len(index), 40):
        slices, stats = [], []
        for k in index[i : i + 40]:
            if with_n4:
                if memory[0] != k:
                    slab = corrected(pool.images[k], seed + int(k), n4)
                    memory = (int(k), slab, statistics(slab))
                slab, stat = memory[1], memory[2]
            else:
                slab, stat = pool.images[k], pool.statistics[k]
            slices.append(slab[rng.integers(0, 10)].astype(np.float32))
            stats.append(stat)
        x = augment(torch.from_numpy(np.stack(slices))[:, None], torch.from_numpy(np.stack(stats)), SIZE, rng)
        with torch.autocast("cpu", torch.bfloat16):
            out.append(body(net, x.to(memory_format=torch.channels_last)).to(torch.bfloat16).contiguous())
        if i % 2000 == 0:
            print(f"features: {i} of {len(index)}", file=sys.stderr, flush=True)
    return torch.cat(out), torch.from_numpy(pool.label[index])


def train_stage(
    start: torch.nn.Module,
    questions: tuple[str, ...],
    features: torch.Tensor,
    label: torch.Tensor,
    epochs: int,
) -> dict[str, float]:
    """Train the last stage at 224 x 224 for the questions of one preprocessing; changes `start` in place."""
    torch.manual_seed(1)
    start.requires_grad_(False)
    for part in (start.layer4, start.fc):
        part.requires_grad_(True)
    with torch.no_grad():  # the head covers a fifth of the padded grid: begin with logits of the usual size
        start.fc.weight.mul_(3.0)
    trained = [p for p in start.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=2e-4, weight_decay=0.02)
    keep = torch.arange(len(label))
    chosen = [QUESTIONS.index(q) for q in questions]
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, epochs * (len(keep) // 50)))
    loss_mean, done = 0.0, 0
    start.eval()
    start.layer4.train()
    for _ in range(epochs):
        order = keep[torch.randperm(len(keep))]
        for i in range(0, len(order) - 49, 50):
            batch = order[i : i + 50]
            with torch.autocast("cpu", torch.bfloat16):
                logits = tail(start, features[batch].to(memory_format=torch.channels_last)).float()
            y, weight = targets(label[batch])
            y, weight = y[:, chosen] * 0.98 + 0.01, weight[:, chosen]
            loss = functional.binary_cross_entropy_with_logits(logits[:, chosen], y, reduction="none")
            loss = (loss * weight).sum() / weight.sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            done += 1
            loss_mean = loss.item() if done == 1 else 0.98 * loss_mean + 0.02 * loss.item()
    start.eval()
    return {"loss": loss_mean, "slices": len(keep), "steps": done}


@torch.no_grad()
def pooled(start: torch.nn.Module, features: torch.Tensor) -> torch.Tensor:
    """What the outputs see: float32 (n, 512)."""
    parts = []
    for i in range(0, len(features), 100):
        with torch.autocast("cpu", torch.bfloat16):
            x = start.layer4(features[i : i + 100].to(memory_format=torch.channels_last))
        parts.append(torch.flatten(start.avgpool(x), 1).float())
    return torch.cat(parts)


def train_outputs(
    question: str, start: torch.nn.Module, seen: torch.Tensor, label: torch.Tensor
) -> tuple[torch.nn.Module, dict[str, float]]:
    """A bundle's network: the stages of its group and two outputs of its own."""
    torch.manual_seed(1)
    t1 = (label == CODE["t1w"]) | (label == CODE["t1ce"])
    target = (t1 if question == "t1w" else label == CODE[question]).long()
    keep = torch.nonzero(t1 if question == "t1ce" else torch.ones_like(t1))[:, 0]
    counts = torch.bincount(target[keep], minlength=2).float()
    weight = counts.max() / counts
    net = two_outputs(start, question)
    optimiser = torch.optim.SGD(net.fc.parameters(), lr=0.003, momentum=0.9, weight_decay=1e-3)
    loss_mean, done = 0.0, 0
    for _ in range(4):
        order = keep[torch.randperm(len(keep))]
        for i in range(0, len(order) - 49, 50):
            batch = order[i : i + 50]
            loss = functional.cross_entropy(net.fc(seen[batch]), target[batch], weight, label_smoothing=0.01)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            done += 1
            loss_mean = loss.item() if done == 1 else 0.98 * loss_mean + 0.02 * loss.item()
    return net.eval(), {"loss": loss_mean, "slices": len(keep), "positives": int(counts[1]), "steps": done}


def main() -> None:
    """Train the members that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sim", type=Path, nargs="*", default=[])
    parser.add_argument("--real", type=Path)
    parser.add_argument("--slices", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--real-share", type=float, default=0.4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--groups", type=int, nargs="*", default=[0, 1], help="0 without N4, 1 with; side by side"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pool = Slabs()
    if args.real:
        pool.add_file(args.real)
    pool.add_folders(args.sim)
    state = torch.load(args.out / "trunk.pt", weights_only=True)
    start = network()
    start.load_state_dict(state["average"])
    start = start.eval().to(memory_format=torch.channels_last)
    folder = args.out / "members"
    folder.mkdir(exist_ok=True)
    report: dict[str, object] = {
        "trunk_views": state["views"],
        "trunk_minutes": state["spent"] / 60,
        "slabs": {"simulated": int(pool.simulated.sum()), "real": int((~pool.simulated).sum())},
        "slabs_per_label": {
            k: [
                int((pool.simulated & (pool.label == i)).sum()),
                int((~pool.simulated & (pool.label == i)).sum()),
            ]
            for i, k in enumerate(KEYS)
        },
    }
    for group in args.groups:
        questions, with_n4 = GROUPS[group]
        wanted = [q for q in questions if not (folder / f"{q}.pt").exists()]
        record = folder / f"{'-'.join(questions)}.json"
        if wanted or not record.exists():
            record.write_text(
                json.dumps(train_group(start, pool, questions, with_n4, folder, args)), encoding="utf-8"
            )
        report |= json.loads(record.read_text(encoding="utf-8"))
    (args.out / "members.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def train_group(
    trunk: torch.nn.Module,
    pool: Slabs,
    questions: tuple[str, ...],
    with_n4: bool,
    folder: Path,
    args: argparse.Namespace,
) -> dict[str, object]:
    """Train and save the bundles of one preprocessing; returns what was done."""
    shares = SHARES | ({"t1w": 0.25, "t1ce": 0.25} if with_n4 else {})
    start = copy.deepcopy(trunk)
    features, label = cache(start, pool, shares, args.slices, args.real_share, with_n4, seed=int(with_n4))
    report: dict[str, object] = {
        "stage " + " ".join(questions): train_stage(start, questions, features, label, args.epochs)
    }
    seen = pooled(start, features)
    for question in questions:
        net, numbers = train_outputs(question, start, seen, label)
        partial = folder / f"{question}.tmp"
        torch.save({k: v.contiguous() for k, v in net.state_dict().items()}, partial)
        partial.rename(folder / f"{question}.pt")
        report[question] = numbers
        print(question, numbers, file=sys.stderr, flush=True)
    return report


if __name__ == "__main__":
    main()
