"""Networks of sentences: what passes through a choice of words, what padding changes, what may be copied."""

import pytest
import torch
import torch.nn.functional as F

from tests.tokens import Tokens
from translate.modules.cycle import Pair
from translate.nets.sequence import (
    END,
    PAD,
    UNKNOWN,
    Beam,
    Bottleneck,
    Critic,
    Decoder,
    Drawn,
    Encoder,
    Parallel,
    Seq2Seq,
    concrete,
    draw_word,
    one_hot,
    simplex,
    straight_through,
    until_end,
)
from translate.sample import Sample

V, T = 12, 8


def sentences(n: int = 3) -> Sample:
    words = [torch.randint(3, V, (2 + i % 6,)) for i in range(n)]
    return Tokens().collate([Sample(w) for w in words])


def seq2seq(**kw) -> Seq2Seq:
    return Seq2Seq(Encoder(V, 6, 1), Decoder(V, T, 6, copying=True, **kw))


def editor(**kw) -> Parallel:
    return Parallel(Encoder(V, 6, 1), copying=True, **kw)


def test_an_editor_starts_from_its_input_or_from_a_draft():
    s = sentences(20)
    draft = torch.where(s.x > UNKNOWN, torch.randint_like(s.x, UNKNOWN + 1, V), s.x)
    for start, net in ((s.x, editor()), (draft, editor(drafts=True))):
        told = net(s, like=s, **({} if start is s.x else dict(draft=draft)))
        p = told.x.gather(-1, start[..., None])[..., 0][s.mask]
        assert p.mean() > 0.9
        words = net.eval()(s, **({} if start is s.x else dict(draft=draft))).x.argmax(-1)
        assert torch.equal(words[s.mask], start[s.mask])


def test_an_editor_of_drafts_says_what_it_is_offered_and_brings_back_anything():
    """Whatever a critic teaches it: the last layer's weights are a thousand times too large."""
    s = sentences(20)
    net = editor(drafts=True)
    torch.nn.init.normal_(net.out.weight, std=100.0)
    words = torch.stack([s.x, torch.randint_like(s.x, UNKNOWN + 1, V), s.x], -1)
    choices = words, torch.tensor([-0.1, -3.0, -1e4]).expand(words.shape)
    told = net(s, draft=s.x, choices=choices)
    assert (told.x.argmax(-1)[..., None] == words).any(-1)[s.mask].all()
    (told.x * torch.randn(V)).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())
    back = net(s, like=s, draft=s.x, choices=choices)
    assert (back.x.argmax(-1)[..., None] != words).all(-1)[s.mask].any()


@pytest.mark.parametrize("way", [straight_through, concrete, draw_word])
def test_each_way_past_the_discrete_step_gives_a_simplex(way):
    logits = torch.randn(500, V, requires_grad=True)
    x = way(logits, 0.7)
    torch.testing.assert_close(x.sum(-1), torch.ones(500))
    assert (x.detach() >= 0).all()
    assert x.requires_grad == (way is not draw_word)
    assert ((x.detach() == 0) | (x.detach() == 1)).all() == (way is not concrete)


@pytest.mark.parametrize("way", [straight_through, concrete, draw_word])
def test_words_are_drawn_as_often_as_their_probability_says(way):
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5])
    drawn = one_hot(way(logits.expand(100_000, -1), 1.0)).mean(0)
    torch.testing.assert_close(drawn, logits.softmax(-1), atol=0.005, rtol=0)  # 3 deviations of a share of 0.5


def test_straight_through_has_the_soft_samples_gradient():
    logits, weights = torch.randn(4, V), torch.randn(V)
    slopes = []
    for way in (concrete, straight_through):
        torch.manual_seed(3)
        given = logits.clone().requires_grad_()
        x = way(given, 0.5)
        (x @ weights).sum().backward()
        slopes.append(given.grad)
        if way is concrete:
            p = x.detach()
    torch.testing.assert_close(slopes[0], p * (weights - (p @ weights)[:, None]) / 0.5)
    torch.testing.assert_close(slopes[1], slopes[0])


def test_products_score_distributions_as_the_mean_over_the_sentences_that_may_be_drawn():
    critic, p, mask = Critic(3, 6, layers=0), torch.rand(1, 5, 3).softmax(-1), torch.ones(1, 5).bool()
    drawn = torch.cartesian_prod(*[torch.arange(3)] * 5)  # every sentence of 5 words
    chances = p[0, torch.arange(5), drawn].prod(1)
    mean = chances @ critic(Sample(drawn, mask.expand(len(drawn), -1)))[0][:, 0]
    torch.testing.assert_close(critic(Sample(p, mask))[0][0, 0], mean)


