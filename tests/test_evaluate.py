"""Figures small enough to check by hand, and the join of a truth CSV with a run."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from mrclass import evaluate, truth
from mrclass.errors import LedgerError, UsageError
from mrclass.evaluate import Case, measure
from mrclass.ledger import Ledger
from mrclass.stats import auc, proportion, wilson

# Three T1w of which one is missed, one T2w, two others of which one is claimed by T1w.
CASES = [
    Case("a", "t1w", "t1w", 0.9, {"t1w": 0.9, "t1ce": 0.2}, ("t1w",), "north"),
    Case("b", "t1w", "t1ce", 0.8, {"t1w": 0.95, "t1ce": 0.8}, ("t1w",), "north"),
    Case("c", "t1w", "other", 0.3, {"t1w": 0.3}, (), "south"),
    Case("d", "t2w", "t2w", 0.9, {"t1w": 0.1, "t2w": 0.9}, ("t2w",), "south"),
    Case("e", "other", "other", 0.2, {"t1w": 0.2}, (), "south"),
    Case("f", "other", "t1w", 0.7, {"t1w": 0.7, "t2w": 0.6}, ("t1w", "t2w"), "south"),
    Case("g", "t1ce", "t1ce", 0.9, {"t1w": 0.99, "t1ce": 0.9}, ("t1w",), "north"),
]


def test_the_interval_of_the_papers_errors_is_the_one_its_matrix_gives() -> None:
    low, high = wilson(11333 - 424, 11333)
    assert (round(100 * low, 2), round(100 * high, 2)) == (95.89, 96.59)


@pytest.mark.parametrize(
    ("hits", "n", "bounds"), [(0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (5, 10, (0.2366, 0.7634))]
)
def test_the_interval_stays_between_none_and_all(hits: int, n: int, bounds: tuple[float, float]) -> None:
    assert tuple(round(bound, 4) for bound in wilson(hits, n)) == bounds


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_a_proportion_of_nothing_is_refused(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="wanted"):
        wilson(hits, n)


def test_a_table_shows_nothing_where_there_was_nothing_to_count() -> None:
    assert proportion(0, 0) == {"value": None, "hits": 0, "n": 0, "ci95": None}


def test_the_area_counts_pairs_in_order_and_half_of_ties() -> None:
    # pairs: .9 above .5 and .8, .6 above .5 and below .8; then .6 ties with .6
    assert auc([0.9, 0.6], [0.5, 0.8]) == 3 / 4
    assert auc([0.6], [0.6, 0.1]) == 1.5 / 2
    assert auc([0.5], []) is None


def test_sensitivity_is_the_recall_of_the_target_and_specificity_that_of_the_rest() -> None:
    t1w = measure(CASES)["labels"]["t1w"]
    assert (t1w["sensitivity"]["hits"], t1w["sensitivity"]["n"]) == (1, 3)
    assert (t1w["specificity"]["hits"], t1w["specificity"]["n"]) == (3, 4), "f alone is taken for T1w"


def test_accuracy_is_told_for_all_for_the_six_and_for_other() -> None:
    figures = measure(CASES)
    found = [figures[name] for name in ("accuracy", "accuracy_of_the_six", "refusal_of_other")]
    assert [(one["hits"], one["n"]) for one in found] == [(4, 7), (3, 5), (1, 2)]
    assert found[0]["value"] == 0.57143


def test_the_confusion_matrix_has_the_truth_in_rows() -> None:
    matrix = measure(CASES)["confusion"]
    t1w = dict(zip(matrix["columns"], matrix["raw"][matrix["rows"].index("t1w")], strict=True))
    assert {label: n for label, n in t1w.items() if n} == {"t1w": 1, "t1ce": 1, "other": 1}
    shares = dict(
        zip(matrix["columns"], matrix["row_normalised"][matrix["rows"].index("other")], strict=True)
    )
    assert (shares["t1w"], shares["other"]) == (0.5, 0.5)


def test_a_row_of_no_volume_has_no_shares() -> None:
    matrix = measure(CASES)["confusion"]
    assert set(matrix["row_normalised"][matrix["rows"].index("swi")]) == {None}


def test_the_t1w_member_is_right_to_claim_t1ce() -> None:
    member = measure(CASES)["members"]["t1w"]
    assert member["targets"] == ["t1w", "t1ce"]
    assert (member["sensitivity"]["hits"], member["sensitivity"]["n"]) == (3, 4)
    assert (member["specificity"]["hits"], member["specificity"]["n"]) == (2, 3)
    # positives .9 .95 .3 .99, negatives .1 .2 .7: 3 x 3 pairs, and .3 above two of three
    assert member["auc"] == round(11 / 12, 4)


def test_t1ce_is_ranked_against_t1w_where_it_was_asked() -> None:
    refined = measure(CASES)["t1w_against_t1ce"]
    assert (refined["n_t1ce"], refined["n_t1w"], refined["auc"]) == (1, 2, 1.0)


def test_an_unreadable_volume_is_an_error_of_its_label_alone() -> None:
    figures = measure([*CASES, Case("h", "t2w", "unreadable", note="truncated")])
    assert (figures["labels"]["t2w"]["sensitivity"]["hits"], figures["labels"]["t2w"]["n"]) == (1, 2)
    assert figures["labels"]["t1w"]["specificity"]["hits"] == 4
    assert figures["unreadable"] == 1
    assert figures["confusion"]["columns"][-1] == "unreadable"
    assert figures["errors"][-1]["note"] == "truncated"


def test_conflicts_sources_and_errors_are_listed() -> None:
    figures = measure(CASES)
    assert figures["conflicts"] == 1
    assert {name: (one["hits"], one["n"]) for name, one in figures["sources"].items()} == {
        "north": (2, 3), "south": (2, 4),
    }  # fmt: skip
    assert [error["file"] for error in figures["errors"]] == ["b", "c", "f"]


def test_the_table_shows_labels_in_their_spelling_and_every_error() -> None:
    text = evaluate.table(measure([*CASES, Case("h", "t2w", "unreadable")]))
    assert "T1w         3  33.3 % [6.1, 79.2]" in text
    assert "accuracy: 50.0 % [21.5, 78.5], 4 of 8" in text
    for name in "bcfh":
        assert any(line.endswith(f" {name}") for line in text.splitlines())


# ---- the join


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run over tmp_path/data: a name in two folders, a DICOM series, an unreadable and a skipped one."""
    (tmp_path / "out").mkdir()
    with Ledger(tmp_path / "out" / "mrclass.sqlite") as book:
        for source, status, label in (
            ("north/a.nii", "done", "t1w"), ("south/a.nii", "done", "t2w"),
            ("dicom/s1/images", "done", "flair"), ("b.nii", "unreadable", ""), ("c.nii", "skipped", ""),
        ):  # fmt: skip
            head = {"series_key": source, "status": status, "source": source, "fingerprint": "",
                    "root": str(tmp_path / "data")}  # fmt: skip
            book.finish(head, [{"label": label, "score": 0.9, "scores": {"t1w": 0.9}}] if label else [])
        member = {"version": "1.0.0", "sha256": "aa", "label": "t1w", "threshold": 0.7}
        book.set_meta("members", {"mrclass_t1w": member})
    (tmp_path / "data").mkdir()
    return tmp_path


