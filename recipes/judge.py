"""The validation score that picks the selected checkpoint."""

from __future__ import annotations

from itertools import groupby

import torch

from translate.sample import Sample
from translate.system import System


@torch.no_grad()
def translate_all(domain, net, samples: list[Sample], batch: int = 16) -> list[torch.Tensor]:
    """Whole normalised pictures through a network, equal shapes together; each [C,H,W] in [0, 1], on the CPU."""
    done: list[torch.Tensor] = []
    for _, group in groupby(samples, key=lambda s: s.x.shape):
        group = list(group)
        for i in range(0, len(group), batch):
            x = domain.whole(net, Sample.cat(group[i : i + batch])).x
            done += list((x.float().clamp(-1, 1) * 0.5 + 0.5).cpu())
    return done


class ImageJudge:
    """KID of translated held-out pictures to the real ones of the other side, both ways (arXiv:1801.01401).

    The score is the mean of both directions. Feature network: EfficientNet-Lite0, ImageNet.
    """

    def __init__(self):
        self.real: dict[str, torch.Tensor] = {}
        self.net = None

    def load(self) -> None:
        """The feature network; raises MissingJudge where it is not there, better before training than at the first validation."""
        from domains.metrics.images import efficientnet_lite0

        self.net = self.net or efficientnet_lite0()

    def __call__(self, system: System, data: dict) -> dict[str, float]:
        from domains.metrics.images import features, kid

        self.load()
        net, device = self.net, next(system.parameters()).device
        scores = {}
        for source, target in (("a", "b"), ("b", "a")):
            folder = data[source]
            if target not in self.real:
                real = [
                    data[target].domain.normalise(s).x[0] * 0.5 + 0.5
                    for s in data[target].validation() + data[target].training(400)
                ]
                self.real[target] = features(net, real)
            inputs = [folder.domain.normalise(s.to(device)) for s in folder.validation()]
            fake = translate_all(folder.domain, system.translator(target), inputs)
            scores[f"kid_{source}2{target}"] = kid(features(net, fake), self.real[target])[0]
        return {"score": sum(scores.values()) / len(scores)} | scores
