"""Summaries: which part of a document reads like a title, and a short text that the way back teaches."""

import pytest
import torch

from domains.windows import fit, padded, whole
from tests.cases import batch_of, recipe_of
from tests.tokens import FIRST_WORD, Tokens
from translate.nets.sequence import END, NEVER, PAD, Windows, simplex
from translate.sample import Sample
from translate.system import merged
from translate.systems.summarise import RewardedSummarise, Summarise

V = 12


def windows(begins: torch.Tensor | None = None, **kw) -> Windows:
    """Random weights."""
    found = Windows(torch.ones(V, dtype=torch.bool) if begins is None else begins, **dict(shortest=2, longest=4) | kw)
    found.weight.normal_()
    found.lift.fill_(0.3)
    return found


def documents(*rows: list[int]) -> Sample:
    return Tokens().collate([Sample(torch.tensor(row)) for row in rows])


def test_the_best_part_is_the_best_of_all():
    """Each part scored alone."""
    net, begins = windows(), torch.ones(V, dtype=torch.bool)
    begins[[4, 7, 9]] = False  # these go on with a word
    net.begins.copy_(begins)
    rows = [torch.randint(FIRST_WORD, V, (n,)).tolist() for n in (7, 7, 6, 5, 4, 3) * 5]
    s = documents(*rows)
    start, length = net.best(s)
    found, scores = net(s), net.scores(s)
    for i, row in enumerate(rows):
        parts = [(t, k) for k in (2, 3, 4) for t in range(len(row) - k + 1)]
        parts = [(t, k) for t, k in parts if begins[row[t]] and (t + k == len(row) or begins[row[t + k]])]
        value = {(t, k): whole(net, *padded([row[t : t + k]], 4)).item() + 0.3 * k - 0.05 * t for t, k in parts}
        assert {(t, k + 2) for t, k in (scores[i] > NEVER).nonzero().tolist()} == set(parts)
        for (t, k), wanted in value.items():
            assert scores[i, t, k - 2].item() == pytest.approx(wanted, abs=1e-5)
        if parts:
            t, k = max(value, key=value.get)
            assert (start[i].item(), length[i].item()) == (t, k)
            assert found.x[i, : k + 1].tolist() == [*row[t : t + k], END] and found.mask[i].sum() == k + 1
        else:
            assert (start[i].item(), length[i].item()) == (0, min(4, len(row)))


def test_a_title_in_the_place_of_the_best_part():
    net = windows(shortest=2, longest=2)
    net.weight.zero_()
    net.lift.zero_()
    net.weight[[6, 7]] = 1.0  # the words of the best part
    a = documents([3, 6, 7, 4, 5], [6, 7, 3, 3, 3, 3, 3])
    b = documents([8, 9, 10], [11, 10, 9, 8])
    s = net.splice(a, b)
    assert s.x.tolist() == [[3, 8, 9, 10, 4, 5, END, PAD], [11, 10, 9, 8, 3, 3, 3, END]]
    assert s.mask.sum(1).tolist() == [7, 8]
    shorter = net.splice(a, documents([8], [8]))
    assert shorter.x[0].tolist() == [3, 8, 4, 5, END, PAD, PAD, PAD]


def test_titles_are_found_where_they_were_put():
    """Documents of filler around a title of words that titles have."""
    rng = torch.Generator().manual_seed(0)

    def some(low, high, n):
        return torch.randint(low, high, (n,), generator=rng).tolist()

    titles = [some(7, V, 3 + i % 2) for i in range(60)]
    texts = [some(3, 7, 4) + some(7, V, 3 + i % 2) + some(3, 7, 4) for i in range(60)]
    net = fit(texts, titles, torch.ones(V, dtype=torch.bool), longest=6, steps=60)
    s = Sample(*padded(texts, 13))
    found, start = net(s), net.best(s)[0]
    inside = found.x[found.mask & (found.x != END)]
    assert (inside >= 7).float().mean() > 0.9 and (start == 4).float().mean() > 0.8
    assert net.best(s)[1].float().mean().item() == pytest.approx(3.5, abs=0.3), "as long as titles are"
    assert (fit(texts, [], net.begins, 6).weight == 0).all()


def test_a_pointer_mixes_what_it_copies_with_what_it_says():
    net = recipe_of(Summarise, "tokens").system().a2b.eval()
    s = documents([3, 4, 4, 5], [6, 7, 8])
    log_p = net(s, like=s).logits
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(2, 8), atol=1e-3, rtol=0)
    parts = []
    for bias in (-40.0, 40.0, 0.0):
        net.decoder.copies.weight.data.zero_()
        net.decoder.copies.bias.data.fill_(bias)
        parts.append(net(s, like=s).logits.exp())
    said, copied, mixed = parts
    torch.testing.assert_close(mixed, 0.5 * said + 0.5 * copied, atol=1e-5, rtol=0)
    soft = Sample(simplex(s, V), s.mask)
    torch.testing.assert_close(net(soft, like=s).logits, net(s, like=s).logits)


@pytest.mark.parametrize("system", [Summarise, RewardedSummarise])
def test_a_summary_learns_from_the_document_that_is_told_from_it(system):
    """Of the way back alone: by the gradient every parameter of the summariser, by reward none but through `policy`."""
    recipe = recipe_of(system, "tokens")
    built = recipe.system()
    losses = merged(built.loss_g(**batch_of(recipe)))
    own = list(built.a2b.parameters())
    slopes = torch.autograd.grad(losses["cycle_a"], own, allow_unused=True, retain_graph=True)
    assert all((slope is not None and slope.abs().sum() > 0) == (system is Summarise) for slope in slopes)
    if system is RewardedSummarise:
        slopes = torch.autograd.grad(losses["policy_b"], own, allow_unused=True)
        assert all(slope is not None and slope.abs().sum() > 0 for slope in slopes)


def test_a_rewards_parts_are_means_of_their_own_sentences():
    """A summary is shorter than its document: neither outweighs the other by its length."""
    recipe = recipe_of(RewardedSummarise, "tokens")
    built, a = recipe.system().eval(), batch_of(recipe)["a"]
    fake = built.a2b(a)
    back = built.b2a(fake, like=a)
    reward = built._rewards(built.d_b, fake, back, a)[:, 0]
    log_p = back.logits.log_softmax(-1).gather(2, a.x[..., None])[..., 0]
    told = log_p.where(a.mask, 0).sum(1) / a.mask.sum(1)
    torch.testing.assert_close(reward, built.d_b(fake)[0][:, 0] + built.cycle * told)
