"""Every model of recipes/gan.py: who learns what, what a run leaves behind, and what is drawn from it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
import torch

from domains import sources
from domains.vocoders import HOP, RATE
from recipes import launch, models
from recipes.gan import ALL, LABELLED, MODELS, TRICKS, WRONG, gan
from recipes.generative import SampleJudge
from recipes.sample import as_picture, between, sample
from recipes.sequences import Sentences, Voices
from tests.cases import CPU
from translate import bundle
from translate.feed import batches
from translate.loop import Trainer, draws
from translate.nets.improved import MinibatchDiscrimination, MinibatchStd, VirtualBatchNorm
from translate.sample import Sample

EVERY = list(ALL)
TINY = dict(steps=12, batch=8, width=4, noise=6, precision="fp32", budget="laptop")


@cache
def recipe(model: str, data: str = "digits"):
    return gan(model=model, data=data, **TINY)


def test_every_model_is_a_function_and_a_line():
    assert len(EVERY) == 29
    functions = {name for name, f in vars(models).items() if callable(f) and getattr(f, "__annotations__", {}).get("p")}
    assert functions == {name.replace("-", "_") for name in EVERY}
    assert all(name in gan.__doc__ and line in gan.__doc__ for name, line in ALL.items())


VOICE = str(
    Path(sources.__file__).parent / "builtin" / "slt2rms" / "trainA" / "s0000[0-2]*"
)  # a few of slt's recordings
BESIDE = [(VOICE, model) for model in Voices.served] + [("modern", model) for model in Sentences.served]


def test_models_that_serve_voices_and_sentences():
    assert len(Voices.served) == 16 and len(Sentences.served) == 14 and len(BESIDE) == 30
    assert set(Sentences.served) < set(Voices.served) < set(MODELS)


@pytest.mark.parametrize("model", Sentences.served)
def test_no_critic_of_sentences_is_told_a_length_but_by_words(model):
    """A penalty sees slopes in words alone: an opinion of a mask would grow without bound."""
    trainer = Trainer(recipe(model, "modern"), CPU)
    x = next(batches(recipe(model, "modern").data, 8, 0, 1, CPU))["x"]
    with torch.no_grad():
        assert x.mask.all() and trainer.system.draw(8).mask.all()


TRICKED = [("digits", "dcgan", [trick]) for trick in TRICKS]
TRICKED += [
    ("digits", "dcgan", [*TRICKS]),
    ("digits", "wgan-gp", ["deviation", "packing"]),
    ("digits", "gan", ["packing"]),
]
TRICKED += [
    ("modern", "wgan-gp", [trick for trick in TRICKS if trick not in ("virtual", "diffaugment")]),
    (VOICE, "sngan", ["deviation", "replay"]),
]


@pytest.mark.parametrize("data, model, tricks", TRICKED, ids=str)
def test_a_trick_is_in_the_losses_or_in_the_networks(data, model, tricks):
    plain, tricked = (Trainer(gan(data=data, model=model, tricks=t, **TINY), CPU).system for t in (None, tricks))
    batch = next(batches(recipe(model, data).data, 8, 0, 1, CPU))
    terms = {
        key.split("_")[0]
        for loss in (tricked.loss_d, tricked.loss_g)
        for key, value in loss(**batch).items()
        if value.isfinite()
    }
    assert terms - {"d", "adv", "penalty"} == {"matching", "history"} & set(tricks)
    assert (tricked.together, tricked.pool is not None) == (4 if "packing" in tricks else 1, "replay" in tricks)
    kinds = {type(m) for m in tricked.modules()} - {type(m) for m in plain.modules()}
    layers = {"discrimination": MinibatchDiscrimination, "deviation": MinibatchStd, "virtual": VirtualBatchNorm}
    assert kinds & set(layers.values()) == {layers[trick] for trick in tricks if trick in layers}
    assert bool(tricked.d._forward_pre_hooks) == ("diffaugment" in tricks)
    assert len(TRICKED) == len(TRICKS) + 5


@pytest.mark.parametrize("data, model", [("digits", model) for model in EVERY] + BESIDE, ids=str)
def test_an_update_gives_gradients_to_its_player_alone(data, model):
    trainer = Trainer(recipe(model, data), CPU)
    learned = {player: set() for player in trainer.system.players()}
    for player, optimiser in trainer.optimisers.items():

        def watch(*_, player=player, step=optimiser.step):
            gradients = {n: p.grad for n, p in trainer.system.named_parameters() if p.grad is not None}
            assert set(gradients) <= set(trainer.system.names_of(player))
            learned[player] |= {n for n, g in gradients.items() if g.abs().sum() > 1e-12}
            step()

        optimiser.step = watch
    data = recipe(model, data).data
    assert ("c" in data, "wrong" in data) == (model not in MODELS, model in WRONG)
    feed = batches(data, 8, 0, 3 * draws(trainer.system), CPU)
    for _ in range(3):
        trainer.train_step(feed)
    assert set.union(*learned.values()) == {n for n, _ in trainer.system.named_parameters()}
    assert all(np.isfinite(v) for v in trainer.means().values())


ALONE = ["r1", "wgan", "wgan-gp", "wgan-ct", "sngan", "projection", "began"]


@pytest.mark.parametrize("model", ALONE)
def test_what_a_critic_thinks_of_a_sample_is_of_that_sample_alone(model):
    """Penalties are on each row's slope, BEGAN's energy is each sample's error: no statistics of a batch lie between."""
    made = recipe(model)
    system = made.system()
    for module in system.d.modules():  # batch norms as in training; dropout and power iterations still
        module.training = isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
    batch = next(batches(made.data, 8, 0, 1, CPU))
    given = [batch[key] for key in ("x", "c") if key in batch]

    def seen(rows):
        found = system.d(*(s[rows] for s in given))
        return found[0] if isinstance(found, list) else found.x

    torch.testing.assert_close(seen(slice(0, 8))[:1], seen(slice(0, 1)), atol=1e-5, rtol=1e-4)


