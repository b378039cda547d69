"""Pseudo-pairs out of two collections that nobody paired: each sentence as the other side would most likely have said it, word for word."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from translate.nets.sequence import END, PAD, UNKNOWN
from translate.sample import Sample

from .counterparts import edits

Ids = Sequence[Sequence[int]]  # sentences, without their ends
NEVER = 1e4  # nats
# without matched sentences, chosen on reviews; with them, on verses that both sides have nearly word for word
AGAINST, SHARE, RARE = (0.75, 0.7), (0.01, 0.5), (0.0, 15.0)
MOST = 4000  # sentences that a channel is learnt from: more take longer and change little


class Learnt(nn.Module):
    """Its buffers take the shapes of those that are loaded into it."""

    def _load_from_state_dict(self, state: dict, prefix: str, *rest) -> None:
        for name, buffer in self.named_buffers(recurse=False):
            if prefix + name in state:
                setattr(self, name, torch.empty_like(state[prefix + name], device=buffer.device))
        super()._load_from_state_dict(state, prefix, *rest)


class Rewriter(Learnt):
    """A sentence x of a -> the sentence y of b that it most likely stands for: a noisy channel (Brown 1993), found by Viterbi's algorithm.

    y maximises sum_t log p_b(y_t | y_t-1) - against log p_a(y_t | y_t-1) + log p(x_t | y_t), with pairs of words counted in both
    collections, and `share` of b's among a's: where it is a half, a word is not the better for being unheard of in a. p(x | y) begins with `substitutes`, and with what words become in sentences of both sides that say nearly the same
    (`edits`), looked for `matched` times: where styles say the same things, as sentiments do not. Where `words`, the text of each id,
    is given: with what is spelt by a rule of the two sides too (`spellings`), and words and punctuation stand for their kind alone. It
    is then learnt from a alone, as a cipher's key is (Knight 2006, by Viterbi training): without `against`, which says what a style is
    and not what a word means. Of no sentences: each word stays itself.
    """

    def __init__(
        self,
        a: Ids,
        b: Ids,
        vocabulary: int,
        against: float | None = None,
        rounds: int = 4,
        matched: int = 0,
        words: Sequence[str] = (),
    ):
        super().__init__()
        self.last: tuple = (None,) * 4  # what was asked last, and the answer
        self.against, self.vocabulary = AGAINST[matched > 0] if against is None else against, vocabulary
        self.share = SHARE[matched > 0]
        self.a, self.b = Bigrams(a, vocabulary), Bigrams(b, vocabulary)
        spelt = spellings(a, b, words) if words else {}
        spoken = np.array([any(map(str.isalnum, word)) for word in words] or [True] * vocabulary)
        offered = of_a_kind(*substitutes(a, b, vocabulary, rare=RARE[matched > 0], spelt=spelt), spoken)
        for name, array in zip(("words", "cost"), offered):
            self.register_buffer(name, torch.from_numpy(array))
        some = a[:: -(-len(a) // MOST) or 1]
        for done in range(max(1, matched)):
            if matched:
                told = self.rewritten(a) if done else a
                learnt = with_edits(*offered, edits(a, told, b, vocabulary))
                self.words, self.cost = map(torch.from_numpy, of_a_kind(*learnt, spoken))
            self._learn(some, rounds)

    def rewritten(self, sentences: Ids) -> list[list[int]]:
        out = []
        for i in range(0, len(sentences), 500):
            s = [torch.tensor([*s, END]) for s in sentences[i : i + 500]]
            x = nn.utils.rnn.pad_sequence(s, batch_first=True, padding_value=PAD)
            out += [row[: len(ids) - 1].tolist() for row, ids in zip(self(Sample(x, x != PAD)).x, s)]
        return out

    def _learn(self, sentences: Ids, rounds: int, prior: float = 20.0) -> None:
        """p(x | y): how often x came of y, beside `prior` words y whose x are as they were offered."""
        against, self.against = self.against, 0.0
        said = [torch.tensor([*s, END]) for s in sentences]
        offered, begin = self.cost < NEVER, (-self.cost).exp()
        begin /= torch.bincount(self.words.flatten(), begin.flatten(), self.vocabulary)[self.words]
        for _ in range(rounds):
            came, of = torch.zeros_like(self.cost), torch.zeros(self.vocabulary)
            for i in range(0, len(said), 500):
                x = nn.utils.rnn.pad_sequence(said[i : i + 500], batch_first=True, padding_value=PAD)
                mask = x != PAD
                y = self(Sample(x, mask)).x[mask]
                came.index_add_(0, x[mask], (self.words[x[mask]] == y[:, None]).float())
                of += torch.bincount(y, minlength=self.vocabulary)
            self.cost = torch.where(offered, -((came + prior * begin) / (of[self.words] + prior)).log(), NEVER)
        self.against = against

    def choices(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Ids [B,T] -> what each may have come of, ids [B,T,K], itself among them; log p(x | y) of each, in nats."""
        return self.words[ids], -self.cost[ids]

    def follows(self, before: Tensor, word: Tensor) -> Tensor:
        a, b = self.a(before, word), self.b(before, word)
        return _mixed(b, a) - self.against * _mixed(a, b, self.share)

    def forward(self, s: Sample) -> Sample:
        """Ids [B,T] -> ids [B,T]. A step asks for the same sentences up to three times: they are rewritten once."""
        asked = s.x, s.mask, self.cost  # which another one's replace when they are loaded
        if any(a is not b for a, b in zip(asked, self.last)):
            self.last = *asked, self._likeliest(s)
        return Sample(self.last[-1], s.mask, s.label)

    def _likeliest(self, s: Sample) -> Tensor:
        words, score = self.words[s.x], -self.cost[s.x]  # [B,T,K]
        total, came = score[:, 0] + self.follows(torch.full_like(words[:, 0], PAD), words[:, 0]), []
        for t in range(1, s.x.shape[1]):
            ways = (
                total[:, :, None] + self.follows(words[:, t - 1, :, None], words[:, t, None]) * s.mask[:, t, None, None]
            )
            best, source = ways.max(1)
            total = best + score[:, t]
            came.append(source)
        k = total.argmax(1, keepdim=True)
        found = [words[:, -1].gather(1, k)]
        for t in reversed(range(len(came))):
            k = came[t].gather(1, k)
            found.append(words[:, t].gather(1, k))
        return torch.cat(found[::-1], 1).where(s.mask, PAD)


