"""Words that stand in like surroundings stand for each other, where the sentence around them allows it."""

from itertools import product

import numpy as np
import pytest
import torch

from domains.lexicon import NEVER, Bigrams, Rewriter, openers, phrases, substitutes
from translate.nets.sequence import END, PAD, UNKNOWN
from translate.sample import Sample

OLD, NEW, KEPT = 3, 4, range(5, 15)  # ids of an old word, of its modern one, and of words that both sides say


OLD_AND_ALL = [OLD, *KEPT]


def said(word: int, rng, n: int = 200) -> list[list[int]]:
    """Sentences in which `word` always stands between 5 and 6."""
    return [[*rng.choice(KEPT[2:], 3), KEPT[0], word, KEPT[1], *rng.choice(KEPT[2:], 2), UNKNOWN] for _ in range(n)]


def offered(a, b, vocabulary: int, word: int, **kw) -> dict[int, float]:
    words, cost = substitutes(a, b, vocabulary, **kw)
    return {int(w): float(c) for w, c in zip(words[word], cost[word]) if c < NEVER}


def test_a_mark_may_become_the_other_sides_word_between_the_same_neighbours_and_all_else_stays():
    rng = np.random.default_rng(0)
    elsewhere = [[15, *rng.choice(KEPT[2:], 4)] for _ in range(100)]  # another modern word, in other surroundings
    a, b = said(OLD, rng), said(NEW, rng) + elsewhere
    found = offered(a, b, 16, OLD)
    assert found.keys() <= {OLD, NEW, 15} and found[OLD] == 0 and 2 <= found[NEW] < found.get(15, NEVER)
    assert all(offered(a, b, 16, i) == {i: 0} for i in range(16) if i != OLD)


def test_a_mark_that_no_word_is_like_stays():
    rng = np.random.default_rng(0)
    elsewhere = [[NEW, *rng.choice(KEPT[2:], 4)] for _ in range(200)]
    assert offered(said(OLD, rng), elsewhere, 15, OLD, least=0.5) == {OLD: 0}


def test_what_is_said_seldom_is_like_nothing():
    rng = np.random.default_rng(0)
    b = said(NEW, rng)
    for n, found in ((100, {OLD, NEW}), (2, {OLD})):
        a = [*said(OLD, rng, n), *([*rng.choice(KEPT, 6)] for _ in range(100))]
        assert offered(a, b, 15, OLD, least=0.3, rare=15.0).keys() == found
        assert NEW in offered(a, b, 15, OLD, least=0.3)


def test_a_word_that_is_seldom_said_may_stand_for_one_that_is_spelt_like_it():
    rng = np.random.default_rng(0)
    a, b = said(OLD, rng), said(NEW, rng) + [[15, 7, 8, 9]]
    assert 15 not in offered(a, b, 16, OLD)
    assert offered(a, b, 16, OLD, spelt={(OLD, 15): 1.0})[15] == 3.0, "as in surroundings that have nothing in common"


def test_two_sides_that_are_one_have_no_marks():
    side = said(OLD, np.random.default_rng(0))
    assert all(offered(side, side, 15, i) == {i: 0} for i in range(15))


def test_pairs_of_words_are_a_distribution_and_follow_the_counts():
    rng = np.random.default_rng(1)
    sentences = said(OLD, rng, 20)
    bigrams = Bigrams(sentences, 16)
    log_p = bigrams(torch.arange(16)[:, None], torch.arange(16)[None])
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(16))
    seen = [(x, y) for s in sentences for x, y in zip([PAD, *s], [*s, END])]
    spare = 0.75 * len({y for x, y in seen if x == KEPT[0]}) / 20
    alone = (sum(y == OLD for _, y in seen) + 0.05) / (len(seen) + 0.05 * 16)
    assert log_p[KEPT[0], OLD].exp().item() == pytest.approx((20 - 0.75) / 20 + spare * alone, rel=1e-5)


