"""`studies/realism`: the command that a measurement keeps is the one that was given."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "studies" / "realism"


@pytest.fixture(scope="module")
def measure() -> ModuleType:
    """The study's script, beside the other study of that name."""
    spec = importlib.util.spec_from_file_location("realism_measure", STUDY / "measure.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(STUDY))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(STUDY))
    return module


def test_the_command_kept_with_a_result_is_what_was_given(measure: ModuleType) -> None:
    given = [
        "new=/home/who/slabs/new", "--real", "/x/real/one.npz", "--catalogue", "/x/all/list.csv",
        "--views", "64", "--seeds", "3", "4", "--threads", "2", "-o", "/x/out/other.json",
    ]  # fmt: skip
    kept = measure.command(measure.arguments().parse_args(given))
    assert kept == (
        "python studies/realism/measure.py new=slabs/new --real real/one.npz --catalogue all/list.csv "
        "--views 64 --seeds 3 4 --threads 2 -o out/other.json"
    )


def test_no_command_in_the_results_names_a_run_that_is_not_there() -> None:
    content = json.loads((ROOT / "results" / "realism.json").read_text())
    commands = [run["command"] for run in content["runs"].values() if "command" in run]
    commands += [content["command"]] if "command" in content else []
    named = {name for one in commands for name in re.findall(r" ([\w-]+)=", one)}
    assert commands and named <= set(content["runs"])
