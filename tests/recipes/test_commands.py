"""The command lines, as a user types them: what they leave behind, what they refuse, and how they end."""

from __future__ import annotations

import importlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from recipes import console, launch
from recipes.kinds.images import Judge as ImageJudge
from recipes.runs import runs
from recipes.train import recipe_of
from tests.cases import draw, paint
from tests.quick import cheap
from tests.translate.test_resume import differing, end_of, tensors
from translate import bundle, checkpoint
from translate.errors import UserError
from translate.loop import Trainer
from translate.system import merged
from translate.systems.cyclegan import CycleGAN

ROOT = Path(__file__).parents[2]
TRANSLATORS = ["cyclegan"]
TINY = ["--size", "16", "--width", "4", "--blocks", "1", "--device", "cpu"]


def recipe(name: str):
    return getattr(importlib.import_module(f"recipes.{name}"), name)


@pytest.fixture(autouse=True, scope="module")
def judged_cheaply():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageJudge, "__call__", cheap)
        patch.setattr(ImageJudge, "load", lambda _: None, raising=False)
        patch.delenv("UNPAIRED_DATA", raising=False)
        yield


def run(*argv, name: str = "cyclegan") -> int:
    """The exit code of a training command line."""
    with pytest.raises(SystemExit) as left:
        launch.main(recipe(name), [str(arg) for arg in argv])
    return left.value.code


def refused(capsys, *argv, name: str = "cyclegan") -> str:
    """The one sentence with which a command line ends with exit code 2."""
    capsys.readouterr()
    assert run(*argv, name=name) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("skipped: ")]
    assert len(said) == 1 and said[0].startswith("error: "), said
    return said[0].removeprefix("error: ")


@pytest.fixture(scope="module", params=TRANSLATORS)
def trained(request, pictures, tmp_path_factory) -> tuple[str, list, Path]:
    """A few steps of every recipe; samples, scores and checkpoints after the tenth and the last."""
    out = tmp_path_factory.mktemp("runs") / request.param
    argv = ["--a", pictures, "--b", pictures, "--steps", 12, *TINY, "--out", out]
    assert run(*argv, name=request.param) == 0
    return request.param, argv, out


def test_the_recipes_covered():
    elsewhere = {
        "train",
        "unit",
        "cogan",
        "stargan",
        "gan",
        "points",
        "sentences",
        "sentiment",
        "summarise",
        "seqgan",
        "voice",
    }  # have test files of their own
    assert set(console.TRAINING) == {*TRANSLATORS, *elsewhere}


def test_what_a_run_leaves_behind(trained):
    name, argv, out = trained
    names = {p.name for p in out.iterdir()}
    assert names == {
        "index.html",
        "config.yaml",
        "stats.jsonl",
        "samples",
        "checkpoints",
        "tensorboard",
        "best",
        "final",
    }
    lines = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    losses = [line for line in lines if "val/score" not in line]
    assert [line["step"] for line in losses] == list(range(1, 13))
    assert [line["step"] for line in lines if "val/score" in line] == [10, 12]
    assert all(np.isfinite(list(line.values())).all() for line in lines)
    assert {"lr_g", "lr_d", "grad_g", "grad_d", "rate"} < set(losses[0])
    assert sorted(p.name for p in (out / "samples").iterdir()) == [
        f"step_0000{s}_{k}.png" for s in (10, 12) for k in "ab"
    ]
    assert [checkpoint.step_of(p) for p in checkpoint.checkpoints(out)] == [12, 10]

    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["recipe"] == name and config["args"]["steps"] == 12 and config["args"]["a"] == str(argv[1])
    assert set(config["environment"]) == {"device", "git", "python", "torch"} and len(config["validation"]) == 2
    tensors, final = bundle.load_bundle(out / "final")
    assert final["step"] == 12 and final["recipe"] == name and all(t.isfinite().all() for t in tensors.values())
    assert bundle.load_bundle(out / "best")[1]["scores"]["score"] == min(
        line["val/score"] for line in lines if "val/score" in line
    )
    page = (out / "index.html").read_text()
    assert "finished" in page and "shapesA ↔ shapesB" in page and "data:image/" in page


