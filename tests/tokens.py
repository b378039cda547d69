"""Sentences of a made-up language: the strictest user of every part that systems share.

Real sentences are ids with a mask; generated ones are simplices with a mask of their own. Padding holds junk on purpose, and a
row of `blank` has no real token at all, so that whoever reads either gets NaN.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.sample import Sample

PAD, EOS, FIRST_WORD = 0, 1, 2


class Tokens:
    """ids [B,T] and simplices [B,T,V]; a sentence is words, then EOS; at most `length` tokens."""

    suffixes = (".txt",)

    def __init__(self, vocabulary: int = 12, length: int = 8):
        self.vocabulary, self.length = vocabulary, length

    @property
    def kind(self) -> str:
        return f"sentences of {self.length} tokens, {self.vocabulary} words"

    def spec(self) -> dict:
        return {"domain": "tokens", "vocabulary": self.vocabulary, "length": self.length}

    # files and samples

    def decode(self, path: Path) -> Sample:
        return Sample(torch.tensor([int(word) for word in Path(path).read_text().split()]))  # [words]

    def load(self, path: Path) -> tuple[Sample, str]:
        return self.collate([self.crop(self.decode(path), None)]), Path(path).suffix

    def save(self, s: Sample, origin: str, stem: Path) -> Path:
        path = Path(stem).with_suffix(origin)
        path.write_text(self.sentences(s)[0])
        return path

    def take(self, sentence: str) -> tuple[Sample, None]:
        return self.collate([self.crop(Sample(torch.tensor([int(word) for word in sentence.split()])), None)]), None

    def give(self, s: Sample, origin: None) -> str:
        return self.sentences(s)[0]

    def split(self, s: Sample) -> tuple[Sample, Sample]:
        return s[: len(s) * 3 // 4], s[len(s) * 3 // 4 :]

    def crop(self, s: Sample, rng: np.random.Generator | None) -> Sample:
        """As many words as leave room for EOS, from anywhere; rng None: from the start."""
        spare = max(0, len(s) - (self.length - 1))
        start = 0 if rng is None else int(rng.integers(spare + 1))
        return s[start : start + self.length - 1]

    def views(self, s: Sample) -> list[Sample]:
        return [self.crop(s, None)]

    def collate(self, items: list[Sample]) -> Sample:
        batch = self.blank(len(items))
        for ids, mask, item in zip(batch.x, batch.mask, items):
            n = len(item)
            ids[:n], ids[n], mask[: n + 1] = item.x, EOS, True
        return batch

    def normalise(self, s: Sample) -> Sample:
        return s

    def blank(self, n: int) -> Sample:
        return Sample(torch.full((n, self.length), PAD), torch.zeros(n, self.length, dtype=torch.bool))

    def whole(self, net: nn.Module, s: Sample, tile: int = 0) -> Sample:
        return net(s)

    def sentences(self, s: Sample) -> list[str]:
        s = self.harden(s)
        return [" ".join(str(int(i)) for i in ids[mask]) for ids, mask in zip(s.x, s.mask)]

    def preview(self, rows: dict[str, Sample], stem: Path) -> list[Path]:
        path = stem.with_suffix(".txt")
        path.write_text("\n".join(f"{name}: {sentence}" for name, s in rows.items() for sentence in self.sentences(s)))
        return [path]

    # what a method needs

    def relax(self, s: Sample) -> Sample:
        return s if s.x.is_floating_point() else Sample(F.one_hot(s.x, self.vocabulary).float(), s.mask, s.label)

    def harden(self, s: Sample) -> Sample:
        return Sample(s.x.argmax(-1), s.mask, s.label) if s.x.is_floating_point() else s

    def distance(self, pred: Sample, target: Sample) -> Tensor:
        """Cross-entropy in nats a token, over the target's real tokens."""
        loss = F.cross_entropy(pred.logits.float().transpose(1, 2), target.x, reduction="none")  # [B,T]
        return loss.where(target.mask, 0).sum() / target.mask.sum()

    def encoder(self, width: int = 6) -> nn.Module:
        return Encoder(self.vocabulary, width)

    def decoder(self, width: int = 6, temperature: float = 1.0) -> nn.Module:
        return Decoder(self.vocabulary, self.length, width, temperature)

    def critic(self, width: int = 6) -> nn.Module:
        return Critic(self.vocabulary, width)


