"""Batches are a function of (seed, step)."""

import pytest
import torch

from tests.cases import CPU, SOURCES
from translate import runtime
from translate.errors import UserError
from translate.feed import batches
from translate.sample import Sample

every_source = pytest.mark.parametrize("kind", SOURCES)


def stream(kind: str, first: int, last: int, batch: int = 4) -> list[dict[str, Sample]]:
    return list(batches({side: SOURCES[kind](side) for side in "ab"}, batch, first, last, CPU))


def pixels(draws: list[dict[str, Sample]], side: str) -> torch.Tensor:
    return torch.cat([draw[side].x for draw in draws])


@every_source
def test_a_stream_may_start_anywhere(kind):
    whole = stream(kind, 0, 7)
    assert len(whole) == 7 and all(len(draw[side]) == 4 for draw in whole for side in "ab")
    for side in "ab":
        assert torch.equal(pixels(whole[3:], side), pixels(stream(kind, 3, 7), side))
        assert not torch.equal(pixels(whole[:3], side), pixels(whole[3:6], side))
    assert stream(kind, 7, 7) == [] == stream(kind, 9, 7)


@every_source
@pytest.mark.parametrize("world", [2, 4])
def test_any_number_of_processes_see_the_same_order(kind, world, monkeypatch):
    one = stream(kind, 0, 3)
    monkeypatch.setattr(runtime, "world_size", lambda: world)
    shares = []
    for rank in range(world):
        monkeypatch.setattr(runtime, "rank", lambda rank=rank: rank)
        shares.append(stream(kind, 0, 3))
    for i in range(3):
        for side in "ab":
            assert torch.equal(torch.cat([share[i][side].x for share in shares]), one[i][side].x)


@every_source
def test_the_batch_size_does_not_change_the_order(kind):
    for side in "ab":
        assert torch.equal(pixels(stream(kind, 0, 6, 2), side), pixels(stream(kind, 0, 3, 4), side))


def test_a_file_that_vanishes_while_training_is_named():
    class Vanished:
        domain = None

        def rows(self, indices):
            raise UserError("b/3.png: no such file; check the name.")

    with pytest.raises(UserError, match="b/3.png: no such file"):
        list(batches({"a": Vanished()}, 1, 0, 5, CPU))


def test_reading_ahead_ends_with_its_reader():
    import threading

    reader = batches({"a": SOURCES["images"]("a")}, 1, 0, 1000, CPU)
    next(reader)
    assert any(t.name.startswith("feed") for t in threading.enumerate())
    reader.close()
    assert not any(t.name.startswith("feed") for t in threading.enumerate())


def test_batches_for_a_gpu_are_pinned(monkeypatch):
    """A copy from pageable memory would wait for the step before it."""
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda t: pinned.append(t) or t)
    monkeypatch.setattr(Sample, "to", lambda s, device: s)
    sources = {side: SOURCES["tokens"](side) for side in "ab"}
    next(batches(sources, 2, 0, 1, torch.device("cuda")))
    assert len(pinned) == 4, "ids and masks"
    next(batches(sources, 2, 0, 1, CPU))
    assert len(pinned) == 4
