"""Reliability in bins, and the temperature, on numbers that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mrclass.reliability import reliability, temperature


def test_bins_hold_what_was_said_and_what_came() -> None:
    found = reliability(np.array([0.91, 0.99, 0.12, 1.0]), np.array([True, False, False, True]))
    assert found["bins"] == [[0.1, 1, 0.12, 0.0], [0.9, 3, 0.9667, 0.6667]]
    # a quarter of 0.12, three quarters of 0.3
    assert found["ece"] == pytest.approx(0.03 + 0.225, abs=1e-4)
    assert found["brier"] == pytest.approx((0.09**2 + 0.99**2 + 0.12**2) / 4, abs=1e-4)


def test_the_loss_is_that_of_a_coin_for_scores_of_one_half() -> None:
    found = reliability(np.array([0.5, 0.5]), np.array([True, False]))
    assert found["nll"] == pytest.approx(math.log(2), abs=1e-4)


def test_nothing_has_no_reliability() -> None:
    assert reliability(np.array([]), np.array([], dtype=bool))["ece"] is None


def scored(odds: float, right: int, n: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """n volumes of the same log odds, of which some came true."""
    hit = np.arange(n) < right
    return [np.full(3, odds)] * n, hit, np.zeros(n, dtype=np.int64)


def test_overconfident_scores_are_cooled_to_what_came() -> None:
    # log odds of 4 say 98 %, 75 % came: log 3 is what they should have been
    found = temperature(*scored(4.0, 30, 40))
    assert found["fitted"] == pytest.approx(4 / math.log(3), rel=0.02)
    assert found["nll_fitted"] < found["nll"]


def test_scores_that_mean_what_they_say_stay() -> None:
    assert temperature(*scored(math.log(3), 30, 40))["fitted"] == pytest.approx(1.0, abs=0.02)


def test_a_fit_is_also_judged_on_what_it_did_not_see() -> None:
    draw = np.random.default_rng(3)
    odds = draw.normal(0, 2, 12)
    hit = draw.uniform(size=12) < 1 / (1 + np.exp(-odds))
    found = temperature([np.full(3, value) for value in odds], hit, np.zeros(12, dtype=np.int64))
    assert 0.25 < found["fitted"] < 4
    assert found["nll_unseen"] > found["nll_fitted"]


def test_each_group_weighs_the_same() -> None:
    # one volume that was right against nine that were wrong, in groups of their own: even odds fit best
    logits = [np.full(3, 2.0)] * 10
    group = np.array([0] + [1] * 9)
    found = temperature(logits, group == 0, group)
    assert found["fitted"] == 4.0  # as near to even odds as temperatures go
