"""Two processes agree with one, with each other, and with themselves after a resume."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from tests.cases import CASES, CPU, NAMES, recipe_of
from tests.translate.test_loop import Counting, Toy, toy
from tests.translate.test_resume import Killed, differing, tensors
from translate import checkpoint, runtime
from translate.errors import UserError
from translate.feed import batches
from translate.log import NoLog
from translate.loop import Trainer, train
from translate.systems.cyclegan import CycleGAN

WORLD, DEADLINE = 2, 900  # seconds, after which a deadlock is called one


def same_batches():
    """Without a pool's draws, all that two processes do differently is to share the rows."""
    return recipe_of(CycleGAN, "images", pool=0, batch=4, steps=3)


class Lopsided(Toy):
    """The second process uses another parameter."""

    def players(self):
        return {"g": [self.g, self.d]}

    def loss_g(self, a):
        return {"up": (self.g if runtime.rank() == 0 else self.d)(a.x[:, None]).mean()}


def worker(rank: int, port: int, out: Path) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(WORLD), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    assert runtime.start("cpu") == CPU and (runtime.rank(), runtime.world_size()) == (rank, WORLD)

    recipe = same_batches()
    trainer = Trainer(recipe, CPU)
    feed = batches(recipe.data, 4, 0, 3, CPU)
    for _ in range(3):
        trainer.train_step(feed)
    torch.save(trainer.shared_state(), out / f"plain{rank}.pt")
    torch.save(trainer.means(), out / f"means{rank}.pt")

    for (system, kind), name in zip(CASES, NAMES):
        recipe = recipe_of(system, kind, batch=4, sample_every=1)
        assert train(recipe, out / name / "whole", CPU, lambda _: NoLog()) == 0
        torch.save(Trainer.shared_state(ended(recipe, out / name / "whole")), out / name / f"end{rank}.pt")

        original = Trainer.train_step

        def killed(self, feed, original=original):
            if self.step == 3:
                raise Killed
            original(self, feed)

        Trainer.train_step = killed
        try:
            train(recipe, out / name / "parts", CPU, lambda _: NoLog())
        except Killed:
            Trainer.train_step = original
        assert train(recipe, out / name / "parts", CPU, lambda _: NoLog()) == 0

    def signalled(self, feed):
        if self.step == 2 and rank == 1:  # one of them alone
            os.kill(os.getpid(), signal.SIGTERM)
        original(self, feed)

    Trainer.train_step = signalled
    stopped = train(recipe_of(CycleGAN, "images", save_every=100), out / "stopped", CPU, lambda _: NoLog())
    Trainer.train_step = original
    (out / f"signal{rank}").write_text(str(int(stopped)))

    trainer = toy()
    trainer.system = Lopsided()
    trainer.optimisers = {"g": trainer.adam("g")}
    try:
        trainer.update(trainer.system.updates[0], next(batches({"a": Counting()}, 2, 0, 1, CPU)))
    except RuntimeError as error:
        (out / f"lopsided{rank}").write_text(str(error))


def ended(recipe, out: Path) -> Trainer:
    trainer = Trainer(recipe, CPU)
    trainer.load(*checkpoint.load_latest(out)[1:])
    return trainer


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """What two processes left behind."""
    out = tmp_path_factory.mktemp("ranks")
    for name in NAMES:
        (out / name).mkdir()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    context = mp.spawn(worker, (port, out), WORLD, join=False)
    end = time.monotonic() + DEADLINE
    while not context.join(5):
        if time.monotonic() > end:
            for process in context.processes:
                process.kill()
            pytest.fail("two processes wait for each other")
    return out


def load(path: Path):
    return torch.load(path, weights_only=True)


def test_two_processes_agree_with_one(two):
    recipe = same_batches()
    one = Trainer(recipe, CPU)
    feed = batches(recipe.data, 4, 0, 3, CPU)
    for _ in range(3):
        one.train_step(feed)
    both = load(two / "plain0.pt")
    for name, p in one.shared_state()["parameters"].items():
        torch.testing.assert_close(both["parameters"][name], p.detach(), rtol=0, atol=1e-5, msg=name)
    for name, p in one.shared_state()["ema"].items():
        torch.testing.assert_close(both["ema"][name], p, rtol=0, atol=1e-5, msg=name)
    alone, shared = one.means(), load(two / "means0.pt")
    for player in "gd":  # Adam's steps are the same for twice the gradient: its norm is not
        assert shared[f"grad_{player}"] == pytest.approx(alone[f"grad_{player}"], rel=1e-4)
    start = Trainer(recipe, CPU).shared_state()["parameters"]
    assert all((both["parameters"][n] - start[n]).abs().max() > 1e-4 for n in start), (
        "they have moved further than that"
    )


@pytest.mark.parametrize("name", ["plain0", *(f"{name}/end0" for name in NAMES)])
def test_both_end_with_the_same_bits(two, name):
    first, second = (tensors(load(two / f"{name[:-1]}{rank}.pt")) for rank in (0, 1))
    assert len(first) > 50 and differing(first, second) == []


@pytest.mark.parametrize("name", NAMES)
def test_two_resume_bit_for_bit(two, name):
    wholes, parts = (
        {p.name: p for p in (two / name / run / "checkpoints" / "step_00000004").iterdir()}
        for run in ("whole", "parts")
    )
    assert set(wholes) == set(parts) == {"shared.pt", "rank0.pt", "rank1.pt", "manifest.json"}
    for file in ("shared.pt", "rank0.pt", "rank1.pt"):
        assert differing(tensors(load(wholes[file])), tensors(load(parts[file]))) == [], file
    assert not torch.equal(load(wholes["rank0.pt"])["random"]["cpu"], load(wholes["rank1.pt"])["random"]["cpu"]), (
        "noise of their own"
    )


def test_a_signal_to_one_stops_both_at_the_same_step(two):
    assert [(two / f"signal{rank}").read_text() for rank in (0, 1)] == ["15", "15"]
    assert [checkpoint.step_of(p) for p in checkpoint.checkpoints(two / "stopped")] == [3]


def test_processes_that_use_different_parameters_are_found_out(two):
    said = [(two / f"lopsided{rank}").read_text() for rank in (0, 1)]
    assert all("processes disagree about which parameters a loss used" in text for text in said)


def test_another_number_of_processes_is_refused(two):
    with pytest.raises(
        UserError, match="written by 2 processes, this run has 1: start as many, or choose another --out"
    ):
        checkpoint.load_latest(two / NAMES[0] / "whole")
