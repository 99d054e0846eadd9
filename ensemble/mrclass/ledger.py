"""The run's SQLite file: writes each series as it is finished, reads all back as rows, makes the pseudonyms.

Source of its method: design.md, "A run is a ledger": one transaction per series, so that a run killed at any
moment loses at most the series in hand and, through the unique keys, duplicates nothing.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from mrclass import __version__
from mrclass.errors import LedgerError, UsageError

SCHEMA_VERSION = 1
FILE_NAME = "mrclass.sqlite"

# What a row is made of, with the value it has where a series or volume has nothing to say. Report, CSV and
# JSON are made from exactly these keys.
SERIES_DEFAULTS: dict[str, Any] = {
    "status": "", "reason": "", "series_key": "", "series_uid": "", "study_uid": "", "patient": "",
    "source": "", "n_files": 0, "kind": "", "modality": "", "manufacturer": "", "description": "",
    "contrast_agent": "",
}  # fmt: skip
VOLUME_DEFAULTS: dict[str, Any] = {
    "volume_index": 0, "volume_note": "", "label": "", "score": None, "conflict": False, "candidates": [],
    "votes": {}, "scores": {}, "slice_scores": {}, "n_slices": 0, "acquisition_plane": "", "shape": [],
    "spacing": [], "header_label": "", "header_evidence": [], "header_basis": "", "verdict": "",
    "seconds": {}, "thumbnails": [], "header_claims": [], "echo_time": None, "b_value": None,
    "image_type": [], "orientation": [], "remarks": [],
}  # fmt: skip
ROW_KEYS: tuple[str, ...] = ("row_id", *SERIES_DEFAULTS, *VOLUME_DEFAULTS, "members")
_EMPTY = {**SERIES_DEFAULTS, **VOLUME_DEFAULTS}  # for rows that an earlier version wrote
STATUSES = ("done", "unreadable", "skipped")

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE series (
    series_key TEXT PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('done', 'unreadable', 'skipped')),
    root TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE TABLE volumes (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT,
    series_key TEXT NOT NULL REFERENCES series (series_key) ON DELETE CASCADE,
    volume_index INTEGER NOT NULL,
    label TEXT NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (series_key, volume_index)
);
CREATE INDEX series_status ON series (status);
"""

Picture = Callable[[int, int], list[str]]
"""(row_id, position among the volume rows) -> paths of the pictures written for it, relative to OUT."""


