"""What systems share that make samples out of noise. Data keys: x, what is imitated; c, its condition, where there is one."""

from __future__ import annotations

import torch
from torch import nn

from ..domain import Domain
from ..sample import Sample
from ..system import System

COLUMNS = 7  # samples for each item that is shown


class Generative(System):
    """g: a generator, noise (a Sample, x [B,g.noise]) -> Sample; (noise, c) -> Sample where it is conditional."""

    shown = 10  # items: the digits, in turn

    def __init__(self, X: Domain, g: nn.Module):
        super().__init__()
        self.X, self.g = X, g
        self.register_buffer("looked_at", torch.randn(self.shown * COLUMNS, g.noise))  # the same noise each time

    def noise(self, n: int) -> Sample:
        """From the prior, [n,noise]."""
        return Sample(torch.randn(n, self.looked_at.shape[1], device=self.looked_at.device))

    def draw(self, n: int, c: Sample | None = None, truncation: float = 1.0) -> Sample:
        """n samples. truncation below 1: noise of less variance than in training, samples nearer to the typical one."""
        z = self.noise(n)
        return self.generate(Sample(z.x * truncation), c)

    def generate(self, z: Sample, c: Sample | None = None) -> Sample:
        return self.g(z) if c is None else self.g(z, c)

    def sample(self, x: Sample, c: Sample | None = None, wrong: Sample | None = None) -> dict[str, Sample]:
        """A line an item: a real one, then samples under the same condition."""
        noise = self.looked_at[: COLUMNS * len(x)].chunk(COLUMNS)
        given = {}
        if c is not None:
            picture = c.x.ndim == x.x.ndim > 2
            given["x_condition" if picture else "c_condition"] = c
        return given | dict(x_real=x) | {f"x_{i}": self.generate(Sample(z), c) for i, z in enumerate(noise, 1)}