def test_what_a_code_says_of_a_sample_is_of_that_sample_alone():
    """Q learns on samples and reads data: statistics of a batch would be other ones."""
    made = recipe("infogan")
    system, x = made.system().train(), next(batches(made.data, 8, 0, 1, CPU))["x"]
    torch.testing.assert_close(system.d.body(x)[:1], system.d.body(x[:1]), atol=1e-5, rtol=1e-4)


def run(*argv) -> int:
    with pytest.raises(SystemExit) as left:
        launch.main(gan, [str(arg) for arg in argv])
    return left.value.code


def cheap(self, system, data) -> dict[str, float]:
    return {"score": float(sum(p.abs().mean() for p in system.g.parameters()))}


ARGUMENTS = ["--steps", 12, "--batch", 8, "--width", 4, "--noise", 6, "--device", "cpu"]


@pytest.fixture(scope="module", params=["wgan-gp", "infogan", "matching-split", "improved", "spade", "words"])
def trained(request, tmp_path_factory) -> tuple[str, list, Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SampleJudge, "__call__", cheap)
        patch.setattr(SampleJudge, "load", lambda _: None)
        out = tmp_path_factory.mktemp("gan") / request.param
        argv = ["--model", request.param, *ARGUMENTS, "--out", out]
        assert run(*argv) == 0
        return request.param, argv, out


def test_what_a_run_leaves_behind(trained, capsys, monkeypatch):
    model, argv, out = trained
    monkeypatch.setattr(SampleJudge, "load", lambda _: None)
    assert {p.name for p in out.iterdir()} == {
        "index.html", "config.yaml", "stats.jsonl", "samples", "checkpoints", "tensorboard", "best", "final",
    }  # fmt: skip
    lines = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "val/score" not in line] == list(range(1, 13))
    names = ["x.png"] if model in (*MODELS, "spade") else ["c.txt", "x.png"]
    assert [p.name for p in sorted((out / "samples").iterdir())] == [
        f"step_0000{s}_{n}" for s in (10, 12) for n in names
    ]
    _, config = bundle.load_bundle(out / "final")
    assert config["recipe"] == "gan" and config["args"]["model"] == model
    page = (out / "index.html").read_text()
    assert f"{model}: digits" in page and "data:image/" in page
    assert run(*argv) == 0 and "finished" in capsys.readouterr().out, "repeating it trains nothing"


def test_where_a_run_goes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(SampleJudge, "load", lambda _: None)
    monkeypatch.setattr(SampleJudge, "__call__", cheap)
    assert run("--model", "ae", *ARGUMENTS[:-4], "--steps", 1, "--device", "cpu") == 0
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["gan-ae-digits"]
    assert "draw: python scripts/sample.py runs/gan-ae-digits" in capsys.readouterr().out


