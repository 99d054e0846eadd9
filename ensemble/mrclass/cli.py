"""The commands of `mrclass`, one function each: data to stdout, talk to stderr.

Commands only: what they need is imported inside them, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from typing import Any

from mrclass import arguments
from mrclass.errors import MRClassError, UsageError

DONE, FAILURE, USAGE, SOME_UNREADABLE = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; expected errors become one sentence on stderr.

    Args:
        argv: arguments without the program's name; by default those of the process.

    Returns:
        Exit code: 0 all done, 1 failure, 2 usage, 3 done but some series could not be read.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    options = arguments.parser().parse_args(given)
    options.command_line = shlex.join(["mrclass", *given])
    _end_like_ctrl_c(signal.SIGTERM)
    try:
        code: int = COMMANDS[options.command](options)
        sys.stdout.flush()
        return code
    except UsageError as error:
        return _fail(str(error), USAGE)
    except MRClassError as error:
        return _fail(str(error), FAILURE)
    except KeyboardInterrupt as error:
        return _fail(str(error) or "Interrupted.", FAILURE)
    except BrokenPipeError:
        # the reader of our output has gone (`| head`): nothing more to say, not even when stdout is closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except sqlite3.Error as error:
        return _fail(f"The ledger cannot be used: {error}.", FAILURE)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}", FAILURE)


def _fail(sentence: str, code: int) -> int:
    _say(f"mrclass: {sentence}" if code != DONE else sentence)
    return code


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _end_like_ctrl_c(number: signal.Signals) -> None:
    """Let a batch system's request to end keep what is done, as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        signal.signal(number, interrupt)
    except ValueError:
        return  # called from another thread than the main one, where signals are not ours


# ---- commands


def _classify(options: argparse.Namespace) -> int:
    from mrclass import balance, report, run
    from mrclass.members import parse_backends, parse_members

    result = run.classify(
        options.paths,
        options.out,
        bundles=options.bundles,
        members=parse_members(options.member),
        jobs=options.jobs,
        device=options.device,
        backends=parse_backends(options.backend),
        timeout_s=options.timeout,
        keep_identifiers=options.keep_identifiers,
        retry=options.retry,
        command=options.command_line,
    )
    if options.json:
        _print_json(list(result.rows))
    else:
        print(report.table(result.rows))
    sys.stdout.flush()
    _say(balance.sentence(result.run["balance"]))
    _say(f"Report: {result.page}")
    return SOME_UNREADABLE if result.unreadable else DONE


def _report(options: argparse.Namespace) -> int:
    from mrclass import run
    from mrclass.ledger import FILE_NAME, Ledger

    with Ledger(options.out / FILE_NAME, create=False) as book:
        result = run.write_pages(book, options.out)
    _say(f"Report: {result.page}")
    return DONE


def _audit(options: argparse.Namespace) -> int:
    from mrclass import audit, truth
    from mrclass.ledger import FILE_NAME, Ledger
    from mrclass.pages import in_order
    from mrclass.report import audit_page, audit_tables

    with Ledger(options.out / FILE_NAME, create=False) as book:
        found = audit.audit(in_order(book))
        made_by = truth.made_by(book, options.command_line)
    if not found.findings:
        raise MRClassError(f"{options.out} holds no series {audit.nothing_to_compare(found)}")
    figures = {**audit.measure(found), "made_by": made_by}
    audit_tables.write(options.out, found, figures)
    page = audit_page.write(options.out, found, figures)
    print(audit_tables.table(found, figures))
    _say(f"Audit: {page}")
    if options.json is not None:
        truth.write(figures, options.json)
        _say(f"Figures: {options.json}")
    return DONE


def _sort(options: argparse.Namespace) -> int:
    from mrclass import sort
    from mrclass.progress import bar

    with bar("series" if options.mode in ("copy", "link") else "volumes") as progress:
        done = sort.sort(
            options.out,
            options.dest,
            options.layout,
            options.mode,
            options.dry_run,
            options.timeout,
            progress,
        )
    if options.dry_run:
        for line in sort.plan_lines(done.plan):
            print(line)
        sys.stdout.flush()
    for put, trouble in done.failed:
        _say(f"{put.row['source']}: {trouble}")
    _say(sort.summary(done, options.dry_run))
    return SOME_UNREADABLE if done.unreadable else DONE


def _evaluate(options: argparse.Namespace) -> int:
    from mrclass import evaluate, truth, truth_options

    known = truth_options.given(options.truth, options)
    compared = truth.compare(options.run_folder, known, options.command_line)
    figures = truth.figures_of(compared, options.data)
    print(evaluate.table(figures))
    sys.stdout.flush()
    if figures["missing"]:
        _say(f"{len(figures['missing'])} files of {options.truth} are not in {options.run_folder}.")
    if options.output is not None:
        truth.write(figures, options.output)
        _say(f"Figures: {options.output}")
    if options.page is not None:
        from mrclass.progress import bar
        from mrclass.report import evaluate_page

        thumbnails = [case.pictures for case in evaluate.wrong(compared.cases)]
        with bar("figures") as progress:
            page = evaluate_page.write(options.page, figures, options.run_folder, thumbnails, progress)
        _say(f"Page: {page}")
    return DONE


def _datalist(options: argparse.Namespace) -> int:
    from mrclass import cli_datalist

    return cli_datalist.run(options)


def _calibrate(options: argparse.Namespace) -> int:
    from mrclass import thresholds, truth

    sources = [thresholds.parse_run(words) for words in options.run]
    figures = thresholds.choose(sources, options.apply_temperature, options.command_line)
    print(thresholds.table(figures))
    if options.output is not None:
        truth.write(figures, options.output)
        _say(f"Thresholds: {options.output}")
    for folder in options.set:
        _say(thresholds.put(folder, figures))
    return DONE


def _bundles(options: argparse.Namespace) -> int:
    from mrclass import cli_bundles

    return cli_bundles.run(options)


def _phantom(options: argparse.Namespace) -> int:
    from mrclass.progress import bar

    if options.demo:
        if options.realism != 1:
            raise UsageError(
                "The demo is of realism 1, always the same; leave --realism out, or ask for --subjects N."
            )
        from mrclass.phantom.demo import write_demo

        with bar("series") as progress:
            seed = {} if options.seed is None else {"seed": options.seed}
            written = write_demo(options.out, progress=progress, **seed)
        print(written.export)
        _say(f"{written.n_series} series in {written.n_files} files; the truth is in {written.truth}.")
        return DONE
    from mrclass.phantom.study import write_subjects

    with bar("subjects") as progress:
        truth = write_subjects(
            options.out,
            options.subjects,
            options.seed or 0,
            options.format,
            options.kinds,
            progress,
            jobs=options.jobs or 1,
            realism=options.realism,
        )
    print(truth)
    return DONE


def _print_json(content: Any) -> None:
    import json

    json.dump(content, sys.stdout, indent=1)
    print()


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "classify": _classify,
    "report": _report,
    "audit": _audit,
    "sort": _sort,
    "evaluate": _evaluate,
    "calibrate": _calibrate,
    "datalist": _datalist,
    "bundles": _bundles,
    "phantom": _phantom,
}
