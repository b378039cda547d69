"""CycleGAN: unpaired translation by cycle consistency (Zhu 2017, arXiv:1703.10593).

Code to paper: a2b = G, b2a = F, d_a = D_X, d_b = D_Y, cycle = lambda, identity = 0.5 lambda (section 5.2). DiscoGAN
(arXiv:1703.05192) and DualGAN (arXiv:1704.02510) are the same losses with another objective and distance.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import UserError
from ..modules.cycle import Distance, restored
from ..sample import Sample
from ..system import Losses
from .plain import Plain


class CycleGAN(Plain):
    """distance: of what came back, in place of each domain's own."""

    def __init__(
        self, *networks, cycle: float = 10.0, identity: float = 5.0, distance: Distance | None = None, **plain
    ):
        super().__init__(*networks, **plain)
        if identity and self.A.kind != self.B.kind:
            raise UserError(
                f"identity loss compares {self.A.kind} with {self.B.kind}: give --identity 0, or domains of one kind"
            )
        self.cycle, self.identity = cycle, identity
        self.far_a, self.far_b = distance or self.A.distance, distance or self.B.distance

    def loss_g(self, a: Sample, b: Sample) -> Iterator[Losses]:
        """A translation and its way back at a time."""
        fake_b = self.a2b(a)
        self.pool_b.put(fake_b)
        yield dict(
            adv_b=self.adv.g(self.d_b(fake_b)),
            cycle_a=self.cycle * restored(self.far_a, self.b2a, fake_b, a),  # F(G(x)) = x, eq. 2
            **self.beside("b", fake_b),
        )
        del fake_b
        fake_a = self.b2a(b)
        self.pool_a.put(fake_a)
        yield dict(
            adv_a=self.adv.g(self.d_a(fake_a)),
            cycle_b=self.cycle * restored(self.far_b, self.a2b, fake_a, b),
            **self.beside("a", fake_a),
        )
        del fake_a
        if self.identity:  # F(x) = x and G(y) = y, section 5.2
            yield dict(identity_a=self.identity * restored(self.far_a, self.b2a, a, a))
            yield dict(identity_b=self.identity * restored(self.far_b, self.a2b, b, b))

    def beside(self, side: str, fake: Sample) -> Losses:
        """Further terms of a translation into a side."""
        return {}
