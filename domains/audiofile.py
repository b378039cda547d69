"""Sound files -> mono waves and back, with what is wrong with a file said by name. libsndfile's formats, through soundfile."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from translate.errors import UserError, reason

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".au", ".opus")
RATES = range(4000, 384_001)  # Hz
LONGEST = 4 * 3600  # seconds
BLOCK = 2**16  # samples written at once: libsndfile's Vorbis encoder overflows its stack from millions on (1.2.2)


class BadAudio(UserError, ValueError):
    """A file that holds no usable sound. One sentence: the file, what is wrong, the remedy."""


@dataclass(frozen=True)
class AudioOrigin:
    """What a file had that its spectrogram has not.

    rate: Hz. samples: at that rate. subtype: libsndfile's name of the sample format. suffix: the format it is to be saved in.
    clipped: the share of samples at the largest value: 1e-3 at most in sound recordings, 1e-2 and more in overdriven ones.
    gain: that loudness normalisation applied.
    """

    rate: int
    samples: int
    subtype: str = "PCM_16"
    suffix: str = ".wav"
    clipped: float = 0.0
    gain: float = 1.0


def read(path: Path) -> tuple[np.ndarray, AudioOrigin]:
    """(wave [samples] float32, channels averaged, at the file's own rate; origin). Raises BadAudio."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            if file.frames > LONGEST * file.samplerate:
                raise BadAudio(f"{path}: longer than {LONGEST // 3600} hours; cut it")
            wave = file.read(dtype="float32", always_2d=True).mean(1)  # [samples]
            promised, rate, subtype, notes = file.frames, file.samplerate, file.subtype, file.extra_info
    except (soundfile.SoundFileError, OSError, MemoryError) as error:
        why = getattr(error, "error_string", "") or reason(error)
        raise BadAudio(
            f"{path}: not a sound file that can be read ({why.rstrip('. ')}); save it as WAV or FLAC"
        ) from error
    if len(wave) < promised or cut_short(path, notes):
        raise BadAudio(f"{path}: cut short, its header promises more sound than it holds; copy or export it again")
    wave, origin = checked(wave, rate, str(path))
    return wave, replace(origin, subtype=subtype, suffix=Path(path).suffix.lower())


def checked(wave: np.ndarray, rate: int, name: str) -> tuple[np.ndarray, AudioOrigin]:
    """A mono wave as it is, with its origin; raises BadAudio where there is nothing to hear in it."""
    if rate not in RATES:
        raise BadAudio(f"{name}: a sampling rate of {rate} Hz; rates of 4 to 384 kHz can be read: convert it")
    if not np.isfinite(wave).all():
        raise BadAudio(f"{name}: holds NaN or infinite samples; export it again")
    largest = np.abs(wave).max(initial=0)
    if largest < 1e-4:  # -80 dB of full scale
        raise BadAudio(f"{name}: silent; give a file with a voice in it")
    return wave, AudioOrigin(rate, len(wave), clipped=float((np.abs(wave) >= 0.999 * largest).mean()))


def cut_short(path: Path, notes: str) -> bool:
    """Whether the end is missing, of formats for which libsndfile reads what is left without an error."""
    if "(should be" in notes:  # of a WAV's chunk sizes
        return any(line.strip().startswith("data") and "(should be" in line for line in notes.splitlines())
    if Path(path).suffix.lower() in (".ogg", ".opus"):
        content = Path(path).read_bytes()
        return not content[content.rfind(b"OggS") + 5] & 4  # the last page bears the end-of-stream flag (RFC 3533)
    return False


def resample(wave: np.ndarray, rate: int, to: int) -> np.ndarray:
    import soxr

    return wave if rate == to else soxr.resample(wave, rate, to)


def write(wave: np.ndarray, origin: AudioOrigin, stem: Path) -> Path:
    """Mono, at the origin's rate and sample format where the target format has it. Sound louder than full scale is turned down."""
    import soundfile

    path = stem.with_name(stem.name + origin.suffix)  # not with_suffix: a name may hold dots
    wave = wave / max(1.0, np.abs(wave).max() / 0.999) if len(wave) else wave
    form = {".aif": "AIFF", ".mp3": "MP3", ".opus": "OGG"}.get(origin.suffix, origin.suffix[1:].upper())
    subtype = {"OGG": "OPUS" if origin.suffix == ".opus" else "VORBIS", "MP3": "MPEG_LAYER_III"}.get(
        form, origin.subtype
    )
    if not soundfile.check_format(form, subtype):  # FLAC holds no float
        subtype = soundfile.default_subtype(form)
    part = path.with_name(f".{path.name}.part")  # a file is there whole or not at all
    try:
        with soundfile.SoundFile(part, "w", origin.rate, 1, subtype, format=form) as file:
            for start in range(0, len(wave), BLOCK):
                file.write(wave[start : start + BLOCK])
        part.replace(path)
    except (soundfile.SoundFileError, OSError) as error:
        raise UserError(f"{path} could not be written ({reason(error)}): choose another output") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return path
