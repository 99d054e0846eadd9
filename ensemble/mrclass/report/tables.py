"""Tables of a run from the rows of the ledger: results.csv (flat), results.json (all), the terminal's."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mrclass import labels
from mrclass.report import text
from mrclass.report.series import (
    CONFLICT,
    DISAGREE,
    DONE,
    SKIPPED,
    UNREADABLE,
    Counts,
    Row,
    counts,
    group,
    member_order,
    title,
)

# Columns of results.csv before and after the scores: append only, people's scripts stand on their order.
_FIRST = (
    "row_id",
    "status",
    "reason",
    "source",
    "description",
    "label",
    "score",
    "verdict",
    "header_label",
    "conflict",
    "candidates",
    "acquisition_plane",
    "n_slices",
    "volume_index",
    "volume_note",
)
_LAST = (
    "header_evidence",
    "modality",
    "manufacturer",
    "kind",
    "n_files",
    "shape",
    "spacing",
    "patient",
    "study_uid",
    "series_uid",
    "series_key",
    "seconds",
    "thumbnails",
    "members",
    "header_basis",
    "header_claims",
    "echo_time",
    "b_value",
    "image_type",
    "orientation",
    "remarks",
)
_FORMULA = re.compile(r"^\s*[=+\-@＝＋－＠]")
# Spreadsheets of a locale whose list separator is the semicolon cut there even inside a quoted cell.
_AFTER_SEPARATOR = re.compile(r"([;\t])(\s*)(?=[=+\-@＝＋－＠])")
_SURROGATE = re.compile("[\ud800-\udfff]")


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Lines of results.csv: one per volume, the same columns in the same order in every run of the six.

    Scores stand in `score_<member>`, slice votes in `votes_<member>`; a seventh member follows the six.
    `rows` are gone through twice.
    """
    known = [key for key in labels.KEYS if key != labels.OTHER]
    members = member_order({*known, *(name for row in rows for name in row.get("scores") or ())})
    columns = [
        *_FIRST,
        *(f"score_{name}" for name in members),
        *(f"votes_{name}" for name in members),
        *_LAST,
    ]
    yield csv_line(guard(column) for column in columns)
    for row in rows:
        flat = {key: row.get(key) for key in (*_FIRST, *_LAST)}
        flat["seconds"] = _total(row.get("seconds"))
        flat["members"] = [_identity(name, info) for name, info in sorted((row.get("members") or {}).items())]
        for name in members:
            flat[f"score_{name}"] = (row.get("scores") or {}).get(name)
            flat[f"votes_{name}"] = (row.get("votes") or {}).get(name)
        yield csv_line(_cell(column, flat[column]) for column in columns)


def _identity(name: str, info: Mapping[str, Any]) -> str:
    """A member in one cell: name, version, first digits of the sha256 of its weights and of its config."""
    config = str(info.get("config_sha256", ""))[:12]
    weights = str(info.get("sha256", ""))[:12]
    words = (name, info.get("version", ""), weights, config and f"config {config}")
    return " ".join(str(word) for word in words if word)


def csv_line(cells: Iterable[Any]) -> str:
    """One line of a CSV, its line break included."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def guard(value: Any) -> str:
    """Text for a spreadsheet's cell: one line, never a formula (a leading = + - @ gets an apostrophe)."""
    shown = text.clean(value)
    shown = _AFTER_SEPARATOR.sub(r"\1\2'", shown)
    return "'" + shown if _FORMULA.match(shown) else shown


def _cell(column: str, value: Any) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else ""
    if isinstance(value, (list, tuple)):
        joint = "x" if column in ("shape", "spacing") else " | "
        return guard(joint.join(_short(part) for part in value))
    return guard(value)


def _short(part: Any) -> str:
    if isinstance(part, (list, tuple)):
        return " ".join(_short(item) for item in part)
    return f"{part:.4g}" if isinstance(part, float) else str(part)


def _total(seconds: Any) -> float | None:
    if isinstance(seconds, Mapping):
        found = [value for value in map(text.number, seconds.values()) if value is not None]
        return round(sum(found), 3) if found else None
    return text.number(seconds)


def json_lines(rows: Iterable[Row], run: Mapping[str, Any]) -> Iterator[str]:
    """Lines of results.json: `run`, and `rows` in full as the ledger holds them (not cleaned, not guarded).

    One row stands on one line, so that line-wise tools find their way in long runs.
    """
    yield f'{{"run": {_escaped(run)},\n"rows": [\n'
    before = ""
    for row in rows:
        yield before + _escaped(row)
        before = ",\n"
    yield "\n]}\n"


def _escaped(value: Mapping[str, Any]) -> str:
    # Undecodable bytes of a path are lone surrogates: UTF-8 cannot hold them, a JSON escape can.
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", _json(value))


