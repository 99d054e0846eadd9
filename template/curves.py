"""How a bundle's threshold was chosen, for its card: table and curve (SVG), from results/thresholds.json.

Standard library only; the same JSON gives the same bytes. Source: docs/decisions/0005-thresholds.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markup import table

SVG = "threshold.svg"
EVEN, PAPER = 0.5, 0.95
WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 120, 16, 44  # margins; the names of the lines stand in the right one
STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#16191d}.axis{stroke:#545d66;fill:none}"
    ".grid{stroke:#d9dde1}.paper{fill:#ffffff}.a{stroke:#0072b2}.b{stroke:#b34d00}"
    ".a,.b{fill:none;stroke-width:2.5}.b{stroke-dasharray:7 4}.at{stroke:#16191d;stroke-dasharray:2 3}"
    ".a-name{fill:#0072b2}.b-name{fill:#b34d00}.best{fill:#e4e7ea}"
    "@media (prefers-color-scheme:dark){text{fill:#e8ebee}.axis{stroke:#a3adb7}.grid{stroke:#333a41}"
    ".paper{fill:#191d21}.a{stroke:#56b4e9}.b{stroke:#e69f00}.at{stroke:#e8ebee}"
    ".a-name{fill:#56b4e9}.b-name{fill:#e69f00}.best{fill:#2b3138}}"
)


def choice_of(row: Mapping[str, Any], digest: str, thresholds: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What was chosen for these weights; None where nothing was."""
    found: Mapping[str, Any] = thresholds.get("bundles", {}).get(row["name"], {})
    return found if digest and found.get("weights_sha256") == digest else None


def text(row: Mapping[str, Any], digest: str, thresholds: Mapping[str, Any]) -> str:
    """The section of a card on the threshold."""
    choice = choice_of(row, digest, thresholds)
    if choice is None:
        return (
            "**Not measured: `results/thresholds.json` has no choice for these weights.** "
            "`make thresholds` in the project makes one."
        )
    words = []
    if choice.get("kept"):
        words.append(f"The threshold {row['threshold']:g} was not chosen: {choice['kept']}.")
    if "curve" not in choice:
        return " ".join(words)
    counted = f"{_counts(choice['targets'])} it should claim, {_counts(choice['others'])} it should not"
    words.append(f"Measured on volumes of known label, none trained on: {counted}.")
    if not choice.get("kept"):
        low, high = choice["resampled"][0], choice["resampled"][-1]
        words.append(
            "The threshold is the median of the best ones of a thousand resamples, 5 to 95 % of which lie in "
            f"{low:g} to {high:g}."
        )
        if choice["threshold"] != row["threshold"]:
            words.append(f"That gives {choice['threshold']:g}; this bundle has {row['threshold']:g}.")
    if choice["quality_unseen"] is not None:
        words.append(
            "At it the mean of sensitivity and specificity is "
            f"{100 * choice['quality']:.1f} %, and {100 * choice['quality_unseen']:.1f} % on volumes that a "
            "resampled choice had not seen."
        )
    marked = {EVEN: "majority alone", PAPER: "the paper's"}
    marked[row["threshold"]] = ", ".join(["this bundle", *filter(None, [marked.get(row["threshold"])])])
    rows = [
        [f"{at:g} ({marked[at]})", *(f"{100 * share:.1f} %" for share in _at(choice["curve"], at))]
        for at in sorted(marked)
    ]
    return "\n\n".join(
        [
            " ".join(words),
            table(["threshold", "sensitivity", "specificity"], rows),
            f"![Sensitivity and specificity of {row['name']} against its threshold]({SVG})",
            ("" if choice.get("kept") else "Grey: the best range on all of these volumes. ")
            + "Real and simulated volumes weigh the same; a threshold counts only where most slices vote for "
            "the label (`results/thresholds.json`, `docs/decisions/0005-thresholds.md` of the project).",
        ]
    )


def _counts(counts: Mapping[str, int]) -> str:
    """`12 real and 30 simulated`."""
    return " and ".join(f"{n} {data}" for data, n in sorted(counts.items())) or "none"


def _at(curve: Mapping[str, Sequence[float]], threshold: float) -> tuple[float, float]:
    """Sensitivity and specificity at the point of the curve that is nearest."""
    steps = curve["threshold"]
    place = min(range(len(steps)), key=lambda number: abs(steps[number] - threshold))
    return curve["sensitivity"][place], curve["specificity"][place]


def svg(row: Mapping[str, Any], choice: Mapping[str, Any]) -> str:
    """The curve of one bundle: sensitivity and specificity against the threshold, with its own marked."""
    curve = choice["curve"]
    name = f"Sensitivity and specificity of {row['name']} against its threshold"
    low, high = choice["best"]
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" aria-label="{name}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
    ]
    if not choice.get("kept"):
        width = max(_x(high) - _x(low), 2)
        parts.append(
            f'<rect class="best" x="{_x(low):.1f}" y="{TOP}" width="{width:.1f}" height="{bottom - TOP}"/>'
        )
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _y(share)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 5:.1f}" text-anchor="end">{100 * share:.0f} %</text>')
    for step in (0.5, 0.6, 0.7, 0.8, 0.9, 1):
        parts.append(f'<text x="{_x(step):.1f}" y="{bottom + 18}" text-anchor="middle">{step:g}</text>')
    parts.append(f'<text x="{(LEFT + right) / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle">threshold</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>')
    at = _x(row["threshold"])
    parts.append(f'<path class="at" d="M{at:.1f} {TOP}V{bottom}"/>')
    ends = {}
    for kind, word in (("a", "sensitivity"), ("b", "specificity")):
        points = zip(curve["threshold"], curve[word], strict=True)
        line = " ".join(f"{_x(step):.1f},{_y(share):.1f}" for step, share in points)
        parts.append(f'<polyline class="{kind}" points="{line}"/>')
        ends[word] = _y(curve[word][-1])
    # names that would touch are moved apart, the upper one upwards
    first, second = sorted(ends, key=lambda word: (ends[word], word))
    near = max(0.0, 18 - (ends[second] - ends[first]))
    for word, y in ((first, ends[first] - near / 2), (second, ends[second] + near / 2)):
        kind = "a" if word == "sensitivity" else "b"
        parts.append(f'<text class="{kind}-name" x="{right + 6}" y="{y + 5:.1f}">{word}</text>')
    side = "end" if row["threshold"] > 0.6 else "start"
    shift = -5 if side == "end" else 5
    parts.append(
        f'<text x="{at + shift:.1f}" y="{bottom - 8}" text-anchor="{side}">{row["threshold"]:g}</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def _x(threshold: float) -> float:
    return LEFT + (threshold - 0.5) / 0.5 * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)
