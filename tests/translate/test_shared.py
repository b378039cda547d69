"""One latent space: what is shared is one storage, what is private is not, and what codes are held to."""

import math

import pytest
import torch
from torch import nn

from tests.cases import CODE, EVERY, SOURCES, halves, two_sides
from translate.adv import non_saturating
from translate.modules.shared import (
    LatentCritic,
    averaged,
    divergence,
    gaussian,
    reverse,
    same_code,
    share,
    start_alike,
)
from translate.sample import Sample


@pytest.mark.parametrize("kind", EVERY)
def test_layers_next_to_the_code_are_one_and_the_others_are_not(kind):
    A, B = (source.domain for source in two_sides(kind).values())
    for first, second in zip(*[iter(halves(kind, A, B))] * 2):
        storages = [{n: p.data_ptr() for n, p in half.named_parameters()} for half in (first, second)]
        shared = {n for n in storages[0] if any(n.startswith(f"{deep}.") for deep in first.deep)}
        assert shared and shared != set(storages[0]), "both kinds of layers are there"
        assert {n for n in storages[0] if storages[0][n] == storages[1][n]} == shared


@pytest.mark.parametrize("kind", EVERY)
def test_a_step_of_one_side_moves_the_shared_layers_of_the_other(kind):
    source = SOURCES[kind]("a")
    first, second, *_ = halves(kind, source.domain, source.domain)
    before = {n: p.clone() for n, p in second.named_parameters()}
    code = first(source.domain.normalise(source.rows(range(2))))
    code.x.square().sum().backward()
    torch.optim.SGD(first.parameters(), 1.0).step()
    moved = {n for n, p in second.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {n for n in before if any(n.startswith(f"{deep}.") for deep in second.deep)}


def test_halves_that_differ_share_nothing():
    class Half(nn.Module):
        def __init__(self, *deep):
            super().__init__()
            self.deep = deep

    for pair in ((Half(), Half()), (Half("x"), Half("y"))):
        with pytest.raises(ValueError, match="the same ones next to the code"):
            share(*pair)


def test_halves_that_start_alike_are_equal_where_shapes_agree_and_each_its_own():
    first, second, other = (nn.Sequential(nn.Linear(4, 4), nn.Linear(4, out)) for out in (2, 2, 3))
    kept = {n: p.clone() for n, p in other.named_parameters()}
    start_alike(first, second, other)
    for (n, p), q, r in zip(first.named_parameters(), second.parameters(), other.parameters()):
        assert torch.equal(p, q) and p.data_ptr() != q.data_ptr()
        assert torch.equal(r, p if n.startswith("0.") else kept[n])


def padded(values: list[float], length: int = 4) -> Sample:
    """A code [1,length,1] whose padding holds what nobody may read."""
    x = torch.full((1, length, 1), math.nan)
    x[0, : len(values), 0] = torch.tensor(values)
    return Sample(x, torch.arange(length)[None] < len(values))


def test_divergence_by_hand():
    """KL(N(m, 1) || N(0, 1)) = m^2 / 2."""
    p, q = torch.distributions.Normal(3.0, 1.0), torch.distributions.Normal(0.0, 1.0)
    assert torch.distributions.kl_divergence(p, q).item() == pytest.approx(4.5)
    assert divergence(Sample(torch.tensor([[3.0, 1.0]]))).item() == pytest.approx((4.5 + 0.5) / 2)
    assert divergence(padded([3.0, 1.0])).item() == pytest.approx((4.5 + 0.5) / 2)
    assert averaged(padded([1.0, 2.0, 6.0]).x, padded([1.0, 2.0, 6.0]).mask).item() == 3.0


def test_gaussian_codes_have_unit_variance_and_no_noise_in_padding():
    mean = Sample(torch.full((2, 50, 10), 4.0), torch.arange(50)[None].expand(2, 50) < 40)
    noise = gaussian(mean).x - mean.x
    assert noise[:, 40:].abs().max() == 0
    assert noise[:, :40].mean().abs() < 0.15 and noise[:, :40].std() == pytest.approx(1, abs=0.1)
    pictures = Sample(torch.zeros(2, 3, 20, 20))
    assert gaussian(pictures).x.std() == pytest.approx(1, abs=0.1)


def test_same_code_compares_positions_or_sentences():
    assert same_code(Sample(torch.tensor([[1.0, 5.0]])), Sample(torch.tensor([[2.0, 2.0]]))).item() == 2.0
    assert same_code(padded([1.0, 3.0]), padded([4.0, 4.0, 4.0], 3)).item() == 2.0, "means 2 and 4, of any lengths"


@pytest.mark.parametrize("kind", EVERY)
def test_a_latent_critic_sees_no_padding_and_judges_every_position(kind):
    source = SOURCES[kind]("a")
    encoder = halves(kind, source.domain, source.domain)[0].eval()
    code = encoder(source.domain.normalise(source.rows(range(3))))
    (scores,) = (critic := LatentCritic(CODE[kind], 5))(code)
    if code.mask is None:
        assert scores.shape == (3, code.x[0, 0].numel())
    else:
        garbage = Sample(code.x.masked_fill(~code.mask[..., None], 7.0), code.mask)
        assert scores.shape == (3, 1) and torch.equal(critic(garbage)[0], scores)


@pytest.mark.parametrize("axes", [1, 2])
def test_with_its_surroundings_it_matters_where_a_position_lies(axes):
    x = torch.randn(2, 3, *[8] * axes)
    mixed = x.flatten(2)[..., torch.randperm(8**axes)].view_as(x)
    alone, around = LatentCritic(3, 5), LatentCritic(3, 5, axes)
    means = {critic: [critic(Sample(code))[0].mean() for code in (x, mixed)] for critic in (alone, around)}
    torch.testing.assert_close(*means[alone])
    assert abs(means[around][0] - means[around][1]) > 1e-4
    around(Sample(x.requires_grad_()))[0][0, -1].backward()
    assert (x.grad[0, 0] != 0).sum() == 7**axes, "three to either side"


def test_reversal_turns_the_encoders_gradient_alone():
    """One backward pass: the critic goes down its loss, the encoder up, `strength` times as steeply."""
    torch.manual_seed(0)
    x, w, v = (torch.randn(3, requires_grad=r) for r in (False, True, True))

    def loss(strength):
        code = Sample((w * x)[None])
        return non_saturating.d([(code if strength is None else reverse(code, strength)).x @ v], [-code.x.detach() @ v])

    plain = torch.autograd.grad(loss(None), (w, v))
    turned = torch.autograd.grad(loss(0.5), (w, v))
    torch.testing.assert_close(turned[0], -0.5 * plain[0])
    torch.testing.assert_close(turned[1], plain[1])
