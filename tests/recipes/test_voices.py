"""Voices through the same command lines as pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from domains.metrics.voice import WEIGHTS
from domains.neighbours import Neighbours
from recipes import kinds, launch
from recipes.convert import convert
from recipes.cyclegan import cyclegan
from recipes.evaluate import evaluate
from recipes.kinds import mels
from recipes.stargan import stargan
from recipes.translator import Translator
from recipes.voice import voice
from tests.cases import draw, paint
from tests.voices import hum, recordings
from translate.errors import UserError
from translate.nets.gated import PlaneEncoder

TINY = ["--size", "16", "--width", "4", "--blocks", "1", "--batch", "2", "--device", "cpu", "--steps", "10"]


@pytest.fixture(scope="module")
def voices(tmp_path_factory) -> Path:
    """trainA, trainB: 5 recordings; testA, testB: 2, of the same names."""
    folder = tmp_path_factory.mktemp("data") / "hums"
    folder.mkdir()
    for side, pitch in (("A", 220.0), ("B", 110.0)):
        (folder / f"train{side}").symlink_to(Path(recordings().name) / side.lower())
        (folder / f"test{side}").mkdir(parents=True)
        for i in range(2):
            soundfile.write(folder / f"test{side}" / f"{i}.flac", hum(0.6, pitch, seed=90 + i), 16_000)
    return folder


@pytest.fixture(scope="module")
def run(voices, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "voice"
    with pytest.raises(SystemExit) as left:
        launch.main(cyclegan, ["--a", str(voices), "--b", str(voices), *TINY, "--out", str(out)])
    assert left.value.code == 0
    return out


def test_what_cyclegan_vc2_has_may_be_asked_for(voices):
    """Its generator and its second critics, beside pseudo-pairs; a domain alone, as a translator has it, has no pairs."""
    how = dict(method="cycle", size=16, width=8, blocks=1, batch=2, steps=2, generator="212d", back=1.0)
    system = voice(str(voices), str(voices), **how).system()
    assert isinstance(system.a2b.encoder, PlaneEncoder) and isinstance(system.pair_ab, Neighbours)
    assert len(system.players()["d"]) == 4 and system.back == 1
    assert voice(str(voices), str(voices), pairs=0.0, **how).system().pairs == 0
    A, B = system.A, system.B
    assert voice(A, B, **how).system().pairs == 0


def test_the_page_has_spectrograms_and_sound(run):
    page = (run / "index.html").read_text()
    assert page.count("data:audio/wav") == 6 and "data:image/" in page and "a → b → a" in page
    assert {p.name for p in (run / "samples").iterdir()} == {
        f"step_000010_{name}"
        for name in ("a.png", "b.png", *(f"{n}.wav" for n in ("a", "a_b", "a_b_a", "b", "b_a", "b_a_b")))
    }
    last = json.loads((run / "stats.jsonl").read_text().splitlines()[-1])
    assert last["val/score"] == pytest.approx((last["val/frechet_a2b"] + last["val/frechet_b2a"]) / 2)


def test_files_and_folders_are_converted(run, tmp_path):
    source = tmp_path / "in"
    for name, rate, seconds in (("one.wav", 44_100, 0.7), ("deep/two.mp3", 16_000, 1.0), ("short.flac", 8000, 0.2)):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(source / name, hum(seconds, rate=rate), rate)
    (source / "bad.wav").write_bytes(b"RIFF")
    convert(str(run), str(source), str(tmp_path / "out"), vocoder="griffin-lim")
    found = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert found == {"one.wav", "deep/two.mp3", "short.flac"}
    for name in ("one.wav", "short.flac"):
        before, after = soundfile.info(source / name), soundfile.info(tmp_path / "out" / name)
        assert (before.samplerate, before.frames, before.subtype) == (after.samplerate, after.frames, after.subtype)
    convert(str(run), str(source / "one.wav"), str(tmp_path / "low.ogg"), to="a", vocoder="griffin-lim")
    assert soundfile.info(tmp_path / "low.ogg").format == "OGG"
    with pytest.raises(UserError, match="nothing was translated"):
        convert(str(run), str(source / "bad.wav"), str(tmp_path / "x.wav"))
    with pytest.raises(UserError, match="--vocoder wavenet: give griffin-lim"):
        convert(str(run), str(source / "one.wav"), str(tmp_path / "x.wav"), vocoder="wavenet")


@pytest.mark.parametrize("method", ["cycle", "unit", "disentangle"])
def test_every_method_trains_and_converts(method, voices, tmp_path, capsys):
    out = tmp_path / method
    with pytest.raises(SystemExit) as left:
        argv = ["--a", str(voices), "--b", str(voices), "--method", method, *TINY, "--out", str(out)]
        launch.main(voice, argv)
    assert left.value.code == 0
    keys = json.loads((out / "stats.jsonl").read_text().splitlines()[-2]).keys()
    terms = [name for name in ("identity_a", "kl_a", "hear_a") if name in keys]
    assert terms == [dict(cycle="identity_a", unit="kl_a", disentangle="hear_a")[method]]
    args = json.loads((out / "final" / "config.json").read_text())["args"]
    used = [name for name in ("identity", "pairs", "hear") if name in args]
    assert used == dict(cycle=["identity", "pairs"], unit=["pairs"], disentangle=["hear"])[method]
    translator = Translator.from_pretrained(out, device="cpu")
    translator.domains["a"].speak_with("griffin-lim")
    wave, _ = translator((hum(0.3), 16_000), to="a")
    assert wave.shape == (4800,) and np.isfinite(wave).all()


@pytest.mark.parametrize("method", ["unit", "disentangle"])
def test_an_auto_encoder_is_gated(method, capsys):
    with pytest.raises(SystemExit) as left:
        launch.main(voice, ["--method", method, "--generator", "212d"])
    assert left.value.code == 2 and f"--generator 212d: of --method {method} it is gated" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv, said",
    [
        (["--back", "1"], "--back: it is of --method cycle, not of unit"),
        (["--method", "cycle", "--hear", "0.2"], "--hear: it is of --method disentangle, not of cycle"),
        (["--method", "disentangle", "--pairs", "0"], "--pairs: it is of --method cycle or unit, not of disentangle"),
    ],
)
def test_options_of_another_method_are_refused(argv, said, capsys):
    with pytest.raises(SystemExit) as left:
        launch.main(voice, argv)
    assert left.value.code == 2 and said in capsys.readouterr().err


def test_planes_are_between_two_voices(voices, tmp_path, capsys):
    argv = ["--domains", *(str(voices / f"train{side}") for side in "ABA"), *TINY, "--out", str(tmp_path / "x")]
    with pytest.raises(SystemExit) as left:
        launch.main(stargan, [*argv, "--generator", "212d"])
    assert left.value.code == 2 and "--generator 212d: it is between two voices" in capsys.readouterr().err


def test_voices_want_recordings(tmp_path, capsys):
    for side in "AB":
        paint(tmp_path / f"train{side}" / "0.png", draw(20, 20, 0))
    with pytest.raises(SystemExit) as left:
        launch.main(voice, ["--a", str(tmp_path), "--b", str(tmp_path), "--out", str(tmp_path / "x")])
    assert left.value.code == 2 and "no recordings; scripts/cyclegan.py takes" in capsys.readouterr().err


def test_waves_in_memory(run):
    translator = Translator.from_pretrained(run, device="cpu")
    translator.domains["b"].speak_with("griffin-lim")
    stereo = np.stack([hum(0.5)] * 2, 1)
    wave, rate = translator((stereo, 16_000), to="b")
    assert wave.shape == (8000,) and rate == 16_000 and np.isfinite(wave).all()
    with pytest.raises(UserError, match="the wave: silent"):
        translator((np.zeros(8000), 16_000))


def test_scores_stand_beside_their_floors(run, monkeypatch, capsys):
    monkeypatch.delenv(WEIGHTS, raising=False)
    monkeypatch.setattr(mels.judges, "dnsmos", lambda: lambda wave, rate: 3.0)
    evaluate(str(run))
    record = json.loads((run / "scores-b.json").read_text())
    rows = record["rows"]
    assert all(row["dnsmos"] == 3 for row in rows.values())
    assert [*rows][-5:-3] == ["the source as it is", "each band's mean and deviation shifted"]
    assert rows["the target"]["mcd"] == 0 and rows["the source as it is"]["f0_correlation"] == pytest.approx(1)
    assert 0 < rows["the target through griffin-lim"]["mcd"] < rows["the source as it is"]["mcd"]
    assert abs(rows["the target"]["f0"] - 110) < 6
    assert record["facts"]["truth"] == "paired by name" and WEIGHTS in record["facts"]["speaker encoder"]
    assert all("wer" not in row and "similarity_b" not in row for row in rows.values()), "nothing is known of these"
    assert "MCD, dB" in capsys.readouterr().out


def test_what_is_judged_has_the_rate_and_length_of_what_conversion_writes(run, voices, tmp_path, monkeypatch):
    monkeypatch.delenv(WEIGHTS, raising=False)
    files = {side: mels_files(voices, side.upper()) for side in "ab"}
    for side in "ab":
        files[side].test[:] = [tmp_path / side / f"{i}.wav" for i in range(2)]
        (tmp_path / side).mkdir()
        for i, path in enumerate(files[side].test):
            soundfile.write(path, hum(0.4 + 0.1 * i, 200, seed=i), 8000)
    lengths = [soundfile.info(path).frames for path in files["a"].test]
    heard = []
    monkeypatch.setattr(
        mels.Judged, "score", lambda judge, waves: heard.append([(len(w), rate) for w, rate in waves]) or {}
    )
    ((rows, _),) = mels.score({"best": Translator.from_pretrained(run, device="cpu")}, files, [("a", "b")], run)
    assert len(heard) == len(rows) >= 5 and all(waves == [(n, 8000) for n in lengths] for waves in heard)


def test_samples_show_input_translation_and_truth(run, voices, tmp_path):
    import cv2

    translator = Translator.from_pretrained(run, device="cpu")
    files = {"a": kinds.keep(mels_files(voices, "A"), mels, "a"), "b": kinds.keep(mels_files(voices, "B"), mels, "b")}
    mels.samples(translator, files, "a", "b", tmp_path / "sheet")
    sheet = cv2.imread(str(tmp_path / "sheet.jpg"))
    assert sheet.shape == (2 * 3 * 84, 2 * 244, 3) and sheet.max() > 100


def mels_files(voices: Path, side: str):
    from domains.sources import Files

    return Files(side, sorted((voices / f"train{side}").iterdir()), sorted((voices / f"test{side}").iterdir()))


def test_transcripts_are_found_beside_the_files(tmp_path):
    folder = tmp_path / "testA"
    folder.mkdir()
    (tmp_path / "transcripts.csv").write_text("file,text\none,hello there\n")
    assert mels.transcripts([folder / "one.wav"]) == {"one": "hello there"}
    (tmp_path / "transcripts.csv").write_text("prompt,seconds,text\none,1.2,hello there\n")
    assert mels.transcripts([folder / "one.wav"]) == {"one": "hello there"}
    (tmp_path / "transcripts.csv").write_text("one,hello there\n")
    with pytest.raises(UserError, match="no column `text`"):
        mels.transcripts([folder / "one.wav"])
    assert mels.transcripts([tmp_path / "nowhere" / "deep" / "er" / "one.wav"]) == {}


@pytest.mark.parametrize(
    "argv, said",
    [
        (["--size", "0"], "--size 0: the frames of a training crop must be a multiple of 4"),
        (["--size", "18"], "--size 18: the frames of a training crop must be a multiple of 4"),
        (["--generator", "unet"], "--generator unet: of voices it is gated, masked or 212d"),
        (["--critic", "vgg"], "--critic vgg: of voices it is patch"),
        (["--scales", "2"], "--scales 2: of voices there is one critic"),
    ],
)
def test_what_voices_have_not_is_refused(voices, tmp_path, argv, said, capsys):
    with pytest.raises(SystemExit) as left:
        launch.main(cyclegan, ["--a", str(voices), "--b", str(voices), *TINY, "--out", str(tmp_path / "x"), *argv])
    assert left.value.code == 2 and said in capsys.readouterr().err
