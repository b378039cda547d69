"""The Domain protocol: all that a translation method may know about a modality."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from .sample import Sample

Origin = (
    Any  # what a file had that its tensor has not: size, depth, rate, alpha, name; a domain hands it from load to save
)


@runtime_checkable
class Domain(Protocol):
    suffixes: tuple[str, ...]
    kind: str  # domains of one kind can be compared with each other (identity loss): equal kinds, equal shapes

    # files <-> samples. Samples of single items have no batch dimension until `collate`.
    def load(self, path: Path) -> tuple[Sample, Origin]: ...  # a whole file, ready for a network: a row an item of it
    def save(self, s: Sample, origin: Origin, stem: Path) -> Path: ...  # back to the source's size, rate and depth
    def take(self, value: Any) -> tuple[Sample, Origin]: ...  # as load, from a value in memory: a PIL image, a sentence
    def give(self, s: Sample, origin: Origin) -> Any: ...  # as save, to a value of the same type
    def decode(self, path: Path) -> Sample: ...  # a file's compact training view, kept in the cache
    def split(
        self, s: Sample
    ) -> tuple[Sample, Sample]: ...  # of a decoded file: (to train on, held out for validation)
    def crop(self, s: Sample, rng) -> Sample: ...  # augmented, of fixed shape; rng None: the plain centre
    def views(
        self, s: Sample
    ) -> list[Sample]: ...  # what validation judges of an item: shapes that every network takes
    def collate(self, items: list[Sample]) -> Sample: ...  # pads to a fixed bucket, builds the mask
    def normalise(self, s: Sample) -> Sample: ...  # on the device: a collated batch -> what networks see
    def denormalise(self, s: Sample) -> Sample: ...  # its inverse, in float: what every domain of the kind understands
    def blank(self, n: int) -> Sample: ...  # n rows of the right shapes and dtypes: pools, graph capture
    def whole(
        self, net: nn.Module, s: Sample, tile: int = 0
    ) -> Sample: ...  # a loaded file of any size through a network;
    # tile: largest piece of it at once, 0: as large as memory allows
    def preview(
        self, rows: dict[str, Sample], stem: Path
    ) -> list[Path]: ...  # of denormalised rows: what a person looks at

    # what a method needs
    def relax(self, s: Sample) -> Sample: ...  # differentiable view: ids -> one-hot; identity elsewhere
    def harden(self, s: Sample) -> Sample: ...  # compact view: simplex -> ids; identity elsewhere
    def distance(self, pred: Sample, target: Sample) -> Tensor: ...  # masked L1, or masked cross-entropy in nats
    def encoder(self, **kw) -> nn.Module: ...  # Sample -> code, a Sample; `deep` names its layers next to the code
    def decoder(self, **kw) -> nn.Module: ...  # (code, like=None, cond=None) -> Sample
    def critic(self, **kw) -> nn.Module: ...  # Sample -> float32 scores, a list [B,N] with one entry a scale
    def spec(self) -> dict: ...  # JSON from which the domain is rebuilt where only a bundle is at hand
