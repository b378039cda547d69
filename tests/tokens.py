"""Sentences of a made-up language in the domain of real ones: the strictest user of every part that systems share.

Real sentences are ids with a mask; generated ones are simplices with a mask of their own. A row of `blank` has no real token at all,
so that whoever reads it gets NaN.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from domains import tokens
from translate.nets.sequence import UNKNOWN
from translate.sample import Sample

WORDS = 12
FIRST_WORD = UNKNOWN + 1


def made_up(words: int = WORDS) -> str:
    """A vocabulary whose words are their own ids."""
    named = [*tokens.SPECIAL, *map(str, range(FIRST_WORD, words))]
    special = [
        {
            "id": i,
            "content": t,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for i, t in enumerate(tokens.SPECIAL)
    ]
    model = {"type": "WordLevel", "vocab": {t: i for i, t in enumerate(named)}, "unk_token": tokens.SPECIAL[UNKNOWN]}
    return json.dumps(
        {"version": "1.0", "added_tokens": special, "pre_tokenizer": {"type": "WhitespaceSplit"}, "model": model}
    )


@dataclass
class Tokens(tokens.Tokens):
    """At most 8 tokens, END among them; small networks."""

    tokenizer: str = made_up()
    length: int = 8

    def encoder(self, width: int = 6, blocks: int = 1) -> nn.Module:
        return super().encoder(width=width, blocks=blocks)

    def decoder(self, width: int = 6, **kw) -> nn.Module:
        return super().decoder(width=width, **kw)

    def critic(self, width: int = 6, **kw) -> nn.Module:
        return super().critic(width=width, layers=1, **kw)


class Sentences:
    """A Source in memory: sentences of one language, an endless shuffled stream of their parts."""

    def __init__(self, domain: Tokens, name: str, n: int = 10, seed: int = 0):
        self.domain, self.name, self.seed = domain, name, seed
        rng = np.random.default_rng([seed, len(name)])
        lengths = rng.integers(1, domain.length + 3, n)
        self.items = [Sample(torch.from_numpy(rng.integers(FIRST_WORD, domain.vocabulary, k))) for k in lengths]
        self.train_ids = list(range(n))

    def items_of(self, indices: range) -> list[int]:
        return [int(np.random.default_rng([self.seed, i]).integers(len(self.items))) for i in indices]

    def shown(self, n: int) -> list[int]:
        return [i % len(self.items) for i in range(n)]

    def rows(self, indices: range) -> Sample:
        rngs = [np.random.default_rng([self.seed, 1, i]) for i in indices]
        return self.domain.collate(
            [self.domain.crop(self.items[i], rng) for i, rng in zip(self.items_of(indices), rngs)]
        )

    def preview(self, n: int) -> Sample:
        return self.domain.collate([self.domain.crop(self.items[i], None) for i in self.shown(n)])
