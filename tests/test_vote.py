"""Each rule of the vote, on scores that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from mrclass.vote import decide

THRESHOLDS = {"t1w": 0.6, "t2w": 0.6, "flair": 0.6, "adc": 0.6, "swi": 0.6}


def slices(yes: int, high: float = 0.9, low: float = 0.1, of: int = 10) -> list[float]:
    """`yes` slices with the high score, the rest with the low one."""
    return [high] * yes + [low] * (of - yes)


def test_the_only_member_over_its_threshold_names_the_label() -> None:
    decision = decide({"t1w": slices(0), "t2w": slices(10)}, THRESHOLDS)
    assert (decision.label, decision.candidates, decision.conflict) == ("t2w", ("t2w",), False)
    assert decision.score == pytest.approx(0.9)
    assert decision.votes == {"t1w": 0, "t2w": 10}
    assert decision.n_slices == 10


def test_five_of_ten_slices_are_not_a_vote_for_the_label() -> None:
    # mean (5 x 1.0 + 5 x 0.4) / 10 = 0.7 reaches the threshold, the majority is missing
    decision = decide({"t2w": slices(5, high=1.0, low=0.4)}, THRESHOLDS)
    assert decision.scores["t2w"] == pytest.approx(0.7)
    assert (decision.label, decision.candidates) == ("other", ())


def test_six_of_ten_slices_are_the_strict_majority() -> None:
    assert decide({"t2w": slices(6, high=1.0, low=0.4)}, THRESHOLDS).label == "t2w"


def test_a_slice_at_exactly_one_half_does_not_vote() -> None:
    assert decide({"t2w": [0.5] * 10}, {"t2w": 0.1}).votes == {"t2w": 0}


def test_the_threshold_is_held_against_the_mean_of_the_slices() -> None:
    # every slice votes and eight are above 0.6, but the mean is (8 x 0.61 + 2 x 0.51) / 10 = 0.59
    below = decide({"t2w": slices(8, high=0.61, low=0.51)}, THRESHOLDS)
    assert (below.label, below.votes["t2w"]) == ("other", 10)
    # four slices are under the threshold, the mean (6 x 0.9 + 4 x 0.3) / 10 = 0.66 is above it
    assert decide({"t2w": slices(6, high=0.9, low=0.3)}, THRESHOLDS).label == "t2w"


def test_a_mean_equal_to_the_threshold_reaches_it() -> None:
    assert decide({"t2w": [0.75] * 4}, {"t2w": 0.75}).label == "t2w"


def test_each_member_has_its_own_threshold() -> None:
    scores = {"t2w": slices(10, high=0.8), "flair": slices(10, high=0.7)}
    assert decide(scores, {"t2w": 0.85, "flair": 0.65}).label == "flair"


def test_two_members_over_their_thresholds_report_a_conflict_and_the_higher_score_wins() -> None:
    decision = decide({"t2w": slices(10, high=0.8), "flair": slices(10, high=0.9)}, THRESHOLDS)
    assert (decision.label, decision.conflict, decision.candidates) == ("flair", True, ("flair", "t2w"))


def test_equal_scores_go_by_the_order_of_the_label_table() -> None:
    decision = decide({"swi": slices(10), "adc": slices(10), "flair": slices(10)}, THRESHOLDS)
    assert decision.candidates == ("flair", "adc", "swi")
    assert (decision.label, decision.conflict) == ("flair", True)


def test_no_candidate_is_other_with_the_highest_score_of_all() -> None:
    decision = decide({"t1w": slices(2), "t2w": slices(4)}, THRESHOLDS)
    assert (decision.label, decision.conflict) == ("other", False)
    assert decision.score == pytest.approx(0.42)  # (4 x 0.9 + 6 x 0.1) / 10


def test_t1ce_takes_over_where_t1w_won() -> None:
    decision = decide({"t1w": slices(10), "t2w": slices(0)}, THRESHOLDS, refined=slices(7, high=0.8, low=0.3))
    assert (decision.label, decision.votes["t1ce"]) == ("t1ce", 7)
    assert decision.score == decision.scores["t1ce"] == pytest.approx(0.65)
    assert (decision.candidates, decision.conflict) == (("t1w",), False)


def test_t1ce_needs_the_strict_majority_of_its_slices() -> None:
    # mean (5 x 1.0 + 5 x 0.4) / 10 = 0.7, but 5:5
    decision = decide({"t1w": slices(10)}, THRESHOLDS, refined=slices(5, high=1.0, low=0.4))
    assert (decision.label, decision.score) == ("t1w", pytest.approx(0.9))
    assert decision.scores["t1ce"] == pytest.approx(0.7)


def test_t1ce_needs_a_mean_above_one_half() -> None:
    # six votes, mean (6 x 0.6 + 4 x 0.1) / 10 = 0.4
    assert decide({"t1w": slices(10)}, THRESHOLDS, refined=slices(6, high=0.6, low=0.1)).label == "t1w"


def test_t1ce_says_nothing_where_t1w_did_not_win() -> None:
    decision = decide({"t1w": slices(10, high=0.7), "flair": slices(10)}, THRESHOLDS, refined=slices(10))
    assert decision.label == "flair"
    assert "t1ce" not in decision.scores and "t1ce" not in decision.votes


def test_t1ce_says_nothing_where_t1w_misses_its_threshold() -> None:
    assert decide({"t1w": slices(4)}, THRESHOLDS, refined=slices(10)).label == "other"


def test_a_seventh_label_joins_the_choice_of_the_highest_score() -> None:
    scores = {"t2w": slices(10, high=0.8), "tof": slices(10, high=0.95)}
    decision = decide(scores, THRESHOLDS | {"tof": 0.9})
    assert (decision.label, decision.conflict) == ("tof", True)


def test_a_seventh_label_of_equal_score_comes_after_the_six() -> None:
    assert decide({"aaa": slices(10), "swi": slices(10)}, THRESHOLDS | {"aaa": 0.6}).label == "swi"


def test_a_single_slice_is_enough() -> None:
    decision = decide({"t2w": [0.9]}, THRESHOLDS)
    assert (decision.label, decision.n_slices) == ("t2w", 1)


def test_arrays_and_lists_decide_alike() -> None:
    assert decide({"t2w": np.full(10, 0.75, np.float32)}, THRESHOLDS) == decide(
        {"t2w": [0.75] * 10}, THRESHOLDS
    )


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ({}, "No member"),
        ({"t2w": []}, "at least one"),
        ({"t2w": [0.5, float("nan")]}, r"\[0, 1\]"),
        ({"t2w": [1.2]}, r"\[0, 1\]"),
        ({"t2w": [0.5], "flair": [0.5, 0.5]}, "different numbers of slices"),
        ({"tof": [0.5]}, "No threshold for tof"),
    ],
)
def test_scores_that_cannot_be_voted_on_are_named(scores: dict[str, list[float]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decide(scores, THRESHOLDS)


def test_refining_scores_of_another_slab_are_refused() -> None:
    with pytest.raises(ValueError, match="t1ce looked at 9 slices"):
        decide({"t1w": slices(10)}, THRESHOLDS, refined=[0.9] * 9)
