"""Voices: the adapter between sound files and log-mel spectrograms [B,1,80,T], each band standardised over its collection.

The spectrogram is HiFi-GAN's (arXiv:2010.05646, the authors' `meldataset.py`), so that any vocoder made for it can speak it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.nets.gated import FramePatchCritic, GatedDecoder, GatedEncoder
from translate.sample import Sample

from . import audiofile
from .audiofile import AudioOrigin, BadAudio
from .vocoders import BANDS, HOP, RATE, WINDOW, filters, griffin_lim, vocoder

SILENCE = 1e-5  # the smallest magnitude
LEAST_STD = 0.5  # of a band, in nats: the upper bands of an 8 kHz source are empty
LOUDNESS = 0.1  # root mean square of a normalised utterance's speech
CHUNK = 1024  # frames that go through a network at once: 12 s
BLOCK = 4096  # frames that are analysed at once
MARGIN = 8  # frames of silence left around an utterance that is trained on


def log_mel(wave: Tensor) -> Tensor:
    """[samples] at 22.05 kHz -> [80, samples // 256], natural logarithm of magnitudes of at least 1e-5.

    Frames of 1,024 samples every 256, Hann; reflected by 384 at both ends, so that frame t is about sample 256 t + 128.
    """
    n = len(wave) // HOP
    edge = (WINDOW - HOP) // 2
    wave = F.pad(wave[None, None], (edge, edge), mode="reflect")[0, 0]
    window, basis, blocks = torch.hann_window(WINDOW), filters(), []
    for first in range(0, n, BLOCK):
        last = min(first + BLOCK, n)
        part = wave[first * HOP : (last - 1) * HOP + WINDOW]
        spectrum = torch.stft(part, WINDOW, HOP, window=window, center=False, return_complex=True)  # [513,t]
        magnitude = (torch.view_as_real(spectrum).square().sum(-1) + 1e-9).sqrt()
        blocks.append((basis @ magnitude).clamp(min=SILENCE).log())
    return torch.cat(blocks, 1)


def trim(mel: Tensor) -> Tensor:
    """[M,T] without the silence at both ends: frames whose loudest band is 5 nats (43 dB) below the utterance's."""
    loud = torch.nonzero(mel.amax(0) > mel.max() - 5).flatten()
    return mel[:, max(int(loud[0]) - MARGIN, 0) : int(loud[-1]) + 1 + MARGIN]


@dataclass
class Mels:
    """One voice's recordings.

    size: frames of the training crop, 11.6 ms each. mean, std: [80] of the collection's log-mel bands.
    """

    size: int = 64
    mean: tuple[float, ...] = (-5.0,) * BANDS
    std: tuple[float, ...] = (2.0,) * BANDS
    vocoder: str = "auto"
    suffixes = audiofile.SUFFIXES

    @property
    def kind(self) -> str:
        return f"voices of {BANDS} mel bands, {self.size} frames"

    def spec(self) -> dict:
        return {"domain": "mels", **asdict(self)}

    # files and samples

    def load(self, path: Path) -> tuple[Sample, AudioOrigin]:
        return self._load(*audiofile.read(path), str(path))

    def save(self, s: Sample, origin: AudioOrigin, stem: Path) -> Path:
        return audiofile.write(self.give(s, origin)[0], origin, stem)

    def take(self, value: tuple[np.ndarray, int]) -> tuple[Sample, AudioOrigin]:
        """value: (wave [samples] or [samples,channels], Hz), as soundfile.read returns it."""
        wave, rate = value
        wave = np.asarray(wave, np.float32)
        return self._load(*audiofile.checked(wave.mean(1) if wave.ndim == 2 else wave, rate, "the wave"), "the wave")

    def give(self, s: Sample, origin: AudioOrigin) -> tuple[np.ndarray, int]:
        wave = vocoder(self.vocoder)(self.denormalise(s).x[0, 0].float().cpu()).numpy()
        wave = audiofile.resample(wave, RATE, origin.rate) / origin.gain
        return np.pad(wave, (0, max(0, origin.samples - len(wave))))[: origin.samples], origin.rate

    def speak_with(self, name: str) -> None:
        """griffin-lim, hifigan, the file of a HiFi-GAN generator, or auto; raises UserError where there is no such vocoder."""
        vocoder(name)
        self.vocoder = name

    def _load(self, wave: np.ndarray, origin: AudioOrigin, name: str) -> tuple[Sample, AudioOrigin]:
        wave, gain = prepared(wave, origin.rate, name)
        padded = F.pad(torch.from_numpy(wave), (0, -len(wave) % HOP))
        return self.normalise(self.collate([Sample(log_mel(padded))])), replace(origin, gain=gain)

    def decode(self, path: Path) -> Sample:
        """[M,T], trimmed."""
        wave, origin = audiofile.read(path)
        if origin.clipped > 0.01:
            raise BadAudio(f"{path}: {origin.clipped:.1%} of its samples are clipped; record it at a lower level")
        return Sample(trim(log_mel(torch.from_numpy(prepared(wave, origin.rate, str(path))[0]))))

    def split(self, s: Sample) -> tuple[Sample, Sample]:
        """(the first three quarters, the last)"""
        cut = s.x.shape[1] * 3 // 4
        return Sample(s.x[:, :cut]), Sample(s.x[:, cut:])

    def crop(self, s: Sample, rng) -> Sample:
        """[M,T] -> [M,frames]: from anywhere; rng None: the middle. Shorter utterances are repeated back and forth."""
        x = s.x
        while x.shape[1] < self.size:
            x = torch.cat([x, x.flip(1)], 1)
        spare = x.shape[1] - self.size
        start = spare // 2 if rng is None else int(rng.integers(spare + 1))
        return Sample(x[:, start : start + self.size])

    def views(self, s: Sample) -> list[Sample]:
        """The whole utterance, its length cut to a multiple of 4, which every network takes."""
        whole = self.crop(s, None) if s.x.shape[1] < self.size else s
        return [Sample(whole.x[:, : whole.x.shape[1] // 4 * 4])]

    def collate(self, items: list[Sample]) -> Sample:
        return Sample(torch.stack([s.x for s in items])[:, None])

    def normalise(self, s: Sample) -> Sample:
        mean, std = statistics(tuple(self.mean), tuple(self.std), s.x.device)
        return Sample((s.x - mean) / std, s.mask, s.label)

    def denormalise(self, s: Sample) -> Sample:
        mean, std = statistics(tuple(self.mean), tuple(self.std), s.x.device)
        return Sample(s.x * std + mean, s.mask, s.label)

    def blank(self, n: int) -> Sample:
        return Sample(torch.zeros(n, 1, BANDS, self.size))

    def whole(self, net: nn.Module, s: Sample, tile: int = 0) -> Sample:
        """An utterance of any length through a network, in chunks that see as far beyond their ends as the network does."""
        n = s.x.shape[-1]
        x = F.pad(s.x, (0, -n % net.multiple, 0, 0), mode="replicate")
        parts = []
        for first in range(0, n, CHUNK):
            before, after = min(net.context, first), net.context
            y = net(Sample(x[..., first - before : first + CHUNK + after])).x
            parts.append(y[..., before : before + CHUNK])
        return Sample(torch.cat(parts, -1)[..., :n])

    def preview(self, rows: dict[str, Sample], stem: Path) -> list[Path]:
        """Spectrograms, one column a stage (input, translation, cycle), one line an item; and the first item's sound."""
        import cv2

        lines = []
        for mels in zip(*(s.x[:, 0] for s in rows.values())):
            pictures = [((m + 9) / 10).clamp(0, 1).mul(255).byte().flip(0).numpy() for m in mels]  # -9 to 1 nats
            lines.append(np.hstack([np.pad(p, 2) for p in pictures]))
        sheet = cv2.resize(np.vstack(lines), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
        files = [stem.with_name(stem.name + ".png")]
        cv2.imwrite(str(files[0]), cv2.applyColorMap(sheet, cv2.COLORMAP_MAGMA))
        step, _, key = stem.name.rpartition("_")
        for name, s in rows.items():
            path = name.split(" → ")
            named = stem.with_name("_".join([step, *([] if path[0] == key else [key]), *path]))
            wave = griffin_lim(s.x[0, 0]).numpy()
            files.append(audiofile.write(wave, AudioOrigin(RATE, len(wave)), named))
        return files

    # what a method needs

    def relax(self, s: Sample) -> Sample:
        return s

    def harden(self, s: Sample) -> Sample:
        return s

    def distance(self, pred: Sample, target: Sample) -> Tensor:
        """L1, mean over bands and frames, in the bands' standard deviations."""
        return F.l1_loss(pred.x.float(), target.x)

    def encoder(self, **kw) -> nn.Module:
        return GatedEncoder(BANDS, **kw)

    def decoder(self, **kw) -> nn.Module:
        return GatedDecoder(BANDS, **kw)

    def critic(self, **kw) -> nn.Module:
        return FramePatchCritic(BANDS, **kw)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def statistics(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """[M,1] each; kept, so that a batch waits for no copy to the device."""
    return torch.tensor(mean, device=device)[:, None], torch.tensor(std, device=device)[:, None]


def prepared(wave: np.ndarray, rate: int, name: str) -> tuple[np.ndarray, float]:
    """(wave at 22.05 kHz whose speech has the root mean square LOUDNESS, gain). Raises BadAudio below 1,024 samples (46 ms).

    Speech: blocks of 1,024 samples within 30 dB of the loudest.
    """
    wave = audiofile.resample(wave, rate, RATE)
    if len(wave) < WINDOW:
        raise BadAudio(f"{name}: {len(wave) / RATE * 1000:.0f} ms long; at least 50 ms are needed")
    power = np.square(wave[: len(wave) // WINDOW * WINDOW].reshape(-1, WINDOW), dtype=np.float64).mean(1)
    gain = LOUDNESS / np.sqrt(power[power >= power.max() * 1e-3].mean())
    return (wave * gain).astype(np.float32), float(gain)


def survey(paths: list[Path], most: int = 500) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, standard deviation) of each band over a collection, of `most` files evenly taken; unreadable ones are passed over."""
    n, total, squares = 0, torch.zeros(BANDS, dtype=torch.double), torch.zeros(BANDS, dtype=torch.double)
    domain = Mels()
    for path in paths[:: max(1, len(paths) // most)]:
        try:
            mel = domain.decode(path).x.double()
        except BadAudio:
            continue  # named when the folder is scanned
        n, total, squares = n + mel.shape[1], total + mel.sum(1), squares + mel.square().sum(1)
    if not n:
        return Mels.mean, Mels.std
    mean = total / n
    std = (squares / n - mean.square()).clamp(min=LEAST_STD**2).sqrt()
    return tuple(mean.tolist()), tuple(std.tolist())
