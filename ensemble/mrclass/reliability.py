"""How far a score can be read as a chance: reliability in bins, and the temperature that fits; pure numpy.

Source: Guo et al., "On calibration of modern neural networks", ICML 2017 (expected calibration error,
temperature scaling); Brier, Monthly Weather Review 1950.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10
HEATS = np.round(np.geomspace(0.25, 4.0, 121), 3)
FOLDS = 5


def reliability(score: NDArray[np.float64], hit: NDArray[np.bool_]) -> dict[str, Any]:
    """What was said against what came, in ten bins of the score.

    Args:
        score: in [0, 1], shape (n,).
        hit: whether it was so, bool, shape (n,).

    Returns:
        n; bins as [lower edge, n, mean score, share of hits], empty ones left out; expected calibration error
        `ece`, `brier` score and mean negative log likelihood `nll`, None where n is 0.
    """
    score, hit = np.asarray(score, dtype=np.float64), np.asarray(hit, dtype=bool)
    if not len(score):
        return {"n": 0, "bins": [], "ece": None, "brier": None, "nll": None}
    place = np.minimum((score * BINS).astype(int), BINS - 1)
    bins, gap = [], 0.0
    for at in np.unique(place):
        own = place == at
        said, came = float(score[own].mean()), float(hit[own].mean())
        gap += own.sum() * abs(said - came)
        bins.append([round(int(at) / BINS, 1), int(own.sum()), round(said, 4), round(came, 4)])
    return {
        "n": len(score),
        "bins": bins,
        "ece": round(gap / len(score), 4),
        "brier": round(float(np.mean((score - hit) ** 2)), 4),
        "nll": round(float(losses(score, hit).mean()), 4),
    }


def losses(score: NDArray[np.float64], hit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Negative log likelihood of each outcome: float64, the shape of `score`."""
    said = np.clip(np.where(hit, score, 1 - score), 1e-7, 1.0)
    return np.asarray(-np.log(said))


def temperature(
    logits: Sequence[NDArray[np.float64]], hit: NDArray[np.bool_], group: NDArray[np.int64]
) -> dict[str, Any]:
    """Temperature of the lowest negative log likelihood, each group of volumes weighing the same.

    Args:
        logits: per volume, log odds of its slices at temperature 1, shape (slices,).
        hit: bool, shape (n,).
        group: run each volume belongs to, shape (n,).

    Returns:
        fitted; nll at temperature 1, at the fitted one, and `nll_unseen`: of volumes that the fit did not see
        (five folds). A fit that is better on its own data only is none.
    """
    table = np.stack([_curve(each) for each in logits])  # (n, temperatures)
    loss = losses(table, hit[:, None])
    weight = 1.0 / np.bincount(group)[group]
    best = int(np.argmin(weight @ loss))
    plain = int(np.argmin(abs(HEATS - 1.0)))
    fold: NDArray[np.int64] = np.empty(len(hit), dtype=np.int64)
    order = np.random.default_rng(0).permutation(len(hit))
    order = order[np.lexsort((hit[order], group[order]))]  # spreads each kind of volume over the folds
    fold[order] = np.arange(len(hit)) % FOLDS
    unseen = loss[:, plain].copy()
    for at in range(FOLDS):
        inside, outside = fold != at, fold == at
        if inside.any():
            unseen[outside] = loss[outside, int(np.argmin(weight[inside] @ loss[inside]))]
    whole = weight.sum()
    return {
        "fitted": float(HEATS[best]),
        "nll": round(float(weight @ loss[:, plain] / whole), 4),
        "nll_fitted": round(float(weight @ loss[:, best] / whole), 4),
        "nll_unseen": round(float(weight @ unseen / whole), 4),
    }


def _curve(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean score of a volume at each of HEATS: float64, shape (temperatures,)."""
    return np.asarray((1 / (1 + np.exp(-logits[:, None] / HEATS))).mean(axis=0))
