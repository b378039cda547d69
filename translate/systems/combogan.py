"""ComboGAN: N encoders and N decoders in place of N (N - 1) translators (Anoosheh 2018, arXiv:1712.06909).

A step is CycleGAN's between two domains, which are drawn from (seed, step): each network sees 2 / N of all steps (section 3.2).
e, g, d: a domain's encoder, decoder and critic. restore: weight of its own auto-encoder.
"""

from __future__ import annotations

from torch import nn

from ..adv import Adv, least_squares
from ..domain import Domain
from ..modules.cycle import Pair, everywhere, restored
from ..pool import Pool
from ..sample import Sample
from ..system import Losses, System


class ComboGAN(System):
    """domains: by their data keys, of one kind; e, g, d: as many networks, in the same order."""

    at_once = 2

    def __init__(
        self,
        domains: dict[str, Domain],
        e: list[nn.Module],
        g: list[nn.Module],
        d: list[nn.Module],
        adv: Adv = least_squares,
        cycle: float = 10.0,
        restore: float = 0.0,
        pool: int = 50,
        batch: int = 1,
    ):
        super().__init__()
        self.domains, self.keys = domains, list(domains)
        self.e, self.g, self.d = nn.ModuleList(e), nn.ModuleList(g), nn.ModuleList(d)
        self.pools = nn.ModuleList(Pool(domain, pool, batch) for domain in domains.values())
        self.adv, self.cycle, self.restore = adv, cycle, restore

    def players(self):
        return {"g": [self.e, self.g], "d": [self.d]}

    def of(self, key: str) -> tuple[nn.Module, nn.Module, nn.Module, Pool]:
        """A domain's encoder, decoder, critic and pool."""
        i = self.keys.index(key)
        return self.e[i], self.g[i], self.d[i], self.pools[i]

    def loss_g(self, /, **pair: Sample) -> Losses:
        losses = {}
        for (key, s), to in zip(pair.items(), reversed(pair)):
            distance, (encode, decode, *_) = self.domains[key].distance, self.of(key)
            _, translate, critic, pool = self.of(to)
            code = encode(s)
            fake = translate(code)
            pool.put(fake)
            losses[f"adv_{to}"] = self.adv.g(critic(fake))
            losses[f"cycle_{key}"] = self.cycle * restored(distance, self.direction(to, key), fake, s)
            if self.restore:
                losses[f"restore_{key}"] = self.restore * restored(distance, decode, code, s)
        return losses

    def loss_d(self, /, **pair: Sample) -> Losses:
        losses = {}
        for key, s in pair.items():
            *_, critic, pool = self.of(key)
            losses[f"d_{key}"] = self.adv.d(critic(s), critic(pool.get(len(s))))
        return losses

    def sample(self, **batch: Sample) -> dict[str, Sample]:
        return everywhere(self.direction, batch)

    def translator(self, to: str) -> nn.Module:
        """Between two."""
        (source,) = (key for key in self.keys if key != to)
        return self.direction(source, to)

    def direction(self, source: str, to: str) -> nn.Module:
        return Pair(self.of(source)[0], self.of(to)[1])
