"""4 steps = 2 + save + 2, bit for bit."""

import os
import signal

import pytest
import torch
from torch.utils._pytree import tree_flatten_with_path, tree_leaves

from tests.cases import CASES, CPU, NAMES, longer, recipe_of
from translate import bundle, checkpoint
from translate.errors import UserError
from translate.log import NoLog
from translate.loop import Trainer, train
from translate.runtime import StopSignal
from translate.systems.cyclegan import CycleGAN
from translate.systems.unit import UNIT

every_case = pytest.mark.parametrize("system, kind", CASES, ids=NAMES)


class Notes(NoLog):
    def __init__(self, *_):
        self.notes, self.closed = [], []

    def note(self, text):
        self.notes.append(text)

    def close(self, state):
        self.closed.append(state)


def tensors(*states) -> dict[str, torch.Tensor]:
    return {str(path): t for path, t in tree_flatten_with_path(states)[0] if isinstance(t, torch.Tensor)}


def differing(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> list[str]:
    return [key for key in a.keys() | b.keys() if key not in a or key not in b or not torch.equal(a[key], b[key])]


def end_of(out) -> dict[str, torch.Tensor]:
    """Every tensor that a finished run left: its last checkpoint's, and the bundle's."""
    step, *states = checkpoint.load_latest(out)
    return tensors(*states, bundle.load_bundle(out / "final")[0])


class Killed(BaseException):
    pass


def killed_at(step: int, monkeypatch) -> None:
    original = Trainer.train_step

    def train_step(self, feed):
        if self.step == step:
            raise Killed
        original(self, feed)

    monkeypatch.setattr(Trainer, "train_step", train_step)


@every_case
@pytest.mark.parametrize("killed", [2, 3])
def test_four_steps_are_two_and_two(system, kind, killed, tmp_path, monkeypatch):
    """Killed right after the save at step 2, and a step later. Sampling and judging go on in between."""
    recipe = recipe_of(system, kind, pool=2, sample_every=1, precision="auto")
    assert train(recipe, tmp_path / "whole", CPU, Notes) == 0
    with monkeypatch.context() as patch:
        killed_at(killed, patch)
        with pytest.raises(Killed):
            train(recipe, tmp_path / "parts", CPU, Notes)
    assert [checkpoint.step_of(p) for p in checkpoint.checkpoints(tmp_path / "parts")] == [2]
    torch.manual_seed(99)  # another process would not have these random states
    log = Notes()
    assert train(recipe, tmp_path / "parts", CPU, lambda step: log) == 0
    assert log.notes == ["resuming at step 2"] and log.closed == ["finished"]

    whole, parts = end_of(tmp_path / "whole"), end_of(tmp_path / "parts")
    assert len(whole) > 4 * len(list(recipe.system().parameters()))
    assert differing(whole, parts) == []


@every_case
def test_everything_that_changes_is_in_the_checkpoint(system, kind):
    """Loaded into a trainer of other weights and other random numbers, not one tensor is left as it was."""
    trained = Trainer(recipe_of(system, kind), CPU)
    feed = trained.feed(recipe_of(system, kind).data, 0, 3)
    for _ in range(3):
        trained.train_step(feed)
    other = Trainer(recipe_of(system, kind, seed=5), CPU)
    other.load(trained.shared_state(), trained.own_state())
    assert (
        differing(
            tensors(trained.shared_state(), trained.own_state()), tensors(other.shared_state(), other.own_state())
        )
        == []
    )
    held = {id(t) for t in tree_leaves((trained.shared_state(), trained.own_state())) if isinstance(t, torch.Tensor)}
    states = [
        t
        for o in trained.optimisers.values()
        for s in o.state.values()
        for t in s.values()
        if isinstance(t, torch.Tensor)
    ]
    assert len(states) == 3 * len(list(trained.system.parameters())) and all(id(t) in held for t in states)
    assert {*trained.system.state_dict()} == {*trained.shared_state()["parameters"], *trained.own_state()["buffers"]}


def test_a_signal_stops_at_the_next_step_with_a_checkpoint_of_it(tmp_path, monkeypatch):
    recipe = recipe_of(*CASES[0], save_every=100, sample_every=100)
    assert train(recipe, tmp_path / "whole", CPU, Notes) == 0
    original, handlers = Trainer.train_step, [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]

    def train_step(self, feed):
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        original(self, feed)

    log = Notes()
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", train_step)
        assert train(recipe, tmp_path / "parts", CPU, lambda _: log) == signal.SIGTERM
    assert log.closed == ["stopped"]
    assert [checkpoint.step_of(p) for p in checkpoint.checkpoints(tmp_path / "parts")] == [3]
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert train(recipe, tmp_path / "parts", CPU, Notes) == 0
    assert differing(end_of(tmp_path / "whole"), end_of(tmp_path / "parts")) == []


def test_a_second_signal_stops_at_once(monkeypatch, capsys):
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    with StopSignal() as stop:
        assert stop.agreed() == 0
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.agreed() == signal.SIGINT and left == []
        os.kill(os.getpid(), signal.SIGTERM)
    assert left == [143] and "stopped at once" in capsys.readouterr().err


def test_more_steps_stretch_the_schedule_and_say_so(tmp_path):
    recipe, log = recipe_of(*CASES[0], steps=2), Notes()
    assert train(recipe, tmp_path, CPU, Notes) == 0
    assert train(longer(recipe, steps=5), tmp_path, CPU, lambda _: log) == 0
    assert log.notes[0] == "resuming at step 2"
    assert "--steps was 2, now 5" in log.notes[1] and "stretched" in log.notes[1] and len(log.notes) == 2
    assert checkpoint.load_latest(tmp_path)[0] == 5


def test_another_thread_count_is_said(tmp_path):
    recipe, log = recipe_of(*CASES[0], steps=2), Notes()
    assert train(recipe, tmp_path, CPU, Notes) == 0
    torch.set_num_threads(2)
    try:
        assert train(recipe, tmp_path, CPU, lambda _: log) == 0
    finally:
        torch.set_num_threads(1)
    assert any("threads were 1, now 2" in note for note in log.notes)


def test_a_finished_run_is_not_trained_again(tmp_path, monkeypatch):
    recipe, log = recipe_of(*CASES[0], steps=2), Notes()
    assert train(recipe, tmp_path, CPU, Notes) == 0
    before = end_of(tmp_path)
    killed_at(2, monkeypatch)  # no further step
    assert train(recipe, tmp_path, CPU, lambda _: log) == 0
    assert log.closed == ["finished"] and differing(before, end_of(tmp_path)) == []


def test_a_run_of_other_networks_is_left_as_it_is(tmp_path):
    begun, other = recipe_of(CycleGAN, "images", steps=2), recipe_of(UNIT, "images", steps=4)
    assert train(begun, tmp_path, CPU, lambda _: NoLog()) == 0
    before = sorted(p.name for p in checkpoint.checkpoints(tmp_path))
    with pytest.raises(UserError, match="begun by a version of unpaired whose networks were others.*another --out"):
        train(other, tmp_path, CPU, lambda _: NoLog())
    assert sorted(p.name for p in checkpoint.checkpoints(tmp_path)) == before
