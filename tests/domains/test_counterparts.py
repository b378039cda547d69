"""What becomes of what between sentences of two sides that say nearly the same."""

import numpy as np
import pytest

from domains.counterparts import edits, matches
from domains.lexicon import NEVER, Rewriter, offer, spellings, with_edits

OLD, NEW = 3, 4
WORDS = range(5, 60)


def sides(n: int = 60, seed: int = 0) -> tuple[list[list[int]], list[list[int]]]:
    """Sentences of a with OLD in the middle; b says the same with NEW there, in another order, and others too."""
    rng = np.random.default_rng(seed)
    a = [[*rng.choice(WORDS, 4), OLD, *rng.choice(WORDS, 3)] for _ in range(n)]
    b = [[NEW if word == OLD else word for word in s] for s in reversed(a)]
    return [list(map(int, s)) for s in a], [list(map(int, s)) for s in b]


def test_a_sentence_is_matched_with_the_one_that_shares_the_most():
    a, b = sides()
    found = {(i, j) for i, j, _ in matches(a, b, 60)}
    assert found == {(i, len(a) - 1 - i) for i in range(len(a))}
    other = [[word + 60 for word in s] for s in b]
    assert not list(matches(a, other, 120)) and not list(matches(a, [], 60)) and not list(matches([], b, 60))


def test_what_a_word_becomes_is_counted_beside_how_often_it_stays():
    a, b = sides()
    became = edits(a, a, b, 60)
    assert became[OLD] == {NEW: len(a)}
    assert all(set(became[word]) == {word} for word in WORDS if word in became)


def test_what_happens_as_often_the_other_way_round_does_not_count():
    """Half of the pairs differ by 5 for 6, half by 6 for 5: that is what they say and not how."""
    a, b = sides(80)
    a = [[5 + i % 2, *s] for i, s in enumerate(a)]
    b = [[6 - i % 2, *s] for i, s in reversed(list(enumerate(b[::-1])))]
    became = edits(a, a, b, 60)
    assert became[5].get(6, 0) == became[6].get(5, 0) == 0 and became[OLD][NEW] == len(a)


def test_counts_join_what_was_known_ahead_of_them():
    words, cost = np.array([[0, 0], [1, 2], [2, 2]]), np.array([[0, NEVER], [0, np.log(3)], [0, NEVER]], np.float32)
    words, cost = with_edits(words, cost, {1: {1: 1, 2: 4, 0: 2}}, fewest=3, prior=2)
    # a priori 3 to 1, worth two counts; the two that are too few count as words that were something else
    assert words.tolist() == [[0, 0], [1, 2], [2, 2]]
    assert np.exp(-cost[1]) == pytest.approx(np.array([(1 + 1.5) / 9, (4 + 0.5) / 9]))
    assert cost[0, 0] == cost[2, 0] == 0 and cost[0, 1] == NEVER


def test_a_further_candidate_takes_a_free_column_or_a_new_one_and_the_lower_cost():
    words, cost = np.array([[0, 0], [1, 2]]), np.array([[0, NEVER], [0, 3]], np.float32)
    words, cost = offer(words, cost, {(0, 1): 2.0, (1, 2): 1.0, (1, 0): 5.0})
    assert words.tolist() == [[0, 1, 0], [1, 2, 0]] and cost.tolist() == [[0, 2, NEVER], [0, 1, 5]]


def test_a_rule_of_spelling_has_a_direction():
    stems = "seek keep break bring turn know".split()
    words = ["", "", "", *(s + "eth" for s in stems), *(s + "s" for s in stems), "sack", "sick"]
    old, new = range(3, 9), range(9, 15)
    found = spellings([[i] * 9 for i in old], [[i] * 9 for i in new], words)
    assert set(found) == set(zip(old, new)) and all(1 <= cost < 3 for cost in found.values())
    assert spellings([[i] * 9 for i in old[:4]], [[i] * 9 for i in new[:4]], words) == {}  # of four pairs no rule
    mixed = [[*old[:3], *new[3:]] * 9], [[*new[:3], *old[3:]] * 9]
    assert spellings(*mixed, words) == {}  # as many the other way round


def test_a_channel_learns_from_counterparts_what_surroundings_do_not_tell():
    a, b = sides(80)
    x = [[7, 8, OLD, 9, 10]]
    assert Rewriter(a, b, 60, matched=1).rewritten(x) == [[7, 8, NEW, 9, 10]]
    assert Rewriter(a, a, 60, matched=1).rewritten(x) == x


@pytest.mark.parametrize(
    "old, new, same", [("ye", "you", True), ("and", '"', False), (":", "unto", False), (":", ";", True)]
)
def test_no_word_is_said_by_punctuation_nor_punctuation_by_a_word(old, new, same):
    a, b = sides(80)
    words = [f"w{i}" for i in range(60)]
    words[OLD], words[NEW] = old, new
    found = Rewriter(a, b, 60, matched=1, words=words).rewritten([[7, 8, OLD, 9, 10]])
    assert found == [[7, 8, NEW if same else OLD, 9, 10]]
