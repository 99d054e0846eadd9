"""Rows as the ledger gives them, for the tests of the report."""

from __future__ import annotations

from typing import Any

MEMBERS = {
    f"mrclass_{label}": {"label": label, "version": "1.2.3", "sha256": digit * 64, "threshold": threshold}
    for label, digit, threshold in [
        ("t1w", "a", 0.9),
        ("t1ce", "b", 0.5),
        ("t2w", "c", 0.8),
        ("flair", "d", 0.7),
    ]
}


def done(row_id: int = 1, **changes: Any) -> dict[str, Any]:
    """A T2w volume on which header and image agree."""
    row: dict[str, Any] = {
        "row_id": row_id,
        "status": "done",
        "reason": "",
        "series_key": f"series-{row_id}",
        "series_uid": "2.25.1",
        "study_uid": "2.25.9",
        "patient": "P-01",
        "source": f"study/series{row_id}",
        "n_files": 24,
        "kind": "dicom",
        "modality": "MR",
        "manufacturer": "Vendor",
        "description": "AX T2",
        "volume_index": 0,
        "volume_note": "",
        "label": "t2w",
        "score": 0.9876,
        "conflict": False,
        "candidates": ["t2w"],
        "votes": {"t1w": 0, "t2w": 9, "flair": 1},
        "scores": {"t1w": 0.0123, "t2w": 0.9876, "flair": 0.25},
        "slice_scores": {"t1w": [0.01] * 10, "t2w": [0.99] * 9 + [0.4], "flair": [0.2] * 9 + [0.7]},
        "n_slices": 10,
        "acquisition_plane": "axial",
        "shape": [256, 256, 24],
        "spacing": [0.9, 0.9, 5.5],
        "header_label": "t2w",
        "header_evidence": ["SeriesDescription: AX T2"],
        "verdict": "agree",
        "seconds": {"slab": 0.1, "networks": 0.2},
        "thumbnails": [],
        "members": MEMBERS,
    }
    return {**row, **changes}


def without_volume(row_id: int, status: str, reason: str, **changes: Any) -> dict[str, Any]:
    """A series that gave no volume."""
    row: dict[str, Any] = {
        "row_id": row_id,
        "status": status,
        "reason": reason,
        "series_key": f"series-{row_id}",
        "series_uid": "",
        "study_uid": "2.25.9",
        "patient": "P-01",
        "source": f"study/series{row_id}",
        "n_files": 3,
        "kind": "dicom",
        "modality": "MR",
        "manufacturer": "",
        "description": "",
        "volume_index": 0,
        "volume_note": "",
        "label": "",
        "score": None,
        "conflict": False,
        "candidates": [],
        "votes": {},
        "scores": {},
        "slice_scores": {},
        "n_slices": 0,
        "acquisition_plane": "",
        "shape": [],
        "spacing": [],
        "header_label": "",
        "header_evidence": [],
        "verdict": "",
        "seconds": {},
        "thumbnails": [],
        "members": {},
    }
    return {**row, **changes}


def mixed() -> list[dict[str, Any]]:
    """Six series, seven volumes' worth of rows: one of each kind of card."""
    return [
        done(1),
        done(2, header_label="t1w", verdict="disagree", description="AX T1"),
        done(
            3,
            label="flair",
            conflict=True,
            candidates=["t2w", "flair"],
            header_label="",
            verdict="header silent",
        ),
        done(
            4,
            label="other",
            score=0.61,
            candidates=[],
            scores={"t1w": 0.61, "t2w": 0.1},
            votes={"t1w": 7, "t2w": 0},
            header_label="other",
            volume_note="b 0",
        ),
        done(
            5,
            series_key="series-4",
            label="other",
            score=0.4,
            candidates=[],
            scores={"t1w": 0.4, "t2w": 0.1},
            votes={"t1w": 3, "t2w": 0},
            header_label="other",
            volume_index=1,
            volume_note="b 1000",
        ),
        without_volume(6, "unreadable", "The pixel data end after 12 of 24 images."),
        without_volume(7, "skipped", "Modality CT is not MR"),
    ]
