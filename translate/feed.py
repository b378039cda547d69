"""Batches as a function of (seed, step): nothing to save, the same on one process and on many."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

from . import runtime
from .recipe import Source
from .sample import Sample


def batches(
    data: dict[str, Source], batch: int, first: int, last: int, device: torch.device
) -> Iterator[dict[str, Sample]]:
    """This process's rows of draws `first` to `last`, read ahead by a thread, on the device, normalised."""
    share = batch // runtime.world_size()

    def draw(i: int) -> dict[str, Sample]:
        start = i * batch + runtime.rank() * share
        return {key: source.rows(range(start, start + share)) for key, source in data.items()}

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
