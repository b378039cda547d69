"""The adversarial objectives against numbers computed by hand, and the divergences that they measure."""

from math import exp, log, log1p, tanh

import pytest
import torch
from torch import tensor
from torch.distributions import Normal

from translate.adv import DIVERGENCES, OBJECTIVES

REAL, FAKE = [2.0, -1.0], [0.5, -3.0]
softplus = lambda x: log1p(exp(x))  # noqa: E731


def mean(f, scores) -> float:
    return sum(map(f, scores)) / len(scores)


D_OF_GAN = mean(lambda r: softplus(-r), REAL) + mean(softplus, FAKE)  # -E log s(D(x)) - E log(1 - s(D(G)))

# name -> (critic's loss, generator's loss) of REAL and FAKE
BY_HAND = {
    "least_squares": (
        0.5 * ((1.0**2 + 2.0**2) / 2 + (0.5**2 + 3.0**2) / 2),  # 0.5 (E (D(x) - 1)^2 + E D(G)^2) = 3.5625
        (0.5**2 + 4.0**2) / 2,  # E (D(G) - 1)^2 = 8.125
    ),
    "non_saturating": (D_OF_GAN, mean(lambda f: softplus(-f), FAKE)),  # -E log s(D(G))
    "minimax": (D_OF_GAN, -mean(softplus, FAKE)),  # E log(1 - s(D(G)))
    "one_sided": (  # 0.9 of the reals are called real
        0.9 * mean(lambda r: softplus(-r), REAL) + 0.1 * mean(softplus, REAL) + mean(softplus, FAKE),
        mean(lambda f: softplus(-f), FAKE),
    ),
    "hinge": (
        (0.0 + 2.0) / 2 + (1.5 + 0.0) / 2,  # E max(0, 1 - D(x)) + E max(0, 1 + D(G)) = 1.75
        -(0.5 - 3.0) / 2,  # -E D(G) = 1.25
    ),
    "wasserstein": (-1.25 - 0.5, 1.25),
    "relativistic": (  # with its partner: 2 - 0.5, -1 + 3
        (softplus(-1.5) + softplus(-2.0)) / 2,
        (softplus(1.5) + softplus(2.0)) / 2,
    ),
    "relativistic_average": (  # the averages are 0.5 and -1.25
        mean(lambda r: softplus(-1.25 - r), REAL) + mean(lambda f: softplus(f - 0.5), FAKE),
        mean(lambda f: softplus(0.5 - f), FAKE) + mean(lambda r: softplus(r + 1.25), REAL),
    ),
    # E f*(g(fake)) - E g(real), and -E g(fake)
    "f_kl": (mean(lambda f: exp(f - 1), FAKE) - 0.5, 1.25),
    "f_reverse_kl": (mean(lambda f: f - 1, FAKE) + mean(lambda r: exp(-r), REAL), mean(lambda f: exp(-f), FAKE)),
    "f_js": (
        mean(lambda f: -log(2 - 2 / (1 + exp(-f))), FAKE) - mean(lambda r: log(2 / (1 + exp(-r))), REAL),
        -mean(lambda f: log(2 / (1 + exp(-f))), FAKE),
    ),
    "f_gan": (D_OF_GAN, mean(lambda f: softplus(-f), FAKE)),
    "f_pearson": (mean(lambda f: f * f / 4 + f, FAKE) - 0.5, 1.25),
    "f_hellinger": (
        mean(lambda f: exp(f) - 1, FAKE) - mean(lambda r: 1 - exp(-r), REAL),
        mean(lambda f: exp(-f) - 1, FAKE),
    ),
    "f_total_variation": (
        mean(lambda f: tanh(f) / 2, FAKE) - mean(lambda r: tanh(r) / 2, REAL),
        -mean(lambda f: tanh(f) / 2, FAKE),
    ),
}

every_objective = pytest.mark.parametrize("name", OBJECTIVES)


def g_loss(adv, fake, real):
    return adv.g(fake, real) if adv.relativistic else adv.g(fake)


