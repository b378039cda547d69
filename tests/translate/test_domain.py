"""What every domain must do, on pictures, sentences and voices."""

import pytest
import torch

from tests.cases import CRITIC, DECODER, ENCODER, SOURCES
from translate.domain import Domain
from translate.nets.sequence import END, gumbel, straight_through, until_end
from translate.sample import Sample

every_domain = pytest.mark.parametrize("kind", SOURCES)


def test_the_domains_covered():
    assert list(SOURCES) == ["images", "tokens", "mels"]


def batch(kind: str, n: int = 3) -> tuple[Domain, Sample]:
    source = SOURCES[kind]("a")
    return source.domain, source.domain.normalise(source.rows(range(n)))


def junk(s: Sample) -> Sample:
    """The same sentences with other ids where there is only padding."""
    other = torch.where(s.mask, s.x, (s.x + 5) % 12)
    assert not torch.equal(other, s.x)
    return Sample(other, s.mask)


@every_domain
def test_it_has_all_that_the_protocol_names(kind):
    domain, _ = batch(kind)
    assert isinstance(domain, Domain)
    assert domain.suffixes and all(suffix.startswith(".") for suffix in domain.suffixes)
    again = type(domain)(**{k: v for k, v in domain.spec().items() if k != "domain"})
    assert again.spec() == domain.spec() and again.kind == domain.kind


@every_domain
def test_hardening_what_was_relaxed_gives_it_back(kind):
    domain, s = batch(kind)
    relaxed = domain.relax(s)
    assert relaxed.x.is_floating_point()
    back = domain.harden(relaxed)
    assert torch.equal(back.x, s.x) and back.x.dtype == s.x.dtype
    assert back.mask is s.mask
    assert domain.harden(s) is s and domain.relax(relaxed) is relaxed


@every_domain
def test_what_is_denormalised_is_normalised_to_what_it_was(kind):
    domain, s = batch(kind)
    torch.testing.assert_close(domain.normalise(domain.denormalise(s)).x, s.x, atol=1e-5, rtol=0)


@every_domain
def test_blank_rows_have_the_shapes_and_types_of_hardened_fakes(kind):
    domain, s = batch(kind)
    fake = domain.decoder(**DECODER[kind])(domain.encoder(**ENCODER[kind])(s))
    kept = domain.harden(fake.detach())
    for name, t in vars(domain.blank(3)).items():
        other = getattr(kept, name)
        assert (t is None) == (other is None), name
        assert t is None or (t.shape, t.dtype) == (other.shape, other.dtype), name


@every_domain
def test_critics_score_in_float32_and_differentiate_twice(kind):
    domain, s = batch(kind)
    critic = domain.critic(**CRITIC[kind])
    with torch.autocast("cpu", torch.bfloat16):
        scores = critic(s)
    assert len(scores) == CRITIC[kind].get("scales", 1)
    assert all(score.dtype == torch.float32 and score.ndim == 2 and len(score) == 3 for score in scores)

    real = domain.relax(s)
    x = real.x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(sum(t.sum() for t in critic(Sample(x, s.mask))), x, create_graph=True)
    gradient.square().sum().backward()
    assert all(p.grad is not None for p in critic.parameters() if p.ndim > 1)  # a last bias shifts no gradient
    assert x.grad.isfinite().all()


@every_domain
def test_a_sample_is_nearest_to_itself(kind):
    domain, s = batch(kind)
    sure = Sample(domain.relax(s).x, s.mask, logits=50 * domain.relax(s).x)
    other = Sample(sure.x.roll(1, 0), s.mask, logits=sure.logits.roll(1, 0))
    assert domain.distance(sure, s) < 1e-6 < domain.distance(other, s)


def test_distances_by_hand():
    images, _ = batch("images")
    assert images.distance(Sample(torch.tensor([[0.5, -1.0]])), Sample(torch.tensor([[0.0, 1.0]]))).item() == 1.25

    tokens, _ = batch("tokens")
    ids, mask = torch.tensor([[3, END, 7, 7]]), torch.tensor([[True, True, False, False]])
    logits = torch.zeros(1, 4, 12)
    logits[0, 1, END] = 2.0
    first, second = torch.tensor(12.0).log(), (11 + torch.tensor(2.0).exp()).log() - 2
    pred = Sample(logits.softmax(-1), mask, logits=logits)
    torch.testing.assert_close(tokens.distance(pred, Sample(ids, mask)), (first + second) / 2)


def test_padding_is_inert():
    tokens, s = batch("tokens")
    other = junk(s)
    encoder, decoder, critic = tokens.encoder(), tokens.decoder(), tokens.critic()

    assert torch.equal(critic(s)[0], critic(other)[0])
    assert torch.equal(critic(s)[0], critic(tokens.relax(other))[0])
    code = encoder(s)
    assert torch.equal(code.x, encoder(other).x)
    told, told_other = decoder(code, like=s), decoder(code, like=other)
    assert torch.equal(told.logits[s.mask], told_other.logits[s.mask])
    assert torch.equal(tokens.distance(told, s), tokens.distance(told_other, other))
    assert tokens.sentences(s) == tokens.sentences(other)
    assert critic(tokens.blank(1))[0].isnan().all()  # so that a pool that hands out unfilled rows is found out


def test_teacher_forcing_is_aligned_and_causal():
    """The logits at t see the target before t alone: which gradients with respect to the target are zero says so."""
    tokens, s = batch("tokens", 1)
    everything = Sample(tokens.relax(s).x.requires_grad_(), torch.ones_like(s.mask))
    code = tokens.encoder()(s)
    logits = tokens.decoder()(code, like=everything).logits
    for t in range(tokens.length):
        (seen,) = torch.autograd.grad(logits[0, t].square().sum(), everything.x, retain_graph=True, allow_unused=True)
        reached = torch.zeros(tokens.length, dtype=bool) if seen is None else seen[0].abs().sum(-1) > 0
        assert reached.tolist() == [i < t for i in range(tokens.length)]


def test_straight_through_is_hard_forward_and_soft_backward():
    logits = torch.randn(64, 12, requires_grad=True)
    torch.manual_seed(3)
    x = straight_through(logits, 0.7)
    assert torch.equal(x, torch.nn.functional.one_hot(x.argmax(-1), 12).float())

    weights = torch.randn(12)
    (x @ weights).sum().backward()
    torch.manual_seed(3)
    soft_logits = logits.detach().requires_grad_()
    (((soft_logits + gumbel(logits)) / 0.7).softmax(-1) @ weights).sum().backward()
    torch.testing.assert_close(logits.grad, soft_logits.grad)


def test_a_generated_sentence_ends_with_its_first_end():
    ids = torch.tensor([[3, END, 4, END], [END, 3, 3, 3], [3, 4, 5, 6]])
    mask = until_end(torch.nn.functional.one_hot(ids, 12).float())
    assert mask.int().tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]

    tokens, s = batch("tokens")
    fake = tokens.decoder()(tokens.encoder()(s))
    assert fake.x.shape == (3, 8, 12) and fake.mask.dtype == torch.bool and fake.mask[:, 0].all()
    assert torch.equal(fake.mask, until_end(fake.x))
