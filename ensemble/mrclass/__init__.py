"""MR-Class: tells what a brain MR series is from its image content."""

from __future__ import annotations

__version__ = "0.1.0"