def test_what_one_learnt_another_can_load():
    rng = np.random.default_rng(4)
    learnt, loaded = Rewriter(said(OLD, rng), said(NEW, rng), 16), Rewriter([], [], 16)
    x = torch.tensor([[*s, END] for s in said(OLD, rng)])
    s = Sample(x, torch.ones_like(x, dtype=torch.bool))
    assert torch.equal(loaded(s).x, x)  # of no sentences: nothing changes
    loaded.load_state_dict(learnt.state_dict())
    assert torch.equal(loaded(s).x, learnt(s).x) and not torch.equal(loaded(s).x, x)


def test_a_word_is_not_the_better_for_being_unheard_of():
    """Where sentences are matched, what a says lifts a word by at most `against` times log 2 above what b says of it."""
    rng = np.random.default_rng(5)
    rewriter = Rewriter(said(OLD, rng), said(NEW, rng), 16, matched=1)
    before, word = torch.tensor(list(product(range(16), repeat=2))).T
    a, b = rewriter.a(before, word), rewriter.b(before, word)
    own = torch.logaddexp(b + np.log(0.99), a + np.log(0.01))
    assert (rewriter.follows(before, word) <= own - rewriter.against * (b - np.log(2)) + 1e-5).all()


def test_the_rewritten_sentence_is_the_likeliest_of_all():
    """Against every sentence that there is."""
    rng = np.random.default_rng(2)
    a, b = (
        [list(rng.choice(np.arange(3, 9), rng.integers(2, 6), p=p)) for _ in range(80)]
        for p in rng.dirichlet(np.ones(6), 2)
    )
    rewriter = Rewriter(a, b, 9)
    rewriter.words[3:] = torch.from_numpy(rng.integers(3, 9, rewriter.words[3:].shape))
    rewriter.cost[3:] = torch.from_numpy(rng.random(rewriter.cost[3:].shape)).float() * 3
    x = torch.full((30, 5), PAD)
    mask = torch.arange(5) < torch.tensor([5, 4, 3, 2, 5, 1, *[3] * 24])[:, None]
    x[mask] = torch.from_numpy(rng.integers(3, 9, int(mask.sum())))
    found = rewriter(Sample(x, mask)).x
    assert (found[~mask] == PAD).all()

    def worth(ids: list[int], to: list[int]) -> float:
        pairs = torch.tensor([[PAD, *to[:-1]], to])
        costs = [
            min(c for w, c in zip(rewriter.words[i].tolist(), rewriter.cost[i].tolist()) if w == j)
            for i, j in zip(ids, to)
        ]
        return rewriter.follows(*pairs).sum().item() - sum(costs)

    for ids, to, real in zip(x, found, mask):
        ids, to = ids[real].tolist(), to[real].tolist()
        best = max(worth(ids, list(way)) for way in product(*({*rewriter.words[i].tolist()} for i in ids)))
        assert worth(ids, to) == pytest.approx(best, abs=1e-4)


def test_the_same_sentences_are_rewritten_once_and_others_anew(monkeypatch):
    rewriter = Rewriter([[3, 4, 5]] * 9, [[6, 4, 7]] * 9, 8)
    likeliest, calls = rewriter._likeliest, []
    monkeypatch.setattr(rewriter, "_likeliest", lambda s: calls.append(s) or likeliest(s))
    first, other = (
        Sample(torch.tensor([[*words, END]]), torch.ones(1, 4, dtype=torch.bool)) for words in ((3, 4, 5), (4, 3, 4))
    )
    said = rewriter(first)
    again = rewriter(Sample(first.x, first.mask, torch.zeros(1)))
    assert torch.equal(said.x, again.x) and again.label is not None and len(calls) == 1
    assert torch.equal(rewriter(other).x, likeliest(other)) and len(calls) == 2
    rewriter(Sample(other.x, other.mask.clone()))
    assert len(calls) == 3


