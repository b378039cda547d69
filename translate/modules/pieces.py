"""Items of any size through a network that makes items of one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..domain import Domain
from ..sample import Sample


class InPieces(nn.Module):
    """A direction whose code is a vector, or whose generators draw out of noise: pictures and spectrograms of another shape than the
    domain's training items are cut into pieces of it, which overlap by a quarter and are blended. Sentences go through as they are."""

    multiple, context = 1, 0

    def __init__(self, domain: Domain, net: nn.Module):
        super().__init__()
        self.domain, self.net = domain, net

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        shape = self.domain.blank(1).x.shape[2:]
        if s.mask is not None or s.x.shape[2:] == shape:
            return self.net(s, like=like)
        return Sample(self._blended(s.x, *shape), label=s.label)

    def _blended(self, x: Tensor, h: int, w: int) -> Tensor:
        """[B,C,H,W] of any size"""
        sides, (height, width) = (h, w), x.shape[2:]
        steps = [max(1, n - n // 4) for n in sides]
        down, right = (max(n - of, -(of - n) % step) for n, of, step in zip(sides, x.shape[2:], steps))
        x = F.pad(x, (0, right, 0, down), mode="replicate")
        pieces = F.unfold(x, sides, stride=steps)  # [B, C h w, n]
        made = self.net(Sample(pieces.mT.reshape(-1, x.shape[1], h, w))).x
        weight = (_ramp(h)[:, None] * _ramp(w)).to(made)
        parts = torch.stack([made * weight, weight.expand_as(made)])  # [2, B n, C', h, w]
        folded = [
            F.fold(part.reshape(len(x), pieces.shape[2], -1).mT, x.shape[2:], sides, stride=steps) for part in parts
        ]
        return (folded[0] / folded[1])[..., :height, :width]


def _ramp(n: int) -> Tensor:
    """1, 2 ... 2, 1"""
    return torch.minimum(torch.arange(1, n + 1), torch.arange(n, 0, -1)).float()
