"""Opens a page in a headless browser, for tests that want to see what its script does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def browser() -> str | None:
    """Path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def opened(page: Path, folder: Path, fragment: str = "") -> str:
    """HTML of a page after its script has run, opened as a file; the browser's profile goes to `folder`."""
    command = [
        str(browser()), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000", "--dump-dom",
        page.as_uri() + fragment,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