def test_the_temperature_falls_in_training_and_choices_are_greedy_afterwards():
    bottleneck = Bottleneck(straight_through, start=2.0, end=0.5, steps=4)
    seen = []
    for _ in range(6):
        seen.append(bottleneck.temperature.item())
        bottleneck.advance()
    assert seen == pytest.approx([2.0, 2 * 0.25**0.25, 1.0, 2 * 0.25**0.75, 0.5, 0.5])
    logits = torch.randn(64, V)
    assert torch.equal(bottleneck.eval()(logits), one_hot(logits))


@pytest.mark.parametrize("build", [seq2seq, editor])
def test_padding_is_inert(build):
    net, s = build().eval(), sentences()
    other = Sample(torch.where(s.mask, s.x, (s.x + 5) % V), s.mask)
    assert not torch.equal(other.x, s.x)
    free, told = net(s), net(s, like=s)
    assert torch.equal(free.x[free.mask], net(other).x[free.mask]) and torch.equal(free.mask, net(other).mask)
    assert torch.equal(told.logits[s.mask], net(other, like=other).logits[s.mask])
    wide = Sample(F.pad(s.x, (0, 3)), F.pad(s.mask, (0, 3)))
    torch.testing.assert_close(net(wide, like=s).logits[:, :T][s.mask], told.logits[s.mask])


@pytest.mark.parametrize("build", [seq2seq, editor])
def test_ids_and_their_one_hots_are_one(build):
    net, s = build().eval(), sentences()
    torch.testing.assert_close(net(s).logits, net(Sample(simplex(s, V), s.mask)).logits)


def test_an_editor_starts_as_a_copy_and_keeps_the_length():
    net, s = editor(), sentences(100)
    out = net(s)
    inside = s.mask & (s.x != END)
    assert 0.9 < (out.x.argmax(-1) == s.x)[inside].float().mean() < 1 and torch.equal(out.mask, s.mask)
    assert torch.equal(net.eval()(s).x.argmax(-1)[s.mask], s.x[s.mask])


def test_a_parallel_translators_ends_stand_where_the_inputs_do():
    net, s = Parallel(Encoder(V, 6, 0)), sentences()
    for _ in range(20):
        ids = net(s).x.argmax(-1)
        ends = s.x == END
        assert (ids[ends] == END).all()
        inside = s.mask & ~ends
        assert ((ids[inside] != END) & (ids[inside] != PAD)).all()
    loss = Tokens().distance(net(s, like=s), s)
    loss.backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


def test_copied_words_are_the_sources():
    """A decoder that only copies gives no probability to what the source does not have."""
    net, s = seq2seq().eval(), sentences()
    net.decoder.copies.weight.data.zero_()
    net.decoder.copies.bias.data.fill_(30.0)
    p = net(s, like=s).logits.exp()
    present = simplex(s, V).sum(1) > 0  # [B,V]
    absent = ~present[:, None].expand_as(p)
    assert p[absent].max() < 1e-6
    torch.testing.assert_close(p.sum(-1), torch.ones(3, T), atol=1e-4, rtol=0)


def test_a_sentence_begins_with_what_may_begin_one():
    begins = torch.zeros(V, dtype=torch.bool)
    begins[[5, 9]] = True
    net, s = Seq2Seq(Encoder(V, 6, 1), Decoder(V, T, 6, copying=True, begins=begins)), sentences(30)
    free, led = net(s), Beam(net.eval(), 3)(s)
    assert set(free.x[:, 0].argmax(-1).tolist()) | set(led.x[:, 0].tolist()) <= {5, 9}
    assert not set(free.x[:, 1].argmax(-1).tolist()) <= {5, 9} and "decoder.begins" not in net.state_dict()
    free.logits[:, 1:].sum().backward()


def test_words_that_are_left_out_are_not_copied():
    net, s = seq2seq(), sentences()
    net.noise = 1.0
    net.decoder.copies.weight.data.zero_()
    net.decoder.copies.bias.data.fill_(30.0)
    for given in (s, Sample(simplex(s, V), s.mask)):
        assert net(given, like=s).logits.exp().max() < 1e-6
        assert net.eval()(given, like=s).logits.exp().max() > 0.01
        net.train()


def test_word_dropout_hides_the_target_in_training_alone():
    decoder = Decoder(V, T, 6, dropout=1.0)
    s, code = sentences(), Encoder(V, 6, 1)(sentences())
    other = Sample(s.x.flip(0), s.mask)
    assert torch.equal(decoder(code, like=s).logits, decoder(code, like=other).logits)
    decoder.eval()
    assert not torch.equal(decoder(code, like=s).logits, decoder(code, like=other).logits)


