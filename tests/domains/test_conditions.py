"""Labels travel with their pictures, conditions with their rows, and a wrong condition is wrong."""

from collections import Counter

import numpy as np
import pytest
import torch

from domains.conditions import Conditions, Labels, colours, edges, labels_of, made_of
from domains.folder import Folder
from domains.images import Images
from domains.sources import Files, Picture, find
from tests.tokens import Tokens
from translate.errors import UserError
from translate.feed import batches
from translate.sample import Sample


def flat(labels: list[int]) -> Folder:
    """Picture i is i all over and has the label labels[i]."""
    items = [Picture(str(i), np.full((16, 16), i, np.uint8)) for i in range(len(labels))]
    files = Files("flat", items, labels={"train": np.array(labels)})
    return Folder(Images(size=16, scale=16, channels=1, colour=False, flip=False), files)


LABELS = [i % 3 for i in range(40)]


def number(s: Sample) -> list[int]:
    return s.x[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("n", [7, 40])
def test_a_label_is_its_own_pictures(n):
    folder = flat(LABELS[:n])
    for s in (folder.rows(range(3, 60)), folder.preview(9)):
        assert s.label.tolist() == [LABELS[i] for i in number(s)] and s.label.dtype == torch.long
    assert flat(5 * LABELS).preview(6).label.tolist() == [0, 1, 2, 0, 1, 2], "the classes in turn"
    folder.labels = None
    assert folder.rows(range(5)).label is None


def test_conditions_belong_to_their_rows_and_wrong_ones_never_do():
    folder = flat(LABELS)
    data = {"x": folder, "c": labels_of(folder), "wrong": labels_of(folder, wrong=True)}
    drawn = Counter()
    for batch in batches(data, 8, 2, 40, torch.device("cpu")):
        assert batch["c"].label.tolist() == batch["x"].label.tolist() and len(batch["c"]) == 8
        drawn.update(zip(batch["x"].label.tolist(), batch["wrong"].label.tolist()))
    assert set(drawn) == {(i, j) for i in range(3) for j in range(3) if i != j}, "any other, never its own"
    assert max(drawn.values()) < 3 * min(drawn.values())
    assert data["c"].preview(9).label.tolist() == folder.preview(9).label.tolist()
    assert (data["wrong"].preview(9).label != folder.preview(9).label).all()


def test_wrong_conditions_are_a_function_of_seed_and_index():
    rows = [labels_of(flat(LABELS), wrong=True).rows(r).label for r in (range(0, 20), range(0, 10), range(10, 20))]
    assert torch.equal(rows[0], torch.cat(rows[1:]))


def test_wrong_conditions_are_those_of_items_trained_on():
    folder = flat(list(range(40)))
    assert set(labels_of(folder, wrong=True).rows(range(400)).label.tolist()) == set(folder.train_ids) != set(range(40))


def test_sentences_are_conditions_too_and_equal_ones_are_not_wrong():
    """Items 0 and 2 have the same sentence."""
    tokens = Tokens(length=4)
    told = tokens.collate([Sample(torch.tensor(ids)) for ids in ([3, 4], [5], [3, 4])])
    folder = flat([0, 0, 0])
    right, wrong = Conditions(folder, tokens, told), Conditions(folder, tokens, told, wrong=True)
    for i in range(30):
        (item,) = number(folder.rows(range(i, i + 1)))
        assert torch.equal(right.rows(range(i, i + 1)).x[0], told.x[item])
        other = wrong.rows(range(i, i + 1))
        assert other.mask.shape == (1, 4) and not torch.equal(other.x[0], told.x[item])
        assert item == 1 or other.x[0, 0] == 5


def test_what_has_no_conditions_says_so():
    with pytest.raises(UserError, match="flat has no labels: give an .npz with y_train"):
        folder = flat([0])
        folder.labels = None
        labels_of(folder)
    with pytest.raises(UserError, match="all its conditions are equal"):
        labels_of(flat([1, 1, 1]), wrong=True)


def test_labels_are_samples_of_nothing_else():
    labels = Labels(10)
    s = labels.blank(3)
    assert s.x.shape == (3, 0) and s.label.tolist() == [0, 0, 0]
    assert Labels(**{k: v for k, v in labels.spec().items() if k != "domain"}) == labels


def test_the_built_in_digits():
    files = find("digits", "")
    assert files.name == "digits" and (len(files.train), len(files.test)) == (400, 100)
    assert Counter(files.labels["train"].tolist()) == {c: 40 for c in range(10)}
    assert Counter(files.labels["test"].tolist()) == {c: 10 for c in range(10)}
    train, test = ({p.array.tobytes() for p in part} for part in (files.train, files.test))
    assert len(train) == 400 and not train & test and all(p.array.shape == (28, 28) for p in files.train)


def test_one_collection_in_an_npz(tmp_path):
    x, y = np.zeros((4, 8, 8), np.uint8), np.arange(4)
    np.savez(tmp_path / "good.npz", x_train=x, y_train=y, x_test=x[:2])
    files = find(str(tmp_path / "good.npz"), "")
    assert (files.name, len(files.train), len(files.test)) == ("good", 4, 2) and files.labels["train"].tolist() == [
        0,
        1,
        2,
        3,
    ]
    for bad in (y[:3], y + 0.5, y[:, None], y - 1, y * 10_000):
        np.savez(tmp_path / "bad.npz", x_train=x, y_train=bad)
        with pytest.raises(UserError, match="the classes of x_train must be one whole number a picture"):
            find(str(tmp_path / "bad.npz"), "")
    np.savez(tmp_path / "pairs.npz", trainA=x, trainB=x)
    with pytest.raises(UserError, match="has no array x_train: it must hold x_train"):
        find(str(tmp_path / "pairs.npz"), "")
    with pytest.raises(UserError, match="--data digitz: no such file, folder or set; the nearest names are digits"):
        find("digitz", "")


def test_pictures_made_of_pictures_by_hand():
    dot = np.zeros((16, 16, 1), np.uint8)
    dot[5, 5] = 200
    ring = edges(dot)[4:7, 4:7, 0]
    assert ring.tolist() == [[200] * 3, [200, 0, 200], [200] * 3] and edges(dot).sum() == 8 * 200
    halves = np.zeros((16, 16, 3), np.uint8)
    halves[:, 8:] = (70, 130, 255)
    coarse = colours(halves)
    assert (
        coarse.shape == halves.shape and coarse[3, 3].tolist() == [0, 0, 0] and coarse[3, 12].tolist() == [85, 170, 255]
    )


def test_pairs_from_one_side_belong_together():
    rng = np.random.default_rng(0)
    items = [Picture(str(i), rng.integers(0, 255, (20, 16, 3), np.uint8)) for i in range(30)]
    x = Folder(Images(size=16, scale=16, flip=False), Files("noise", [Picture(p.name, p.array[:16]) for p in items]))
    c = made_of(x, edges)
    assert c.domain.channels == 1 and x.domain.channels == 3
    for s, told in ((x.rows(range(50)), c.rows(range(50))), (x.preview(5), c.preview(5))):
        for picture, edge in zip(s.x, told.x):
            assert torch.equal(edge[0], torch.from_numpy(edges(picture.permute(1, 2, 0).numpy())[..., 0]))
    seen = c.domain.normalise(c.rows(range(3))).x
    assert seen.min() >= -1 and seen.max() <= 1 and seen.shape == (3, 1, 16, 16)
