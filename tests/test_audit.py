"""Counts of an audit small enough to check by hand, and what is proposed where the header is silent."""

from __future__ import annotations

import pytest
from audit_rows import seven, volume
from mrclass.audit import ABSENT, DENIED, NAMED, agent_tag, audit, measure, nothing_to_compare, proposals
from mrclass.stats import wilson


def test_the_headers_of_each_label_are_counted_with_their_intervals() -> None:
    t1w = measure(audit(seven()))["labels"]["t1w"]
    assert t1w["n"] == 4
    assert [t1w[name]["hits"] for name in ("agree", "disagree", "silent", "error")] == [2, 1, 1, 2]
    assert t1w["disagree"]["ci95"] == [round(bound, 5) for bound in wilson(1, 4)]


def test_what_cannot_be_compared_is_counted_apart() -> None:
    found = audit([*seven(), volume(8, "t1w", "header silent", kind="nifti")])
    assert found.left_out == {"skipped": 1, "without a header": 1}
    assert measure(found)["all"]["n"] == 6


def test_a_run_with_nothing_to_compare_says_why() -> None:
    found = audit([volume(8, "t1w", "header silent", kind="nifti")])
    assert not found.findings
    assert nothing_to_compare(found) == (
        "whose header could be compared with its label (series: 1 without a header); "
        "a NIfTI file has a header where its JSON sidecar lies beside it."
    )


def test_every_label_of_the_table_has_a_line_even_without_a_series() -> None:
    figures = measure(audit(seven()))
    assert list(figures["labels"]) == ["t1w", "t1ce", "t2w", "flair", "adc", "swi", "other"]
    assert figures["labels"]["swi"]["disagree"] == {"value": None, "hits": 0, "n": 0, "ci95": None}


def test_a_series_of_several_volumes_counts_once_under_each_label() -> None:
    rows = [
        volume(1, "other", "agree", "other", volume_index=0),
        volume(1, "flair", "disagree", "other", volume_index=1),
        volume(1, "other", "agree", "other", volume_index=2),
    ]
    found = audit(rows)
    assert [(one.label, one.verdict, one.n_volumes) for one in found.findings] == [
        ("other", "agree", 2),
        ("flair", "disagree", 1),
    ]


def test_the_worst_volume_of_a_label_decides() -> None:
    rows = [volume(1, "t2w", "agree", "t2w"), volume(1, "t2w", "disagree", "other", volume_note="echo 1")]
    (one,) = audit(rows).findings
    assert (one.verdict, one.row["volume_note"], one.n_volumes) == ("disagree", "echo 1", 2)


def test_disagreements_are_gathered_by_pattern_most_frequent_first() -> None:
    rows = seven()
    rows.insert(6, volume(9, "t1w", "disagree", "t2w", description="ax t2 5678"))
    patterns = audit(rows).patterns()
    assert [(one.header, one.label, len(one.findings)) for one in patterns] == [
        ("t2w", "t1w", 2),
        ("t1w", "t1ce", 1),
    ]
    # long numbers are dates and accession numbers: they do not make another description
    assert patterns[0].descriptions == [("AX T2 1234", 2)]


def test_descriptions_that_mislead_are_counted_once_each() -> None:
    described = measure(audit(seven()))["descriptions"]
    assert described["distinct"] == 5  # T1 SAG twice
    assert described["misleading"]["hits"] == 2


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("", ABSENT),
        ("  ", ABSENT),
        ("off", DENIED),
        ("C-", DENIED),
        ("No Contrast", DENIED),
        ("7 VUEWAY", NAMED),
    ],
)
def test_the_contrast_agent_tag_is_read_with_its_lies(text: str, tag: str) -> None:
    assert agent_tag(text) == tag


def test_the_contrast_agent_tag_stands_against_t1ce_and_t1w() -> None:
    rows = [*seven(), volume(8, "t1ce", "agree", "t1ce", contrast_agent="Dotarem")]
    agent = measure(audit(rows))["contrast_agent"]
    assert {tag: agent["t1ce"][tag]["hits"] for tag in (NAMED, DENIED, ABSENT)} == {
        NAMED: 1, DENIED: 0, ABSENT: 1,
    }  # fmt: skip
    assert (agent["t1w"]["n"], agent["t1w"][DENIED]["hits"]) == (4, 1)


def test_a_silent_header_gets_a_description_by_label_and_plane() -> None:
    (made,) = proposals(audit(seven()))
    assert (made.row["series_key"], made.text) == ("series-4", "T1w coronal")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (
            [volume(1, "t2w", "header silent"), volume(1, "flair", "header silent")],
            "several things: T2w, FLAIR",
        ),
        ([volume(1, "t2w", "header silent", conflict=True)], "conflict"),
    ],
)
def test_nothing_is_proposed_for_what_a_person_has_to_settle(rows: list[dict[str, object]], why: str) -> None:
    (made,) = proposals(audit(rows))
    assert made.text == ""
    assert why in made.note


def test_nothing_is_proposed_for_other_for_nifti_or_where_the_header_speaks() -> None:
    rows = [
        volume(1, "other", "header silent"),
        volume(2, "t1w", "header silent", "t1w", kind="nifti"),
        volume(3, "t1w", "disagree", "t2w"),
    ]
    assert proposals(audit(rows)) == []
