"""`template/scene.py`: what a how-to shows was printed by the commands beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "template"))

import cards  # noqa: E402
import render  # noqa: E402
import scene  # noqa: E402
import tool_blocks  # noqa: E402

SCENE = """
# a remark
~ 8765 => 8000
- WORD=tea
[first]
$ echo $WORD at 8765
$ make tea ## echo hot
[second]
$ echo gone >&2; false
"""


def test_commands_share_one_shell_and_are_recorded_with_what_they_print(tmp_path: Path) -> None:
    assert scene.play(scene.read(SCENE), tmp_path) == {
        "first": [["echo $WORD at 8000", "tea at 8000"], ["make tea", "hot"]],
        "second": [["echo gone >&2; false", "gone"]],
    }


def test_an_unrecorded_command_that_fails_ends_the_recording(tmp_path: Path) -> None:
    read = scene.read("- echo no milk; false\n[part]\n$ touch later")
    with pytest.raises(scene.SceneError, match="echo no milk; false failed: no milk"):
        scene.play(read, tmp_path)
    assert not (tmp_path / "later").exists()


@pytest.mark.parametrize("line", ["echo", "$ echo", "~ nothing"])
def test_a_line_of_no_known_kind_is_refused(line: str) -> None:
    with pytest.raises(scene.SceneError, match="line 1 is neither"):
        scene.read(line)


def test_the_command_writes_json_or_says_what_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, output = tmp_path / "scene.txt", tmp_path / "scene.json"
    file.write_text("[part]\n$ echo yes")
    assert scene.main([str(file), "-o", str(output)]) == 0
    assert json.loads(output.read_text()) == {"part": [["echo yes", "yes"]]}
    file.write_text("- false")
    assert scene.main([str(file), "-o", str(output)]) == 1
    assert "false failed" in capsys.readouterr().err


def test_a_recorded_part_becomes_a_block(tmp_path: Path) -> None:
    document = "<!-- results:label-start -->\nold\n<!-- /results:label-start -->\n"
    assert "`make label-docs` does it" in cards.fill_blocks(document, cards.Results.read(tmp_path))
    (tmp_path / "label.json").write_text(json.dumps({"start": [["make label", "served"], ["A=1", ""]]}))
    text = cards.fill_blocks(document, cards.Results.read(tmp_path))
    assert "```\n$ make label\nserved\n$ A=1\n```\n" in text and "old" not in text


@pytest.mark.parametrize("scene", list(tool_blocks.SCENES))
def test_each_scene_records_the_parts_that_its_how_to_shows(scene: str) -> None:
    read = scene.read((ROOT / "template" / "scenes" / f"{scene}.txt").read_text(encoding="utf-8"))
    parts = {part for part, _, _ in read.commands if part}
    assert parts == set(tool_blocks.SCENES[scene])
    pages = "".join(path.read_text(encoding="utf-8") for path in render.wanted() if path.suffix == ".md")
    assert all(f"<!-- results:{scene}-{part} -->" in pages for part in parts)


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


BENCH = {
    "n_series": 24, "seconds_per_series": 1.25, "median_seconds_per_series": 1.1,
    "stages": {"convert": {"seconds_per_series": 0.25, "share": 0.2},
               "n4": {"seconds_per_series": 1.0, "share": 0.8}},
    "plain_to_ensemble": 3.21,
    "made_by": {"data": "the demo's export (simulated)", "threads": 1, "device": "a processor",
                "load_at_the_end": 0.9},
}  # fmt: skip


def test_the_seconds_of_a_bench_are_quoted(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(BENCH))
    text = tool_blocks.bench(cards.Results.read(tmp_path).others["bench"])
    for words in (
        "**1.25 s a series** (median 1.10 s)", "24 series of the demo's export", "one thread on a processor",
        "| N4 | 1.00 | 80 % |", "3.2 times as long",
    ):  # fmt: skip
        assert words in text
