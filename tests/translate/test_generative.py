"""Systems that draw from noise, on networks simple enough to compute by hand."""

from math import exp, log, pi

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal, kl_divergence

from domains.conditions import Labels
from domains.images import Images
from domains.metrics import generated
from translate.adv import OBJECTIVES
from translate.modules.conditional import (
    AuxiliaryClass,
    Certain,
    Contrast,
    Critic,
    Flat,
    Join,
    Joined,
    LabelEmbedding,
    OneHot,
    Pooled,
    Projection,
    Split,
    TwoWay,
    spectral,
)
from translate.modules.noise import Loud
from translate.nets import dcgan, spade
from translate.nets.improved import HistoricalAverage, MinibatchDiscrimination, MinibatchStd, VirtualBatchNorm
from translate.nets.sequence import Encoder
from translate.sample import Sample
from translate.systems.acgan import ACGAN
from translate.systems.autoencoder import VAE, AutoEncoder, divergence_from_prior
from translate.systems.began import BEGAN
from translate.systems.bigan import BiGAN
from translate.systems.gan import GAN, packed
from translate.systems.infogan import InfoGAN, Posterior, information

X = Images(size=4, channels=1)


class Shift(nn.Module):
    """A generator of vectors: noise + number (+ the label)."""

    noise = 2

    def __init__(self, number: float = 0.0):
        super().__init__()
        self.number = nn.Parameter(torch.tensor(number))

    def forward(self, z: Sample, c: Sample | None = None, like=None) -> Sample:
        return Sample(z.x + self.number + (0 if c is None else c.label[:, None]))


class Sum(nn.Module):
    """A critic: the sum of what it sees (+ 10 labels)."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, s: Sample, c: Sample | None = None) -> list[torch.Tensor]:
        return [self.gain * s.x.sum(1, keepdim=True) + (0 if c is None else 10 * c.label[:, None])]


def fixed(system, *noise):
    """Noise that is known beforehand, one tensor a draw."""
    rest = [torch.as_tensor(z) for z in noise]
    system.noise = lambda n: Sample(rest.pop(0))
    return system


REAL = Sample(torch.tensor([[1.0, 2.0], [0.0, 1.0]]))  # sums 3, 1
Z = torch.tensor([[0.5, 0.0], [-1.0, 0.5]])  # sums 0.5, -0.5


def values(losses) -> dict[str, float]:
    return {key: t.item() for key, t in losses.items()}


# the family


def test_wasserstein_gan_by_hand():
    gan = fixed(GAN(X, Shift(1.0), Sum(), OBJECTIVES["wasserstein"]), Z, Z)
    assert values(gan.loss_d(REAL)) == pytest.approx({"d_x": (2.5 + 1.5) / 2 - 2})
    assert values(gan.loss_g(REAL)) == pytest.approx({"adv_x": -2.0})


def test_earlier_fakes_are_shown_again():
    gan = fixed(GAN(X, Shift(1.0), Sum(), OBJECTIVES["wasserstein"], pool=2, batch=2), Z)
    put = []
    gan.pool.put, gan.pool.get = put.append, lambda n: Sample(torch.full((n, 2), 5.0))
    assert values(gan.loss_d(REAL)) == pytest.approx({"d_x": 10 - 2})
    assert torch.equal(put[0].x, Z + 1)


def test_a_relativistic_generator_sees_the_data_too():
    gan = fixed(GAN(X, Shift(), Sum(), OBJECTIVES["relativistic"]), Z)
    gaps = torch.tensor([3 - 0.5, 1 + 0.5])
    assert values(gan.loss_g(REAL)) == pytest.approx({"adv_x": F.softplus(gaps).mean().item()})


def test_the_matching_aware_critic_by_hand():
    """Reed's algorithm 1: -log s(x, c) - (log(1 - s(G, c)) + log(1 - s(x, wrong))) / 2."""
    c, wrong = (Labels(3).of(torch.tensor(labels)) for labels in ([1, 0], [2, 1]))
    gan = fixed(GAN(X, Shift(), Sum()), Z)
    right, fake, other = torch.tensor([13.0, 1.0]), torch.tensor([2.5 + 10, -0.5]), torch.tensor([23.0, 11.0])
    expected = F.softplus(-right).mean() + (F.softplus(fake).mean() + F.softplus(other).mean()) / 2
    assert values(gan.loss_d(REAL, c, wrong)) == pytest.approx({"d_x": expected.item()}, rel=1e-5)


