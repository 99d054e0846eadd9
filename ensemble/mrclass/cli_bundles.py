"""The command `mrclass bundles list | check | add | export`: reads bundle folders, prints.

`add` copies a bundle, `export` writes into models/ of bundles and the JSON that -o names.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from mrclass import labels
from mrclass.errors import UsageError


def run(options: argparse.Namespace) -> int:
    """One action; exit code 0 all right, 1 a bundle does not fit.

    Raises:
        UsageError: the action and its folders do not go together.
        BundleError: a bundle cannot be read or does not fit.
    """
    return ACTIONS[options.action](options)


def _list(options: argparse.Namespace) -> int:
    from mrclass.members import choose, find_bundles, parse_members

    if options.folders:
        raise UsageError(
            "`mrclass bundles list` takes no folder; name the folder of the bundles with --bundles."
        )
    cards = choose(find_bundles(options.bundles), parse_members(options.member))
    if options.json:
        rows = [{**vars(card), "has_weights": card.has_weights, "folder": str(card.folder)} for card in cards]
        json.dump(rows, sys.stdout, indent=1)
        print()
        return 0
    print(f"{'BUNDLE':<16}{'LABEL':<7}{'ASKED':<20}{'THRESHOLD':<11}{'VERSION':<9}{'WEIGHTS':<14}CONFIG")
    for card in cards:
        asked = f"when {labels.display(card.refines)} won" if card.refines else "always"
        weights = card.sha256[:12] if card.has_weights else "missing"
        name = f"{card.name:<16}{labels.display(card.label):<7}"
        print(
            f"{name}{asked:<20}{card.threshold:<11.3g}{card.version:<9}{weights:<14}{card.config_sha256[:12]}"
        )
    return 0


def _check(options: argparse.Namespace) -> int:
    from mrclass.members import choose, find_bundles, parse_members

    shelf = find_bundles(options.bundles)
    chosen = options.folders or [card.folder for card in choose(shelf, parse_members(options.member))]
    from mrclass.shelf import check_all, facts

    found = check_all([Path(folder) for folder in chosen], shelf if options.folders else None)
    if options.json:
        json.dump(
            [{"folder": str(folder), "reason": reason} for folder, reason in found], sys.stdout, indent=1
        )
        print()
    for folder, reason in () if options.json else found:
        print(f"{folder}: {'does not fit: ' + reason if reason else 'fits: ' + facts(folder)}")
    return 1 if any(reason for _, reason in found) else 0


def _add(options: argparse.Namespace) -> int:
    from mrclass.members import find_bundles

    if not options.folders:
        raise UsageError("`mrclass bundles add` needs the folder of a bundle.")
    shelf = options.bundles or find_bundles(None)
    from mrclass.shelf import add, facts

    for folder in options.folders:
        place, moved = add(folder, shelf, options.replace)
        print(f"{place}: {facts(place)}")
        if moved is not None:
            print(f"The bundle it replaces is now {moved}.", file=sys.stderr)
    return 0


def _export(options: argparse.Namespace) -> int:
    import tempfile

    from mrclass.card import read_card
    from mrclass.members import choose, find_bundles, parse_members
    from mrclass.progress import bar

    if options.folders:
        cards = [read_card(folder) for folder in options.folders]
    else:
        cards = choose(find_bundles(options.bundles), parse_members(options.member))
    if options.on and not (volumes := sorted(options.on.rglob("*.nii*"))):
        raise UsageError(f"{options.on} holds no NIfTI file; name a folder with --on that does.")
    if options.on and options.limit:
        volumes = volumes[:: max(1, -(-len(volumes) // options.limit))]
    from mrclass import exports

    with bar("bundles") as progress:
        for number, card in enumerate(cards):
            progress(number, len(cards))
            exports.export(card.folder)
            progress(number + 1, len(cards))
    with tempfile.TemporaryDirectory() as name:
        if not options.on:
            volumes = _simulated(Path(name))
        figures = exports.compare(cards, volumes)
        if len(cards) == len({card.label for card in cards}) > 1 and any(not card.refines for card in cards):
            with bar("volumes") as seen:
                figures["mixture"] = exports.mixture(cards, volumes, lambda done: seen(done, len(volumes)))
    figures = {"data": "named volumes" if options.on else "simulated", **figures}
    if options.json:
        json.dump(figures, sys.stdout, indent=1)
        print()
    else:
        print(exports.table(figures))
    if options.output is not None:
        from mrclass.truth import write

        write(figures, options.output)
    found = [one["status"] for entry in figures["bundles"].values() for one in entry["backends"].values()]
    found.append(figures.get("mixture", {}).get("status", "skipped"))
    return 1 if "differs" in found else 0


def _simulated(folder: Path) -> list[Path]:
    """Volumes of one simulated subject, one of each label."""
    from mrclass.phantom.study import write_subjects

    write_subjects(folder, 1, 0, "nifti", ["t1w_se", "t2w", "flair", "adc", "swi", "pd"])
    return sorted(folder.rglob("*.nii*"))


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "check": _check,
    "add": _add,
    "export": _export,
}
