"""Times the work of a run: an export in, seconds per series and stage out, beside each bundle run by itself.

Reads an export (by default the demo's, simulated on the spot) and the bundles, writes one JSON where asked.
Run it as `python -m mrclass.bench`. The plain run does for each bundle what it does alone, sharing nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mrclass import __version__
from mrclass.crew import cores, limit_threads
from mrclass.errors import MRClassError
from mrclass.members import find_bundles

STAGES = ("convert", "slab", "n4", "networks", "report")


def summarise(
    series: Sequence[Mapping[str, float]], report_s: float, plain_s: Sequence[float]
) -> dict[str, Any]:
    """Figures of a bench; pure.

    Args:
        series: per series its seconds in the stages convert, slab, n4 and networks.
        report_s: seconds for thumbnails and pages of all series.
        plain_s: per series the seconds of the same volumes through each bundle by itself.

    Returns:
        Mean seconds per series, share of each stage, medians, and how many times longer the plain run takes.
    """
    n = len(series)
    total = {stage: sum(one.get(stage, 0.0) for one in series) for stage in STAGES[:-1]} | {
        "report": report_s
    }
    whole = sum(total.values())
    looked = [sum(one.get(stage, 0.0) for stage in ("slab", "n4", "networks")) for one in series]
    return {
        "n_series": n,
        "seconds_per_series": round(whole / n, 4),
        "median_seconds_per_series": round(
            statistics.median(sum(one.values()) for one in series) + report_s / n, 4
        ),
        "stages": {
            stage: {"seconds_per_series": round(s / n, 4), "share": round(s / whole, 4)}
            for stage, s in total.items()
        },
        "plain_seconds_per_series": round(sum(plain_s) / n, 4),
        "plain_to_ensemble": round(sum(plain_s) / sum(looked), 3),
    }


def measure(export: Path, bundles: Path, device: str, limit: int | None) -> dict[str, Any]:
    """Go through an export series by series, each first by the ensemble, then by each bundle alone."""
    from mrclass import report
    from mrclass.convert import convert
    from mrclass.dicom import scan
    from mrclass.ensemble import Ensemble
    from mrclass.progress import bar

    found = [series for series in scan([export]).series if series.status_hint == "ok"][:limit]
    if not found:
        raise MRClassError(f"{export} holds no series that could be timed.")
    ensemble = Ensemble.from_folder(bundles, device=device)
    seconds: list[dict[str, float]] = []
    plain: list[float] = []
    report_s, volumes_seen, rows = 0.0, 0, []
    with tempfile.TemporaryDirectory() as name, bar("series") as progress:
        out = Path(name)
        for number, series in enumerate(found):
            folder = out / str(number)
            folder.mkdir()
            started = time.perf_counter()
            volumes = convert(series, folder, timeout_s=300)
            one = {"convert": time.perf_counter() - started, "slab": 0.0, "n4": 0.0, "networks": 0.0}
            alone = 0.0
            for volume in volumes:
                if not volumes_seen:
                    _alone(ensemble, volume.path), ensemble.predict(volume.path)  # warm caches for both
                prediction = ensemble.predict(volume.path)
                for stage, s in prediction.seconds.items():
                    one[stage] += s
                alone += _alone(ensemble, volume.path)
                started = time.perf_counter()
                report.thumbnail(prediction.slices, out / "thumbnails" / f"{volumes_seen}.webp")
                report_s += time.perf_counter() - started
                told = {
                    name: getattr(prediction, name)
                    for name in ("label", "score", "scores", "votes", "n_slices")
                }
                rows.append({"row_id": volumes_seen, "status": "done", "series_key": series.key, **told})
                volumes_seen += 1
            seconds.append(one)
            plain.append(alone)
            progress(number + 1, len(found))
        started = time.perf_counter()
        report.write(out / "report", rows, {"command": "python -m mrclass.bench", "mrclass": __version__})
        report_s += time.perf_counter() - started
    return {**summarise(seconds, report_s, plain), "n_volumes": volumes_seen}


def _alone(ensemble: Any, volume: Path) -> float:
    """Seconds for one volume through each bundle by itself, nothing shared."""
    import torch

    started = time.perf_counter()
    for member in ensemble.members:
        slab = member.preprocessing({"image": str(volume)})["image"].as_tensor()
        with torch.inference_mode():
            batch = slab[:, None].to(ensemble.device, memory_format=torch.channels_last)  # (slices, 1, H, W)
            torch.softmax(member.network(batch).float(), dim=1).cpu()
    return time.perf_counter() - started


def table(figures: Mapping[str, Any]) -> str:
    """The figures as text."""
    lines = [f"{'STAGE':<10}{'S PER SERIES':>13}{'SHARE':>8}"]
    for stage, entry in figures["stages"].items():
        lines.append(f"{stage:<10}{entry['seconds_per_series']:>13.3f}{100 * entry['share']:>6.1f} %")
    lines.append(f"{'all':<10}{figures['seconds_per_series']:>13.3f}{100:>6.1f} %")
    return "\n".join(
        [
            *lines,
            "",
            f"{figures['n_series']} series, {figures['n_volumes']} volumes; each bundle by itself would take "
            f"{figures['plain_to_ensemble']:.2f} times as long for slab, N4 and networks.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench; figures to stdout, and as JSON where -o says."""
    parser = argparse.ArgumentParser(prog="python -m mrclass.bench", description=__doc__.splitlines()[0])
    parser.add_argument("export", type=Path, nargs="?", help="folder to time (default: the demo's export)")
    parser.add_argument("-o", "--output", type=Path, metavar="JSON", help="write the figures there")
    parser.add_argument("--bundles", type=Path, metavar="DIR", help="folder of the bundles")
    parser.add_argument("--device", default="cpu", help="device of the networks (default: cpu)")
    parser.add_argument(
        "--threads", type=int, default=cores(), help="threads of the networks (default: cores)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="time the first N series only")
    given = list(sys.argv[1:] if argv is None else argv)
    options = parser.parse_args(given)
    limit_threads(options.threads)
    try:
        bundles = find_bundles(options.bundles)
        if options.export is not None:
            figures = measure(options.export, bundles, options.device, options.limit)
        else:
            from mrclass.phantom.demo import write_demo

            with tempfile.TemporaryDirectory() as name:
                demo = write_demo(Path(name) / "demo")
                figures = measure(demo.export, bundles, options.device, options.limit)
    except MRClassError as error:
        print(f"mrclass: {error}", file=sys.stderr)
        return 1
    command = shlex.join(["python", "-m", "mrclass.bench", *given])
    figures |= {"data": kind_of(options.export), "made_by": _circumstances(options, command)}
    print(table(figures))
    if options.output is not None:
        from mrclass.truth import write

        write(figures, options.output)
    return 0


def kind_of(export: Path | None) -> str:
    """`simulated` for the demo's export, made here (None), and what `mrclass phantom` wrote; else `unknown`.

    The phantom leaves truth.csv and phantom.json in the folder of its subjects, or beside the demo's export.
    """
    if export is None:
        return "simulated"
    home = export.resolve()
    homes = [home, home.parent] if home.name == "export" else [home]
    made = any((one / "truth.csv").is_file() and (one / "phantom.json").is_file() for one in homes)
    return "simulated" if made else "unknown"


def _circumstances(options: argparse.Namespace, command: str) -> dict[str, Any]:
    import torch

    return {
        "command": command,
        "data": "the demo's export" if options.export is None else "an export named on the command line",
        "device": torch.cuda.get_device_name() if options.device.startswith("cuda") else processor(),
        "cores": cores(),
        "threads": options.threads,
        "load_at_the_end": round(os.getloadavg()[0], 1),
        "mrclass": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
