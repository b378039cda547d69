"""How good converted voices are: near the same sentence said by the target, like the target's voice, understood, in its range.

A wave is float [samples]; `rate` its sampling rate in Hz. What is slow to import is imported where it is used.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from domains.audiofile import resample
from translate.errors import UserError

RATE = 16_000  # of every judge
FRAME = 5.0  # ms
ORDER, ALPHA = 24, 0.42  # mel-cepstra at 16 kHz
DECIBELS = 10 / math.log(10) * math.sqrt(2)
WEIGHTS = "UNPAIRED_SPEAKER_ENCODER"  # environment variable: the speaker encoder's file
WEIGHTS_SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
MOS_WEIGHTS = "UNPAIRED_DNSMOS"  # environment variable: the file of DNSMOS's network, ahead of the package's
MOS_PACKAGE = ("speechmos", "dnsmos_models/sig_bak_ovr.onnx")  # 0.0.1.1, MIT, Microsoft
MOS_SHA256 = "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd"
COLUMNS = {
    "mcd": ("MCD, dB", "{:.2f}".format),
    "similarity_b": ("similarity to the target", "{:.3f}".format),
    "similarity_a": ("similarity to the source", "{:.3f}".format),
    "wer": ("WER", "{:.1%}".format),
    "cer": ("CER", "{:.1%}".format),
    "dnsmos": ("DNSMOS", "{:.2f}".format),
    "f0": ("F0, Hz", "{:.0f}".format),
    "f0_range": ("F0 range, semitones", "{:.1f}".format),
    "f0_correlation": ("F0 correlation with the source", "{:.2f}".format),
}


class World:
    """WORLD's view of a wave every 5 ms (Morise 2016; pyworld): f0 [frames] in Hz, 0 where unvoiced; cepstra [frames,24], without c0.

    A recording of 8 kHz has nothing above 4 kHz, and the logarithm of what a perfect resampler leaves there would outweigh all that
    can be heard: torchaudio's short windowed sinc leaves a little.
    """

    def __init__(self, wave: np.ndarray, rate: int):
        import pysptk
        import pyworld
        from torchaudio.functional import resample as by_short_sinc

        wave = by_short_sinc(torch.from_numpy(np.asarray(wave, np.float64)), rate, RATE).numpy()
        pitch, times = pyworld.dio(wave, RATE, frame_period=FRAME)
        self.f0 = pyworld.stonemask(wave, pitch, times, RATE)
        self.cepstra = pysptk.sp2mc(pyworld.cheaptrick(wave, self.f0, times, RATE), ORDER, ALPHA)[:, 1:]


def mcd(x: np.ndarray, y: np.ndarray) -> float:
    """Mel-cepstral distortion in dB (Kubichek 1993) of mel-cepstra [frames,24]: summed along their dynamic time warping, a frame of y."""
    import librosa

    return DECIBELS * float(librosa.sequence.dtw(x.T, y.T, backtrack=False)[-1, -1]) / len(y)


def pitch_scores(f0: np.ndarray, source: np.ndarray) -> dict[str, float]:
    """Mean (geometric, Hz) and standard deviation (semitones) of the voiced frames; correlation with the source's contour.

    The correlation is over frames that are voiced in both; left out where fewer than ten are.
    """
    semitones = 12 * np.log2(f0[f0 > 0])
    scores = {}
    if len(semitones):
        scores |= {"f0": float(2 ** (semitones.mean() / 12)), "f0_range": float(semitones.std())}
    n = min(len(f0), len(source))
    both = (f0[:n] > 0) & (source[:n] > 0)
    if both.sum() >= 10:
        scores["f0_correlation"] = float(np.corrcoef(np.log(f0[:n][both]), np.log(source[:n][both]))[0, 1])
    return scores


@functools.cache
def recogniser():
    """pocketsphinx with its own English model."""
    from pocketsphinx import Decoder

    return Decoder(samprate=RATE, loglevel="FATAL")


def heard(wave: np.ndarray, rate: int) -> str:
    """English words, as pocketsphinx hears them."""
    decoder = recogniser()
    decoder.start_utt()
    samples = np.clip(resample(wave, rate, RATE), -1, 1)
    decoder.process_raw((samples * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis else ""


def word_errors(said: Sequence[str], understood: Sequence[str]) -> dict[str, float]:
    """Word and character error rates over all sentences."""
    import jiwer

    return {"wer": jiwer.wer(list(said), list(understood)), "cer": jiwer.cer(list(said), list(understood))}


class SpeakerEncoder(nn.Module):
    """Who speaks: the GE2E encoder (Wan 2018, arXiv:1710.10467) with the published weights of PyPI's resemblyzer 0.1.4 (Apache-2.0).

    40 mel bands, 25 ms windows every 10 ms, 16 kHz -> three LSTM layers -> a unit vector [256] for each 1.6 s.
    """

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, mels: Tensor) -> Tensor:
        """[B,160,40] -> [B,256]"""
        hidden = self.lstm(mels)[1][0][-1]
        return F.normalize(F.relu(self.linear(hidden)))

    @torch.inference_mode()
    def embed(self, wave: np.ndarray, rate: int) -> Tensor:
        """A whole utterance -> a unit vector [256]: the mean over windows that start every 0.77 s, the last at least 3/4 full."""
        import librosa

        wave = raised(resample(wave, rate, RATE))
        step, length = 77, 160  # frames
        frames = math.ceil((len(wave) + 1) / 160)
        starts = list(range(0, max(1, frames - length + step + 1), step))
        if len(starts) > 1 and (len(wave) - starts[-1] * 160) / (length * 160) < 0.75:
            starts.pop()
        wave = np.pad(wave, (0, max(0, (starts[-1] + length) * 160 - len(wave))))
        mel = librosa.feature.melspectrogram(y=wave, sr=RATE, n_fft=400, hop_length=160, n_mels=40).T.astype(np.float32)
        windows = torch.from_numpy(np.stack([mel[s : s + length] for s in starts]))
        return F.normalize(self(windows).mean(0), dim=0)


def raised(wave: np.ndarray) -> np.ndarray:
    """Quiet utterances at -30 dB of full scale, as the encoder was trained."""
    level = float(np.sqrt(np.square(wave, dtype=np.float64).mean()))
    return wave * max(1.0, 10 ** (-30 / 20) / max(level, 1e-9))


def speaker_encoder(path: str | Path | None = None) -> SpeakerEncoder | None:
    """The published encoder out of `path` or of the file that $UNPAIRED_SPEAKER_ENCODER names; None where neither is given."""
    path = path or os.environ.get(WEIGHTS)
    if not path:
        return None
    if not Path(path).is_file() or hashlib.sha256(Path(path).read_bytes()).hexdigest() != WEIGHTS_SHA256:
        raise UserError(f"{path} is not the published speaker encoder: python scripts/get_weights.py DIR fetches it")
    encoder = SpeakerEncoder()
    state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    encoder.load_state_dict({key: t for key, t in state.items() if key.startswith(("lstm", "linear"))})
    return encoder.eval().requires_grad_(False)


def centroid(encoder: SpeakerEncoder, waves: Sequence[tuple[np.ndarray, int]]) -> Tensor:
    """[256], the unit mean of what the encoder hears in (wave, rate) of one speaker."""
    return F.normalize(torch.stack([encoder.embed(*wave) for wave in waves]).mean(0), dim=0)


class DNSMOS:
    """How good speech sounds, 1 to 5, without a reference: the overall score of DNSMOS P.835 (Reddy 2022, arXiv:2110.01763).

    network: wave [1,144160] at 16 kHz -> raw scores of speech, background and all.
    """

    def __init__(self, network: Callable[[np.ndarray], Sequence[float]]):
        self.network = network

    def __call__(self, wave: np.ndarray, rate: int) -> float:
        """As the authors' `dnsmos.py`: doubled until it fills 9.01 s, windows every second, their polynomial, the mean."""
        wave, seconds = np.clip(resample(wave, rate, RATE), -1, 1).astype(np.float32), 9.01
        window = int(seconds * RATE)
        while len(wave) < window:
            wave = np.tile(wave, 2)
        starts = [i * RATE for i in range(int(len(wave) // RATE - seconds) + 1)]
        raw = np.array([self.network(wave[None, s : s + window])[2] for s in starts])
        return float((-0.06766283 * raw**2 + 1.11546468 * raw + 0.04602535).mean())


@functools.cache
def dnsmos(path: str | None = None) -> DNSMOS | None:
    """Of the published network in `path`, in the file that $UNPAIRED_DNSMOS names, or in PyPI's speechmos; None where there is none."""
    path, spec = path or os.environ.get(MOS_WEIGHTS), find_spec(MOS_PACKAGE[0])
    if not path and spec:
        path = Path(spec.origin).parent / MOS_PACKAGE[1]
    if not path:
        return None
    if not Path(path).is_file() or hashlib.sha256(Path(path).read_bytes()).hexdigest() != MOS_SHA256:
        raise UserError(f"{path} is not the published network of DNSMOS: pip install 'unpaired[mos]' brings it")
    if not find_spec("onnxruntime"):
        raise UserError("DNSMOS needs onnxruntime: pip install 'unpaired[mos]'")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return DNSMOS(lambda wave: session.run(None, {"input_1": wave})[0][0])