def test_the_channel_is_a_distribution_over_what_came_of_each_word():
    rng = np.random.default_rng(6)
    a, b = said(OLD, rng), said(NEW, rng)
    for rounds in (1, 4):
        rewriter = Rewriter(a, b, 16, rounds=rounds)
        p = torch.bincount(rewriter.words.flatten(), (-rewriter.cost).exp().flatten(), 16)
        torch.testing.assert_close(p[np.unique([*OLD_AND_ALL, NEW])], torch.ones(len(OLD_AND_ALL) + 1))


def test_the_channel_by_hand():
    """Between 5 and 6 each OLD becomes NEW, which nothing else does: of n + 20 that NEW came of, n and a share of the 20 are OLD."""
    rng = np.random.default_rng(6)
    a, b = said(OLD, rng), said(NEW, rng)
    words, cost = substitutes(a, b, 16)
    begin = {i: np.exp(-cost[i][words[i] == NEW]).sum() for i in (OLD, NEW)}
    rewriter = Rewriter(a, b, 16, rounds=1)
    expected = (len(a) + 20 * begin[OLD] / sum(begin.values())) / (len(a) + 20)
    found = rewriter.cost[OLD][rewriter.words[OLD] == NEW]
    assert found.min().item() == pytest.approx(-np.log(expected), rel=1e-4)


def test_what_a_word_means_is_learnt_whatever_a_style_is():
    rng = np.random.default_rng(6)
    a, b = ([list(rng.choice(np.arange(3, 16), 6, p=p)) for _ in range(200)] for p in rng.dirichlet(np.ones(13), 2))
    mild, strict = (Rewriter(a, b, 16, against=against) for against in (0.0, 5.0))
    torch.testing.assert_close(mild.cost, strict.cost)
    assert mild.against == 0 and strict.against == 5


def test_a_word_that_always_came_of_one_grows_cheaper_and_one_that_never_did_dearer():
    rng = np.random.default_rng(7)
    a, b = (
        said(OLD, rng),
        [*said(NEW, rng), *([[KEPT[0], 15, 7]] * 20)],
    )  # 15: beside one of the same neighbours, seldom

    def cost(rounds: int) -> dict[int, float]:
        rewriter = Rewriter(a, b, 16, rounds=rounds)
        return {int(w): float(c) for w, c in zip(rewriter.words[OLD], rewriter.cost[OLD]) if c < NEVER}

    before, after = cost(0), cost(4)
    assert before.keys() == after.keys() >= {OLD, NEW, 15}
    assert after[NEW] < 0.5 < before[NEW] and after[NEW] < after[15] - 2


def test_a_word_that_a_side_never_says_is_as_rare_there_as_it_can_be_and_not_impossible():
    """Both log p_b - log p_a are at most log 99, the shares' ratio, whatever was counted."""
    rng = np.random.default_rng(8)
    rewriter = Rewriter(said(OLD, rng), said(NEW, rng), 16, against=1.0, rounds=0)
    follows = rewriter.follows(torch.arange(16)[:, None], torch.arange(16)[None])
    assert follows[KEPT[0], NEW].item() == pytest.approx(np.log(99), abs=0.05)
    assert follows[KEPT[0], OLD].item() == pytest.approx(-np.log(99), abs=0.05)
    assert follows.abs().max() < np.log(99) + 1e-4


def test_a_word_unheard_of_is_no_gain_where_it_does_not_belong():
    """ "receive ye" is "receive you", which a says too, and not "receive n't", because a never says "n't"."""
    rng = np.random.default_rng(9)
    fill = [list(rng.choice(KEPT[4:], 4)) for _ in range(200)]
    a = [[5, OLD, 6] for _ in range(60)] + [[5, NEW, 6] for _ in range(40)] + fill
    b = [[5, NEW, 6] for _ in range(60)] + [[7, 15, 8] for _ in range(200)] + fill
    rewriter = Rewriter(a, b, 16, rounds=0)
    rewriter.words[OLD, :3], rewriter.cost[OLD, :3] = torch.tensor([OLD, NEW, 15]), torch.tensor([3.0, 3.0, 3.0])
    rewriter.cost[OLD, 3:] = NEVER
    x = torch.tensor([[5, OLD, 6, END]])
    assert rewriter(Sample(x, x > 0)).x[0, 1] == NEW


