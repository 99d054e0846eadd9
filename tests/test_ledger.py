"""What the ledger keeps, what it refuses, and what its pseudonyms give away."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from mrclass.errors import LedgerError, UsageError
from mrclass.ledger import ROW_KEYS, SCHEMA_VERSION, Ledger


def head(key: str = "S-1", **more: object) -> dict[str, object]:
    return {"series_key": key, "status": "done", "root": "/data", "fingerprint": "3 files, 9 bytes", **more}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mrclass.sqlite"


def test_a_row_has_exactly_the_agreed_keys(path: Path) -> None:
    with Ledger(path) as book:
        book.finish(head(), [{"label": "t1w", "scores": {"t1w": 0.9}}])
        (row,) = book.rows()
    assert tuple(row) == ROW_KEYS
    assert (row["label"], row["scores"], row["status"]) == ("t1w", {"t1w": 0.9}, "done")


def test_a_ledger_written_before_a_key_was_added_is_read_with_its_default(path: Path) -> None:
    with Ledger(path) as book:
        book.finish(head(), [{"label": "t1w"}])
    with sqlite3.connect(path) as database:
        database.execute("UPDATE volumes SET data = json_remove(data, '$.echo_time', '$.remarks')")
    with Ledger(path) as book:
        (row,) = book.rows()
    assert (row["echo_time"], row["remarks"], row["label"]) == (None, [], "t1w")


def test_a_series_without_volumes_has_one_row(path: Path) -> None:
    with Ledger(path) as book:
        book.finish(head(status="unreadable", reason="truncated"), [])
        (row,) = book.rows()
    assert (row["status"], row["reason"], row["label"], row["thumbnails"]) == (
        "unreadable",
        "truncated",
        "",
        [],
    )


def test_a_volume_can_be_unreadable_in_a_series_that_is_done(path: Path) -> None:
    with Ledger(path) as book:
        volumes = [
            {"volume_index": 0, "label": "t1w"},
            {"volume_index": 1, "status": "unreadable", "reason": "flat"},
        ]
        book.finish(head(), volumes)
        assert [(row["status"], row["reason"]) for row in book.rows()] == [
            ("done", ""),
            ("unreadable", "flat"),
        ]


def test_a_series_done_anew_replaces_its_rows(path: Path) -> None:
    with Ledger(path) as book:
        first = book.finish(
            head(), [{"volume_index": 0, "label": "t1w"}, {"volume_index": 1, "label": "t2w"}]
        )
        second = book.finish(head(fingerprint="4 files, 12 bytes"), [{"volume_index": 0, "label": "flair"}])
        rows = book.rows()
        assert [row["label"] for row in rows] == ["flair"]
        assert not set(first) & set(second), "an id, and with it a picture's name, is never used twice"
        assert book.fingerprint("S-1") == "4 files, 12 bytes"


def test_two_volumes_of_one_index_are_refused_and_leave_nothing(path: Path) -> None:
    with Ledger(path) as book:
        with pytest.raises(sqlite3.IntegrityError):
            book.finish(head(), [{"volume_index": 0}, {"volume_index": 0}])
        assert book.rows() == []


def test_a_failure_while_a_picture_is_written_leaves_no_row(path: Path) -> None:
    def full_disk(row_id: int, place: int) -> list[str]:
        raise OSError("no space left")

    with Ledger(path) as book:
        with pytest.raises(OSError, match="no space"):
            book.finish(head(), [{"label": "t1w"}], full_disk)
        assert book.count() == 0


def test_pictures_are_named_by_row_and_kept(path: Path) -> None:
    with Ledger(path) as book:
        ids = book.finish(
            head(), [{"volume_index": 0}, {"volume_index": 1}], lambda row, place: [f"{row}-{place}"]
        )
        assert [row["thumbnails"] for row in book.rows()] == [[f"{ids[0]}-0"], [f"{ids[1]}-1"]]


def test_done_keys_can_leave_out_the_unreadable(path: Path) -> None:
    with Ledger(path) as book:
        book.finish(head("S-1"), [])
        book.finish(head("S-2", status="unreadable"), [])
        assert book.count() == 2
        assert (book.count(("done", "skipped")), book.fingerprint("S-2", ("done",))) == (1, None)


def test_pseudonyms_are_stable_in_a_ledger_and_differ_between_two(tmp_path: Path) -> None:
    with Ledger(tmp_path / "a.sqlite") as one:
        first = (one.uid("1.2.840.1"), one.patient("MUELLER"), one.series_key("1.2.840.1"))
    with Ledger(tmp_path / "a.sqlite") as again, Ledger(tmp_path / "b.sqlite") as other:
        assert (again.uid("1.2.840.1"), again.patient("MUELLER"), again.series_key("1.2.840.1")) == first
        assert other.uid("1.2.840.1") != first[0]


def test_pseudonyms_have_the_form_of_what_they_stand_for(path: Path) -> None:
    with Ledger(path) as book:
        root, arc, number = book.uid("1.2.840.1").split(".")
        assert (root, arc) == ("2", "25")
        assert int(number) < 2**128
        assert len(book.patient("MUELLER")) == len("P-") + 10
        assert (book.uid(""), book.patient("")) == ("", "")


def test_identifiers_are_kept_only_when_asked(path: Path) -> None:
    with Ledger(path, keep_identifiers=True) as book:
        assert (book.uid("1.2.840.1"), book.series_key("1.2.840.1/ab")) == ("1.2.840.1", "1.2.840.1/ab")
    with pytest.raises(UsageError, match="begun with --keep-identifiers"):
        Ledger(path, keep_identifiers=False)
    Ledger(path).close()  # who only reads need not know


def test_tokens_tell_nothing_even_where_identifiers_are_kept(tmp_path: Path) -> None:
    with Ledger(tmp_path / "a", keep_identifiers=True) as one, Ledger(tmp_path / "b") as two:
        assert one.token("study", "1.2.3") == one.token("study", "1.2.3")
        assert (
            len({one.token("study", "1.2.3"), one.token("series", "1.2.3"), two.token("study", "1.2.3")}) == 3
        )
        assert set(one.token("study", "1.2.3")) <= set("0123456789abcdef")


def test_a_ledger_of_another_schema_is_refused_with_what_to_do(path: Path) -> None:
    Ledger(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(LedgerError, match="Name a new output folder"):
        Ledger(path)


def test_another_kind_of_file_is_refused(path: Path) -> None:
    path.write_text("this is no database, however long it may be" * 40)
    with pytest.raises(LedgerError, match="cannot be used as a ledger"):
        Ledger(path)


def test_another_database_is_refused_and_left_alone(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(LedgerError, match="schema 0"):
        Ledger(path)
    db = sqlite3.connect(path)
    assert [name for (name,) in db.execute("SELECT name FROM sqlite_master")] == ["mine"]
    db.close()


def test_a_missing_ledger_is_named_where_it_is_only_read(path: Path) -> None:
    with pytest.raises(LedgerError, match="is missing"):
        Ledger(path, create=False)
    assert not path.exists()
