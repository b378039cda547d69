"""Systems of N domains against numbers computed by hand, and what a step is given."""

import pytest
import torch
from torch import nn

from domains.images import Images
from tests.cases import CPU, CRITIC, EVERY, batch_of, recipe_of, three_sides, trainer_of
from tests.translate.test_systems import Add, Mean
from translate.adv import least_squares
from translate.feed import drawn
from translate.modules.conditional import Naming
from translate.modules.cycle import labelled, others
from translate.nets.styled import StyledDecoder
from translate.pool import Pool
from translate.sample import Sample
from translate.systems.combogan import ComboGAN
from translate.systems.munit import MUNIT, Restyle
from translate.systems.stargan import StarGAN


def plane(value: float) -> Sample:
    return Sample(torch.full((1, 1, 4, 4), value))


class Steps(nn.Module):
    """A generator that adds what is wanted: 0, 1, 2 ..."""

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return Sample(s.x + s.label.view(-1, 1, 1, 1))


class Names(nn.Module):
    """The score is the mean, of class 1 twice that; the class's logits are the mean times 0, 1 ..."""

    def __init__(self, n: int):
        super().__init__()
        self.n = n

    def forward(self, s: Sample):
        return self.look(s)[0]

    def look(self, s: Sample):
        mean = s.x.flatten(1).mean(1, keepdim=True)
        return [mean * (1 + s.label[:, None])], mean * torch.arange(self.n)


def test_stargan_by_hand():
    """Two domains, so that the wanted one is the other: 0.5 becomes 1.5, -0.5 stays; back again: 1.5, 0.5."""
    domain = Images(size=4, channels=1)
    system = StarGAN(
        {"x": domain, "y": domain}, Steps(), Names(2), least_squares, cycle=10.0, identity=5.0, named=3.0, pool=0
    )
    x, y = plane(0.5), plane(-0.5)
    losses = {key: t.item() for key, t in system.loss_g(x=x, y=y).items()}
    name = torch.nn.functional.cross_entropy(torch.tensor([[0.0, 1.5], [0.0, -0.5]]), torch.tensor([1, 0])).item()
    assert losses == pytest.approx({
        "adv": ((2 * 1.5 - 1) ** 2 + (-0.5 - 1) ** 2) / 2,
        "class_fake": 3 * name,
        "cycle": 10 * (1.0 + 1.0) / 2,  # x: 1.5 + 0 against 0.5; y: -0.5 + 1 against -0.5
        "identity": 5 * (0.0 + 1.0) / 2,
    })  # fmt: skip
    losses = {key: t.item() for key, t in system.loss_d(x=x, y=y).items()}
    name = torch.nn.functional.cross_entropy(torch.tensor([[0.0, 0.5], [0.0, -0.5]]), torch.tensor([0, 1])).item()
    assert losses == pytest.approx({
        "d": 0.5 * ((0.5**2 + 2.0**2) / 2 + (3.0**2 + 0.5**2) / 2),  # real: 0.5, 2 * -0.5; fakes: 2 * 1.5, -0.5
        "class_real": 3 * name,
    })  # fmt: skip


def test_stargans_critic_is_held_flat_between_data_and_fakes_of_the_wanted_class(monkeypatch):
    domain, seen = Images(size=4, channels=1), []
    monkeypatch.setattr("translate.penalty.gradient", lambda *given: seen.append(given) or torch.tensor(2.0))
    system = StarGAN({"x": domain, "y": domain}, Steps(), Names(2), least_squares, penalty=3.0, pool=0)
    batch = dict(x=plane(0.5), y=plane(-0.5))
    system.loss_g(**batch)
    assert system.loss_d(**batch)["penalty"] == 3 * 2
    ((critic, real, fake, asked),) = seen
    assert critic is system.d and [s.x[:, 0, 0, 0].tolist() for s in (real, fake)] == [[0.5, -0.5], [1.5, -0.5]]
    assert asked.label.tolist() == [1, 0]


