"""Sorting again, refusals and dry runs: nothing is done twice, moved, overwritten, or written by a plan."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sort_runs
from mrclass import _sort_write, cli
from mrclass._sort_state import FILE, SCRATCH, Put, State
from mrclass.errors import SortError, UsageError
from mrclass.sort import plan_lines, sort
from sort_runs import Done


def times(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.mark.parametrize(("layout", "mode"), [("labels", "copy"), ("labels", "link"), ("bids", "nifti")])
def test_a_second_sort_changes_nothing(done: Done, tmp_path: Path, layout: str, mode: str) -> None:
    dest = tmp_path / "dest"
    first = sort(done.out, dest, layout, mode)
    content, before = sort_runs.tree(dest), times(dest)
    second = sort(done.out, dest, layout, mode)
    assert first.new == len(first.plan.puts) > 0 == second.new
    assert sort_runs.tree(dest) == content
    assert {name: time for name, time in times(dest).items() if name != str(dest)} == {
        name: time for name, time in before.items() if name != str(dest)
    }


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dest = tmp_path / "dest"
    assert cli.main(["sort", str(done.out), str(dest), "--dry-run"]) == cli.SOME_UNREADABLE
    out, err = capsys.readouterr()
    assert not dest.exists()
    assert "13 to be put, 0 there already" in err
    (line,) = [line for line in out.splitlines() if line.endswith("<-  a/t1")]
    assert line.startswith("T1w/P-")
    sort(done.out, dest)
    assert out.splitlines() == list(plan_lines(sort(done.out, dest, dry_run=True).plan))
    for shown in out.splitlines():
        target = shown.partition("  <-  ")[0]
        assert target == "-" or (dest / target).is_dir()


def test_what_was_deleted_is_put_again_and_nothing_else(done: Done, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    sort(done.out, dest)
    content = sort_runs.tree(dest)
    next((dest / "SWI").rglob("IM2.dcm")).unlink()
    assert sort(done.out, dest).new == 1
    assert {k: v for k, v in sort_runs.tree(dest).items() if k != FILE} == {
        k: v for k, v in content.items() if k != FILE
    }


def test_a_sort_that_was_killed_goes_on_where_it_was(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dest, whole = tmp_path / "dest", tmp_path / "whole"
    real, calls = _sort_write.put, []

    def dies(*given: Any) -> Iterator[tuple[Put, list[str]]]:
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(_sort_write, "put", dies)
        with pytest.raises(KeyboardInterrupt, match="run the same command again"):
            sort(done.out, dest)
    assert not (dest / SCRATCH).exists()
    with (dest / FILE).open("a") as file:
        file.write('{"done": "cut o')  # what a kill leaves of a line
    assert sort(done.out, dest).new == 10
    sort(done.out, whole)
    assert {k: v for k, v in sort_runs.tree(dest).items() if k != FILE} == {
        k: v for k, v in sort_runs.tree(whole).items() if k != FILE
    }
    assert sort(done.out, dest).new == 0


def refused(error: type[Exception], words: str, out: Path, dest: Path, *more: Any) -> None:
    """The sort fails with these words and DEST stays as it was."""
    before = sort_runs.tree(dest) if dest.is_dir() else None
    with pytest.raises(error, match=words):
        sort(out, dest, *more)
    assert (sort_runs.tree(dest) if dest.is_dir() else None) == before


def test_a_place_that_is_taken_is_an_error_before_anything_is_written(done: Done, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    sort(done.out, dest)
    lines = (dest / FILE).read_text().splitlines(keepends=True)
    name = next(path for path in (dest / "SWI").glob("*/*/*"))
    key = next(line for line in lines if name.name in line).split('"')[3]
    (dest / FILE).write_text("".join(line for line in lines if key not in line))  # no sort put it there
    next((dest / "T1w").rglob("IM1.dcm")).unlink()  # would be put again
    refused(SortError, rf"Nothing was written .*{name.name} is there already", done.out, dest)


def test_a_series_that_would_move_is_an_error(done: Done, tmp_path: Path) -> None:
    out, dest = tmp_path / "out", tmp_path / "dest"
    shutil.copytree(done.out, out)
    with sqlite3.connect(out / "mrclass.sqlite") as book:
        book.execute("DELETE FROM meta WHERE key = 'inputs'")  # as runs of earlier versions left it
    book.close()
    sort(out, dest)
    with sqlite3.connect(out / "mrclass.sqlite") as book:
        book.execute('UPDATE volumes SET data = replace(data, \'"label": "swi"\', \'"label": "adc"\')')
    book.close()
    refused(SortError, r"SWI/\S+ would now be ADC/", out, dest)


def test_files_that_changed_since_they_were_classified_are_not_put(tmp_path: Path) -> None:
    export = tmp_path / "export"
    sort_runs.series(export / "one", 1, "t1w")
    sort_runs.series(export / "two", 2, "t2w")
    out = sort_runs.classify(export, tmp_path / "out")
    with (export / "one" / "IM1.dcm").open("ab") as file:
        file.write(b"\0\0")
    found = sort(out, tmp_path / "dest")
    ((put, trouble),) = found.failed
    assert put.row["source"] == "one"
    assert trouble.startswith("its files have changed since it was classified (3 files, ")
    assert found.unreadable
    assert not (tmp_path / "dest" / "T1w").exists() and (tmp_path / "dest" / "T2w").is_dir()
    shutil.rmtree(export / "one")
    ((_, trouble),) = sort(out, tmp_path / "dest").failed
    assert trouble == "its files are not there any more"


def test_a_file_that_vanishes_on_the_way_fails_its_series_alone(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = _sort_write.put

    def vanishing(series: Any, *given: Any) -> Iterator[tuple[Put, list[str]]]:
        if series.files[0].parent.name == "swi":
            series = replace(series, files=(*series.files[:2], done.export / "gone.dcm"))
        return real(series, *given)

    monkeypatch.setattr(_sort_write, "put", vanishing)
    ((put, trouble),) = sort(done.out, tmp_path / "dest").failed
    assert (put.row["source"], trouble) == ("a/swi", "gone.dcm cannot be read any more")
    monkeypatch.undo()
    assert sort(done.out, tmp_path / "dest").new == 1


def test_two_sorts_into_one_folder_do_not_mix(done: Done, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    dest.mkdir()
    hold = "import sys, time; from mrclass.files import locked\n"
    hold += "from pathlib import Path\nwith locked(Path(sys.argv[1])): print(1, flush=True); time.sleep(600)"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(dest / FILE)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "1\n"
        refused(UsageError, "Another sort is writing to .*; wait for its end", done.out, dest)
        other.kill()
    assert sort(done.out, dest).new == 13, "a sort that was killed holds nothing"


def test_what_another_sort_put_meanwhile_is_seen(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dest = tmp_path / "dest"
    real, first = State.check, [True]

    def slow(self: State, *given: Any) -> None:
        real(self, *given)
        if first:
            first.clear()
            sort(done.out, dest)  # all of it, between this sort's look and its lock

    monkeypatch.setattr(State, "check", slow)
    assert sort(done.out, dest).new == 0


def test_a_full_disk_says_how_to_go_on(done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, written = shutil.copyfile, []

    def fill(source: Any, target: Any, **more: Any) -> Any:
        written.append(target)
        if len(written) == 8:
            raise OSError(28, "No space left on device")
        return copy(source, target, **more)

    with monkeypatch.context() as patch:
        patch.setattr(_sort_write.shutil, "copyfile", fill)
        with pytest.raises(SortError, match="disk of .* is full: what was put stays; make room"):
            sort(done.out, tmp_path / "dest")
    assert not list((tmp_path / "dest").rglob(".*part*"))
    assert sort(done.out, tmp_path / "dest").new == 12, "one series was whole"


def test_a_folder_of_something_else_is_refused(done: Done, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refused(UsageError, r"not empty \(notes.txt", done.out, tmp_path)
    refused(UsageError, "is a file", done.out, tmp_path / "notes.txt")


def test_another_layout_or_mode_is_refused(done: Done, tmp_path: Path) -> None:
    sort(done.out, tmp_path / "dest")
    refused(UsageError, "begun with --layout labels --copy", done.out, tmp_path / "dest", "bids")
    refused(UsageError, "begun with --layout labels --copy", done.out, tmp_path / "dest", "labels", "link")
    refused(UsageError, "A BIDS tree holds NIfTI", done.out, tmp_path / "other", "bids", "copy")


def test_dest_may_not_lie_in_the_input_or_the_run_nor_hold_them(done: Done, tmp_path: Path) -> None:
    for dest in (done.export / "a", done.export / "new", done.out / "new", done.out, done.out.parent):
        refused(UsageError, "lie in one another", done.out, dest)


def test_an_input_that_is_gone_is_named(tmp_path: Path) -> None:
    sort_runs.nifti(tmp_path / "export" / "scan.nii", "t2w")
    out = sort_runs.classify(tmp_path / "export", tmp_path / "out")
    shutil.rmtree(tmp_path / "export")
    refused(UsageError, r"export, which .* was made from, is not there", out, tmp_path / "dest")


def test_a_link_that_leads_out_of_dest_is_refused(done: Done, tmp_path: Path) -> None:
    dest, elsewhere = tmp_path / "dest", tmp_path / "elsewhere"
    sort(done.out, dest)
    elsewhere.mkdir()
    shutil.rmtree(dest / "SWI")
    (dest / "SWI").symlink_to(elsewhere)
    refused(SortError, "leads out of the folder through a link", done.out, dest)
    assert not list(elsewhere.iterdir())


def test_names_that_only_capitals_tell_apart_clash(tmp_path: Path) -> None:
    puts = [Put(name, None, f"T1w/{name}", "T1w", "", "", {"source": name}) for name in ("Scan", "scan")]
    with pytest.raises(SortError, match="Scan and scan would both be T1w/scan"):
        State(tmp_path).check(puts, "labels", "copy")