def _mixed(own: Tensor, other: Tensor, share: float = 0.01) -> Tensor:
    """Log probabilities of a side that says a share of its words as the other side does, so that a word which its few sentences never
    say is as rare there as it can be, and not impossible (interpolation, Jelinek and Mercer 1980)."""
    return torch.logaddexp(own + math.log(1 - share), other + math.log(share))


class Bigrams(Learnt):
    """log p(word | the word before), by absolute discounting (Ney 1994): what pairs that were seen give up goes to all words.

    PAD before the first word. discount: of each pair's count.
    """

    def __init__(self, sentences: Ids, vocabulary: int, discount: float = 0.75):
        super().__init__()
        self.vocabulary, self.discount = vocabulary, discount
        pairs = [x * vocabulary + y for s in sentences or [[]] for x, y in zip([PAD, *s], [*s, END])]
        keys, counts = np.unique(np.asarray(pairs, np.int64), return_counts=True)
        before, word = keys // vocabulary, keys % vocabulary
        said, kinds = (np.bincount(before, w, vocabulary) for w in (counts, None))
        alone = np.bincount(word, counts, vocabulary) + 0.05  # a word that this side never says
        spare = np.where(said > 0, discount * kinds / np.maximum(said, 1), 1.0)
        for name, array in dict(
            counts=counts, said=np.maximum(said, 1), alone=alone / alone.sum(), spare=spare
        ).items():
            self.register_buffer(name, torch.from_numpy(array).float())
        self.register_buffer("keys", torch.from_numpy(keys))

    def forward(self, before: Tensor, word: Tensor) -> Tensor:
        """Ids of shapes that broadcast."""
        key = before * self.vocabulary + word
        at = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        seen = (self.counts[at] - self.discount).where(self.keys[at] == key, 0.0)
        return (seen / self.said[before] + self.spare[before] * self.alone[word]).log()