MISTAKES = [
    (["--model", "wgangp"], "--model wgangp: there is no such one; the nearest names are wgan-gp"),
    (["--adv", "hing"], "--adv hing: there is no such one; the nearest names are hinge"),
    (["--adv", "hinge"], "--adv hinge: the objective of wgan-gp is what it is"),
    (["--size", 30], "--size 30: the side must halve evenly"),
    (["--size", 0], "--size 0: the side must halve evenly"),
    (["--steps", 0], "--steps 0: it must be at least 1"),
    (["--batch", 0], "--batch 0: it must be at least 2"),
    (["--model", "pacgan", "--batch", 6], "--batch 6: it must be at least 2, and a multiple of 4 for packs"),
    (["--model", "dcgan", "--tricks", "replays"], "--tricks replays: there is no such one; the nearest names are replay"),
    (["--model", "bigan", "--tricks", "replay"], "--tricks replay: bigan takes none; of these models they are: gan, dcgan"),
    (["--model", "gan", "--tricks", "virtual"], "--tricks virtual: this generator has no batch norm"),
    (["--data", "modern", "--model", "wgan-gp", "--size", 45, "--tricks", "diffaugment"], "--tricks diffaugment: it is for pictures, not for sentences"),
    (["--model", "dcgan", "--tricks", "packing", "--batch", 6], "--batch 6: it must be at least 2, and a multiple of 4"),
    (["--model", "cgan", "--data", "photos"], "photos has no labels: give an .npz with y_train, or a model without conditions"),
    (["--model", "began", "--data", "modern", "--size", 45], "--model began: not of sentences; of these it is dcgan, dcgan-softmax"),
    (["--model", "improved", "--data", VOICE], "--model improved: not of recordings; of these it is gan, dcgan"),
    (["--model", "cgan", "--data", "modern"], "--data modern: sentences have no conditions here; choose a model without"),
    (["--model", "words", "--data", VOICE], "--data trainA: recordings have no conditions here; choose a model without"),
    (["--data", "digitz"], "--data digitz: no such file, folder or set; the nearest names are digits"),
]  # fmt: skip


@pytest.mark.parametrize("argv, message", MISTAKES, ids=[" ".join(map(str, argv)) for argv, _ in MISTAKES])
def test_mistakes_are_one_sentence(argv, message, capsys):
    capsys.readouterr()
    assert run(*ARGUMENTS, *argv) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith(f"error: {message}"), said
    assert torch.is_grad_enabled()


# drawing


def draw(*argv) -> int:
    with pytest.raises(SystemExit) as left:
        launch.command(sample, [str(arg) for arg in argv])
    return left.value.code


@pytest.fixture
def drawing(trained) -> tuple[str, Path, list]:
    """(model, run, what it has to be told)"""
    model, _, out = trained
    if model == "spade":
        pytest.skip("it draws from pictures")
    return model, out, ["--text", "a red three , inverted"] if model == "words" else []


def drawn(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_COLOR)


def test_samples_are_a_function_of_the_seed(drawing, tmp_path):
    _, out, asked = drawing
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        assert draw(out, *asked, "--out", tmp_path / f"{name}.png", "--n", 10, "--seed", seed) == 0
    one, again, other = (drawn(tmp_path / f"{name}.png") for name in ("one", "again", "other"))
    assert one.shape == (2 * 28, 5 * 28, 3) and np.array_equal(one, again) and not np.array_equal(one, other)


def test_interpolations_begin_and_end_at_samples(drawing, tmp_path):
    _, out, asked = drawing
    assert draw(out, *asked, "--out", tmp_path / "lines.png", "--n", 3, "--interpolate", 4) == 0
    assert draw(out, *asked, "--out", tmp_path / "plain.png", "--n", 3) == 0
    lines, plain = drawn(tmp_path / "lines.png"), drawn(tmp_path / "plain.png")
    assert lines.shape == (3 * 28, 4 * 28, 3)
    first = np.concatenate([plain[:, 28 * i : 28 * (i + 1)] for i in range(3)])
    assert np.abs(lines[:, :28].astype(int) - first).max() <= 1


def test_a_sum_of_samples_is_drawn_behind_its_terms(drawing, tmp_path, capsys):
    """3 alone is sample 3, and so is 1 + 3 - 1."""
    model, out, asked = drawing
    asked = ["--label", 0] if model in LABELLED else asked
    for name, sum_of in (("plain", []), ("one", ["--arithmetic", "3"]), ("sum", ["--arithmetic=1 + 3 - 1, 1"])):
        assert draw(out, *asked, *sum_of, "--out", tmp_path / f"{name}.png", "--n", 4) == 0
    plain, one, summed = (drawn(tmp_path / f"{name}.png").astype(int) for name in ("plain", "one", "sum"))
    third = plain[28:, 28:]  # the last of 2x2
    assert one.shape == (28, 2 * 28, 3) and summed.shape == (28, 4 * 28, 3)
    for strip in (one[:, :28], one[:, 28:], summed[:, 28:56], summed[:, 84:]):
        assert np.abs(strip - third).max() <= 1
    for said in ("4", "1 +", "a - b"):
        assert draw(out, *asked, f"--arithmetic={said}", "--n", 4) == 2
        assert f"--arithmetic {said}: give numbers of samples, 0 to 3" in capsys.readouterr().err


