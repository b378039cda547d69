"""UNIT: two variational auto-encoders and two critics over one latent space (Liu 2017, arXiv:1703.00848).

Code to paper: e_a = E_1, g_b = G_2, d_a = D_1; restore = lambda_2 / lambda_0, kl = lambda_1 / lambda_0, cycle = lambda_4 / lambda_0;
of the cycle's codes lambda_3 = lambda_1. What lies next to the code is shared by `modules.shared.share`.
"""

from __future__ import annotations

from torch import nn

from ..domain import Domain
from ..modules.cycle import Pair, restored
from ..modules.shared import divergence, gaussian
from ..sample import Sample
from ..system import Losses
from .plain import Plain


class Coded(Plain):
    """Plain, each direction an encoder and the other side's decoder, so that each side can also be restored from its own code."""

    def __init__(
        self,
        A: Domain,
        B: Domain,
        e_a: nn.Module,
        e_b: nn.Module,
        g_a: nn.Module,
        g_b: nn.Module,
        d_a: nn.Module,
        d_b: nn.Module,
        **plain,
    ):
        super().__init__(A, B, Pair(e_a, g_b), Pair(e_b, g_a), d_a, d_b, **plain)
        self.e_a, self.e_b, self.g_a, self.g_b = e_a, e_b, g_a, g_b


class UNIT(Coded):
    def __init__(self, *networks, restore: float = 10.0, cycle: float = 10.0, kl: float = 0.01, **plain):
        super().__init__(*networks, **plain)
        self.restore, self.cycle, self.kl = restore, cycle, kl

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        code_a, code_b = self.e_a(a), self.e_b(b)  # means
        z_a, z_b = gaussian(code_a), gaussian(code_b)
        fake_b, fake_a = self.g_b(z_a), self.g_a(z_b)
        back_a, back_b = self.e_b(fake_b), self.e_a(fake_a)
        losses = self.deceive(fake_b, fake_a) | self.paired(a, b, fake_b, fake_a)
        return losses | dict(
            restore_a=self.restore * restored(self.A.distance, self.g_a, z_a, a),  # eq. 3
            restore_b=self.restore * restored(self.B.distance, self.g_b, z_b, b),
            cycle_a=self.cycle * restored(self.A.distance, self.g_a, gaussian(back_a), a),  # eq. 7
            cycle_b=self.cycle * restored(self.B.distance, self.g_b, gaussian(back_b), b),
            kl_a=self.kl * (divergence(code_a) + divergence(back_a)),
            kl_b=self.kl * (divergence(code_b) + divergence(back_b)),
        )
