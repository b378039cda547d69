"""Which part of a document reads like a title, learnt from documents and the titles of others: pseudo-pairs for summaries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from translate.nets.sequence import Windows
from translate.sample import Sample

Ids = Sequence[Sequence[int]]


def fit(
    documents: Ids, titles: Ids, begins: Tensor, longest: int = 14, decay: float = 3e-4, steps: int = 100, seed: int = 0
) -> Windows:
    """Logistic regression of titles against random parts of documents; the best parts are as long as titles are, on average.

    decay: of its weights, L2. Without a title nothing is learnt: each document's part is then its beginning.
    """
    windows = Windows(begins, longest=longest)
    titles = [title for title in titles if windows.shortest <= len(title) <= longest]
    if not titles:
        return windows
    rng, parts = np.random.default_rng(seed), []
    for document in documents:
        n = len(titles[rng.integers(len(titles))])
        starts = np.flatnonzero(begins[list(document[: max(0, len(document) - n + 1)])].numpy())
        parts += [document[start : start + n] for start in rng.permutation(starts)[:2]]
    x, mask = padded([*titles, *parts], longest)
    y = torch.arange(len(x)) < len(titles)
    balance = torch.where(y, 0.5 / len(titles), 0.5 / max(1, len(parts)))
    weight, bias = windows.weight.clone().requires_grad_(), torch.zeros((), requires_grad=True)
    optimiser = torch.optim.Adam([weight, bias], 0.1)
    for _ in range(steps):
        windows.weight = weight
        scores = whole(windows, x, mask) + bias
        loss = F.binary_cross_entropy_with_logits(scores, y.float(), balance, reduction="sum")
        (loss + 0.5 * decay * weight.square().sum()).backward()
        optimiser.step()
        optimiser.zero_grad()
    windows.weight = weight.detach()
    lengthen(windows, documents[:: max(1, len(documents) // 500)], sum(map(len, titles)) / len(titles))
    return windows


def lengthen(windows: Windows, documents: Ids, wanted: float) -> None:
    """Sets `lift` so that the best parts have `wanted` tokens on average, by halving."""
    s = Sample(*padded(documents, max(map(len, documents))))
    low, high = -4.0, 4.0
    for _ in range(12):
        windows.lift.fill_((low + high) / 2)
        short = windows.best(s)[1].float().mean() < wanted
        low, high = ((low + high) / 2, high) if short else (low, (low + high) / 2)


def whole(windows: Windows, x: Tensor, mask: Tensor) -> Tensor:
    """Scores [N] of rows that are a part each, ids [N,T] without an end, at least two."""
    word, first, last = windows.of_words(x)
    pair, opens, closes = windows.of_pairs(x)
    end = mask.sum(1, keepdim=True) - 1
    inside = torch.where(mask, word, 0).sum(1) + torch.where(mask[:, 1:], pair, 0).sum(1)
    return inside + first[:, 0] + opens[:, 0] + last.gather(1, end)[:, 0] + closes.gather(1, end - 1)[:, 0]


def padded(rows: Ids, longest: int) -> tuple[Tensor, Tensor]:
    x = torch.zeros(len(rows), longest, dtype=torch.long)
    lengths = torch.tensor([len(row) for row in rows])
    for to, row in zip(x, rows):
        to[: len(row)] = torch.as_tensor(row)
    return x, torch.arange(longest) < lengths[:, None]