def test_a_split_critic_hears_of_wrong_conditions_with_its_match_alone():
    body = nn.Module()
    body.forward = lambda s: s.x
    split = Split(2, LabelEmbedding(3, 2), width=4)
    gan = fixed(GAN(X, Shift(), Critic(body, split), OBJECTIVES["wasserstein"]), Z)
    c, wrong = (Labels(3).of(torch.tensor(labels)) for labels in ([1, 0], [2, 1]))
    (real, match), (_, mismatch) = split(REAL.x, c), split(REAL.x, wrong)
    fake, fake_match = split(Z + c.label[:, None], c)
    expected = ((fake.mean() - real.mean() + fake_match.mean() - match.mean()) / 2 + mismatch.mean() - match.mean()) / 2
    assert values(gan.loss_d(REAL, c, wrong)) == pytest.approx({"d_x": expected.item()}, abs=1e-6)


def test_packs_by_hand():
    assert packed(REAL, 2).x.tolist() == [[1.0, 2.0, 0.0, 1.0]]
    pictures = torch.arange(4 * 3 * 2 * 2).view(4, 3, 2, 2)
    assert torch.equal(
        packed(Sample(pictures), 2).x, torch.stack([pictures[:2].flatten(0, 1), pictures[2:].flatten(0, 1)])
    )
    sentences = Sample(torch.arange(8).view(2, 4), torch.arange(4)[None] < torch.tensor([[2], [3]]))
    assert packed(sentences, 2).x.tolist() == [list(range(8))]
    assert packed(sentences, 2).mask.int().tolist() == [[1, 1, 0, 0, 1, 1, 1, 0]], "they follow each other"
    gan = fixed(GAN(X, Shift(), Sum(), OBJECTIVES["wasserstein"], pack=2), Z)
    assert values(gan.loss_d(REAL)) == pytest.approx({"d_x": 0.0 - 4.0}), "one score for the two"


def test_lazy_penalties_are_an_update_of_their_own():
    def weight(critic, real, fake, c):
        return critic.gain.square()

    every, lazy = (GAN(X, Shift(), Sum(), penalties={weight: 3.0}, every=n) for n in (1, 4))
    assert values(every.loss_d(REAL))["penalty_weight"] == 3.0 and len(every.updates) == 2
    assert set(lazy.loss_d(REAL)) == {"d_x"} and values(lazy.loss_penalty(REAL)) == {"penalty_weight": 3.0}
    assert [(u.player, u.loss, u.every) for u in lazy.updates] == [
        ("d", None, 1),
        ("g", None, 1),
        ("d", "loss_penalty", 4),
    ]


def test_features_are_matched_by_their_means():
    critic = Critic(nn.Module(), AuxiliaryClass(2, 2))
    critic.body.forward = lambda s: s.x
    gan = fixed(GAN(X, Shift(), critic, matching=2.0), Z)
    gap = Z.mean(0) - REAL.x.mean(0)
    assert values(gan.loss_g(REAL))["matching_x"] == pytest.approx(2 * gap.square().mean().item())


def test_truncated_noise_has_less_variance():
    gan = GAN(X, Shift(5.0), Sum())
    full, half = (gan.draw(4000, truncation=t).x - 5 for t in (1.0, 0.5))
    assert full.std().item() == pytest.approx(1, abs=0.05) and half.std().item() == pytest.approx(0.5, abs=0.03)


# conditions


def test_a_two_way_softmax_is_the_logistic_loss():
    """Cross-entropy of the two logits = the non-saturating critic's loss of their difference (DCGAN's second critic)."""
    head, h = TwoWay(3), torch.randn(6, 3)
    logits = head.out(h)
    (score,) = head(h)
    expected = F.cross_entropy(logits[:4], torch.ones(4).long()) + F.cross_entropy(logits[4:], torch.zeros(2).long())
    torch.testing.assert_close(OBJECTIVES["non_saturating"].d([score[:4]], [score[4:]]), expected)


def test_projection_by_hand():
    head = Projection(2, LabelEmbedding(2, 2))
    with torch.no_grad():
        head.realism.out.weight.copy_(torch.tensor([[1.0, -1.0]]))
        head.embed.table.weight.copy_(torch.tensor([[0.0, 0.0], [2.0, 3.0]]))
    h, c = torch.tensor([[1.0, 4.0], [1.0, 4.0]]), Labels(2).of(torch.tensor([0, 1]))
    assert head(h, c)[0].flatten().tolist() == [-3.0, -3.0 + 2 + 12]


