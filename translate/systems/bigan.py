"""BiGAN, also ALI: the critic judges pairs of sample and code (Donahue 2017, arXiv:1605.09782; Dumoulin 2017, arXiv:1606.00704).

At the optimum the encoder inverts the generator. The critic is a conditional one, its condition the code.
"""

from __future__ import annotations

import torch
from torch import nn

from ..adv import Adv, non_saturating
from ..domain import Domain
from ..sample import Sample
from ..system import Losses, Update
from .generative import Generative


class BiGAN(Generative):
    """e: Sample -> code, x [B,g.noise]. d: (sample, code as a Sample) -> scores."""

    updates = (Update("d"), Update("g"))
    ema = ("g",)

    def __init__(self, X: Domain, g: nn.Module, e: nn.Module, d: nn.Module, adv: Adv = non_saturating):
        super().__init__(X, g)
        self.e, self.d, self.adv = e, d, adv

    def players(self):
        return {"g": [self.g, self.e], "d": [self.d]}

    def scores(self, x: Sample) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Of (x, E(x)) and of (G(z), z)."""
        z = self.noise(len(x))
        return self.d(x, self.e(x)), self.d(self.g(z), z)

    def loss_d(self, x: Sample) -> Losses:
        return dict(d_x=self.adv.d(*self.scores(x)))

    def loss_g(self, x: Sample) -> Losses:
        encoded, generated = self.scores(x)
        return dict(adv_x=self.adv.d(generated, encoded))  # labels swapped: both want to be taken for the other

    def sample(self, x: Sample) -> dict[str, Sample]:
        """Beside each real one G(E(x)), which no loss compares with it."""
        return dict(x_real=x, x_again=self.g(self.e(x))) | super().sample(x)
