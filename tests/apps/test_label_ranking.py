"""Which series is offered next."""

from __future__ import annotations

from typing import Any

from lib.ranking import queue, rank

MEMBERS = {"mrclass_t1w": {"version": "1", "sha256": "aa"}}
THRESHOLDS = {"t1w": 0.6, "t2w": 0.7}


def answer(t1w: float, t2w: float, **other: Any) -> dict[str, Any]:
    candidates = [label for label, score in (("t1w", t1w), ("t2w", t2w)) if score >= THRESHOLDS[label]]
    volume = {
        "scores": {"t1w": t1w, "t2w": t2w},
        "candidates": candidates,
        "conflict": len(candidates) > 1,
        **other,
    }
    return {"members": MEMBERS, "thresholds": THRESHOLDS, "volumes": [volume]}


def order(answers: dict[str, Any], images: str, skip: str = "") -> list[str]:
    return [one.image for one in queue(images, answers, MEMBERS, skip)]


def test_conflicts_come_first_then_scores_near_a_threshold_then_what_nobody_looked_at() -> None:
    answers = {
        "a": answer(0.99, 0.01),
        "b": answer(0.61, 0.01),
        "c": answer(0.99, 0.98),
        "d": answer(0.3, 0.66),
    }
    assert order(answers, "abcde") == ["c", "b", "d", "a", "e"]


def test_the_reason_names_the_member_its_score_and_its_threshold() -> None:
    assert rank("a", answer(0.61, 0.01), MEMBERS).reason == "T1w scores 0.61, near its threshold 0.60"
    assert rank("a", answer(0.01, 0.01), MEMBERS).reason == "T1w scores 0.01, nearest to its threshold 0.60"
    assert rank("a", answer(0.9, 0.9), MEMBERS).reason == "members disagree: T1w and T2w both claim it"


def test_a_t1w_that_may_be_t1ce_is_near_too() -> None:
    unsure = answer(0.99, 0.01, scores={"t1w": 0.99, "t2w": 0.01, "t1ce": 0.52})
    assert rank("a", unsure, MEMBERS).margin == 0.02
    assert rank("a", unsure, MEMBERS).reason == "T1ce scores 0.52, near its threshold 0.50"


def test_the_least_sure_volume_of_a_series_counts() -> None:
    both = answer(0.99, 0.01)
    both["volumes"] += answer(0.62, 0.01)["volumes"]
    assert rank("a", both, MEMBERS).margin == 0.02


def test_an_answer_of_other_weights_does_not_count() -> None:
    stale = {**answer(0.61, 0.01), "members": {"mrclass_t1w": {"version": "1", "sha256": "bb"}}}
    assert (
        rank("a", stale, MEMBERS).reason == "the bundles changed since it was looked at: run batch inference"
    )
    assert rank("a", None, MEMBERS).reason == "not looked at yet: run batch inference"


def test_what_cannot_be_read_and_what_is_to_be_skipped_is_not_offered() -> None:
    unreadable = {"members": MEMBERS, "thresholds": THRESHOLDS, "volumes": [], "reason": "truncated"}
    answers = {"a": answer(0.99, 0.01), "b": unreadable, "c": answer(0.9, 0.9)}
    assert order(answers, "abc", skip="c") == ["a"]
