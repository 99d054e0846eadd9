"""Draws audit.html, the page of an audit: its pictures are in it, no script, no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mrclass import labels
from mrclass.audit import ABSENT, DENIED, NAMED, TAGS, Audit, Finding, Pattern, Proposal, proposals
from mrclass.files import replace_text
from mrclass.report import shell
from mrclass.report.audit_tables import descriptions, percent, shown_by
from mrclass.report.card import LONGEST_PATH, answer_score, chip, verdict_mark
from mrclass.report.embedded import Pictures
from mrclass.report.series import title
from mrclass.report.text import clean, escape, score

PER_PATTERN = 24  # series shown of one pattern
PICTURES = 400  # on the page, about 15 kB each
_LISTED = 12  # descriptions named of one pattern
_SHARES = (("agree", "agree"), ("silent", "silent"), ("disagree", "disagree"))


def write(out: Path, found: Audit, figures: Mapping[str, Any]) -> Path:
    """Write audit.html into the run's folder, in one step, and return its path.

    Raises:
        OSError: the folder cannot be written.
    """
    path = out / "audit.html"
    replace_text(path, page(found, figures, out))
    return path


def page(found: Audit, figures: Mapping[str, Any], folder: Path) -> str:
    """Text of audit.html.

    Args:
        found: the audit.
        figures: `audit.measure` of it, and `made_by`.
        folder: the run's folder, where the rows' thumbnails lie.
    """
    pictures = Pictures(folder, PICTURES)
    sections = [
        _labels(found, figures),
        _patterns(found, figures, pictures),
        _agent(found, figures, pictures),
        _gaps(proposals(found), pictures),
    ]
    body = (
        '<a class="skip" href="#labels">Skip to the tables</a>\n'
        f'{_head(figures)}<main tabindex="-1">{"".join(sections)}</main>\n'
    )
    footer = (
        "A disagreement is a header that misleads or a mistake of the classifiers: the picture tells which."
        if found.by == "content"
        else "The labels are those of the truth that was named, not of the classifiers."
    )
    style = shell.asset("page.css") + shell.asset("audit.css")
    return shell.document("MR-Class header audit", style, body, "data:", footer)


def _head(figures: Mapping[str, Any]) -> str:
    everything, made_by = figures["all"], figures.get("made_by", {})
    totals = [("series", everything["n"], "plain")]
    totals += [(word, everything[word]["hits"], word) for word in ("agree", "disagree", "silent")]
    numbers = "".join(f'<li class="{kind}"><b>{count}</b> {word}</li>' for word, count, kind in totals)
    facts = [("version", made_by.get("mrclass")), ("command", made_by.get("command"))]
    facts += [(f"series {word}", count) for word, count in sorted(figures["left_out"].items())]
    shown = "".join(
        f"<div><dt>{escape(word)}</dt><dd>{escape(value, LONGEST_PATH)}</dd></div>"
        for word, value in facts
        if clean(value)
    )
    links = (("labels", "Per label"), ("patterns", "Disagreements"), ("agent", "Contrast agent tag"),
             ("gaps", "Silent headers"))  # fmt: skip
    contents = "".join(f'<a href="#{place}">{word}</a>' for place, word in links)
    return (
        '<header class="top"><div class="name"><h1>MR-Class header audit</h1>'
        f'<p class="research">{shell.RESEARCH_USE_ONLY}</p></div>'
        f'<div class="sums"><ul class="totals" aria-label="Totals">{numbers}</ul></div>'
        f'<nav class="contents" aria-label="Sections">{contents}</nav><dl class="run">{shown}</dl></header>\n'
    )


def _labels(found: Audit, figures: Mapping[str, Any]) -> str:
    """Table 2 of the paper, with the bounds of every share."""
    lines = "".join(
        f"<tr><th scope=row>{chip(key)}</th>{_cells(entry)}</tr>"
        for key, entry in figures["labels"].items()
        if entry["n"]
    )
    word = shown_by(found)
    return (
        f'<section id="labels"><h2>What headers say, per label of the {word}</h2>'
        '<div class="wide"><table class="grid">'
        "<caption>Series, and shares with 95 % Wilson intervals.</caption>"
        "<thead><tr><th scope=col>label</th><th scope=col>series</th><th scope=col>agree</th>"
        "<th scope=col>disagree</th><th scope=col>silent</th><th scope=col>disagree or silent</th>"
        f'<th scope=col class="words">shares</th></tr></thead><tbody>{lines}</tbody>'
        f"<tfoot><tr><th scope=row>all</th>{_cells(figures['all'])}</tr></tfoot></table></div>"
        '<p class="key"><span><i class="agree"></i>the header names the same label</span>'
        '<span><i class="silent"></i>it names none</span>'
        '<span><i class="disagree"></i>it names another</span></p></section>\n'
    )


def _cells(entry: Mapping[str, Any]) -> str:
    cells = f"<td>{entry['n']}</td>"
    for name in ("agree", "disagree", "silent", "error"):
        share = entry[name]
        many = ' class="many"' if name == "disagree" and share["hits"] else ""
        value = f"<b{many}>{share['hits']}</b>" if name != "error" else f"{share['hits']}"
        cells += f'<td>{value}<span class="range">{percent(share)}</span></td>'
    parts = "".join(f'<i class="{kind}" style="--n:{entry[name]["hits"]}"></i>' for name, kind in _SHARES)
    return f'{cells}<td class="words"><span class="split" aria-hidden="true">{parts}</span></td>'


def _patterns(found: Audit, figures: Mapping[str, Any], pictures: Pictures) -> str:
    told = descriptions(figures)
    lead = f"{told} ({percent(figures['descriptions']['misleading'])})." if told else ""
    made = found.patterns()
    word = shown_by(found)
    body = "".join(_pattern(pattern, figures["all"]["n"], word, pictures) for pattern in made)
    listed = body or "<p>No header disagrees.</p>"
    return (
        f'<section id="patterns"><h2>Disagreements, most frequent first</h2><p>{lead}</p>{listed}</section>\n'
    )


def _pattern(pattern: Pattern, total: int, word: str, pictures: Pictures) -> str:
    count = len(pattern.findings)
    listed = pattern.descriptions
    said = ", ".join(
        f"<bdi>{escape(name, 80) or '<i>no description</i>'}</bdi>{f' ({n})' if n > 1 else ''}"
        for name, n in listed[:_LISTED]
    )
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return (
        f'<details class="pattern" open><summary><b>{count}</b> of {total} series: header says'
        f" {chip(pattern.header)} the {word} is {chip(pattern.label)}</summary>"
        f'<p class="said">{said}{more}</p>{_cards(pattern.findings, pictures)}</details>'
    )


def _cards(findings: Sequence[Finding], pictures: Pictures) -> str:
    shown = "".join(_card(one, pictures) for one in findings[:PER_PATTERN])
    more = len(findings) - PER_PATTERN
    rest = f"<p>and {more} more, all in audit-series.csv.</p>" if more > 0 else ""
    return f'<div class="cards">{shown}</div>{rest}'


def _card(finding: Finding, pictures: Pictures) -> str:
    row = finding.row
    facts = [f"{finding.n_volumes} volumes"] if finding.n_volumes > 1 else []
    facts += [escape(row[key]) for key in ("volume_note", "acquisition_plane") if clean(row[key])]
    if finding.tag in (NAMED, DENIED):
        facts.append(f"ContrastBolusAgent “{escape(row['contrast_agent'], 64)}”")
    evidence = "".join(f"<li>{escape(item)}</li>" for item in list(row["header_evidence"])[:4] if clean(item))
    conflict = verdict_mark("conflict") if row["conflict"] else ""
    return (
        f'<article class="small">{pictures.of(row)}<h3><bdi>{escape(title(row), 120) or "unnamed"}</bdi></h3>'
        f'<p class="verdict">{verdict_mark(finding.verdict)} {chip(finding.label)}'
        f" {answer_score(row)} {conflict}</p>"
        f'<p class="tag">{" · ".join(facts)}</p>'
        + (f'<ul class="evidence">{evidence}</ul>' if evidence else "")
        + f'<p class="path"><bdi>{escape(row["source"], LONGEST_PATH)}</bdi></p></article>'
    )


def _agent(found: Audit, figures: Mapping[str, Any], pictures: Pictures) -> str:
    head = "".join(f"<th scope=col>{tag}</th>" for tag in TAGS)
    lines = "".join(
        f"<tr><th scope=row>{chip(key)}</th><td>{entry['n']}</td>"
        + "".join(
            f'<td>{entry[tag]["hits"]}<span class="range">{percent(entry[tag])}</span></td>' for tag in TAGS
        )
        + "</tr>"
        for key, entry in figures["contrast_agent"].items()
    )
    word = shown_by(found)
    doubtful = [
        (f"{labels.display('t1ce')} by the {word}, and the tag names no agent",
         [one for one in found.of("t1ce") if one.tag in (ABSENT, DENIED)]),
        (f"{labels.display('t1w')} by the {word}, and the tag names an agent",
         [one for one in found.of("t1w") if one.tag == NAMED]),
    ]  # fmt: skip
    details = "".join(
        f'<details class="pattern"><summary><b>{len(held)}</b> {words}</summary>'
        f"{_cards(held, pictures)}</details>"
        for words, held in doubtful
        if held
    )
    return (
        '<section id="agent"><h2>Contrast agent tag against the label</h2>'
        "<p>ContrastBolusAgent (0018,0010) as it stands in the header; DICOM series only.</p>"
        '<div class="wide"><table class="grid"><thead><tr><th scope=col>label</th><th scope=col>series</th>'
        f"{head}</tr></thead><tbody>{lines}</tbody></table></div>{details}</section>\n"
    )


def _gaps(made: Sequence[Proposal], pictures: Pictures) -> str:
    lines = "".join(_gap_lines(made, pictures))
    table = (
        '<div class="wide"><table class="grid"><thead><tr><th scope=col class="words">series</th>'
        '<th scope=col class="words">proposed</th><th scope=col>score</th>'
        '<th scope=col class="words">note</th>'
        f"</tr></thead><tbody>{lines}</tbody></table></div>"
        if made
        else "<p>No header is silent where the image says something.</p>"
    )
    return (
        '<section id="gaps"><h2>Silent headers: descriptions proposed</h2>'
        "<p>The same as proposed-descriptions.csv. Input files are never changed.</p>"
        f"{table}</section>\n"
    )


def _gap_lines(made: Iterable[Proposal], pictures: Pictures) -> Iterator[str]:
    for one in made:
        row = one.row
        proposed = f"<b>{escape(one.text)}</b>" if one.text else "none"
        yield (
            f'<tr><td class="words">{pictures.of(row)}<bdi>{escape(title(row), 120)}</bdi>'
            f'<p class="path"><bdi>{escape(row["source"], LONGEST_PATH)}</bdi></p></td>'
            f'<td class="words">{proposed}</td><td>{score(row["score"])}</td>'
            f'<td class="words">{escape(one.note)}</td></tr>\n'
        )