def test_every_objective_is_covered():
    assert set(OBJECTIVES) == set(BY_HAND) and len(BY_HAND) == 15


@every_objective
def test_losses_by_hand(name):
    adv, (d, g) = OBJECTIVES[name], BY_HAND[name]
    assert adv.d([tensor([REAL])], [tensor([FAKE])]).item() == pytest.approx(d, abs=1e-6)
    assert g_loss(adv, [tensor([FAKE])], [tensor([REAL])]).item() == pytest.approx(g, abs=1e-5)
    # any shape of scores
    assert adv.d([tensor([[x] for x in REAL])], [tensor([[x] for x in FAKE])]).item() == pytest.approx(d, abs=1e-6)


@every_objective
def test_scales_weigh_the_same_however_many_scores_they_have(name):
    adv, (d, g) = OBJECTIVES[name], BY_HAND[name]
    real, fake = [tensor([[1.0]])], [tensor([[-0.5]])]
    second = adv.d(real, fake).item(), g_loss(adv, fake, real).item()
    reals, fakes = [tensor([REAL]), *real], [tensor([FAKE]), *fake]
    assert adv.d(reals, fakes).item() == pytest.approx((d + second[0]) / 2, abs=1e-5)
    assert g_loss(adv, fakes, reals).item() == pytest.approx((g + second[1]) / 2, abs=1e-5)
    with pytest.raises(ValueError):
        adv.d([tensor([REAL])], [tensor([FAKE]), tensor([FAKE])])


@every_objective
def test_each_player_pulls_its_own_way(name):
    """D lifts real scores and lowers fake ones, G lifts fake ones."""
    adv = OBJECTIVES[name]
    real, fake = torch.zeros(1, 4, requires_grad=True), torch.zeros(1, 4, requires_grad=True)
    up, down = torch.autograd.grad(adv.d([real], [fake]), (real, fake))
    if name == "least_squares":  # its target for fakes is 0: measure from above
        (down,) = torch.autograd.grad(adv.d([real], [fake + 1]), fake)
    (lift,) = torch.autograd.grad(g_loss(adv, [fake], [real]), fake)
    assert (up < 0).all() and (down > 0).all() and (lift < 0).all()


def test_a_sure_critic_leaves_the_minimax_generator_no_gradient():
    """d/ds log(1 - s(D)) = -s(D), against -(1 - s(D)) of the non-saturating one."""
    for name, slope in (("minimax", -1 / (1 + exp(8.0))), ("non_saturating", -1 / (1 + exp(-8.0)))):
        fake = torch.tensor([-8.0], requires_grad=True)
        (found,) = torch.autograd.grad(OBJECTIVES[name].g([fake]), fake)
        assert found.item() == pytest.approx(slope, rel=1e-4)


# divergences

F_OF_U = {  # f-divergences: D_f(P || Q) = E_Q f(p / q)
    "kl": lambda u: u * u.log(),
    "reverse_kl": lambda u: -u.log(),
    "js": lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log(),
    "gan": lambda u: u * u.log() - (u + 1) * (u + 1).log(),
    "pearson": lambda u: (u - 1).square(),
    "hellinger": lambda u: (u.sqrt() - 1).square(),
    "total_variation": lambda u: (u - 1).abs() / 2,
}
OPTIMAL = {  # the score at which g(v) = f'(u), u = p / q
    "kl": lambda u: 1 + u.log(),
    "reverse_kl": lambda u: u.log(),
    "js": lambda u: u.log(),
    "gan": lambda u: u.log(),
    "pearson": lambda u: 2 * (u - 1),
    "hellinger": lambda u: u.log() / 2,
    "total_variation": lambda u: 30 * (u - 1).sign(),  # tanh reaches its sign
}
P, Q = Normal(tensor(0.4, dtype=torch.float64), 0.8), Normal(tensor(0.0, dtype=torch.float64), 1.0)
every_divergence = pytest.mark.parametrize("name", DIVERGENCES)


