"""From the common start to six one-vs-all networks at 224 x 224, each with its own preprocessing; resumable.

Reads OUT/trunk.pt and slabs (`simulate.py`, `real.py`, `derive.py`, `n4.py`); writes OUT/members/<label>.pt
(state dicts for `python -m mrclass.publish`) and OUT/members.json (what was trained on what).
    python studies/first_weights/members.py OUT --sim FOLDER [...] --real FOLDER/train.npz [...] --n4 FOLDER
The body up to its third stage keeps the weights and statistics of the start: padding to 224 does not change
what it sees of the head. The last stage is trained at 224 once per preprocessing (t1w, t1ce: after N4), with
--epochs 0 not at all; then the two outputs of each bundle by the paper's loss (class-weighted cross-entropy)
and optimiser (SGD 0.9).
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
from slabs import Slabs, augment, gather, quick
from torch.nn import functional
from trunk import CODE, QUESTIONS, REAL, SHARES, network, targets

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


@torch.no_grad()
def cache(
    net: torch.nn.Module, pool: Slabs, p: np.ndarray, count: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (bf16) and label codes of `count` augmented slices, slabs drawn with probability `p`."""
    rng = np.random.default_rng(seed)
    index = rng.choice(len(pool.images), count, p=p)
    out = []
    for i in range(0, count, 40):
        x = augment(*gather(pool, index[i : i + 40], rng), SIZE, rng)
        with quick():
            out.append(body(net, x.to(memory_format=torch.channels_last)).to(torch.bfloat16).contiguous())
        if i % 2000 == 0:
            print(f"features: {i} of {count}", file=sys.stderr, flush=True)
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
    trained = [p for p in start.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=2e-4, weight_decay=0.02)
    keep = torch.arange(len(label))
    chosen = [QUESTIONS.index(q) for q in questions]
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * (len(keep) // 50))
    loss_mean, done = 0.0, 0
    start.eval()
    start.layer4.train()
    for _ in range(epochs):
        order = keep[torch.randperm(len(keep))]
        for i in range(0, len(order) - 49, 50):
            batch = order[i : i + 50]
            with quick():
                logits = tail(start, features[batch].float().to(memory_format=torch.channels_last)).float()
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
        with quick():
            x = start.layer4(features[i : i + 100].float().to(memory_format=torch.channels_last))
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
    parser.add_argument("--latest", nargs="*", default=[], help="kinds simulated anew in the last of --sim")
    parser.add_argument("--real", type=Path, nargs="*", default=[])
    parser.add_argument("--n4", type=Path, required=True, help="slabs after N4, of `n4.py`")
    parser.add_argument("--slices", type=int, default=12000)
    parser.add_argument("--epochs", type=int, default=3, help="of the last stage; 0: outputs only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--groups", type=int, nargs="*", default=[0, 1], help="0 without N4, 1 with; side by side"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pool = Slabs()
    for path in args.real:
        pool.add_file(path)
    pool.add_folders(args.sim, args.latest)
    after_n4 = Slabs()
    after_n4.add_folders([args.n4])
    state = torch.load(args.out / "trunk.pt", weights_only=True)
    start = network()
    start.load_state_dict(state["average"])
    start = start.eval().to(memory_format=torch.channels_last)
    folder = args.out / "members"
    folder.mkdir(exist_ok=True)
    report: dict[str, object] = {
        "trunk_views": state["views"] + state.get("before", 0),
        "joined": state.get("joined", 1),
        "slabs": {"simulated": int(pool.simulated.sum()), "real": int((~pool.simulated).sum())},
        "slabs_after_n4": len(after_n4.images),
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
                json.dumps(
                    train_group(start, after_n4 if with_n4 else pool, questions, with_n4, folder, args)
                ),
                encoding="utf-8",
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
    # `n4.py` has drawn with the shares already
    p = np.full(len(pool.images), 1 / len(pool.images)) if with_n4 else pool.weights(SHARES, REAL)
    start = copy.deepcopy(trunk)
    features, label = cache(start, pool, p, args.slices, seed=int(with_n4))
    with torch.no_grad():  # the head covers a fifth of the padded grid: begin with logits of the usual size
        start.fc.weight.mul_(3.0)
    report: dict[str, object] = {}
    if args.epochs:
        stage = train_stage(start, questions, features, label, args.epochs)
        report["stage " + " ".join(questions)] = stage
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
