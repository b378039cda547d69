"""Two translators and two critics, and nothing that ties an output to its input: the baseline, which may paint one Van Gogh for
every photograph (the problem that CycleGAN's section 3.2 starts from, arXiv:1703.10593).

What every system of two directions shares. Code to paper: a2b = G, b2a = F, d_a = D_X, d_b = D_Y.
"""

from __future__ import annotations

from torch import nn

from .. import penalty as penalties
from ..adv import Adv, least_squares
from ..domain import Domain
from ..modules.memory import judged
from ..pool import Pool
from ..sample import Sample
from ..system import Losses, System, Update


class Plain(System):
    """pool: earlier fakes that the critics are shown again. critic_steps: of the critics to one of the translators. penalty: weight
    of the critics' slope between data and fakes. pseudo: what an item of a probably is in b, and of b in a, by another method; pairs:
    the weight of saying that too."""

    def __init__(
        self,
        A: Domain,
        B: Domain,
        a2b: nn.Module,
        b2a: nn.Module,
        d_a: nn.Module,
        d_b: nn.Module,
        adv: Adv = least_squares,
        pool: int = 50,
        batch: int = 1,
        critic_steps: int = 1,
        penalty: float = 0.0,
        pseudo: tuple[nn.Module, nn.Module] | None = None,
        pairs: float = 1.0,
    ):
        super().__init__()
        self.A, self.B = A, B
        self.a2b, self.b2a, self.d_a, self.d_b = a2b, b2a, d_a, d_b
        self.adv, self.penalty = adv, penalty
        self.pool_a, self.pool_b = Pool(A, pool, batch), Pool(B, pool, batch)
        self.pair_ab, self.pair_ba = pseudo or (None, None)
        self.pairs = pairs if pseudo else 0.0
        self.updates = (Update("g"), Update("d", repeat=critic_steps))

    def players(self):
        return {"g": [self.a2b, self.b2a], "d": [self.d_a, self.d_b]}

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        fake_b, fake_a = self.a2b(a), self.b2a(b)
        return self.deceive(fake_b, fake_a) | self.paired(a, b, fake_b, fake_a)

    def deceive(self, fake_b: Sample, fake_a: Sample) -> Losses:
        """What the critics say of fakes, which the pools keep for them."""
        self.pool_b.put(fake_b)
        self.pool_a.put(fake_a)
        return dict(adv_b=self.adv.g(self.d_b(fake_b)), adv_a=self.adv.g(self.d_a(fake_a)))

    def paired(self, a: Sample, b: Sample, fake_b: Sample | None = None, fake_a: Sample | None = None) -> Losses:
        """Pseudo-pairs."""
        return self.meant("b", a, fake_b) | self.meant("a", b, fake_a)

    def meant(self, side: str, given: Sample, fake: Sample | None = None) -> Losses:
        """How far a translation is from the item's pseudo-pair. Where items have lengths of their own, it is made again, told of the pair."""
        if not self.pairs:
            return {}
        pseudo, direction, domain = dict(a=(self.pair_ba, self.b2a, self.A), b=(self.pair_ab, self.a2b, self.B))[side]
        said = pseudo(given)
        if fake is None or said.mask is not None:
            fake = direction(given, like=said)
        return {f"pair_{side}": self.pairs * domain.distance(fake, said)}

    def loss_d(self, a: Sample, b: Sample) -> Losses:
        return self.told_apart("a", self.A, self.d_a, a, self.pool_a) | self.told_apart(
            "b", self.B, self.d_b, b, self.pool_b
        )

    def told_apart(self, name: str, domain: Domain, critic: nn.Module, real: Sample, pool: Pool) -> Losses:
        """Data from a pool's fakes, by a critic."""
        fake = pool.get(len(real))
        losses = {f"d_{name}": self.adv.d(judged(critic, real, True), judged(critic, fake, False))}
        if self.penalty:
            losses[f"penalty_{name}"] = self.penalty * penalties.flat(critic, domain.relax(real), domain.relax(fake))
        return losses

    def sample(self, a: Sample, b: Sample) -> dict[str, Sample]:
        a_b, b_a = self.a2b(a), self.b2a(b)
        return dict(a=a, a_b=a_b, a_b_a=self.b2a(a_b), b=b, b_a=b_a, b_a_b=self.a2b(b_a))

    def translator(self, to: str) -> nn.Module:
        return {"a": self.b2a, "b": self.a2b}[to]
