"""How the command line says that a truth CSV is to be read: parsed options -> Truth; reads no file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mrclass import labels
from mrclass.errors import UsageError
from mrclass.truth import SKIP, Truth


def given(path: Path, options: argparse.Namespace) -> Truth:
    """A truth CSV, and how the command line says it is to be read.

    Raises:
        UsageError: --where or --map are off.
    """
    return Truth(
        path,
        options.file_column,
        options.label_column,
        options.source_column,
        options.root,
        _pairs("--where", options.where),
        {name.lower(): stands_for(label) for name, label in _pairs("--map", options.map).items()},
    )


def stands_for(text: str) -> str:
    """Label key, or `skip`, that a person names on the right side of --map.

    Raises:
        UsageError: it is neither.
    """
    if text == SKIP:
        return SKIP
    try:
        return labels.parse(text)
    except ValueError as error:
        raise UsageError(f"--map: {error}, skip") from error


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` arguments of an option."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {text}: write NAME=VALUE.")
        found[name] = value
    return found
