"""Sentences that change their style and keep their words: self-reconstruction, cycle and a critic of style.

After the Style Transformer (Dai 2019, arXiv:1905.05621), which is CycleGAN's loss where a2b and b2a are one network that is told the
style: its L_self is CycleGAN's identity, its L_cycle the cycle, its L_style the adversarial term, and its critic learns that a real
sentence of the other style is wrong too. Code to paper: a2b, b2a = f(x, s), d_a, d_b = d_C(x, s).
"""

from __future__ import annotations

from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import penalty as penalties
from ..sample import Sample
from ..system import Losses, Update
from .cyclegan import CycleGAN


class StyleTransformer(CycleGAN):
    """CycleGAN with a warm-up, the other style among what the critics refuse, and a gradient penalty.

    warm: steps at the start in which the generators only learn to restore what their own noise left out (a denoising auto-encoder)
    and to say what their pseudo-pairs say.
    other: weight of the other style's real sentences beside the fakes. penalty: weight of WGAN-GP's gradient penalty, 0: none.
    entropy: weight of the choices' entropy, in nats a word: a word that is sure of itself is slow to change, though the critic sees it.
    """

    def __init__(
        self,
        *args,
        warm: int = 0,
        other: float = 1.0,
        penalty: float = 0.0,
        entropy: float = 0.0,
        **kw,
    ):
        super().__init__(*args, **kw)
        self.entropy = entropy
        self.other, self.penalty = other, penalty
        self.updates = (Update("g", "loss_warm", stop=warm), Update("g", start=warm), Update("d", start=warm))

    def loss_warm(self, a: Sample, b: Sample) -> Losses:
        return dict(
            restore_a=self.A.distance(self.b2a(a, like=a), a),
            restore_b=self.B.distance(self.a2b(b, like=b), b),
        ) | self.paired(a, b)

    def beside(self, side: str, fake: Sample) -> Losses:
        return {f"entropy_{side}": -self.entropy * entropy(fake)} if self.entropy else {}

    def loss_d(self, a: Sample, b: Sample) -> Losses:
        return self._judged("a", self.A, self.d_a, a, self.pool_a.get(len(a)), b) | self._judged(
            "b", self.B, self.d_b, b, self.pool_b.get(len(b)), a
        )

    def _judged(self, side: str, domain, critic: nn.Module, real: Sample, fake: Sample, other: Sample) -> Losses:
        scores = critic(real)
        losses = {f"d_{side}": self.adv.d(scores, critic(fake))}
        if self.other:
            losses[f"other_{side}"] = self.other * self.adv.d(scores, critic(other))
        if self.penalty:
            slope = penalties.gradient(critic, domain.relax(real), domain.relax(fake))
            losses[f"penalty_{side}"] = self.penalty * slope
        return losses


class Rewarded:
    """What systems share whose generators are taught by reward: they draw words, and no gradient passes through a draw
    (`nets.sequence.draw_word`).

    REINFORCE (Williams 1992) with the greedy translation as baseline (self-critical, Rennie 2017, arXiv:1612.00563). The reward of a
    word is what depends on it: the critic's scores and the likelihood of the way back within `reach` positions of it. entropy: weight
    of the choices' entropy, in nats a word, against rewards of deviation 1 (Williams and Peng 1991): without it a word that was never
    drawn is never tried.
    """

    def __init__(self, *args, reach: int | None = None, entropy: float = 0.03, **kw):
        super().__init__(*args, **kw)
        self.reach, self.entropy = reach, entropy

    def _policy(
        self, there: nn.Module, back: nn.Module, critic: nn.Module, s: Sample, fake: Sample, told: Sample
    ) -> Tensor:
        with torch.no_grad(), evaluating(there, back):
            greedy = there(s)
            baseline = self._rewards(critic, greedy, back(greedy, like=s), s)
            advantage = scaled(self._rewards(critic, fake, told, s) - baseline, fake.mask)
        return reinforce(fake, advantage) * len(fake) / fake.mask.sum()  # a word, as the other terms are

    def _rewards(self, critic: nn.Module, fake: Sample, back: Sample, s: Sample) -> Tensor:
        """[B,T]"""
        likelihood = -F.cross_entropy(back.logits.float().flatten(0, 1), s.x.flatten(), reduction="none")
        likelihood = likelihood.view_as(s.x).where(s.mask, 0)
        each = critic.words(fake).where(fake.mask, 0)
        n = max(each.shape[1], likelihood.shape[1])
        means = (t / mask.sum(1, keepdim=True) for t, mask in ((each, fake.mask), (likelihood, s.mask)))
        each, likelihood = (F.pad(t, (0, n - t.shape[1])) for t in means)
        return within(each + self.cycle * likelihood, self.reach)[:, : fake.mask.shape[1]]


class PolicyGradient(Rewarded, StyleTransformer):
    """The same, its generators taught by reward."""

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        fake_b, fake_a = self.a2b(a), self.b2a(b)
        self.pool_b.put(fake_b)
        self.pool_a.put(fake_a)
        back_a, back_b = self.b2a(fake_b, like=a), self.a2b(fake_a, like=b)
        losses = dict(
            policy_b=self._policy(self.a2b, self.b2a, self.d_b, a, fake_b, back_a),
            policy_a=self._policy(self.b2a, self.a2b, self.d_a, b, fake_a, back_b),
            entropy_b=-self.entropy * entropy(fake_b),
            entropy_a=-self.entropy * entropy(fake_a),
            cycle_a=self.cycle * self.A.distance(back_a, a),
            cycle_b=self.cycle * self.B.distance(back_b, b),
        )
        if self.identity:
            losses["identity_a"] = self.identity * self.A.distance(self.b2a(a, like=a), a)
            losses["identity_b"] = self.identity * self.B.distance(self.a2b(b, like=b), b)
        return losses | self.paired(a, b)


def entropy(fake: Sample) -> Tensor:
    """Of the choice of a word, in nats, mean over words."""
    log_p = fake.logits.float().log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1).where(fake.mask, 0).sum() / fake.mask.sum()


def within(each: Tensor, reach: int | None) -> Tensor:
    """[B,T] -> at each position the sum over those at most `reach` away; over all where it is None."""
    if reach is None:
        return each.sum(1, keepdim=True).expand_as(each)
    return F.avg_pool1d(each[:, None], 2 * reach + 1, 1, reach)[:, 0] * (2 * reach + 1)


def scaled(x: Tensor, mask: Tensor) -> Tensor:
    """[B,T], its standard deviation over the mask 1; as it is where that is zero, as of a single sentence. No wait for the host."""
    n = mask.sum()
    mean = x.where(mask, 0).sum() / n
    spread = ((x - mean).square().where(mask, 0).sum() / n).sqrt()
    return x / torch.where(spread > 1e-6, spread, 1.0)


def reinforce(drawn: Sample, advantage: Tensor) -> Tensor:
    """-E A log p(word), a sentence: its gradient in the logits is an unbiased estimate of that of minus the expected reward.

    drawn: one-hot words [B,T,V] with the logits that they were drawn from; advantage [B,T].
    """
    log_p = (drawn.x * drawn.logits.log_softmax(-1)).sum(-1)  # [B,T]
    return -(advantage * log_p).where(drawn.mask, 0).sum(1).mean()


@contextmanager
def evaluating(*modules: nn.Module):
    """Greedy words and no noise inside."""
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for module in modules:
            module.train()
