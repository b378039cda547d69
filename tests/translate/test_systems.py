"""Every system on every domain it applies to: who learns from which update."""

import importlib
import math
import pkgutil
from collections import Counter
from itertools import permutations

import pytest
import torch
from torch import nn

import translate.systems
from domains.images import Images
from tests.cases import CASES, NAMES, SYSTEMS, batch_of, recipe_of, trainer_of
from translate.errors import UserError
from translate.modules.cycle import squared
from translate.sample import Sample
from translate.system import System, merged
from translate.systems.cyclegan import CycleGAN
from translate.systems.disentangle import DisentangleAE
from translate.systems.plain import Plain
from translate.systems.unit import Coded

every_case = pytest.mark.parametrize("system, kind", CASES, ids=NAMES)


def test_every_system_is_covered_on_every_domain():
    modules = [
        importlib.import_module(f"translate.systems.{m.name}") for m in pkgutil.iter_modules(translate.systems.__path__)
    ]
    written = {
        c
        for m in modules
        for c in vars(m).values()
        if isinstance(c, type) and issubclass(c, System) and c.__module__ == m.__name__ and hasattr(c, "loss_g")
    }
    assert written == {*SYSTEMS, Coded}, "what UNIT and XGAN share is a system too"
    covered = Counter(kind for _, kind in CASES)
    assert covered == {"images": 22, "tokens": 26, "mels": 22}, (
        "CUT knows pictures alone, BEGAN no sentences; sentences alone are restyled by two, shortened by two, written by SeqGAN, compared by CrossAligned, DisentangleAE is for voices"
    )


@every_case
@pytest.mark.parametrize("batch", [1, 2])
def test_an_update_gives_gradients_to_its_player_alone(system, kind, batch):
    trainer = trainer_of(system, kind, batch=batch, pool=2, steps=6)
    learned: dict[str, set[str]] = {player: set() for player in trainer.system.players()}
    allowed = {player: set(trainer.system.names_of(player)) | set(trainer.system.shared) for player in learned}
    steps = []

    for player, optimiser in trainer.optimisers.items():

        def watch(*_, player=player, step=optimiser.step):
            gradients = {name: p.grad for name, p in trainer.system.named_parameters() if p.grad is not None}
            assert set(gradients) <= allowed[player]
            assert all(g.isfinite().all() for g in gradients.values())
            learned[player] |= {name for name, g in gradients.items() if g.abs().sum() > 0}
            steps.append(player)
            step()

        optimiser.step = watch

    updates = trainer.system.updates
    feed = trainer.feed(recipe_of(system, kind, batch=batch).data, 0, 6)
    for _ in range(6):
        trainer.train_step(feed)
    assert steps == [u.player for step in range(6) for u in updates if u.active(step) for _ in range(u.repeat)]
    assert learned == {player: set(trainer.system.names_of(player)) for player in learned}, (
        "every parameter of a player learns"
    )
    assert set.union(*learned.values()) == {name for name, _ in trainer.system.named_parameters()}, (
        "every parameter has a player"
    )
    assert all(math.isfinite(v) for v in trainer.means().values())
    assert all(p.isfinite().all() for p in trainer.system.state_dict().values() if isinstance(p, torch.Tensor))


@every_case
def test_players_share_no_parameter_that_is_not_declared(system, kind):
    built = recipe_of(system, kind).system()
    owners = [name for player in built.players() for name in built.names_of(player)]
    assert {name for name in owners if owners.count(name) > 1} == set(built.shared)
    assert set(built.ema) <= set(built.players())


@every_case
def test_what_a_person_sees(system, kind):
    recipe = recipe_of(system, kind)
    built = recipe.system()
    rows = built.sample(**batch_of(recipe))
    assert len(rows) > 1 and all(name.split("_")[0] in recipe.data for name in rows)
    assert all(len(s) == recipe.run.batch for s in rows.values())
    assert all(s.x.isfinite().all() for s in rows.values() if s.x.is_floating_point())
    if set(recipe.data) >= {"a", "b"}:
        every = system is not DisentangleAE  # each voice becomes the next one's
        for key, other in permutations(recipe.data, 2):
            assert isinstance(built.direction(key, other), nn.Module)
            assert {key, f"{key}_{other}"} <= set(rows) or not every


class Add(nn.Module):
    """A translator that adds a number, and remembers what it was asked."""

    def __init__(self, number: float):
        super().__init__()
        self.number, self.asked = nn.Parameter(torch.tensor(number)), []

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        self.asked.append((s, like))
        return Sample(s.x + self.number)


class Mean(nn.Module):
    """A critic whose score is the mean of what it sees, times a number."""

    def __init__(self, number: float):
        super().__init__()
        self.number = nn.Parameter(torch.tensor(number))

    def forward(self, s: Sample) -> list[torch.Tensor]:
        return [self.number * s.x.flatten(1).mean(1, keepdim=True)]


def arithmetic(**kw) -> CycleGAN:
    domain = Images(size=4, channels=1)
    return CycleGAN(domain, domain, Add(0.5), Add(-0.25), Mean(2.0), Mean(4.0), pool=0, **kw)


A = Sample(torch.full((1, 1, 4, 4), 0.5))
B = Sample(torch.full((1, 1, 4, 4), -0.5))


