"""The replay pool: nothing unfilled comes out, nothing is lost on the way."""

import pytest
import torch

from domains.images import Images
from tests.tokens import Tokens
from translate.pool import Pool
from translate.sample import Sample


def numbered(first: int, n: int) -> Sample:
    """Pictures of one pixel that say which fake they are."""
    return Sample(torch.arange(first, first + n).float().view(n, 1, 1, 1))


def pool_of(size: int, batch: int) -> Pool:
    return Pool(Images(size=1, channels=1), size, batch)


def numbers(s: Sample) -> list[int]:
    return s.x.flatten().int().tolist()


def test_without_a_size_it_hands_out_the_last_ones():
    pool = pool_of(0, 3)
    for first in (1, 4, 7):
        pool.put(numbered(first, 3))
        assert numbers(pool.get(3)) == [first, first + 1, first + 2]
    assert numbers(pool.get(3)) == [7, 8, 9]  # again, for a second critic step


def test_getting_before_putting_is_refused():
    with pytest.raises(RuntimeError, match="generator's update has to come before"):
        pool_of(4, 2).get(2)


def test_micro_batches_enqueue_in_order():
    pool = pool_of(0, 5)
    for step in range(3):
        for first, n in ((0, 2), (2, 2), (4, 1)):
            pool.put(numbered(10 * step + first, n))
        handed = [numbers(pool.get(n)) for n in (2, 2, 1)]
        assert handed == [[10 * step, 10 * step + 1], [10 * step + 2, 10 * step + 3], [10 * step + 4]]


@pytest.mark.parametrize("parts", [(4,), (3, 1), (1, 1, 1, 1)])
def test_only_real_fakes_come_out_and_half_of_them_are_old(parts):
    pool, steps = pool_of(10, 4), 400
    assert pool.size == 12  # whole batches
    old = 0
    for step in range(steps):
        first = 1 + 4 * step  # blank rows say 0
        at = first
        for n in parts:
            pool.put(numbered(at, n))
            at += n
        handed = [i for n in parts for i in numbers(pool.get(n))]
        fresh = list(range(first, first + 4))
        assert all(0 < i < first + 4 for i in handed)
        assert all(i <= j for i, j in zip(handed, fresh)), "a fresh fake keeps its place"
        if step < 3:
            assert handed == fresh  # until `size` are there
        else:
            old += sum(i < j for i, j in zip(handed, fresh))
        kept = numbers(pool._rows("old"))
        assert len(set(kept) - {0}) == min(12, 4 * (step + 1)), "the pool holds no fake twice"
    share = old / (4 * (steps - 3))
    assert abs(share - 0.5) < 5 * 0.5 / (4 * steps) ** 0.5  # five standard deviations


def test_every_old_one_comes_out_once_and_in_the_end():
    pool, seen = pool_of(8, 1), []
    for i in range(1, 400):
        pool.put(numbered(i, 1))
        seen += numbers(pool.get(1))
    assert set(range(1, 250)) <= set(seen), "none stays for ever: each is drawn with probability 1/16 a step"
    assert len(set(seen[8:])) == len(seen[8:])
    assert min(numbers(pool._rows("old"))) > 100, "of the first ones, handed out while it filled, none is left"


def test_its_state_survives():
    """Saved and loaded into a new pool, it goes on with the same rows and the same draws."""
    first = pool_of(6, 2)
    for i in range(5):
        first.put(numbered(2 * i, 2))
        first.get(2)
    second = pool_of(6, 2)
    second.load_state_dict(first.state_dict())
    state = torch.get_rng_state()
    outcomes = []
    for pool in (first, second):
        torch.set_rng_state(state)
        outcomes.append([])
        for i in range(5, 15):
            pool.put(numbered(2 * i, 2))
            outcomes[-1].append(numbers(pool.get(2)))
    assert outcomes[0] == outcomes[1]

    third = pool_of(6, 2)
    third.load_state_dict(first.state_dict())
    third.get(2)  # it is ready, without another put


def test_sentences_are_kept_as_ids_with_their_masks():
    tokens = Tokens()
    pool = Pool(tokens, 2, 2)
    x = torch.nn.functional.one_hot(torch.randint(0, 12, (2, 8)), 12).float().requires_grad_()
    fake = Sample(x, torch.arange(8) < torch.tensor([[3], [8]]), logits=torch.randn(2, 8, 12))
    for _ in range(4):
        pool.put(fake)
        handed = pool.get(2)
        assert handed.x.dtype == torch.long and handed.logits is None and not handed.x.requires_grad
        kept = [(ids, sum(mask)) for ids, mask in zip(handed.x.tolist(), handed.mask.tolist())]
        put = [(ids, n) for ids, n in zip(x.argmax(-1).tolist(), (3, 8))]
        assert all(row in put for row in kept)


def test_no_gradient_flows_back():
    pool = pool_of(0, 1)
    pool.put(Sample(torch.ones(1, 1, 1, 1, requires_grad=True)))
    assert not pool.get(1).x.requires_grad