def test_the_cycle_joins_in_after_warm_steps():
    domain = Images(size=4, channels=1)
    system = StarGAN({"x": domain, "y": domain}, Steps(), Names(2), least_squares, warm=3, pool=0)
    at = {step: [u.loss or u.player for u in system.updates if u.active(step)] for step in (0, 2, 3)}
    assert at == {0: ["loss_free", "d"], 2: ["loss_free", "d"], 3: ["g", "d"]}
    assert set(system.loss_free(x=plane(0.5), y=plane(-0.5))) == {"adv", "class_fake"}


@pytest.mark.parametrize("kind", EVERY)
def test_a_critic_is_asked_about_a_class(kind):
    domain, s = three_sides(kind)["a"].domain, batch_of(recipe_of(StarGAN, kind))["a"]
    critic = Naming(domain.critic(**CRITIC[kind], classes=3), 3).eval()  # training turns spectral norms
    for p in critic.critic.parameters():
        p.data.add_(torch.randn_like(p))
    every = [torch.cat(critic(labelled(s, label)), 1) for label in range(3)]
    assert all((x != y).any(1).all() for i, x in enumerate(every) for y in every[:i])
    mixed = torch.arange(len(s)) % 2 + 1
    expected = torch.stack([every[label][row] for row, label in enumerate(mixed.tolist())])
    torch.testing.assert_close(torch.cat(critic(labelled(s, mixed)), 1), expected)
    torch.testing.assert_close(torch.cat(critic(s, labelled(s, mixed)), 1), expected)


def test_pools_keep_labels():
    pool = Pool(Images(size=4, channels=1), 0, 2, labelled=True)
    pool.put(labelled(Sample(torch.zeros(2, 1, 4, 4)), torch.tensor([2, 1])))
    assert pool.get(2).label.tolist() == [2, 1]


def test_combogan_by_hand():
    """Of the pair x, z: x is encoded with + 1 and decoded as z with + 0.25; y's networks are not asked."""
    domain = Images(size=4, channels=1)
    e, g, d = [Add(1.0), Add(9.0), Add(2.0)], [Add(-1.0), Add(9.0), Add(0.25)], [Mean(2.0), Mean(9.0), Mean(4.0)]
    system = ComboGAN(dict.fromkeys("xyz", domain), e, g, d, cycle=10.0, restore=5.0, pool=0)
    x, z = plane(0.5), plane(-0.5)
    losses = {key: t.item() for key, t in system.loss_g(x=x, z=z).items()}
    assert losses == pytest.approx({
        "adv_z": (4 * 1.75 - 1) ** 2, "cycle_x": 10 * abs(1.75 + 2 - 1 - 0.5), "restore_x": 0.0,
        "adv_x": (2 * 0.5 - 1) ** 2, "cycle_z": 10 * abs(0.5 + 1 + 0.25 + 0.5), "restore_z": 5 * 2.25,
    })  # fmt: skip
    losses = {key: t.item() for key, t in system.loss_d(x=x, z=z).items()}
    assert losses == pytest.approx({
        "d_x": 0.5 * ((2 * 0.5 - 1) ** 2 + (2 * 0.5) ** 2), "d_z": 0.5 * ((4 * -0.5 - 1) ** 2 + (4 * 1.75) ** 2),
    })  # fmt: skip
    assert not e[1].asked and not g[1].asked


class Fixed(nn.Module):
    """Content: the input itself; style: its mean and twice that; decoded: content plus the style's first number."""

    multiple, context = 1, 0

    def __init__(self, what: str):
        super().__init__()
        self.what = what

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        if self.what == "content":
            return s
        mean = s.x.flatten(1).mean(1, keepdim=True)
        return (
            Sample(torch.cat([mean, 2 * mean], 1))
            if self.what == "style"
            else Sample(s.x + s.label[:, 0, None, None, None])
        )