class Ledger:
    """One run's SQLite file; a context manager.

    Args:
        path: the file; made when missing and `create` is true.
        create: whether a missing file is made.
        keep_identifiers: whether rows carry real UIDs and patient keys. Fixed when the file is made.

    Raises:
        LedgerError: the file is missing, is no ledger, or has another schema version.
        UsageError: the file was begun with the other choice of `keep_identifiers`.
    """

    def __init__(self, path: Path, *, create: bool = True, keep_identifiers: bool | None = None) -> None:
        self.path = Path(path)
        if not self.path.is_file() and not create:
            raise LedgerError(f"{self.path} is missing; `mrclass classify` writes it")
        self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            self._open(keep_identifiers)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise LedgerError(
                f"{self.path} cannot be used as a ledger ({error}); move it aside or name a new output folder"
            ) from error
        except Exception:
            self._db.close()
            raise

    def _open(self, keep_identifiers: bool | None) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA synchronous = NORMAL")
        found = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        empty = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if found == 0 and empty:
            with _Transaction(self._db):
                for statement in _SCHEMA.split(";\n"):
                    self._db.execute(statement)
                self._set("written_by", __version__)
                self._set("salt", secrets.token_hex(16))
                self._set("keep_identifiers", bool(keep_identifiers))
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif found != SCHEMA_VERSION:
            raise LedgerError(
                f"{self.path} has ledger schema {found}; mrclass {__version__} reads {SCHEMA_VERSION}. "
                "Name a new output folder, or use the mrclass version that wrote it"
            )
        self._salt = str(self.meta("salt"))
        self.keep_identifiers = bool(self.meta("keep_identifiers"))
        if keep_identifiers is not None and keep_identifiers != self.keep_identifiers:
            begun = "with" if self.keep_identifiers else "without"
            raise UsageError(
                f"{self.path.parent} was begun {begun} --keep-identifiers; "
                "give the same choice again or name a new output folder"
            )

    # ---- pseudonyms

    def _digest(self, kind: str, text: str) -> bytes:
        return hashlib.sha256(f"{self._salt}{kind}{text}".encode()).digest()

    def series_key(self, key: str) -> str:
        """Key of a series in this ledger: stable for this ledger, tells nothing about the real one."""
        return key if self.keep_identifiers else "S-" + self._digest("series", key).hex()[:24]

    def uid(self, uid: str) -> str:
        """UID shown for a real one: `2.25.` and 128 bits of its salted hash; empty stays empty."""
        if not uid or self.keep_identifiers:
            return uid
        return f"2.25.{int.from_bytes(self._digest('', uid)[:16], 'big')}"

    def patient(self, key: str) -> str:
        """Name shown for a patient: `P-` and ten hexadecimal digits; empty stays empty."""
        return key if not key else "P-" + self._digest("patient", key).hex()[:10]

    def token(self, kind: str, text: str) -> str:
        """24 hexadecimal digits for a text of that kind, whatever `keep_identifiers` says."""
        return self._digest(f"token {kind}", text).hex()[:24]

    # ---- facts of the run

    def _set(self, key: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def meta(self, key: str, default: Any = None) -> Any:
        """One fact of the run, as it was given to `set_meta`."""
        found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if found is None else json.loads(found[0])

    def set_meta(self, key: str, value: Any) -> None:
        """Keep one JSON-able fact of the run."""
        with _Transaction(self._db):
            self._set(key, value)

    # ---- series

    def fingerprint(self, key: str, statuses: Sequence[str] = STATUSES) -> str | None:
        """Fingerprint of one series if it is finished in one of these ways; found by its key alone."""
        marks = ", ".join("?" * len(statuses))
        found = self._db.execute(
            f"SELECT fingerprint FROM series WHERE series_key = ? AND status IN ({marks})", (key, *statuses)
        ).fetchone()
        return None if found is None else str(found[0])

    def outcome(self, key: str) -> tuple[str, str, str] | None:
        """Status, reason and name (description, else place) of one series of this ledger; None: not done yet.

        The reason of a series that is done is empty: what its notes say is about no single file.
        """
        found = self._db.execute("SELECT data FROM series WHERE series_key = ?", (key,)).fetchone()
        if found is None:
            return None
        head = json.loads(found[0])
        reason = "" if head["status"] == "done" else head["reason"]
        return head["status"], reason, head["description"] or head["source"]

    def count(self, statuses: Sequence[str] = STATUSES) -> int:
        """Number of series finished in one of these ways."""
        marks = ", ".join("?" * len(statuses))
        ask = f"SELECT count(*) FROM series WHERE status IN ({marks})"
        return int(self._db.execute(ask, tuple(statuses)).fetchone()[0])

    def finish(
        self,
        series_row: Mapping[str, Any],
        volume_rows: Sequence[Mapping[str, Any]],
        picture: Picture | None = None,
    ) -> list[int]:
        """Write a series and its volumes in one transaction, in place of what it had before.

        Args:
            series_row: series part of a row, beside `fingerprint` and `root` (the named PATH).
            volume_rows: volume parts of its rows; none for a series without volumes, which then has one row.
                `status` and `reason` in a volume row stand before those of the series.
            picture: writes the pictures of one volume; called inside the transaction, once per volume row.

        Returns:
            The row ids, in the order of `volume_rows`.
        """
        key = str(series_row["series_key"])
        head = {name: series_row.get(name, value) for name, value in SERIES_DEFAULTS.items()}
        ids: list[int] = []
        with _Transaction(self._db):
            self._db.execute("DELETE FROM series WHERE series_key = ?", (key,))
            self._db.execute(
                "INSERT INTO series VALUES (?, ?, ?, ?, ?)",
                (
                    key,
                    head["status"],
                    series_row["root"],
                    series_row["fingerprint"],
                    json.dumps(head),
                ),
            )
            for place, volume in enumerate(volume_rows or [{}]):
                tail = {name: volume.get(name, value) for name, value in VOLUME_DEFAULTS.items()}
                tail |= {name: volume[name] for name in ("status", "reason") if name in volume}
                cursor = self._db.execute(
                    "INSERT INTO volumes (series_key, volume_index, label, data) VALUES (?, ?, ?, '')",
                    (key, tail["volume_index"], tail["label"]),
                )
                row_id = int(cursor.lastrowid or 0)
                if picture is not None and volume_rows:
                    tail["thumbnails"] = picture(row_id, place)
                self._db.execute("UPDATE volumes SET data = ? WHERE row_id = ?", (json.dumps(tail), row_id))
                ids.append(row_id)
        return ids

    def each(self, row_ids: Sequence[int] | None = None) -> Iterator[dict[str, Any]]:
        """Rows one by one, each with exactly `ROW_KEYS`: all, or those of some ids in their order."""
        members = self.meta("members", {})
        ask = "SELECT v.row_id, s.data, v.data FROM volumes v JOIN series s USING (series_key) "
        if row_ids is None:
            found: Iterable[Any] = self._db.execute(ask + "ORDER BY s.rowid, v.volume_index")
        else:
            found = (
                line
                for row_id in row_ids
                for line in self._db.execute(ask + "WHERE v.row_id = ?", (row_id,)).fetchall()
            )
        for row_id, head, tail in found:
            row = {**_EMPTY, "row_id": row_id, **json.loads(head), **json.loads(tail), "members": members}
            yield {key: row[key] for key in ROW_KEYS}

    def rows(self) -> list[dict[str, Any]]:
        """All rows, one per volume and one per series without volumes, each with exactly `ROW_KEYS`."""
        return list(self.each())

    def roots(self) -> dict[str, str]:
        """Folder that `source` is relative to: key of a series in this ledger -> absolute path."""
        return dict(self._db.execute("SELECT series_key, root FROM series"))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Transaction:
    """All or nothing: BEGIN IMMEDIATE, then COMMIT, or ROLLBACK where an exception passes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
