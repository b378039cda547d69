"""Penalties on critics whose slopes are known."""

import pytest
import torch
from torch import nn

from tests.tokens import Tokens
from translate import penalty
from translate.nets.patch import PatchCritic
from translate.nets.sequence import Critic as TokenCritic
from translate.sample import Sample


class Linear(nn.Module):
    """w . x + 7"""

    def __init__(self, *w: float):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, s: Sample) -> list[torch.Tensor]:
        return [s.x @ self.w[:, None] + 7]


class Quadratic(nn.Module):
    """k |x|^2 / 2, whose slope at x is k x."""

    def __init__(self, k: float):
        super().__init__()
        self.k = nn.Parameter(torch.tensor(k))

    def forward(self, s: Sample) -> list[torch.Tensor]:
        return [self.k * s.x.square().sum(1, keepdim=True) / 2]


REAL, FAKE = Sample(torch.tensor([[3.0, 4.0], [0.0, 1.0]])), Sample(torch.tensor([[6.0, 8.0], [2.0, 0.0]]))


def test_of_a_linear_critic_by_hand():
    """w = (3, 4): |grad| = 5 everywhere; d/dw (|w| - 1)^2 = 2 (|w| - 1) w / |w| = 8 (0.6, 0.8)."""
    critic = Linear(3.0, 4.0)
    loss = penalty.gradient(critic, REAL, FAKE)
    assert loss.item() == pytest.approx((5 - 1) ** 2)
    (slope,) = torch.autograd.grad(loss, critic.w)
    assert slope.tolist() == pytest.approx([4.8, 6.4])
    assert penalty.r1(critic, REAL, FAKE).item() == penalty.r2(critic, REAL, FAKE).item() == pytest.approx(25)


def test_of_a_quadratic_critic_by_hand():
    """Slopes are 2 x: of length 10 and 2 on data, 20 and 4 on fakes, in between on the lines between them."""
    critic = Quadratic(2.0)
    assert penalty.r1(critic, REAL, FAKE).item() == pytest.approx((10**2 + 2**2) / 2)
    assert penalty.r2(critic, REAL, FAKE).item() == pytest.approx((20**2 + 4**2) / 2)
    torch.manual_seed(4)
    share = torch.rand(2)
    torch.manual_seed(4)
    found = penalty.gradient(critic, REAL, FAKE).item()
    points = [5 * share[0] + 10 * (1 - share[0]), torch.stack([2 * (1 - share[1]), share[1]]).norm()]
    assert found == pytest.approx(sum((2 * p.item() - 1) ** 2 for p in points) / 2, rel=1e-5)


def test_the_points_lie_on_the_whole_line_a_row_at_a_time():
    x = penalty.between(Sample(torch.zeros(2, 3)), Sample(torch.ones(2, 3)), torch.tensor([0.25, 1.0])).x
    assert x.tolist() == [[0.75] * 3, [0.0] * 3]


def test_a_flat_critic_has_a_gradient_all_the_same():
    """The norm's gradient at zero is zero, not NaN."""
    critic = Linear(0.0, 0.0)
    loss = penalty.gradient(critic, REAL, FAKE)
    (slope,) = torch.autograd.grad(loss, critic.w)
    assert loss.item() == 1 and slope.isfinite().all()


def test_many_scores_are_one_function():
    """The mean over patches, and over scales."""

    class Twice(Linear):
        def forward(self, s):
            (score,) = super().forward(s)
            return [score.expand(-1, 4), 3 * score]

    assert penalty.r1(Twice(3.0, 4.0), REAL, FAKE).item() == pytest.approx((2 * 5) ** 2)


def test_penalties_are_exact_under_autocast():
    """A bf16 critic's slope has 3 digits."""
    torch.manual_seed(0)
    critic, real, fake = PatchCritic(1, 4, 1), Sample(torch.randn(2, 1, 16, 16)), Sample(torch.randn(2, 1, 16, 16))
    for f in (penalty.r1, penalty.r2, penalty.gradient):
        found = []
        for enabled in (False, True):
            torch.manual_seed(1)
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled), torch.no_grad():
                found.append(f(critic, real, fake).item())
        assert found[0] == found[1] > 0


def test_padding_is_inert_in_sentences():
    """A real sentence of 2 tokens and a fake one of 3: no slope beyond the third, whatever stands there."""
    tokens = Tokens(length=5)
    critic = TokenCritic(12, 6)
    reals = [tokens.relax(Sample(torch.tensor([[3, 1, pad, pad, pad]]), torch.arange(5)[None] < 2)) for pad in (0, 9)]
    fake = Sample(torch.rand(1, 5, 12).softmax(-1), torch.arange(5)[None] < 3)
    losses = []
    for real in reals:
        torch.manual_seed(2)
        losses.append(penalty.gradient(critic, real, fake).item())
    assert losses[0] == losses[1]
    middle = penalty.between(reals[0], fake, torch.tensor([0.5]))
    assert middle.mask.tolist() == [[True, True, True, False, False]]
    torch.testing.assert_close(middle.x[0, 2], fake.x[0, 2] / 2)  # the real one has nothing there


class Dropped(nn.Module):
    """Features x + 1 and x - 1 in turns: two passes differ by 2."""

    def __init__(self, w: float):
        super().__init__()
        self.w, self.passes = nn.Parameter(torch.tensor(w)), 0

    def body(self, s: Sample) -> torch.Tensor:
        self.passes += 1
        return s.x + (-1) ** self.passes

    def head(self, h: torch.Tensor, c=None) -> list[torch.Tensor]:
        return [self.w * h.sum(1, keepdim=True)]


def test_consistency_by_hand():
    """Features of 2 dimensions that differ by 2 each; scores by w (2 + 2) = 12: 144 + 0.1 * 4."""
    assert penalty.consistency(Dropped(3.0), REAL, FAKE).item() == pytest.approx(144.4)


def test_clipped_weights_stay_in_their_box():
    critic = penalty.clipped(Linear(3.0, -0.004), 0.01)
    (scores,) = critic(REAL)
    assert critic.w.tolist() == pytest.approx([0.01, -0.004])
    (again,) = critic(FAKE)  # a second pass of the same loss
    (again.mean() - scores.mean()).backward()
    assert critic.w.grad.tolist() == pytest.approx([2.5, 1.5])
