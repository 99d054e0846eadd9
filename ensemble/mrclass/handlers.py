"""What the bundles' trainings attach to their engines: the targeted class's loss, best weights, checkpoints.

Writes best.pt and checkpoint.pt, reads checkpoint.pt. A leaf: the bundles' configs name it, it imports
nothing of ours but errors, files, publish and workflow. Source: paper, section 2.4; the decision in
docs/decisions/0001-rendered-bundles.md.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite import distributed as idist
from ignite.engine import Engine, Events
from ignite.exceptions import NotComputableError
from ignite.metrics import Metric
from ignite.metrics.metric import reinit__is_reduced, sync_all_reduce

from .card import WEIGHTS
from .errors import UsageError
from .files import replacing
from .publish import publish
from .workflow import flag

LOGGER = logging.getLogger(__name__)


class TargetMean(Metric):
    """Mean over the slices of one class: of their unweighted cross-entropy, or of whether they are right.

    The loss of class 1 is the paper's "training loss of the targeted class"; hits of class 1 are sensitivity,
    of class 0 specificity. The engine's output gives (pred, label): float32 logits (N, 2) and int64 (N,).

    Args:
        quantity: "loss" or "hits".
        label: class, 0 or 1.
    """

    def __init__(self, quantity: str, label: int, output_transform: Any) -> None:
        if quantity not in ("loss", "hits"):
            raise UsageError(f"TargetMean knows no {quantity!r}; choose one of: loss, hits")
        self.quantity = quantity
        self.label = label
        super().__init__(output_transform=output_transform)

    @reinit__is_reduced
    def reset(self) -> None:
        self._sum = torch.zeros((), dtype=torch.float64)
        self._count = torch.zeros((), dtype=torch.int64)

    @reinit__is_reduced
    def update(self, output: Sequence[torch.Tensor]) -> None:
        logits, labels = output[0].detach().float(), output[1]
        chosen = labels == self.label
        if self.quantity == "loss":
            values = torch.nn.functional.cross_entropy(logits[chosen], labels[chosen], reduction="none")
        else:
            values = logits[chosen].argmax(dim=1) == self.label
        self._sum += values.double().sum().cpu()
        self._count += len(values)

    @sync_all_reduce("_sum", "_count")
    def compute(self) -> float:
        if not self._count:
            raise NotComputableError(f"no slice of class {self.label} was seen")
        return float(self._sum / self._count)


class BestWeights:
    """Writes the network's state dict each time the validation's key metric falls.

    Args:
        path: best.pt.
        network: the bare network, not one wrapped for several processes.
        metric: name of the metric; lower is better.
    """

    def __init__(self, path: str, network: torch.nn.Module, metric: str) -> None:
        self.path, self.network, self.metric = Path(path), network, metric
        self.best = math.inf

    def attach(self, engine: Engine) -> None:
        """After each epoch of the validation engine."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        value = float(engine.state.metrics[self.metric])
        if not value < self.best:
            return
        self.best = value
        if idist.get_rank() == 0:
            _save({k: v.cpu() for k, v in self.network.state_dict().items()}, self.path)
            LOGGER.info(
                "epoch %d: %s %.4f is the best so far, kept in %s",
                engine.state.epoch,
                self.metric,
                value,
                self.path,
            )

    def state_dict(self) -> dict[str, float]:
        return {"best": self.best}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        self.best = state["best"]


class Checkpoint:
    """After each epoch, everything a training needs to go on, in one file that is replaced as a whole.

    Attach it last, so that the epoch's validation and schedule are in it.

    Args:
        path: checkpoint.pt.
        objects: name to object with state_dict and load_state_dict.
        resume: start after the epoch that `path` holds; where it is not there, at the beginning, which is
            told.
    """

    def __init__(self, path: str, objects: Mapping[str, Any], resume: bool | str = False) -> None:
        self.path, self.objects, self.resume = Path(path), dict(objects), flag(resume)

    def attach(self, engine: Engine) -> None:
        """Before the first and after each epoch of the training engine."""
        engine.add_event_handler(Events.STARTED, self.restore)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)

    def restore(self, engine: Engine) -> None:
        """Sets all objects and the engine's epoch to those of the file."""
        if not self.resume:
            return
        if not self.path.is_file():
            LOGGER.warning("%s is not there: the training starts at its first epoch.", self.path)
            return
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        for name, item in self.objects.items():
            item.load_state_dict(state[name])
        engine.state.epoch = state["epoch"]
        engine.state.iteration = state["epoch"] * engine.state.epoch_length
        LOGGER.info("resumed after epoch %d of %s", state["epoch"], self.path)

    def save(self, engine: Engine) -> None:
        """Writes the file (first process only)."""
        if idist.get_rank() == 0:
            state = {name: item.state_dict() for name, item in self.objects.items()}
            _save({**state, "epoch": engine.state.epoch}, self.path)


def _save(state: Any, path: Path) -> None:
    with replacing(path) as part:
        torch.save(state, part)


def publish_best(bundle: str, best: str) -> None:
    """Ends a training: the best weights become models/model.pt, their hash enters the metadata."""
    if idist.get_rank() == 0:
        digest = publish(bundle, best)
        LOGGER.info("%s: written from %s, sha256 %s", Path(bundle) / WEIGHTS, best, digest)
