"""CycleGAN: unpaired translation by cycle consistency (Zhu 2017, arXiv:1703.10593).

Code to paper: a2b = G, b2a = F, d_a = D_X, d_b = D_Y, cycle = lambda, identity = 0.5 lambda (section 5.2). DiscoGAN
(arXiv:1703.05192) and DualGAN (arXiv:1704.02510) are the same losses with another objective and distance. back_a = D'_X, back_b = D'_Y
of CycleGAN-VC2 (Kaneko 2019, arXiv:1904.04631, section 3.1): critics of what came back, which L1 alone leaves too smooth.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

from torch import nn

from ..errors import UserError
from ..modules.cycle import Distance, restored
from ..sample import Sample
from ..system import Losses
from .plain import Plain


class CycleGAN(Plain):
    """distance: of what came back, in place of each domain's own. critics_back: of what came back to a and to b; back: the weight of
    what they say."""

    def __init__(
        self,
        *networks,
        cycle: float = 10.0,
        identity: float = 5.0,
        distance: Distance | None = None,
        critics_back: tuple[nn.Module, nn.Module] | None = None,
        back: float = 1.0,
        **plain,
    ):
        super().__init__(*networks, **plain)
        if identity and self.A.kind != self.B.kind:
            raise UserError(
                f"identity loss compares {self.A.kind} with {self.B.kind}: give --identity 0, or domains of one kind"
            )
        self.cycle, self.identity, self.back = cycle, identity, back
        self.far_a, self.far_b = distance or self.A.distance, distance or self.B.distance
        self.back_a, self.back_b = critics_back or (None, None)
        if critics_back:
            self.pool_back_a, self.pool_back_b = deepcopy(self.pool_a), deepcopy(self.pool_b)

    def players(self):
        players = super().players()
        return players if self.back_a is None else players | {"d": [*players["d"], self.back_a, self.back_b]}

    def loss_g(self, a: Sample, b: Sample) -> Iterator[Losses]:
        """A translation and its way back at a time."""
        fake_b = self.a2b(a)
        self.pool_b.put(fake_b)
        yield dict(
            adv_b=self.adv.g(self.d_b(fake_b)),
            **self.returned("a", self.b2a(fake_b, like=a), a),
            **self.meant("b", a, fake_b),
            **self.beside("b", fake_b),
        )
        del fake_b
        fake_a = self.b2a(b)
        self.pool_a.put(fake_a)
        yield dict(
            adv_a=self.adv.g(self.d_a(fake_a)),
            **self.returned("b", self.a2b(fake_a, like=b), b),
            **self.meant("a", b, fake_a),
            **self.beside("a", fake_a),
        )
        del fake_a
        if self.identity:  # F(x) = x and G(y) = y, section 5.2
            yield dict(identity_a=self.identity * restored(self.far_a, self.b2a, a, a))
            yield dict(identity_b=self.identity * restored(self.far_b, self.a2b, b, b))

    def returned(self, side: str, back: Sample, given: Sample) -> Losses:
        """What came back to a side is what was given there, F(G(x)) = x (eq. 2), and real to that side's second critic."""
        losses = {f"cycle_{side}": self.cycle * getattr(self, f"far_{side}")(back, given)}
        if self.back_a is not None:
            getattr(self, f"pool_back_{side}").put(back)
            losses[f"back_{side}"] = self.back * self.adv.g(getattr(self, f"back_{side}")(back))
        return losses

    def beside(self, side: str, fake: Sample) -> Losses:
        """Further terms of a translation into a side."""
        return {}

    def loss_d(self, a: Sample, b: Sample) -> Losses:
        losses = super().loss_d(a, b)
        if self.back_a is not None:
            losses |= self.told_apart("back_a", self.A, self.back_a, a, self.pool_back_a)
            losses |= self.told_apart("back_b", self.B, self.back_b, b, self.pool_back_b)
        return losses
