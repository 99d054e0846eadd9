"""Whatever a file holds, it ends in a row or a note with a reason; neighbours and input stay as they were.

MRCLASS_FUZZ says how many examples are tried (default 25); with a number of its own, other ones each time.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import broken
import pytest
from dicom_files import stack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mrclass import _pool, dicom
from mrclass.ensemble import Ensemble
from mrclass.worker import Rooms, process
from tiny_bundles import WITH_N4, make_bundle

EXAMPLES = int(os.environ.get("MRCLASS_FUZZ", "25"))
NAMES = ["a", "-rf", "=cmd()", "new\nline", "\x1b[31mred", "\udcff\udcfe", "né", "x" * 200, " ", "._a"]
KINDS = [
    "explicit.dcm", "implicit.dcm", "deflated.dcm", "squeezed-14.dcm", "squeezed-15.dcm", "squeezed-16.dcm",
    "volume.nii", "volume.nii.gz", "volume.json",
]  # fmt: skip

FILES = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(KINDS), broken.damage()), min_size=1, max_size=5
)


class Kept(_pool.Reader):
    """A header reader that lives from one example to the next, as it does from one file to the next."""

    def close(self) -> int | None:
        return None if self.child is not None and self.child.poll() is None else super().close()


@pytest.fixture(scope="module")
def reader() -> Iterator[Kept]:
    kept = Kept()
    yield kept
    _pool.Reader.close(kept)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    folder = tmp_path_factory.mktemp("bundles")
    make_bundle(folder / "t1w", "t1w", offset=4.0, steps=WITH_N4)
    make_bundle(folder / "t2w", "t2w")
    return Ensemble.from_folder(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return broken.whole(tmp_path_factory.mktemp("whole"))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="MRCLASS_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(files=FILES)
def test_broken_files_end_in_a_reason_and_harm_nothing(
    files: list[Any], reader: Kept, ensemble: Ensemble, whole: dict[str, bytes]
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(_pool, "read_each", functools.partial(_pool.read_each, reader=lambda: reader))
        root = Path(name)
        export, scratch = root / "export", root / "scratch"
        scratch.mkdir()
        intact = stack(export / "intact", 3)
        for number, (word, kind, change) in enumerate(files):
            path = export / f"{number % 2}" / f"{word}{number}-{kind}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(change(whole[kind]))
        before = broken.snapshot(root)
        found = dicom.scan([export], jobs=1)
        paths = [str(note.path) for note in found.files]
        assert sorted(paths) == sorted(p for p, about in before.items() if len(about) > 1), "each file once"
        known = {series.key for series in found.series}
        for note in found.files:
            assert note.series_key in known or (note.series_key is None and note.note)
        for series in found.series:
            assert series.status_hint in ("ok", "skipped", "unreadable")
            if series.status_hint != "ok":
                assert series.skip_reason
                continue
            outcome = process(series, ensemble, Rooms(), scratch, 60.0)
            assert not outcome.trace, outcome.trace
            assert outcome.status == "done" or (outcome.status == "unreadable" and outcome.reason)
            assert outcome.volumes
            if set(intact) <= set(series.files):
                assert outcome.status == "done", "a neighbour's damage is its own"
        assert broken.snapshot(root) == before, "nothing is written beside the scratch, which is left empty"
        found.close()