def test_without_variance_all_samples_are_one(drawing, tmp_path):
    model, out, asked = drawing
    label = ["--label", 3] if model in LABELLED else asked
    assert draw(out, "--out", tmp_path / "flat.png", "--n", 4, "--truncation", 0, *label) == 0
    cells = drawn(tmp_path / "flat.png").reshape(2, 28, 2, 28, 3).swapaxes(1, 2).reshape(4, -1)
    assert (np.abs(cells.astype(int) - cells[0]) <= 1).all()


def test_an_ensemble_takes_turns(drawing, tmp_path):
    _, out, asked = drawing
    assert draw(f"{out},{out / 'final'}", *asked, "--out", tmp_path / "two.png", "--n", 4) == 0
    assert draw(out, *asked, "--out", tmp_path / "one.png", "--n", 4) == 0
    two, one = (drawn(tmp_path / f"{name}.png") for name in ("two", "one"))
    assert np.array_equal(two[:, :28], one[:, :28]) and not np.array_equal(two[:, 28:], one[:, 28:])


def test_a_picture_that_cannot_be_written_says_why(tmp_path):
    drawn = [Sample(torch.zeros(1, 3, 4, 4))]
    with pytest.raises(FileNotFoundError):
        as_picture(None, drawn, tmp_path / "none" / "x.png")
    with pytest.raises(OSError, match="no known kind of picture"):
        as_picture(None, drawn, tmp_path / "x.qqq")


def test_what_cannot_be_drawn(trained, tmp_path, capsys):
    model, _, out = trained
    mistakes = [
        (
            [out, "--label", 10],
            "--label 10: this model " + ("knows the labels 0 to 9" if model in LABELLED else "was trained without"),
        ),
        ([out, "--n", 0], "--n 0: it must be at least 1"),
        ([tmp_path / "nowhere"], f"{tmp_path / 'nowhere'} is neither a run's folder nor a bundle"),
    ]
    if model == "spade":
        mistakes += [([out], "this model draws from pictures")]
    elif model == "words":
        mistakes += [
            ([out], "--text is for models of words"),
            ([out, "--text", "a pink three"], "--text a pink three: this model never met"),
        ]
    else:
        mistakes += [
            ([out, "--text", "a"], "--text is for models of words"),
            ([out, "--out", tmp_path / "words.txt"], "--out "),
        ]
    for argv, message in mistakes:
        assert draw(*argv) == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1 and said[0].startswith(f"error: {message}"), said


@pytest.mark.parametrize("data, suffix", [(VOICE, ".wav"), ("modern", ".txt")], ids=["voice", "sentences"])
def test_a_voice_is_heard_and_sentences_are_read(data, suffix, tmp_path, monkeypatch, capsys):
    """WGAN-GP, trained, judged by its kind's own judge, drawn from: one.X and again.X are one file."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "run"
    assert run("--data", data, "--model", "wgan-gp", *ARGUMENTS, "--steps", 2, "--out", out) == 0
    names = {p.name for p in (out / "samples").iterdir()}
    assert {"step_000002_x.txt"} == names if suffix == ".txt" else {"step_000002_x.png", "step_000002_x_1.wav"} < names
    scores = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines() if "val/score" in line]
    assert len(scores) == 1 and np.isfinite(scores[0]["val/score"])
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        assert draw(out, "--out", tmp_path / f"{name}{suffix}", "--n", 3, "--seed", seed, "--truncation", 3) == 0
    one, again, other = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "again", "other"))
    assert one == again and one != other
    assert draw(out, "--n", 2, "--interpolate", 3) == 0, "beside the working folder's other files"
    if suffix == ".txt":
        assert len(one.decode().splitlines()) == 3
        assert [len(block.split("\n")) for block in (tmp_path / "samples.txt").read_text().rstrip().split("\n\n")] == [
            3,
            3,
        ]
    else:
        frames = soundfile.info(tmp_path / "samples.wav").frames
        assert frames == 6 * (64 * HOP + int(0.2 * RATE)), "two lines of three bits, and pauses"
    assert draw(out, "--out", tmp_path / "wrong.png", "--n", 1) == (2 if suffix == ".wav" else 0)


def test_noise_keeps_its_length_on_the_way():
    a, b = torch.randn(5, 64), torch.randn(5, 64)
    a, b = a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True)
    for share in (0.0, 0.3, 1.0):
        torch.testing.assert_close(between(a, b, torch.tensor(share)).norm(dim=1), torch.ones(5))
    torch.testing.assert_close(between(a, b, torch.tensor(0.0)), a)
    torch.testing.assert_close(between(a, b, torch.tensor(1.0)), b)
