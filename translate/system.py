"""System and Update: who the players are, and what each of them minimises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from .sample import Sample


@dataclass(frozen=True)
class Update:
    """One optimiser step of one player."""

    player: str
    loss: str | None = None  # name of the loss method; default: loss_<player>
    every: int = 1  # lazy regularisation: runs at each `every`-th step, its loss multiplied by `every`
    repeat: int = 1  # n_critic; every repetition draws a fresh batch
    start: int = 0  # active from this step on
    stop: int | None = None  # ... to this one

    def active(self, step: int) -> bool:
        return step >= self.start and (self.stop is None or step < self.stop) and step % self.every == 0


class System(nn.Module):
    """A method. Besides the methods below it has one pure loss method a player, `loss_g(self, a, b) -> dict of terms`,
    whose argument names are the recipe's data keys. The loop sums the terms, backpropagates, averages and steps. On a GPU a step is
    recorded and replayed (graphs.py), so that what changes from one to the next has to lie in the batch or in buffers. A method that
    yields its terms, dict by dict, has each backpropagated and its graph freed before the next: the same gradients, less memory."""

    updates: tuple[Update, ...] = (Update("g"), Update("d"))
    ema: tuple[str, ...] = ("g",)  # players whose averaged weights are sampled from and exported
    shared: tuple[str, ...] = ()  # names of parameters that two players may own together
    shown: int = 4  # items of each source that a person looks at
    at_once: int = 0  # data keys that a step is given, drawn from (seed, step); 0: all

    def players(self) -> dict[str, list[nn.Module]]:
        raise NotImplementedError

    def sample(self, **batch: Sample) -> dict[str, Sample]:
        """What a person wants to see of a batch, by names that begin with a data key. A row `a_b` is `a` translated to `b`, `a_b_a`
        comes back; after keys, words: `x_again`."""
        raise NotImplementedError

    def translator(self, to: str) -> nn.Module:
        """The network Sample -> Sample that translates into domain `to`."""
        raise NotImplementedError

    def direction(self, source: str, to: str) -> nn.Module:
        """The same where the input is known to be of domain `source`; a system that must know overrides it."""
        return self.translator(to)

    def parameters_of(self, player: str) -> list[nn.Parameter]:
        unique = {id(p): p for module in self.players()[player] for p in module.parameters()}
        return list(unique.values())

    def names_of(self, player: str) -> list[str]:
        mine = {id(p) for p in self.parameters_of(player)}
        return [name for name, p in self.named_parameters() if id(p) in mine]


Losses = dict[str, Tensor]


def merged(losses: Losses | Iterator[Losses]) -> Losses:
    """All terms of a loss method, whether it returns or yields them."""
    return losses if isinstance(losses, dict) else {key: term for part in losses for key, term in part.items()}
