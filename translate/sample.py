"""Sample: the one value that goes into and comes out of every network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.utils._pytree import register_dataclass


@dataclass
class Sample:
    """A batch of one domain.

    x:      image [B,C,H,W] | mel [B,1,M,T] | frames [B,T,D] | vector [B,D] | ids [B,T] | simplex [B,T,V]
    mask:   [B,T] bool, True = real; None where nothing is padded
    label:  [B] speaker, style, class
    logits: [B,T,V], only from a token decoder
    """

    x: Tensor
    mask: Tensor | None = None
    label: Tensor | None = None
    logits: Tensor | None = None

    def map(self, f: Callable[[Tensor], Tensor]) -> Sample:
        return Sample(*(None if t is None else f(t) for t in self))

    def __iter__(self):
        return (getattr(self, f.name) for f in fields(self))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows) -> Sample:
        return self.map(lambda t: t[rows])

    def to(self, device) -> Sample:
        """Not waited for where it leaves the host; what comes back is there when this returns."""
        ahead = torch.device(device).type != "cpu"
        return self.map(lambda t: t.to(device, non_blocking=ahead))

    def detach(self) -> Sample:
        return self.map(Tensor.detach)

    @staticmethod
    def cat(parts: list[Sample]) -> Sample:
        return Sample(*(None if ts[0] is None else torch.cat(ts) for ts in zip(*parts)))


register_dataclass(Sample)
