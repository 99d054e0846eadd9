"""Keeps the slabs of series that were looked at, so that asking again converts and prepares nothing.

Reads and writes its own folder: a sub-folder per series, named by the contents of its files, with
volumes.json and one .npy per volume and kind of preprocessing. What was used least lately is removed beyond a
limit.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mrclass import __version__
from mrclass._walk import nifti_stem
from mrclass.card import sha256_of
from mrclass.convert import Volume
from mrclass.ensemble import Work
from mrclass.volume import check_image

FACTS = "volumes.json"
NUMBERS = frozenset(["affine", "shape", "spacing", "orientation"])  # numpy's own numbers are no JSON


def chain(member: Any) -> str:
    """Name of a member's preprocessing: the same for members that see the same slab."""
    return hashlib.sha256("\0".join(step.key for step in member.steps).encode()).hexdigest()[:24]


class KeptWork(Work):
    """A volume's preprocessing that remembers the slabs it made, or has them from an earlier time.

    Attributes:
        slabs: name of a preprocessing (`chain`) to float32, shape (slices, H, W).
    """

    def __init__(self, volume: Any, slabs: dict[str, torch.Tensor] | None = None, plane: str = "") -> None:
        super().__init__(volume)
        self.slabs = dict(slabs or {})
        self.acquisition_plane = plane

    @classmethod
    def of(cls, volume: Path) -> KeptWork:
        """For a volume that was not looked at before.

        Raises:
            VolumeError: its header says that no network can see it.
        """
        check_image(volume)
        return cls(volume)

    def prepared(self, member: Any) -> torch.Tensor:
        """What the member's network sees: float32, shape (slices, H, W)."""
        name = chain(member)
        if name not in self.slabs:
            self.slabs[name] = super().prepared(member)
        return self.slabs[name]


@dataclass(frozen=True)
class Kept:
    """A volume of which slabs are kept; its path only names it, there is no file behind it."""

    volume: Volume
    plane: str
    slabs: dict[str, torch.Tensor] = field(repr=False)


class SlabStore:
    """The folder of kept slabs.

    Args:
        folder: made when something is kept.
        limit: bytes that the slabs may take.
    """

    def __init__(self, folder: Path, limit: int = 4 << 30) -> None:
        self.folder, self.limit = folder, limit

    def key(self, files: Iterable[Path]) -> str:
        """Name of a series: a hash of what is in its files, and of this package's version."""
        digest = hashlib.sha256(__version__.encode())
        for file in files:
            stem = nifti_stem(file.name)
            beside = [file.with_name(f"{stem}{end}") for end in (".json", ".bval")] if stem else []
            for path in (file, *beside):
                if path.is_file():
                    digest.update(sha256_of(path).encode())
        return digest.hexdigest()[:32]

    def find(self, key: str, wanted: Iterable[str]) -> list[Kept] | None:
        """The volumes of a series with all wanted slabs; None where one of them is not kept."""
        place = self.folder / key
        try:
            facts = json.loads((place / FACTS).read_text(encoding="utf-8"))
            kept = [
                Kept(
                    volume=_volume(fact["volume"], place),
                    plane=fact["plane"],
                    slabs={name: _load(place / f"{index}-{name}.npy") for name in set(wanted)},
                )
                for index, fact in enumerate(facts)
            ]
            os.utime(place)
        except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged: it is made anew
            return None
        return kept

    def keep(self, key: str, volumes: Sequence[Volume], works: Sequence[KeptWork]) -> None:
        """Writes the slabs of a series, in one move, then makes room."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=self.folder))
        try:
            facts = []
            for index, (volume, work) in enumerate(zip(volumes, works, strict=True)):
                facts.append({"volume": _facts(volume), "plane": work.acquisition_plane})
                for name, slab in work.slabs.items():
                    np.save(part / f"{index}-{name}.npy", slab.cpu().numpy())
            (part / FACTS).write_text(json.dumps(facts), encoding="utf-8")
            shutil.rmtree(self.folder / key, ignore_errors=True)
            part.rename(self.folder / key)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        self._make_room(key)

    def _make_room(self, newest: str) -> None:
        places = sorted(
            (place for place in self.folder.iterdir() if not place.name.startswith(".")),
            key=lambda place: place.stat().st_mtime_ns,
        )
        sizes = {place: sum(file.stat().st_size for file in place.iterdir()) for place in places}
        held = sum(sizes.values())
        for place in places:
            if held <= self.limit or place.name == newest:
                break
            shutil.rmtree(place, ignore_errors=True)
            held -= sizes[place]


def _facts(volume: Volume) -> dict[str, Any]:
    """All that is known of a volume but its path, JSON-able."""
    facts = {one.name: getattr(volume, one.name) for one in fields(volume) if one.name != "path"}
    return {name: np.asarray(value).tolist() if name in NUMBERS else value for name, value in facts.items()}


def _volume(facts: dict[str, Any], place: Path) -> Volume:
    """The volume of `_facts`."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    values["affine"] = np.asarray(facts["affine"], dtype=np.float64)
    return Volume(path=place / str(facts["index"]), **values)


def _load(path: Path) -> torch.Tensor:
    return torch.from_numpy(np.load(path, allow_pickle=False))
