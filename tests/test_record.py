"""`template/record.py`: what documents show of commands is what they printed, and can be repeated."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "template"))

import record  # noqa: E402


def project(root: Path, **scenes: str) -> Path:
    """A folder with these scenes."""
    (root / record.SCENES).mkdir(parents=True)
    (root / "results").mkdir()
    for name, text in scenes.items():
        (root / record.SCENES / f"{name}.txt").write_text(text)
    return root


def played(text: str, root: Path) -> dict[str, list[str]]:
    """All parts of a scene, played."""
    scene = record.parse(text)
    return record.play(scene, scene.parts, root)


def test_a_part_is_what_its_commands_printed_with_their_exit_codes(tmp_path: Path) -> None:
    lines = played("[a]\n$ echo out; echo err >&2; false\n$ echo $?\n$ true\n$ echo $?", tmp_path)["a"]
    assert lines == [
        "$ echo out; echo err >&2; false", "out", "err", "$ echo $?", "1", "$ true", "$ echo $?", "0",
    ]  # fmt: skip


def test_parts_share_one_shell_with_what_runs_in_its_background(tmp_path: Path) -> None:
    scene = """
    # a server and a folder
    - sleep 60 & SERVER=$!
    - trap 'kill $SERVER; wait $SERVER; touch stopped' EXIT
    - mkdir place && cd place
    [first]
    $ WORD=tea; touch made
    [second]
    $ echo $WORD; ls
    $ kill -0 $SERVER && echo runs
    """
    assert played(scene, tmp_path)["second"] == [
        "$ echo $WORD; ls", "tea", "made", "$ kill -0 $SERVER && echo runs", "runs",
    ]  # fmt: skip
    assert (tmp_path / "place" / "stopped").exists()


def test_what_prepares_is_not_shown_and_another_command_may_be(tmp_path: Path) -> None:
    scene = "[a]\n- echo heat\n$ make tea ## echo hot\n- echo cool"
    assert played(scene, tmp_path) == {"a": ["$ make tea", "hot"]}


def test_texts_are_replaced_in_commands_and_outputs(tmp_path: Path) -> None:
    scene = "~ 8765 => 8000\n[a]\n$ echo at 8765"
    assert played(scene, tmp_path) == {"a": ["$ echo at 8000", "at 8000"]}


def test_paths_of_the_machine_are_left_out(tmp_path: Path) -> None:
    assert played("[a]\n$ echo $PWD/b", tmp_path) == {"a": ["$ echo $PWD/b", "b"]}


def test_lines_that_are_left_out_are_marked(tmp_path: Path) -> None:
    lines = played("[a]\n$2..1 seq 9\n$..2 seq 2\n$1.. seq 3\n$..1 seq 2", tmp_path)["a"]
    assert lines == [
        "$ seq 9", "1", "2", "...", "9", "$ seq 2", "1", "2", "$ seq 3", "1", "...", "$ seq 2", "...", "2",
    ]  # fmt: skip


def test_pseudonyms_are_counted_in_the_order_of_their_appearance() -> None:
    text = "S-60c90a6efb90f3fd07b944fb sub-P181211589b/ses-386da14e/sub-P181211589b_ses-386da14e_x"
    counted = "S-000000000000000000000001 sub-P0000000002/ses-00000003/sub-P0000000002_ses-00000003_x"
    assert record.stable(text) == counted
    text = "T1w/P-181211589b/t1-60c90a6e/ t1-60c90a6e_0.nii"
    counted = "T1w/P-0000000001/t1-00000002/ t1-00000002_0.nii"
    assert record.stable(text) == counted
    assert record.stable("run-1 sub-01 T1-weighted 20240102") == "run-1 sub-01 T1-weighted 20240102"


def test_pseudonyms_of_a_part_are_counted_from_one(tmp_path: Path) -> None:
    scene = "[a]\n$ echo P-181211589b\n[b]\n$ echo P-281211589b P-181211589b"
    assert [lines[1] for lines in played(scene, tmp_path).values()] == [
        "P-0000000001",
        "P-0000000001 P-0000000002",
    ]


def test_a_preparation_that_fails_ends_the_scene_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(record.RecordError, match=r"failed: - echo no milk; false\nno milk"):
        played("- echo no milk; false\n[part]\n$ touch later", tmp_path)
    assert not (tmp_path / "later").exists()


@pytest.mark.parametrize("command", ["no-such-program", "python -c 'raise ValueError'", "exit 0", "echo '"])
def test_a_command_that_is_not_there_fails_or_ends_the_shell_is_no_output(
    command: str, tmp_path: Path
) -> None:
    with pytest.raises(record.RecordError, match="failed: . " + command.replace("$", ".")):
        played(f"[a]\n$ {command}\n$ echo more", tmp_path)


@pytest.mark.parametrize(
    "line", ["echo", "$ echo", "~ nothing", "-", "?", "[a b]", "[a]\n$", "[a]\n$x echo", "[a]\n[a]"]
)
def test_a_line_of_no_known_kind_is_refused(line: str) -> None:
    with pytest.raises(record.RecordError, match=rf"line {len(line.splitlines())} is neither"):
        record.parse(line)


def test_a_scene_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(record.RecordError, match=r"template/scenes/tea\.txt: line 1 is neither"):
        record.read(project(tmp_path, tea="echo"))


def test_scenes_are_recorded_by_their_name_or_that_of_a_block(tmp_path: Path) -> None:
    project(tmp_path, a="[x]\n$ echo 1\n[y]\n$ echo 2", b="[z]\n$ echo 3")
    assert list(record.record(["a-y"], tmp_path)) == ["a-x", "a-y"]
    assert list(record.record(["b", "b-z"], tmp_path)) == ["b-z"]
    assert record.rendered(*record.read(tmp_path)) == {
        "a-x": "```\n$ echo 1\n1\n```",
        "a-y": "```\n$ echo 2\n2\n```",
        "b-z": "```\n$ echo 3\n3\n```",
    }
    with pytest.raises(record.RecordError, match="no scene c; choose of: a, b"):
        list(record.record(["c"], tmp_path))


def test_what_needs_something_missing_is_left_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, a="? bash\n[x]\n$ echo 1\n[y]\n? data\n- false", b="? no-such-program\n[z]\n- false")
    assert list(record.record([], tmp_path)) == ["a-x"]
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "a-y: left as it was, data is not there",
        "b: left as it was, no-such-program is not there",
    ]
    (tmp_path / "data").mkdir()
    with pytest.raises(record.RecordError, match=r"template/scenes/a\.txt: failed: - false"):
        list(record.record(["a"], tmp_path))
    assert set(record.read(tmp_path)[1]) == {"a-x"}


def test_a_record_of_other_commands_is_refused_and_a_missing_one_is_said() -> None:
    known = {"a-x": {"commands": ["$ echo 1"], "lines": ["$ echo 1", "1"]}}
    scene = record.parse("[x]\n$ echo 1\n$ echo 2")
    with pytest.raises(
        record.RecordError, match="output:a-x is of other commands; make docs-output BLOCKS=a"
    ):
        record.rendered({"a": scene}, known)
    assert "Not recorded yet: `make docs-output BLOCKS=b`" in record.rendered({"b": scene}, known)["b-x"]


def test_a_document_is_filled_and_a_block_of_an_unknown_name_is_refused() -> None:
    text = "before\n<!-- output:a-x -->\nold\n<!-- /output:a-x -->\nafter\n"
    assert record.fill(text, {"a-x": "new"}) == text.replace("old", "new")
    with pytest.raises(record.RecordError, match="output:a-x; choose one of: b"):
        record.fill(text, {"b": "new"})


def test_the_command_says_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert record.main(["no-such-scene"]) == 1
    assert "record: no scene no-such-scene" in capsys.readouterr().err


def test_every_part_of_a_scene_stands_in_a_document_and_what_is_recorded_has_a_scene() -> None:
    scenes, known = record.read(ROOT)
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    shown = {
        found[1] for path in documents for found in record.BLOCK.findall(path.read_text(encoding="utf-8"))
    }
    blocks = {f"{name}-{part}" for name, scene in scenes.items() for part in scene.parts}
    assert shown == blocks >= set(known)


def test_nothing_recorded_names_this_machine_or_holds_a_salted_pseudonym() -> None:
    _, known = record.read(ROOT)
    for block in known.values():
        text = "\n".join(block["lines"])
        assert record.stable(text) == text
        assert str(ROOT) not in text and str(Path.home()) not in text.split()
