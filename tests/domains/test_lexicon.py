"""Words that stand in like surroundings stand for each other."""

import numpy as np

from domains.lexicon import substitutes
from translate.nets.sequence import UNKNOWN

OLD, NEW, KEPT = 3, 4, range(5, 15)  # ids of an old word, of its modern one, and of words that both sides say


def said(word: int, rng, n: int = 200) -> list[list[int]]:
    """Sentences in which `word` always stands between 5 and 6."""
    return [[*rng.choice(KEPT[2:], 3), KEPT[0], word, KEPT[1], *rng.choice(KEPT[2:], 2), UNKNOWN] for _ in range(n)]


def test_a_mark_becomes_the_other_sides_word_between_the_same_neighbours_and_all_else_stays():
    rng = np.random.default_rng(0)
    elsewhere = [[15, *rng.choice(KEPT[2:], 4)] for _ in range(100)]  # another modern word, in other surroundings
    table = substitutes(said(OLD, rng), said(NEW, rng) + elsewhere, 16)
    assert table[OLD] == NEW
    assert all(table[i] == i for i in range(16) if i != OLD)


def test_a_mark_that_no_word_is_like_stays():
    rng = np.random.default_rng(0)
    elsewhere = [[NEW, *rng.choice(KEPT[2:], 4)] for _ in range(200)]
    assert substitutes(said(OLD, rng), elsewhere, 15, least=0.5)[OLD] == OLD


def test_two_sides_that_are_one_have_no_marks():
    rng = np.random.default_rng(0)
    side = said(OLD, rng)
    assert (substitutes(side, side, 15) == np.arange(15)).all()
