"""Thresholds: what each member saw, the best range, resampling, and the ensemble decided anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mrclass import calibrate
from mrclass.calibrate import GRID, Run, one_bundle, view
from mrclass.evaluate import Case

EVENLY = {"t1w": 1.0, "t2w": 1.0, "t1ce": 1.0}


def case(truth: str, name: str = "t2w", *scores: float, **more: Any) -> Case:
    return Case("a", truth, "other", 0.1, {}, (), slice_scores={name: list(scores)}, **more)


def runs(*parts: tuple[str, list[tuple[str, float]]]) -> list[Run]:
    """Runs of volumes of three equal slices: (data, [(truth, score)])."""
    return [Run(data, [case(truth, "t2w", s, s, s) for truth, s in lines], EVENLY) for data, lines in parts]


def test_a_claim_needs_the_majority_of_slices_and_the_mean_score() -> None:
    cases = [case("t2w", "t2w", 0.9, 0.9, 0.315), case("t2w", "t2w", 0.99, 0.4, 0.4)]
    seen = view("t2w", [Run("real", cases, EVENLY)])
    claims = seen.claims()
    assert GRID[claims[0]].max() == 0.70  # the mean of the first is 0.705
    assert not claims[1].any()  # one slice of three is no majority, though the mean is 0.597


def test_t1w_is_right_to_claim_t1ce_and_t1ce_sees_only_what_is_t1_weighted() -> None:
    cases = [case("t1ce", "t1w", 0.9), case("t2w", "t1w", 0.1)]
    assert view("t1w", [Run("real", cases, EVENLY)]).target.tolist() == [True, False]
    asked = [case("t1ce", "t1ce", 0.9), case("t1w", "t1ce", 0.1), case("flair", "t1ce", 0.8)]
    assert view("t1ce", [Run("real", asked, EVENLY)]).target.tolist() == [True, False]


def test_scores_are_taken_back_to_temperature_one() -> None:
    seen = view("t2w", [Run("real", [case("t2w", "t2w", 0.8)], {"t2w": 2.0})])
    assert seen.scores(2.0)[0] == pytest.approx(0.8)
    assert seen.scores(1.0)[0] == pytest.approx(16 / 17)  # log odds of 0.8 are log 4; twice that is log 16


def test_each_run_weighs_the_same_whatever_its_size() -> None:
    many = [("t2w", 0.3)] * 9 + [("adc", 0.9)]
    seen = view("t2w", runs(("real", [("t2w", 0.9), ("adc", 0.1)]), ("simulated", many)))
    sensitivity, specificity = calibrate.rates(seen.claims(), seen, np.ones(12))
    assert sensitivity[0] == 0.5  # all of one run, none of the other
    assert specificity[0] == 0.5


def test_a_run_without_targets_still_speaks_for_specificity() -> None:
    seen = view("t2w", runs(("real", [("adc", 0.9)]), ("simulated", [("t2w", 0.9), ("adc", 0.1)])))
    sensitivity, specificity = calibrate.rates(seen.claims(), seen, np.ones(3))
    assert (sensitivity[0], specificity[0]) == (1.0, 0.5)


def test_the_best_range_is_the_longest_of_equals() -> None:
    assert calibrate.best_range(np.array([0.9, 1, 0.9, 1, 1, 1, 0.2])) == (3, 5)
    assert calibrate.best_range(np.array([1.0, 1, 0.2])) == (0, 1)


def test_the_threshold_stands_in_the_middle_between_right_and_wrong() -> None:
    lines = [("t2w", 0.905)] * 5 + [("adc", 0.605)] * 5 + [("flair", 0.1)] * 5
    one = one_bundle("t2w", runs(("real", lines)), 0.5, 1.0, False)
    assert one["best"] == [0.61, 0.9]
    assert one["threshold"] == 0.75  # of 0.61 to 0.90
    assert (one["quality"], one["quality_unseen"]) == (1.0, 1.0)
    assert one["at"]["chosen"]["real"]["specificity"]["hits"] == 10
    assert one["at"]["paper"]["real"]["sensitivity"]["hits"] == 0


def test_one_odd_volume_does_not_pull_the_threshold_to_itself() -> None:
    # the adc at 0.975 alone pushes the best range to the end of the grid
    lines = [("t2w", 0.995)] * 20 + [("adc", 0.555)] * 4 + [("adc", 0.2)] * 40 + [("adc", 0.975)]
    one = one_bundle("t2w", runs(("real", lines)), 0.5, 1.0, False)
    assert one["best"] == [0.98, 0.99]
    low, middle, high = one["resampled"]
    assert low < 0.9 < high, "samples without the odd volume choose a lower threshold"
    assert one["threshold"] == middle


def test_without_targets_or_others_the_threshold_stays() -> None:
    one = one_bundle("t2w", runs(("real", [("adc", 0.6)])), 0.83, 1.5, True)
    assert (one["threshold"], one["temperature"], one["kept"]) == (0.83, 1.5, "no volumes to choose on")


def test_t1ce_keeps_its_majority() -> None:
    cases = [case("t1ce", "t1ce", 0.9)] * 3 + [case("t1w", "t1ce", 0.7)] * 3
    one = one_bundle("t1ce", [Run("real", cases, EVENLY)], 0.5, 1.0, False)
    assert one["threshold"] == 0.5
    assert one["histogram"]["wrong"] == [[0.7, 3]]


def test_the_histogram_counts_right_wrong_missed_and_refused() -> None:
    score = np.array([0.97, 0.97, 0.61, 0.4, 0.1, 1.0])
    target = np.array([True, True, False, True, False, True])
    found = calibrate.histogram(score, score > 0.5, target)
    assert found["right"] == [[0.97, 2], [0.99, 1]]  # the last bin holds 1 as well
    assert (found["wrong"], found["missed"], found["refused"]) == ([[0.61, 1]], [[0.4, 1]], [[0.1, 1]])


def test_the_ensemble_is_decided_anew_with_other_thresholds() -> None:
    low = Case("a", "t2w", "other", 0.7, {}, (), slice_scores={"t2w": [0.7] * 3, "t1w": [0.1] * 3})
    broken = Case("b", "t2w", "unreadable")
    run = Run("real", [low, broken], EVENLY)
    again = calibrate.decided(run, {"t2w": 0.6, "t1w": 0.6}, EVENLY)
    assert [one.predicted for one in again] == ["t2w", "unreadable"]
    both = calibrate.together(run, {"t2w": 0.6, "t1w": 0.6}, EVENLY)
    assert (both["before"]["accuracy"]["hits"], both["chosen"]["accuracy"]["hits"]) == (0, 1)


def test_a_volume_that_t1w_wins_is_divided_by_the_scores_of_t1ce() -> None:
    slices = {"t1w": [0.9] * 3, "t1ce": [0.8] * 3}
    run = Run("real", [Case("a", "t1ce", "t1w", slice_scores=slices)], EVENLY)
    assert calibrate.decided(run, {"t1w": 0.5}, EVENLY)[0].predicted == "t1ce"


def test_the_choice_is_the_same_every_time() -> None:
    draw = np.random.default_rng(1)
    lines = [("t2w", s) for s in draw.uniform(0.4, 1, 30)] + [("adc", s) for s in draw.uniform(0, 0.8, 30)]
    first, second = (one_bundle("t2w", runs(("real", lines)), 0.5, 1.0, False) for _ in range(2))
    assert first == second
    assert first["quality_unseen"] < first["quality"]
