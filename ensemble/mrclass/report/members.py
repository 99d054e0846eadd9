"""Collects label, threshold, version and hash of the members from rows and run; touches no files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mrclass import labels
from mrclass.report.series import Row
from mrclass.report.text import number


@dataclass(frozen=True)
class MemberNote:
    """One version of one member, as rows of this run name it.

    Attributes:
        name, label, version, sha256, config_sha256: as the bundle states them; empty where unknown.
        threshold: score from which its label is a candidate, or None where neither row nor run tells.
        rows: volumes it judged.
    """

    name: str
    label: str
    version: str
    sha256: str
    config_sha256: str
    threshold: float | None
    rows: int


def label_of(name: str, info: Mapping[str, Any]) -> str:
    """Label of a member: stated, or read from a bundle name such as mrclass_t2w."""
    return str(info.get("label") or name.removeprefix("mrclass_"))


def thresholds(row: Row, run: Mapping[str, Any]) -> dict[str, float]:
    """Threshold per member label: the row's own members first, then what the run says of them."""
    found: dict[str, float] = {}
    stated = run.get("thresholds")
    if isinstance(stated, Mapping):
        found.update({str(key): value for key, item in stated.items() if (value := number(item)) is not None})
    for members in (run.get("members"), row.get("members")):
        for name, info in _items(members):
            value = number(info.get("threshold"))
            if value is not None:
                found[label_of(name, info)] = value
    return found


def notes(rows: Iterable[Row], run: Mapping[str, Any]) -> list[MemberNote]:
    """Every version of every member that judged a volume; the run's own list where no row names any."""
    seen: dict[tuple[str, str, str, str, str], int] = {}
    limits: dict[str, float] = {}
    for row in rows:
        members = _items(row.get("members"))
        if members:
            limits.update(thresholds(row, run))
        for name, info in members:
            key = _key(name, info)
            seen[key] = seen.get(key, 0) + 1
    if not seen:
        limits = thresholds({}, run)
        seen = {_key(name, info): 0 for name, info in _items(run.get("members"))}
    found = [MemberNote(*key, threshold=limits.get(key[1]), rows=count) for key, count in seen.items()]
    return sorted(found, key=lambda note: (labels.sort_key(note.label), note.name, note.version))


def _key(name: str, info: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    version, weights, config = (str(info.get(key) or "") for key in ("version", "sha256", "config_sha256"))
    return name, label_of(name, info), version, weights, config


def _items(members: Any) -> list[tuple[str, Mapping[str, Any]]]:
    if not isinstance(members, Mapping):
        return []
    return [(str(name), info) for name, info in members.items() if isinstance(info, Mapping)]