def known(folder: Path, *lines: str, **more: Any) -> truth.Truth:
    (folder / "data" / "truth.csv").write_text("\n".join(["file,label,source,role", *lines]) + "\n")
    return truth.Truth(folder / "data" / "truth.csv", **more)


def test_files_are_found_below_the_folder_of_the_csv(folder: Path) -> None:
    figures = truth.evaluate(folder / "out", known(folder, "north/a.nii,T1w,,", "south/a.nii,T1w,,"), "real")
    assert [(error["file"], error["predicted"]) for error in figures["errors"]] == [("south/a.nii", "t2w")]
    assert (figures["n"], figures["missing"], figures["rows_without_truth"]) == (2, [], 2)


def test_a_folder_of_the_truth_stands_for_the_series_in_it(folder: Path) -> None:
    figures = truth.evaluate(folder / "out", known(folder, "dicom/s1,FLAIR,,"), "real")
    assert figures["labels"]["flair"]["sensitivity"]["hits"] == 1


def two_in_one_folder(folder: Path) -> None:
    """Two series whose files alternate in one folder, as a PACS may export them."""
    with Ledger(folder / "out" / "mrclass.sqlite") as book:
        for key, label in (("one", "t1w"), ("two", "t2w")):
            head = {"series_key": key, "status": "done", "source": "loose", "fingerprint": "",
                    "root": str(folder / "data")}  # fmt: skip
            book.finish(head, [{"label": label, "score": 0.9, "scores": {label: 0.9}}])
    names = ("loose/IM1,one", "loose/IM2,two", "loose/IM3,one", "loose/=IM4,two", "loose/notes.txt,")
    (folder / "out" / "files.csv").write_text("\n".join(["file,series_key", *names]) + "\n")


def test_a_file_stands_for_its_series_where_several_share_a_folder(folder: Path) -> None:
    two_in_one_folder(folder)
    figures = truth.evaluate(folder / "out", known(folder, "loose/IM1,T1w,,", "loose/IM2,FLAIR,,"), "real")
    assert (figures["n"], figures["missing"]) == (2, [])
    assert [(error["truth"], error["predicted"]) for error in figures["errors"]] == [("flair", "t2w")]


def test_a_file_comes_before_the_folder_it_lies_in(folder: Path) -> None:
    two_in_one_folder(folder)
    figures = truth.evaluate(folder / "out", known(folder, "loose,T1w,,", "loose/IM2,T2w,,"), "real")
    assert (figures["n"], figures["accuracy"]["hits"]) == (2, 2)


