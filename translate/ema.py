"""Averaged weights (Yazici 2018, arXiv:1806.04498)."""

from __future__ import annotations

from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA:
    """An exponential moving average of parameters, its memory growing to `decay` with the step: short runs average too."""

    def __init__(self, named: dict[str, nn.Parameter], decay: float):
        self.live, self.decay = named, decay
        self.average = {name: p.detach().clone() for name, p in named.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(list(self.average.values()), list(self.live.values()), None)

    @contextmanager
    def swapped(self):
        """Inside, the live parameters hold the averages."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, p in self.live.items():
            p.data, self.average[name] = self.average[name], p.data
