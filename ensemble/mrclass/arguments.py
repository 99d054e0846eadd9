"""The arguments of every command; imports nothing that is heavy, so that --help answers at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mrclass import __version__, cli_datalist

_EPILOG = """exit codes:
  0  all done
  1  failure
  2  the command is off
  3  done, but some series could not be read

Research use only: not a medical device."""


def parser() -> argparse.ArgumentParser:
    """Parser of the command line; the chosen command stands in `command`."""
    root = argparse.ArgumentParser(
        prog="mrclass",
        description="Tells what brain MR series are by their images: T1w, T1ce, T2w, FLAIR, ADC, SWI, other.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"mrclass {__version__}")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)

    def command(name: str, text: str, **more: Any) -> argparse.ArgumentParser:
        form = argparse.RawDescriptionHelpFormatter
        return commands.add_parser(name, help=text, description=text, formatter_class=form, **more)

    one = command(
        "classify",
        "label every series of a DICOM export or of NIfTI files",
        epilog="example:\n  mrclass classify EXPORT -o OUT\n\n"
        "The same command again goes on where it was stopped. The input is only read.",
    )
    one.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="folder or file, DICOM or NIfTI")
    one.add_argument(
        "-o", "--out", type=Path, required=True, help="folder for the ledger, the tables and the report"
    )
    _member_options(one)
    one.add_argument(
        "--jobs", type=_positive(int), help="workers, about 1 GB each (default: cores, at most 4)"
    )
    one.add_argument("--device", default="cpu", help="device of the networks, such as cuda (default: cpu)")
    one.add_argument(
        "--backend",
        action="append",
        default=[],
        metavar="[LABEL=]BACKEND",
        help="runs the networks: torch (default), torchscript, onnx, openvino, tensorrt; may be repeated",
    )
    _timeout(one)
    one.add_argument("--retry", action="store_true", help="try again what could not be read before")
    one.add_argument("--keep-identifiers", action="store_true", help="real UIDs and patient IDs in OUT")
    one.add_argument("--json", action="store_true", help="print the rows as JSON in place of the table")

    one = command("report", "write the report and tables of a run anew from its ledger")
    one.add_argument("out", type=Path, metavar="OUT", help="folder of a run")

    one = command(
        "audit",
        "how many headers agree with the images, disagree, or are silent",
        epilog="example:\n  mrclass audit OUT\n\nWrites its tables into OUT; no DICOM file is changed.",
    )
    one.add_argument("out", type=Path, metavar="OUT", help="folder of a run")
    one.add_argument("--json", type=Path, metavar="JSON", help="write the figures there too")

    one = command(
        "sort",
        "put the series of a run into class folders or a BIDS tree",
        epilog="examples:\n  mrclass sort OUT DEST --link\n"
        "  mrclass sort OUT DEST --layout bids --dry-run\n\n"
        "What no classifier claims and what several claim goes aside, with the reason in sorted.csv.\n"
        "The input is only read. The same command again does only what is missing.",
    )
    one.add_argument("out", type=Path, metavar="OUT", help="folder of a run")
    one.add_argument(
        "dest", type=Path, metavar="DEST", help="folder to put them into: new, or of such a sort"
    )
    one.add_argument(
        "--layout", choices=("labels", "bids"), default="labels", help="a folder per label (default), or BIDS"
    )
    how = one.add_mutually_exclusive_group()
    for name, text in (
        ("copy", "copy the files of the series (default for labels)"),
        ("link", "link to them"),
        ("nifti", "convert: a .nii.gz and a .json per volume (the way of BIDS)"),
    ):
        how.add_argument(f"--{name}", dest="mode", action="store_const", const=name, help=text)
    one.add_argument("--dry-run", action="store_true", help="print what would go where, write nothing")
    _timeout(one)

    one = command(
        "evaluate",
        "compare a run with known labels",
        epilog="example:\n"
        "  mrclass evaluate OUT --truth truth.csv --data real -o figures.json --page FIGURES\n\n"
        "A file of the CSV stands for its series, a folder for all series in it.",
    )
    one.add_argument("run_folder", type=Path, metavar="OUT", help="folder of a run")
    one.add_argument(
        "--truth", type=Path, required=True, metavar="CSV", help="known labels by file or folder"
    )
    one.add_argument("--data", required=True, choices=("real", "simulated"), help="what the images are")
    one.add_argument("-o", "--output", type=Path, metavar="JSON", help="write the figures there")
    one.add_argument(
        "--page", type=Path, metavar="FOLDER", help="write evaluate.html and its figures as PNG there"
    )
    _columns(one)

    one = command(
        "calibrate",
        "choose the bundles' thresholds from runs with known labels",
        epilog="example:\n  mrclass calibrate --run OUT truth.csv real -o thresholds.json --set MY_BUNDLE\n\n"
        "The runs' own thresholds do not matter. Each run weighs the same.",
    )
    one.add_argument(
        "--run",
        action="append",
        nargs="+",
        required=True,
        metavar=("OUT TRUTH.csv real|simulated", "NAME=VALUE"),
        help="a run, its known labels, what the images are, which lines of the CSV count; may be repeated",
    )
    one.add_argument(
        "-o", "--output", type=Path, metavar="JSON", help="write the choice and its curves there"
    )
    one.add_argument(
        "--set",
        action="append",
        default=[],
        type=Path,
        metavar="BUNDLE",
        help="write the choice into this bundle's configs; may be repeated",
    )
    one.add_argument(
        "--apply-temperature",
        action="store_true",
        help="take the fitted temperatures over (default: only report them)",
    )

    one = command(
        "datalist",
        "make the training list of the bundles from labelled volumes",
        epilog=cli_datalist.EPILOG,
    )
    cli_datalist.add_to(one)
    _columns(one)
    _timeout(one)

    one = command(
        "bundles",
        "list the bundles that would classify; check, add or export some",
        epilog="examples:\n  mrclass bundles list\n  mrclass bundles check MY_T2W\n"
        "  mrclass bundles add MY_T2W --bundles MY_BUNDLES --replace\n"
        "  mrclass bundles export --on /data/nifti -o exports.json",
    )
    one.add_argument(
        "action",
        nargs="?",
        choices=("list", "check", "add", "export"),
        default="list",
        help="list (default); check: do bundles fit as members? add: copy one to the folder of the bundles; "
        "export: bring them to TorchScript and ONNX and compare their scores",
    )
    one.add_argument(
        "folders",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="bundle to check, export (default: all) or add",
    )
    _member_options(one)
    one.add_argument("--replace", action="store_true", help="add: take the place of the bundle of that label")
    one.add_argument(
        "--on",
        type=Path,
        metavar="DIR",
        help="export: NIfTI files to compare scores on (default: a simulated subject)",
    )
    one.add_argument(
        "--limit", type=_positive(int), metavar="N", help="export: N of these files, spread evenly"
    )
    one.add_argument("-o", "--output", type=Path, metavar="JSON", help="export: write the comparison there")
    one.add_argument("--json", action="store_true", help="print JSON in place of text")

    one = command(
        "phantom",
        "simulate MR studies, as NIfTI or DICOM",
        epilog="examples:\n  mrclass phantom OUT --subjects 3 --seed 1\n  mrclass phantom OUT --demo",
    )
    one.add_argument("out", type=Path, metavar="OUT", help="folder to write to")
    what = one.add_mutually_exclusive_group(required=True)
    what.add_argument("--subjects", type=_positive(int), metavar="N", help="number of simulated subjects")
    what.add_argument(
        "--demo", action="store_true", help="the export of two patients that `make demo` classifies"
    )
    one.add_argument("--seed", type=int, help="the same seed gives the same images")
    one.add_argument("--format", choices=("nifti", "dicom"), default="nifti", help="default: nifti")
    one.add_argument(
        "--kinds",
        nargs="+",
        metavar="KIND",
        help="kinds of series, such as t1w_se flair (default: the usual ones)",
    )
    one.add_argument(
        "--realism",
        type=int,
        choices=(1, 2),
        default=1,
        help="2: nearer to real scans; not with --demo (default: 1)",
    )
    one.add_argument("--jobs", type=_positive(int), help="processes (default: 1)")
    return root


def _member_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bundles", type=Path, metavar="DIR", help="folder of the bundles (or MRCLASS_BUNDLES)"
    )
    parser.add_argument(
        "--member",
        action="append",
        default=[],
        metavar="LABEL=FOLDER",
        help="use this bundle for this label; may be repeated",
    )


def _columns(parser: argparse.ArgumentParser) -> None:
    """How a CSV of known labels is read."""
    parser.add_argument(
        "--root", type=Path, help="folder the CSV's files are relative to (default: where the CSV is)"
    )
    parser.add_argument(
        "--file-column", default="file", metavar="NAME", help="column of the path (default: file)"
    )
    parser.add_argument(
        "--label-column", default="label", metavar="NAME", help="column of the label (default: label)"
    )
    parser.add_argument(
        "--source-column", default="source", metavar="NAME", help="column of the source, if any"
    )
    parser.add_argument(
        "--where", action="append", default=[], metavar="NAME=VALUE", help="only lines with this value"
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="NAME=LABEL",
        help="what a label of the CSV stands for, or skip",
    )


def _timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout",
        type=_positive(float),
        default=300.0,
        metavar="SECONDS",
        help="limit per series (default: 300)",
    )


def _positive(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    parse.__name__ = f"positive {kind.__name__}"
    return parse