def test_projection_is_the_optimal_critic_of_gaussian_classes():
    """log p(x | y) / q(x) of unit Gaussians at m_y against one at 0 is <m_y, x> - |m_y|^2 / 2: linear in the embedding."""
    means = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    head = Projection(3, LabelEmbedding(2, 3))
    with torch.no_grad():
        head.realism.out.weight.zero_()
        head.embed.table.weight.copy_(torch.cat([means, -means.square().sum(1, keepdim=True) / 2], 1))
    x, y = torch.randn(50, 2), torch.arange(50) % 2
    (score,) = head(torch.cat([x, torch.ones(50, 1)], 1), Labels(2).of(y))
    ratio = (Normal(means[y], 1.0).log_prob(x) - Normal(0.0, 1.0).log_prob(x)).sum(1)
    torch.testing.assert_close(score[:, 0], ratio)


def test_conditions_are_joined_to_vectors_as_numbers_and_to_pictures_as_planes():
    class Remember(nn.Module):
        noise = 5

        def forward(self, s):
            return s.x

    joined, c = Joined(Remember(), OneHot(3)), Labels(3).of(torch.tensor([2, 0]))
    assert joined.noise == 2
    assert joined(REAL, c).tolist() == [[1, 2, 0, 0, 1], [0, 1, 1, 0, 0]]
    x = joined(Sample(torch.ones(2, 1, 2, 2)), c)
    assert x.shape == (2, 4, 2, 2) and x[:, :, 1, 0].tolist() == [[1, 0, 0, 1], [1, 1, 0, 0]]
    picture = Sample(torch.full((2, 1, 2, 2), 7.0))
    pix2pix = Joined(Remember(), Flat(1))
    assert pix2pix(Sample(torch.ones(2, 1, 2, 2)), picture)[:, :, 0, 0].tolist() == [[1, 7], [1, 7]]


def test_a_spectral_critic_has_slope_one_at_most():
    """Each layer's largest singular value is 1; leaky ReLU adds nothing, four 4x4 windows of stride 2 overlap: at most 2 a layer."""
    critic = spectral(Critic(body := dcgan.Body(1, 8, width=4), Join(body.features, Flat(2), 4)))
    c = Sample(torch.zeros(1, 2))
    for _ in range(30):
        critic(Sample(torch.randn(1, 1, 8, 8)), c)
    critic.eval()
    weights = [m.weight.flatten(1) for m in critic.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weights) == 3 and all(
        torch.linalg.matrix_norm(w, 2).item() == pytest.approx(1, abs=0.02) for w in weights
    )
    x = torch.randn(50, 1, 8, 8, requires_grad=True)
    (slope,) = torch.autograd.grad(critic(Sample(x), Sample(torch.zeros(50, 2)))[0].sum(), x)
    assert slope.flatten(1).norm(dim=1).max() <= 2


def test_acgan_by_hand():
    """Uniform classes cost log 3 on either side."""
    critic = Critic(nn.Module(), AuxiliaryClass(2, 3))
    critic.body.forward = lambda s: s.x
    nn.init.zeros_(critic.head.classes.weight), nn.init.zeros_(critic.head.classes.bias)
    c = Labels(3).of(torch.tensor([1, 0]))
    system = fixed(ACGAN(X, Shift(), critic, OBJECTIVES["wasserstein"]), Z, Z)
    scores = [critic.head(s)[0].mean().item() for s in (REAL.x, Z + c.label[:, None])]
    assert values(system.loss_d(REAL, c)) == pytest.approx(
        {"d_x": scores[1] - scores[0], "class_x": log(3), "class_fake": log(3)}
    )
    assert values(system.loss_g(REAL, c)) == pytest.approx({"adv_x": -scores[1], "class_g": log(3)})


