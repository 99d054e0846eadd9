"""What a sort put where: DEST/.mrclass-sort.jsonl, a line per fact; and what stands against a new sort.

The plan is written before the files, each file's size after it: a sort that was killed goes on where it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrclass._sort_names import Names
from mrclass.errors import SortError, UsageError

FILE = ".mrclass-sort.jsonl"
SCRATCH = ".mrclass-sort.part"
_TOLD = 5  # clashes named in a message


@dataclass(frozen=True)
class Put:
    """One thing to be put into DEST: the files of a series, or one volume as NIfTI.

    Attributes:
        key: pseudonym of the series, and the volume where it is one.
        volume: index of the volume; None for the files of the series.
        target: path below DEST: a folder for files, a path without ending for a volume.
        group: the label's folder it is in, or `aside`.
        reason: why it stands aside, "" where it does not.
        fingerprint: number and size of the series' files when it was classified.
        row: a row of it.
        names: its pseudonyms.
    """

    key: str
    volume: int | None
    target: str
    group: str
    reason: str
    fingerprint: str
    row: Mapping[str, Any] = field(repr=False, compare=False)
    names: Names = field(repr=False, compare=False, default=Names("", "", ""))

    @property
    def paths(self) -> tuple[str, ...]:
        """What it takes below DEST."""
        return (self.target,) if self.volume is None else (f"{self.target}.nii.gz", f"{self.target}.json")


@dataclass
class State:
    """The facts of earlier sorts into a folder.

    Attributes:
        dest: the folder.
        layout, mode: of the sort that began it, "" where none did.
        puts: key -> {target, fingerprint, files}; files is None until it is done.
    """

    dest: Path
    layout: str = ""
    mode: str = ""
    puts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, dest: Path) -> State:
        """The state of a folder.

        Raises:
            UsageError: it is a file, or holds something, but no sort.
        """
        state = cls(dest)
        if dest.exists() and not dest.is_dir():
            raise UsageError(f"{dest} is a file; DEST names a folder.")
        try:
            lines = (dest / FILE).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            others = [path.name for path in dest.iterdir()] if dest.is_dir() else []
            if others:
                raise UsageError(
                    f"{dest} is not empty ({sorted(others)[0]} ...) and holds no sort; name a new folder."
                ) from None
            return state
        for line in lines:
            try:
                state._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue  # the line that a kill cut off
        return state

    def _take(self, fact: Mapping[str, Any]) -> None:
        if "layout" in fact:
            self.layout, self.mode = fact["layout"], fact["mode"]
        elif "put" in fact:
            self.puts[fact["put"]] = {**fact, "files": None}
        elif "done" in fact:
            self.puts[fact["done"]]["files"] = fact["files"]

    def target(self, key: str) -> str | None:
        """Where an earlier sort put it."""
        found = self.puts.get(key)
        return None if found is None else str(found["target"])

    def is_done(self, put: Put) -> bool:
        """Whether it lies where it should, each file with the size it was written with."""
        files = self.puts.get(put.key, {}).get("files") or {}
        return bool(files) and all(_size(self.dest / name) == size for name, size in files.items())

    def check(self, puts: Sequence[Put], layout: str, mode: str) -> None:
        """Refuse a sort that would change, overwrite or mix anything.

        Raises:
            UsageError: DEST was begun with another layout or mode.
            SortError: two things would lie in one place, a place is taken, or something would move.
        """
        if self.layout and (self.layout, self.mode) != (layout, mode):
            raise UsageError(
                f"{self.dest} was begun with --layout {self.layout} --{self.mode}; "
                "give the same again or name a new folder."
            )
        clashes = [*self._moved(puts), *_double(puts), *self._taken(puts)]
        if clashes:
            more = f" and {len(clashes) - _TOLD} more" if len(clashes) > _TOLD else ""
            raise SortError(
                f"Nothing was written to {self.dest}: {'; '.join(clashes[:_TOLD])}{more}. "
                "Name a new folder, or move aside what is in the way."
            )

    def _moved(self, puts: Iterable[Put]) -> list[str]:
        told = []
        for put in puts:
            before = self.puts.get(put.key)
            if before is None:
                continue
            if before["target"] != put.target:
                told.append(f"{before['target']} would now be {put.target}")
            elif before["fingerprint"] != put.fingerprint:
                told.append(f"{put.target} was made of other files ({before['fingerprint']})")
        return told

    def _taken(self, puts: Iterable[Put]) -> list[str]:
        told, root = [], self.dest.resolve()
        for put in puts:
            parent = (self.dest / put.target).parent.resolve()
            if parent != root and root not in parent.parents:
                told.append(f"{put.target} leads out of the folder through a link")
            elif put.key not in self.puts:
                told += [
                    f"{name} is there already" for name in put.paths if os.path.lexists(self.dest / name)
                ]
        return told

    def begin(self, puts: Iterable[Put], layout: str, mode: str) -> None:
        """Write down what is going to be put."""
        facts: list[Mapping[str, Any]] = [] if self.layout else [{"layout": layout, "mode": mode}]
        facts += [
            {"put": put.key, "target": put.target, "fingerprint": put.fingerprint}
            for put in puts
            if put.key not in self.puts
        ]
        self._append(facts)

    def done(self, put: Put, files: Sequence[str]) -> None:
        """Write down that it has been put: its files below DEST."""
        self._append([{"done": put.key, "files": {name: _size(self.dest / name) for name in files}}])

    def _append(self, facts: Sequence[Mapping[str, Any]]) -> None:
        if not facts:
            return
        with open(self.dest / FILE, "a+", encoding="utf-8") as file:
            if file.tell() and not _ends_with_line(self.dest / FILE):
                file.write("\n")  # after a line that a kill cut off
            file.writelines(json.dumps(fact) + "\n" for fact in facts)
        for fact in facts:
            self._take(fact)


def _ends_with_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _double(puts: Iterable[Put]) -> list[str]:
    """Targets that two things want, or that only their capitals tell apart (Windows and macOS do not)."""
    seen: dict[str, Put] = {}
    told = []
    for put in puts:
        other = seen.setdefault(put.target.casefold(), put)
        if other is not put:
            told.append(f"{other.row['source']} and {put.row['source']} would both be {put.target}")
    return told


def _size(path: Path) -> int:
    """Size of a file, of a link itself the length of what it says; -1 where there is none."""
    try:
        return os.lstat(path).st_size
    except OSError:
        return -1
