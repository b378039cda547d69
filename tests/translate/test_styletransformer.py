"""Sentences that change their style: losses by hand, and rewards whose exact gradient is known."""

import itertools

import pytest
import torch
from torch import nn

from tests.cases import batch_of, recipe_of
from tests.tokens import Tokens
from translate.adv import least_squares, wasserstein
from translate.nets.sequence import Bottleneck, Critic, Encoder, Parallel, draw_word
from translate.sample import Sample
from translate.system import merged
from translate.systems.styletransformer import PolicyGradient, StyleTransformer, entropy, reinforce, within


def test_reinforce_is_the_exact_gradient_on_average():
    """Rewards of all sentences of two words out of four, summed by their probabilities, against 40,000 draws."""
    logits = torch.randn(2, 4, requires_grad=True)
    reward = torch.randn(4, 4)
    p = logits.softmax(-1)
    expected = sum(p[0, i] * p[1, j] * reward[i, j] for i, j in itertools.product(range(4), repeat=2))
    (exact,) = torch.autograd.grad(-expected, logits)

    n = 40_000
    batch = logits.detach().expand(n, -1, -1).clone().requires_grad_()
    words = draw_word(batch, 1.0)
    drawn = Sample(words, torch.ones(n, 2, dtype=torch.bool), logits=batch)
    value = reward[words[:, 0].argmax(-1), words[:, 1].argmax(-1)]
    for baseline in (0.0, 0.7):
        (each,) = torch.autograd.grad(reinforce(drawn, (value - baseline)[:, None].expand(-1, 2)), batch)
        each = each * n  # the loss is a mean
        error = each.std(0) / n**0.5
        assert ((each.mean(0) - exact).abs() < 4 * error).all()


def test_what_lies_out_of_reach_of_a_word_only_adds_noise():
    """Rewards that depend on single words: with reach 0 the same mean as with all of the sentence's, and less variance."""
    logits, gain = torch.randn(8, 4), torch.randn(8, 4)
    n = 20_000
    gradients = []
    for reach in (0, None):
        batch = logits.expand(n, -1, -1).clone().requires_grad_()
        words = draw_word(batch, 1.0)
        drawn = Sample(words, torch.ones(n, 8, dtype=torch.bool), logits=batch)
        (each,) = torch.autograd.grad(reinforce(drawn, within((words * gain).sum(-1), reach)), batch)
        gradients.append(each * n)
    near, far = gradients
    error = (near.var(0) + far.var(0)).sqrt() / n**0.5
    assert ((near.mean(0) - far.mean(0)).abs() < 4 * error).all()
    assert near.var(0).sum() < 0.5 * far.var(0).sum()


def test_entropy_by_hand():
    logits = torch.stack([torch.zeros(4), torch.tensor([0.0, 1e4, 0.0, 0.0]), torch.randn(4)])[None]
    fake = Sample(logits.softmax(-1), torch.tensor([[True, True, False]]), logits=logits)
    torch.testing.assert_close(entropy(fake), torch.tensor(4.0).log() / 2)


def test_sure_words_cost_where_entropy_has_a_weight():
    a, b = batch_of(recipe_of(StyleTransformer, "tokens")).values()
    system = style_transformer(entropy=0.5)
    losses = merged(system.loss_g(a, b))
    torch.testing.assert_close(losses["entropy_b"], -0.5 * entropy(system.a2b(a, like=a)))
    assert {"entropy_a", "entropy_b"} & set(merged(style_transformer().loss_g(a, b))) == set()


def test_within_sums_neighbours():
    each = torch.tensor([[1.0, 2.0, 4.0, 8.0]])
    assert within(each, 0).tolist() == [[1, 2, 4, 8]]
    assert within(each, 1).tolist() == [[3, 7, 14, 12]]
    assert within(each, None).tolist() == [[15] * 4]


