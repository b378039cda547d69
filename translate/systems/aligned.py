"""Auto-encoders of two domains whose codes a critic cannot tell apart: decode with the other side's decoder, and it is translated.

After cross-alignment (Shen 2017, arXiv:1705.09655) and Lample 2018, arXiv:1711.00043, for any domain. Code: d_z, the latent critic.
"""

from __future__ import annotations

import torch
from torch import nn

from ..adv import Adv, non_saturating
from ..domain import Domain
from ..modules.cycle import Pair, restored
from ..modules.shared import confused
from ..sample import Sample
from ..system import Losses, System, Update


class Aligned(System):
    """Encoders and critic take turns. critic: weight of what the critic says; critic_steps: of it to one of the auto-encoders."""

    def __init__(
        self,
        A: Domain,
        B: Domain,
        e_a: nn.Module,
        e_b: nn.Module,
        g_a: nn.Module,
        g_b: nn.Module,
        d_z: nn.Module,
        adv: Adv = non_saturating,
        critic: float = 0.1,
        critic_steps: int = 1,
    ):
        super().__init__()
        self.A, self.B = A, B
        self.e_a, self.e_b, self.g_a, self.g_b, self.d_z = e_a, e_b, g_a, g_b, d_z
        self.adv, self.critic = adv, critic
        self.updates = (Update("g"), Update("d", repeat=critic_steps))

    def players(self):
        return {"g": [self.e_a, self.e_b, self.g_a, self.g_b], "d": [self.d_z]}

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        z_a, z_b = self.e_a(a), self.e_b(b)
        return self.restoring(z_a, a, z_b, b) | self.confusing(z_a, z_b)

    def confusing(self, z_a: Sample, z_b: Sample) -> Losses:
        """The critic's loss with the domains exchanged."""
        return dict(adv_z=self.critic * self.adv.d(self.d_z(z_b), self.d_z(z_a)))

    def restoring(self, z_a: Sample, a: Sample, z_b: Sample, b: Sample) -> Losses:
        return dict(
            restore_a=restored(self.A.distance, self.g_a, z_a, a),
            restore_b=restored(self.B.distance, self.g_b, z_b, b),
        )

    def loss_d(self, a: Sample, b: Sample) -> Losses:
        with torch.no_grad():
            z_a, z_b = self.e_a(a), self.e_b(b)
        return self.telling(z_a, z_b)

    def telling(self, z_a: Sample, z_b: Sample) -> Losses:
        return dict(d_z=self.adv.d(self.d_z(z_a), self.d_z(z_b)))

    def sample(self, a: Sample, b: Sample) -> dict[str, Sample]:
        z_a, z_b = self.e_a(a), self.e_b(b)
        return dict(a=a, a_b=self.g_b(z_a), a_again=self.g_a(z_a), b=b, b_a=self.g_a(z_b), b_again=self.g_b(z_b))

    def translator(self, to: str) -> nn.Module:
        return {"a": Pair(self.e_b, self.g_a), "b": Pair(self.e_a, self.g_b)}[to]


class Reversed(Aligned):
    """The same in one update: the critic's gradient changes its sign on its way into the encoders (arXiv:1505.07818)."""

    def __init__(self, *networks, **kw):
        super().__init__(*networks, **kw)
        self.updates = (Update("g"),)

    def players(self):
        return {"g": [self.e_a, self.e_b, self.g_a, self.g_b, self.d_z]}

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        z_a, z_b = self.e_a(a), self.e_b(b)
        return self.restoring(z_a, a, z_b, b) | dict(d_z=confused(self.d_z, z_a, z_b, self.critic, self.adv))


class CrossAligned(Aligned):
    """Of sentences: not codes are compared but what decoders do with them (Shen 2017, arXiv:1705.09655, section 4.2).

    A critic of each side tells the states of its decoder while it writes a translation, by itself, from those while it is told a
    sentence of its own side (professor forcing, Lamb 2016, arXiv:1610.09038). d_a, d_b: critics of states, D_1 and D_2 there.
    """

    def __init__(self, A: Domain, B: Domain, *halves: nn.Module, d_a: nn.Module, d_b: nn.Module, **kw):
        super().__init__(A, B, *halves, nn.ModuleDict(dict(a=d_a, b=d_b)), **kw)

    def states(self, a: Sample, b: Sample) -> tuple[Losses, dict[str, tuple[Sample, Sample]]]:
        """(what auto-encoding costs, of each side the states when told and when translating)"""
        z_a, z_b = self.e_a(a), self.e_b(b)
        again_a, told_a = self.g_a.through(z_a, like=a)
        again_b, told_b = self.g_b.through(z_b, like=b)
        crossed = dict(a=self.g_a.through(z_b)[1], b=self.g_b.through(z_a)[1])
        costs = dict(restore_a=self.A.distance(again_a, a), restore_b=self.B.distance(again_b, b))
        return costs, dict(a=(told_a, crossed["a"]), b=(told_b, crossed["b"]))

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        losses, found = self.states(a, b)
        for side, (told, crossed) in found.items():  # the critic's loss with both exchanged
            losses[f"adv_{side}"] = self.critic * self.adv.d(self.d_z[side](crossed), self.d_z[side](told))
        return losses

    def loss_d(self, a: Sample, b: Sample) -> Losses:
        with torch.no_grad():
            found = self.states(a, b)[1]
        return {f"d_{side}": self.adv.d(*map(self.d_z[side], pair)) for side, pair in found.items()}
