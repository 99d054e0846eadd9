"""Writes evaluate.html, the page of an evaluation, and its figures as PNG; no script, no network.

Everything on the page is of the JSON of `mrclass evaluate`, the thumbnails of the errors aside.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mrclass.evaluate import percent
from mrclass.files import replace_bytes, replace_text
from mrclass.report import evaluate_sections as sections
from mrclass.report import pictures, shell
from mrclass.report.card import LONGEST_PATH, answer_score, bars, chip
from mrclass.report.embedded import Pictures
from mrclass.report.ink import DARK, LIGHT
from mrclass.report.text import clean, escape, score

MOST = 400  # thumbnails on the page, about 15 kB each
PER_PAIR = 60  # errors shown of one pair of labels
_LISTED = 50  # files named of those that were not in the run
PNG = "evaluate-{}.png"


def write(
    folder: Path,
    figures: Mapping[str, Any],
    out: Path,
    thumbnails: Sequence[Sequence[str]],
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write evaluate.html and a PNG for each figure, each in one step, and return the page's path.

    Args:
        folder: made if needed; pictures of an earlier evaluation are replaced.
        figures: of `truth.evaluate`.
        out: the run's folder, where the thumbnails lie.
        thumbnails: pictures of each error, in the order of `figures["errors"]`.
        progress: called with (figures drawn, figures in all).

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for number, name in enumerate(pictures.FIGURES, start=1):
        path = folder / PNG.format(name)
        if name in pictures.drawable(figures):
            drawn[name] = (pictures.draw(name, figures, LIGHT), pictures.draw(name, figures, DARK))
            replace_bytes(path, drawn[name][0])
        else:
            path.unlink(missing_ok=True)
        if progress:
            progress(number, len(pictures.FIGURES))
    page_path = folder / "evaluate.html"
    replace_text(page_path, page(figures, drawn, out, thumbnails))
    return page_path


def page(
    figures: Mapping[str, Any],
    drawn: Mapping[str, tuple[bytes, bytes]],
    out: Path,
    thumbnails: Sequence[Sequence[str]],
) -> str:
    """Text of evaluate.html; `drawn` holds name -> PNG for paper and bright screens, and for dark ones."""
    parts = {
        "labels": ("Labels", sections.per_label(figures)),
        "confusion": ("Confusion", sections.confusion(figures["confusion"])),
        "scores": ("Scores", sections.per_member(figures)),
        "groups": ("Planes and sources", sections.per_group(figures)),
        "reliability": ("Reliability", sections.reliability(figures)),
        "refusal": ("Refusal", sections.refusal(figures["refusal"])),
    }
    shown = [
        f'<section id="{name}"><h2>{sections.HEADINGS[name]}</h2>{_figure(name, drawn.get(name))}'
        f"{body}</section>\n"
        for name, (_, body) in parts.items()
        if body
    ]
    links = [(name, word) for name, (word, body) in parts.items() if body]
    links += [("errors", "Errors"), ("made", "Made by")]
    body = (
        '<a class="skip" href="#labels">Skip to the figures</a>\n'
        f'{_head(figures, links)}<main tabindex="-1">{"".join(shown)}'
        f"{_errors(figures, Pictures(out, MOST), thumbnails)}{_made(figures)}</main>\n"
    )
    style = "".join(map(shell.asset, ("page.css", "audit.css", "evaluate.css")))
    footer = "Figures hold for volumes of this kind, not for those of another hospital."
    return shell.document("MR-Class evaluation", style, body, "data:", footer)


def _figure(name: str, drawn: tuple[bytes, bytes] | None) -> str:
    if drawn is None:
        return ""
    light, dark = (f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}" for data in drawn)
    return (
        '<figure><picture><source media="screen and (prefers-color-scheme: dark)"'
        f' srcset="{dark}"><img src="{light}"'
        f' alt="{sections.HEADINGS[name]}; the numbers stand in the tables below">'
        f"</picture><figcaption>{sections.CAPTIONS[name]}</figcaption></figure>"
    )


def _head(figures: Mapping[str, Any], links: Iterable[tuple[str, str]]) -> str:
    totals = [(figures["n"], f"{figures['data']} volumes", "plain")]
    totals += [(len(figures["errors"]), "named wrongly", "disagree" if figures["errors"] else "plain")]
    totals += [(figures[word], word, word) for word in ("conflicts", "unreadable") if figures[word]]
    numbers = "".join(f'<li class="{kind}"><b>{count}</b> {word}</li>' for count, word, kind in totals)
    shares = "".join(
        f"<li><b>{percent(figures[key])}</b> {word}, {figures[key]['hits']} of {figures[key]['n']}</li>"
        for key, word in (
            ("accuracy", "right of all"),
            ("accuracy_of_the_six", "right of the six labels"),
            ("refusal_of_other", "of other refused"),
        )
        if figures[key]["n"]
    )
    contents = "".join(f'<a href="#{place}">{word}</a>' for place, word in links)
    return (
        '<header class="top"><div class="name"><h1>MR-Class evaluation</h1>'
        f'<p class="research">{shell.RESEARCH_USE_ONLY}</p></div>'
        f'<div class="sums"><ul class="totals" aria-label="Totals">{numbers}</ul>'
        f'<ul class="told" aria-label="Accuracy with 95 % Wilson intervals">{shares}</ul></div>'
        f'<nav class="contents" aria-label="Sections">{contents}</nav></header>\n'
    )


def _errors(figures: Mapping[str, Any], held: Pictures, thumbnails: Sequence[Sequence[str]]) -> str:
    """The gallery: a part for each pair of truth and answer, the most frequent first."""
    limits = {k: one["threshold"] for k, one in figures["scores"].items() if one["threshold"] is not None}
    pairs: dict[tuple[str, str], list[tuple[Mapping[str, Any], Sequence[str]]]] = {}
    for error, seen in zip(figures["errors"], thumbnails, strict=True):
        pairs.setdefault((error["truth"], error["predicted"]), []).append((error, seen))
    parts = []
    for (truth, predicted), found in sorted(pairs.items(), key=lambda item: (-len(item[1]), item[0])):
        cards = "".join(
            _error(error, held, seen, list(figures["scores"]), limits) for error, seen in found[:PER_PAIR]
        )
        more = f"<p>and {len(found) - PER_PAIR} more, all in the JSON.</p>" if len(found) > PER_PAIR else ""
        total = figures["labels"][truth]["n"]
        parts.append(
            f'<details class="pattern" open><summary><b>{len(found)}</b> of {total} {chip(truth)}'
            f' taken for {chip(predicted)}</summary><div class="cards">{cards}</div>{more}</details>'
        )
    listed = "".join(parts) or "<p>No volume was named wrongly.</p>"
    return f'<section id="errors"><h2>Every error, the most frequent first</h2>{listed}</section>\n'


def _error(
    error: Mapping[str, Any],
    held: Pictures,
    seen: Sequence[str],
    members: Sequence[str],
    limits: Mapping[str, float],
) -> str:
    row = {
        **error, "thumbnails": seen, "description": error["file"], "label": error["predicted"],
        "acquisition_plane": error.get("plane", ""),
    }  # fmt: skip
    facts = [escape(error[key], 120) for key in ("plane", "source", "note") if clean(error.get(key))]
    shown = bars(row, members, limits) if error["scores"] else ""
    return (
        f'<article class="small">{held.of(row)}<h3><bdi>{escape(error["file"], LONGEST_PATH)}</bdi></h3>'
        f'<p class="verdict">{chip(error["truth"])} taken for {chip(error["predicted"])}'
        f" {answer_score(row)}</p>"
        f'<p class="tag">{" · ".join(facts)}</p>{shown}</article>'
    )


def _made(figures: Mapping[str, Any]) -> str:
    made = figures["made_by"]
    rows = [
        [chip(str(one.get("label", ""))), escape(name), escape(one.get("version")),
         score(one.get("threshold"), 2), f"<code>{escape(one.get('sha256'))}</code>"]
        for name, one in made["members"].items()
    ]  # fmt: skip
    facts = [("version", made.get("mrclass")), ("command", made.get("command")),
             ("sha256 of the truth", made.get("truth_sha256"))]  # fmt: skip
    shown = "".join(
        f"<div><dt>{word}</dt><dd>{escape(value, LONGEST_PATH)}</dd></div>"
        for word, value in facts
        if clean(value)
    )
    told = []
    if figures["missing"]:
        named = "".join(
            f"<li><bdi>{escape(file, LONGEST_PATH)}</bdi></li>" for file in figures["missing"][:_LISTED]
        )
        more = len(figures["missing"]) - _LISTED
        rest = f"<p>and {more} more.</p>" if more > 0 else ""
        told.append(
            f"<details><summary>{len(figures['missing'])} files of the truth are not in the run</summary>"
            f"<ul>{named}</ul>{rest}</details>"
        )
    if figures["rows_without_truth"]:
        told.append(f"<p>{figures['rows_without_truth']} volumes of the run are not in the truth.</p>")
    head = ["label", "member", "version", "threshold", "sha256 of the weights"]
    return (
        f'<section id="made"><h2>What the figures are of</h2><dl class="run">{shown}</dl>{"".join(told)}'
        f"{sections.table(head, rows)}</section>\n"
    )
