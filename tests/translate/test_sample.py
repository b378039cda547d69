"""Sample: one value, whatever its fields hold."""

import torch
from torch.utils._pytree import tree_flatten, tree_map

from translate.sample import Sample


def full() -> Sample:
    ids = torch.arange(12).view(4, 3)
    return Sample(ids, ids % 2 == 0, torch.arange(4), torch.rand(4, 3, 7))


def equal(s: Sample, t: Sample) -> bool:
    return all((a is None and b is None) or torch.equal(a, b) for a, b in zip(s, t, strict=True))


def test_rows_of_a_sample_are_rows_of_every_field():
    s = full()
    assert len(s) == 4
    assert equal(Sample.cat([s[:1], s[1:]]), s)
    assert equal(s[1:3], Sample(s.x[1:3], s.mask[1:3], s.label[1:3], s.logits[1:3]))
    assert equal(s[torch.tensor([2, 0])], Sample.cat([s[2:3], s[:1]]))


def test_absent_fields_stay_absent():
    s = Sample(torch.rand(3, 2, requires_grad=True))
    for t in (s[:2], s.to("cpu"), s.detach(), s.map(torch.neg), Sample.cat([s, s])):
        assert t.x is not None and (t.mask, t.label, t.logits) == (None, None, None)
    assert s.x.requires_grad and not s.detach().x.requires_grad


def test_it_is_a_pytree():
    s = full()
    assert len(tree_flatten(s)[0]) == 4
    doubled = tree_map(lambda t: t * 2, {"a": s})["a"]
    assert equal(doubled, s.map(lambda t: t * 2))
