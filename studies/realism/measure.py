"""How well a small network tells simulated slices from real ones, per group of kinds -> results/realism.json.

    python studies/realism/measure.py before=CACHE/realism/before after=CACHE/realism/after \\
        --real CACHE/real/train.npz CACHE/real/derived.npz --catalogue DATA/volumes/catalog.csv \\
        -o results/realism.json
Reads slabs, writes one JSON. Sources of real slabs and brains of simulated subjects that a network is tested
on are never those it was trained on. An area under the curve of 0.5: it cannot tell; 1: it always can.
Source: the classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017).
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from groups import FOLDS, GROUPS, LEVELS, SLICES, Side, load_real, load_simulated, matched
from monai.networks.nets import ResNet
from mrclass.files import replace_text
from torch.nn import functional

BATCH = 32
WIDTH = 0.125
RESAMPLINGS = 1000


def network() -> torch.nn.Module:
    """ResNet-18 of an eighth of the width with one output per group: simulated or real."""
    channels = [int(64 * WIDTH * 2**stage) for stage in range(4)]
    return ResNet(
        "basic",
        [2, 2, 2, 2],
        channels,
        spatial_dims=2,
        n_input_channels=1,
        num_classes=len(GROUPS),
        conv1_t_stride=2,
        bias_downsample=False,
        shortcut_type="B",
    )


def units(images: np.ndarray) -> torch.Tensor:
    """Grey levels as float32 of about unit size, with a channel: (n, 1, h, w)."""
    return (torch.from_numpy(images).float()[:, None] / (LEVELS - 1) - 0.5) * 4


class Pairs:
    """Draws real and simulated slices of one group and, as far as there are, of one stratum."""

    def __init__(self, real: Side, simulated: Side, fold: int, rng: np.random.Generator) -> None:
        self.real, self.simulated, self.rng = real, simulated, rng
        self.options = []
        for code in range(len(GROUPS)):
            mine = np.flatnonzero((real.group == code) & (real.fold != fold))
            theirs = np.flatnonzero((simulated.group == code) & (simulated.fold != fold))
            if len(mine) and len(theirs):
                sources = [mine[real.cluster[mine] == c] for c in np.unique(real.cluster[mine])]
                self.options.append((code, sources, theirs))

    def draw(self, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Images float32 (2 n, 1, h, w), group int64 (2 n,), truth float32 (2 n,), 1 where simulated."""
        images, groups, truth = [], [], []
        for _ in range(n):
            code, sources, theirs = self.options[self.rng.integers(len(self.options))]
            source = sources[self.rng.integers(len(sources))]
            i = source[self.rng.integers(len(source))]
            fitting = theirs
            if not self.real.free[i]:
                same = theirs[self.simulated.stratum[theirs] == self.real.stratum[i]]
                fitting = same if len(same) else theirs
            else:
                same = theirs[self.simulated.stratum[theirs] // 2 == self.real.stratum[i] // 2]
                fitting = same if len(same) else theirs
            j = fitting[self.rng.integers(len(fitting))]
            for side, k in ((self.real, i), (self.simulated, j)):
                slice_ = side.images[k, self.rng.integers(len(SLICES))]
                if self.rng.random() < 0.5:
                    slice_ = slice_[:, ::-1]
                shift = self.rng.integers(-5, 6, 2)
                images.append(np.roll(slice_, shift, (0, 1)))
                groups.append(code)
            truth += [0.0, 1.0]
        return units(np.stack(images)), torch.tensor(groups), torch.tensor(truth)


def train(pairs: Pairs, views: int, seed: int) -> torch.nn.Module:
    """A network after so many slices, AdamW with one cosine."""
    torch.manual_seed(seed)
    net = network().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    steps = max(1, views // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    net.train()
    for _ in range(steps):
        images, groups, truth = pairs.draw(BATCH // 2)
        out = net(images.to(memory_format=torch.channels_last)).gather(1, groups[:, None])[:, 0]
        loss = functional.binary_cross_entropy_with_logits(out, truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def score(net: torch.nn.Module, side: Side, where: np.ndarray) -> np.ndarray:
    """Logit of simulated of every slice of the slabs `where`: float32 (n, 4)."""
    out = np.zeros((len(where), len(SLICES)), dtype=np.float32)
    for start in range(0, len(where), 16):
        index = where[start : start + 16]
        images = units(side.images[index].reshape(-1, *side.images.shape[2:]))
        logits = net(images.to(memory_format=torch.channels_last)).numpy()
        groups = np.repeat(side.group[index], len(SLICES))
        out[start : start + 16] = logits[np.arange(len(groups)), groups].reshape(-1, len(SLICES))
    return out


def compare(real: Side, simulated: Side, fold: int, scores: tuple[np.ndarray, np.ndarray], code: int) -> Any:
    """Won and counted pairs of a group's clusters in one fold: names, names, float64 (r, s) twice."""
    mine = np.flatnonzero((real.group == code) & (real.fold == fold))
    theirs = np.flatnonzero((simulated.group == code) & (simulated.fold == fold))
    names_r, at_r = np.unique(real.cluster[mine], return_inverse=True)
    names_s, at_s = np.unique(simulated.cluster[theirs], return_inverse=True)
    won = np.zeros((len(names_r), len(names_s)))
    counted = np.zeros_like(won)
    for a, i in enumerate(mine):
        same = simulated.stratum[theirs] == real.stratum[i]
        if real.free[i]:
            same = simulated.stratum[theirs] // 2 == real.stratum[i] // 2
        gap = scores[1][theirs][:, None, :] - scores[0][i][None, :, None]  # (simulated, slice, slice)
        wins = ((gap > 0) + 0.5 * (gap == 0)).mean((1, 2)) * same
        np.add.at(won[at_r[a]], at_s, wins)
        np.add.at(counted[at_r[a]], at_s, same.astype(float))
    return names_r, names_s, won, counted


def area(tables: list[Any], rng: np.random.Generator) -> dict[str, Any]:
    """AUC over the folds' pairs; interval by drawing sources and subjects with replacement.

    The interval is None where there are too few of them for the draws to differ.
    """
    total = sum(t[3].sum() for t in tables)
    if not total:
        return {"value": None, "ci95": None}
    value = sum(t[2].sum() for t in tables) / total
    drawn = []
    for _ in range(RESAMPLINGS):
        won = counted = 0.0
        for names_r, names_s, w, c in tables:
            if not c.size:
                continue
            r = rng.multinomial(len(names_r), np.full(len(names_r), 1 / len(names_r)))
            s = rng.multinomial(len(names_s), np.full(len(names_s), 1 / len(names_s)))
            won, counted = won + r @ w @ s, counted + r @ c @ s
        if counted:
            drawn.append(won / counted)
    if len(set(np.round(drawn, 6))) < 10:
        return {"value": round(float(value), 4), "ci95": None}
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {"value": round(float(value), 4), "ci95": [round(float(low), 4), round(float(high), 4)]}


def measure(real: Side, simulated: Side, views: int, seeds: list[int]) -> dict[str, Any]:
    """AUC per group and over all groups, with the counts behind it."""
    tables: dict[str, list[Any]] = {name: [] for name in GROUPS}
    for fold in range(FOLDS):
        sums = [np.zeros((len(side.group), len(SLICES)), dtype=np.float32) for side in (real, simulated)]
        for seed in seeds:
            rng = np.random.default_rng([seed, fold, 41])
            net = train(Pairs(real, simulated, fold, rng), views, seed)
            for side, total in zip((real, simulated), sums, strict=True):
                where = np.flatnonzero(side.fold == fold)
                total[where] += score(net, side, where)
        for code, name in enumerate(GROUPS):
            tables[name].append(compare(real, simulated, fold, (sums[0], sums[1]), code))
        print(f"fold {fold}", file=sys.stderr, flush=True)
    rng = np.random.default_rng(5)
    groups = {}
    for code, name in enumerate(GROUPS):
        mine, theirs = real.group == code, simulated.group == code
        groups[name] = {
            "auc": area(tables[name], rng),
            "real": {"slabs": int(mine.sum()), "sources": len(set(real.cluster[mine]))},
            "simulated": {"slabs": int(theirs.sum()), "subjects": len(set(simulated.cluster[theirs]))},
        }
    known = [g["auc"]["value"] for g in groups.values() if g["auc"]["value"] is not None]
    return {"groups": groups, "mean_auc": round(float(np.mean(known)), 4)}


def command(args: argparse.Namespace) -> str:
    """The command line of what was given; of a path its folder and its name, the rest is a machine's."""

    def named(path: Path | str) -> str:
        return "/".join(Path(path).parts[-2:])

    words = ["python", "studies/realism/measure.py"]
    words += [f"{name}={named(folder)}" for name, _, folder in (one.partition("=") for one in args.simulated)]
    words += ["--real", *map(named, args.real), "--catalogue", named(args.catalogue)]
    words += ["--match"] if args.match else []
    words += ["--views", str(args.views), "--seeds", *map(str, args.seeds), "--threads", str(args.threads)]
    return shlex.join([*words, "-o", named(args.out)])


def arguments() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("simulated", nargs="+", help="NAME=FOLDER of slabs")
    parser.add_argument("--real", type=Path, nargs="+", required=True)
    parser.add_argument("--catalogue", type=Path, required=True, help="says which volumes are stripped")
    parser.add_argument("--match", action="store_true", help="same subjects and counts in every folder")
    parser.add_argument("--views", type=int, default=12000, help="slices each network is trained on")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--out", type=Path, required=True)
    return parser


def main() -> None:
    """Measure every simulated folder against the same real slabs."""
    args = arguments().parse_args()
    torch.set_num_threads(args.threads)
    content: dict[str, Any] = json.loads(args.out.read_text()) if args.out.is_file() else {"runs": {}}
    real = load_real(args.real, args.catalogue, np.random.default_rng(3))
    pairs = [entry.partition("=")[::2] for entry in args.simulated]
    sides = [load_simulated(Path(folder)) for _, folder in pairs]
    if args.match:
        sides = matched(sides, np.random.default_rng(7))
    for (name, folder), simulated in zip(pairs, sides, strict=True):
        start = time.process_time()
        found = measure(real, simulated, args.views, args.seeds)
        option = json.loads((Path(folder) / "simulate.json").read_text())
        content["runs"][name] = {
            "phantom": option,
            "views": args.views,
            "seeds": args.seeds,
            "folds": FOLDS,
            "matched": args.match,
            "cpu_seconds": round(time.process_time() - start),
            **found,
        }
        content["runs"][name]["command"] = command(args)
        replace_text(args.out, json.dumps(content, indent=1) + "\n")
        print(name, found["mean_auc"], {k: v["auc"]["value"] for k, v in found["groups"].items()})


if __name__ == "__main__":
    main()
