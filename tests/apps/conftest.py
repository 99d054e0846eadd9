"""Makes the apps importable; what they need of heavy installs, the tests put light doubles for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
for folder in (
    HERE.parents[1] / "apps" / "monai_label",
    HERE.parents[1] / "apps" / "monai_deploy",
    HERE.parent,
):  # the apps' `lib` and `mrclass_deploy`; helpers of all tests
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """Tiny bundles of which t2w says yes."""
    from tiny_bundles import make_folder

    return make_folder(tmp_path / "bundles")
