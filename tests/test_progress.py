"""Progress where nobody watches a terminal: a line now and then, nothing for short work."""

from __future__ import annotations

import pytest
from mrclass import progress


def test_long_work_says_in_a_log_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("mrclass.progress.time.monotonic", lambda: clock[0])
    with progress.bar("series") as step:
        for done in range(101):
            step(done, 100)
            clock[0] += 2.0
    said = capsys.readouterr().err.splitlines()
    assert said == ["30 of 100 series", "60 of 100 series", "90 of 100 series"]


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bar("series") as step:
        step(1, 2)
        step(2, 2)
    assert capsys.readouterr().err == ""
