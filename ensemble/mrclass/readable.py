"""The data set of a bundle that runs alone: a volume that cannot be looked at is an item with a reason.

Reads NIfTI files; writes nothing. A leaf: the bundles' configs name it, it imports nothing of ours but errors
and volume. Source: MONAI's Dataset, which one unreadable file would end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.data import Dataset, MetaTensor

from .errors import MRClassError, SeriesError
from .volume import check_image, innermost

LOGGER = logging.getLogger(__name__)

UNREADABLE = "unreadable"  # key of the reason in an item's meta


class ReadableVolumes(Dataset):
    """Items through their preprocessing; one that fails becomes an empty slab that tells why.

    Args:
        data: items with the path of a NIfTI file under "image".
        transform: preprocessing; gives "image" as MetaTensor, float32, shape (slices, H, W).
        stand_in: shape of the empty slab, which the network can take; its meta holds the reason under
            "unreadable", and `mrclass.scores.ScoreWriter` makes a row without scores of it.
    """

    def __init__(
        self,
        data: Sequence[dict[str, Any]],
        transform: Callable[..., Any],
        stand_in: Sequence[int] = (1, 224, 224),
    ) -> None:
        super().__init__(data, transform)
        self.stand_in = tuple(int(n) for n in stand_in)

    def _transform(self, index: int) -> Any:
        item = self.data[index]
        try:
            check_image(item["image"])
            return super()._transform(index)
        except Exception as error:  # a stranger's file may raise anything in a reader
            cause = _cause(error)
            if isinstance(cause, MRClassError) and not isinstance(cause, SeriesError):
                raise cause from error  # the bundle or the call is off: no volume is to blame
            reason = _reason(cause, str(item["image"]))
        LOGGER.warning("%s is unreadable: %s", item["image"], reason)
        meta = {"filename_or_obj": str(item["image"]), UNREADABLE: reason}
        return {**item, "image": MetaTensor(torch.zeros(self.stand_in), meta=meta)}


def _cause(error: BaseException) -> BaseException:
    """What MONAI wrapped: the first error of ours, else the innermost."""
    while error.__cause__ is not None and not isinstance(error, MRClassError):
        error = error.__cause__
    return error


def _reason(cause: BaseException, path: str) -> str:
    """Our own words where there are some, else the cause's; on one line, without the file's name."""
    if not isinstance(cause, MRClassError):
        return f"cannot be read: {innermost(cause)}"
    words = " ".join(str(cause).split())[:300]
    return words.removeprefix(f"{path}: ").removeprefix(f"{path} ")
