"""What is recorded and replayed trains as what is launched: every system, bit for bit, over steps in which all that may change does."""

import pytest
import torch

from recipes.gan import ALL, gan
from recipes.sentences import sentences
from tests.cases import CASES, CPU, NAMES, recipe_of
from tests.tape import Tape
from translate import graphs
from translate.errors import UserError
from translate.graphs import Graphs
from translate.loop import Trainer
from translate.recipe import Recipe
from translate.sample import Sample
from translate.systems.cyclegan import CycleGAN
from translate.systems.unit import UNIT

STEPS = 6


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(graphs, "WARM", 1)


def ends(recipe: Recipe, tape: Tape | None) -> dict[str, torch.Tensor]:
    """All numbers of a trainer after STEPS steps."""
    trainer = Trainer(recipe, CPU)
    trainer.graphs = Graphs(tape) if tape else None
    feed = trainer.feed(recipe.data, 0, STEPS)
    for _ in range(STEPS):
        trainer.train_step(feed)
    moments = {f"{player} {i} {k}": t for player, o in trainer.optimisers.items() for i, state in enumerate(o.state.values()) for k, t in state.items()}  # fmt: skip
    averages = {f"average {name}": t for name, t in trainer.ema.average.items()}
    logged = {f"logged {key}": torch.tensor(value) for key, value in trainer.means().items()}
    return trainer.system.state_dict() | moments | averages | logged | {"random": torch.get_rng_state()}


def trains_the_same(recipe: Recipe) -> None:
    tape = Tape()
    launched, replayed = ends(recipe, None), ends(recipe, tape)
    assert tape.replays >= 2 and launched.keys() == replayed.keys()
    differ = [key for key, t in launched.items() if isinstance(t, torch.Tensor) and not torch.equal(t, replayed[key])]
    assert not differ


@pytest.mark.parametrize("system, kind", CASES, ids=NAMES)
def test_a_replayed_step_is_a_step(system, kind):
    trains_the_same(recipe_of(system, kind, steps=STEPS))


@pytest.mark.parametrize("model", ALL)
def test_models_of_noise(model):
    trains_the_same(gan(model=model, data="digits", steps=STEPS, batch=8, width=4, noise=6, budget="laptop"))


def test_sentences_with_pseudo_pairs():
    trains_the_same(sentences(a="old", b="modern", size=8, steps=STEPS, width=4, blocks=1, batch=2))


def doubled(batch: dict[str, Sample]) -> torch.Tensor:
    return sum(2 * s.x for s in batch.values())


def test_each_shape_is_recorded_once_and_reads_what_it_is_given():
    tape = Tape()
    run = Graphs(tape)
    for value in range(1, 6):
        for n in (2, 3):
            batch = {"a": Sample(torch.full((n,), float(value))), "b": Sample(torch.ones(n), mask=torch.ones(n, 1) > 0)}
            assert run("doubled", doubled, batch).tolist() == [2.0 * value + 2] * n
    assert len(run.recordings) == 2 and tape.replays == 2 * 3


def test_what_waits_is_launched(capsys):
    tape = Tape()
    tape.watch = lambda f: (f(), True)
    run = Graphs(tape)
    for value in range(4):
        assert run("doubled", doubled, {"a": Sample(torch.tensor([value]))}).item() == 2 * value
    assert not run.recordings and capsys.readouterr().err.count("doubled: the host waits") == 1


def test_what_cannot_be_recorded_says_how_to_go_on(monkeypatch):
    tape = Tape()
    monkeypatch.setattr(tape, "record", lambda f: torch.zeros(2) @ torch.zeros(3))
    run, batch = Graphs(tape), {"a": Sample(torch.ones(1))}
    run("doubled", doubled, batch)
    with pytest.raises(UserError, match="repeat with UNPAIRED_GRAPHS=0"):
        run("doubled", doubled, batch)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="a recording is a GPU's")
@pytest.mark.parametrize("system, kind", [(CycleGAN, "images"), (CycleGAN, "tokens"), (UNIT, "mels")])
@torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
def test_a_gpu_replays_what_it_launched(system, kind):
    found = []
    for recorded in (False, True):
        recipe = recipe_of(system, kind, steps=2 * graphs.FEWEST, precision="fp32")
        trainer = Trainer(recipe, torch.device("cuda", 0))
        trainer.graphs = trainer.graphs if recorded else None
        feed = trainer.feed(recipe.data, 0, STEPS)
        for _ in range(STEPS):
            trainer.train_step(feed)
        assert not recorded or trainer.graphs.recordings and not trainer.graphs.waits
        found.append(torch.cat([p.detach().flatten().double() for p in trainer.system.parameters()]))
    launched, replayed = found
    assert (launched - replayed).norm() < 1e-3 * launched.norm()


def test_where_every_operation_is_launched(monkeypatch):
    monkeypatch.setattr(graphs, "Recorder", lambda device: "recorder")
    cuda = torch.device("cuda", 0)
    assert graphs.graphs(cuda, 1000).recorder == "recorder"
    assert graphs.graphs(CPU, 1000) is None and graphs.graphs(cuda, 10) is None
    monkeypatch.setattr(graphs.runtime, "world_size", lambda: 2)
    assert graphs.graphs(cuda, 1000) is None
    monkeypatch.undo()
    monkeypatch.setenv("UNPAIRED_GRAPHS", "0")
    assert graphs.graphs(cuda, 1000) is None


def test_a_run_resumed_from_launched_steps_is_replayed_on():
    """And from replayed ones, launched."""
    whole = ends(recipe_of(CycleGAN, "images", steps=STEPS), None)
    for first, then in ((None, Tape()), (Tape(), None)):
        recipe = recipe_of(CycleGAN, "images", steps=STEPS)
        trainers = [Trainer(recipe, CPU) for _ in range(2)]
        for trainer, tape in zip(trainers, (first, then)):
            trainer.graphs = Graphs(tape) if tape else None
        feed = trainers[0].feed(recipe.data, 0, STEPS)
        for _ in range(3):
            trainers[0].train_step(feed)
        trainers[1].load(trainers[0].shared_state(), trainers[0].own_state())
        feed = trainers[1].feed(recipe.data, 3, STEPS)
        for _ in range(3):
            trainers[1].train_step(feed)
        assert all(
            torch.equal(t, whole[key])
            for key, t in trainers[1].system.state_dict().items()
            if isinstance(t, torch.Tensor)
        )
