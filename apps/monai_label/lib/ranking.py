"""Which series to label next: those on which the members disagree or of which they are least sure; pure.

Source: uncertainty sampling by margin, here the distance of a member's score from its threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mrclass.labels import display
from mrclass.vote import EVEN, REFINED, REFINEMENT

# Closer than this to its threshold, a score is called near it in the reason.
NEAR = 0.1


@dataclass(frozen=True, order=True)
class Rank:
    """Place of an image in the queue; the smallest comes first.

    Attributes:
        tier: 0 members in conflict, 1 looked at, 2 not looked at by the present members.
        margin: smallest distance of a member's score from its threshold, in [0, 1]; 1 where nothing is known.
        image: id, so that equal ranks have an order.
        reason: one sentence for the person who labels.
    """

    tier: int
    margin: float
    image: str
    reason: str = ""


def rank(image: str, answer: Mapping[str, Any] | None, members: Mapping[str, Any]) -> Rank:
    """Place of one image, by the ensemble's answer for it.

    Args:
        image: id.
        answer: of `Classifier.answer("mrclass", ...)`; None where the ensemble was not asked.
        members: name to version and sha256 of those that serve now: an answer of others does not count.
    """
    if answer is None or answer.get("members") != members:
        stale = "the bundles changed since it was looked at" if answer else "not looked at yet"
        return Rank(2, 1.0, image, f"{stale}: run batch inference")
    volumes = answer.get("volumes") or []
    if not volumes:
        return Rank(3, 1.0, image, str(answer.get("reason") or "no volume"))
    return min(_volume(image, one, answer["thresholds"]) for one in volumes)


def _volume(image: str, volume: Mapping[str, Any], thresholds: Mapping[str, float]) -> Rank:
    distances = {
        label: abs(score - thresholds[label])
        for label, score in volume["scores"].items()
        if label in thresholds
    }
    if REFINEMENT in volume["scores"] and REFINED in volume["candidates"]:
        distances[REFINEMENT] = abs(volume["scores"][REFINEMENT] - EVEN)
    label, margin = min(distances.items(), key=lambda pair: pair[1])
    margin = round(margin, 6)
    if volume["conflict"]:
        named = " and ".join(display(one) for one in volume["candidates"])
        return Rank(0, margin, image, f"members disagree: {named} both claim it")
    score = volume["scores"][label]
    line = thresholds.get(label, EVEN)
    word = "near" if margin < NEAR else "nearest to"
    return Rank(1, margin, image, f"{display(label)} scores {score:.2f}, {word} its threshold {line:.2f}")


def queue(
    images: Iterable[str],
    answers: Mapping[str, Mapping[str, Any]],
    members: Mapping[str, Any],
    skip: Iterable[str] = (),
) -> list[Rank]:
    """All images but those to skip, the one to label next first; unreadable ones are left out."""
    left_out = set(skip)
    ranks = (rank(image, answers.get(image), members) for image in images if image not in left_out)
    return sorted(one for one in ranks if one.tier < 3)
