"""Proportions and ranks: the Wilson interval and the area under the ROC curve; numbers in, numbers out.

Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927; area under
the curve as the Mann-Whitney statistic (Hanley and McNeil, Radiology 1982).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Z95 = 1.959963984540054  # normal quantile of a two-sided 95 % interval


def wilson(hits: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of a proportion.

    Args:
        hits: successes, 0 to n.
        n: trials, at least 1.
        z: normal quantile.

    Returns:
        Lower and upper bound, in [0, 1].

    Raises:
        ValueError: there is no trial, or more hits than trials.
    """
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"{hits} hits in {n} trials; wanted 0 <= hits <= trials and at least one trial")
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def proportion(hits: int, n: int) -> dict[str, Any]:
    """A proportion with its count and 95 % Wilson interval; value and interval are None where n is 0."""
    if n == 0:
        return {"value": None, "hits": 0, "n": 0, "ci95": None}
    low, high = wilson(hits, n)
    return {"value": round(hits / n, 5), "hits": hits, "n": n, "ci95": [round(low, 5), round(high, 5)]}


def auc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Chance that a positive scores above a negative, ties counting half; None where one side is empty."""
    if not positive or not negative:
        return None
    ordered = sorted([(score, 1) for score in positive] + [(score, 0) for score in negative])
    rank_sum, start = 0.0, 0
    while start < len(ordered):
        end = start
        while end < len(ordered) and ordered[end][0] == ordered[start][0]:
            end += 1
        middle = (start + 1 + end) / 2  # equal scores share the mean of their ranks, which count from 1
        rank_sum += middle * sum(is_positive for _, is_positive in ordered[start:end])
        start = end
    n = len(positive)
    return (rank_sum - n * (n + 1) / 2) / (n * len(negative))
