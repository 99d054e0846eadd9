"""Chooses each bundle's threshold from volumes of known label, and measures its scores; pure numpy, no files.

Source: paper, section 2.4 (threshold from the histogram of right and wrong scores, bin 0.01); Youden, Cancer
1950 (the mean of sensitivity and specificity); Efron, Annals of Statistics 1979 (resampling). Why so:
docs/decisions/0005-thresholds.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrclass import labels
from mrclass.evaluate import SIX, TARGETS, UNREADABLE, Case, accuracy
from mrclass.reliability import reliability, temperature
from mrclass.stats import proportion
from mrclass.vote import REFINED, REFINEMENT, decide

GRID = np.round(np.arange(50, 100) / 100, 2)  # thresholds looked at; below one half no majority can count
PAPER = 0.95
RESAMPLES = 1000
BIN = 0.01


@dataclass(frozen=True)
class Run:
    """Cases of one run of `mrclass classify`.

    Attributes:
        data: `real` or `simulated`.
        cases: with slice_scores.
        temperatures: label of a member -> temperature its scores were made with.
    """

    data: str
    cases: Sequence[Case]
    temperatures: Mapping[str, float]


@dataclass(frozen=True)
class View:
    """Volumes as one member saw them; all arrays of shape (n,).

    Attributes:
        target: bool, whether the truth is what the member is trained to claim.
        logits: per volume, float64, shape (slices,): log odds of its slices at temperature 1.
        run: int, index of the run.
    """

    target: NDArray[np.bool_]
    logits: Sequence[NDArray[np.float64]]
    run: NDArray[np.int64]

    def scores(self, heat: float = 1.0) -> NDArray[np.float64]:
        """Mean over the slices of the softmax value at a temperature: float64, shape (n,)."""
        return np.array([np.mean(1 / (1 + np.exp(-each / heat))) for each in self.logits])

    def claims(self, heat: float = 1.0) -> NDArray[np.bool_]:
        """Whether each volume would be claimed at each threshold of GRID: bool, shape (n, len(GRID))."""
        majority = np.array([2 * np.count_nonzero(each > 0) > each.size for each in self.logits])
        return majority[:, None] & (self.scores(heat)[:, None] >= GRID)


def view(label: str, runs: Sequence[Run]) -> View:
    """What a member said of the volumes it was asked about; T1ce only divides what is T1-weighted."""
    targets = TARGETS.get(label, (label,))
    among = (REFINED, REFINEMENT) if label == REFINEMENT else None
    target, logits, number = [], [], []
    for index, run in enumerate(runs):
        heat = run.temperatures.get(label, 1.0)
        for case in run.cases:
            if label not in case.slice_scores or (among and case.truth not in among):
                continue
            # softmax in float32 can reach 0 and 1, whose log odds are infinite
            score = np.clip(np.asarray(case.slice_scores[label], dtype=np.float64), 1e-7, 1 - 1e-7)
            logits.append(np.log(score / (1 - score)) * heat)
            target.append(case.truth in targets)
            number.append(index)
    return View(np.array(target, dtype=bool), logits, np.array(number, dtype=np.int64))


def rates(
    claims: NDArray[np.bool_], seen: View, weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sensitivity and specificity at each threshold, each run of weight weighing the same.

    Args:
        claims: bool, shape (n, thresholds).
        weight: how often each volume counts, shape (n,).

    Returns:
        Two float64 arrays, shape (thresholds,), in [0, 1]; NaN where there is no such volume.
    """

    def mean(of: NDArray[np.bool_], hits: NDArray[np.bool_]) -> NDArray[np.float64]:
        shares = []
        for run in np.unique(seen.run):
            own = weight * (of & (seen.run == run))
            if own.sum():
                shares.append(own @ hits / own.sum())
        return np.mean(shares, axis=0) if shares else np.full(claims.shape[1], np.nan)

    return mean(seen.target, claims), mean(~seen.target, ~claims)


def best_range(quality: NDArray[np.float64]) -> tuple[int, int]:
    """First and last index of the longest stretch of thresholds that are equally best."""
    best = np.flatnonzero(quality >= quality.max() - 1e-9)
    stretches = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    longest = max(stretches, key=len)
    return int(longest[0]), int(longest[-1])


