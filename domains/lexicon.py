"""Which word of one style stands where a word of the other does: pseudo-pairs out of two collections that nobody paired."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from translate.nets.sequence import UNKNOWN

Ids = Sequence[Sequence[int]]


def substitutes(
    a: Ids, b: Ids, vocabulary: int, lean: float = 1.0, neutral: int = 500, least: float = 0.3
) -> np.ndarray:
    """A word of b for each word [V] of a, itself where it is no mark of a's style or no word of b is like it.

    A mark of a is `lean` nats likelier in a than in b, smoothed (Li 2018, arXiv:1804.06437, eq. 1). Its substitute is the mark of b
    that has the most similar surroundings: the cosine of positive pointwise mutual information (Bullinaria and Levy 2007) with the
    `neutral` most frequent words that mark neither side, one and two places to the left and to the right.
    """
    counts = np.stack(
        [np.bincount(np.fromiter((i for s in side for i in s), int), minlength=vocabulary) for side in (a, b)]
    )
    leans = np.diff(np.log((counts + 1) / counts.sum(1, keepdims=True)), axis=0)[0]  # [V], > 0: of b
    plain = np.flatnonzero(np.abs(leans) < lean)
    plain = plain[np.argsort(-counts[:, plain].sum(0))][:neutral]
    around = [_surroundings(side, vocabulary, plain) for side in (a, b)]
    total = around[0] + around[1]
    expected = total.sum(1, keepdims=True) * (total.sum(0, keepdims=True) / max(1, total.sum()))
    near_a, near_b = (
        _directions(x, x.sum(1, keepdims=True) / np.maximum(1, total.sum(1, keepdims=True)) * expected) for x in around
    )
    words = np.arange(vocabulary) > UNKNOWN
    marks = np.flatnonzero(words & (leans < -lean) & (counts[0] >= 5))
    candidates = np.flatnonzero(words & (leans > lean / 2) & (counts[1] >= 5))
    out = np.arange(vocabulary)
    if len(marks) and len(candidates):
        cosines = near_a[marks] @ near_b[candidates].T
        best = cosines.argmax(1)
        sure = cosines.max(1) > least
        out[marks[sure]] = candidates[best[sure]]
    return out


def _surroundings(side: Ids, vocabulary: int, plain: np.ndarray) -> np.ndarray:
    """[V, 4 (places) * (plain words + the edge)] counts"""
    column = np.full(vocabulary + 1, -1)
    column[plain], column[-1] = np.arange(len(plain)), len(plain)  # the last: a sentence's edge
    width = len(plain) + 1
    counts = np.zeros((vocabulary, 4 * width), np.float32)
    for s in side:
        ids = np.array([-1, -1, *s, -1, -1])
        for place, shift in enumerate((-2, -1, 1, 2)):
            seen = column[ids[2 + shift : len(ids) - 2 + shift]]
            known = seen >= 0
            np.add.at(counts, (ids[2:-2][known], place * width + seen[known]), 1)
    return counts


def _directions(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Positive mutual information, weighted by how often it was seen, rows of length 1."""
    seen = counts > 0
    x = np.zeros_like(counts)
    x[seen] = np.maximum(0, np.log(counts[seen] / expected[seen])) * np.log1p(counts[seen])
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
