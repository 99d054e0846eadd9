"""What a training attaches: the targeted class's loss, the best weights, a checkpoint to go on from."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine, Events
from ignite.exceptions import NotComputableError
from mrclass.errors import UsageError
from mrclass.handlers import BestWeights, Checkpoint, TargetMean


def feed(metric: TargetMean, logits: list[list[float]], labels: list[int]) -> None:
    metric.update((torch.tensor(logits), torch.tensor(labels)))


def test_the_target_loss_is_the_mean_over_slices_of_that_class_only() -> None:
    metric = TargetMean("loss", 1, lambda output: output)
    feed(metric, [[0.0, 0.0], [9.0, 0.0]], [1, 0])  # even odds: ln 2; the other class does not count
    feed(metric, [[0.0, math.log(3.0)]], [1])  # odds of 3 to 1: ln(4/3)
    assert metric.compute() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)


def test_hits_of_class_one_are_sensitivity_and_of_class_zero_specificity() -> None:
    logits, labels = [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], [1, 1, 0, 0]
    for label, wanted in ((1, 0.5), (0, 1.0)):
        metric = TargetMean("hits", label, lambda output: output)
        feed(metric, logits, labels)
        assert metric.compute() == wanted


def test_a_class_that_was_not_seen_has_no_mean() -> None:
    metric = TargetMean("loss", 1, lambda output: output)
    feed(metric, [[0.0, 0.0]], [0])
    with pytest.raises(NotComputableError):
        metric.compute()
    with pytest.raises(UsageError, match="loss, hits"):
        TargetMean("colour", 1, lambda output: output)


def engine_with(metrics: dict[str, float]) -> Engine:
    engine = Engine(lambda engine, batch: None)
    engine.state.epoch, engine.state.metrics = 1, metrics
    return engine


def test_only_a_lower_metric_replaces_the_best_weights(tmp_path: Path) -> None:
    network = torch.nn.Linear(1, 1)
    best = BestWeights(str(tmp_path / "best.pt"), network, "loss")
    best(engine_with({"loss": 2.0}))
    kept = torch.load(tmp_path / "best.pt", weights_only=True)
    torch.nn.init.constant_(network.weight, 7.0)
    for worse in (2.0, 3.0, math.nan):
        best(engine_with({"loss": worse}))
    assert torch.equal(torch.load(tmp_path / "best.pt", weights_only=True)["weight"], kept["weight"])
    best(engine_with({"loss": 1.0}))
    assert float(torch.load(tmp_path / "best.pt", weights_only=True)["weight"]) == 7.0


def train(path: Path, epochs: int, resume: Any = False) -> tuple[list[int], torch.nn.Module]:
    """Epochs that were run, and the network, whose bias counts the batches it has seen."""
    network, seen = torch.nn.Linear(1, 1), []
    torch.nn.init.zeros_(network.bias)

    def step(engine: Engine, batch: int) -> None:
        with torch.no_grad():
            network.bias += 1

    engine = Engine(step)
    engine.add_event_handler(Events.EPOCH_STARTED, lambda e: seen.append(e.state.epoch))
    Checkpoint(str(path), {"network": network}, resume).attach(engine)
    engine.run([0, 1, 2], max_epochs=epochs)
    return seen, network


def test_a_resumed_training_runs_only_the_epochs_that_are_left(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    assert train(path, 2)[0] == [1, 2]
    seen, network = train(path, 5, resume="true")
    assert seen == [3, 4, 5]
    assert float(network.bias.detach()) == 15  # 5 epochs of 3 batches


def test_a_finished_training_is_not_started_again(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    train(path, 2)
    assert train(path, 2, resume=True)[0] == []


def test_without_a_checkpoint_a_resumed_training_starts_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert train(tmp_path / "checkpoint.pt", 1, resume=True)[0] == [1]
    assert "starts at its first epoch" in caplog.text


def test_a_switch_that_is_neither_true_nor_false_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="true, false"):
        Checkpoint(str(tmp_path / "c.pt"), {}, resume="perhaps")