def resample(claims: NDArray[np.bool_], seen: View, seed: int = 0) -> tuple[NDArray[np.float64], float]:
    """Thresholds that other samples of the same kind would have chosen.

    Volumes are drawn with replacement within each run, targets and others apart. Each sample chooses the
    middle of its best range.

    Returns:
        The chosen thresholds, float64, shape (RESAMPLES,); and the mean quality of those thresholds on the
        volumes that were not drawn, which is what a new sample would give (NaN where nothing was left out).
    """
    draw = np.random.default_rng(seed)
    strata = [
        np.flatnonzero((seen.run == run) & (seen.target == target))
        for run in np.unique(seen.run)
        for target in (True, False)
    ]
    chosen, unseen = [], []
    for _ in range(RESAMPLES):
        weight = np.zeros(len(seen.target))
        for members in strata:
            if len(members):
                np.add.at(weight, draw.choice(members, len(members)), 1.0)
        sensitivity, specificity = rates(claims, seen, weight)
        low, high = best_range((sensitivity + specificity) / 2)
        chosen.append(GRID[(low + high) // 2])
        left = rates(claims[:, [(low + high) // 2]], seen, (weight == 0).astype(float))
        unseen.append(float(np.mean(left)))
    return np.array(chosen), float(np.nanmean(unseen)) if np.isfinite(unseen).any() else float("nan")


def one_bundle(label: str, runs: Sequence[Run], now: float, heat_now: float, apply: bool) -> dict[str, Any]:
    """Threshold of one bundle with its curve, histograms and reliability.

    Args:
        label: of the bundle.
        runs: what is known.
        now: its present threshold; kept where there is nothing to choose on, and by the T1ce bundle.
        heat_now: its present temperature.
        apply: take the fitted temperature over, and choose on the scores it gives.
    """
    seen = view(label, runs)
    counts = {
        name: dict(Counter(runs[run].data for run in seen.run[seen.target == wanted]))
        for name, wanted in (("targets", True), ("others", False))
    }
    if not counts["targets"] or not counts["others"]:
        return {"threshold": now, "temperature": heat_now, "kept": "no volumes to choose on", **counts}
    fitted = temperature(seen.logits, seen.target, seen.run)
    heat = fitted["fitted"] if apply else heat_now
    claims, score = seen.claims(heat), seen.scores(heat)
    sensitivity, specificity = rates(claims, seen, np.ones(len(score)))
    quality = (sensitivity + specificity) / 2
    low, high = best_range(quality)
    samples, unseen = resample(claims, seen)
    chosen = now if label == REFINEMENT else round(float(np.median(samples)), 2)
    at = int(np.argmin(abs(GRID - chosen)))
    return {
        "threshold": chosen,
        "temperature": heat,
        **({"kept": "T1ce only divides what T1w won: the majority decides"} if label == REFINEMENT else {}),
        **counts,
        "best": [float(GRID[low]), float(GRID[high])],
        "resampled": [round(float(np.quantile(samples, q)), 2) for q in (0.05, 0.5, 0.95)],
        "quality": round(float(quality[at]), 4),
        "quality_unseen": None if np.isnan(unseen) else round(unseen, 4),
        "at": {
            name: _at(runs, claims[:, int(np.argmin(abs(GRID - value)))], seen)
            for name, value in (("chosen", chosen), ("paper", PAPER))
        },
        "curve": {
            "threshold": GRID.tolist(),
            "sensitivity": np.round(sensitivity, 4).tolist(),
            "specificity": np.round(specificity, 4).tolist(),
        },
        "histogram": histogram(score, claims[:, 0], seen.target),
        "scores": {
            "temperature": fitted,
            "reliability": {
                "before": reliability(seen.scores(heat_now), seen.target),
                "after": reliability(seen.scores(fitted["fitted"]), seen.target),
            },
        },
    }


def _at(runs: Sequence[Run], claimed: NDArray[np.bool_], seen: View) -> dict[str, Any]:
    """Sensitivity and specificity on each kind of data, with their intervals."""
    found = {}
    kind = np.array([runs[run].data for run in seen.run])
    for data in sorted(set(kind)):
        target, other = claimed[(kind == data) & seen.target], ~claimed[(kind == data) & ~seen.target]
        found[data] = {
            "sensitivity": proportion(int(target.sum()), len(target)),
            "specificity": proportion(int(other.sum()), len(other)),
        }
    return found


def histogram(
    score: NDArray[np.float64], claimed: NDArray[np.bool_], target: NDArray[np.bool_]
) -> dict[str, Any]:
    """Volumes per bin of 0.01 of the score, empty bins left out, as [lower edge, number].

    right: claimed by the majority of its slices, and rightly; wrong: claimed wrongly; missed: a target that
    the majority did not claim; refused: another that it did not claim.
    """
    edge = np.minimum(np.floor(np.round(score / BIN, 9)).astype(int), round(1 / BIN) - 1)
    kinds = {
        "right": claimed & target, "wrong": claimed & ~target,
        "missed": ~claimed & target, "refused": ~claimed & ~target,
    }  # fmt: skip
    return {
        "bin": BIN,
        **{
            name: [[round(int(at) * BIN, 2), int(n)] for at, n in sorted(Counter(edge[chosen]).items())]
            for name, chosen in kinds.items()
        },
    }


def decided(run: Run, thresholds: Mapping[str, float], heats: Mapping[str, float]) -> list[Case]:
    """Cases of a run as the ensemble would decide with other thresholds and temperatures.

    A volume that T1w wins only now was never asked about T1ce, and stays T1w.
    """
    found = []
    for case in run.cases:
        if case.predicted == UNREADABLE:
            found.append(case)
            continue
        slices = {
            name: _reheated(values, run.temperatures.get(name, 1.0) / heats.get(name, 1.0))
            for name, values in case.slice_scores.items()
        }
        refined = slices.pop(REFINEMENT, None)
        vote = decide(slices, thresholds, refined)
        found.append(
            replace(
                case, predicted=vote.label, score=vote.score, scores=vote.scores, candidates=vote.candidates
            )
        )
    return found


def _reheated(values: Sequence[float], factor: float) -> NDArray[np.float64]:
    score = np.asarray(values, dtype=np.float64)
    if factor == 1.0:
        return score
    odds = np.log(np.clip(score, 1e-7, 1 - 1e-7) / np.clip(1 - score, 1e-7, 1 - 1e-7))
    return np.asarray(1 / (1 + np.exp(-odds * factor)))


def together(run: Run, thresholds: Mapping[str, float], heats: Mapping[str, float]) -> dict[str, Any]:
    """Accuracy of the whole ensemble on a run: as it was, and with the thresholds chosen."""

    def figures(cases: Sequence[Case]) -> dict[str, Any]:
        return {
            "accuracy": accuracy(cases),
            "accuracy_of_the_six": accuracy([case for case in cases if case.truth in SIX]),
            "refusal_of_other": accuracy([case for case in cases if case.truth == labels.OTHER]),
        }

    return {
        "data": run.data,
        "n": len(run.cases),
        "before": figures(run.cases),
        "chosen": figures(decided(run, thresholds, heats)),
    }
