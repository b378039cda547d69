"""Sentences of two collections that happen to say nearly the same, though nobody paired them: what becomes of what between them.

After iterative matching and translation (IMaT, Jin 2019, arXiv:1901.11333), which trains a translator on such matches; here they tell a
noisy channel which words stand for which.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import numpy as np
from scipy import sparse

Ids = Sequence[Sequence[int]]  # sentences, without their ends
MOST = 16_000  # sentences of a side that are looked at
Match = tuple[int, int, list]  # (sentence of a, sentence of b, difflib's opcodes)


def matches(a: Ids, b: Ids, vocabulary: int, like: float = 0.4, near: int = 5, shortest: int = 4) -> Iterator[Match]:
    """For each sentence of a those of b that it shares the most with, where difflib's ratio is above `like`.

    near: how many of b are tried, by the cosine of TF-IDF.
    """
    rows_a, rows_b = (range(0, len(side), -(-len(side) // MOST) or 1) for side in (a, b))
    found_a, found_b = ([side[i] for i in rows] for side, rows in ((a, rows_a), (b, rows_b)))
    if min(len(found_a), len(found_b)) <= near:
        return
    vectors_a, vectors_b = _vectors(found_a, found_b, vocabulary)
    for start in range(0, len(found_a), 500):
        cosines = (vectors_a[start : start + 500] @ vectors_b.T).toarray()
        nearest = np.argpartition(-cosines, near, 1)[:, :near]
        for row, candidates in enumerate(nearest):
            for j in candidates[cosines[row, candidates] > 0.35].tolist():
                x, y = found_a[start + row], found_b[j]
                if min(len(x), len(y)) >= shortest:
                    matcher = SequenceMatcher(None, x, y, autojunk=False)
                    if matcher.quick_ratio() > like and matcher.ratio() > like:
                        yield rows_a[start + row], rows_b[j], matcher.get_opcodes()


def _vectors(a: Ids, b: Ids, vocabulary: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """TF-IDF, the logarithm of counts, rows of length 1."""
    both = [*a, *b]
    row = np.repeat(np.arange(len(both)), [len(s) for s in both])
    column = np.fromiter((i for s in both for i in s), int)
    counts = sparse.csr_matrix((np.ones(len(row), np.float32), (row, column)), (len(both), vocabulary))
    counts.data = 1 + np.log(counts.data)
    idf = np.log((1 + len(both)) / (1 + np.bincount(counts.indices, minlength=vocabulary))) + 1
    counts = counts @ sparse.diags(idf.astype(np.float32))
    length = np.sqrt(counts.multiply(counts).sum(1)).A1
    counts = sparse.csr_matrix(sparse.diags(1 / np.maximum(length, 1e-9)) @ counts)
    return counts[: len(a)], counts[len(a) :]


def edits(a: Ids, told: Ids, b: Ids, vocabulary: int, longest: int = 2, **kw) -> dict[int, Counter]:
    """What each word of a became in b's nearly equal sentences: {word: how often which word}.

    told: the sentences of a as they are translated so far, as long as these, which find their counterparts. What happens as often the
    other way round is what sentences differ in and not what a style is: the rest counts.
    """
    became: dict[int, Counter] = defaultdict(Counter)
    back = Counter()
    for i, j, opcodes in matches(told, b, vocabulary, **kw):
        x, t, y = a[i], told[i], b[j]
        for tag, p, q, u, v in opcodes:
            if tag == "equal" or tag == "replace" and q - p == v - u <= longest:
                for old, now, new in zip(x[p:q], t[p:q], y[u:v]):
                    became[old][new] += 1
                    back[now, new] += now != new
    for old, news in became.items():
        for new in news:
            if new != old:
                news[new] = max(0, news[new] - back[new, old])
    return became