def test_cyclegan_by_hand():
    """fake_b = 0.5 + 0.5 = 1, fake_a = -0.5 - 0.25 = -0.75; D_A = 2 x, D_B = 4 x."""
    system = arithmetic(cycle=10.0, identity=5.0)
    losses = {key: t.item() for key, t in merged(system.loss_g(A, B)).items()}
    assert losses == pytest.approx({
        "adv_b": (4 * 1.0 - 1) ** 2,
        "adv_a": (2 * -0.75 - 1) ** 2,
        "cycle_a": 10 * abs(1.0 - 0.25 - 0.5),
        "cycle_b": 10 * abs(-0.75 + 0.5 + 0.5),
        "identity_a": 5 * 0.25,
        "identity_b": 5 * 0.5,
    })  # fmt: skip
    losses = {key: t.item() for key, t in system.loss_d(A, B).items()}
    assert losses == pytest.approx({
        "d_a": 0.5 * ((2 * 0.5 - 1) ** 2 + (2 * -0.75) ** 2),
        "d_b": 0.5 * ((4 * -0.5 - 1) ** 2 + (4 * 1.0) ** 2),
    })  # fmt: skip


def test_what_came_back_is_judged_by_hand():
    """Beside the same terms: back_a = 1 - 0.25 = 0.75, back_b = -1.25 + 0.5 = -0.75; D'_A = 3 x, D'_B = 5 x, of their own pools."""
    system, b = arithmetic(critics_back=(Mean(3.0), Mean(5.0)), back=0.5), Sample(torch.full((1, 1, 4, 4), -1.0))
    losses, plain = merged(system.loss_g(A, b)), arithmetic()
    assert {key: losses.pop(key).item() for key in ("back_a", "back_b")} == pytest.approx({
        "back_a": 0.5 * (3 * 0.75 - 1) ** 2,
        "back_b": 0.5 * (5 * -0.75 - 1) ** 2,
    })  # fmt: skip
    assert losses == merged(plain.loss_g(A, b))
    losses = system.loss_d(A, b)
    assert {key: losses.pop(key).item() for key in ("d_back_a", "d_back_b")} == pytest.approx({
        "d_back_a": 0.5 * ((3 * 0.5 - 1) ** 2 + (3 * 0.75) ** 2),
        "d_back_b": 0.5 * ((5 * -1.0 - 1) ** 2 + (5 * -0.75) ** 2),
    })  # fmt: skip
    assert losses == plain.loss_d(A, b)


def test_pseudo_pairs_by_hand():
    """Beside the same terms: of a it is said that in b it is 0.5 + 1 = 1.5, of b that in a it is -0.5 - 1 = -1.5."""
    system, plain = arithmetic(pseudo=(Add(1.0), Add(-1.0)), pairs=0.5), arithmetic()
    losses = merged(system.loss_g(A, B))
    assert losses.pop("pair_b").item() == pytest.approx(0.5 * abs(1.0 - 1.5))
    assert losses.pop("pair_a").item() == pytest.approx(0.5 * abs(-0.75 + 1.5))
    assert losses == merged(plain.loss_g(A, B))
    assert len(system.a2b.asked) == len(plain.a2b.asked), "the translation that is there already is compared"


def test_plain_by_hand():
    """The adversarial terms alone, and pseudo-pairs where there are any."""
    domain = Images(size=4, channels=1)
    networks = domain, domain, Add(0.5), Add(-0.25), Mean(2.0), Mean(4.0)
    alone = {"adv_b": (4 * 1.0 - 1) ** 2, "adv_a": (2 * -0.75 - 1) ** 2}
    assert Plain(*networks, pool=0).loss_g(A, B) == alone
    paired = Plain(*networks, pool=0, pseudo=(Add(1.0), Add(-1.0)), pairs=0.5).loss_g(A, B)
    assert paired == alone | {"pair_b": 0.5 * abs(1.0 - 1.5), "pair_a": 0.5 * abs(-0.75 + 1.5)}


def test_another_distance_judges_what_comes_back():
    losses = merged(arithmetic(cycle=10.0, identity=5.0, distance=squared).loss_g(A, B))
    assert losses["cycle_a"].item() == pytest.approx(10 * 0.25**2)
    assert losses["identity_b"].item() == pytest.approx(5 * 0.5**2)


def test_cycles_are_told_what_to_come_back_to():
    """`like` carries cycle consistency to text: first translations run free, everything that is compared does not."""
    system = arithmetic()
    merged(system.loss_g(A, B))
    assert [like for _, like in system.a2b.asked] == [None, B, B]
    assert [like for _, like in system.b2a.asked] == [A, None, A]
    system.sample(A, B)
    assert all(like is None for _, like in system.a2b.asked[3:] + system.b2a.asked[3:])


def test_identity_needs_domains_of_one_kind():
    grey, colour = Images(size=4, channels=1), Images(size=4)
    networks = Add(0.0), Add(0.0), Mean(1.0), Mean(1.0)
    with pytest.raises(UserError, match="give --identity 0"):
        CycleGAN(grey, colour, *networks)
    losses = merged(CycleGAN(grey, grey, *networks, identity=0.0, pool=0).loss_g(A, B))
    assert set(losses) == {"adv_a", "adv_b", "cycle_a", "cycle_b"}
    CycleGAN(grey, colour, *networks, identity=0.0)
