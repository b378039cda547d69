"""Batches as a function of (seed, step): nothing to save, the same on one process and on many."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import torch

from . import runtime
from .recipe import Source
from .sample import Sample


def batches(
    data: dict[str, Source],
    batch: int,
    first: int,
    last: int,
    device: torch.device,
    chosen: Callable[[int], Iterable[str]] | None = None,
) -> Iterator[dict[str, Sample]]:
    """This process's rows of draws `first` to `last`, read ahead by a thread, on the device, normalised.

    chosen: the keys of data that draw i is of; None: all of them.
    """
    share = batch // runtime.world_size()

    def draw(i: int) -> dict[str, Sample]:
        start = i * batch + runtime.rank() * share
        samples = {key: data[key].rows(range(start, start + share)) for key in (chosen(i) if chosen else data)}
        if device.type == "cuda":  # a copy from pageable memory waits for all that the device has been given to do
            samples = {key: s.map(torch.Tensor.pin_memory) for key, s in samples.items()}
        return samples

    with ThreadPoolExecutor(1, "feed") as thread:
        ahead = [thread.submit(draw, i) for i in range(first, min(first + 2, last))]
        try:
            for i in range(first, last):
                samples = ahead.pop(0).result()
                if i + 2 < last:
                    ahead.append(thread.submit(draw, i + 2))
                yield {key: data[key].domain.normalise(s.to(device)) for key, s in samples.items()}
        finally:
            for future in ahead:
                future.cancel()


def drawn(keys: Iterable[str], n: int, seed: int, step: int) -> tuple[str, ...]:
    """n of the keys, in their own order, as a function of (seed, step): the same ones on every process."""
    sets = list(combinations(keys, n))
    return sets[np.random.default_rng([seed, zlib.crc32(b"domains"), step]).integers(len(sets))]
