"""Keeps what a scan finds in a temporary SQLite file, so that any archive fits into little memory.

Writes the one file it is given (none: memory). What it gives back are sequences that read a few at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from mrclass._group import FileNote, Series
from mrclass._judge import FileRecord

# A file's answer stands without its header: thousands of files of one series share one.
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE files (
    place INTEGER PRIMARY KEY, path BLOB NOT NULL, stem BLOB, asked INTEGER NOT NULL,
    series_key BLOB, note BLOB NOT NULL, used INTEGER NOT NULL DEFAULT 1,
    team BLOB, header INTEGER, answer TEXT
);
CREATE INDEX files_stem ON files (stem) WHERE stem IS NOT NULL;
CREATE INDEX files_team ON files (team, place) WHERE team IS NOT NULL;
CREATE TABLE headers (id INTEGER PRIMARY KEY, digest BLOB UNIQUE NOT NULL, content TEXT NOT NULL);
CREATE TABLE series (place INTEGER NOT NULL, series_key BLOB NOT NULL, content BLOB NOT NULL);
BEGIN;
"""
_BATCH = 1000
T = TypeVar("T")


class Spool:
    """Files with their records, and the series made of them.

    Args:
        path: file to write, replaced if there; None keeps all in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.unlink(missing_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
        )
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file; its sequences are of no use afterwards."""
        self._db.close()

    def __del__(self) -> None:
        self._db.close()

    # ---- files

    def add_file(self, path: str, note: str | None, stem: str | None = None) -> int:
        """One input file in its order; a note says what became of it, None asks for its header.

        `stem` is the path of a NIfTI file without its ending, for its sidecars. Returns its place.
        """
        cursor = self._db.execute(
            "INSERT INTO files (path, stem, asked, note) VALUES (?, ?, ?, ?)",
            (
                os.fsencode(path),
                None if stem is None else os.fsencode(stem),
                note is None,
                _bytes(note or ""),
            ),
        )
        return int(cursor.lastrowid or 0)

    def of_stem(self, stem: str) -> str | None:
        """The NIfTI file of this path without its ending."""
        found = self._db.execute("SELECT path FROM files WHERE stem = ?", (os.fsencode(stem),)).fetchone()
        return None if found is None else os.fsdecode(found[0])

    def note(self, place: int, note: str, series_key: str | None = None, used: bool = True) -> None:
        """What became of a file, and whether its series uses it; its header is not asked for any more."""
        self._db.execute(
            "UPDATE files SET note = ?, series_key = ?, used = ?, asked = 0 WHERE place = ?",
            (_bytes(note), None if series_key is None else _bytes(series_key), used, place),
        )

    def asked(self) -> int:
        """Number of files whose header is asked for."""
        return int(self._db.execute("SELECT count(*) FROM files WHERE asked").fetchone()[0])

    def paths_asked(self) -> Iterator[tuple[int, str]]:
        """Place and path of the files whose header is asked for; safe beside `keep`."""
        last = 0
        while True:
            with self._lock:
                batch = self._db.execute(
                    "SELECT place, path FROM files WHERE asked AND place > ? ORDER BY place LIMIT ?",
                    (last, _BATCH),
                ).fetchall()
            if not batch:
                return
            last = batch[-1][0]
            for place, path in batch:
                yield place, os.fsdecode(path)

    def keep(self, place: int, team: str, answer: dict[str, Any]) -> None:
        """The header reader's answer on a file, and the name that all files of its series share."""
        header = json.dumps(answer.get("header") or {})
        rest = json.dumps({key: value for key, value in answer.items() if key != "header"})
        digest = hashlib.sha256(header.encode()).digest()[:16]
        with self._lock:
            self._db.execute(
                "INSERT OR IGNORE INTO headers (digest, content) VALUES (?, ?)", (digest, header)
            )
            self._db.execute(
                "UPDATE files SET team = ?, answer = ?, header = (SELECT id FROM headers WHERE digest = ?) "
                "WHERE place = ?",
                (_bytes(team), rest, digest, place),
            )

    def teams(self) -> Iterator[list[tuple[int, FileRecord]]]:
        """The records of each team with their places; one team is in memory at a time."""
        first = self._db.execute(
            "SELECT team FROM files WHERE team IS NOT NULL GROUP BY team ORDER BY min(place)"
        )
        for (team,) in first:
            headers: dict[int, dict[str, Any]] = {}
            members = []
            found = self._db.execute(
                "SELECT place, path, header, answer FROM files WHERE team = ? ORDER BY place", (team,)
            )
            for place, path, header, answer in found:
                if header not in headers:
                    content = self._db.execute("SELECT content FROM headers WHERE id = ?", (header,))
                    headers[header] = json.loads(content.fetchone()[0])
                record = {**json.loads(answer), "header": headers[header]}
                members.append((place, FileRecord.from_answer(Path(os.fsdecode(path)), record)))
            yield members

    # ---- series

    def add_series(self, place: int, series: Series) -> None:
        """A series; `place` is that of its first file."""
        # pickled: read again by this process alone, and deleted with it
        self._db.execute(
            "INSERT INTO series VALUES (?, ?, ?)", (place, _bytes(series.key), pickle.dumps(series))
        )

    def finish(self) -> tuple[Sequence[Series], Sequence[FileNote]]:
        """All series in the order of their first files, and a note on every file in its order."""
        self._db.execute(
            "CREATE TABLE sorted_series AS SELECT content FROM series ORDER BY place, series_key"
        )
        self._db.execute("COMMIT")
        series = Entries[Series](self, "sorted_series", "rowid", "content", pickle.loads, batch=20)
        notes = Entries[FileNote](self, "files", "place", "path, series_key, note, used", _note, batch=_BATCH)
        return series, notes


class Entries(Sequence[T], Generic[T]):
    """A table as a sequence; keys count from 1 without gaps."""

    def __init__(
        self, spool: Spool, table: str, key: str, columns: str, make: Callable[..., T], batch: int
    ) -> None:
        self._spool, self._make, self._batch = spool, make, batch  # the spool lives as long as its entries
        self._ask = f"SELECT {columns} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT ?"
        self._len = int(spool._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def __len__(self) -> int:
        return self._len

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(self._len))]
        place = index + self._len if index < 0 else index
        if not 0 <= place < self._len:
            raise IndexError(index)
        return self._make(*self._spool._db.execute(self._ask, (place, 1)).fetchone())

    def __iter__(self) -> Iterator[T]:
        for start in range(0, self._len, self._batch):
            for row in self._spool._db.execute(self._ask, (start, self._batch)).fetchall():
                yield self._make(*row)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)


def _bytes(text: str) -> bytes:
    """Text of a stranger as SQLite can hold it: undecodable bytes of paths are no Unicode."""
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _note(path: bytes, series_key: bytes | None, note: bytes, used: int) -> FileNote:
    key = None if series_key is None else _text(series_key)
    return FileNote(Path(os.fsdecode(path)), key, _text(note), bool(used))
