"""Patches that stay what they are: the contrast between a place of the input and other places of it (CUT, arXiv:2007.15651)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nets.layers import InstanceNorm, PlaceNorm
from ..nets.resnet import Encoder
from ..sample import Sample


def nce(query: Tensor, key: Tensor, temperature: float = 0.07) -> Tensor:
    """Unit vectors [B,N,D]: each place of `query` picks its own among the N of `key`, in nats (eq. 2, 3)."""
    logits = query @ key.detach().mT / temperature  # [B,N,N]
    own = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
    return F.cross_entropy(logits.float().flatten(0, 1), own.flatten())


class PatchContrast(nn.Module):
    """How well each place of a translation is told, by the translator's own encoder, from other places of the source.

    Read at the pixels, after each sampling stage, and after the last block; a two-layer network a stage (section 3.2).
    patches: places that are compared in an item.
    """

    def __init__(self, encoder: Encoder, channels: int, width: int = 64, patches: int = 256):
        super().__init__()
        last = len(encoder.layers) - 1
        self.stages = [
            i for i, layer in enumerate(encoder.layers) if isinstance(layer, InstanceNorm | PlaceNorm) or i == last
        ]
        with torch.no_grad():
            maps = self.maps(encoder, torch.zeros(1, channels, 16, 16))
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(x.shape[1], width), nn.ReLU(), nn.Linear(width, width)) for x in maps
        )
        self.patches = patches

    def maps(self, encoder: Encoder, x: Tensor) -> list[Tensor]:
        found = [x]
        for i, layer in enumerate(encoder.layers):
            x = layer(x)
            found += [x] if i in self.stages else []
        return found

    def forward(self, encoder: Encoder, translation: Sample, source: Sample) -> Tensor:
        with torch.no_grad():  # what a place is compared with learns nothing by it
            keys = self.maps(encoder, source.x)
        losses = []
        for head, *maps in zip(self.heads, self.maps(encoder, translation.x), keys):
            places = torch.randperm(maps[0][0, 0].numel(), device=maps[0].device)[: self.patches]
            query, key = (F.normalize(head(x.flatten(2).mT[:, places]).float(), dim=-1) for x in maps)  # [B,N,D]
            losses.append(nce(query, key))
        return torch.stack(losses).mean()
