"""From the slice scores of the members to one decision for a volume; pure numpy, reads and writes nothing.

Source: paper, section 2.4 (majority of ten slices, threshold, highest probability), with what it leaves open
    decided here: the strict majority, the threshold on the mean score, the conflict that is always reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .labels import OTHER, sort_key

# A slice votes for the label when its score is above this: the positive class is the likelier of two.
EVEN = 0.5
REFINED, REFINEMENT = "t1w", "t1ce"


@dataclass(frozen=True)
class Decision:
    """What the members say of one volume.

    Attributes:
        label: key of the label; `other` when no member reaches its threshold.
        score: in [0, 1], of the label; for `other` the highest one-vs-all score, so that 1 - score can be
            read. votes: slices that vote for each member's label, of n_slices. scores: mean score over the
            slices of each member, in [0, 1]. candidates: labels with the strict majority and their threshold
            reached, highest score first. conflict: two or more candidates. n_slices: slices that voted.
    """

    label: str
    score: float
    votes: dict[str, int]
    scores: dict[str, float]
    candidates: tuple[str, ...]
    conflict: bool
    n_slices: int


def decide(
    slice_scores: Mapping[str, ArrayLike],
    thresholds: Mapping[str, float],
    refined: ArrayLike | None = None,
    order: Callable[[str], int] = sort_key,
) -> Decision:
    """Label of one volume from the slice scores of its members.

    A label is a candidate when the strict majority of the slices vote for it (of ten: six) and its score, the
    mean over the slices, reaches its threshold. The candidate of the highest score wins; equal scores go by
    the order of the label table; no candidate means `other`. Where T1w wins, the strict majority of the
    refining scores and a mean above one half make it T1ce.

    Args:
        slice_scores: label key to float, shape (n_slices,), softmax of the positive class, of each one-vs-all
            member. thresholds: label key to the score from which on it counts, in [0, 1]. refined: float,
            shape (n_slices,), softmax of T1ce against T1w. Left aside where T1w does not win. order: position
            of a label, for equal scores.

    Raises:
        ValueError: no member, no slice, slice numbers that differ, a score outside [0, 1], or a missing
            threshold.
    """
    if not slice_scores:
        raise ValueError("No member gave scores; wanted at least one.")
    # sorted once, so that every table below and every tie follows the label table
    members = sorted(slice_scores, key=lambda label: (order(label), label))
    arrays = {label: _scores(label, slice_scores[label]) for label in members}
    counts = {array.size for array in arrays.values()}
    if len(counts) > 1:
        raise ValueError(
            f"Members looked at different numbers of slices: {sorted(counts)}; wanted the same slab."
        )
    missing = [label for label in members if label not in thresholds]
    if missing:
        raise ValueError(f"No threshold for {', '.join(missing)}; wanted one for each member.")

    n_slices = counts.pop()
    votes = {label: int(np.count_nonzero(array > EVEN)) for label, array in arrays.items()}
    scores = {label: float(array.mean()) for label, array in arrays.items()}
    reached = [
        label for label in members if _majority(votes[label], n_slices) and scores[label] >= thresholds[label]
    ]
    candidates = tuple(
        sorted(reached, key=lambda label: -scores[label])
    )  # stable: ties keep the table's order
    label = candidates[0] if candidates else OTHER
    score = scores[label] if candidates else max(scores.values())

    if label == REFINED and refined is not None:
        array = _scores(REFINEMENT, refined)
        if array.size != n_slices:
            raise ValueError(f"{REFINEMENT} looked at {array.size} slices, the others at {n_slices}.")
        votes[REFINEMENT] = int(np.count_nonzero(array > EVEN))
        scores[REFINEMENT] = float(array.mean())
        if _majority(votes[REFINEMENT], n_slices) and scores[REFINEMENT] > EVEN:
            label, score = REFINEMENT, scores[REFINEMENT]
    return Decision(label, score, votes, scores, candidates, len(candidates) > 1, n_slices)


def _majority(votes: int, n_slices: int) -> bool:
    """More than half: five of ten are not."""
    return 2 * votes > n_slices


def _scores(label: str, values: ArrayLike) -> NDArray[np.float64]:
    """One member's slice scores as float64, shape (n_slices,), checked."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"Scores of {label} have shape {array.shape}; wanted one number for each slice, at least one."
        )
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"Scores of {label} run from {array.min():g} to {array.max():g}; wanted [0, 1].")
    return array
