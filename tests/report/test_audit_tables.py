"""The tables of an audit: what the terminal shows, and CSVs that a stranger's header cannot break."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from audit_rows import seven, volume  # noqa: E402
from mrclass.audit import audit, measure  # noqa: E402
from mrclass.report import audit_tables  # noqa: E402

HOSTILE = "=cmd|' /C calc'!A0\n\x1b[31m\u202ered"


def written(folder: Path, rows: list[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """The CSVs of an audit by name, as a spreadsheet would read them."""
    found = audit(rows)
    audit_tables.write(folder, found, measure(found))
    return {path.stem: list(csv.DictReader(path.read_text().splitlines())) for path in folder.glob("*.csv")}


def test_the_table_of_the_terminal_counts_and_names_the_patterns() -> None:
    found = audit(seven())
    lines = audit_tables.table(found, measure(found), width=120).splitlines()
    assert lines[1].split() == ["T1w", "4", "2", "1", "1", "25.0", "%", "[4.6,", "69.9]", "50.0", "%",
                                "[15.0,", "85.0]"]  # fmt: skip
    assert [line.split()[0] for line in lines[1:5]] == ["T1w", "T1ce", "other", "all"]
    assert "     1  header T1w   image T1ce  T1 TRA (1)" in lines
    assert lines[-1] == (
        "5 different descriptions, 2 of them on series labelled otherwise. 1 series skipped, not counted. "
        "1 description proposed where the header is silent."
    )


def test_a_strangers_description_stays_one_harmless_line() -> None:
    found = audit([volume(1, "t1w", "disagree", "t2w", description=HOSTILE)])
    shown = audit_tables.table(found, measure(found), width=100)
    assert "\x1b" not in shown and "\u202e" not in shown
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    rows = [volume(1, "t1w", "header silent", description=HOSTILE, source=HOSTILE, contrast_agent=HOSTILE,
                   header_evidence=[HOSTILE], series_uid=HOSTILE)]  # fmt: skip
    tables = written(tmp_path, rows)
    for name in ("audit-series", "proposed-descriptions"):
        (line,) = tables[name]
        assert not [cell for cell in line.values() if cell.startswith("=") or "\n" in cell or "\x1b" in cell]


def test_table_two_is_a_csv_with_bounds(tmp_path: Path) -> None:
    lines = {line["label"]: line for line in written(tmp_path, seven())["audit"]}
    assert list(lines) == ["T1w", "T1ce", "T2w", "FLAIR", "ADC", "SWI", "other", "all"]
    t1w = lines["T1w"]
    assert (t1w["n"], t1w["disagree"], t1w["disagree_share"], t1w["disagree_low"]) == (
        "4",
        "1",
        "0.25",
        "0.04559",
    )
    assert lines["SWI"]["agree_share"] == ""


def test_the_list_of_series_begins_with_the_disagreements(tmp_path: Path) -> None:
    lines = written(tmp_path, seven())["audit-series"]
    assert [line["verdict"] for line in lines] == ["disagree"] * 2 + ["agree"] * 2 + [
        "header silent",
        "agree",
    ]


def test_the_mapping_goes_from_series_uid_to_the_proposed_description(tmp_path: Path) -> None:
    (line,) = written(tmp_path, seven())["proposed-descriptions"]
    assert (line["SeriesInstanceUID"], line["proposed_SeriesDescription"], line["SeriesDescription"]) == (
        "2.25.1", "T1w coronal", "SE000003",
    )  # fmt: skip