def test_a_neighbour_decides_between_substitutes():
    rng = np.random.default_rng(3)
    fill = lambda n: [list(rng.choice(KEPT[4:], 4)) for _ in range(n)]  # noqa: E731
    a = [[5, OLD, 6] for _ in range(60)] + [[7, OLD, 8] for _ in range(60)] + fill(60)
    b = [[5, NEW, 6] for _ in range(60)] + [[7, 15, 8] for _ in range(60)] + fill(60)
    x = torch.tensor([[5, OLD, 6, END], [7, OLD, 8, END]])
    said = Rewriter(a, b, 16)(Sample(x, x > 0)).x
    assert said.tolist() == [[5, NEW, 6, END], [7, 15, 8, END]]


def test_what_the_own_side_says_as_often_is_no_gain():
    """Both substitutes follow 5 equally often in b; a says one of the pairs too."""
    rng = np.random.default_rng(4)
    fill = [list(rng.choice(KEPT[4:], 4)) for _ in range(60)]
    a = [[5, OLD, 6] for _ in range(60)] + [[5, 15, 6] for _ in range(40)] + fill
    b = [[5, NEW, 6] for _ in range(60)] + [[5, 15, 6] for _ in range(60)] + fill
    x = torch.tensor([[5, OLD, 6, END]])
    word = {}
    for against in (0.0, 1.0):
        rewriter = Rewriter(a, b, 16, against=against)
        rewriter.words[OLD, :3], rewriter.cost[OLD, :3] = torch.tensor([OLD, NEW, 15]), torch.tensor([9.0, 1.0, 0.0])
        rewriter.cost[OLD, 3:] = NEVER
        word[against] = rewriter(Sample(x, x > 0)).x[0, 1].item()
    assert word == {0.0: 15, 1.0: NEW}


def test_two_words_that_one_of_the_other_side_stands_for_are_a_phrase():
    rng = np.random.default_rng(5)

    def around(*words: int, n: int = 200) -> list[list[int]]:
        return [[5, rng.choice(KEPT[2:]), *words, rng.choice(KEPT[2:]), 6] for _ in range(n)]

    a, b, elsewhere = around(OLD, 15), around(NEW), [[NEW, *rng.choice(KEPT[2:], 4)] for _ in range(200)]
    assert phrases(a, b, 16) == [(OLD, 15)] and phrases(b, a, 16) == []
    assert phrases(a, b, 16, fewest=201) == []  # of 200 sentences
    assert phrases(a, [*b, *around(NEW)], 16) == [] == phrases(a, around(NEW, n=100), 16)  # twice as often
    assert phrases([*a, *([[15, 7]] * 500), *([[OLD, 8]] * 500)], b, 16) == []  # seldom together
    assert phrases(a, elsewhere, 16) == [] and phrases(a, a, 16) == []


def test_words_that_the_other_side_leaves_out_at_the_start():
    def side(begin: int, own: int = 5) -> list[list[int]]:
        """100 sentences, of which so many begin with 7; all say it."""
        return [[7, own, 7] if i < begin else [own, 7, 6] for i in range(100)]

    assert openers(side(30), side(10), 16) == [7] == openers(side(10), side(30), 16)
    assert openers(side(30), side(16), 16) == [] == openers(side(9), side(0), 16), "as often; seldom"
    assert openers(side(30, own=8), side(30, own=9), 16) == [], "another vocabulary leaves nothing out"
    a, b = ([[*begin, 5, 6], [5, 6]] for begin in ([7], []))
    assert openers([*a, [6, 5, 7]], [*b, [6, 5, 7]], 16) == [7], "without it, they begin alike"
