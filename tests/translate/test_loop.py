"""The training loop: schedules, averages, order of updates, and what it does when numbers go wrong."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.cases import CASES, CPU, NAMES, batch_of, longer, recipe_of
from translate import checkpoint
from translate.ema import EMA
from translate.errors import UserError
from translate.feed import batches
from translate.log import NoLog
from translate.loop import Trainer, lr_share, only, showing, title, train
from translate.recipe import Recipe, Run
from translate.sample import Sample
from translate.system import System, Update, merged
from translate.systems.cyclegan import CycleGAN

every_case = pytest.mark.parametrize("system, kind", CASES, ids=NAMES)


class Counting:
    """A source whose batch i says i."""

    name = "counting"

    @property
    def domain(self):
        return self

    def rows(self, indices: range) -> Sample:
        return Sample(torch.tensor(indices).float())

    def normalise(self, s: Sample) -> Sample:
        return s

    denormalise = normalise


class Toy(System):
    """Two players of one weight each; it remembers which batches they were given."""

    updates = (Update("g"), Update("d"))

    def __init__(self, updates: tuple[Update, ...] = updates):
        super().__init__()
        self.g, self.d, self.frozen = nn.Linear(1, 1, False), nn.Linear(1, 1, False), nn.Linear(1, 1, False)
        self.frozen.requires_grad_(False)
        self.updates, self.seen = updates, []

    def players(self):
        return {"g": [self.g], "d": [self.d]}

    def loss_g(self, a: Sample):
        self.seen.append(("g", int(a.x[0])))
        return {"up": self.g(a.x[:, None] * 0 + 1).mean() * self.frozen.weight.sum().sign()}

    def loss_d(self, a: Sample):
        self.seen.append(("d", int(a.x[0])))
        return {"down": self.d(a.x[:, None] * 0 + 1).mean()}


def toy(updates: tuple[Update, ...] = Toy.updates, **run) -> Trainer:
    return Trainer(Recipe({"a": Counting()}, lambda: Toy(updates), Run(**dict(steps=100) | run)), CPU)


def steps(trainer: Trainer, n: int) -> None:
    per_step = max(u.repeat for u in trainer.system.updates)
    feed = batches({"a": Counting()}, trainer.run.batch, trainer.step * per_step, (trainer.step + n) * per_step, CPU)
    for _ in range(n):
        trainer.train_step(feed)


def caught(trainer: Trainer, player: str) -> list[dict[str, torch.Tensor]]:
    """The gradients that each step of a player's optimiser gets."""
    gradients, step = [], trainer.optimisers[player].step

    def watch():
        gradients.append({n: p.grad.clone() for n, p in trainer.system.named_parameters() if p.grad is not None})
        step()

    trainer.optimisers[player].step = watch
    return gradients


def test_learning_rate_falls_over_the_last_share():
    run = Run(steps=100, decay=0.5)
    assert [lr_share(run, s) for s in (0, 49, 50, 75, 99, 100)] == pytest.approx([1, 1, 1, 0.5, 0.02, 0])
    assert [lr_share(replace(run, decay=1.0), s) for s in (0, 25, 100)] == pytest.approx([1, 0.75, 0])
    assert [lr_share(replace(run, decay=0.0), s) for s in (0, 99)] == [1, 1]
    assert lr_share(Run(steps=1), 0) == 1


def test_each_player_has_its_own_learning_rate():
    trainer, seen = toy(steps=4, lr={"g": 1e-2, "d": 1e-3}), []
    for _ in range(4):
        steps(trainer, 1)
        seen.append([trainer.optimisers[p].param_groups[0]["lr"].item() for p in "gd"])
    assert seen == [pytest.approx([1e-2 * s, 1e-3 * s]) for s in (1, 1, 1, 0.5)]


def test_average_by_hand():
    p = nn.Parameter(torch.tensor(1.0))
    ema, expected = EMA({"p": p}, 0.25), 1.0
    for step, (value, decay) in enumerate(
        [(2.0, 2 / 11), (4.0, 3 / 12), (8.0, 0.25), (-1.0, 0.25)], 1
    ):  # (1 + n) / (10 + n)
        p.data.fill_(value)
        ema.update(step)
        expected = decay * expected + (1 - decay) * value
        assert ema.average["p"].item() == pytest.approx(expected)
    assert p.item() == -1.0


