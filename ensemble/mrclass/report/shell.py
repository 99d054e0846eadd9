"""The frame of a page: head, style, policy and closing words around a body; needs no network."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from mrclass.report.text import escape

RESEARCH_USE_ONLY = "Research use only. Not a medical device."


def asset(name: str) -> str:
    """Text of a style sheet or script of this package."""
    return resources.files("mrclass.report").joinpath(name).read_text(encoding="utf-8")


def document(
    named: str, style: str, body: str, images: str, footer: str, script: str = "", scripts: str = ""
) -> str:
    """A whole page.

    Args:
        named: its title, from strangers perhaps.
        style: its style sheet.
        body: HTML between the beginning of the body and the footer.
        images: where pictures may come from, as in a content security policy.
        footer: HTML that follows the words on research use.
        script: its script; none is run where it has none.
        scripts: where further scripts may come from.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    # Escaping keeps headers out of the markup; the policy would stop a script of theirs even if it did not.
    policy = f"default-src 'none'; img-src {images}; style-src 'unsafe-inline'"
    if script:
        policy += f"; script-src 'sha256-{digest}'" + (f" {scripts}" if scripts else "")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(named)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}"
        f"<footer><p>{RESEARCH_USE_ONLY} {footer}</p></footer>\n"
        + (f"<script>{script}</script>\n" if script else "")
        + "</body>\n</html>\n"
    )