def test_repeating_a_finished_command_trains_nothing(trained, capsys, monkeypatch):
    name, argv, out = trained
    before = end_of(out)

    def train_step(*_):
        raise AssertionError("a step was trained")

    monkeypatch.setattr(Trainer, "train_step", train_step)
    capsys.readouterr()
    assert run(*argv, name=name) == 0
    assert re.search("finished", capsys.readouterr().out)
    assert differing(before, end_of(out)) == []


def test_pseudo_pairs_of_pictures_are_the_pictures_themselves(pictures):
    made = recipe("cyclegan")(str(pictures), str(pictures), pairs=2.0, size=16, width=4, blocks=1, steps=2)
    for folder in made.data.values():
        folder.scan()
    a, b = (folder.domain.normalise(folder.preview(2)) for folder in made.data.values())
    system = made.system()
    losses = merged(system.loss_g(a, b))
    assert losses["pair_b"].item() == pytest.approx(2 * (system.a2b(a).x - a.x).abs().mean().item())
    assert losses["pair_a"].item() == pytest.approx(2 * (system.b2a(b).x - b.x).abs().mean().item())


def test_pseudo_pairs_of_a_code(pictures):
    """UNIT's translations, whose codes have noise, are held to them too; the other terms are the same."""

    def losses(pairs: float) -> dict[str, float]:
        made = recipe("unit")(str(pictures), str(pictures), pairs=pairs, size=16, width=4, blocks=1, steps=2)
        for folder in made.data.values():
            folder.scan()
        a, b = (folder.domain.normalise(folder.preview(2)) for folder in made.data.values())
        torch.manual_seed(0)
        system = made.system()
        return {key: loss.item() for key, loss in system.loss_g(a, b).items()}

    none, one, two = map(losses, (0.0, 1.0, 2.0))
    for key in ("pair_a", "pair_b"):
        term = one.pop(key)
        assert term > 0.1 and two.pop(key) == pytest.approx(2 * term)
    assert none == one == two


