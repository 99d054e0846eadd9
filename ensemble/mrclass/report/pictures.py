"""Draws the figures of an evaluation as PNG from the JSON of `mrclass evaluate` (matplotlib); writes nothing.

Every difference of colour is also told by place or hatching. Source: paper, section 2.4 and Fig. 6 (histogram
of right and wrong scores, confusion matrices).
"""

from __future__ import annotations

import io
import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mrclass import labels
from mrclass.report.ink import DPI, LIGHT, Ink, matplotlib_in, mix, readable_on
from mrclass.report.text import clean

LONGEST = 24  # characters of a stranger's name in a picture


def draw(name: str, figures: Mapping[str, Any], ink: Ink = LIGHT) -> bytes:
    """PNG of one figure.

    Args:
        name: a key of FIGURES.
        figures: of `truth.evaluate`.
        ink: colours.
    """
    with matplotlib_in(ink) as figure_class, warnings.catch_warnings():
        figure = FIGURES[name](figures, ink, figure_class)
        buffer = io.BytesIO()
        # a name in a script that the font lacks is drawn as boxes; the tables of the page have it whole
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def drawable(figures: Mapping[str, Any]) -> list[str]:
    """Names of the figures for which there is something to draw."""
    there = {
        "labels": any(entry["n"] for entry in figures["labels"].values()),
        "confusion": bool(figures["n"]),
        "scores": bool(figures["scores"]),
        "groups": bool(figures["planes"] or figures["sources"]),
        "reliability": bool(figures["reliability"]["n"]),
        "refusal": bool(figures["refusal"]["bar"]),
    }
    return [name for name in FIGURES if there[name]]


# ---- one function for each figure


def _labels(figures: Mapping[str, Any], ink: Ink, figure_class: Any) -> Any:
    """Sensitivity and specificity of each label with their intervals."""
    shown = [(key, entry) for key, entry in figures["labels"].items() if entry["n"]]
    figure = figure_class(figsize=(10, 1 + 0.36 * len(shown)))
    left, right = figure.subplots(1, 2)
    _shares(left, [(labels.display(key), entry["sensitivity"]) for key, entry in shown], ink)
    _shares(right, [("", entry["specificity"]) for _, entry in shown], ink)
    left.set_title("Sensitivity: its volumes, named as it")
    right.set_title("Specificity: all others, not named as it")
    return figure


def _groups(figures: Mapping[str, Any], ink: Ink, figure_class: Any) -> Any:
    """Accuracy per plane and per source."""
    groups = [(word, figures[f"{word}s"]) for word in ("plane", "source") if figures[f"{word}s"]]
    rows = [len(entries) for _, entries in groups]
    figure = figure_class(figsize=(10, sum(0.8 + 0.3 * n for n in rows)))
    axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=[n + 1 for n in rows])
    for one, (word, entries) in zip(axes[:, 0], groups, strict=True):
        _shares(one, [(clean(name, LONGEST), entry) for name, entry in entries.items()], ink)
        one.set_title(f"Accuracy per {word}")
    return figure


def _shares(axes: Any, rows: Sequence[tuple[str, Mapping[str, Any]]], ink: Ink) -> None:
    """A dot on its interval for each proportion, first on top."""
    for place, (_, entry) in enumerate(rows):
        if entry["value"] is not None:
            axes.plot(entry["ci95"], [place, place], "|-", color=ink.right, linewidth=1.8, markersize=9,
                      markeredgewidth=1.8)  # fmt: skip
            axes.plot(entry["value"], place, "o", color=ink.right, markersize=6)
    axes.set_yticks(range(len(rows)), [f"{name}  n = {entry['n']}" for name, entry in rows], color=ink.text)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(-0.02, 1.02)
    _percent_ticks(axes.xaxis)
    axes.grid(axis="x")


