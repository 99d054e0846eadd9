"""What the figures of an evaluation are drawn from, with numbers small enough to check by hand."""

from __future__ import annotations

from typing import Any

import pytest
from mrclass import curves
from mrclass.evaluate import Case
from mrclass.evaluate import measure as tables

CASES = [
    Case("a", "t1w", "t1w", 0.975, {"t1w": 0.975, "t1ce": 0.21}, ("t1w",), "north", plane="axial"),
    Case("b", "t1ce", "t1w", 0.905, {"t1w": 0.905, "t1ce": 0.40}, ("t1w",), "north", plane="axial"),
    Case("c", "t2w", "t2w", 0.805, {"t1w": 0.105, "t2w": 0.805}, ("t2w",), "south", plane="sagittal"),
    Case("d", "t2w", "other", 0.615, {"t1w": 0.105, "t2w": 0.615}, (), "south", plane="axial"),
    Case("e", "other", "t2w", 0.705, {"t1w": 0.005, "t2w": 0.705}, ("t2w",), "south", plane="sagittal"),
    Case("f", "other", "other", 0.305, {"t1w": 0.305, "t2w": 1.0 / 3}, (), "south"),
    Case("g", "flair", "unreadable", None, {}, (), "south"),
]  # fmt: skip
MEMBERS = {
    "mrclass_t1w": {"label": "t1w", "threshold": 0.9, "sha256": "aa"},
    "mrclass_t2w": {"label": "t2w", "threshold": 0.7, "sha256": "bb"},
    "mrclass_t1ce": {"version": "of an earlier run, which kept no label"},
}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return curves.measure(CASES, MEMBERS)


def test_accuracy_is_told_for_each_plane() -> None:
    planes = tables(CASES)["planes"]
    assert {name: (one["hits"], one["n"]) for name, one in planes.items()} == {
        "axial": (1, 3), "sagittal": (1, 2),
    }  # fmt: skip


def test_scores_of_a_member_are_counted_in_bins_of_a_hundredth_by_what_became_of_them(
    found: dict[str, Any],
) -> None:
    assert found["scores"]["t2w"]["histogram"] == {
        "bin": 0.01, "right": [[0.8, 1]], "wrong": [[0.7, 1]], "missed": [[0.61, 1]], "refused": [[0.33, 1]],
    }  # fmt: skip


def test_a_member_carries_the_threshold_of_the_run_where_it_was_kept(found: dict[str, Any]) -> None:
    limits = {name: one["threshold"] for name, one in found["scores"].items()}
    assert limits == {"t1w": 0.9, "t1ce": None, "t2w": 0.7}


def test_t1ce_counts_for_the_t1w_member_and_only_t1_weighted_volumes_for_the_t1ce_member(
    found: dict[str, Any],
) -> None:
    assert found["scores"]["t1w"]["histogram"]["right"] == [[0.9, 1], [0.97, 1]]
    t1ce = found["scores"]["t1ce"]["histogram"]
    assert (t1ce["missed"], t1ce["refused"], t1ce["right"]) == ([[0.4, 1]], [[0.21, 1]], [])


def test_reliability_compares_what_was_said_with_what_came(found: dict[str, Any]) -> None:
    t2w = found["scores"]["t2w"]["reliability"]
    # .3333 no, .615 yes, .705 no, .805 yes
    assert t2w["bins"] == [
        [0.3, 1, 0.3333, 0.0],
        [0.6, 1, 0.615, 1.0],
        [0.7, 1, 0.705, 0.0],
        [0.8, 1, 0.805, 1.0],
    ]
    assert t2w["ci95"][0] == [0.0, 0.79345]


def test_only_answers_count_for_the_reliability_of_the_labels(found: dict[str, Any]) -> None:
    # a right at .975, b wrong at .905, c right at .805, e wrong at .705; d and f are refused, g is unreadable
    assert found["reliability"]["n"] == 4
    assert found["reliability"]["bins"] == [[0.7, 1, 0.705, 0.0], [0.8, 1, 0.805, 1.0], [0.9, 2, 0.94, 0.5]]


def test_raising_the_bar_refuses_the_lowest_scores_first(found: dict[str, Any]) -> None:
    curve = found["refusal"]
    assert curve["bar"] == [0.705, 0.805, 0.905, 0.975]
    assert curve["answered"] == [4, 3, 2, 1]
    assert curve["right"] == [2, 2, 1, 1]
    assert curve["accuracy"] == [0.5, 0.66667, 0.5, 1.0]
    assert curve["refused"] == [0.42857, 0.57143, 0.71429, 0.85714]  # of seven: 3, 4, 5, 6
    assert (curve["n"], curve["other"]) == (7, 0.28571)


def test_equal_scores_are_refused_together() -> None:
    twins = [Case("a", "t1w", "t1w", 0.9, {"t1w": 0.9}), Case("b", "t2w", "t1w", 0.9, {"t1w": 0.9})]
    assert curves.refusal(twins)["answered"] == [2]


def test_a_long_refusal_curve_keeps_its_ends_and_no_more_than_its_points() -> None:
    many = [Case(str(n), "t1w", "t1w", n / 1000, {"t1w": n / 1000}) for n in range(1, 1000)]
    curve = curves.refusal(many)
    assert len(curve["bar"]) == curves.POINTS
    assert (curve["bar"][0], curve["answered"][-1]) == (0.001, 1)


def test_where_nothing_is_answered_there_are_no_points() -> None:
    curve = curves.refusal([Case("a", "t1w", "other", 0.2, {"t1w": 0.2})])
    assert (curve["bar"], curve["n"]) == ([], 1)


def test_errors_carry_source_and_plane() -> None:
    errors = tables(CASES)["errors"]
    assert [(error["source"], error.get("plane")) for error in errors] == [
        ("north", "axial"), ("south", "axial"), ("south", "sagittal"), ("south", None),
    ]  # fmt: skip
