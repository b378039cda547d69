"""Which sound of another voice a sound is, without a sentence that both have said: INCA (Erro 2010, IEEE TASLP 18(5), "INCA algorithm
for training voice conversion systems from nonparallel corpora").

Frames that are nearest neighbours are taken for pairs, a linear map is fitted to them, and mapped frames look for neighbours again.
Two voices of the same words (slt, rms; phones of frames are known): 26 % of the neighbours say the same phone at first, 58 % after
20 rounds; between two halves of one voice 85 %.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from translate.sample import Sample

CEPSTRA = 17  # with the first, loudness
AROUND = range(-4, 5, 2)  # frames
FLATTER = 0.5  # exponent of the deviations that features are divided by: 1 would make all cepstra count alike
KEPT = 6000  # frames of each voice that are matched
NEAREST = 4  # of these, their mean is what a frame stands for


def cosines(bands: int) -> Tensor:
    """[M,17], of log-mels the cepstra."""
    from torchaudio.functional import create_dct

    return create_dct(CEPSTRA, bands, "ortho")


def features(mel: Tensor, basis: Tensor) -> Tensor:
    """[B,M,T] standardised -> [B,T,85]: cepstra of a frame and of what is around it."""
    cepstra = mel.mT @ basis
    frame, last = torch.arange(cepstra.shape[1], device=mel.device), cepstra.shape[1] - 1
    return torch.cat([cepstra[:, (frame + shift).clamp(0, last)] for shift in AROUND], 2)


class Neighbours(nn.Module):
    """A spectrogram of a [B,1,M,T] -> of each frame's nearest frames of b the mean, likewise. a, b: recordings [M,T], standardised."""

    def __init__(self, a: list[Tensor], b: list[Tensor], rounds: int = 20):
        super().__init__()
        basis = cosines(a[0].shape[0])
        x, y = (torch.cat([features(mel[None], basis)[0] for mel in side]) for side in (a, b))
        generator = torch.Generator().manual_seed(0)
        kept_x, kept_y = (torch.randperm(len(side), generator=generator)[:KEPT] for side in (x, y))
        weight = y.std(0) ** -FLATTER
        keys = (y - y.mean(0))[kept_y] * weight
        scale, shift = inca(x[kept_x], keys, rounds)
        kept = dict(basis=basis, scale=scale, shift=shift, keys=keys, frames=torch.cat(b, 1).T[kept_y])
        for name, t in kept.items():
            self.register_buffer(name, t.contiguous(), persistent=False)

    @torch.no_grad()
    def forward(self, s: Sample) -> Sample:
        with torch.autocast(s.x.device.type, enabled=False):  # who is nearest is a difference of large numbers
            wanted = (features(s.x[:, 0].float(), self.basis) @ self.scale + self.shift).flatten(0, 1)
            found = nearest(wanted, self.keys, NEAREST)
        frames = self.frames[found].mean(1).unflatten(0, (len(s), -1))  # [B,T,M]
        return Sample(frames.mT[:, None])


def inca(x: Tensor, y: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
    """Features of a and b [N,D] -> a linear map (matrix, shift) of x that lies among y as if it were the same voice's.

    After each fit, which shrinks towards the mean where pairs are wrong, every feature is given y's mean and deviation again.
    """
    centre, deviation = x.mean(0), x.std(0)
    x = (x - centre) / deviation**FLATTER
    mean, std, matrix = y.mean(0), y.std(0), torch.eye(x.shape[1])
    for i in range(rounds + 1):
        moved = x @ matrix
        matrix = matrix * std / moved.std(0)
        moved = x @ matrix + mean
        if i < rounds:
            pairs = torch.cat([x, x[nearest(y, moved)]]), torch.cat([y[nearest(moved, y)], y]) - mean
            ridge = 0.01 * len(pairs[0]) * torch.eye(x.shape[1])
            matrix = torch.linalg.solve(pairs[0].T @ pairs[0] + ridge, pairs[0].T @ pairs[1])
    matrix = matrix / deviation[:, None] ** FLATTER
    return matrix, mean - centre @ matrix


def nearest(x: Tensor, among: Tensor, k: int = 0) -> Tensor:
    """[N], or of each the k nearest [N,k]."""
    lengths, found = among.square().sum(1), []
    for part in x.split(2048):
        distances = lengths - 2 * part @ among.T
        found.append(distances.topk(k, 1, largest=False).indices if k else distances.argmin(1))
    return torch.cat(found)