def test_contrast_is_the_cross_entropy_of_whose_condition_it_is():
    """Features are their own embeddings: cosines are 1 for a row's own condition, 0 for others; equal conditions are one."""
    head = Contrast(3, OneHot(3), temperature=0.5)
    nn.init.eye_(head.look.weight), nn.init.zeros_(head.look.bias)
    for labels, misnamed in (
        ([0, 1, 2], log(1 + 2 * exp(-2))),
        ([0, 0, 1], (2 * log(1 + exp(-2) / 2) + log(1 + 2 * exp(-2))) / 3),
    ):
        c = Labels(3).of(torch.tensor(labels))
        assert head.misnamed(5 * OneHot(3)(c), c).item() == pytest.approx(misnamed, abs=1e-6)
    assert head.misnamed(torch.randn(2, 3), Labels(3).of(torch.tensor([1, 1]))).item() == pytest.approx(0, abs=1e-6)
    told = Sample(torch.tensor([[3, 4], [3, 0]]), torch.tensor([[True, True], [True, False]]))
    sentences = Contrast(3, Pooled(Encoder(6, 4), 4, 3))
    assert sentences.misnamed(torch.randn(2, 3), told) > 0, "sentences that begin alike are two"


def test_a_critic_may_learn_names_from_data_alone():
    critic = Critic(nn.Module(), AuxiliaryClass(2, 3))
    critic.body.forward = lambda s: s.x
    c = Labels(3).of(torch.tensor([1, 0]))
    system = fixed(ACGAN(X, Shift(), critic, fakes=0.0), Z, Z)
    assert set(system.loss_d(REAL, c)) == {"d_x", "class_x"} and set(system.loss_g(REAL, c)) == {"adv_x", "class_g"}


# codes


def test_the_information_bound_on_a_discrete_channel():
    """c uniform on 3, x | c by a table: at the posterior the bound is I(c; x), at any other Q it is less."""
    channel = torch.tensor([[0.7, 0.2, 0.1, 0.0], [0.1, 0.6, 0.1, 0.2], [0.25, 0.25, 0.25, 0.25]], dtype=torch.float64)
    joint = channel / 3  # p(c, x)
    marginal = joint.sum(0)
    mutual = torch.special.xlogy(joint, joint / (marginal / 3)).sum().item()

    def bound(q):  # the expectation over the channel, each (c, x) as often as its probability: in 1200ths
        counts = (joint * 1200).round().long()
        assert counts.sum() == 1200
        return information(q.log().flatten().repeat_interleave(counts.flatten()), log(3)).item()

    posterior = joint / marginal
    assert bound(posterior) == pytest.approx(mutual, abs=1e-12)
    for seed in range(5):
        torch.manual_seed(seed)
        other = (posterior + 0.3 * torch.rand(3, 4)).double()
        assert bound(other / other.sum(0)) < mutual
    assert bound(torch.full((3, 4), 1 / 3, dtype=torch.float64)) == pytest.approx(0, abs=1e-12), "Q that ignores x"


def test_a_continuous_codes_bound_is_a_gaussians_likelihood():
    q = Posterior(2, 3, 1, width=4)
    h, code = torch.randn(5, 2), torch.cat([F.one_hot(torch.arange(5) % 3, 3), torch.rand(5, 1)], 1)
    logits, mean, log_sd = q(h)
    category, value = q.log_q(h, code)
    torch.testing.assert_close(category, logits.log_softmax(1)[torch.arange(5), torch.arange(5) % 3])
    torch.testing.assert_close(value, Normal(mean, log_sd.exp()).log_prob(code[:, 3:])[:, 0])
    sure = -0.5 * log(2 * pi) + 3  # the most: a Gaussian of deviation e^-3 at its mean
    assert value.max() <= sure


def test_a_code_is_heard_louder_than_what_is_left_to_chance():
    loud = Loud(Shift(1.0), 1, 4.0)
    assert loud.noise == 2 and loud(Sample(torch.tensor([[1.0, 2.0]]))).x.tolist() == [[5.0, 3.0]]


def test_infogan_by_hand():
    """Both players raise the bounds, as far as they are weighed: minus weight times (log Q + entropy)."""
    wide, body = Shift(), nn.Module()
    wide.noise, body.forward = 7, lambda s: s.x
    system = InfoGAN(X, wide, Critic(body, AuxiliaryClass(7, 2)), Posterior(7, 3, 2, width=4), weights=(0.5, 0.25))
    z = system.noise(4)
    system.noise = lambda n: z
    category, continuous = (log_q.mean().item() for log_q in system.q.log_q(z.x, z.x[:, :5]))
    for losses in (system.loss_d(z), system.loss_g(z)):
        assert losses["information_category"].item() == pytest.approx(-0.5 * (category + log(3)), rel=1e-5)
        assert losses["information_values"].item() == pytest.approx(-0.25 * (continuous + 2 * log(2)), rel=1e-5)
    with torch.no_grad():
        system.q.out[-1].bias[-1] = -1e3
    assert system.q.log_q(z.x, z.x[:, :5])[1].isfinite().all(), "however sure it is"


