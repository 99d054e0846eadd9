"""Trains small networks under one change each and tests them on volumes they never saw; resumable by setting.

Settings are named on the command line: "both" is the recipe of studies/first_weights at a quarter of the
width; others leave something out of it; fold0 to fold3 leave sources out (`families.py`).
    python studies/ablations/ablate.py OUT --sim FOLDER [...] --real train.npz derived.npz \\
        --validation validation.npz --views 200000 --names both real simulated fold0
Writes OUT/<name>-<seed>.json: scores of every test volume at eight moments of the training.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from families import fold
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parent.parent / "first_weights"))
from mrclass.labels import KEYS
from slabs import PIXEL, Slabs, augment, gather, normalise, quick
from trunk import COARSE, QUESTIONS, REAL, SHARES, network, targets

MOMENTS = 8


@dataclass(frozen=True)
class Setting:
    """What a training sees: `data` is both, real or simulated.

    `left_out` is the fold that is tested on; folds of `without` are only not trained on. `coarse` is the
    share of the views, the first ones, that have pixels of 2.9 mm.
    """

    data: str = "both"
    derived: bool = True
    axial_only: bool = False
    stripped: bool = True
    augmented: bool = True
    size: int = 104
    width: float = 0.25
    batch: int = 32
    coarse: float = 0.0
    left_out: int | None = None
    without: tuple[int, ...] = ()


BASE = Setting()
SETTINGS = {
    "both": BASE,
    "real": replace(BASE, data="real"),
    "simulated": replace(BASE, data="simulated"),
    "not derived": replace(BASE, derived=False),
    "not stripped": replace(BASE, stripped=False),
    "axial only": replace(BASE, axial_only=True),
    "no augmentation": replace(BASE, augmented=False),
    "size 208": replace(BASE, size=208),
    "half width": replace(BASE, width=0.5),
    "full width": replace(BASE, width=1.0),
    "half the sources": replace(BASE, without=(0, 3)),
    **{f"fold{k}": replace(BASE, left_out=k) for k in range(4)},
}


def load(
    paths: list[Path], folders: list[Path], latest: Sequence[str] = ()
) -> tuple[Slabs, dict[str, np.ndarray]]:
    """All slabs, and for each its source, plane, file, and whether it is derived; `latest` as in `Slabs`."""
    pool = Slabs()
    parts: dict[str, list] = {k: [] for k in ("source", "plane", "path", "derived")}
    files = [*paths, *(p for f in folders for p in sorted(f.glob("*.npz")) if ".tmp" not in p.name)]
    for path in files:
        without = latest if path.parent in folders[:-1] else ()
        pool.add_file(path, without)
        with np.load(path, allow_pickle=False) as data:
            keep = ~np.isin(data["kind"], without)
            for part, unknown in (("source", "simulated"), ("plane", "any"), ("path", "")):
                parts[part].append(data[part][keep] if part in data else np.full(keep.sum(), unknown))
            parts["derived"].append(np.full(keep.sum(), path.stem in ("derived", "infarct")))
    return pool, {k: np.concatenate(v) for k, v in parts.items()}


def chosen(setting: Setting, pool: Slabs, facts: dict[str, np.ndarray]) -> np.ndarray:
    """Which slabs a setting trains on: bool (n,)."""
    keep = np.ones(len(pool.images), dtype=bool)
    if setting.data != "both":
        keep &= pool.simulated == (setting.data == "simulated")
    if not setting.derived:
        keep &= ~facts["derived"]
    if setting.axial_only:
        keep &= np.isin(facts["plane"], ("axial", "any"))
    if not setting.stripped:
        bare = np.array([float((image[:, :6] > 0).mean() + (image == 0).mean()) for image in pool.images])
        keep &= ~((bare > 0.55) & pool.simulated) & ~np.char.endswith(pool.kind.astype(str), "stripped")
    missing = [*setting.without, *([] if setting.left_out is None else [setting.left_out])]
    if missing:
        keep &= ~np.isin([fold(source) for source in facts["source"]], missing)
    return keep


class Test:
    """Volumes to test on, one slab each."""

    def __init__(self, pool: Slabs, index: np.ndarray, paths: np.ndarray) -> None:
        self.pool, self.index, self.paths = pool, index, paths

    @torch.no_grad()
    def scores(self, net: torch.nn.Module, size: int) -> np.ndarray:
        """Mean sigmoid over the slices: float32 (volumes, questions)."""
        net.eval()
        rows = []
        for i in self.index:
            stats = torch.from_numpy(self.pool.statistics[[i] * 10])
            z = normalise(torch.from_numpy(self.pool.images[i]).float()[:, None], stats)
            side = (size - z.shape[-1]) // 2
            if side > 0:
                floor = float(-stats[0, 1] / stats[0, 2])
                z = functional.pad(z, (side,) * 4, value=max(floor, -5.0))
            with quick():
                out = net(z.to(memory_format=torch.channels_last))
            rows.append(torch.sigmoid(out.float()).mean(0).numpy())
        net.train()
        return np.array(rows)

    def report(self, net: torch.nn.Module, size: int) -> list[dict]:
        """A row per volume: file, label, kind, source, scores."""
        return [
            {
                "file": str(self.paths[i]),
                "label": KEYS[self.pool.label[i]],
                "kind": str(self.pool.kind[i]),
                "source": str(self.pool.group[i]).split("|")[0],
                "scores": {q: round(float(s), 4) for q, s in zip(QUESTIONS, row, strict=True)},
            }
            for i, row in zip(self.index, self.scores(net, size), strict=True)
        ]


def train(
    setting: Setting, seed: int, pool: Slabs, facts: dict[str, np.ndarray], test: Test, views: int
) -> dict:
    """Train one network; the report has a curve of scores."""
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 17])
    net = network(setting.width).to(memory_format=torch.channels_last)
    p = pool.weights(SHARES, REAL) * chosen(setting, pool, facts)
    for index in range(len(KEYS)):  # what is left of a label still gets the label's share
        here = pool.label == index
        if p[here].sum() > 0:
            p[here] *= SHARES[KEYS[index]] / p[here].sum()
    p /= p.sum()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1.5e-3, weight_decay=0.02)
    batch, moments = setting.batch, []
    steps = max(MOMENTS, views // batch)
    for step in range(steps):
        rate = 1.5e-3 * min(1.0, (step + 1) / 150) * (0.51 + 0.5 * math.cos(math.pi * step / steps))
        for part in optimiser.param_groups:
            part["lr"] = rate
        index = rng.choice(len(p), batch, p=p)
        x, stats = gather(pool, index, rng)
        spacing = COARSE if step < setting.coarse * steps else PIXEL
        size = round(setting.size * PIXEL / spacing)
        x = augment(x, stats, size, rng, spacing) if setting.augmented else normalise(x, stats)
        with quick():
            out = net(x.to(memory_format=torch.channels_last))
        y, weight = targets(torch.from_numpy(pool.label[index]))
        loss = functional.binary_cross_entropy_with_logits(out.float(), y * 0.98 + 0.01, reduction="none")
        loss = (loss * weight).sum() / weight.sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if (step + 1) * MOMENTS // steps > step * MOMENTS // steps:
            moments.append({"views": (step + 1) * batch, "volumes": test.report(net, setting.size)})
    return {
        "setting": vars(setting),
        "seed": seed,
        "views": steps * batch,
        "slabs": int((p > 0).sum()),
        "moments": moments,
    }


def main() -> None:
    """Train the settings whose report is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sim", type=Path, nargs="*", default=[])
    parser.add_argument("--latest", nargs="*", default=[], help="kinds simulated anew in the last of --sim")
    parser.add_argument("--real", type=Path, nargs="+", required=True)
    parser.add_argument("--validation", type=Path, required=True)
    parser.add_argument("--views", type=int, default=200_000)
    parser.add_argument("--names", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--width", type=float, help="of the channels (default: the setting's)")
    parser.add_argument("--batch", type=int, help="slices a step (default: the setting's)")
    parser.add_argument(
        "--coarse", type=float, default=0.0, help="share of the views on coarse pixels, first"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    pool, facts = load(args.real, args.sim, args.latest)
    check, check_facts = load([args.validation], [])
    validation = Test(check, np.arange(len(check.images)), check_facts["path"])
    folds = np.array([fold(source) for source in facts["source"]])
    _, first = np.unique(facts["path"], return_index=True)  # a volume's first slab is cut as inference cuts
    for seed in args.seeds:
        for name in args.names:
            path = args.out / f"{name.replace(' ', '-')}-{seed}.json"
            if path.exists():
                continue
            setting, test = replace(SETTINGS[name], coarse=args.coarse), validation
            setting = replace(setting, width=args.width or setting.width, batch=args.batch or setting.batch)
            if setting.left_out is not None:
                mine = (folds[first] == setting.left_out) & ~facts["derived"][first]
                test = Test(pool, first[mine], facts["path"])
            report = train(setting, seed, pool, facts, test, args.views)
            partial = path.with_suffix(".tmp")
            partial.write_text(json.dumps({"name": name, **report}) + "\n", encoding="utf-8")
            partial.rename(path)
            print(name, seed, "done", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