def test_averages_are_shown_and_taken_away_again():
    trainer = toy()
    steps(trainer, 3)
    live, average = trainer.system.g.weight.detach().clone(), trainer.ema.average["g.weight"].clone()
    assert set(trainer.ema.average) == {"g.weight"} and not torch.equal(live, average)
    state = torch.get_rng_state()
    with showing(trainer):
        assert (
            torch.equal(trainer.system.g.weight, average)
            and not trainer.system.training
            and not torch.is_grad_enabled()
        )
        torch.rand(3)
    assert torch.equal(trainer.system.g.weight, live) and torch.equal(trainer.ema.average["g.weight"], average)
    assert trainer.system.training and torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ZeroDivisionError), showing(trainer):
        raise ZeroDivisionError
    assert torch.equal(trainer.system.g.weight, live)


def test_updates_of_a_repetition_share_a_batch_and_every_repetition_has_a_fresh_one():
    trainer = toy((Update("d", repeat=3), Update("g")))
    steps(trainer, 2)
    assert trainer.system.seen == [("d", 0), ("d", 1), ("d", 2), ("g", 0), ("d", 3), ("d", 4), ("d", 5), ("g", 3)]


def test_when_an_update_is_due():
    trainer = toy((Update("g", start=2, stop=5), Update("d", every=3)))
    steps(trainer, 7)
    assert [who for who in trainer.system.seen if who[0] == "g"] == [("g", s) for s in (2, 3, 4)]
    assert [who for who in trainer.system.seen if who[0] == "d"] == [("d", s) for s in (0, 3, 6)]


def test_lazy_updates_weigh_more():
    trainer = toy((Update("d"), Update("d", every=3)))
    gradients = caught(trainer, "d")
    steps(trainer, 2)
    assert [g["d.weight"].item() for g in gradients] == pytest.approx([1.0, 3.0, 1.0])


def test_an_update_may_name_another_loss():
    trainer = toy((Update("d", loss="loss_g"),))
    with pytest.raises(
        RuntimeError, match="does not require grad"
    ):  # d is the player, and loss_g uses none of its weights
        steps(trainer, 1)


def test_gradients_reach_one_player_and_what_was_frozen_stays_frozen():
    system = Toy()
    with only(list(system.d.parameters()), system):
        assert [p.requires_grad for _, p in system.named_parameters()] == [False, True, False]
    assert [p.requires_grad for _, p in system.named_parameters()] == [True, True, False]


def test_gradients_are_clipped_to_a_norm():
    for clip, expected in ((0.0, 3.0), (0.5, 0.5), (10.0, 3.0)):
        trainer = toy((Update("d", every=3),), clip=clip)
        gradients = caught(trainer, "d")
        steps(trainer, 1)
        assert gradients[0]["d.weight"].abs().item() == pytest.approx(expected, rel=1e-4)
        assert trainer.means()["grad_d"] == pytest.approx(3.0), "what is logged is the norm before"


def test_logged_means_are_of_the_steps_since_the_last_log():
    trainer = toy()
    for value in (1.0, 2.0, 6.0):
        trainer.record(("up", "down"), torch.tensor([value, -value]))
    trainer.record(("grad_g",), torch.tensor([5.0]))
    assert trainer.means() == {"up": 3.0, "down": -3.0, "grad_g": 5.0}
    trainer.forget()
    assert trainer.means() == {}


@pytest.mark.parametrize("micro", [1, 2, 3])
def test_micro_batches_give_the_gradients_of_the_whole(micro):
    """3 + 1 too: the smaller part weighs less."""
    found = []
    for size in (0, micro):
        recipe = recipe_of(CycleGAN, "images", pool=0, batch=4, micro=size)
        trainer = Trainer(recipe, CPU)
        gradients = [caught(trainer, player) for player in "gd"]
        trainer.lr = {"g": 0.0, "d": 0.0}
        for update in trainer.system.updates:
            trainer.update(update, batch_of(recipe))
        found.append(gradients[0][0] | gradients[1][0])
    whole, parts = found
    assert whole.keys() == parts.keys() and len(whole) == len(list(trainer.system.parameters()))
    for name in whole:
        assert (parts[name] - whole[name]).norm() < 1e-4 * whole[name].norm(), name


def poisoned(recipe: Recipe, player: str, step: int, poison) -> Recipe:
    """`poison(losses)` is what the player's loss becomes from this step on."""

    def system():
        built = recipe.system()
        loss, calls = getattr(built, f"loss_{player}"), []

        def spoiled(**batch):
            calls.append(0)
            losses = merged(loss(**batch))
            return poison(losses) if len(calls) == step else losses

        setattr(built, f"loss_{player}", spoiled)
        return built

    return replace(recipe, system=system)