def _confusion(figures: Mapping[str, Any], ink: Ink, figure_class: Any) -> Any:
    """Raw and row-normalised matrix, truth in rows."""
    from matplotlib.patches import Rectangle

    matrix = figures["confusion"]
    columns = used_columns(matrix)
    rows = [at for at, line in enumerate(matrix["raw"]) if any(line)]
    figure = figure_class(figsize=(10, 1.5 + 0.45 * len(rows)))
    for axes, name in zip(figure.subplots(1, 2), ("raw", "row_normalised"), strict=True):
        for y, row in enumerate(rows):
            for x, column in enumerate(columns):
                share = matrix["row_normalised"][row][column]
                value = matrix[name][row][column]
                colour = mix(ink.ground, ink.right, share)
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor=ink.line))
                shown = (str(value) if name == "raw" else _hundredth(value)) if value else "·"
                hit = matrix["rows"][row] == matrix["columns"][column]
                text = readable_on(colour) if value else ink.soft
                axes.text(x, y, shown, ha="center", va="center", color=text,
                          fontweight="bold" if hit else "normal")  # fmt: skip
        axes.set(
            xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5), xlabel="named", ylabel="truth"
        )
        named = [clean(labels.display(matrix["columns"][at]), LONGEST) for at in columns]
        turned = (
            {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if max(map(len, named)) > 6 else {}
        )
        axes.set_xticks(range(len(columns)), named, color=ink.text, **turned)
        axes.set_yticks(range(len(rows)), [labels.display(matrix["rows"][at]) for at in rows], color=ink.text)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title("Volumes" if name == "raw" else "Share of the row in %")
    return figure


def used_columns(matrix: Mapping[str, Any]) -> list[int]:
    """Columns of a confusion matrix that hold something: the truth's labels, and what else was named."""
    filled = {at for line in matrix["raw"] for at, n in enumerate(line) if n}
    present = {at for at, line in enumerate(matrix["raw"]) if any(line)}
    return sorted(filled | present)


def _scores(figures: Mapping[str, Any], ink: Ink, figure_class: Any) -> Any:
    """Histogram of each member: its own volumes upward, all others downward, wrong ones hatched."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    members = list(figures["scores"].items())
    lines = math.ceil(len(members) / 2)
    figure = figure_class(figsize=(10, 0.6 + 2.1 * lines))
    grid = figure.subplots(lines, 2, squeeze=False)
    for axes in grid.flat[len(members) :]:
        axes.set_visible(False)
    for axes, (name, member) in zip(grid.flat, members, strict=False):
        _histogram(axes, member, ink)
        targets = " and ".join(map(labels.display, member["targets"]))
        against = labels.display("t1w") if name == "t1ce" else "all others"
        axes.set_title(f"{targets} ↑ against {against} ↓")
    marks: list[Any] = []
    for kind, word in (
        ("right", "rightly claimed ↑ or refused ↓"),
        ("wrong", "wrongly refused ↑ or claimed ↓"),
    ):
        colour, hatch = _kind(kind, ink)
        edge = ink.ground if hatch else colour
        marks.append(Patch(facecolor=colour, edgecolor=edge, hatch=hatch, label=word))
    marks.append(Line2D([], [], color=ink.text, linestyle="--", label="threshold"))
    figure.supxlabel("score", fontsize=10)
    figure.legend(handles=marks, loc="outside upper right", ncols=3)
    return figure


def _histogram(axes: Any, member: Mapping[str, Any], ink: Ink) -> None:
    found, under = member["histogram"], Counter[tuple[float, int]]()
    for kind, sign in (("right", 1), ("missed", 1), ("refused", -1), ("wrong", -1)):
        colour, hatch = _kind(kind, ink)
        bottoms, heights = [], []
        for edge, n in found[kind]:
            low = under[edge, sign]
            under[edge, sign] += n
            # the square root lets single volumes be seen beside hundreds
            bottoms.append(sign * math.sqrt(low))
            heights.append(sign * (math.sqrt(low + n) - math.sqrt(low)))
        edges = [edge for edge, _ in found[kind]]
        axes.bar(edges, heights, found["bin"], bottoms, align="edge", color=colour, hatch=hatch,
                 edgecolor=ink.ground if hatch else colour, linewidth=0.3)  # fmt: skip
    top = max(under.values(), default=1)
    # at most three numbers on each side, and none so near to 0 that they would touch
    ticks = [n for n in (4**power for power in range(12)) if top / 36 <= n <= top]
    places = [math.sqrt(n) for n in ticks]
    axes.set_yticks([*(-at for at in places), 0, *places], [*map(str, ticks), "0", *map(str, ticks)])
    reach = math.sqrt(top) * 1.15
    axes.set(xlim=(0, 1), ylim=(-reach, reach), ylabel="volumes")
    axes.axhline(0, color=ink.soft, linewidth=0.8)
    if member["threshold"] is not None:
        axes.axvline(member["threshold"], color=ink.text, linewidth=1.4, linestyle="--")
    axes.grid(axis="y")


def _kind(kind: str, ink: Ink) -> tuple[str, str]:
    """Colour and hatching of what a member did rightly or wrongly."""
    return (ink.right, "") if kind in ("right", "refused") else (ink.wrong, "//////")


def _reliability(figures: Mapping[str, Any], ink: Ink, figure_class: Any) -> Any:
    """What the scores said against what came, for the labels given and for each member."""
    panels = [("the labels given", figures["reliability"])]
    panels += [(f"member {labels.display(k)}", one["reliability"]) for k, one in figures["scores"].items()]
    lines = math.ceil(len(panels) / 4)
    figure = figure_class(figsize=(10, 0.3 + 2.75 * lines))
    grid = figure.subplots(lines, 4, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, (word, found) in zip(grid.flat, panels, strict=False):
        axes.plot([0, 1], [0, 1], color=ink.soft, linewidth=1, linestyle="--")
        for (_, n, said, came), (low, high) in zip(found["bins"], found["ci95"], strict=True):
            axes.plot([said, said], [low, high], color=ink.right, linewidth=1.6)
            size = 4 + 2.2 * math.log10(n)
            axes.plot([said], [came], "o", color=ink.right, markeredgecolor=ink.ground, markersize=size + 2)
        gap = "" if found["ece"] is None else f", mean gap {found['ece']:.2f}"
        axes.set_title(f"{word}\nn = {found['n']}{gap}", fontsize=9)
        axes.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.set_aspect("equal")
        axes.grid()
    figure.supxlabel("mean score of the volumes in a bin", fontsize=10)
    figure.supylabel("share that was so", fontsize=10)
    return figure


def _refusal(figures: Mapping[str, Any], ink: Ink, figure_class: Any) -> Any:
    """Accuracy of the answers against the share refused."""
    curve = figures["refusal"]
    figure = figure_class(figsize=(10, 4))
    axes = figure.subplots()
    axes.fill_between(curve["refused"], curve["low"], curve["high"], step="post", color=ink.right, alpha=0.2,
                      linewidth=0, label="95 % interval")  # fmt: skip
    axes.step(curve["refused"], curve["accuracy"], where="post", color=ink.right, linewidth=2,
              label="answers that are right")  # fmt: skip
    axes.plot(curve["refused"][:1], curve["accuracy"][:1], "o", color=ink.right, markersize=9,
              markeredgecolor=ink.ground, label="this run, at its thresholds")  # fmt: skip
    axes.axvline(
        curve["other"], color=ink.text, linewidth=1.2, linestyle="--", label="share of other in the truth"
    )
    axes.set(xlim=(0, 1), xlabel="volumes refused", ylabel="accuracy of the answers")
    axes.set_ylim(min(0.5, *curve["low"]) - 0.02, 1.02)
    _percent_ticks(axes.xaxis)
    _percent_ticks(axes.yaxis)
    axes.grid()
    figure.legend(loc="outside upper right", ncols=4)
    return figure


def _percent_ticks(axis: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def _hundredth(share: float) -> str:
    """A share in per cent; one that is not whole never reads 0 or 100."""
    return f"{min(max(100 * share, 0.1), 99.9):.1f}" if 0 < share < 1 else f"{100 * share:.0f}"


FIGURES: dict[str, Callable[[Mapping[str, Any], Ink, Any], Any]] = {
    "labels": _labels,
    "confusion": _confusion,
    "scores": _scores,
    "groups": _groups,
    "reliability": _reliability,
    "refusal": _refusal,
}
