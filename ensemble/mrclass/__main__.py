"""Runs the command line as `python -m mrclass`; reads and writes what the command does."""

from __future__ import annotations

import sys

from mrclass.cli import main

if __name__ == "__main__":  # spawned workers import this file again under another name
    sys.exit(main())
