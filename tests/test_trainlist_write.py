"""A training list and the CSV of what was left out are written both or neither, whatever names
they hold; what is off in the command line is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from mrclass import cli, cli_datalist, trainlist
from mrclass.arguments import parser
from mrclass.errors import UsageError
from mrclass.gather import Left
from mrclass.report import tables

HOSTILE = "=cmd|' /C calc'!A0\x1b[31m\nred"


def test_names_cannot_break_the_csv_of_what_was_left_out(tmp_path: Path) -> None:
    left = [Left(HOSTILE, "t1w", f"cannot be looked at: {HOSTILE}"), Left("\udcff.nii", "", "gone")]
    aside = trainlist.write(trainlist.Listed({"training": []}, left, []), tmp_path / "list.json", {})
    assert aside is not None
    lines = aside.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("'=cmd")
    assert "\x1b" not in lines[1]
    assert lines[2].startswith("\ufffd.nii,")


def test_a_list_is_not_written_where_what_was_left_out_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "list-left-out.csv").mkdir()
    with pytest.raises(UsageError, match="list-left-out.csv is a folder"):
        trainlist.write(trainlist.Listed({"training": []}, [], []), tmp_path / "list.json", {})
    assert not (tmp_path / "list.json").exists()


def test_what_cannot_be_written_leaves_the_older_list_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.json").write_text("older")

    def full(*_: object) -> str:
        raise OSError("the disk is full")

    monkeypatch.setattr(tables, "csv_line", full)
    with pytest.raises(OSError, match="full"):
        trainlist.write(trainlist.Listed({"training": []}, [], []), tmp_path / "list.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["list.json"]
    assert (tmp_path / "list.json").read_text() == "older"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--run", "baseline", "a.csv"], False),
        (["--catalogue", "a.csv", "--catalogue", "b.csv"], False),
        (["--run", "baseline", "a.csv", "--run", "later", "b.csv"], True),
        (["--run", "baseline", "a.csv", "--catalogue", "c.csv"], True),
        (["--run", "baseline", "a.csv", "--folders", "mine"], True),
        (["--folders", "mine", "--folders", "yours"], False),
        (["--folders", "sorted", "--folders", "yours"], True),
    ],
)
def test_a_person_in_two_runs_is_warned_of(
    arguments: list[str], told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sorted").mkdir()
    (tmp_path / "sorted" / ".mrclass-sort.jsonl").touch()  # a sort was put there
    command = ["datalist", *arguments, "-o", "list.json"]
    for more in ([], ["--unsplit"], ["--by", "source"]):
        sentences = cli_datalist.strangers(parser().parse_args([*command, *more]))
        assert len(sentences) == told
        assert all("counts as two patients" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Nothing to make a list of"),
        (["--folders", ".", "--unsplit", "--section-column", "role"], "choose one"),
        (["--folders", ".", "--unsplit", "--by", "source"], "leave out --unsplit or --by source"),
        (["--run", "OUT", "review.csv"], "--run goes with --volumes"),
        (["--folders", "nowhere"], "nowhere is no folder"),
        (["--folders", ".", "-o", "."], "mrclass: . is a folder; wanted a file to write."),
    ],
)
def test_what_is_off_is_said_in_one_sentence(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["datalist", "-o", str(tmp_path / "x.json"), *arguments]) == 2
    assert words in capsys.readouterr().err