def test_munit_by_hand(monkeypatch):
    """Drawn styles are 0.25: fakes are the input + 0.25."""
    monkeypatch.setattr(torch, "randn_like", lambda x: torch.full_like(x, 0.25))
    domain = Images(size=4, channels=1)
    c, s, g = Fixed("content"), Fixed("style"), Fixed("decoder")
    weights = dict(restore=10.0, content=2.0, style=3.0, cycle=5.0)
    system = MUNIT(domain, domain, c, c, s, s, g, g, Mean(2.0), Mean(4.0), width=2, pool=0, **weights)
    losses = {key: t.item() for key, t in system.loss_g(plane(0.5), plane(-0.5)).items()}
    assert losses == pytest.approx({
        "adv_b": (4 * 0.75 - 1) ** 2, "adv_a": (2 * -0.25 - 1) ** 2,
        "restore_a": 10 * 0.5, "restore_b": 10 * 0.5,  # their own means are 0.5 and -0.5
        "content_a": 2 * 0.25, "content_b": 2 * 0.25,
        "style_b": 3 * (abs(0.75 - 0.25) + abs(1.5 - 0.25)) / 2, "style_a": 3 * (0.5 + 0.75) / 2,
        "cycle_a": 5 * abs(0.75 + 0.5 - 0.5), "cycle_b": 5 * abs(-0.25 - 0.5 + 0.5),
    })  # fmt: skip


def test_a_style_is_drawn_a_row_or_one_for_all():
    way = Restyle(Fixed("content"), Fixed("decoder"), 2)
    s = Sample(torch.zeros(3, 1, 4, 4))
    drawn = way(s).x[:, 0, 0, 0]
    assert len(drawn.unique()) == 3
    assert (way.restyled(torch.tensor([0.5, 9.0]))(s).x == 0.5).all()


def test_which_domains_a_step_takes_depends_on_seed_and_step_alone():
    pairs = [drawn("wxyz", 2, 0, step) for step in range(300)]
    assert pairs == [drawn("wxyz", 2, 0, step) for step in range(300)] != [drawn("wxyz", 2, 1, s) for s in range(300)]
    counts = {pair: pairs.count(pair) for pair in pairs}
    assert len(counts) == 6 and all(a < b for a, b in counts), "each pair, in the data's own order"
    assert min(counts.values()) > 30, "evenly"

    trainer = trainer_of(ComboGAN, "images")
    data = recipe_of(ComboGAN, "images").data
    whole = [tuple(batch) for batch in trainer.feed(data, 0, 8)]
    assert whole == [drawn("abc", 2, 0, step) for step in range(8)]
    assert [tuple(batch) for batch in trainer.feed(data, 5, 8)] == whole[5:], "a resumed run goes on with the same"


def test_means_of_terms_that_some_steps_have_are_over_those_steps():
    trainer = trainer_of(ComboGAN, "images")
    for pair in (dict(x=1.0, y=2.0), dict(x=4.0, z=5.0), dict(x=1.0, y=4.0)):
        trainer.record(tuple(pair), torch.tensor([*pair.values()]))
    assert trainer.means() == {"x": 2.0, "y": 3.0, "z": 5.0}


def test_only_the_drawn_networks_move():
    trainer = trainer_of(ComboGAN, "images")
    before = {name: p.clone() for name, p in trainer.system.named_parameters()}
    trainer.train_step(trainer.feed(recipe_of(ComboGAN, "images").data, 0, 1))
    moved = {name.split(".")[1] for name, p in trainer.system.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {str("abc".index(key)) for key in drawn("abc", 2, 0, 0)}


def test_another_domain_is_never_ones_own():
    own = torch.arange(4).repeat(100)
    found = others(own, 4)
    assert (found != own).all() and all((found[own == i].unique() == others_of(i)).all() for i in range(4))


def others_of(i: int) -> torch.Tensor:
    return torch.tensor([j for j in range(4) if j != i])


def test_a_label_and_its_one_hot_vector_draw_the_same_picture():
    decoder = StyledDecoder(channels=3, width=4, down=1, blocks=1, styles=3)
    code = Sample(torch.randn(2, 8, 4, 4, device=CPU))
    labels = torch.tensor([2, 0])
    by_label, by_vector = (decoder(labelled(code, t)).x for t in (labels, torch.eye(3)[labels]))
    torch.testing.assert_close(by_label, by_vector)
    assert not torch.allclose(by_label, decoder(labelled(code, 1)).x, atol=1e-4), "the label matters"