@pytest.mark.parametrize(
    "change, said, pairs",
    [
        (lambda x: 250 - x // 2, {}, 0.0),
        (lambda x: x, {}, 2.0),
        (lambda x: x, dict(pairs=0.0), 0.0),
        (lambda x: x, dict(size=68), 0.0),
    ],
    ids=["unlike", "alike", "said", "larger"],
)
def test_small_pictures_that_look_alike_have_pseudo_pairs(tmp_path, change, said, pairs):
    """Files that cannot be read are passed over: it is the reading of all of them that names them."""
    for side, start in (("A", 0), ("B", 100)):
        for i in range(30):
            x = draw(68, 68, seed=start + i)
            paint(tmp_path / f"train{side}" / f"{i}.png", change(x) if side == "B" else x)
        (tmp_path / f"train{side}" / "0.png").write_bytes(b"no picture")
    made = recipe("cyclegan")(str(tmp_path), str(tmp_path), **dict(size=16) | said, width=4, blocks=1, steps=2)
    assert made.args["pairs"] == pairs


@pytest.mark.parametrize(
    "method, said, cycle, spectral",
    [
        ("cyclegan", dict(budget="laptop", size=32), 3.0, True),
        ("cyclegan", dict(budget="laptop", size=32, cycle=7.0, spectral=False), 7.0, False),
        ("cyclegan", dict(budget="laptop", size=28), 10.0, False),
        ("cyclegan", dict(budget="full", size=32), 10.0, False),
        ("discogan", dict(budget="laptop", size=32), 10.0, False),
    ],
    ids=["laptop", "said", "digits", "full", "another"],
)
def test_small_pictures_without_a_gpu_have_a_lighter_cycle_and_smooth_critics(pictures, method, said, cycle, spectral):
    made = recipe_of(method)(str(pictures), str(pictures), width=4, blocks=1, steps=2, **said)
    assert (made.args["cycle"], made.args["spectral"]) == (cycle, spectral)
    normed = [name for name, _ in made.system().named_modules() if name.endswith("parametrizations.weight")]
    assert bool(normed) == spectral


def test_few_pictures_cannot_tell_whether_they_look_alike(pictures):
    made = recipe("cyclegan")(str(pictures), str(pictures), size=16, width=4, blocks=1, steps=2)
    assert made.args["pairs"] == 0


def test_check_writes_nothing(trained, pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert run("--a", pictures, "--b", pictures, *TINY, "--check", name=trained[0]) == 0
    said = capsys.readouterr().out
    assert all(f"{side}: shapes{side.upper()}: 5 files" in said for side in "ab") and "2 for testing" in said
    assert re.search(r"2000 steps of [\d.]+ s: about \d+ minutes, [\d.]+ GiB; nothing was written", said)
    assert list(tmp_path.iterdir()) == []


def test_a_printed_config_is_the_same_run(trained, tmp_path, capsys):
    name, argv, out = trained
    capsys.readouterr()
    assert run(*argv, "--print_config", name=name) == 0
    (tmp_path / "printed.yaml").write_text(capsys.readouterr().out)
    assert run("--config", tmp_path / "printed.yaml", name=name) == 0  # the same folder, and nothing differs
    assert run("--config", tmp_path / "printed.yaml", "--out", tmp_path / "again", name=name) == 0
    configs = [yaml.safe_load((folder / "config.yaml").read_text()) for folder in (out, tmp_path / "again")]
    assert configs[0] == configs[1]
    assert differing(end_of(out), end_of(tmp_path / "again")) == [], "the same command gives the same bits"


def test_dashes_and_underscores_are_one(trained, pictures, tmp_path, capsys):
    name, argv, out = trained
    (tmp_path / "sets").mkdir()
    shutil.copytree(pictures, tmp_path / "sets" / "mine")
    argv = ["--a", "mine", "--b", "mine", "--steps", 1, *TINY, "--out", tmp_path / "run"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNPAIRED_DATA", "")
        assert run(*argv, f"--data-root={tmp_path / 'sets'}", f"--init-from={out}", name=name) == 0


@pytest.mark.parametrize("content", [b"", b"[1]", b"a: [", b"\xff\xfe", b"recipe: cyclegan", b"args: 3"])
def test_a_folder_whose_config_is_broken_is_no_run_and_hides_no_other(content, trained, tmp_path, capsys):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.yaml").write_bytes(content)
    (tmp_path / "sound").symlink_to(trained[2])
    runs(str(tmp_path))
    said = capsys.readouterr()
    assert (
        "sound" in said.out
        and said.err == f"skipped: {tmp_path / 'broken'} is no run: its config.yaml cannot be read\n"
    )
    with pytest.raises(UserError, match="broken is no run"):
        runs(compare=f"{tmp_path / 'sound'},{tmp_path / 'broken'}")


def test_a_command_that_failed_before_its_first_step_is_no_other_run(pictures, tmp_path, capsys):
    argv = ["--a", pictures, "--b", pictures, *TINY, "--steps", 1, "--out", tmp_path / "run"]
    refused(capsys, *argv, "--init-from", tmp_path / "mistyped")
    assert run(*argv) == 0


def test_changed_arguments_are_refused_with_the_difference(trained, capsys, tmp_path):
    name, argv, out = trained
    before = (out / "config.yaml").read_bytes()
    said = refused(capsys, *argv, "--lr", "0.001", "--seed", 3, name=name)
    assert (
        "is another run (lr was 0.0002, now 0.001" in said
        and "seed was 0, now 3" in said
        and "choose another --out" in said
    )
    for i in range(5):
        paint(tmp_path / "others" / f"{i}.png", draw(24, 24, i))
    assert f"b was {argv[3]}, now {tmp_path / 'others'}" in refused(
        capsys, *argv, "--b", tmp_path / "others", name=name
    )
    assert (out / "config.yaml").read_bytes() == before


def test_folders_of_other_things_are_left_alone(pictures, tmp_path, capsys):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("words")
    argv = ["--a", pictures, "--b", pictures, "--steps", 1, *TINY]
    assert "thesis holds files but no config.yaml: choose another --out" in refused(
        capsys, *argv, "--out", tmp_path / "thesis"
    )
    assert [p.name for p in (tmp_path / "thesis").iterdir()] == ["chapter1.tex"]
    for content in (b"\xff\xfe", b"{", b"[]", b"a: 1"):
        (tmp_path / "broken").mkdir(exist_ok=True)
        (tmp_path / "broken" / "config.yaml").write_bytes(content)
        assert "config.yaml cannot be read: choose another --out" in refused(
            capsys, *argv, "--out", tmp_path / "broken"
        )
    (tmp_path / "file").write_text("")
    assert "file holds files" in refused(capsys, *argv, "--out", tmp_path / "file")
    assert "cannot be written" in refused(capsys, *argv, "--out", tmp_path / "file" / "run")


def test_more_steps_go_on_and_say_that_the_schedule_is_stretched(trained, tmp_path, capsys):
    name, argv, out = trained
    shutil.copytree(out, tmp_path / "run")
    argv = [*argv[:-1], tmp_path / "run"]
    capsys.readouterr()
    assert run(*argv, "--steps", 14, name=name) == 0
    said = capsys.readouterr().out
    assert "resuming at step 12" in said and "--steps was 12, now 14: the learning-rate schedule is stretched" in said
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["args"]["steps"] == 14
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "val/score" not in line] == list(range(1, 15))


# mistakes


def test_another_programs_flags_name_ours(capsys, monkeypatch):
    known = launch.parse(recipe("cyclegan"), []).as_dict()
    for old, new in launch.OLD_FLAGS.items():
        for form in ([f"--{old}", "x"], [f"--{old}=x"]):
            said = refused(capsys, *form)
            assert said == f"--{old} is another program's flag; here it is {new}"
        assert all(flag in known for flag in re.findall(r"--(\w+)", new)), "the flag that is named exists"
    assert "--a DIR --b DIR" in refused(capsys, "--dataroot", "./datasets/horse2zebra", "--name", "h2z")


MISTAKES = [
    (["--a", "vangoh"], "--a vangoh: no such file, folder or set; the nearest names are vangogh"),
    (["--size", 30], "--size 30: the side of the training crop must be a multiple of 4, 16 to 4096 pixels"),
    (["--seed", -1], "--seed -1: it must be at least 0"),
    (["--ema", 2], "--ema 2.0: it is a share"),
    *((["--size", size], f"--size {size}: ") for size in (0, 8, 1_000_000)),
    (["--device", "cuda"], "--device cuda: this torch sees no CUDA device"),
    (["--init_from", "nowhere"], "nowhere is neither a run's folder nor a bundle"),
]


@pytest.mark.parametrize("argv, message", MISTAKES, ids=[" ".join(map(str, argv)) for argv, _ in MISTAKES])
def test_mistakes_are_one_sentence(argv, message, pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    options = {"--a": pictures, "--b": pictures, "--steps": 1, "--out": tmp_path / "run", "--width": 4, "--blocks": 1}
    options |= dict(zip(argv[::2], argv[1::2]))
    assert refused(capsys, *(word for pair in options.items() for word in pair)).startswith(message)
    assert not (tmp_path / "run" / "checkpoints").exists() or not list((tmp_path / "run" / "checkpoints").iterdir())


@pytest.mark.parametrize(
    "argv, said",
    [
        (["--steps", "1.5"], "--steps 1.5: it must be a whole number"),
        (["--lr", "fast"], "--lr fast: it must be a number"),
        (["--adv", "foo"], "--adv foo: it must be one of least_squares, non_saturating, hinge"),
        (["--critc", "patch"], "--critc: there is no such option; the nearest names are --critic"),
        (["photos"], "photos: one value too many; a pattern needs quotes, an option its name, which --help lists"),
        (
            ["--config", "none.yaml"],
            f"Parser key \"config\": File does not exist: '{Path('none.yaml').absolute()}'; --help lists the options",
        ),
        (["--steps"], "argument --steps: expected one argument; --help lists the options"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_one_sentence(argv, said, capsys):
    assert refused(capsys, *argv) == said


def test_unreadable_files_are_listed_and_left_out(pictures, tmp_path, capsys):
    shutil.copytree(pictures, tmp_path / "mixed")
    for name, content in (("cut.png", (pictures / "trainA" / "train0.png").read_bytes()[:50]), ("text.jpg", b"words")):
        (tmp_path / "mixed" / "trainA" / name).write_bytes(content)
    (tmp_path / "mixed" / "trainA" / "notes.txt").write_text("not a picture, and not taken for one")
    argv = ["--a", tmp_path / "mixed", "--b", pictures, "--steps", 1, *TINY, "--out", tmp_path / "run"]
    assert run(*argv) == 0
    skipped = [line for line in capsys.readouterr().err.splitlines() if line.startswith("skipped: ")]
    assert len(skipped) == 2 and all(name in " ".join(skipped) for name in ("cut.png", "text.jpg"))
    assert "mixedA: 5 files" in yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["validation"][0]

    for path in (tmp_path / "mixed" / "trainA").iterdir():
        path.write_bytes(b"")
    assert "mixedA has no readable file to train on: " in refused(capsys, *argv[:-1], tmp_path / "other")
    for path in (tmp_path / "mixed" / "trainA").glob("*.[pj]*"):
        path.unlink()
    assert "--a mixedA: no pictures among its files; known suffixes are .jpg" in refused(capsys, *argv)


def test_a_loss_that_is_not_finite_ends_with_two(trained, tmp_path, capsys, monkeypatch):
    name, argv, out = trained
    shutil.copytree(out, tmp_path / "run")
    loss_g = CycleGAN.loss_g
    monkeypatch.setattr(
        CycleGAN, "loss_g", lambda *args, **kw: merged(loss_g(*args, **kw)) | {"cycle_a": torch.tensor(np.nan)}
    )
    said = refused(capsys, *argv[:-1], tmp_path / "run", "--steps", 14, name=name)
    assert said.startswith("cycle_a is not finite near step 13: stopped")
    assert str(tmp_path / "run" / "checkpoints" / "step_00000012") in said
    page = (tmp_path / "run" / "index.html").read_text()
    assert "failed" in page and "cycle_a is not finite" in page
    assert checkpoint.load_latest(tmp_path / "run")[0] == 12


def test_damaged_checkpoints_are_passed_over(trained, tmp_path, capsys):
    name, argv, out = trained
    shutil.copytree(out, tmp_path / "run")
    path = checkpoint.checkpoints(tmp_path / "run")[0] / "shared.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    capsys.readouterr()
    assert run(*argv[:-1], tmp_path / "run", name=name) == 0
    captured = capsys.readouterr()
    assert "step_00000012 is damaged" in captured.err and "resuming at step 10" in captured.out
    assert differing(end_of(tmp_path / "run"), end_of(out)) == []


# starting from another run


def test_training_starts_from_another_runs_weights(trained, pictures, tmp_path, capsys):
    name, argv, out = trained
    begun = {}

    def remember(self, feed):
        begun.update({k: t.clone() for k, t in self.system.state_dict().items() if hasattr(t, "clone")})
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_step", remember)
        assert run(*argv[:-1], tmp_path / "tuned", "--init_from", out, name=name) == 130
    shared = checkpoint.load_latest(out)[1]
    expected = shared["parameters"] | shared["ema"]  # as it would be used: averaged where there is an average
    assert all(np.array_equal(begun[key], t) for key, t in expected.items())
    bigger = [*argv[:-1], tmp_path / "bigger", "--init_from", out, "--width", 8]
    assert "its networks have other sizes; give its --width" in refused(capsys, *bigger, name=name)


# being killed


def start(argv, *before: str, **env: str) -> subprocess.Popen:
    """A script in a process of its own, whose judge costs nothing."""
    command = [
        sys.executable,
        *before,
        str(ROOT / "tests" / "quick.py"),
        str(ROOT / "scripts" / "cyclegan.py"),
        *map(str, argv),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | env
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def wait_for(process: subprocess.Popen, out: Path, step: int) -> None:
    end = time.monotonic() + 300
    while not any(checkpoint.step_of(p) >= step for p in checkpoint.checkpoints(out)):
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory) -> tuple[list, Path]:
    """A run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    argv = ["--a", pictures, "--b", pictures, "--steps", 60, *TINY]
    assert run(*argv, "--out", out) == 0
    return argv, out


def test_killed_at_any_moment_it_ends_with_the_same_bits(whole, tmp_path):
    argv, out = whole
    process = start([*argv, "--out", tmp_path / "run"])
    wait_for(process, tmp_path / "run", random.choice((10, 20, 30)))
    time.sleep(random.random() * 0.3)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    reached = [checkpoint.step_of(p) for p in checkpoint.checkpoints(tmp_path / "run")]
    assert max(reached) < 60
    assert run(*argv, "--out", tmp_path / "run") == 0  # in another process: this one
    assert differing(end_of(out), end_of(tmp_path / "run")) == [], reached
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert steps == sorted(steps) and set(steps) == set(range(1, 61)) and len(steps) == 60 + 6


def test_terminated_it_saves_that_very_step_and_says_how_to_go_on(whole, tmp_path):
    argv, out = whole
    process = start([*argv, "--out", tmp_path / "run"])
    wait_for(process, tmp_path / "run", 10)
    process.terminate()
    _, said = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert said.strip() == "stopped, everything is saved: repeat the command to go on"
    stopped = checkpoint.step_of(checkpoint.checkpoints(tmp_path / "run")[0])
    assert (
        10 <= stopped < 60
        and json.loads((tmp_path / "run" / "stats.jsonl").read_text().splitlines()[-1])["step"] == stopped
    )
    assert run(*argv, "--out", tmp_path / "run") == 0
    assert differing(end_of(out), end_of(tmp_path / "run")) == []


def test_one_of_two_processes_is_killed_and_torchrun_starts_them_again(pictures, tmp_path):
    """The same bits as a two-process run that nothing interrupted."""
    argv = ["--a", pictures, "--b", pictures, "--steps", 14, "--batch", 2, *TINY, "--out"]
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "--max-restarts", "1"]
    states = []
    for name, env in ("whole", {}), ("killed", {"DIE": f"1:12:{tmp_path / 'killed-once'}"}):
        process = start([*argv, tmp_path / name], *torchrun, **env)
        try:
            said, _ = process.communicate(timeout=300)
        finally:
            process.terminate()  # a deadlock; torchrun ends its processes
        assert process.returncode == 0 and ("resuming at step 10" in said) == (name == "killed")
        folder = checkpoint.checkpoints(tmp_path / name)[0]
        assert checkpoint.step_of(folder) == 14 and checkpoint.check(folder) == 2
        parts = [torch.load(folder / part, weights_only=True) for part in ("shared.pt", "rank0.pt", "rank1.pt")]
        states.append(tensors(*parts, bundle.load_bundle(tmp_path / name / "final")[0]))
    assert (tmp_path / "killed-once").exists() and len(states[0]) > 50 and differing(*states) == []


# the other command lines


def command(name: str, *argv) -> int:
    with pytest.raises(SystemExit) as left:
        launch.command(recipe(name), [str(arg) for arg in argv])
    return left.value.code


def test_the_installed_command_knows_every_script(capsys, monkeypatch):
    names = {**console.TRAINING, **console.TOOLS}
    measured = {"benchmark", "curves"}  # these compare with scripts/reference, which nobody installs
    assert set(names) == {p.stem for p in (ROOT / "scripts").glob("*.py")} - measured
    assert all(callable(recipe(name)) and what for name, what in names.items())

    def unpaired(*argv) -> int:
        monkeypatch.setattr(sys, "argv", ["unpaired", *argv])
        with pytest.raises(SystemExit) as left:
            console.main()
        return left.value.code

    for argv, code in (((), 0), (("--help",), 0), (("cyclegam",), 2), (("../evil",), 2)):
        assert unpaired(*argv) == code
        said = capsys.readouterr().out
        assert all(name in said for name in names)
    assert unpaired("cyclegan", "--dataroot", "x") == 2


def test_runs_are_listed_and_compared(trained, whole, tmp_path, capsys):
    name, _, out = trained
    assert command("runs", "--folder", out.parent) == 0
    said = capsys.readouterr().out
    assert name in said and "12/12" in said and "finished" in said
    assert command("runs", "--compare", f"{out},{whole[1]}") == 0
    said = capsys.readouterr().out
    assert re.search(r"steps +12 +60", said) and "width" not in said
    assert command("runs", "--folder", tmp_path) == 2
    assert "holds no runs: train one" in capsys.readouterr().err
