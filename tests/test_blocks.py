"""`template/blocks.py`: documents quote results/*.json by rendering, and say what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "template"))

import cards  # noqa: E402
import demo  # noqa: E402
import render  # noqa: E402
import tool_blocks  # noqa: E402

FIGURES: dict[str, Any] = {
    "data": "simulated", "n_series": 50, "n_files": 60, "slices_per_series": 1, "jobs": 1, "seconds": 120,
    "starts": 2, "parts": [{"series": 5, "client_mb": 40.5, "child_mb": 900.0, "seconds_per_series": 2.4}],
    "last_to_second_part": {"client_mb": 1.01}, "client_mb_while_pages_are_written": 50.5,
    "ledger": {"bytes_per_series": 2000, "write_ms_full": 3.5, "series": 50, "write_ratio": 1.1,
               "ask_ms_full": 0.1, "ask_ratio": 0.9},
    "nothing_to_do": {"seconds": 3.0, "client_mb": 39.0},
    "report": {"seconds": 2.0, "client_mb": 38.0,
               "bytes": {"report_html": 2500, "index_js": 3500, "card_files": 4, "largest_card_file": 4500}},
}  # fmt: skip
BLOCK = "before\n<!-- results:scale -->\nold\n<!-- /results:scale -->\nafter\n"


def test_empty_files_are_a_table_of_their_own(tmp_path: Path) -> None:
    few: dict[str, Any] = {
        "n_empty": 10,
        "client_mb": 40.1,
        "child_mb": 9.0,
        "seconds": 2.0,
        "cpu_seconds": 1.5,
    }
    few["balance"] = {"explained": 10}
    many = {**few, "n_empty": 1000, "balance": {"explained": 1000}}
    content = {"shipped": FIGURES, "empty-files": {"few": few, "many": many, "client_mb_ratio": 1.03}}
    (tmp_path / "scale.json").write_text(json.dumps(content))
    text = cards.fill_blocks(BLOCK, cards.Results.read(tmp_path))
    assert "**Empty files** (memory of the run 1.03 times):" in text
    assert "| 1000 | 40.1 | 2.0 | 1.5 | 1000 |" in text and text.count("simulated series**") == 1


def test_the_figures_of_a_large_archive_are_quoted(tmp_path: Path) -> None:
    (tmp_path / "scale.json").write_text(json.dumps({"shipped": FIGURES}))
    text = cards.fill_blocks(BLOCK, cards.Results.read(tmp_path))
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    for words in (
        "**50 simulated series** (60 DICOM files", "the bundles' own networks", "begun 2 times",
        "| 5 | 40.5 | 900.0 | 2.4 |", "second tenth: run 1.01.", "the run takes 50.5 MB",
        "2000 bytes a series", "opens with 2 kB",
    ):  # fmt: skip
        assert words in text


def test_the_memory_of_writing_pages_is_not_told_where_it_was_not_seen(tmp_path: Path) -> None:
    unseen = {**FIGURES, "client_mb_while_pages_are_written": 0.0}
    (tmp_path / "scale.json").write_text(json.dumps({"shipped": unseen}))
    text = cards.fill_blocks(BLOCK, cards.Results.read(tmp_path))
    assert "second tenth: run 1.01.\n" in text and "0.0 MB" not in text


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    assert "Not measured yet: `results/scale.json`" in cards.fill_blocks(BLOCK, cards.Results.read(tmp_path))


def test_how_tos_are_rendered_like_the_readme() -> None:
    assert ROOT / "docs" / "how-to" / "large-archives.md" in render.wanted()


def share(hits: int, n: int) -> dict[str, Any]:
    return (
        {"hits": hits, "n": n, "value": hits / n, "ci95": [0.05, 0.7]}
        if n
        else {"hits": 0, "n": 0, "value": None}
    )


def shares(agree: int, disagree: int, silent: int) -> dict[str, Any]:
    n = agree + disagree + silent
    parts = {"agree": agree, "disagree": disagree, "silent": silent, "error": disagree + silent}
    return {"n": n, **{name: share(hits, n) for name, hits in parts.items()}}


def test_an_audit_is_quoted_per_label_and_in_all(tmp_path: Path) -> None:
    figures = {
        "labels": {"t1w": shares(2, 1, 1), "adc": shares(0, 0, 0)},
        "all": shares(2, 1, 1),
        "left_out": {"skipped": 3},
        "descriptions": {"distinct": 2, "misleading": share(1, 2)},
        "contrast_agent": {"t1ce": {"n": 0, "names an agent": share(0, 0)}},
    }
    (tmp_path / "audit-demo.json").write_text(json.dumps(figures))
    block = "<!-- results:audit-demo -->\n<!-- /results:audit-demo -->\n"
    text = cards.fill_blocks(block, cards.Results.read(tmp_path))
    assert "| T1w | 4 | 2 | 1 (25.0 % [5.0, 70.0]) | 1 | 2 (50.0 % [5.0, 70.0]) |" in text
    assert "| all | 4 |" in text and "ADC" not in text  # of which there is none
    assert "2 different descriptions, 1 (50.0 % [5.0, 70.0]) of them on series labelled otherwise." in text
    assert "T1ce 0 of 0. Series not counted: 3 skipped." in text
    missing = cards.fill_blocks(block, cards.Results.read(tmp_path / "nothing"))
    assert "Not measured yet: `make audit` writes it." in missing


def test_the_balance_of_each_run_is_quoted(tmp_path: Path) -> None:
    entry = {
        "on_disk": 9,
        "in_volumes": 6,
        "explained": 3,
        "unexplained": 0,
        "reasons": {"duplicate": 2, "not MR": 1},
    }
    (tmp_path / "balance.json").write_text(json.dumps({"runs": {"demo": entry}}))
    text = cards.fill_blocks(BLOCK.replace("scale", "balance"), cards.Results.read(tmp_path))
    assert "| the demo export (simulated) | 9 | 6 | 3 | 0 |" in text
    assert "- the demo export (simulated): 2 duplicate, 1 not MR." in text


def test_the_demo_is_quoted_with_what_is_wrong_in_it(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    error = {"file": "SE000006", "truth": "adc", "predicted": "t2w", "score": 0.9}
    figures = {"accuracy": {"hits": 1, "n": 2}, "errors": [error]}
    (run / "figures.json").write_text(json.dumps(figures))
    (run / "table.txt").write_text("SERIES  LABEL\nt2  T2w\n\n1 series\n")
    (run / "evaluation.txt").write_text("LABEL  N\nT2w    2\n")
    (run / "truth.csv").write_text("file,lie\na,\nb,a T2w called T1\n")
    (tmp_path / "demo.json").write_text(json.dumps(demo.record(run)))
    text = cards.fill_blocks(BLOCK.replace("scale", "demo"), cards.Results.read(tmp_path))
    assert "```\nSERIES  LABEL\nt2  T2w\n\n1 series\n```" in text
    assert "1 of 2 volumes are right; wrong: `SE000006` shows adc and was taken for t2w." in text
    assert "1 headers lie on purpose: a T2w called T1." in text
    printed = cards.fill_blocks(BLOCK.replace("scale", "demo-evaluation"), cards.Results.read(tmp_path))
    assert "```\nLABEL  N\nT2w    2\n```" in printed


def test_the_page_on_realism_quotes_areas_with_their_intervals_and_what_was_simulated(tmp_path: Path) -> None:
    def group(value: float | None) -> dict[str, Any]:
        return {
            "auc": {"value": value, "ci95": None if value is None else [0.5, 0.75]},
            "real": {"slabs": 9, "sources": 3}, "simulated": {"slabs": 7, "subjects": 2},
        }  # fmt: skip

    run = {"phantom": {"realism": 2}, "views": 9600, "seeds": [0], "folds": 3, "mean_auc": 0.625}
    run["groups"] = {"t1w": group(0.625), "dwi": group(None)}
    run["groups"]["flair"] = group(0.9)
    run["groups"]["flair"]["auc"]["ci95"] = None
    (tmp_path / "realism.json").write_text(json.dumps({"runs": {"after-matched": run}}))
    text = cards.fill_blocks(BLOCK.replace("scale", "realism"), cards.Results.read(tmp_path))
    for words in (
        "| T1w | 9 of 3 sources | 0.62 [0.50, 0.75], n = 7 |", "| DWI, b 0 | 9 of 3 sources | -, n = 7 |",
        "| FLAIR | 9 of 3 sources | 0.90 (no interval), n = 7 |",
        "phantom realism 2, 21 simulated slabs of 2 subjects, 9,600 slices a network, seed 0, 3 folds.",
    ):  # fmt: skip
        assert words in text
    assert "What moved" not in text  # there is nothing to compare with
    earlier = json.loads(json.dumps(run))
    earlier["groups"]["t1w"]["auc"]["value"], earlier["groups"]["flair"]["auc"]["value"] = 0.75, 0.8
    (tmp_path / "realism.json").write_text(
        json.dumps({"runs": {"before-matched": earlier, "after-matched": run}})
    )
    text = cards.fill_blocks(BLOCK.replace("scale", "realism"), cards.Results.read(tmp_path))
    assert "Told less well: T1w (0.75 to 0.62); told as well or better: FLAIR (0.80 to 0.90)." in text
    assert "Not measured yet" in cards.fill_blocks(
        BLOCK.replace("scale", "realism"), cards.Results.read(tmp_path / "none")
    )


EXPORTS = {
    "data": "named volumes", "n_volumes": 14, "tolerance": 1e-4, "made_by": {"torch": "2.14"},
    "bundles": {"mrclass_t2w": {"n_slices": 138, "backends": {
        "onnx": {"status": "ok", "max_score_difference": 3e-7},
        "torchscript": {"status": "differs", "max_score_difference": 0.2},
        "tensorrt": {"status": "skipped", "reason": "no GPU"},
    }}},
    "mixture": {"backends": {"t1w": "torch", "t2w": "onnx"}, "n_volumes": 14, "same_label": 14,
                "max_score_difference": 2e-7, "status": "ok"},
}  # fmt: skip


def test_the_differences_of_exports_are_quoted(tmp_path: Path) -> None:
    (tmp_path / "exports.json").write_text(json.dumps(EXPORTS))
    text = tool_blocks.exports(cards.Results.read(tmp_path).others["exports"])
    for words in (
        "slabs of 14 real volumes", "at most 0.0001",
        "| mrclass_t2w | 138 | 3.0e-07 | **2.0e-01** | skipped |",
        "- tensorrt skipped: no GPU.", "T1w on torch, T2w on onnx): 14 of 14 volumes",
    ):  # fmt: skip
        assert words in text


BENCH: dict[str, Any] = {
    "data": "simulated", "n_series": 24, "seconds_per_series": 1.25, "median_seconds_per_series": 1.1,
    "stages": {"convert": {"seconds_per_series": 0.25, "share": 0.2},
               "n4": {"seconds_per_series": 1.0, "share": 0.8}},
    "plain_to_ensemble": 3.21,
    "made_by": {"data": "the demo's export", "threads": 1, "device": "a processor",
                "load_at_the_end": 0.9},
}  # fmt: skip


def test_the_seconds_of_a_bench_are_quoted(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(BENCH))
    text = tool_blocks.bench(cards.Results.read(tmp_path).others["bench"])
    for words in (
        "**1.25 s a series** (median 1.10 s)", "24 series of the demo's export (simulated)",
        "one thread on a processor", "| N4 | 1.00 | 80 % |", "3.2 times as long",
    ):  # fmt: skip
        assert words in text


def test_a_bench_that_does_not_say_what_its_images_are_is_not_taken_for_real() -> None:
    earlier = {name: value for name, value in BENCH.items() if name != "data"}
    for content in (earlier, {**BENCH, "data": "unknown"}):
        assert "of the demo's export (real or simulated: not recorded), one thread" in tool_blocks.bench(
            content
        )