def test_infogans_noise_holds_its_codes():
    class Wide(Shift):
        noise = 7

    critic = Critic(nn.Module(), AuxiliaryClass(7, 2))
    system = InfoGAN(X, Wide(), critic, Posterior(7, 3, 2, width=4))
    z = system.noise(3000).x
    assert (
        z.shape == (3000, 7)
        and (z[:, :3].sum(1) == 1).all()
        and z[:, :3].mean(0).tolist() == pytest.approx([1 / 3] * 3, abs=0.04)
    )
    assert z[:, 3:5].abs().max() <= 1 and z[:, 3:5].std().item() == pytest.approx(3**-0.5, abs=0.02)
    assert z[:, 5:].std().item() == pytest.approx(1, abs=0.04)


def test_bigan_judges_pairs_and_its_players_want_the_opposite():
    class Pairs(nn.Module):
        def forward(self, s, c):
            return [s.x.sum(1, keepdim=True) + 100 * c.x.sum(1, keepdim=True)]

    class Half(nn.Module):
        def forward(self, s):
            return Sample(s.x / 2)

    system = fixed(BiGAN(X, Shift(1.0), Half(), Pairs(), OBJECTIVES["wasserstein"]), Z, Z)
    encoded, generated = (3 + 1) / 2 * 51, 2 + 100 * 0.0  # mean of x + 100 x / 2; of G(z) + 100 z
    assert values(system.loss_d(REAL)) == pytest.approx({"d_x": generated - encoded})
    assert values(system.loss_g(REAL)) == pytest.approx({"adv_x": encoded - generated})


def test_the_divergence_from_the_prior():
    mean, log_variance = torch.randn(4, 3), torch.randn(4, 3)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence_from_prior(mean, log_variance), expected)
    assert divergence_from_prior(torch.zeros(1, 3), torch.zeros(1, 3)).item() == 0


class Encode(nn.Module):
    def __init__(self, *x: float):
        super().__init__()
        self.x = torch.tensor(x)

    def forward(self, s):
        return Sample(self.x.expand(len(s), -1))


def test_auto_encoders_by_hand():
    """Codes (3, 4) lie on the sphere of radius sqrt 2: (0.6, 0.8) sqrt 2. The VAE's variance is so small that it draws its mean."""
    code = torch.tensor([0.6, 0.8]) * 2**0.5
    found = values(AutoEncoder(X, Shift(), Encode(3.0, 4.0)).loss_g(REAL))
    assert found == pytest.approx({"reconstruction_x": (code - REAL.x).abs().mean().item()})
    found = values(VAE(X, Shift(), Encode(1.0, 2.0, -60.0, -60.0), kl=0.5).loss_g(REAL))
    gap = (torch.tensor([1.0, 2.0]) - REAL.x).abs().mean().item()
    assert found == pytest.approx({"reconstruction_x": gap, "prior_x": 0.5 * 0.5 * (1 + 4 - 2 + 120)})


def test_began_holds_its_balance():
    """D halves: L(x) = |x| / 2 = 0.5 on data, 0.25 on fakes. k rises by 0.1 (0.7 0.5 - 0.25) a step, and weighs from the next on."""

    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.tensor(0.5))

        def forward(self, s):
            return Sample(self.gain * s.x)

    z = torch.tensor([[0.5, -0.5], [0.0, 1.0]])  # |z| is 0.5 on average
    system = fixed(BEGAN(X, Shift(), Half(), diversity=0.7, gain=0.1), z, z, z)
    assert values(system.loss_d(REAL)) == pytest.approx({"d_x": 0.5, "d_fake": 0.0})
    assert system.k.item() == pytest.approx(0.1 * (0.35 - 0.25))
    assert values(system.loss_d(REAL)) == pytest.approx({"d_x": 0.5, "d_fake": -0.01 * 0.25})
    assert values(system.loss_g(REAL)) == pytest.approx({"adv_x": 0.25})


