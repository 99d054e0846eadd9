"""The bundles of a folder as one classifier: a NIfTI file or image in, a Prediction out; writes nothing.

Each distinct step of preprocessing is done once for all members that share it; T1ce is asked only where T1w
won. Source: paper, section 2.4; docs/decisions/0002-slab.md.
"""

from __future__ import annotations

import time
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import EnsureChannelFirst, LoadImage, LoadImaged
from nibabel.nifti1 import Nifti1Image
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

from .bundle import Member, first_line, load_member
from .card import versions
from .errors import BundleError, UsageError, VolumeError
from .labels import sort_key
from .members import check_labels, choose
from .transforms import AcquisitionSlabd, N4BiasFieldCorrectiond
from .volume import check_image, innermost, windowed
from .vote import Decision, decide


@dataclass(frozen=True)
class Prediction:
    """What the ensemble says of one volume.

    Attributes:
        label, score, votes, scores, candidates, conflict, n_slices: as in vote.Decision.
        slice_scores: member label to softmax of its positive class for each slice, in [0, 1].
        acquisition_plane: axial, coronal, sagittal or oblique; "" where no member cuts a slab.
        seconds: wall time of the stages "slab" (loading, slab, normalisation), "n4" and "networks".
        slices: uint8, shape (n_slices, H, W), the slab windowed for pictures.
    """

    label: str
    score: float
    votes: dict[str, int]
    scores: dict[str, float]
    slice_scores: dict[str, list[float]]
    candidates: tuple[str, ...]
    conflict: bool
    n_slices: int
    acquisition_plane: str
    seconds: dict[str, float]
    slices: NDArray[np.uint8]


class Ensemble:
    """Loaded members that look at volumes together.

    Args:
        members: at least one one-vs-all member; no two of the same label.
        device: where the networks run, e.g. "cpu" or "cuda:0".

    Raises:
        BundleError: two members of one label, none that is one-vs-all, or one whose preprocessing does not
            fit its network.
        UsageError: the device is not there.
    """

    def __init__(self, members: Iterable[Member], device: str | torch.device = "cpu") -> None:
        self.members: tuple[Member, ...] = tuple(
            sorted(members, key=lambda one: (sort_key(one.label), one.label))
        )
        check_labels(self.members)
        self.one_vs_all = tuple(one for one in self.members if one.refines is None)
        self.refining = {one.refines: one for one in self.members if one.refines is not None}
        if not self.one_vs_all:
            raise BundleError("No one-vs-all bundle among the members; wanted at least one.")
        self.device = _device(device)
        for one in self.members:
            one.network.to(self.device, memory_format=torch.channels_last)
        try_out(self.members, self.device)

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        members: Mapping[str, str | Path] | None = None,
        device: str | torch.device = "cpu",
        backends: str | Mapping[str, str] = "torch",
    ) -> Ensemble:
        """Ensemble of the bundles in a folder.

        Args:
            folder: holds one sub-folder per bundle; sub-folders without configs/metadata.json are left aside.
            members: label to the bundle folder that takes (or joins as) that member.
            device: where the networks run.
            backends: what runs the networks: torch, torchscript, onnx, openvino or tensorrt, for all or by
                label; an export must have been made before (`mrclass bundles export`).

        Raises:
            BundleError: no bundle, two of one label, or one that cannot be loaded.
            UsageError: the device, a backend or its runtime is not there.
        """
        asked = {"": backends} if isinstance(backends, str) else backends
        cards = choose(folder, members, asked)
        return cls((load_member(card.folder, card.backend, str(device)) for card in cards), device)

    @property
    def versions(self) -> dict[str, dict[str, Any]]:
        """Identity of each member by bundle name, as of `card.versions`."""
        return versions(self.members)

    def predict(self, volume: str | Path | SpatialImage, work: Work | None = None) -> Prediction:
        """Label of one volume.

        Args:
            volume: path of a NIfTI file, or a nibabel image.
            work: its preprocessing, where somebody has it already; `check_image` was asked before.

        Raises:
            VolumeError: the volume cannot be read or looked at; the message says why.
            BundleError: a member does not answer with scores.
        """
        if work is None:
            check_image(volume)
            work = Work(volume)
        slice_scores = {one.label: _scores(one, work, self.device) for one in self.one_vs_all}
        thresholds = {one.label: one.threshold for one in self.one_vs_all}
        decision: Decision = decide(slice_scores, thresholds)
        refining = self.refining.get(decision.label)
        if refining is not None:
            refined = _scores(refining, work, self.device)
            decision = decide(slice_scores, thresholds, refined)
            slice_scores[refining.label] = refined
        return Prediction(
            label=decision.label,
            score=decision.score,
            votes=decision.votes,
            scores=decision.scores,
            slice_scores={
                label: [float(score) for score in scores] for label, scores in slice_scores.items()
            },
            candidates=decision.candidates,
            conflict=decision.conflict,
            n_slices=decision.n_slices,
            acquisition_plane=work.acquisition_plane,
            seconds=dict(work.seconds),
            slices=windowed(work.picture),
        )


