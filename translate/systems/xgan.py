"""XGAN: a translation means what its source meant (Royer 2017, arXiv:1711.05139).

Code to paper: e_a, e_b, g_a, g_b = e_1, e_2, d_1, d_2; d_z = c_dann; restore, critic, semantic = omega_r, omega_d, omega_s. What lies
next to the code is shared by `modules.shared.share`.
"""

from __future__ import annotations

from torch import nn

from ..modules.cycle import restored
from ..modules.shared import confused, same_code
from ..sample import Sample
from ..system import Losses
from .unit import Coded


class XGAN(Coded):
    """The latent critic learns beside the encoders, which its reversed gradient teaches to leave it in doubt."""

    def __init__(
        self,
        *networks,
        d_z: nn.Module,
        restore: float = 10.0,
        critic: float = 0.1,
        semantic: float = 1.0,
        **plain,
    ):
        super().__init__(*networks, **plain)
        self.d_z, self.restore, self.critic, self.semantic = d_z, restore, critic, semantic

    def players(self):
        players = super().players()
        return players | {"g": [*players["g"], self.d_z]}

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        z_a, z_b = self.e_a(a), self.e_b(b)
        fake_b, fake_a = self.g_b(z_a), self.g_a(z_b)
        return self.deceive(fake_b, fake_a) | dict(
            restore_a=self.restore * restored(self.A.distance, self.g_a, z_a, a),
            restore_b=self.restore * restored(self.B.distance, self.g_b, z_b, b),
            d_z=confused(self.d_z, z_a, z_b, self.critic),
            semantic_a=self.semantic * same_code(self.e_b(fake_b), z_a),
            semantic_b=self.semantic * same_code(self.e_a(fake_a), z_b),
        )