def test_files_of_one_series_cannot_have_two_labels(folder: Path) -> None:
    two_in_one_folder(folder)
    with pytest.raises(UsageError, match="loose/IM1 is T1w in the truth and loose/IM3 is T2w, but they are"):
        truth.evaluate(folder / "out", known(folder, "loose/IM1,T1w,,", "loose/IM3,T2w,,"), "real")


@pytest.mark.parametrize(
    ("first", "second"),
    [("north/a.nii", "north/a.nii"), ("north/a.nii", "south/../north/a.nii"), ("b.nii", "./b.nii")],
)
def test_one_file_cannot_have_two_labels(folder: Path, first: str, second: str) -> None:
    words = f"{first} is T1w in the truth and {second} is T2w, but both lines are about one file"
    with pytest.raises(UsageError, match=re.escape(words)):
        truth.evaluate(folder / "out", known(folder, f"{first},T1w,,", f"{second},T2w,,"), "real")


def test_a_line_given_twice_is_one_case_and_not_missing(folder: Path) -> None:
    figures = truth.evaluate(folder / "out", known(folder, *["north/a.nii,T1w,,"] * 2), "real")
    assert (figures["n"], figures["missing"]) == (1, [])


def test_the_root_can_be_named(folder: Path) -> None:
    lines = known(folder, "data/north/a.nii,T1w,,", root=folder)
    assert truth.evaluate(folder / "out", lines, "real")["accuracy"]["hits"] == 1


def test_files_without_a_row_are_listed_and_unreadable_ones_count_as_errors(folder: Path) -> None:
    figures = truth.evaluate(
        folder / "out", known(folder, "b.nii,T2w,,", "z.nii,T2w,,", "c.nii,other,,"), "real"
    )
    assert (figures["missing"], figures["n"], figures["unreadable"]) == (["z.nii"], 1, 1)


def test_only_lines_with_the_wanted_value_count(folder: Path) -> None:
    lines = known(
        folder, "north/a.nii,T1w,,train", "south/a.nii,T2w,,validation", where={"role": "validation"}
    )
    assert truth.evaluate(folder / "out", lines, "real")["n"] == 1


def test_the_figures_say_what_they_were_made_from(folder: Path) -> None:
    lines = known(folder, "north/a.nii,T1w,,")
    figures = truth.evaluate(folder / "out", lines, "simulated", "mrclass evaluate out")
    digest = hashlib.sha256(lines.path.read_bytes()).hexdigest()
    assert figures["data"] == "simulated"
    assert figures["made_by"]["truth_sha256"] == digest
    assert figures["made_by"]["command"] == "mrclass evaluate out"
    assert figures["made_by"]["members"] == {
        "mrclass_t1w": {"version": "1.0.0", "sha256": "aa", "label": "t1w", "threshold": 0.7}
    }
    truth.write(figures, folder / "results" / "x.json")
    assert json.loads((folder / "results" / "x.json").read_text()) == figures


def test_a_label_before_a_colon_counts_and_a_strange_one_is_refused_with_the_choices(folder: Path) -> None:
    lines = known(folder, "north/a.nii,other:fMRI,,")
    assert truth.read(lines) == [("north/a.nii", "other", "")]
    with pytest.raises(
        UsageError, match=r"'nonbrain:knee' is not a label; choices are T1w.*--map nonbrain=other"
    ):
        truth.read(known(folder, "north/a.nii,nonbrain:knee,,"))


def test_a_line_without_a_label_is_one_nobody_named(folder: Path) -> None:
    lines = known(folder, "north/a.nii,T1w,,", "north/b.nii,,,")
    assert truth.read(lines) == [("north/a.nii", "t1w", "")]


def test_strange_labels_can_be_given_a_meaning_or_left_out(folder: Path) -> None:
    renamed = {"nonbrain": "other", "invalid": "skip"}
    lines = known(folder, "a,nonbrain:knee,,", "b,invalid:no pixels,,", "c,T1,,", renamed=renamed)
    assert truth.read(lines) == [("a", "other", ""), ("c", "t1w", "")]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"label_column": "class"}, "has no column 'class'; it has: file, label"),
        ({"where": {"split": "test"}}, "has no column 'split'"),
        ({"where": {"role": "test"}}, "no line left"),
    ],
)
def test_a_truth_that_does_not_fit_is_explained(folder: Path, more: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        truth.evaluate(folder / "out", known(folder, "north/a.nii,T1w,,", **more), "real")


def test_a_truth_about_other_files_is_explained(folder: Path) -> None:
    with pytest.raises(UsageError, match="None of the 1 files"):
        truth.evaluate(folder / "out", known(folder, "elsewhere.nii,T1w,,"), "real")


def test_a_folder_without_a_run_is_explained(folder: Path) -> None:
    with pytest.raises(LedgerError, match="is missing"):
        truth.evaluate(folder, known(folder, "north/a.nii,T1w,,"), "real")
