"""Sentences out of noise: drawn as the model says, and words worth what their sentences are worth, against all sentences there are."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.cases import batch_of, recipe_of
from translate.nets.sequence import END, Decoder, Writer, drawn_by, until_end
from translate.sample import Sample
from translate.systems.seqgan import SeqGAN

V, T = 5, 3


class Domain:
    vocabulary = V

    def distance(self, pred: Sample, target: Sample) -> torch.Tensor:
        return torch.tensor(3.0)


class Told(nn.Module):
    """A critic that knows every sentence's score, whatever stands behind its end."""

    def __init__(self):
        super().__init__()
        self.scores = torch.randn(V, V, V)

    def forward(self, s: Sample) -> list[torch.Tensor]:
        assert (s.x[~s.mask] == 0).all() and s.mask[:, 0].all()
        return [self.scores[tuple(s.x.T)][:, None]]


def writer() -> Writer:
    decoder = Decoder(V, T, 6)
    decoder.out.weight.data *= 6
    decoder.embed.weight.data *= 6  # the last word matters
    return Writer(decoder)


def probabilities(g: Writer) -> dict[tuple[int, ...], float]:
    """Of each sentence of T words, its end not looked at."""
    ids = torch.tensor(list(itertools.product(range(V), repeat=T)))
    log_p = g(Sample(torch.zeros(len(ids), T)), like=Sample(ids, torch.ones(len(ids), T, dtype=torch.bool))).logits
    p = log_p.log_softmax(-1).gather(2, ids[..., None])[..., 0].sum(1).exp()
    return dict(zip(map(tuple, ids.tolist()), p.tolist()))


def test_a_word_is_drawn_as_often_as_its_probability_says():
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5])
    ids = drawn_by(logits.expand(100_000, -1), torch.randn(100_000))
    torch.testing.assert_close(F.one_hot(ids, 4).float().mean(0), logits.softmax(-1), atol=0.005, rtol=0)
    assert drawn_by(logits.expand(2, -1), torch.tensor([-40.0, 40.0])).tolist() == [0, 3]


def test_a_sentence_is_a_function_of_its_noise_and_as_frequent_as_the_model_says():
    g = writer()
    z = Sample(torch.randn(40_000, T))
    with torch.no_grad():
        s, again = g(z), g.eval()(z)
        exact = probabilities(g)
    assert torch.equal(s.x, again.x) and torch.equal(s.mask, until_end(s.x)) and sum(exact.values()) == pytest.approx(1)
    found = s.x.argmax(-1) @ torch.tensor([V * V, V, 1])
    shares = torch.bincount(found, minlength=V**T) / len(found)
    torch.testing.assert_close(shares, torch.tensor(list(exact.values())), atol=0.01, rtol=0)


def test_a_rollout_keeps_what_was_said():
    ids = torch.randint(0, V, (4, 6))
    out = Writer(Decoder(V, 6, 6)).rollouts(ids)
    assert out.shape == (5, 4, 6) and all(torch.equal(out[t - 1, :, :t], ids[:, :t]) for t in range(1, 6))


def test_a_words_value_is_what_its_sentences_are_worth_on_average():
    """Eq. 4 with very many rollouts, against the exact expectation over all sentences."""
    g, critic = writer(), Told()
    system = SeqGAN(Domain(), g, critic, rollouts=8000)
    exact = probabilities(g)

    def worth(sentence: tuple[int, ...]) -> float:
        end = sentence.index(END) + 1 if END in sentence else T
        return critic.scores[sentence[:end] + (0,) * (T - end)].sigmoid().item()

    every = (3, 4, 2), (END, 2, 3), (4, END, END)
    for said, found in zip(every, system.value(Sample(F.one_hot(torch.tensor(every), V).float()))):
        for t in (1, 2, 3):
            begun = {s: p for s, p in exact.items() if s[:t] == said[:t]}
            expected = sum(p * worth(s) for s, p in begun.items()) / sum(begun.values())
            assert found[t - 1].item() == pytest.approx(expected, abs=0.015), "4 deviations of a mean of 8,000"


def test_a_word_of_more_value_than_is_usual_at_its_place_grows_likelier():
    """By hand, a token: -A log p, where A is the value less the mean of its place, of deviation 1; and the likelihood's share."""
    g = writer()
    system, fake, value = SeqGAN(Domain(), g, Told(), likelihood=0.5), g(Sample(torch.randn(20, T))), torch.rand(20, T)
    fake.mask = torch.arange(T) < torch.randint(1, T + 1, (20, 1))
    system.draw, system.value = lambda n: fake, lambda s: value
    losses = system.loss_g(Sample(torch.randint(V, (20, T)), torch.ones(20, T, dtype=torch.bool)))
    advantage = torch.zeros(20, T)
    for t in range(T):
        rows = fake.mask[:, t]
        advantage[rows, t] = value[rows, t] - value[rows, t].mean()
    log_p = fake.logits.log_softmax(-1).gather(2, fake.x.argmax(-1, keepdim=True))[..., 0]
    expected = -(advantage * log_p)[fake.mask].mean() / advantage[fake.mask].std(unbiased=False)
    torch.testing.assert_close(losses["policy_x"], expected)
    assert losses["likelihood_x"] == 0.5 * 3


def test_the_critic_takes_sentences_for_real_and_drawn_ones_for_fakes():
    class Length(nn.Module):
        def forward(self, s: Sample) -> list[torch.Tensor]:
            return [s.mask.sum(1, keepdim=True).float()]

    system, mask = SeqGAN(Domain(), writer(), Length()), torch.ones(4, T, dtype=torch.bool)
    system.draw = lambda n: Sample(torch.zeros(n, T, V), mask & (torch.arange(T) < 1))
    expected = F.softplus(torch.tensor(-3.0)) + F.softplus(torch.tensor(1.0))
    torch.testing.assert_close(system.loss_d(Sample(torch.zeros(4, T).long(), mask))["d_x"], expected)


def test_the_likelihood_is_what_the_first_steps_learn():
    recipe = recipe_of(SeqGAN, "tokens")
    built, x = recipe.system().eval(), batch_of(recipe)["x"]
    log_p = built.g(built.noise(len(x)), like=x).logits.log_softmax(-1).gather(2, x.x[..., None])[..., 0]
    expected = -log_p.where(x.mask, 0).sum() / x.mask.sum()
    torch.testing.assert_close(built.loss_likelihood(x)["likelihood_x"], expected)
    assert [u.loss for u in built.updates if u.active(0)] == ["loss_likelihood", None]
    assert [u.player for u in built.updates if u.active(1)] == ["d", "g"]
