"""`template/record.py`: what documents show of commands is what they printed, and can be repeated."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "template"))

import record  # noqa: E402


def project(root: Path, **blocks: Any) -> Path:
    """A folder with a spec of these blocks."""
    for name in ("template", "results"):
        (root / name).mkdir()
    (root / record.SPEC).write_text(json.dumps(blocks))
    return root


def test_a_block_is_what_its_commands_printed_in_one_shell_with_their_exit_codes(tmp_path: Path) -> None:
    block = {"commands": ["echo out; echo err >&2; false", "echo $?", "x=1", "echo $x"]}
    lines = record.run(block, project(tmp_path))
    assert lines == [
        "$ echo out; echo err >&2; false",
        "out",
        "err",
        "$ echo $?",
        "1",
        "$ x=1",
        "$ echo $x",
        "1",
    ]


def test_lines_that_are_left_out_are_marked(tmp_path: Path) -> None:
    block = {"commands": [{"run": "seq 9", "first": 2, "last": 1}, {"run": "seq 2", "last": 2}]}
    assert record.run(block, project(tmp_path)) == ["$ seq 9", "1", "2", "...", "9", "$ seq 2", "1", "2"]


def test_a_block_begins_afresh_in_its_folder_and_paths_of_the_machine_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "place").mkdir()
    block = {
        "fresh": ["old"],
        "before": ["touch place/made"],
        "in": "place",
        "commands": ["ls . ..", f"echo {tmp_path}/a"],
    }
    assert record.run(block, project(tmp_path))[1:] == [
        ".:", "made", "", "..:", "place", "results", "template", f"$ echo {tmp_path}/a", "a",
    ]  # fmt: skip


def test_pseudonyms_are_counted_in_the_order_of_their_appearance() -> None:
    text = "S-60c90a6efb90f3fd07b944fb sub-P181211589b/ses-386da14e/sub-P181211589b_ses-386da14e_x"
    counted = "S-000000000000000000000001 sub-P0000000002/ses-00000003/sub-P0000000002_ses-00000003_x"
    assert record.stable(text) == counted
    text = "T1w/P-181211589b/t1-60c90a6e/ t1-60c90a6e_0.nii"
    counted = "T1w/P-0000000001/t1-00000002/ t1-00000002_0.nii"
    assert record.stable(text) == counted
    assert record.stable("run-1 sub-01 T1-weighted 20240102") == "run-1 sub-01 T1-weighted 20240102"


def test_a_command_that_is_not_there_or_fails_with_a_traceback_is_no_output(tmp_path: Path) -> None:
    project(tmp_path)
    for command in ("no-such-program", "python -c 'raise ValueError'"):
        with pytest.raises(record.RecordError, match="a command failed"):
            record.run({"commands": [command]}, tmp_path)
    with pytest.raises(record.RecordError, match="prepares"):
        record.run({"before": ["false"], "commands": ["true"]}, tmp_path)


def test_blocks_are_recorded_by_name_and_one_whose_needs_are_missing_stays(tmp_path: Path) -> None:
    project(tmp_path, a={"commands": ["echo a"]}, b={"needs": ["data"], "commands": ["echo b"]})
    assert list(record.record([], tmp_path)) == ["a"]
    (tmp_path / "data").mkdir()
    assert list(record.record(["b"], tmp_path)) == ["b"]
    texts = record.rendered(*record.read(tmp_path))
    assert texts == {"a": "```\n$ echo a\na\n```", "b": "```\n$ echo b\nb\n```"}
    with pytest.raises(record.RecordError, match="no block c; choose of: a, b"):
        list(record.record(["c"], tmp_path))


def test_a_record_of_other_commands_is_refused_and_a_missing_one_is_said(tmp_path: Path) -> None:
    known = {"a": {"commands": ["echo 1"], "lines": ["$ echo 1", "1"]}}
    with pytest.raises(record.RecordError, match="output:a is of other commands; make docs-output BLOCKS=a"):
        record.rendered({"a": {"commands": ["echo 2"]}}, known)
    assert "Not recorded yet" in record.rendered({"b": {"commands": ["echo 2"]}}, known)["b"]


def test_a_document_is_filled_and_a_block_of_an_unknown_name_is_refused() -> None:
    text = "before\n<!-- output:a -->\nold\n<!-- /output:a -->\nafter\n"
    assert record.fill(text, {"a": "new"}) == text.replace("old", "new")
    with pytest.raises(record.RecordError, match="output:a; choose one of: b"):
        record.fill(text, {"b": "new"})


def test_every_block_of_the_project_is_recorded_and_stands_in_a_document() -> None:
    spec, known = record.read(ROOT)
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    shown = {
        found[1] for path in documents for found in record.BLOCK.findall(path.read_text(encoding="utf-8"))
    }
    assert shown == set(spec) == set(known)


def test_nothing_recorded_names_this_machine_or_holds_a_salted_pseudonym() -> None:
    _, known = record.read(ROOT)
    for block in known.values():
        text = "\n".join(block["lines"])
        assert record.stable(text) == text
        assert str(ROOT) not in text and str(Path.home()) not in text.split()