def substitutes(
    a: Ids,
    b: Ids,
    vocabulary: int,
    lean: float = 1.0,
    least: float = 0.15,
    most: int = 10,
    rare: float = 0.0,
    spelt: dict[tuple[int, int], float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(words [V,1 + most]: each word itself, then words of b; what each costs in nats, NEVER where there are fewer).

    spelt: {(word of a, word of b): what it costs by its spelling, where surroundings are the same}, words said seldom among
    them; further columns where it adds words.

    A word stays, unless it marks a: `lean` nats likelier in a than in b, smoothed (Li 2018, arXiv:1804.06437, eq. 1). Then words
    that lean to b may stand for it, where their surroundings are like its own; of a word said n times, likeness counts n / (n + rare):
    what is seen seldom is like anything. A substitute costs 2 + 6 (1 - cosine) before anything
    is learnt; these two numbers and `against` were chosen on reviews and verses.
    """
    counts, leans = _leans(a, b, vocabulary)
    known = np.arange(vocabulary) > UNKNOWN
    marks = np.flatnonzero(known & (leans < -lean))
    candidates = np.flatnonzero(known & (leans > 0) & (counts[1] >= 5))
    cosines = _likeness(a, b, vocabulary, lean, marks, candidates)
    times = np.maximum(1, counts[0, marks])
    cosines *= (times / (times + rare))[:, None]
    words = np.repeat(np.arange(vocabulary)[:, None], 1 + most, 1)
    cost = np.full(words.shape, NEVER, np.float32)
    cost[:, 0] = 0
    best = np.argsort(-cosines, 1)[:, :most]
    found = np.take_along_axis(cosines, best, 1)
    n = best.shape[1]
    words[marks, 1 : 1 + n] = candidates[best]
    cost[marks, 1 : 1 + n] = np.where(found > least, 2 + 6 * (1 - found), NEVER)
    row, column = ({int(word): i for i, word in enumerate(side)} for side in (marks, candidates))
    found = {
        (x, y): c + 2 - (2 * cosines[row[x], column[y]] if y in column else 0)
        for (x, y), c in (spelt or {}).items()
        if x in row
    }
    return offer(words, cost, found)


def offer(words: np.ndarray, cost: np.ndarray, found: dict[tuple[int, int], float]) -> tuple[np.ndarray, np.ndarray]:
    """With further candidates {(x, y): cost}; of two costs the lower."""
    words, cost = words.copy(), cost.copy()
    for (x, y), nats in found.items():
        at = np.flatnonzero((words[x] == y) & (cost[x] < NEVER))
        if not len(at):
            at = np.flatnonzero(cost[x] == NEVER)
            if not len(at):
                words = np.concatenate([words, np.arange(len(words))[:, None]], 1)
                cost = np.concatenate([cost, np.full((len(cost), 1), NEVER, np.float32)], 1)
                at = [-1]
            words[x, at[0]] = y
        cost[x, at[0]] = min(cost[x, at[0]], nats)
    return words, cost


def of_a_kind(words: np.ndarray, cost: np.ndarray, spoken: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without words in the place of punctuation, and the other way round: verses that begin with "and" do not say it by a quotation
    mark because other verses begin with one. spoken [V]: whether a word has letters or digits."""
    return words, np.where(spoken[words] == spoken[:, None], cost, NEVER).astype(np.float32)


def with_edits(
    words: np.ndarray, cost: np.ndarray, became: dict[int, Counter], fewest: int = 3, prior: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """(words, their costs) where counts of what each word became join what is known ahead of them, worth `prior` counts.

    fewest: times that an edit was seen, net, before it is believed.
    """
    seen = {x: {y: n for y, n in news.items() if y == x or n >= fewest} for x, news in became.items()}
    words, cost = offer(words, cost, {(x, y): NEVER - 1 for x, news in seen.items() for y in news})
    begin = np.where(cost < NEVER - 1, np.exp(-cost), 0)
    begin /= begin.sum(1, keepdims=True)
    for x, news in seen.items():
        counts = np.where(cost[x] < NEVER, [news.get(int(y), 0) for y in words[x]], 0)
        share = (counts + prior * begin[x]) / (sum(became[x].values()) + prior)
        cost[x] = np.where(share > 0, -np.log(np.maximum(share, 1e-9)), NEVER)
    return words, cost


def spellings(
    a: Ids, b: Ids, words: Sequence[str], lean: float = 2.0, fewest: int = 5, longest: int = 3
) -> dict[tuple[int, int], float]:
    """{(mark of a, mark of b): cost in nats} where a rule makes one of the other: these letters become those, "eth" "s", after and
    before the same ones.

    A rule holds of `fewest` pairs of words, and the other way round, of a's words and b's, of less than a quarter as many: what tells the spellings
    of two sides apart has a direction, and likenesses by chance have none.
    """
    counts, leans = _leans(a, b, len(words))
    at = {}  # (letters before, letters after) -> what stands between them in b
    for y in np.flatnonzero((leans > lean) | (counts[1] > 0) & (counts[0] == 0)).tolist():
        for key, middle in _parts(words[y], longest):
            at.setdefault(key, []).append((y, middle))
    pairs: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for x in np.flatnonzero((leans < -lean) | (counts[0] > 0) & (counts[1] == 0)).tolist():
        for key, old in _parts(words[x], longest):
            for y, new in at.get(key, ()):
                if old[:1] != new[:1] and old[-1:] != new[-1:]:
                    pairs.setdefault((old, new), set()).add((x, y))
    found = {}
    for (old, new), of in pairs.items():
        if len(of) >= fewest and 4 * len(pairs.get((new, old), ())) < len(of):
            for pair in of:
                found[pair] = min(found.get(pair, NEVER), 1 + max(0.0, 3.6 - math.log(len(of))))
    return found


def _parts(word: str, longest: int) -> list[tuple[tuple[str, str], str]]:
    """Each (letters before, letters after) of at least one and two, and the at most so many letters between them."""
    n = len(word)
    return [
        ((word[:i], word[i + m :]), word[i : i + m])
        for i in range(1, n + 1)
        for m in range(min(longest, n - i) + 1)
        if n - m > 1
    ]


def phrases(
    a: Ids, b: Ids, vocabulary: int, lean: float = 1.0, together: float = 0.3, fewest: int = 40, like: float = 0.5
) -> list[tuple[int, int]]:
    """Pairs of words of a that one word of b stands for, as "yahweh" for "the lord": marks of their sides by `lean` nats.

    One of the two stands beside the other in a share of its places, `together`; surroundings are alike, the cosine above `like`; each
    is said `fewest` times, neither twice as often as the other. Chosen by reading what is found in verses, captions and reviews.
    """
    said, leans = _leans(a, b, vocabulary)
    pairs = [Counter(pair for s in side for pair in zip(s, s[1:])) for side in (a, b)]
    total = [max(1, side.total()) for side in pairs]

    def marks_a(x: int, y: int, n: int) -> bool:
        ratio = (pairs[1][x, y] + 1) / total[1] / ((n + 1) / total[0])
        return (
            min(x, y) > UNKNOWN and n >= max(fewest, together * min(said[0][x], said[0][y])) and ratio < np.exp(-lean)
        )

    found = [pair for pair, n in pairs[0].items() if marks_a(*pair, n)]
    words = np.flatnonzero((np.arange(vocabulary) > UNKNOWN) & (leans > lean) & (said[1] >= fewest))
    if not found or not len(words):
        return []
    marks = np.arange(len(found)) + vocabulary
    merged = [_merged(s, dict(zip(found, marks.tolist()))) for s in a]
    size = vocabulary + len(found)
    cosines = _likeness(merged, b, size, lean, marks, words)
    n, other = _leans(merged, b, size)[0][0, marks], said[1][words[cosines.argmax(1)]]
    good = (cosines.max(1) > like) & (n >= fewest) & (n < 2 * other) & (other < 2 * n)
    return [pair for pair, fits in zip(found, good) if fits]


def openers(a: Ids, b: Ids, vocabulary: int, often: float = 0.1, times: float = 2.0) -> list[int]:
    """Words that sentences of one side begin with and the other side leaves out: a share of its sentences, `often`, and `times` as many
    as of the other's, though both say them, in all places, less than `times` as often as the other. One after another: without its
    "and" a side may begin as the other does."""
    _, leans = _leans(a, b, vocabulary)
    common = (np.abs(leans) < math.log(times)) & (np.arange(vocabulary) > UNKNOWN)
    found: list[int] = []
    while True:
        begun = ([s[0] for s in side if s] for side in (a, b))
        first = np.stack([np.bincount(words, minlength=vocabulary) / max(1, len(words)) for words in begun])
        more, less = first.max(0), first.min(0)
        ratio = np.where(common & (more >= often), more / (less + 0.01), 0)
        if ratio.max() < times:
            return found
        found.append(int(ratio.argmax()))
        common[found] = False
        a, b = ([s[1:] if s and s[0] == found[-1] else s for s in side] for side in (a, b))


def _merged(s: Sequence[int], marks: dict[tuple[int, int], int]) -> list[int]:
    """Each of these pairs as one mark, from the left."""
    said: list[int] = []
    for word in s:
        if said and (said[-1], word) in marks:
            said[-1] = marks[said[-1], word]
        else:
            said.append(word)
    return said


def _leans(a: Ids, b: Ids, vocabulary: int) -> tuple[np.ndarray, np.ndarray]:
    """(counts [2,V]; how much likelier a word is in b than in a, nats, smoothed [V])"""
    counts = np.stack(
        [np.bincount(np.fromiter((i for s in side for i in s), int), minlength=vocabulary) for side in (a, b)]
    )
    return counts, np.diff(np.log((counts + 1) / np.maximum(1, counts.sum(1, keepdims=True))), axis=0)[0]


def _likeness(
    a: Ids, b: Ids, vocabulary: int, lean: float, of: np.ndarray, to: np.ndarray, neutral: int = 500
) -> np.ndarray:
    """[of,to]: how like the surroundings of these words in a are to those of these in b.

    The cosine of positive pointwise mutual information (Bullinaria and Levy 2007) with the `neutral` most frequent words that mark
    neither side, one and two places to the left and to the right.
    """
    counts, leans = _leans(a, b, vocabulary)
    plain = np.flatnonzero(np.abs(leans) < lean)
    plain = plain[np.argsort(-counts[:, plain].sum(0))][:neutral]
    around = [_surroundings(side, vocabulary, plain) for side in (a, b)]
    whole = sum(x.sum(0) for x in around)
    near_a, near_b = (
        _directions(x[rows], x[rows].sum(1, keepdims=True) * whole / max(1, whole.sum()))
        for x, rows in zip(around, (of, to))
    )
    return near_a @ near_b.T


def _surroundings(side: Ids, vocabulary: int, plain: np.ndarray) -> np.ndarray:
    """[V, 4 (places) * (plain words + the edge)] counts"""
    column = np.full(vocabulary + 1, -1)
    column[plain], column[-1] = np.arange(len(plain)), len(plain)  # the last: a sentence's edge
    width = len(plain) + 1
    ids = np.array([-1, -1, *(i for s in side for i in (*s, -1, -1))])
    places = []
    for place, shift in enumerate((-2, -1, 1, 2)):
        seen = column[ids[2 + shift : len(ids) - 2 + shift]]
        known = (seen >= 0) & (ids[2:-2] >= 0)
        places.append((ids[2:-2][known] * 4 + place) * width + seen[known])
    counts = np.bincount(np.concatenate(places), minlength=vocabulary * 4 * width)
    return counts.reshape(vocabulary, 4 * width).astype(np.float32)


def _directions(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Positive mutual information, weighted by how often it was seen, rows of length 1."""
    seen = counts > 0
    x = np.zeros_like(counts)
    x[seen] = np.maximum(0, np.log(counts[seen] / expected[seen])) * np.log1p(counts[seen])
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