def test_a_policy_learns_what_the_critic_likes():
    """One word is worth a point, all others nothing: after 60 steps it is what is drawn."""
    torch.manual_seed(0)
    tokens = Tokens()
    net = Parallel(Encoder(12, 8, 0), bottleneck=Bottleneck(draw_word))

    class Likes(nn.Module):
        def words(self, s):
            return (tokens.relax(s).x[..., 5]).float()

    system = PolicyGradient(
        tokens, tokens, net, net, Critic(12, 4), Critic(12, 4), cycle=0.0, identity=0.0, pool=0, reach=0
    )
    optimiser = torch.optim.Adam(net.parameters(), 0.05)
    s = tokens.collate([Sample(torch.randint(3, 12, (6,))) for _ in range(32)])
    for _ in range(60):
        fake = net(s)
        loss = system._policy(net, net, Likes(), s, fake, net(fake, like=s))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    words = net(s).x.argmax(-1)[:, :6]
    assert (words == 5).float().mean() > 0.9


def style_transformer(**kw) -> StyleTransformer:
    tokens = Tokens()
    net = Parallel(Encoder(12, 6, 1), copying=True)
    return StyleTransformer(tokens, tokens, net, net, Critic(12, 6), Critic(12, 6), pool=0, batch=2, **kw)


def test_the_critics_refuse_fakes_and_the_other_style():
    a, b = batch_of(recipe_of(StyleTransformer, "tokens")).values()
    system = style_transformer(other=0.5)
    merged(system.loss_g(a, b))
    losses = system.loss_d(a, b)
    fake = system.pool_b._rows("new")
    real = system.d_b(b)
    torch.testing.assert_close(losses["d_b"], least_squares.d(real, system.d_b(fake)))
    torch.testing.assert_close(losses["other_b"], 0.5 * least_squares.d(real, system.d_b(a)))
    assert set(losses) == {"d_a", "d_b", "other_a", "other_b"}
    plain = style_transformer(other=0.0, penalty=3.0, adv=wasserstein)
    merged(plain.loss_g(a, b))
    assert set(plain.loss_d(a, b)) == {"d_a", "d_b", "penalty_a", "penalty_b"}


def test_the_warm_up_is_an_ordinary_schedule():
    system = style_transformer(warm=3)
    at = {step: [u.loss or u.player for u in system.updates if u.active(step)] for step in (0, 2, 3, 9)}
    assert at == {0: ["loss_warm"], 2: ["loss_warm"], 3: ["g", "d"], 9: ["g", "d"]}
    a, b = batch_of(recipe_of(StyleTransformer, "tokens")).values()
    losses = system.loss_warm(a, b)
    torch.testing.assert_close(losses["restore_a"], system.A.distance(system.b2a(a, like=a), a))
    assert set(losses) == {"restore_a", "restore_b"}


def test_the_warm_up_teaches_pseudo_pairs():
    a, b = batch_of(recipe_of(StyleTransformer, "tokens")).values()
    lexicon = (lambda s: Sample(torch.where(s.x == 5, 6, s.x), s.mask)), (lambda s: s)
    system = style_transformer(warm=3, pseudo=lexicon, pairs=0.5)
    losses = system.loss_warm(a, b)
    said = Sample(torch.where(a.x == 5, 6, a.x), a.mask)
    torch.testing.assert_close(losses["pair_b"], 0.5 * system.B.distance(system.a2b(a, like=said), said))
    torch.testing.assert_close(losses["pair_a"], 0.5 * system.A.distance(system.b2a(b, like=b), b))
    assert set(losses) == {"restore_a", "restore_b", "pair_a", "pair_b"}
    assert {"pair_a", "pair_b"} < set(merged(system.loss_g(a, b)))


@pytest.mark.parametrize("system", [StyleTransformer, PolicyGradient])
def test_the_wanted_style_decides(system):
    built = recipe_of(system, "tokens").system().eval()
    a = batch_of(recipe_of(system, "tokens"))["a"]
    assert not torch.equal(built.a2b(a, like=a).logits, built.b2a(a, like=a).logits)
