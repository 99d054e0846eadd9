"""The report's tables: CSV, JSON and the terminal's."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from mrclass import report
from mrclass.report import tables
from mrclass.report.text import width
from report_rows import done, mixed, without_volume


def read_csv(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(tables.csv_lines(rows)))))


def test_results_csv_has_one_line_per_volume(tmp_path: Path) -> None:
    report.write(tmp_path, mixed(), {})
    lines = (tmp_path / "results.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 7


def test_csv_columns_are_the_same_whatever_the_rows_hold() -> None:
    assert next(tables.csv_lines([])) == next(tables.csv_lines(mixed()))


def test_csv_holds_scores_votes_and_lists_flat() -> None:
    (row,) = read_csv([done()])
    assert (row["score_t2w"], row["votes_t2w"], row["score_swi"]) == ("0.9876", "9", "")
    assert (row["shape"], row["spacing"], row["conflict"]) == ("256x256x24", "0.9x0.9x5.5", "no")
    assert row["seconds"] == "0.3"
    assert row["members"].split(" | ")[-1] == "mrclass_t2w 1.2.3 cccccccccccc"


def test_a_seventh_member_adds_columns_after_the_six() -> None:
    columns = next(tables.csv_lines([done(scores={"t1rho": 0.5})])).rstrip().split(",")
    assert columns[columns.index("score_swi") + 1] == "score_t1rho"


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\t=1", "\n=1", "＝1"])
def test_a_formula_from_a_header_is_neutralised(formula: str) -> None:
    (row,) = read_csv([done(description=formula, source=formula, header_evidence=[formula])])
    for column in ("description", "source", "header_evidence"):
        assert row[column].startswith("'")


def test_a_formula_after_a_semicolon_is_neutralised_for_locales_that_cut_there() -> None:
    (row,) = read_csv([done(description="a; =1+1")])
    assert row["description"] == "a; '=1+1"


def test_line_breaks_and_quotes_of_a_header_stay_in_their_cell() -> None:
    (row,) = read_csv([done(description='a\r\n"b",c')])
    assert row["description"] == 'a "b",c'


def test_json_holds_every_row_in_full(tmp_path: Path) -> None:
    row = done(description="<script>\n=1")
    report.write(tmp_path, [row], {"command": ["mrclass"]})
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert found == {"run": {"command": ["mrclass"]}, "rows": [row]}


def test_json_has_null_where_a_score_is_no_number() -> None:
    found = json.loads("".join(tables.json_lines([{"score": math.nan, "list": [math.inf, 1.0]}], {})))
    assert found["rows"] == [{"score": None, "list": [None, 1.0]}]


def test_rows_come_in_the_same_order_whoever_finished_first(tmp_path: Path) -> None:
    rows = [
        done(1, source="b/IM10", study_uid="2"),
        done(2, source="b/IM9", study_uid="2"),
        done(3, source="a/IM1", study_uid="1"),
        done(4, source="c/IM1", study_uid="1"),
    ]
    for given in (rows, rows[::-1]):
        report.write(tmp_path, given, {})
        found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["rows"]
        assert [row["source"] for row in found] == ["a/IM1", "c/IM1", "b/IM9", "b/IM10"]


def test_the_table_shows_a_line_per_volume_and_the_totals() -> None:
    lines = report.table(mixed(), width=100).splitlines()
    assert lines[0].split() == ["SERIES", "PLANE", "LABEL", "SCORE", "VOTES", "HEADER", "VERDICT"]
    assert lines[2].split() == ["AX", "T1", "axial", "T2w", "0.988", "9/10", "T1w", "!", "disagree"]
    assert "FLAIR (conflict)" in lines[3]
    assert "AX T2 (b 1000)" in lines[5] and "0.400 T1w" in lines[5]
    assert lines[6].split(maxsplit=1) == ["series6", "unreadable: The pixel data end after 12 of 24 images."]
    assert lines[-1] == (
        "6 series (5 volumes): 2 T2w, 1 FLAIR, 1 other, 1 unreadable, 1 skipped. "
        "1 disagree with the header, 1 in conflict."
    )


def test_the_columns_of_the_table_are_aligned() -> None:
    lines = report.table(mixed(), width=100).splitlines()
    start = lines[0].index("PLANE")
    assert all(line[start:].startswith("axial") and line[start - 2 : start] == "  " for line in lines[1:6])


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_the_table_fits_its_width(columns: int) -> None:
    rows = [
        done(1, description="ж" * 300),
        done(2, description="脳" * 300),
        without_volume(3, "skipped", "why " * 99),
    ]
    assert all(width(line) <= columns for line in report.table(rows, width=columns).splitlines()[:-2])


def test_a_long_name_keeps_its_end_where_files_differ() -> None:
    rows = [done(n, description=f"{'a long folder of ' * 9}scan-{n}.nii.gz") for n in (1, 2)]
    first, second = report.table(rows, width=100).splitlines()[1:3]
    assert first.startswith("a long") and "scan-1.nii.gz" in first and "scan-2.nii.gz" in second


def test_no_control_character_reaches_the_terminal() -> None:
    hostile = "a\x1b]0;owned\x07\x1b[2J\r\nb\u202ec\x9b31m\x00\t"
    rows = [
        done(
            description=hostile,
            volume_note=hostile,
            verdict=hostile,
            acquisition_plane=hostile,
            label=hostile,
            header_label=hostile,
        ),
        without_volume(2, "unreadable", hostile),
        without_volume(3, hostile, hostile),
    ]
    shown = report.table(rows, width=200)
    assert not [char for char in shown if char != "\n" and not char.isprintable()]
    assert len(shown.splitlines()) == 1 + 3 + 2


def test_a_table_without_rows_is_its_head_and_totals() -> None:
    assert (
        report.table([], width=80)
        .splitlines()[-1]
        .startswith("0 series (0 volumes): 0 unreadable, 0 skipped.")
    )


def test_a_score_below_one_never_reads_as_one() -> None:
    assert "0.999" in report.table([done(score=0.99996)], width=100)
