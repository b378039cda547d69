"""Which sound of another voice a sound is, without a sentence that both have said: INCA (Erro 2010, IEEE TASLP 18(5), "INCA algorithm
for training voice conversion systems from nonparallel corpora").

Frames that are nearest neighbours are taken for pairs, a linear map is fitted to them, and mapped frames look for neighbours again.
Some frames lie near everything, and would be everyone's neighbour: how near others are to a frame is taken off its distances (CSLS,
Conneau 2018, arXiv:1710.04087, section 2.3).
Two voices (slt, rms; phones of frames are known): of what is taken for a pair 25 % (back: 17 %) say the same phone at first, 64 %
(63 %) after 20 rounds; with distances as they are, and each way by itself, 55 % (35 %). Between two halves of one voice 77 %.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from translate.sample import Sample

CEPSTRA = 17  # with the first, loudness
AROUND = range(-4, 5, 2)  # frames
FLATTER = 0.5  # exponent of the deviations that features are divided by: 1 would make all cepstra count alike
KEPT = 12000  # frames of each voice that are searched
MATCHED = 6000  # of these, with the other voice's
NEAREST = 4  # of these, their mean is what a frame stands for
AMONG = 1500  # frames of the other voice that say how crowded it is around a frame
BLOCK = 100  # of them that are looked at together
CROWDED = 0.6  # of that what is taken off distances; CSLS: 0.5


def cosines(bands: int) -> Tensor:
    """[M,17], of log-mels the cepstra."""
    from torchaudio.functional import create_dct

    return create_dct(CEPSTRA, bands, "ortho")


def features(mel: Tensor, basis: Tensor) -> Tensor:
    """[B,M,T] standardised -> [B,T,85]: cepstra of a frame and of what is around it."""
    cepstra = mel.mT @ basis
    frame, last = torch.arange(cepstra.shape[1], device=mel.device), cepstra.shape[1] - 1
    return torch.cat([cepstra[:, (frame + shift).clamp(0, last)] for shift in AROUND], 2)


class Frames:
    """What is matched of a voice. mels [N,M]; x [N,85]: their features, as (features - centre) / deviation. recordings: [M,T], standardised."""

    def __init__(self, recordings: list[Tensor]):
        basis = cosines(recordings[0].shape[0])
        every = torch.cat([features(mel[None], basis)[0] for mel in recordings])
        kept = torch.randperm(len(every), generator=torch.Generator().manual_seed(0))[:KEPT]
        self.mels, x = torch.cat(recordings, 1).T[kept], every[kept]
        self.centre, self.deviation = x.mean(0), x.std(0) ** FLATTER
        self.x = (x - self.centre) / self.deviation


class Neighbours(nn.Module):
    """A spectrogram of a [B,1,M,T] -> of each frame's nearest frames of b the mean, likewise. matrix: of `inca`."""

    def __init__(self, a: Frames, b: Frames, matrix: Tensor):
        super().__init__()
        crowd = crowding(b.x, a.x[:AMONG] @ matrix)
        kept = dict(
            basis=cosines(a.mels.shape[1]),
            centre=a.centre,
            matrix=matrix / a.deviation[:, None],
            keys=b.x,
            crowd=crowd,
            frames=b.mels,
        )
        for name, t in kept.items():
            self.register_buffer(name, t.contiguous(), persistent=False)

    @torch.no_grad()
    def forward(self, s: Sample) -> Sample:
        with torch.autocast(s.x.device.type, enabled=False):  # who is nearest is a difference of large numbers
            wanted = ((features(s.x[:, 0].float(), self.basis) - self.centre) @ self.matrix).flatten(0, 1)
            found = nearest(wanted, self.keys, self.crowd, NEAREST)
        frames = self.frames[found].mean(1).unflatten(0, (len(s), -1))  # [B,T,M]
        return Sample(frames.mT[:, None])


def neighbours(a: list[Tensor], b: list[Tensor], rounds: int = 20) -> tuple[Neighbours, Neighbours]:
    """(a to b, b to a). a, b: recordings [M,T], standardised."""
    of_a, of_b = Frames(a), Frames(b)
    a2b, b2a = inca(of_a.x[:MATCHED], of_b.x[:MATCHED], rounds)
    return Neighbours(of_a, of_b, a2b), Neighbours(of_b, of_a, b2a)


def inca(x: Tensor, y: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
    """Features of both voices [N,D], each of mean 0 -> matrices [D,D] by which x lies among y as if it were the same voice's, and y among x.

    Both are found together: two frames are near where x's lies near y's among y, and y's near x's among x. After each fit, which
    shrinks towards the mean where pairs are wrong, every feature is given the other voice's deviation again.
    """
    x2y = y2x = torch.eye(x.shape[1])
    for i in range(rounds + 1):
        x2y, y2x = x2y * y.std(0) / (x @ x2y).std(0), y2x * x.std(0) / (y @ y2x).std(0)
        if i < rounds:
            of_x, of_y = torch.cat([x @ x2y, x], 1), torch.cat([y, y @ y2x], 1)
            in_y = nearest(of_x, of_y, crowding(of_y, of_x[:AMONG]))
            in_x = nearest(of_y, of_x, crowding(of_x, of_y[:AMONG]))
            pairs = torch.cat([x, x[in_x]]), torch.cat([y[in_y], y])
            x2y, y2x = ridge(*pairs), ridge(*pairs[::-1])
    return x2y, y2x


def ridge(x: Tensor, y: Tensor) -> Tensor:
    """The matrix [D,D] of least squares, x @ matrix = y, a little shrunken."""
    return torch.linalg.solve(x.T @ x + 0.01 * len(x) * torch.eye(x.shape[1]), x.T @ y)


def nearest(x: Tensor, among: Tensor, crowd: Tensor, k: int = 0) -> Tensor:
    """[N], or of each the k nearest [N,k]; crowd: `crowding` of these."""
    lengths, found = among.square().sum(1) - CROWDED * crowd, []
    for part in x.split(2048):
        distances = lengths - 2 * part @ among.T
        found.append(smallest(distances, k) if k else distances.argmin(1))
    return torch.cat(found)


def smallest(x: Tensor, k: int) -> Tensor:
    """Where the k smallest of each row are, the smallest first: in the k blocks whose smallest are. In a quarter of topk's time."""
    if x.shape[1] % BLOCK or x.shape[1] < k * BLOCK:
        return x.topk(k, 1, largest=False).indices
    blocks = x.unflatten(1, (-1, BLOCK))
    near = blocks.amin(2).topk(k, 1, largest=False).indices
    at = blocks.gather(1, near[..., None].expand(-1, -1, BLOCK)).flatten(1).topk(k, 1, largest=False).indices
    return near.gather(1, at // BLOCK) * BLOCK + at % BLOCK


def crowding(x: Tensor, among: Tensor) -> Tensor:
    """[N], the mean squared distance of each to its nearest sixtieth of these."""
    k, lengths = max(1, len(among) // 60), among.square().sum(1)
    near = [(lengths - 2 * part @ among.T).topk(k, 1, largest=False).values.mean(1) for part in x.split(2048)]
    return torch.cat(near) + x.square().sum(1)
