"""The adversarial objectives against numbers computed by hand."""

from math import exp, log1p

import pytest
import torch
from torch import tensor

from translate import adv
from translate.adv import Adv

REAL, FAKE = [2.0, -1.0], [0.5, -3.0]
softplus = lambda x: log1p(exp(x))  # noqa: E731

# name -> (critic's loss, generator's loss) of REAL and FAKE
BY_HAND = {
    "least_squares": (
        0.5 * ((1.0**2 + 2.0**2) / 2 + (0.5**2 + 3.0**2) / 2),  # 0.5 (E (D(x) - 1)^2 + E D(G)^2) = 3.5625
        (0.5**2 + 4.0**2) / 2,  # E (D(G) - 1)^2 = 8.125
    ),
    "non_saturating": (
        (softplus(-2.0) + softplus(1.0)) / 2
        + (softplus(0.5) + softplus(-3.0)) / 2,  # -E log s(D(x)) - E log(1 - s(D(G)))
        (softplus(-0.5) + softplus(3.0)) / 2,  # -E log s(D(G))
    ),
    "hinge": (
        (0.0 + 2.0) / 2 + (1.5 + 0.0) / 2,  # E max(0, 1 - D(x)) + E max(0, 1 + D(G)) = 1.75
        -(0.5 - 3.0) / 2,  # -E D(G) = 1.25
    ),
}


def pairs() -> dict[str, Adv]:
    return {name: value for name, value in vars(adv).items() if isinstance(value, Adv)}


def test_every_objective_is_covered():
    assert set(pairs()) == set(BY_HAND) and len(BY_HAND) == 3


@pytest.mark.parametrize("name", BY_HAND)
def test_losses_by_hand(name):
    pair, (d, g) = pairs()[name], BY_HAND[name]
    assert pair.d([tensor([REAL])], [tensor([FAKE])]).item() == pytest.approx(d, abs=1e-6)
    assert pair.g([tensor([FAKE])]).item() == pytest.approx(g, abs=1e-6)
    # any shape of scores
    assert pair.d([tensor([[x] for x in REAL])], [tensor([[x] for x in FAKE])]).item() == pytest.approx(d, abs=1e-6)


@pytest.mark.parametrize("name", BY_HAND)
def test_scales_weigh_the_same_however_many_scores_they_have(name):
    pair, (d, g) = pairs()[name], BY_HAND[name]
    second = pair.d([tensor([[1.0]])], [tensor([[-0.5]])]), pair.g([tensor([[-0.5]])])
    assert pair.d([tensor([REAL]), tensor([[1.0]])], [tensor([FAKE]), tensor([[-0.5]])]).item() == pytest.approx(
        (d + second[0].item()) / 2, abs=1e-6
    )
    assert pair.g([tensor([FAKE]), tensor([[-0.5]])]).item() == pytest.approx((g + second[1].item()) / 2, abs=1e-6)
    with pytest.raises(ValueError):
        pair.d([tensor([REAL])], [tensor([FAKE]), tensor([FAKE])])


@pytest.mark.parametrize("name", BY_HAND)
def test_each_player_pulls_its_own_way(name):
    """D lifts real scores and lowers fake ones, G lifts fake ones."""
    real, fake = torch.zeros(1, 4, requires_grad=True), torch.zeros(1, 4, requires_grad=True)
    up, down = torch.autograd.grad(pairs()[name].d([real], [fake]), (real, fake))
    if name == "least_squares":  # its target for fakes is 0: measure from above
        (down,) = torch.autograd.grad(pairs()[name].d([real], [fake + 1]), fake)
    (lift,) = torch.autograd.grad(pairs()[name].g([fake]), fake)
    assert (up < 0).all() and (down > 0).all() and (lift < 0).all()
