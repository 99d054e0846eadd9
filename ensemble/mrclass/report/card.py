"""Draws the card of one series as HTML from its rows; every text from outside goes through `escape`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mrclass import labels
from mrclass.report import thumbnails
from mrclass.report.members import thresholds
from mrclass.report.series import DISAGREE, DONE, SKIPPED, UNREADABLE, Row, Series, member_order, title
from mrclass.report.tables import closest, winning_votes
from mrclass.report.text import clean, escape, number, score

# A verdict is a word and a symbol; colour only repeats it.
SYMBOLS = {"agree": "✓", DISAGREE: "≠", "header silent": "○", "conflict": "▲", UNREADABLE: "✕", SKIPPED: "→"}
LONGEST_PATH = 4096


def card(series: Series, index: int, members: Sequence[str], run: Mapping[str, Any], folder: Path) -> str:
    """HTML of one series.

    Args:
        series: its rows.
        index: position on the page from 1; the card's address is `#s<index>`.
        members: member labels of the whole run, in the order of their bars.
        run: as for `write`; asked for thresholds.
        folder: where the rows' thumbnails lie below.
    """
    head = series.rows[0]
    name = title(head)
    scored = [value for row in series.rows if (value := number(row.get("score"))) is not None]
    first_label = min(
        (labels.sort_key(str(row.get("label"))) for row in series.rows if row.get("label")), default=99
    )
    body = "".join(_volume(row, name, members, run, folder) for row in series.rows)
    described = "" if clean(head.get("description")) else ' <span class="none">no description</span>'
    files = number(head.get("n_files"))
    facts = [
        ("patient", head.get("patient")),
        ("", head.get("manufacturer")),
        ("", head.get("modality")),
        ("", f"{files:.0f} {'file' if files == 1 else 'files'}" if files else ""),
    ]
    meta = "".join(
        f"<span>{word + ' ' if word else ''}{escape(value)}</span>" for word, value in facts if clean(value)
    )
    classes = " ".join(
        ["card", *(tag for tag in series.tags if tag in (DISAGREE, "conflict", UNREADABLE, SKIPPED))]
    )
    return (
        f'<article class="{classes}" id="s{index}" tabindex="-1" aria-labelledby="t{index}"'
        f' data-tags="{escape("|".join(series.tags))}" data-rank="{series.rank}" data-label="{first_label}"'
        f' data-score="{min(scored, default=-1):.4f}">'
        f'<header><h3 id="t{index}">{escape(name) or "unnamed"}{described}</h3><p class="meta">{meta}</p>'
        f'<p class="path"><bdi>{escape(head.get("source"), LONGEST_PATH)}</bdi></p></header>'
        f"{body}</article>\n"
    )


def chip(label: str) -> str:
    """A label as a chip; a label outside the table gets the plain colours."""
    known = label if label in labels.KEYS else "else"
    return f'<span class="label {known}">{escape(labels.display(label))}</span>'


def verdict_mark(verdict: str) -> str:
    """A verdict or a state as symbol and word."""
    symbol = SYMBOLS.get(verdict, "·")
    kind = verdict.replace(" ", "-") if verdict in SYMBOLS else "else"
    return f'<b class="mark {kind}"><span aria-hidden="true">{symbol}</span> {escape(verdict)}</b>'


def answer_score(row: Mapping[str, Any]) -> str:
    """The score; that of `other` belongs to the member that came closest, so that one is named."""
    nearest = closest(row) if row["label"] == labels.OTHER else None
    shown = f"<b>{score(row['score'])}</b>"
    return (
        f'<span class="closest">closest: {escape(labels.display(nearest))} {shown}</span>'
        if nearest
        else shown
    )


def _volume(row: Row, name: str, members: Sequence[str], run: Mapping[str, Any], folder: Path) -> str:
    status = str(row.get("status") or DONE)
    if status != DONE:
        return (
            f'<div class="volume bare"><p class="verdict">{verdict_mark(status)}'
            f'<span class="reason">{escape(row.get("reason")) or "no reason recorded"}</span></p></div>'
        )
    limits = thresholds(row, run)
    return (
        f'<div class="volume">{_picture(row, name, folder)}<div class="finding">{_finding(row, limits)}</div>'
        f"{bars(row, members, limits)}{_details(row, members, limits)}</div>"
    )


def _picture(row: Row, name: str, folder: Path) -> str:
    found = row.get("thumbnails")
    for item in found if isinstance(found, (list, tuple)) else ():
        pixels = thumbnails.size(folder / str(item))
        if pixels is None:
            continue
        address = quote(str(item), safe="/", errors="surrogatepass")
        seen = ", ".join(word for word in (name, clean(row.get("acquisition_plane"))) if word)
        return (
            f'<a class="strip" href="{escape(address, LONGEST_PATH)}" tabindex="-1">'
            f'<img src="{escape(address, LONGEST_PATH)}" width="{pixels[0]}" height="{pixels[1]}"'
            f' loading="lazy" decoding="async" alt="Middle slices of {escape(seen)}"></a>'
        )
    return '<p class="strip empty">no picture</p>'


def _finding(row: Row, limits: Mapping[str, float]) -> str:
    label = str(row.get("label") or "")
    votes, slices = winning_votes(row), number(row.get("n_slices"))
    nearest = closest(row)
    answer = f'<b class="score">{score(row.get("score"))}</b>'
    if label == labels.OTHER and nearest is not None:
        # Here score and votes belong to the member that came closest, not to "other".
        limit = f", threshold {score(limits[nearest])}" if nearest in limits else ""
        voted = "" if votes is None or not slices else f", {votes} of {int(slices)} slices"
        value = f"{escape(labels.display(nearest))} <b>{score(row.get('score'))}</b>"
        answer = f'<span class="closest">closest: {value}{limit}{voted}</span>'
    elif votes is not None and slices:
        total = int(slices)
        dots = "●" * min(votes, total, 20) + "○" * max(0, min(total, 20) - votes)
        answer += (
            f' <span class="votes"><span class="dots" aria-hidden="true">{dots}</span> '
            f"{votes} of {total} {'slice' if total == 1 else 'slices'}</span>"
        )
    parts = [f'<p class="answer">{chip(label)} {answer}</p>', _verdict(row, label)]
    if row.get("conflict"):
        names = [labels.display(str(item)) for item in row.get("candidates") or ()]
        reached = f"{escape(' and '.join(names))} reach their thresholds" if names else ""
        parts.append(f'<p class="verdict">{verdict_mark("conflict")} <span>{reached}</span></p>')
    facts = [
        escape(fact) for fact in (row.get("acquisition_plane"), _grid(row), row.get("reason")) if clean(fact)
    ]
    if clean(row.get("volume_note")):  # what tells the volumes of one series apart comes first
        facts.insert(0, f'<b class="which">{escape(row.get("volume_note"))}</b>')
    parts.append(f'<p class="note">{" · ".join(facts)}</p>')
    parts += [f'<p class="note">{escape(remark)}</p>' for remark in row.get("remarks") or () if clean(remark)]
    return "".join(parts)


def _verdict(row: Row, label: str) -> str:
    verdict = str(row.get("verdict") or "")
    if not verdict:
        return ""
    header = str(row.get("header_label") or "")
    said = f"header says <b>{escape(labels.display(header))}</b>" if header else ""
    if verdict == DISAGREE and header:
        said += f", image shows <b>{escape(labels.display(label))}</b>"
    shown = f'<p class="verdict">{verdict_mark(verdict)} <span>{said}</span></p>'
    found = row.get("header_evidence")
    evidence = [item for item in (found if isinstance(found, (list, tuple)) else ()) if clean(item)]
    if evidence:
        shown += (
            '<ul class="evidence">' + "".join(f"<li>{escape(item)}</li>" for item in evidence[:6]) + "</ul>"
        )
    return shown


def bars(row: Row, members: Sequence[str], limits: Mapping[str, float]) -> str:
    """The scores of all members as bars, each with a tick at its threshold.

    Args:
        row: asked for scores, candidates and label.
        members: labels of the members that have a bar, beside those of the row's scores.
        limits: threshold of each.
    """
    scores: Mapping[str, Any] = row.get("scores") or {}
    candidates = set(row.get("candidates") or ()) if row.get("conflict") else set()
    label = row.get("label")
    items = []
    for name in member_order([*members, *scores]):
        value = number(scores.get(name))
        shown = f"<span>{escape(labels.display(name))}</span>"
        if value is None:
            why = "only after T1w" if name == "t1ce" else "not asked"
            items.append(f'<li class="off">{shown}<i></i><span>{why}</span></li>')
            continue
        limit = limits.get(name)
        tick = f";--t:{min(max(limit, 0.0), 1.0):.3f}" if limit is not None else ""
        kind = ' class="won"' if name == label else ' class="also"' if name in candidates else ""
        width = min(max(value, 0.0), 1.0)
        marked = ' class="tick"' if tick else ""
        items.append(
            f'<li{kind}>{shown}<i{marked} style="--s:{width:.3f}{tick}"></i><span>{score(value)}</span></li>'
        )
    return f'<ul class="bars" aria-label="Scores of all members">{"".join(items)}</ul>' if items else ""


def _details(row: Row, members: Sequence[str], limits: Mapping[str, float]) -> str:
    scores: Mapping[str, Any] = row.get("scores") or {}
    votes: Mapping[str, Any] = row.get("votes") or {}
    per_slice: Mapping[str, Any] = row.get("slice_scores") or {}
    lines = []
    for name in member_order(scores):
        found = per_slice.get(name)
        values = " ".join(
            score(value, 2) for value in (found if isinstance(found, (list, tuple)) else ())[:40]
        )
        count = number(votes.get(name))
        voted = "–" if count is None else f"{count:.0f}"
        lines.append(
            f"{escape(labels.display(name), 16):<7}{score(scores[name])}"
            f"  {score(limits.get(name)):>9}  {voted:>5}  {values}"
        )
    facts = [
        ("Series UID", row.get("series_uid")),
        ("Study UID", row.get("study_uid")),
        ("Seconds", _seconds(row)),
    ]
    shown = "".join(f"<dt>{word}</dt><dd>{escape(value)}</dd>" for word, value in facts if clean(value))
    block = (
        "<pre>member score  threshold  votes  slice scores\n" + "\n".join(lines) + "</pre>" if lines else ""
    )
    return f"<details><summary>Details</summary><dl>{shown}</dl>{block}</details>"


def _grid(row: Row) -> str:
    shape, spacing = row.get("shape"), row.get("spacing")
    shown = " × ".join(str(item) for item in shape) if isinstance(shape, (list, tuple)) else ""
    if isinstance(spacing, (list, tuple)) and spacing:
        shown += (
            f" at {' × '.join(f'{value:.3g}' for item in spacing if (value := number(item)) is not None)} mm"
        )
    return shown


def _seconds(row: Row) -> str:
    found = row.get("seconds")
    if not isinstance(found, Mapping):
        return ""
    return ", ".join(
        f"{name} {value:.2f}" for name, item in found.items() if (value := number(item)) is not None
    )