class Embedding(nn.Module):
    """The only module that looks at the dtype: ids are looked up, simplices multiplied. Padding becomes zero."""

    def __init__(self, vocabulary: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocabulary, width) * 0.5)

    def forward(self, s: Sample) -> Tensor:
        x = s.x.to(self.weight.dtype) @ self.weight if s.x.is_floating_point() else self.weight[s.x]  # [B,T,D]
        return x.where(s.mask[..., None], 0)


class Encoder(nn.Module):
    """Sentence -> code [B,T,D], zero at padding."""

    def __init__(self, vocabulary: int, width: int):
        super().__init__()
        self.embed = Embedding(vocabulary, width)
        self.conv = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, s: Sample) -> Sample:
        x = self.conv(self.embed(s).mT).mT.tanh()
        return Sample(x.where(s.mask[..., None], 0), s.mask, s.label)


class Decoder(nn.Module):
    """Code -> sentence: teacher-forced where `like` is given, its logits aligned with `like`; free-running otherwise."""

    def __init__(self, vocabulary: int, length: int, width: int, temperature: float):
        super().__init__()
        self.length = length
        self.embed = Embedding(vocabulary, width)
        self.first = nn.Parameter(torch.randn(width) * 0.5)  # stands before the first word
        self.begin = nn.Linear(width, width)
        self.cell = nn.GRUCell(2 * width, width)
        self.out = nn.Linear(width, vocabulary)
        self.register_buffer("temperature", torch.tensor(temperature))

    def forward(self, code: Sample, like: Sample | None = None) -> Sample:
        h = self.begin(masked_mean(code.x, code.mask)).tanh()  # [B,D]
        word = self.first.expand(len(h), -1)
        told = None if like is None else self.embed(like)  # [B,T,D]
        logits, words = [], []
        for t in range(self.length):
            h = self.cell(torch.cat([word, code.x[:, t]], 1), h)
            logits.append(self.out(h).float())  # [B,V]
            words.append(straight_through(logits[-1], self.temperature) if like is None else logits[-1].softmax(-1))
            word = words[-1].to(self.embed.weight.dtype) @ self.embed.weight if like is None else told[:, t]
        x = torch.stack(words, 1)  # [B,T,V]
        return Sample(x, until_end(x) if like is None else like.mask, code.label, torch.stack(logits, 1))


class Critic(nn.Module):
    """Sentence -> [scores [B,1]]."""

    def __init__(self, vocabulary: int, width: int):
        super().__init__()
        self.embed = Embedding(vocabulary, width)
        self.conv = nn.Conv1d(width, width, 3, padding=1)
        self.out = nn.Linear(width, 1)

    def forward(self, s: Sample) -> list[Tensor]:
        x = F.silu(self.conv(self.embed(s).mT).mT)  # [B,T,D]
        return [self.out(masked_mean(x, s.mask)).float()]


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """[B,T,D], [B,T] -> [B,D]; NaN where nothing is real."""
    return x.where(mask[..., None], 0).sum(1) / mask.sum(1, keepdim=True)


def straight_through(logits: Tensor, temperature: Tensor | float) -> Tensor:
    """Gumbel-softmax (Jang 2017, arXiv:1611.01144): hard one-hots forward, the soft sample's gradient backward."""
    noise = -torch.empty_like(logits).exponential_().log()
    soft = ((logits + noise) / temperature).softmax(-1)
    hard = F.one_hot(soft.argmax(-1), logits.shape[-1]).to(soft.dtype)
    return hard + (soft - soft.detach())  # in this order the forward value is the one-hot to the last bit


def until_end(x: Tensor) -> Tensor:
    """Simplex [B,T,V] -> mask [B,T]: up to and with the first EOS. No wait for the host."""
    ends = (x.argmax(-1) == EOS).long()
    return ends.cumsum(1) - ends == 0


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
