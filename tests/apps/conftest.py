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
    from label_helpers import NO, YES
    from tiny_bundles import WITH_N4, make_bundle

    folder = tmp_path / "bundles"
    make_bundle(folder / "mrclass_t1w", "t1w", offset=NO, steps=WITH_N4)
    make_bundle(folder / "mrclass_t1ce", "t1ce", offset=NO, refines="t1w", threshold=0.5, steps=WITH_N4)
    make_bundle(folder / "mrclass_t2w", "t2w", offset=YES)
    return folder
