"""Volumes of known label -> what the figures of an evaluation are drawn from; pure numpy, no files.

Histograms of right and wrong scores of each member, reliability of the scores, and the refusal curve. Source:
paper, section 2.4 (histogram of the probabilities of rightly and wrongly labelled images, bin 0.01); Guo et
al., ICML 2017 (reliability); El-Yaniv and Wiener, JMLR 2010 (accuracy against what is refused).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrclass import labels
from mrclass.calibrate import histogram
from mrclass.evaluate import UNREADABLE, Case, asked, claims, targets
from mrclass.reliability import reliability
from mrclass.stats import proportion

POINTS = 200  # of a refusal curve; of more distinct scores some are left out, evenly


def measure(cases: Sequence[Case], members: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the figures are drawn from.

    Args:
        cases: of one run.
        members: bundle name -> label and threshold, as the run kept them.

    Returns:
        `scores`: label of a member -> threshold (None where the run did not keep it), histogram, reliability;
        `reliability` of the answers; `refusal`, the refusal curve.
    """
    limits = {
        str(member["label"]): member.get("threshold") for member in members.values() if "label" in member
    }
    names = {name for case in cases for name in case.scores}
    return {
        "scores": {
            name: _member(name, cases, limits.get(name))
            for name in sorted(names, key=lambda key: (labels.sort_key(key), key))
        },
        "reliability": _of_answers(cases),
        "refusal": refusal(cases),
    }


def _member(name: str, cases: Sequence[Case], threshold: float | None) -> dict[str, Any]:
    """One member by itself, on what it is judged on."""
    looked, wanted = asked(name, cases), targets(name)
    score = np.array([case.scores[name] for case in looked], dtype=np.float64)
    claimed = np.array([claims(name, case) for case in looked], dtype=bool)
    target = np.array([case.truth in wanted for case in looked], dtype=bool)
    return {
        "threshold": threshold,
        "targets": list(wanted),
        "histogram": histogram(score, claimed, target),
        "reliability": _with_intervals(score, target),
    }


def _of_answers(cases: Sequence[Case]) -> dict[str, Any]:
    """How often the label is right at each score it was given with; `other` is no answer."""
    answered = _answered(cases)
    score = np.array([case.score for case in answered], dtype=np.float64)
    return _with_intervals(score, np.array([case.predicted == case.truth for case in answered], dtype=bool))


def _answered(cases: Iterable[Case]) -> list[Case]:
    return [
        case for case in cases if case.predicted not in (UNREADABLE, labels.OTHER) and case.score is not None
    ]


def _with_intervals(score: NDArray[np.float64], hit: NDArray[np.bool_]) -> dict[str, Any]:
    """`reliability.reliability`, with the 95 % Wilson interval of the share of hits in each bin."""
    found = reliability(score, hit)
    counts = ((n, round(n * came)) for _, n, _, came in found["bins"])
    return {**found, "ci95": [proportion(hits, n)["ci95"] for n, hits in counts]}


def refusal(cases: Sequence[Case]) -> dict[str, Any]:
    """Accuracy of the answers against the share of volumes refused, as a bar on the score rises.

    Answers are labels other than `other`; the first point is the run as it is. At each further point the
    answers whose score is below the bar are refused as well.

    Returns:
        n; other: share of volumes that are `other` by the truth, all of which should be refused; and lists of
        one number for each point: bar, refused (share of n), answered and right (counts), accuracy, low, high
        (95 % Wilson interval). Points at which nothing is answered are left out.
    """
    answered = sorted((case.score or 0.0, case.predicted == case.truth) for case in _answered(cases))
    bars = sorted({score for score, _ in answered})
    if len(bars) > POINTS:
        bars = [bars[round(at)] for at in np.linspace(0, len(bars) - 1, POINTS)]
    points: dict[str, list[float]] = {
        name: [] for name in ("bar", "refused", "answered", "right", "accuracy", "low", "high")
    }
    score = np.array([value for value, _ in answered])
    right_from = np.cumsum([hit for _, hit in answered][::-1])[::-1]  # right answers from each place on
    for bar in bars:
        start = int(np.searchsorted(score, bar))
        left, right = len(answered) - start, int(right_from[start])
        share = proportion(right, left)
        refused = round(1 - left / len(cases), 5)
        values = (round(bar, 6), refused, left, right, share["value"], *share["ci95"])
        for column, value in zip(points.values(), values, strict=True):
            column.append(value)
    other = sum(case.truth == labels.OTHER for case in cases)
    return {"n": len(cases), "other": round(other / len(cases), 5) if cases else None, **points}