# tricks


def test_minibatch_discrimination_by_hand():
    """Projections 0, 0 and log 2: exp(-|difference|) to the others sums to 1 + 1/2, 1 + 1/2, 1/2 + 1/2."""
    layer = MinibatchDiscrimination(1, kernels=1, width=1)
    nn.init.ones_(layer.project.weight)
    out = layer(torch.tensor([[0.0], [0.0], [log(2)]]))
    assert out[:, 1].tolist() == pytest.approx([1.5, 1.5, 1.0]) and out[:, 0].tolist() == pytest.approx([0, 0, log(2)])


def test_minibatch_deviation_by_hand():
    x = torch.zeros(2, 1, 2, 2)
    x[0], x[1] = 3.0, 5.0
    out = MinibatchStd()(x)
    assert out.shape == (2, 2, 2, 2) and out[:, 1].flatten().tolist() == pytest.approx([1.0] * 8, abs=1e-6)


def test_virtual_batch_norm_does_not_see_the_other_rows():
    norm, reference = VirtualBatchNorm(2, 3), torch.randn(3, 2, 4, 4)
    x = torch.randn(4, 2, 4, 4)
    together = norm(torch.cat([reference, x]))[3:]
    alone = torch.cat([norm(torch.cat([reference, row[None]]))[3:] for row in x])
    torch.testing.assert_close(together, alone)
    group = torch.cat([reference, x[:1]])  # a row is normalised as in the batch of the reference and itself
    torch.testing.assert_close(together[:1], F.batch_norm(group, None, None, training=True)[3:], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        norm(torch.cat([reference, x]))[:3], F.batch_norm(reference, None, None, training=True), atol=1e-5, rtol=1e-4
    )


def test_historical_average_by_hand():
    net = Shift(2.0)
    past = HistoricalAverage(net)
    assert not list(past.parameters())
    assert past().item() == 0
    net.number.data.fill_(4.0)  # the mean of 2 and 4 is 3
    loss = past()
    loss.backward()
    assert loss.item() == 1 and net.number.grad.item() == 2


def test_pix2pix_is_pulled_towards_its_pair():
    """The critic sees both side by side; L1 is to the picture that the condition was made from."""

    class Double(nn.Module):
        def forward(self, c):
            return Sample(2 * c.x)

    c = Sample(torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    critic = Joined(Sum(), Flat(2))
    gan = GAN(X, Certain(Double()), critic, OBJECTIVES["wasserstein"], paired=10.0)
    assert values(gan.loss_g(REAL, c)) == pytest.approx(
        {"adv_x": -(4 + 2 + 0) / 2, "paired_x": 10 * (1 + 0 + 0 + 1) / 4}
    )


def test_spade_without_a_map_is_a_norm_and_a_map_moves_its_own_places():
    layer = spade.Spade(3, 1)
    for p in layer.scale_shift.parameters():
        nn.init.zeros_(p)
    x, c = torch.randn(4, 3, 8, 8), torch.randn(4, 1, 16, 16)
    torch.testing.assert_close(layer(x, c), F.batch_norm(x, None, None, training=True))
    layer = spade.Spade(3, 1).eval()
    other = c.clone()
    other[..., 15, 15] += 5.0
    moved = (layer(x, c) != layer(x, other)).any(1)[0]
    assert moved[5:, 5:].any() and not moved[:5].any() and not moved[:, :5].any()  # two 3x3 convolutions reach 2 places


def test_inception_score_and_coverage_by_hand():
    sure = 50.0 * torch.eye(4)[torch.tensor([0, 0, 1, 1])]
    assert generated.inception_score(sure) == pytest.approx(2, abs=1e-6), "two classes, each surely told"
    assert generated.inception_score(torch.zeros(5, 4)) == pytest.approx(1)
    found = torch.tensor([0] * 98 + [1, 2])
    assert generated.coverage(found, 4) == 0.75 and generated.coverage(found, 4, least=0.02) == 0.25
    assert (
        generated.entropy(torch.tensor([0, 1, 0, 1]), 4) == pytest.approx(log(2))
        and generated.entropy(found[:9], 4) == 0
    )
    clusters, labels = torch.tensor([2, 2, 0, 0, 1]), torch.tensor([0, 0, 1, 1, 1])
    assert generated.cluster_accuracy(clusters, labels) == pytest.approx(4 / 5)
