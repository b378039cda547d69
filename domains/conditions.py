"""What a picture, a voice or a sentence is conditioned on, row by row, and wrong conditions for a critic that reads them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from translate.errors import UserError
from translate.sample import Sample

from .folder import Folder


@dataclass
class Labels:
    """Classes 0 to n - 1. A condition is a Sample of nothing but its label: x [B,0], label [B]."""

    classes: int
    suffixes = ()

    @property
    def kind(self) -> str:
        return f"{self.classes} classes"

    def spec(self) -> dict:
        return {"domain": "labels", "classes": self.classes}

    def of(self, labels: Tensor) -> Sample:
        return Sample(torch.zeros(len(labels), 0, device=labels.device), label=labels)

    def blank(self, n: int) -> Sample:
        return self.of(torch.zeros(n, dtype=torch.long))

    def normalise(self, s: Sample) -> Sample:
        return s

    def denormalise(self, s: Sample) -> Sample:
        return s

    def relax(self, s: Sample) -> Sample:
        return s

    def harden(self, s: Sample) -> Sample:
        return s

    def preview(self, rows: dict[str, Sample], stem: Path) -> list[Path]:
        path = stem.with_suffix(".txt")
        path.write_text("\n".join(f"{name}: {s.label.tolist()}" for name, s in rows.items()))
        return [path]


class Conditions:
    """A Source beside another one: row i is the condition of that one's row i.

    values: the condition of each of its items, labels, sentences, pictures or mels. wrong: instead that of another training item, drawn as a
    function of (seed, i), and never an equal one. With both, a critic is shown the matching-aware set (Reed 2016,
    arXiv:1605.05396, algorithm 1): (real, its condition), (fake, its condition), (real, a wrong condition).
    """

    def __init__(self, of: Folder, domain, values: Sample, wrong: bool = False):
        self.of, self.domain, self.values, self.wrong = of, domain, values, wrong
        self.name = f"{'wrong ' if wrong else ''}conditions of {of.name}"
        told = [t.reshape(len(values), -1).double() for t in values if t is not None]
        rows = torch.cat(told, 1).numpy()
        self.groups = np.unique(rows, axis=0, return_inverse=True)[1].ravel()  # equal ones share a number
        if wrong and len(set(self.groups[of.train_ids])) == 1:
            raise UserError(
                f"{of.name}: all its conditions are equal, so none is wrong; choose a model without conditions"
            )

    def rows(self, indices: range) -> Sample:
        items = self.of.items_of(indices)
        return self.values[[self._other(i, index) for i, index in zip(items, indices)] if self.wrong else items]

    def preview(self, n: int) -> Sample:
        items = self.of.shown(n)
        return self.values[[self._other(i, index) for index, i in enumerate(items)] if self.wrong else items]

    def _other(self, item: int, index: int) -> int:
        rng, ids = np.random.default_rng([self.of.seed, zlib.crc32(b"wrong"), index]), self.of.train_ids
        while self.groups[other := ids[rng.integers(len(ids))]] == self.groups[item]:
            pass
        return other


def edges(picture: np.ndarray) -> np.ndarray:
    """[H,W,C] uint8 -> [H,W,1]: its 3x3 grey dilation minus itself, as CoGAN's edge digits (arXiv:1606.07536)."""
    import cv2

    grey = picture if picture.shape[-1] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return (cv2.dilate(grey, np.ones((3, 3), np.uint8)) - grey.squeeze())[..., None]


def colours(picture: np.ndarray) -> np.ndarray:
    """[H,W,C] uint8 -> the same shape: an eighth of the pixels, four levels a channel."""
    import cv2

    h, w = picture.shape[:2]
    small = cv2.resize(picture, (-(-w // 8), -(-h // 8)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small // 64 * 85, (w, h), interpolation=cv2.INTER_NEAREST).reshape(picture.shape)


def made_of(folder: Folder, make: Callable[[np.ndarray], np.ndarray]) -> Conditions:
    """Pictures made from a collection's own, as conditions: pairs from one side. The collection is not mirrored."""
    x = folder.domain
    arrays = [rearrange(x.crop(x.decode(item), None).x, "c h w -> h w c").numpy() for item in folder.items]
    made = torch.from_numpy(np.stack([make(array) for array in arrays]))
    domain = replace(x, channels=made.shape[-1], colour=made.shape[-1] == 3)
    return Conditions(folder, domain, Sample(rearrange(made, "n h w c -> n c h w").contiguous()))


def labels_of(folder: Folder, wrong: bool = False) -> Conditions:
    """The classes of a labelled collection as conditions."""
    if folder.labels is None:
        raise UserError(f"{folder.name} has no labels: give an .npz with y_train, or a model without conditions")
    domain = Labels(int(folder.labels.max()) + 1)
    return Conditions(folder, domain, domain.of(folder.labels), wrong)