def _json(value: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(value), ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    """What JSON has no word for but Python has: arrays and their numbers, paths."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _finite(value: Any) -> Any:
    """The same value with None for what JSON has no word for (NaN, infinities)."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_HEADS = ("SERIES", "PLANE", "LABEL", "SCORE", "VOTES", "HEADER", "VERDICT")
_NARROWEST = 16  # columns of the first column, however narrow the terminal


def table(rows: Iterable[Row], width: int | None = None) -> str:
    """Rows as an aligned table for the terminal, and a line of totals below it.

    Args:
        rows: as for `write`; printed in the order given, gone through twice.
        width: columns to fill; the terminal's, or 100 where there is none.

    Returns:
        Text without a control character from any header, without a final line break.
    """
    columns = width or shutil.get_terminal_size((100, 24)).columns
    body = [_line(row) for row in rows]
    sizes = [
        max([text.width(head), *(text.width(line[index]) for line in body if len(line) == len(_HEADS))])
        for index, head in enumerate(_HEADS)
    ]
    needed = max([text.width(_HEADS[0]), *(text.width(line[0]) for line in body)])
    rest = sum(sizes[1:]) + 2 * (len(_HEADS) - 1)
    sizes[0] = max(_NARROWEST, min(needed, columns - rest))
    lines = [_join(_HEADS, sizes)]
    for line in body:
        if len(line) == len(_HEADS):
            lines.append(_join(line, sizes))
        else:  # no volume: the status, and its reason over the remaining columns
            space = max(_NARROWEST, columns - sizes[0] - len(line[1]) - 5)
            reason = text.fit(line[2], space).rstrip() if text.width(line[2]) > space else line[2]
            name = text.fit(line[0], sizes[0], sizes[0] // 2)
            lines.append(f"{name}  {line[1]}: {reason}".rstrip())
    lines += ["", totals(counts(group(rows)))]
    return printable("\n".join(lines))


def totals(found: Counts) -> str:
    """Totals in two sentences; what is counted is series, so that they add up where each holds one volume."""
    parts = [f"{found.tags[key]} {text.clean(labels.display(key))}" for key in found.labels]
    parts += [f"{found.tags[state]} {state}" for state in (UNREADABLE, SKIPPED)]
    volumes = f"{found.volumes} {'volume' if found.volumes == 1 else 'volumes'}"
    return (
        f"{found.series} series ({volumes}): {', '.join(parts)}. "
        f"{found.tags[DISAGREE]} disagree with the header, {found.tags[CONFLICT]} in conflict."
    )


def _line(row: Row) -> tuple[str, ...]:
    name = title(row)
    note = text.clean(row.get("volume_note"))
    status = str(row.get("status") or DONE)
    if status != DONE:
        return (name, text.clean(status), text.clean(row.get("reason")) or "no reason recorded")
    label = str(row.get("label") or "")
    scored = text.score(row.get("score")).replace("–", "-")
    nearest = closest(row) if label == labels.OTHER else None
    if nearest:  # the score of `other` is that of the member that came closest: say whose
        scored += f" {text.clean(labels.display(nearest))}"
    votes, slices = winning_votes(row), text.number(row.get("n_slices"))
    verdict = text.clean(row.get("verdict")) or "-"
    header = str(row.get("header_label") or "")
    return (
        f"{name} ({note})" if note else name,
        text.clean(row.get("acquisition_plane")) or "-",
        text.clean(labels.display(label)) + (" (conflict)" if row.get("conflict") else ""),
        scored,
        "-" if votes is None or slices is None else f"{votes}/{slices:.0f}",
        text.clean(labels.display(header)) if header else "-",
        f"! {verdict}" if verdict == DISAGREE else verdict,
    )


def winning_votes(row: Row) -> int | None:
    """Slice votes of the row's label; for `other`, of the member that came closest."""
    votes: Mapping[str, Any] = row.get("votes") or {}
    label = str(row.get("label") or "")
    if label not in votes:
        label = closest(row) or ""
    found = text.number(votes.get(label))
    return None if found is None else int(found)


def closest(row: Row) -> str | None:
    """The member with the highest score; T1ce does not stand in the one-vs-all race."""
    scores = {name: text.number(value) for name, value in (row.get("scores") or {}).items() if name != "t1ce"}
    known = {name: value for name, value in scores.items() if value is not None}
    return max(known, key=lambda name: known[name]) if known else None


def _join(cells: Sequence[str], sizes: Sequence[int]) -> str:
    return "  ".join(
        text.fit(cell, size, size // 2) for cell, size in zip(cells, sizes, strict=True)
    ).rstrip()


def printable(shown: str) -> str:
    """The same text with ? for what the output's encoding lacks, so that printing never fails."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return shown.encode(encoding, "replace").decode(encoding, "replace")
