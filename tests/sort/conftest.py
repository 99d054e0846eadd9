"""One classified export for all tests of `sort`: they read it and never change it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import sort_runs  # noqa: E402
from sort_runs import Done  # noqa: E402


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    root = tmp_path_factory.mktemp("sort")
    export = sort_runs.export(root / "export")
    return Done(export, sort_runs.classify(export, root / "out"))
