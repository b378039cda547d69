"""Files -> samples: decoded once into a capped cache, shuffled and augmented as a function of (seed, index)."""

from __future__ import annotations

import sys
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from itertools import islice

import numpy as np
import torch

from translate.domain import Domain
from translate.errors import UserError
from translate.sample import Sample

from .sources import Files, Item

FEW = 20  # with fewer files than this, parts of each file are held out for validation instead of whole files
CACHE_BYTES = 2 * 2**30  # decoded pictures take about twelve times their JPEGs; what does not fit is decoded again


class Folder:
    """One side's data. Implements translate.recipe.Source.

    A tenth of the files (at most 100) is held out for validation; with fewer than 20 files, a part of each.
    """

    def __init__(self, domain: Domain, files: Files, seed: int = 0):
        self.domain, self.name, self.seed, self.unit = domain, files.name, seed, files.unit
        self.cache: dict[int, Sample] = {}
        self.items: list[Item] = files.train
        self.test, self.files = files.test, files
        self.labels = torch.from_numpy(files.labels["train"]).long() if "train" in files.labels else None  # [items]
        self.bad: list[str] = []
        self.augment: Callable[[Sample, np.random.Generator], Sample] = lambda s, rng: s  # before the crop, in training
        self._divide(list(range(len(self.items))))

    def _divide(self, ids: list[int]) -> None:
        """Of these items, which are trained on and which are held out."""
        self.few = len(ids) < FEW
        order = np.random.default_rng([self.seed, zlib.crc32(b"validation")]).permutation(ids)
        held = 0 if self.few else min(len(ids) // 10, 100)
        self.validation_ids, self.train_ids = sorted(order[:held]), sorted(order[held:])

    @property
    def protocol(self) -> str:
        if self.few:
            return f"{self.name}: {len(self.train_ids)} {self.unit}, the last quarter of each (a picture's longer side) held out for validation"
        return f"{self.name}: {len(self.train_ids)} {self.unit} trained on, {len(self.validation_ids)} held out for validation"

    def scan(self, progress: Callable = lambda ids: ids) -> None:
        """Reads every file once: fills the cache, drops what cannot be read, remembers why in `bad`."""
        used, good = 0, []
        with ThreadPoolExecutor(2) as pool:
            for i, decoded in zip(range(len(self.items)), progress(pool.map(self._try_decode, range(len(self.items))))):
                if isinstance(decoded, str):
                    self.bad.append(decoded)
                    continue
                good.append(i)
                if used < CACHE_BYTES:
                    self.cache[i] = decoded
                    used += sum(t.nbytes for t in decoded if t is not None)
        self._divide(good)
        if not good:
            reason = f": {self.bad[0]}" if self.bad else ""
            raise UserError(f"{self.name} has no readable file to train on{reason}")

    def peek(self, n: int) -> list[Sample]:
        """The first n files that can be read, ahead of a scan, as they are without chance; a batch of one each."""
        read = islice((s for i in self.train_ids if not isinstance(s := self._try_decode(i), str)), n)
        return [self.domain.collate([self.domain.crop(s, None)]) for s in read]

    def _try_decode(self, i: int) -> Sample | str:
        try:
            return self.domain.decode(self.items[i])
        except (UserError, ValueError) as error:
            return str(error)

    def _decoded(self, i: int) -> Sample:
        return self.cache[i] if i in self.cache else self.domain.decode(self.items[i])

    def _held_out(self) -> list[Sample]:
        if self.few:
            return [self.domain.split(self._decoded(i))[1] for i in self.train_ids]
        return [self._decoded(i) for i in self.validation_ids]

    def items_of(self, indices: range) -> list[int]:
        """Row `index` shows the (index mod n)-th item of its epoch's permutation."""
        n, items = len(self.train_ids), []
        salt = zlib.crc32(self.name.encode())
        for index in indices:
            epoch, position = divmod(index, n)
            items.append(self.train_ids[permutation(self.seed, salt, epoch, n)[position]])
        return items

    def rows(self, indices: range) -> Sample:
        """Each augmented with random numbers of its own."""
        items, crops = self.items_of(indices), []
        salt = zlib.crc32(self.name.encode())
        for index, i in zip(indices, items):
            whole = self.domain.split(self._decoded(i))[0] if self.few else self._decoded(i)
            rng = np.random.default_rng([self.seed, salt, 1, index])
            crops.append(self.domain.crop(self.augment(whole, rng), rng))
        return self._labelled(self.domain.collate(crops), items)

    def shown(self, n: int) -> list[int]:
        """The same n held-out items each time, the classes in turn where there are labels."""
        held = self.train_ids if self.few or not self.validation_ids else self.validation_ids
        if self.labels is not None:
            turn = Counter()
            place = {i: (turn.update([c]) or turn[c], c) for i, c in zip(held, self.labels[held].tolist())}
            held = sorted(held, key=place.__getitem__)
        return [held[i % len(held)] for i in range(n)]

    def preview(self, n: int) -> Sample:
        """In the training shape."""
        items = self.shown(n)
        parts = [self.domain.split(self._decoded(i))[1] if self.few else self._decoded(i) for i in items]
        return self._labelled(self.domain.collate([self.domain.crop(part, None) for part in parts]), items)

    def _labelled(self, s: Sample, items: list[int]) -> Sample:
        return s if self.labels is None else replace(s, label=self.labels[items])

    def validation(self) -> list[Sample]:
        """Views of the held-out items, a batch of one each; of a single small picture also the whole: one alone has no statistics."""
        views = [self.domain.collate([view]) for s in self._held_out() for view in self.domain.views(s)]
        return views if len(views) > 1 else views + self.training()

    def training(self, most: int = 1000) -> list[Sample]:
        """Views of items trained on: what a validation score compares with."""
        ids = self.train_ids[:: max(1, len(self.train_ids) // most)][:most]
        return [self.domain.collate([view]) for i in ids for view in self.domain.views(self._decoded(i))]


@lru_cache(maxsize=8)
def permutation(*seed_and_n: int) -> np.ndarray:
    """Of the last number's range, by the random seed that the others are; an epoch's rows share it."""
    return np.random.default_rng(seed_and_n[:-1]).permutation(seed_and_n[-1])


def report(folder: Folder) -> None:
    """One line a file that had to be left out, on stderr."""
    for reason in folder.bad:
        sys.stderr.write(f"skipped: {reason}\n")