def test_generation_repeats_what_teacher_forcing_says():
    """Told its own words, a decoder gives the logits it had when it chose them."""
    net, s = seq2seq().eval(), sentences()
    free = net(s)
    ids = Sample(free.x.argmax(-1), torch.ones(3, T, dtype=torch.bool))
    torch.testing.assert_close(net(s, like=ids).logits, free.logits, atol=1e-5, rtol=1e-5)


def sharp(length: int = 3) -> Seq2Seq:
    net = Seq2Seq(Encoder(V, 6, 1), Decoder(V, length, 6, copying=True)).eval()
    net.decoder.out.weight.data *= 4
    return net


def test_a_beam_of_one_is_greedy():
    net, s = sharp(5), sentences()
    free, one = net(s), Beam(net, 1)(s)
    assert torch.equal(one.mask, free.mask) and torch.equal(one.x[one.mask], free.x.argmax(-1)[free.mask])


def test_a_beam_that_holds_everything_finds_the_best():
    """Every sentence of at most 3 tokens scored by teacher forcing."""
    net, s = sharp(3), sentences(2)
    found = Beam(net, V**2)(s)
    ids = torch.cartesian_prod(*[torch.arange(V)] * 3)
    mask = until_end(F.one_hot(ids, V))
    everything = Sample(ids, mask)
    for row in range(2):
        log_p = net(s[torch.full((len(ids),), row)], like=everything).logits.log_softmax(-1)
        score = log_p.gather(2, ids[..., None])[..., 0].where(mask, 0).sum(1)
        words = (ids != END).where(mask, False).sum(1) + 1
        best = (score / words).argmax()
        assert torch.equal(found.x[row][found.mask[row]], ids[best][mask[best]])


def per_word(net: Seq2Seq, s: Sample, said: Sample) -> torch.Tensor:
    """Log probability a word of sentences, END among their words where they say it. [B]"""
    ids = said.x.argmax(-1) if said.x.is_floating_point() else said.x
    log_p = net(s, like=Sample(ids, said.mask)).logits.log_softmax(-1).gather(2, ids[..., None])[..., 0]
    return log_p.where(said.mask, 0).sum(1) / ((ids != END) & said.mask).sum(1).add(1)


def test_a_beam_finds_what_is_likelier_than_greedy_words():
    net, s = sharp(6), sentences(64)
    greedy, narrow, wide = (per_word(net, s, said) for said in (net(s), Beam(net, 3)(s), Beam(net, 24)(s)))
    assert narrow.mean() > greedy.mean() and wide.mean() >= narrow.mean()
    assert (wide >= greedy - 1e-5).all()


def test_a_beam_leads_any_encoder_with_a_decoder_and_minds_the_style():
    net, s = Pair(Encoder(V, 6, 1), Decoder(V, T, 6, styles=2)).eval(), sentences(8)
    s.label = torch.arange(8) % 2
    free, one = net(s), Beam(net, 1)(s)
    assert torch.equal(one.mask, free.mask) and torch.equal(one.x[one.mask], free.x.argmax(-1)[free.mask])


def test_words_are_drawn_in_eval_mode_as_their_seed_says():
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5])
    drawn = Drawn(0)(logits.expand(100_000, -1)).mean(0)
    torch.testing.assert_close(drawn, logits.softmax(-1), atol=0.005, rtol=0)
    s, found = sentences(8), []
    net = seq2seq().eval()
    for seed in (1, 1, 2):
        net.decoder.bottleneck = Drawn(seed)
        found.append(net(s).x)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


@pytest.mark.parametrize("layers", [0, 2])
def test_a_sentences_score_is_the_mean_of_its_words(layers):
    critic, s = Critic(V, 6, layers), sentences()
    words = critic.words(s)
    mean = words.where(s.mask, 0).sum(1) / s.mask.sum(1)
    torch.testing.assert_close(critic(s)[0][:, 0], mean)


@pytest.mark.parametrize("layers, kernel", [(2, 3), (0, 5)])
def test_a_words_score_reaches_as_far_as_the_convolutions(layers, kernel):
    critic = Critic(V, 6, layers, kernel)
    assert critic.reach == 2
    x = torch.rand(1, T, V, requires_grad=True)
    (slope,) = torch.autograd.grad(critic.words(Sample(x, torch.ones(1, T, dtype=torch.bool)))[0, 3], x)
    assert (slope[0].abs().sum(-1) > 0).tolist() == [1 <= t <= 5 for t in range(T)]


def test_the_end_is_found_without_the_host():
    ids = torch.tensor([[3, END, 4, END], [END, 3, 3, 3], [3, 4, 5, 6]])
    assert until_end(F.one_hot(ids, V).float()).int().tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]
