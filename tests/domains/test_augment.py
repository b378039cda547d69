"""Pipelines of albumentations: applied in training alone, before the crop, as a function of (seed, index)."""

import numpy as np
import pytest
import torch

from domains.augment import pipeline
from domains.folder import Folder
from domains.images import Images
from domains.sources import Files, Picture
from translate.errors import UserError

A = pytest.importorskip("albumentations")


def saved(path, *transforms) -> str:
    A.save(A.Compose(transforms), path, data_format="yaml" if path.suffix == ".yaml" else "json")
    return str(path)


def folder(channels: int = 3) -> Folder:
    shape = (16, 20, 3)[: 3 if channels == 3 else 2]
    items = [Picture(str(i), np.random.default_rng(i).integers(0, 256, shape, np.uint8)) for i in range(40)]
    return Folder(Images(16, 16, channels, flip=False), Files("noise", items))


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_pipeline_is_applied_to_what_is_trained_on_and_to_nothing_else(suffix, channels, tmp_path):
    plain, changed = folder(channels), folder(channels)
    changed.augment = pipeline(saved(tmp_path / f"p{suffix}", A.InvertImg(p=1)))
    dark = Folder(
        Images(16, 16, channels), Files("dark", [Picture(str(i), np.zeros((16, 16), np.uint8)) for i in range(40)])
    )
    dark.augment = changed.augment
    assert (dark.rows(range(36)).x == 255).all()
    for i in range(5):
        whole = plain.domain.decode(plain.items[i])
        assert torch.equal(255 - changed.augment(whole, np.random.default_rng(0)).x, whole.x)
    assert all(torch.equal(a.x, b.x) for a, b in zip(plain.validation(), changed.validation()))
    assert torch.equal(plain.preview(4).x, changed.preview(4).x)


def test_the_stream_is_a_function_of_seed_and_index(tmp_path):
    path = saved(tmp_path / "p.json", A.RandomBrightnessContrast(p=1), A.Affine(rotate=(-20, 20), p=1))
    first, again = folder(), folder()
    first.augment, again.augment = pipeline(path), pipeline(path)
    whole = first.rows(range(20, 40)).x
    again.rows(range(3))
    assert torch.equal(again.rows(range(30, 40)).x, whole[10:])
    assert len({tuple(x.flatten().tolist()) for x in first.rows(range(0, 36 * 4, 36)).x}) > 1


def test_what_is_no_pipeline_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "not.json").write_text('{"a": 1}')
    for path in (tmp_path / "none.json", tmp_path / "not.json"):
        with pytest.raises(UserError, match="no pipeline of albumentations") as said:
            pipeline(str(path))
        assert "\n" not in str(said.value)
    changing = pipeline(saved(tmp_path / "p.json", A.Normalize(p=1)))
    with pytest.raises(UserError, match="leave out what changes the type"):
        changing(folder().domain.decode(folder().items[0]), np.random.default_rng(0))