def try_out(members: Iterable[Member], device: torch.device) -> None:
    """Lets members look at a simulated ball, so that one that cannot is named before any series is touched.

    Raises:
        BundleError: a member's preprocessing fails, gives another shape than its metadata says or another
            number of slices than that of the others, or its network does not answer with scores.
    """
    i, j, k = np.indices((32, 32, 12))
    ball = ((i - 15.5) / 14) ** 2 + ((j - 15.5) / 14) ** 2 + ((k - 5.5) / 9) ** 2 < 1
    data = np.where(ball, 100 + 20 * np.sin(i / 2) + 10 * np.cos(j / 3), 1).astype(np.float32)
    work = Work(Nifti1Image(data, np.diag([6.0, 6.0, 4.0, 1.0])))
    counts: dict[int, str] = {}
    for member in members:
        try:
            shape = tuple(work.prepared(member).shape[1:])
            if shape != member.spatial_shape:
                raise BundleError(
                    f"The preprocessing of {member.name} gives slices of {' x '.join(map(str, shape))}, its "
                    f"metadata says {' x '.join(map(str, member.spatial_shape))}. Make them equal."
                )
            scores = _scores(member, work, device)
        except BundleError:
            raise
        except Exception as error:  # a stranger's transform can raise anything
            raise BundleError(
                f"{member.name} cannot look at a simulated volume: {first_line(error)}. Try its "
                "preprocessing and its network_def by themselves."
            ) from error
        counts[len(scores)] = member.name
    if len(counts) > 1:
        told = ", ".join(f"{name} at {n}" for n, name in sorted(counts.items()))
        raise BundleError(
            f"Members look at different numbers of slices of one volume: {told}; wanted the same slab, for "
            "the votes are counted in slices. Give them the same `slices` and `spacing`."
        )


def _scores(member: Member, work: Work, device: torch.device) -> NDArray[np.float64]:
    """Softmax of a member's positive class for each slice: float64, shape (n_slices,)."""
    slab = work.prepared(member)
    start = time.perf_counter()
    with torch.inference_mode():
        batch = slab[:, None].to(device, memory_format=torch.channels_last)  # (slices, 1, H, W)
        logits = member.network(batch).float() / member.temperature
        scores = torch.softmax(logits, dim=1)[:, 1].cpu().numpy().astype(np.float64)
    work.seconds["networks"] += time.perf_counter() - start
    if not np.isfinite(scores).all():
        raise BundleError(f"{member.name} answers with scores that are not finite; its weights are unusable.")
    return scores


class Work:
    """One volume on its way through the steps of all members; each distinct run of steps is done once.

    Args:
        volume: path of a NIfTI file, or a nibabel image, that `check_image` lets pass.

    Attributes:
        acquisition_plane: axial, coronal, sagittal or oblique; "" until a slab was cut.
        picture: float32, shape (slices, H, W), the slab as it was cut; None until then.
        seconds: wall time of the stages "slab", "n4" and "networks".
    """

    def __init__(self, volume: Any) -> None:
        self.volume = volume
        self.done: dict[tuple[str, ...], dict[str, Any]] = {}
        self.seconds: defaultdict[str, float] = defaultdict(float, slab=0.0, n4=0.0, networks=0.0)
        self.acquisition_plane = ""
        self.picture: NDArray[np.float32] | None = None

    def prepared(self, member: Member) -> torch.Tensor:
        """What the member's network sees: float32, shape (slices, H, W)."""
        data: dict[str, Any] = {}
        keys: tuple[str, ...] = ()
        for step in member.steps:
            keys += (step.key,)
            if keys not in self.done:
                self.done[keys] = self._run(step.transform, data)
            data = self.done[keys]
        image = data.get("image")
        if not isinstance(image, torch.Tensor) or image.ndim != 3:
            shape = tuple(getattr(image, "shape", ()))
            raise BundleError(f"preprocessing of {member.name} gives shape {shape}; wanted (slices, H, W).")
        image = image.as_tensor() if isinstance(image, MetaTensor) else image
        if self.picture is None:
            self.picture = image.cpu().numpy()
        return image

    def _run(self, transform: Any, data: dict[str, Any]) -> dict[str, Any]:
        start = time.perf_counter()
        if isinstance(transform, LoadImaged):
            result = self._load(transform)
        else:
            result = transform(dict(data) or {"image": self.volume})
        stage = "n4" if isinstance(transform, N4BiasFieldCorrectiond) else "slab"
        self.seconds[stage] += time.perf_counter() - start
        if isinstance(transform, AcquisitionSlabd) and self.picture is None:
            self.acquisition_plane = str(result["image"].meta["acquisition_plane"])
            self.picture = result["image"].as_tensor().numpy()
        return result

    def _load(self, transform: LoadImaged) -> dict[str, Any]:
        """The bundle's own loading step for a file; what it would give for an image in memory."""
        if isinstance(self.volume, str | Path):
            try:
                return dict(transform({"image": str(self.volume)}))
            except (OSError, EOFError, RuntimeError, ValueError, TypeError, zlib.error) as error:
                raise VolumeError(
                    f"{self.volume} cannot be read: {innermost(error)}. Convert the series again."
                ) from error
        loader: LoadImage = transform._loader
        array = np.asanyarray(self.volume.dataobj).astype(loader.dtype)
        array = array.reshape(array.shape[:3])  # more dimensions are all of length 1: check_image
        meta = {"original_channel_dim": float("nan")}  # MONAI's word for no channel
        image = MetaTensor(torch.from_numpy(array), affine=torch.from_numpy(self.volume.affine), meta=meta)
        return {"image": EnsureChannelFirst()(image) if loader.ensure_channel_first else image}


def _device(device: str | torch.device) -> torch.device:
    """The device, when it is there."""
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"{device!r} is no device; choose cpu, cuda or cuda:N.") from error
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"{device} is not there; torch sees {torch.cuda.device_count()} CUDA devices. Use cpu."
        )
    return found