class NaNGradient(torch.autograd.Function):
    @staticmethod
    def forward(_, x):
        return x.clone()

    @staticmethod
    def backward(_, g):
        return g * float("nan")


POISONS = [
    ("g", "cycle_a", lambda losses: losses | {"cycle_a": losses["cycle_a"] * float("nan")}),
    ("g", "adv_b", lambda losses: losses | {"adv_b": losses["adv_b"] + float("inf")}),
    ("d", "d_b", lambda losses: losses | {"d_b": losses["d_b"] * float("nan")}),
    ("g", "grad_g", lambda losses: losses | {"cycle_b": NaNGradient.apply(losses["cycle_b"])}),
    ("d", "grad_d", lambda losses: losses | {"d_a": NaNGradient.apply(losses["d_a"])}),
]


@pytest.mark.parametrize("player, term, poison", POISONS, ids=[term for _, term, _ in POISONS])
@pytest.mark.parametrize("log_every", [1, 4])
def test_a_number_that_is_not_finite_stops_the_run(player, term, poison, log_every, tmp_path):
    """The term that was the first to go is named, though a step later all are gone."""
    recipe = recipe_of(CycleGAN, "images", steps=8, log_every=log_every, save_every=4, sample_every=100)
    with pytest.raises(UserError, match=rf"^{term} is not finite near step \d: .*step_00000004") as said:
        train(poisoned(recipe, player, 5, poison), tmp_path, CPU, lambda _: NoLog())
    assert "\n" not in str(said.value)
    assert [p.name for p in checkpoint.checkpoints(tmp_path)] == ["step_00000004"], "nothing was saved from it"
    _, shared, own = checkpoint.load_latest(tmp_path)
    kept = [*shared["parameters"].values(), *shared["ema"].values(), *own["buffers"].values()]
    assert all(t.isfinite().all() for t in kept if isinstance(t, torch.Tensor))
    assert train(recipe, tmp_path, CPU, lambda _: NoLog()) == 0, "and it goes on from there"


@every_case
def test_looking_changes_nothing(system, kind, tmp_path):
    """However often samples are drawn, scores taken and checkpoints written, training's bits are the same."""
    finals = []
    for name, every in (("often", 1), ("never", 100)):
        recipe = recipe_of(system, kind, sample_every=every, judge_every=every, save_every=every, log_every=every)
        recipe = replace(recipe, judge=lambda system, data: {"score": float(torch.rand(()))})
        assert train(recipe, tmp_path / name, CPU, lambda _: NoLog()) == 0
        finals.append(checkpoint.load_latest(tmp_path / name)[1]["parameters"])
    assert all(torch.equal(finals[0][key], finals[1][key]) for key in finals[0] | finals[1])


def test_rows_have_titles():
    titles = {"a": "a", "a_b": "a → b", "a_b_a": "a → b → a", "x_again": "again", "x_1": "1"}
    assert {row: title(row, "abx") for row in titles} == titles


@every_case
def test_the_best_is_kept_and_samples_are_written(system, kind, tmp_path):
    scores = iter([0.5, 0.2, 0.9, 0.3])
    seen = []

    class Log(NoLog):
        def scores(self, step, found):
            seen.append((step, found["score"]))

        def pictures(self, step, files):
            assert all(path.is_file() and path.stat().st_size for path in files)
            seen.append(
                (step, sorted({path.name[: len("step_000002_a")] for path in files}))
            )  # a voice's has sounds too

    recipe = replace(recipe_of(system, kind, sample_every=2, judge_every=1), judge=lambda *_: {"score": next(scores)})
    assert train(recipe, tmp_path, CPU, lambda _: Log()) == 0
    assert [s for s in seen if isinstance(s[1], float)] == [(1, 0.5), (2, 0.2), (3, 0.9), (4, 0.3)]
    looked_at = sorted(key for key in recipe.data if key != "wrong")
    assert [s for s in seen if isinstance(s[1], list)] == [
        (step, [f"step_00000{step}_{key}" for key in looked_at]) for step in (2, 4)
    ]
    from translate.bundle import load_bundle

    assert load_bundle(tmp_path / "best")[1]["step"] == 2 and load_bundle(tmp_path / "final")[1]["step"] == 4

    scores = iter([0.25, 0.1])  # going on, 0.25 is no better than what was there
    assert train(longer(recipe, steps=5), tmp_path, CPU, lambda _: Log()) == 0
    assert load_bundle(tmp_path / "best")[1]["step"] == 2
    assert train(longer(recipe, steps=6), tmp_path, CPU, lambda _: Log()) == 0
    assert load_bundle(tmp_path / "best")[1]["step"] == 6
