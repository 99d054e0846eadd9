"""`mrclass.scale`: what is measured of a run, on numbers small enough to check by hand and on a small run."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import doubles
import pytest
from dicom_files import stack
from mrclass import _empty, _watch, scale
from mrclass.errors import MRClassError
from tiny_bundles import make_bundle

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def sample(s: float, done: int, client: float = 10.0, child: float = 100.0) -> dict[str, float]:
    return {"s": s, "done": done, "client_mb": client, "child_mb": child}


def test_a_run_is_told_in_tenths_with_ratios_of_the_last_to_the_second() -> None:
    samples = [
        sample(5, 0, 90),
        sample(10, 10, 20),
        sample(20, 20, 40, 200),
        sample(21, 21),
        sample(60, 100, 50),
    ]
    told = scale.summarise(samples, 100)
    assert [part["series"] for part in told["parts"]] == [10, 20, 21, 100]
    assert [part["client_mb"] for part in told["parts"]] == [20, 40, 10, 50]
    assert [part["seconds_per_series"] for part in told["parts"]] == [1.0, 1.0, 1.0, round(39 / 79, 3)]
    ratios = told["last_to_second_part"]
    assert (ratios["client_mb"], ratios["child_mb"]) == (1.25, 0.5)


def test_the_writing_of_pages_is_told_apart_from_the_last_tenth() -> None:
    told = scale.summarise([sample(1, 5), sample(2, 10, 20), sample(3, 10, 70), sample(4, 10, 60)], 10)
    assert told["parts"][-1]["client_mb"] == 20
    assert told["client_mb_while_pages_are_written"] == 70


def test_samples_of_a_process_that_has_ended_count_for_no_memory() -> None:
    assert scale.summarise([sample(1, 10, 0.0)], 10)["parts"] == []


def test_a_run_over_many_empty_files_is_compared_with_one_over_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[int] = []

    def watch(command: list[str], ledger: Path, samples: Path) -> dict[str, float]:
        found = [path for path in Path(command[4]).rglob("*") if path.is_file() and not path.stat().st_size]
        assert {path.suffix for path in found} == {"", ".dcm", ".nii"}
        balance = {"explained": len(found) - sum(lost), "unexplained": sum(lost)}
        ledger.parent.mkdir()
        (ledger.parent / "run.json").write_text(json.dumps({"balance": balance}))
        (ledger.parent / "files.csv").write_text("x" * len(found))
        return {"seconds": 1.0, "client_mb": 40.0 + len(found) / 1000, "child_mb": 900.0}

    monkeypatch.setattr(_empty, "watch", watch)
    told = _empty.measure_empty(tmp_path, 2500, tmp_path)
    assert (told["few"]["n_empty"], told["many"]["balance"]["explained"]) == (1000, 2500)
    assert (told["many"]["files_csv"], told["client_mb_ratio"]) == (2500, round(42.5 / 41, 3))
    lost.append(1)
    with pytest.raises(MRClassError, match="Of 1000 empty files 999 are explained"):
        _empty.measure_empty(tmp_path, 2500, tmp_path)


def test_a_line_cut_by_a_kill_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text('{"s": 1.0}\n{"s": 2', encoding="ascii")
    assert _watch.read_samples(tmp_path / "s.jsonl") == [{"s": 1.0}]


@linux
def test_memory_is_that_of_a_process_and_of_its_largest_child(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    child = "import time; kept = bytearray(80 << 20); time.sleep(1.5)"
    told = _watch.watch([sys.executable, "-c", code, child], tmp_path / "none", tmp_path / "s.jsonl")
    assert told["client_mb"] < 60 < 80 < told["child_mb"]
    assert told["child_mb"] == max(one["child_mb"] for one in _watch.read_samples(tmp_path / "s.jsonl"))
    again = _watch.watch([sys.executable, "-c", ""], tmp_path / "none", tmp_path / "s.jsonl")
    seconds = [one["s"] for one in _watch.read_samples(tmp_path / "s.jsonl")]
    assert seconds == sorted(seconds) and again["seconds"] <= seconds[-1]
    assert _watch.memory(os.getpid())[0] > 10


@linux
def test_what_is_done_after_the_last_look_is_counted(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    doubles.write(tmp_path / "in", a="t1w", b="broken")
    doubles.classify(tmp_path / "in", tmp_path / "out")
    code = "import shutil, sys, time; time.sleep(1); shutil.copy(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(tmp_path / "out" / "mrclass.sqlite"), str(tmp_path / "book")]
    _watch.watch(command, tmp_path / "book", tmp_path / "s.jsonl", every_s=4.0)
    told = scale.summarise(_watch.read_samples(tmp_path / "s.jsonl"), 2)
    assert told["parts"][-1]["series"] == 2 and told["parts"][-1]["client_mb"] > 0


@linux
def test_a_command_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MRClassError, match="exit code 2"):
        _watch.watch([sys.executable, "-c", "raise SystemExit(2)"], tmp_path / "x", tmp_path / "s.jsonl")


def test_a_ledger_is_timed_on_a_copy(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    doubles.write(tmp_path / "in", a="t1w", b="broken")
    out = tmp_path / "out"
    doubles.classify(tmp_path / "in", out)
    before = (out / "mrclass.sqlite").read_bytes()
    told = scale.time_ledger(out / "mrclass.sqlite", tmp_path)
    assert told["series"] == 2 and told["write_ms_full"] > 0 and told["ask_ms_new"] > 0
    assert (out / "mrclass.sqlite").read_bytes() == before
    assert not list(tmp_path.glob("*.sqlite"))
    assert scale.page_sizes(out)["report_html"] == (out / "report.html").stat().st_size


@linux
def test_a_small_archive_is_measured_and_a_second_network_joins_the_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_archive(out: Path, series: int, **more: Any) -> int:
        return sum(len(stack(out / str(number), 1, series=number)) for number in range(series))

    monkeypatch.setattr("mrclass.phantom.archive.write_archive", write_archive)
    make_bundle(tmp_path / "bundles" / "mrclass_t1w", "t1w")
    output = tmp_path / "scale.json"
    output.write_text('{"shipped": {"n_series": 1}}')
    command = ["--series", "3", "--work", str(tmp_path / "work"), "-o", str(output)]
    assert scale.main([*command, "--bundles", str(tmp_path / "bundles")]) == 0
    told = json.loads(output.read_text())
    assert told["shipped"] == {"n_series": 1}
    small = told["stand-in"]
    assert (small["n_series"], small["n_files"], small["ledger"]["series"], small["starts"]) == (3, 3, 3, 1)
    assert small["parts"][-1]["series"] == 3, "series done between two samples are seen"
    assert (
        small["client_mb"] > 0
        and small["report"]["client_mb"] > 10
        and small["report"]["bytes"]["report_html"] > 0
    )
    assert scale.main([*command, "--slices", "2"]) == 2, "the folder holds another measurement"
