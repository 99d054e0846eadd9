"""Draws report.html, the page of a run, from the rows of the ledger; needs no network.

Up to `paged.WHOLE` series it is complete in itself; the cards of more lie in files beside it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mrclass import labels
from mrclass.report import members as member_notes
from mrclass.report import paged, shell
from mrclass.report.card import LONGEST_PATH, SYMBOLS, card, chip
from mrclass.report.series import (
    CONFLICT,
    DISAGREE,
    SKIPPED,
    UNREADABLE,
    Counts,
    Row,
    Series,
    counts,
    group,
    member_order,
    title,
)
from mrclass.report.text import clean, escape, number, score

_LISTED = 12  # disagreements listed in the summary; the filter shows the rest
_STATES = (DISAGREE, "agree", "header silent", CONFLICT, UNREADABLE, SKIPPED)
_SORTS = (
    ("order", "study"),
    ("rank", "needs a look first"),
    ("score", "lowest score first"),
    ("label", "label"),
    ("name", "description"),
)


def page(rows: Sequence[Row], run: Mapping[str, Any], folder: Path) -> str:
    """Text of report.html.

    Args:
        rows: in the order of their cards.
        run: command, version and times; every key may be missing.
        folder: the run's folder, where the rows' thumbnails lie.
    """
    found = counts(group(rows))
    notes = member_notes.notes(rows, run)
    bars = member_order(
        {*(note.label for note in notes), *(name for row in rows for name in row.get("scores") or ())}
    )
    drawn = (card(one, index, bars, run, folder) for index, one in enumerate(group(rows), start=1))
    is_paged = found.series > paged.WHOLE
    if is_paged:
        first: list[str] = []
        paged.write(_kept(drawn, first, paged.PER_FILE), folder)
        cards = "".join(first)
    else:
        shutil.rmtree(folder / paged.FOLDER, ignore_errors=True)  # of an older, longer report
        cards = "".join(drawn)
    named = clean(run.get("title")) or "MR-Class report"
    body = (
        '<a class="skip" href="#series">Skip to the series</a>\n'
        f"{_head(named, found, run)}{_attention(group(rows))}{_members(notes)}"
        f"{_toolbar(found, is_paged)}{_without_script(found) if is_paged else ''}"
        f'<main id="series" tabindex="-1" aria-label="Series"{_where(found) if is_paged else ""}>\n'
        f"{cards}</main>\n"
        f"{_pager(below=True) if is_paged else ''}"
        '<p id="nothing" hidden>No series fits these filters.</p>\n'
    )
    footer = (
        "The label comes from the image content; what the header claims stands beside it. The tick on a"
        " bar is the member's threshold."
    )
    files = "'self' file:" if is_paged else ""  # the files of the cards
    style, script = shell.asset("page.css"), shell.asset("page.js")
    return shell.document(named, style, body, "'self' file:", footer, script, files)


def _kept(cards: Iterable[str], first: list[str], count: int) -> Iterator[str]:
    """The same cards; the first so many are kept, for the page itself."""
    for one in cards:
        if len(first) < count:
            first.append(one)
        yield one


def _where(found: Counts) -> str:
    """What the script must know of the files of the cards."""
    return f' data-total="{found.series}" data-per-file="{paged.PER_FILE}" data-folder="{paged.FOLDER}"'


def _without_script(found: Counts) -> str:
    return (
        f'<noscript><p class="warning">Without JavaScript only the first {paged.PER_FILE} of {found.series}'
        " series are shown here; all of them are in results.csv.</p></noscript>\n"
    )


def _pager(below: bool = False) -> str:
    """Buttons to the pages of a large report; one set in the toolbar, one below the cards."""
    size = (
        ""
        if below
        else '<label><span>Per page</span> <select id="size"><option>50</option><option selected>100</option>'
        '<option>500</option><option value="all">all (slow)</option></select></label>'
    )
    return (
        f'<nav class="pager" aria-label="Pages{" below" if below else ""}" hidden>'
        '<button type="button" data-step="-1">‹ Previous</button> <span class="at"></span> '
        f'<button type="button" data-step="1">Next ›</button>{size}</nav>\n'
    )


def _head(named: str, found: Counts, run: Mapping[str, Any]) -> str:
    command = run.get("command")
    said = " ".join(map(str, command)) if isinstance(command, (list, tuple)) else command
    accounts = run.get("balance") or {}
    facts = [
        ("version", run.get("mrclass") or run.get("version")),
        ("started", run.get("started")),
        ("finished", run.get("finished")),
        ("seconds", _count(run.get("seconds"))),
        ("device", run.get("device")),
        ("files", _count(run.get("files"))),
        ("in volumes", _count(accounts.get("in_volumes"))),
        ("explained", _count(accounts.get("explained"))),
        ("not explained", _count(accounts.get("unexplained") or None)),
        ("command", said),
    ]
    shown = "".join(
        f"<div><dt>{word}</dt><dd>{escape(value, LONGEST_PATH)}</dd></div>"
        for word, value in facts
        if clean(value)
    )
    totals = [("series", found.series), ("volumes", found.volumes)]
    totals += [(state, found.tags[state]) for state in (DISAGREE, CONFLICT, UNREADABLE, SKIPPED)]
    numbers = "".join(
        f'<li class="{word if word in SYMBOLS and count else "plain"}"><b>{count}</b> {word}</li>'
        for word, count in totals
    )
    shares = "".join(
        f'<li style="--n:{found.tags[key]}" class="{key if key in labels.KEYS else "else"}">'
        f"{chip(key)} {found.tags[key]}</li>"
        for key in found.labels
    )
    return (
        f'<header class="top"><div class="name"><h1>{escape(named)}</h1>'
        f'<p class="research">{shell.RESEARCH_USE_ONLY}</p></div>'
        f'<div class="sums"><ul class="totals" aria-label="Totals">{numbers}</ul>'
        f'<ul class="shares" aria-label="Series per label">{shares}</ul></div>'
        f'<dl class="run">{shown}</dl></header>\n'
    )


def _count(value: Any) -> str:
    found = number(value)
    return "" if found is None else f"{found:.0f}"


def _attention(series: Iterable[Series]) -> str:
    """Links to what deserves a look first: disagreements, then conflicts."""
    flagged: dict[int, list[tuple[int, Series]]] = {0: [], 1: []}
    total = 0
    for index, one in enumerate(series, start=1):
        if one.rank in flagged:
            total += 1
            if len(flagged[one.rank]) < _LISTED:
                flagged[one.rank].append((index, one))
    if not total:
        return ""
    items = []
    for index, one in [*flagged[0], *flagged[1]][:_LISTED]:
        row = next(
            (row for row in one.rows if row.get("verdict") == DISAGREE or row.get("conflict")), one.rows[0]
        )
        if one.rank == 0:
            header = labels.display(str(row.get("header_label") or ""))
            why = f"≠ header {escape(header)}"
        else:
            why = "▲ conflict"
        items.append(
            f'<li><a href="#s{index}">{chip(str(row.get("label") or ""))}<b class="why">{why}</b>'
            f'<span class="what">{escape(title(row), 80)}</span></a></li>'
        )
    more = total - len(items)
    rest = f"<p>and {more} more; filter by {DISAGREE} or {CONFLICT}.</p>" if more else ""
    reasons = ("image and header disagree", "several labels reach their thresholds")
    why = "; ".join(reasons[rank] for rank, held in flagged.items() if held)
    listed = f"<ol>{''.join(items)}</ol>{rest}"
    return f'<section class="attention"><h2>Look at these first: {why}</h2>{listed}</section>\n'


def _members(notes: Sequence[member_notes.MemberNote]) -> str:
    if not notes:
        return ""
    lines = "".join(
        f"<tr><td>{chip(note.label)}</td><td>{escape(note.name)}</td><td>{escape(note.version) or '–'}</td>"
        f"<td>{score(note.threshold)}</td><td>{note.rows}</td>"
        f"<td><code>{escape(note.sha256) or '–'}</code></td>"
        f"<td><code>{escape(note.config_sha256) or '–'}</code></td></tr>"
        for note in notes
    )
    several = len({note.name for note in notes}) < len(notes)
    warning = (
        '<p class="warning"><b>Rows of this run were made by different versions of a member.</b></p>'
        if several
        else ""
    )
    return (
        f'<details class="members"{" open" if several else ""}>'
        f"<summary>Members of the ensemble: versions, thresholds, hashes</summary>{warning}"
        '<div class="wide"><table><thead><tr><th>label</th><th>member</th><th>version</th><th>threshold</th>'
        "<th>volumes</th><th>sha256 of the weights</th><th>sha256 of the config</th></tr></thead>"
        f"<tbody>{lines}</tbody></table></div></details>\n"
    )


def _toolbar(found: Counts, is_paged: bool) -> str:
    """Search, order and filters; hidden until the script that makes them work has started."""
    # Every label of the table, so that a filter stands in the same place in every report.
    label_keys = member_order({*labels.KEYS, *found.labels})
    by_label = "".join(_filter("label", key, labels.display(key), "", found.tags[key]) for key in label_keys)
    by_state = "".join(_filter("state", tag, tag, SYMBOLS[tag], found.tags[tag]) for tag in _STATES)
    sorts = "".join(f'<option value="{value}">{word}</option>' for value, word in _SORTS)
    return (
        '<div class="toolbar" role="search" hidden>'
        '<div class="ask"><label><span>Search</span> <input type="search" id="query" autocomplete="off"'
        ' spellcheck="false" placeholder="description, path, label, evidence" aria-keyshortcuts="/"></label>'
        f'<label><span>Order</span> <select id="sort">{sorts}</select></label>'
        f'<output id="shown" aria-live="polite">{found.series} series</output>'
        '<button type="button" id="clear">Clear</button>'
        '<p class="keys"><kbd>/</kbd> search <kbd>j</kbd><kbd>k</kbd> move <kbd>o</kbd> details'
        f"{' <kbd>n</kbd><kbd>p</kbd> page' if is_paged else ''} <kbd>Esc</kbd> clear</p></div>"
        f'<div class="filters"><span role="group" aria-label="Labels">{by_label}</span>'
        f'<span role="group" aria-label="States">{by_state}</span>'
        f"{_pager() if is_paged else ''}</div></div>\n"
    )


def _filter(kind: str, tag: str, word: str, symbol: str, count: int) -> str:
    mark = f'<span aria-hidden="true">{symbol}</span> ' if symbol else ""
    known = tag if tag in labels.KEYS else "else"
    dot = f'<span class="dot {known}" aria-hidden="true"></span> ' if kind == "label" else ""
    disabled = "" if count else " disabled"
    return (
        f'<button type="button" aria-pressed="false" data-kind="{kind}" data-tag="{escape(tag)}"{disabled}>'
        f"{dot}{mark}{escape(word)} <b>{count}</b></button>"
    )
