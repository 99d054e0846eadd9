"""Measures what an archive costs one machine: memory while it is classified, the ledger, the pages.

Writes a simulated archive and a run of it below a work folder, and one JSON where asked. Run it as
`python -m mrclass.scale`; started again on the same work folder, it goes on, with more series too. Needs
Linux (/proc).
Source of its method: resident memory of the run and of its largest child, sampled while the ledger grows.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mrclass import __version__
from mrclass._watch import count, read_samples, watch
from mrclass.errors import MRClassError, UsageError
from mrclass.ledger import FILE_NAME, STATUSES, Ledger
from mrclass.members import find_bundles

PARTS = 10  # the run is told in tenths
NETWORKS = ("stand-in", "shipped")
EMPTY = "empty-files"  # key of that measurement in the JSON
_SHORT_S = 0.05  # between two samples of a command that ends within seconds
_BLOCKS = 200  # series written and asked for when a ledger is timed


def summarise(samples: Sequence[Mapping[str, float]], series: int) -> dict[str, Any]:
    """Memory and pace of a run by tenths of its series; pure.

    Args:
        samples: of `watch`, in their order.
        series: number of series of the whole run.

    Returns:
        `parts`: up to how many series, highest memory (MB), seconds per series; ratios of the last part to
        the second one (the first holds the start); and the memory while tables and pages are written.
    """
    finished = next((i for i, one in enumerate(samples) if one["done"] >= series), len(samples))
    pages = [one["client_mb"] for one in samples[finished + 1 :]]
    samples = samples[: finished + 1]
    parts: list[dict[str, float]] = []
    last_s, last_done = 0.0, 0.0
    for part in range(PARTS):
        low, high = series * part / PARTS, series * (part + 1) / PARTS
        inside = [one for one in samples if low < one["done"] <= high and one["client_mb"] > 0]
        if not inside:
            continue
        end = inside[-1]
        count = end["done"] - last_done
        parts.append(
            {
                "series": int(end["done"]),
                "client_mb": max(one["client_mb"] for one in inside),
                "child_mb": max(one["child_mb"] for one in inside),
                "seconds_per_series": round((end["s"] - last_s) / count, 3) if count else 0.0,
            }
        )
        last_s, last_done = end["s"], end["done"]
    early, late = (parts[1] if len(parts) > 1 else {}), (parts[-1] if parts else {})
    ratios = {
        key: round(late[key] / early[key], 3)
        for key in ("client_mb", "child_mb", "seconds_per_series")
        if early.get(key)
    }
    told = {"parts": parts, "last_to_second_part": ratios}
    return {**told, "client_mb_while_pages_are_written": max(pages, default=0.0)}


def time_ledger(ledger: Path, work: Path) -> dict[str, Any]:
    """Median milliseconds to write one series and to ask for one, in a ledger of a run and in a new one.

    Args:
        ledger: of a run; it is copied.
        work: folder for the copies, which are removed.
    """
    shutil.copy(ledger, work / "full.sqlite")
    figures: dict[str, Any] = {}
    try:
        with Ledger(ledger, create=False) as book:
            row = next(iter(book.each()))
            figures["series"] = book.count()
        for name in ("full", "new"):
            with Ledger(work / f"{name}.sqlite") as book:
                write, ask = [], []
                for number in range(_BLOCKS):
                    head = {**row, "series_key": f"timed-{number}", "root": "/", "fingerprint": "1"}
                    started = time.perf_counter()
                    book.finish(head, [row])
                    write.append(time.perf_counter() - started)
                    started = time.perf_counter()
                    book.fingerprint(f"timed-{number}", STATUSES)
                    ask.append(time.perf_counter() - started)
            for what, seconds in (("write", write), ("ask", ask)):
                figures[f"{what}_ms_{name}"] = round(1000 * statistics.median(seconds), 4)
    finally:
        for name in ("full", "new"):
            (work / f"{name}.sqlite").unlink(missing_ok=True)
    figures["write_ratio"] = round(figures["write_ms_full"] / figures["write_ms_new"], 2)
    figures["ask_ratio"] = round(figures["ask_ms_full"] / figures["ask_ms_new"], 2)
    figures["bytes_per_series"] = round(ledger.stat().st_size / figures["series"])
    return figures


def page_sizes(out: Path) -> dict[str, int]:
    """Bytes of what a browser opens at first, of what it fetches later, and of the tables."""
    beside = sorted((out / "report").glob("*.js"))
    sizes = {path.name: path.stat().st_size for path in beside}
    cards = [size for name, size in sizes.items() if name.startswith("cards")]
    return {
        "report_html": (out / "report.html").stat().st_size,
        "index_js": sizes.get("index.js", 0),
        "card_files": len(cards),
        "largest_card_file": max(cards, default=0),
        "results_csv": (out / "results.csv").stat().st_size,
        "results_json": (out / "results.json").stat().st_size,
        "files_csv": (out / "files.csv").stat().st_size,
    }


def stand_ins(bundles: Path, folder: Path) -> Path:
    """Copies of the bundles whose network is one linear layer of a slice's mean: all else is done as ever.

    For measuring what grows with an archive on a machine that has no time for thousands of network runs.
    """
    import torch

    from mrclass.card import METADATA, WEIGHTS, read_json, sha256_of
    from mrclass.truth import write

    for path in sorted(bundles.glob(f"*/{METADATA}")):
        copy = folder / path.parents[1].name
        shutil.copytree(path.parents[1] / "configs", copy / "configs", dirs_exist_ok=True)
        (copy / "models").mkdir(exist_ok=True)
        torch.save({"2.weight": torch.tensor([[0.0], [1.0]]), "2.bias": torch.zeros(2)}, copy / WEIGHTS)
        metadata = read_json(copy / METADATA)
        metadata["mrclass"]["weights_sha256"] = sha256_of(copy / WEIGHTS)
        write(metadata, copy / METADATA)
        config = read_json(copy / "configs" / "inference.json")
        config["network_def"] = (
            "$torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(1, 2))"
        )
        write(config, copy / "configs" / "inference.json")
    return folder


def measure(work: Path, series: int, slices: int, networks: str, bundles: Path, jobs: int) -> dict[str, Any]:
    """Make the archive, classify it, report it, do nothing once more; the figures.

    Raises:
        MRClassError: a command failed, or this is no Linux.
    """
    if not Path("/proc/self/status").is_file():
        raise MRClassError("Memory is read from /proc, which this system has not; measure on Linux.")
    from mrclass.phantom.archive import write_archive
    from mrclass.progress import bar

    with bar("archive") as progress:
        files = write_archive(work / "archive", series, slices=slices, progress=progress)
    if networks == "stand-in":
        bundles = stand_ins(bundles, work / "bundles")
    out, samples = work / "out", work / "samples.jsonl"
    command = [sys.executable, "-m", "mrclass", "classify", str(work / "archive"), "-o", str(out)]
    command += ["--bundles", str(bundles), "--jobs", str(jobs)]
    starts = work / "starts"
    if count(out / FILE_NAME) < series:
        starts.write_text(f"{int(starts.read_text()) + 1 if starts.is_file() else 1}\n", encoding="ascii")
        watch(command, out / FILE_NAME, samples)
    again = watch(command, out / FILE_NAME, work / "again.jsonl", _SHORT_S)
    report = [sys.executable, "-m", "mrclass", "report", str(out)]
    pages = watch(report, out / FILE_NAME, work / "report.jsonl", _SHORT_S)
    seen = read_samples(samples)
    headers = [one for one in seen if one["done"] == 0]
    return {
        "data": "simulated",
        "networks": networks,
        "n_series": series,
        "n_files": files,
        "slices_per_series": slices,
        "jobs": jobs,
        "starts": int(starts.read_text("ascii")),
        "seconds": seen[-1]["s"],
        "client_mb": max(one["client_mb"] for one in seen),
        "child_mb": max(one["child_mb"] for one in seen),
        "client_mb_before_the_first_series": max((one["client_mb"] for one in headers), default=0.0),
        **summarise(seen, series),
        "ledger": time_ledger(out / FILE_NAME, work),
        "nothing_to_do": {key: again[key] for key in ("seconds", "client_mb")},
        "report": {**{key: pages[key] for key in ("seconds", "client_mb")}, "bytes": page_sizes(out)},
    }


def table(figures: Mapping[str, Any]) -> str:
    """The figures as text."""
    lines = [f"{'SERIES':>8}{'CLIENT MB':>11}{'WORKER MB':>11}{'S PER SERIES':>14}"]
    for part in figures["parts"]:
        lines.append(
            f"{part['series']:>8}{part['client_mb']:>11.1f}{part['child_mb']:>11.1f}"
            f"{part['seconds_per_series']:>14.3f}"
        )
    ledger, pages = figures["ledger"], figures["report"]["bytes"]
    return "\n".join(
        [
            *lines,
            "",
            f"Ledger of {ledger['series']} series: {ledger['write_ms_full']} ms to write one "
            f"({ledger['write_ratio']} times a new ledger), {ledger['ask_ms_full']} ms to ask for one.",
            f"Page: {pages['report_html']} bytes first, an index of {pages['index_js']}, "
            f"{pages['card_files']} files of at most {pages['largest_card_file']}.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; figures to stdout, and into the JSON that -o names, beside those of the other networks."""
    parser = argparse.ArgumentParser(prog="python -m mrclass.scale", description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=5000, metavar="N", help="series (default: 5000)")
    parser.add_argument("--slices", type=int, default=1, metavar="N", help="files of each (default: 1)")
    parser.add_argument("--empty", type=int, metavar="N", help="measure this alone: N empty files")
    parser.add_argument("--work", type=Path, metavar="DIR", help="folder to keep and go on in")
    parser.add_argument(
        "--networks", choices=NETWORKS, default="stand-in", help="networks of the bundles (default: stand-in)"
    )
    parser.add_argument("--bundles", type=Path, metavar="DIR", help="folder of the bundles")
    parser.add_argument("--jobs", type=int, default=1, help="workers (default: 1)")
    parser.add_argument("-o", "--output", type=Path, metavar="JSON", help="write the figures there")
    options = parser.parse_args(argv)
    try:
        bundles = find_bundles(options.bundles)
        with tempfile.TemporaryDirectory() as name:
            work = options.work or Path(name)
            work.mkdir(parents=True, exist_ok=True)
            _settle(work, ["empty"] if options.empty else [options.slices, options.networks])
            if options.empty:
                from mrclass._empty import measure_empty

                figures = measure_empty(work.resolve(), options.empty, bundles)
            else:
                figures = measure(
                    work.resolve(), options.series, options.slices, options.networks, bundles, options.jobs
                )
    except MRClassError as error:
        print(f"mrclass: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    print(json.dumps(figures, indent=1) if options.empty else table(figures))
    if options.output is not None:
        from mrclass.bench import processor
        from mrclass.crew import cores
        from mrclass.truth import write

        asked = f"--series {options.series} --networks {options.networks}"
        figures["made_by"] = {
            "command": f"python -m mrclass.scale {f'--empty {options.empty}' if options.empty else asked}",
            "processor": processor(),
            "cores": cores(),
            "mrclass": __version__,
        }
        known = json.loads(options.output.read_text("utf-8")) if options.output.is_file() else {}
        write({**known, EMPTY if options.empty else options.networks: figures}, options.output)
    return 0


def _settle(work: Path, settings: Sequence[Any]) -> None:
    """Let a work folder serve one measurement only; it may grow to more series."""
    path = work / "scale.json"
    if path.is_file() and json.loads(path.read_text("utf-8")) != list(settings):
        raise UsageError(f"{work} holds a measurement of other settings; name another folder with --work.")
    path.write_text(json.dumps(list(settings)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
