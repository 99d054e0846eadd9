"""`mrclass datalist`: its arguments, and what it does with them; imports nothing heavy before it runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mrclass.datalist import PATIENT, SHARE, SMALLEST
from mrclass.errors import UsageError

EPILOG = (
    "examples:\n  mrclass datalist --run OUT review.csv --volumes VOLUMES -o datalist.json\n"
    "  mrclass datalist --folders SORTED -o datalist.json\n"
    "  mrclass datalist --catalogue catalog.csv --where role=train --by source -o datalist.json\n\n"
    "The three may be mixed and repeated. Copies, unreadable and very small volumes are left out, with\n"
    "the reason in a CSV beside the list.\n\n"
    "--root, --where, --map and the names of columns hold for every CSV of the command, of catalogues\n"
    "and of runs alike; a CSV that lacks a column of --where is refused."
)


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command that no other has."""
    parser.add_argument(
        "--catalogue",
        action="append",
        default=[],
        type=Path,
        metavar="CSV",
        help="NIfTI files with their labels, and patient and source where it has the columns",
    )
    parser.add_argument(
        "--folders",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="class folders of NIfTI files, as `mrclass sort --nifti` lays them: LABEL/PATIENT/...",
    )
    parser.add_argument(
        "--run",
        action="append",
        default=[],
        nargs=2,
        metavar=("OUT", "CSV"),
        help="a run and the labels a person gave, by file or folder, or by row_id",
    )
    parser.add_argument(
        "--volumes", type=Path, metavar="DIR", help="the volumes of a run are converted into DIR/OUT"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="JSON", help="the list")
    parser.add_argument(
        "--by",
        choices=(PATIENT, "source"),
        default=PATIENT,
        help=f"what must not stand in both sections (default: {PATIENT})",
    )
    parser.add_argument("--share", type=float, default=SHARE, help=f"share for validation (default: {SHARE})")
    parser.add_argument("--seed", type=int, default=0, help="of the split (default: 0)")
    parser.add_argument("--unsplit", action="store_true", help="one list; each training splits it by patient")
    parser.add_argument(
        "--section-column",
        default="",
        metavar="NAME",
        help="column of a catalogue that says train or validation, in place of a split",
    )
    parser.add_argument(
        "--min-pixels",
        type=int,
        default=SMALLEST,
        metavar="N",
        help="leave out what is smaller, in 2-mm pixels of its largest slice "
        f"(default: {SMALLEST}; 0: nothing)",
    )
    parser.add_argument("--relative-to", type=Path, metavar="DIR", help="write names relative to this folder")
    parser.add_argument(
        "--patient-column", default=PATIENT, metavar="NAME", help="column of the patient, if any"
    )


def run(options: argparse.Namespace) -> int:
    """Make the list that was asked for: its name to stdout, what is in it to stderr."""
    from mrclass import gather, trainlist, truth_options
    from mrclass.progress import bar

    if not (options.catalogue or options.folders or options.run):
        raise UsageError("Nothing to make a list of: name --catalogue CSV, --folders DIR or --run OUT CSV.")
    if options.unsplit and options.section_column:
        raise UsageError("--unsplit writes one list, --section-column two sections; choose one.")
    if options.unsplit and options.by != PATIENT:
        raise UsageError(
            f"--unsplit writes a list that each training splits by patient, whatever its {options.by}; "
            f"leave out --unsplit or --by {options.by}."
        )
    trainlist.left_out_of(options.output)  # refused now, before anything is converted
    names = [Path(out).resolve().name for out, _ in options.run]
    if names and (options.volumes is None or len(set(names)) < len(names)):
        raise UsageError(
            "--run goes with --volumes DIR, where each run has its volumes in a folder of its own name"
            + (f"; {len(names)} runs are called {', '.join(names)}." if options.volumes else ".")
        )
    found = [
        gather.catalogue(truth_options.given(path, options), options.patient_column, options.section_column)
        for path in options.catalogue
    ]
    found += [gather.folders(path) for path in options.folders]
    for out, path in options.run:
        with bar("volumes") as progress:
            known = truth_options.given(Path(path), options)
            dest = options.volumes / Path(out).resolve().name
            found.append(gather.reviewed(Path(out), known, dest, options.timeout, progress))
    volumes, left = gather.gathered(found)
    with bar("volumes") as progress:
        listed = trainlist.make(
            volumes,
            options.by,
            options.share,
            options.seed,
            not options.unsplit,
            options.min_pixels,
            progress,
            left,
        )
    made = {"command": options.command_line, "by": options.by, "seed": options.seed, "share": options.share}
    aside = trainlist.write(listed, options.output, made, options.relative_to)
    say(trainlist.table(listed.sections))
    for sentence in [*strangers(options), *listed.warnings]:
        say(f"Warning: {sentence}")
    if aside is not None:
        say(f"Left out, {len(listed.left)} of {len(volumes) + len(left)} (each in {aside}):")
        for line in gather.told(listed.left):
            say(line)
    print(options.output)
    return 0


def strangers(options: argparse.Namespace) -> list[str]:
    """A sentence where one person may stand in the list under two names: pseudonyms are each run's own."""
    from mrclass._sort_state import FILE

    named = [*options.catalogue, *options.folders, *options.run]
    salted = len(options.run) + sum((folder / FILE).is_file() for folder in options.folders)
    if not salted or len(named) < 2:
        return []
    whole = "classify all exports into one run"
    way = (
        f"{whole}, or give exports of the same people one name in the column source"
        if options.by == "source"
        else f"{whole}, or give them one name in the column source and split --by source"
    )
    return [
        "Each run has pseudonyms of its own: a person who is in two of what was named counts as two "
        f"patients, and may stand in both sections. If there can be such people, {way}."
    ]


def say(text: str) -> None:
    """Talk to the person at the terminal."""
    print(text, file=sys.stderr, flush=True)
