"""Files -> samples: nothing held out is trained on, and the stream is a function of (seed, index)."""

from collections import Counter

import numpy as np
import pytest
import torch

from domains import folder as module
from domains.folder import Folder, report
from domains.images import Images
from domains.sources import Files, Picture, Sentence
from tests.cases import draw, paint
from tests.tokens import Tokens
from translate.errors import UserError


def flat(n: int, side: int = 16, name: str = "flat", seed: int = 0, **kw) -> Folder:
    """Picture i is i all over, so that each pixel says where it comes from."""
    items = [Picture(f"{i}", np.full((side, side), i, np.uint8)) for i in range(n)]
    return Folder(Images(size=16, scale=side, channels=1, colour=False, **kw), Files(name, items), seed)


def seen(folder: Folder, indices: range) -> list[int]:
    return folder.rows(indices).x[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("n, held", [(20, 2), (25, 2), (57, 5), (1200, 100)])
def test_whole_files_are_held_out(n, held):
    items = [Picture(str(i), np.full((16, 16, 3), (i // 256, i % 256, 7), np.uint8)) for i in range(n)]
    folder = Folder(Images(size=16, scale=16), Files("many", items))

    def numbers(samples) -> set[int]:
        return {int(s.x[..., 0, 0, 0].flatten()[0]) * 256 + int(s.x[..., 1, 0, 0].flatten()[0]) for s in samples}

    validation = numbers(folder.validation())
    trained = numbers(folder.rows(range(i, i + 1)) for i in range(n - held))
    assert len(folder.validation()) == held == len(validation)
    assert len(trained) == n - held and not trained & validation
    assert numbers(folder.training(2000)) == trained
    assert numbers(folder.preview(8)[i : i + 1] for i in range(8)) <= validation
    assert f"{n - held} files trained on, {held} held out" in folder.protocol


@pytest.mark.parametrize("shape", [(32, 40), (40, 32), (33, 33)])
def test_parts_of_few_files_are_held_out(shape):
    """Every pixel says where in its picture it lies."""
    h, w = shape
    array = np.stack([*np.mgrid[:h, :w], np.zeros(shape)], -1).astype(np.uint8)
    folder = Folder(
        Images(size=16, scale=min(shape), flip=False), Files("few", [Picture("one", array), Picture("two", array)])
    )

    def places(samples) -> set[tuple[int, int]]:
        return {(int(y), int(x)) for s in samples for y, x in s.x[0, :2].flatten(1).T}

    trained = places(folder.rows(range(i, i + 1)) for i in range(200))
    validation = places(folder.validation())
    along = 1 if w >= h else 0
    cut = max(shape) * 3 // 4
    assert {p[along] for p in trained} == set(range(cut)) and not trained & validation
    assert {p[along] for p in validation} <= set(range(cut, max(shape)))
    assert len(validation) > 0.8 * min(shape) * (max(shape) - cut) - 4 * max(shape)
    assert "2 files, the last quarter" in folder.protocol


def test_a_single_picture_is_judged_by_two_views():
    """One alone has no statistics."""
    assert [len(flat(n).validation()) for n in (1, 2, 3)] == [2, 2, 3]


@pytest.mark.parametrize("n", [3, 30])
def test_an_epoch_is_a_permutation(n):
    folder = flat(n)
    trained = n - (3 if n == 30 else 0)
    orders = [seen(folder, range(e * trained, (e + 1) * trained)) for e in range(4)]
    assert all(len(set(order)) == trained for order in orders)
    assert len({tuple(order) for order in orders}) > 1, "shuffled anew each epoch"


@pytest.mark.parametrize("cached", [True, False])
def test_rows_are_a_function_of_seed_and_index(cached):
    def make(seed=0, name="a"):
        folder = Folder(
            Images(size=16, scale=24), Files(name, [Picture(str(i), draw(24, 30, i)) for i in range(5)]), seed
        )
        if cached:
            folder.scan()
        return folder

    whole = make().rows(range(12)).x
    other = make()
    assert torch.equal(
        torch.cat([other.rows(range(i, i + 3)).x for i in (9, 3, 0, 6)]), whole[[9, 10, 11, 3, 4, 5, 0, 1, 2, 6, 7, 8]]
    )
    assert not torch.equal(make(seed=1).rows(range(12)).x, whole)
    assert not torch.equal(make(name="b").rows(range(12)).x, whole)
    assert len({row.numpy().tobytes() for row in make().rows(range(0, 60)).x}) > 40, "crops and mirrors differ"


def test_the_cache_changes_nothing_and_is_capped(monkeypatch):
    def make():
        return Folder(Images(size=16, scale=24), Files("a", [Picture(str(i), draw(24, 30, i)) for i in range(6)]))

    plain, capped, full = make(), make(), make()
    full.scan()
    assert len(full.cache) == 6
    monkeypatch.setattr(module, "CACHE_BYTES", 2 * 24 * 30 * 3)
    capped.scan()
    assert len(capped.cache) == 2
    for other in (capped, full):
        assert torch.equal(other.rows(range(20)).x, plain.rows(range(20)).x)


def test_files_are_decoded_once(tmp_path, monkeypatch):
    paths = [paint(tmp_path / f"{i}.png", draw(16, 16, i)) for i in range(4)]
    domain, decoded = Images(size=16, scale=16), Counter()

    def decode(item, original=domain.decode):
        decoded[item] += 1
        return original(item)

    monkeypatch.setattr(domain, "decode", decode)
    folder = Folder(domain, Files("a", paths))
    folder.scan()
    folder.rows(range(50))
    assert decoded == dict.fromkeys(paths, 1)


def test_unreadable_files_are_named_and_left_out(tmp_path, capsys):
    good = [paint(tmp_path / f"{i:02}.png", draw(16, 16, i)) for i in range(3)]
    bad = [tmp_path / "empty.png", tmp_path / "text.jpg", tmp_path / "cut.png"]
    for path, content in zip(bad, (b"", b"no picture", good[0].read_bytes()[:60])):
        path.write_bytes(content)
    folder = Folder(Images(size=16, scale=16), Files("mixed", [bad[0], *good, *bad[1:]]))
    folder.scan()
    report(folder)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.startswith("skipped: ") and str(path) in line for line, path in zip(lines, bad))
    assert len(folder.train_ids) == 3
    rows = {row.numpy().tobytes() for row in folder.rows(range(3)).x}
    assert len(rows) == 3


def test_what_is_held_out_is_readable(tmp_path):
    """Of 24 files 4 are damaged: 20 remain, and of these 2 are held out, whichever were damaged."""
    paths = [paint(tmp_path / f"{i:02}.png", draw(16, 16, i)) for i in range(24)]
    healthy = Folder(Images(size=16, scale=16), Files("a", list(paths)))
    for i in [*healthy.validation_ids, *healthy.train_ids[:2]]:
        paths[i].write_bytes(b"")
    folder = Folder(Images(size=16, scale=16), Files("a", paths))
    folder.scan()
    assert (len(folder.train_ids), len(folder.validation_ids), len(folder.validation())) == (18, 2, 2)
    paths[folder.train_ids[0]].write_bytes(b"")
    fewer = Folder(Images(size=16, scale=16), Files("a", paths))
    fewer.scan()
    assert fewer.few and len(fewer.train_ids) == 19


def test_where_none_is_readable_the_first_is_named(tmp_path):
    (tmp_path / "only.png").write_bytes(b"")
    with pytest.raises(UserError, match="bad has no readable file to train on: .*only.png: empty"):
        Folder(Images(), Files("bad", [tmp_path / "only.png"])).scan()
    with pytest.raises(UserError, match="none has no readable file to train on"):
        Folder(Images(), Files("none", [])).scan()


def test_the_preview_is_the_same_each_time_and_as_long_as_asked():
    folder = flat(3)
    first = folder.preview(5)
    assert first.x.shape == (5, 1, 16, 16) and torch.equal(folder.preview(5).x, first.x)
    assert first.x[:, 0, 0, 0].tolist() == [0, 1, 2, 0, 1]


def test_a_folder_serves_other_domains():
    """It knows nothing of pictures."""
    items = [Sentence(f"words:{i}", " ".join(str(3 + (i + k) % 9) for k in range(12))) for i in range(4)]
    folder = Folder(Tokens(), Files("words", items, unit="sentences"))
    folder.scan()
    rows = folder.rows(range(6))
    assert rows.x.shape == (6, 8) and rows.mask.all()
    assert [int(s.mask.sum()) for s in folder.validation()] == [4] * 4
    assert folder.protocol.startswith("words: 4 sentences")
