"""CycleGAN: unpaired translation by cycle consistency (Zhu 2017, arXiv:1703.10593).

Code to paper: a2b = G, b2a = F, d_a = D_X, d_b = D_Y, cycle = lambda, identity = 0.5 lambda (section 5.2).
"""

from __future__ import annotations

from torch import nn

from ..adv import Adv, least_squares
from ..domain import Domain
from ..errors import UserError
from ..pool import Pool
from ..sample import Sample
from ..system import Losses, System


class CycleGAN(System):
    def __init__(
        self,
        A: Domain,
        B: Domain,
        a2b: nn.Module,
        b2a: nn.Module,
        d_a: nn.Module,
        d_b: nn.Module,
        adv: Adv = least_squares,
        cycle: float = 10.0,
        identity: float = 5.0,
        pool: int = 50,
        batch: int = 1,
    ):
        super().__init__()
        if identity and A.kind != B.kind:
            raise UserError(f"identity loss compares {A.kind} with {B.kind}: give --identity 0, or domains of one kind")
        self.A, self.B = A, B
        self.a2b, self.b2a, self.d_a, self.d_b = a2b, b2a, d_a, d_b
        self.adv, self.cycle, self.identity = adv, cycle, identity
        self.pool_a, self.pool_b = Pool(A, pool, batch), Pool(B, pool, batch)

    def players(self):
        return {"g": [self.a2b, self.b2a], "d": [self.d_a, self.d_b]}

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        fake_b, fake_a = self.a2b(a), self.b2a(b)
        self.pool_b.put(fake_b)
        self.pool_a.put(fake_a)
        losses = dict(
            adv_b=self.adv.g(self.d_b(fake_b)),
            adv_a=self.adv.g(self.d_a(fake_a)),
            cycle_a=self.cycle * self.A.distance(self.b2a(fake_b, like=a), a),  # F(G(x)) = x, eq. 2
            cycle_b=self.cycle * self.B.distance(self.a2b(fake_a, like=b), b),
        )
        if self.identity:  # F(x) = x and G(y) = y, section 5.2
            losses["identity_a"] = self.identity * self.A.distance(self.b2a(a, like=a), a)
            losses["identity_b"] = self.identity * self.B.distance(self.a2b(b, like=b), b)
        return losses

    def loss_d(self, a: Sample, b: Sample) -> Losses:
        return dict(
            d_a=self.adv.d(self.d_a(a), self.d_a(self.pool_a.get(len(a)))),
            d_b=self.adv.d(self.d_b(b), self.d_b(self.pool_b.get(len(b)))),
        )

    def sample(self, a: Sample, b: Sample) -> dict[str, Sample]:
        a_b, b_a = self.a2b(a), self.b2a(b)
        return dict(a=a, a_b=a_b, a_b_a=self.b2a(a_b), b=b, b_a=b_a, b_a_b=self.a2b(b_a))

    def translator(self, to: str) -> nn.Module:
        return {"a": self.b2a, "b": self.a2b}[to]