def known() -> dict[str, float]:
    """Of N(0.4, 0.8^2) from N(0, 1): in closed form, or by integration over a fine grid."""
    x = torch.linspace(-12, 12, 400_001, dtype=torch.float64)
    p, q, step = P.log_prob(x).exp(), Q.log_prob(x).exp(), 24 / 400_000
    m = (p + q) / 2
    js = 0.5 * (p * (p / m).log() + q * (q / m).log()).sum().item() * step
    variance = 1 / (2 / 0.64 - 1)  # of the Gaussian p^2 / q
    return {
        "kl": -log(0.8) + (0.64 + 0.16) / 2 - 0.5,
        "reverse_kl": log(0.8) + (1 + 0.16) / (2 * 0.64) - 0.5,
        "js": 2 * js,
        "gan": 2 * js - log(4),
        "pearson": variance**0.5 / 0.64 * exp(-0.16 / 0.64 + (0.4 / 0.64 * 2) ** 2 * variance / 2) - 1,
        "hellinger": 2 - 2 * (2 * 0.8 / 1.64) ** 0.5 * exp(-0.16 / (4 * 1.64)),
        "total_variation": (p - q).abs().sum().item() * step / 2,
    }


def quantiles(of: Normal, n: int = 200_000) -> torch.Tensor:
    return of.icdf((torch.arange(n, dtype=torch.float64) + 0.5) / n)


@every_divergence
def test_the_optimal_critic_attains_the_known_divergence(name):
    adv, optimal = OBJECTIVES[f"f_{name}"], OPTIMAL[name]
    scores = [optimal((P.log_prob(x) - Q.log_prob(x)).exp()) for x in (quantiles(P), quantiles(Q))]
    found = -adv.d(*([s] for s in scores)).item()
    assert found == pytest.approx(known()[name], abs=2e-4)
    bend = [0.3 * x.sin() for x in (quantiles(P), quantiles(Q))]
    if name != "total_variation":  # whose best score is infinite
        for sign in (-1, 1):
            assert -adv.d(*([s + sign * b] for s, b in zip(scores, bend))).item() < found, "a bound"
    assert -adv.d(*([0.5 * s] for s in scores)).item() < found


@every_divergence
def test_conjugates_are_those_of_f(name):
    """f*(t) = sup over u of u t - f(u), on a grid."""
    activation, conjugate = DIVERGENCES[name]
    v = torch.linspace(-1.5, 1.5, 13, dtype=torch.float64)
    u = torch.logspace(-6, 3, 200_001, dtype=torch.float64)
    sup = torch.stack([(u * t - F_OF_U[name](u)).max() for t in activation(v)])
    torch.testing.assert_close(conjugate(v), sup, atol=1e-4, rtol=0)


@every_divergence
def test_scores_of_any_size_give_no_nan(name):
    """Activations of a sure critic leave the conjugate's domain by rounding: -log(2 - exp(t)) would be infinite at 20."""
    adv, score = OBJECTIVES[f"f_{name}"], torch.tensor([-40.0, 40.0], requires_grad=True)
    for loss in (adv.d([score], [score]), adv.g([score])):
        (slope,) = torch.autograd.grad(loss, score)
        assert loss.isfinite() and slope.isfinite().all()


def test_disjoint_supports_say_nothing_of_how_far():
    """At its best D sees log 2 however far the fakes are, twice; a critic of slope 1 sees the way."""
    for far in (1.0, 10.0):
        real, fake = torch.zeros(100), torch.full((100,), far)
        sure = [40 * (1 - 2 * x / far) for x in (real, fake)]  # +40 on data, -40 on fakes
        assert -OBJECTIVES["f_js"].d(*([s] for s in sure)).item() == pytest.approx(2 * log(2))
        assert OBJECTIVES["non_saturating"].d(*([s] for s in sure)).item() == pytest.approx(0.0)
        assert -OBJECTIVES["wasserstein"].d([-real], [-fake]).item() == far
