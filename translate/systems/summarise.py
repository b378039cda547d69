"""Summaries without a single example: a document becomes a short text and a document again.

An auto-encoder whose code is read by people (Wang and Lee 2018, arXiv:1810.02851): a critic tells the short texts from titles of other
documents, the way back holds them to what the document says. Code to paper: a2b = generator, b2a = reconstructor, d_b = discriminator.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from .. import penalty as penalties
from ..adv import Adv, non_saturating
from ..domain import Domain
from ..modules.cycle import restored
from ..pool import Pool
from ..sample import Sample
from ..system import Losses, System, Update
from .styletransformer import Rewarded, entropy


class Summarise(System):
    """a: documents, b: titles.

    windows: a document's most title-like part, and the document with another title in its place (nets.sequence.Windows): pseudo-pairs,
    which the first `warm` steps learn from alone, and which go on with weight `pairs`. cycle: weight of the way back, in nats a token.
    critic: weight of what the critic says. penalty: weight of WGAN-GP's gradient penalty, 0: none.
    """

    def __init__(
        self,
        A: Domain,
        B: Domain,
        a2b: nn.Module,
        b2a: nn.Module,
        d_b: nn.Module,
        windows: nn.Module,
        adv: Adv = non_saturating,
        warm: int = 0,
        cycle: float = 1.0,
        pairs: float = 1.0,
        critic: float = 1.0,
        penalty: float = 0.0,
        pool: int = 0,
        batch: int = 1,
    ):
        super().__init__()
        self.A, self.B, self.a2b, self.b2a, self.d_b, self.windows = A, B, a2b, b2a, d_b, windows
        self.adv, self.cycle, self.pairs, self.critic, self.penalty = adv, cycle, pairs, critic, penalty
        self.pool_b = Pool(B, pool, batch)
        self.updates = (
            Update("g", "paired", stop=warm),
            Update("g", "loss_back", every=4, stop=warm),  # a document is long, and told from little
            Update("g", start=warm),
            Update("d", start=warm),
        )

    def players(self):
        return {"g": [self.a2b, self.b2a], "d": [self.d_b]}

    def loss_back(self, a: Sample, b: Sample) -> Losses:
        return dict(back_a=self.cycle * restored(self.A.distance, self.b2a, self.windows(a), a))

    def paired(self, a: Sample, b: Sample) -> Losses:
        part, spliced = self.windows(a), self.windows.splice(a, b)
        return dict(
            part_b=self.pairs * restored(self.B.distance, self.a2b, a, part),
            splice_b=self.pairs * restored(self.B.distance, self.a2b, spliced, b),
        )

    def loss_g(self, a: Sample, b: Sample) -> Iterator[Losses]:
        fake_b = self.a2b(a)
        self.pool_b.put(fake_b)
        yield dict(
            adv_b=self.critic * self.adv.g(self.d_b(fake_b)),
            cycle_a=self.cycle * restored(self.A.distance, self.b2a, fake_b, a),
        )
        del fake_b
        if self.pairs:
            yield self.paired(a, b)

    def loss_d(self, a: Sample, b: Sample) -> Losses:
        fake = self.pool_b.get(len(b))
        losses = dict(d_b=self.adv.d(self.d_b(b), self.d_b(fake)))
        if self.penalty:
            real, soft = (self.B.relax(s) for s in (b, fake))
            losses["penalty_b"] = self.penalty * penalties.gradient(self.d_b, real, soft)
        return losses

    def sample(self, a: Sample, b: Sample) -> dict[str, Sample]:
        a_b = self.a2b(a)
        return dict(a=a, a_part=self.windows(a), a_b=a_b, a_b_a=self.b2a(a_b), b=b, b_a=self.b2a(b))

    def translator(self, to: str) -> nn.Module:
        return {"a": self.b2a, "b": self.a2b}[to]


class RewardedSummarise(Rewarded, Summarise):
    """The same by policy gradient: a summary's reward is the critic's score and how well the document is told from it."""

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        fake_b = self.a2b(a)
        self.pool_b.put(fake_b)
        back_a = self.b2a(fake_b, like=a)
        losses = dict(
            policy_b=self.critic * self._policy(self.a2b, self.b2a, self.d_b, a, fake_b, back_a),
            entropy_b=-self.entropy * entropy(fake_b),
            cycle_a=self.cycle * self.A.distance(back_a, a),
        )
        return losses | (self.paired(a, b) if self.pairs else {})
