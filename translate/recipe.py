"""Recipe: data + a system + its numbers. Importing this module loads no torch, so that `--help` answers at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .domain import Domain
    from .sample import Sample
    from .system import System


class Source(Protocol):
    """One side's data. `domains/folder.py` is the implementation."""

    domain: Domain
    name: str

    def rows(self, indices: range) -> Sample: ...  # of an endless, shuffled, augmented stream; collated, on the CPU
    def preview(self, n: int) -> Sample: ...  # the same n held-out items each time


@dataclass(frozen=True)
class Run:
    """The numbers of a training run."""

    steps: int
    batch: int = 1  # over all processes
    micro: int = 0  # rows in memory at a time; 0: all of this process's
    lr: float | dict[str, float] = 2e-4  # one, or one a player
    betas: tuple[float, float] = (0.5, 0.999)
    decay: float = 0.5  # the last share of the steps, in which lr falls to zero linearly
    clip: float = 0.0  # largest gradient norm; 0: not clipped
    precision: str = "auto"  # bf16 where the device gains by it, fp32, bf16
    ema: float = 0.999
    seed: int = 0
    log_every: int = 50
    sample_every: int = 500
    judge_every: int = 1000
    save_every: int = 1000
    keep: int = 2  # checkpoints


def intervals(steps: int, looks: int = 20, judged: int = 10) -> dict[str, int]:
    """Of a Run: how often it logs, shows and saves (`looks` times in all), and judges."""
    every = max(10, steps // looks)
    judge_every = max(10, steps // judged)
    return dict(log_every=max(1, min(50, steps // 100)), sample_every=every, judge_every=judge_every, save_every=every)


@dataclass(frozen=True)
class Recipe:
    data: dict[str, Source]
    system: Callable[[], System]  # networks are chosen here
    run: Run
    judge: Callable[[System, Any], dict[str, float]] | None = (
        None  # scores on validation; the lowest "score" is selected
    )
    name: str = ""
    args: dict[str, Any] = field(
        default_factory=dict
    )  # resolved: with them and the domains' specs the networks are rebuilt
    title: str = ""
    paper: str = ""
    folder: str = ""  # of a run, below runs/; default: the recipe's name and those of its data
    then: str = "translate: python scripts/convert.py {out} --to b INPUT OUTPUT"  # what to do with a finished run
