"""MR-Class: tells what a brain MR series is from its image content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ensemble import Ensemble, Prediction

__version__ = "0.1.0"
__all__ = ["Ensemble", "Prediction", "__version__"]


def __getattr__(name: str) -> Any:
    """Ensemble and Prediction on first use, so that `import mrclass` does not wait for torch."""
    if name in ("Ensemble", "Prediction"):
        from . import ensemble

        return getattr(ensemble, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
