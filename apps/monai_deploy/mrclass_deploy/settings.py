"""The application's knobs, from the section `mrclass` of its app.yaml; reads and writes nothing.

Source: the Holoscan SDK gives a section of the configuration file as a dictionary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mrclass.errors import UsageError

DEFAULTS = {"device": "auto", "jobs": 0, "timeout_s": 300, "rules": ""}


@dataclass(frozen=True)
class Settings:
    """What app.yaml says.

    Attributes:
        device: where the networks run, as torch names it.
        jobs: worker processes, None for as many as `mrclass classify` takes.
        timeout_s: seconds that one series may take.
        rules: selection rules, JSON as the SDK's DICOMSeriesSelectorOperator reads it; "" chooses all.
    """

    device: str
    jobs: int | None
    timeout_s: float
    rules: str


def read(section: Mapping[str, Any]) -> Settings:
    """Settings of a section; what it does not name has its default.

    Raises:
        UsageError: a key that is none, or a value that is none.
    """
    unknown = sorted(set(section) - set(DEFAULTS))
    if unknown:
        raise UsageError(
            f"app.yaml sets {', '.join(unknown)} under mrclass; choose among {', '.join(DEFAULTS)}."
        )
    given = {**DEFAULTS, **section}
    jobs, timeout_s, rules = given["jobs"], given["timeout_s"], str(given["rules"] or "").strip()
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 0:
        raise UsageError(f"app.yaml sets jobs to {jobs!r}; wanted a number of processes, or 0 to choose it.")
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or timeout_s <= 0:
        raise UsageError(f"app.yaml sets timeout_s to {timeout_s!r}; wanted seconds.")
    if rules:
        check_rules(rules)
    device = _device(str(given["device"]))
    return Settings(device, jobs or (1 if device.startswith("cuda") else None), float(timeout_s), rules)


def check_rules(rules: str) -> None:
    """Refuses rules that the selector would stumble over only after the intake.

    Raises:
        UsageError: no JSON, or no list of selections in it.
    """
    try:
        selections = json.loads(rules).get("selections")
    except (ValueError, AttributeError) as error:
        raise UsageError(f"rules of app.yaml are no JSON object: {error}.") from error
    if not isinstance(selections, list) or not selections:
        raise UsageError('rules of app.yaml hold no "selections"; wanted a list of name and conditions.')


def _device(asked: str) -> str:
    if asked != "auto":
        return asked
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
