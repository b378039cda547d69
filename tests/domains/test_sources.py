"""What --a and --b may name."""

import re
from pathlib import Path

import numpy as np
import pytest

from domains.sources import BUILTIN, DATA_ROOT, Picture, find
from tests.cases import Hostile
from translate.errors import UserError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def names(items, root: Path) -> list[str]:
    return [str(p.relative_to(root)) for p in items]


def refused(spec, side: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as said:
        find(str(spec), side)
    assert "\n" not in str(said.value)


def test_a_folder_with_its_sub_folders(tmp_path):
    root = touch(
        tmp_path / "photos of cats", "b.png", "a.png", "sub/c.jpg", ".hidden.png", ".thumbnails/d.png", "sub/.e.png"
    )
    files = find(str(root), "a")
    assert (files.name, names(files.train, root), files.test) == ("photos of cats", ["a.png", "b.png", "sub/c.jpg"], [])


def test_hidden_parents_hide_nothing(tmp_path):
    root = touch(tmp_path / ".cache" / "cats", "a.png")
    assert names(find(str(root), "a").train, root) == ["a.png"]


def test_train_and_test_folders_of_both_sides(tmp_path):
    root = touch(tmp_path / "h2z", "trainA/1.png", "trainB/2.png", "trainB/sub/3.png", "testB/4.png")
    a, b = find(str(root), "a"), find(str(root), "b")
    assert (a.name, names(a.train, root), a.test) == ("h2zA", ["trainA/1.png"], [])
    assert (b.name, names(b.train, root), names(b.test, root)) == (
        "h2zB",
        ["trainB/2.png", "trainB/sub/3.png"],
        ["testB/4.png"],
    )
    only = touch(tmp_path / "half", "trainA/1.png")
    refused(only, "b", "half has no trainB: name the folder you mean directly")


def test_a_side_by_itself_is_the_side_of_its_set(tmp_path):
    root = touch(tmp_path / "set", "trainA/1.png", "trainB/2.png", "testB/4.png")
    assert find(str(root / "trainB"), "") == find(str(root), "b") and find(str(root / "trainB"), "a").name == "setB"
    assert find(str(root / "trainA"), "").test == []


@pytest.mark.parametrize("split", ["test", "eval", "dev"])
def test_a_folder_below_train_has_its_test_beside_train(split, tmp_path):
    touch(tmp_path, "train/anna/a.wav", "train/boris/b.wav", f"{split}/anna/c.wav")
    found = find(str(tmp_path / "train/anna"), "a")
    assert found.name == "anna" and names(found.train, tmp_path) == ["train/anna/a.wav"]
    assert names(found.test, tmp_path) == [f"{split}/anna/c.wav"]
    assert find(str(tmp_path / "train/boris"), "b").test == []
    assert find(str(tmp_path / split / "anna"), "a").test == []


def test_one_file(tmp_path):
    path = touch(tmp_path, "one.png") / "one.png"
    assert (find(str(path), "a").name, find(str(path), "a").train) == ("one", [path])


def test_a_glob(tmp_path, monkeypatch):
    root = touch(tmp_path / "mixed", "a1.png", "a2.png", "b1.png", "deep/a3.png")
    (root / "a9.png").mkdir()
    assert names(find(f"{root}/a*.png", "a").train, root) == ["a1.png", "a2.png"]
    assert find(f"{root}/a*.png", "a").name == "mixed"
    assert names(find(f"{root}/**/a?.png", "a").train, root) == ["a1.png", "a2.png", "deep/a3.png"]
    refused(f"{root}/z*.png", "a", "holds no files: give a folder, a glob or a list that does")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(find("~/mixed/a*.png", "a").train) == 2


def test_brackets_in_a_name_are_no_glob(tmp_path):
    root = touch(tmp_path / "cats [2024]", "a.png")
    assert names(find(str(root), "a").train, root) == ["a.png"]


def test_a_list(tmp_path):
    root = touch(tmp_path, "a.png", "sub/b c.png")
    (tmp_path / "mine.txt").write_text(f"# a comment\na.png\n\n  sub/b c.png\n{root / 'a.png'}\n")
    files = find(f"@{tmp_path / 'mine.txt'}", "a")
    assert (files.name, files.train) == ("mine", [root / "a.png", root / "sub/b c.png", root / "a.png"])
    (tmp_path / "wrong.txt").write_text("a.png\ngone.png\nsub\n")
    refused(f"@{tmp_path / 'wrong.txt'}", "a", "2 of 3 listed files do not exist, the first is .*gone.png")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    refused(f"@{tmp_path / 'empty.txt'}", "a", "holds no files")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    refused(f"@{tmp_path / 'binary.txt'}", "a", "cannot be read as a list .*one path a line, UTF-8")
    refused(f"@{tmp_path / 'none.txt'}", "a", "cannot be read as a list")


def test_empty_folders_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "a", "empty holds no files")


def test_built_in_sets():
    """Photographs and Van Goghs are there without a download."""
    assert {"photos", "vangogh", "digits"} <= set(BUILTIN)
    for name in BUILTIN:
        for side in "ab":
            assert find(name, side).name == name and all(
                isinstance(p, Picture) or p.is_file() for p in find(name, side).train
            )
    photos, vangogh = find("photos", "b"), find("vangogh", "a")  # on either side
    assert (photos.name, len(photos.train), len(photos.test)) == ("photos", 48, 8)
    assert (vangogh.name, len(vangogh.train), len(vangogh.test)) == ("vangogh", 7, 2)


def test_unknown_names_list_the_nearest(tmp_path, monkeypatch):
    monkeypatch.delenv(DATA_ROOT, raising=False)
    refused("vangoh", "b", r"--b vangoh: no such file, folder or set; the nearest names are vangogh.* --data_root")
    refused("", "a", "--a: its value is empty")
    refused("qqqq", "a", "the nearest names are digits, modern, old, photos, rms, slt, vangogh")
    touch(tmp_path, "images/monet/1.png", "digits/mnist2usps.npz")
    monkeypatch.setenv(DATA_ROOT, str(tmp_path))
    refused("mone", "a", "the nearest names are monet")
    refused("mnist2uspss", "a", "the nearest names are mnist2usps")


def test_sets_of_ones_own_are_found_by_name(tmp_path, monkeypatch):
    first = touch(tmp_path / "first", "monet/1.png")
    second = touch(tmp_path / "second", "images/cats/trainA/1.png", "images/cats/trainB/2.png", "monet/2.png")
    monkeypatch.setenv(DATA_ROOT, f"{first}:{second}")
    assert find("monet", "a").train == [first / "monet/1.png"], "in the order of the roots"
    assert find("cats", "b").train == [second / "images/cats/trainB/2.png"]
    np.savez(second / "images" / "edges.npz", trainA=np.zeros((3, 4, 4), np.uint8))
    assert len(find("edges", "a").train) == 3
    touch(second, "voices/train/anna/1.wav", "voices/eval/anna/2.wav")
    anna = find("anna", "a")
    assert (anna.train, anna.test) == ([second / "voices/train/anna/1.wav"], [second / "voices/eval/anna/2.wav"])
    refused("ana", "a", "the nearest names are anna, ")
    refused("trains", "a", "the nearest names are (?!.*train$)")


def npz(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("shape", [(3, 5, 6), (3, 5, 6, 1), (3, 5, 6, 3)])
def test_arrays(shape, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = npz(tmp_path / "digits.npz", trainA=x, testA=x[:1], trainB=x[:2])
    a, b = find(str(path), "a"), find(str(path), "b")
    assert (a.name, b.name, len(a.train), len(a.test), len(b.train), len(b.test)) == ("digitsA", "digitsB", 3, 1, 2, 0)
    assert all(isinstance(i, Picture) and np.array_equal(i.array, row) for i, row in zip(a.train, x, strict=True))
    assert len({i.name for i in a.train + a.test}) == 4


@pytest.mark.parametrize(
    "dtype, white", [("float32", 1), ("float16", 1), ("float64", 1), ("uint16", 65535), ("uint32", 2**32 - 1)]
)
def test_arrays_of_other_depths_become_bytes(dtype, white, tmp_path):
    x = np.zeros((1, 2, 2), dtype)
    x[0, 1, 1] = white
    (item,) = find(str(npz(tmp_path / "x.npz", trainA=x)), "a").train
    assert item.array.dtype == np.uint8 and item.array.tolist() == [[0, 0], [0, 255]]


BAD = {
    "two dimensions": (np.zeros((3, 4), np.uint8), r"trainA is uint8\[3, 4\]; pictures are \[N,H,W\]"),
    "four channels": (np.zeros((3, 4, 4, 4), np.uint8), r"uint8\[3, 4, 4, 4\]; pictures are"),
    "no rows": (np.zeros((0, 4, 4), np.uint8), r"uint8\[0, 4, 4\]"),
    "no pixels": (np.zeros((2, 0, 4), np.float32), r"float32\[2, 0, 4\]"),
    "signed": (np.zeros((2, 4, 4), np.int64), r"int64\[2, 4, 4\]; pictures are"),
    "text": (np.array([["a"]]), "pictures are"),
    "NaN": (np.full((1, 2, 2), np.nan), "values outside .* or NaN: scale it"),
    "infinite": (np.full((1, 2, 2), np.inf), "values outside"),
    "too bright": (np.full((1, 2, 2), 255.0), "values outside .*: scale it to .*, or give uint8"),
    "negative": (np.full((1, 2, 2), -1.0), "values outside"),
}


@pytest.mark.parametrize("name", BAD)
def test_arrays_that_are_no_pictures_are_refused(name, tmp_path):
    array, message = BAD[name]
    refused(npz(tmp_path / "x.npz", trainA=array), "a", f"{re.escape(str(tmp_path))}/x.npz: .*{message}")
    good = np.zeros((1, 2, 2), np.uint8)
    refused(npz(tmp_path / "y.npz", trainA=good, testA=array), "a", message.replace("trainA", "testA"))


def test_pickled_arrays_are_not_executed(tmp_path):
    array = np.empty((1, 2, 2), object)
    array[:] = Hostile(tmp_path / "executed")
    refused(npz(tmp_path / "x.npz", trainA=array), "a", "cannot be read as an .npz archive .*save it again")
    assert not (tmp_path / "executed").exists()


def test_damaged_archives_are_refused(tmp_path):
    path = npz(tmp_path / "x.npz", trainA=np.zeros((50, 8, 8), np.uint8), trainB=np.zeros((1, 2, 2)))
    sound = path.read_bytes()
    for content in (
        b"",
        b"PK\x03\x04",
        sound[: len(sound) // 2],
        b"no archive",
        sound[:100] + b"\xff" * 40 + sound[140:],
    ):
        path.write_bytes(content)
        refused(path, "a", "x.npz cannot be read as an .npz archive")
    np.save(tmp_path / "plain.npy", np.zeros((2, 2)))
    (tmp_path / "plain.npy").rename(tmp_path / "plain.npz")
    refused(tmp_path / "plain.npz", "a", "cannot be read as an .npz archive")
    refused(
        npz(tmp_path / "other.npz", images=np.zeros((2, 2, 2))),
        "a",
        "has no array trainA: it must hold trainA and trainB",
    )


def test_a_file_of_sentences_has_its_test_beside_it(tmp_path, monkeypatch):
    touch(
        tmp_path,
        "yelp/train.neg.txt",
        "yelp/dev.neg.txt",
        "yelp/train.pos.txt",
        "yelp/test.pos.txt",
        "yelp/dev.pos.txt",
    )
    monkeypatch.setenv(DATA_ROOT, str(tmp_path))
    found = find("yelp/train.neg", "a")
    assert (found.name, found.train, found.test) == (
        "neg", [tmp_path / "yelp/train.neg.txt"], [tmp_path / "yelp/dev.neg.txt"],
    )  # fmt: skip
    assert find(str(tmp_path / "yelp/train.pos.txt"), "b").test == [tmp_path / "yelp/test.pos.txt"]
    assert find("train.pos", "b").train == [tmp_path / "yelp/train.pos.txt"], "at any depth"
    assert find(str(tmp_path / "yelp/dev.neg.txt"), "a").test == []


def test_a_set_is_called_by_its_name_without_train(tmp_path, monkeypatch):
    """--a humorous --b romantic; --a debian.docs --b debian.shorts."""
    touch(tmp_path, "captions/train.humorous.txt", "captions/dev.humorous.txt", "summaries/debian.train.docs.txt")
    monkeypatch.setenv(DATA_ROOT, str(tmp_path))
    files = find("humorous", "a")
    assert (files.name, names(files.train, tmp_path)) == ("humorous", ["captions/train.humorous.txt"])
    assert names(files.test, tmp_path) == ["captions/dev.humorous.txt"]
    assert names(find("debian.docs", "a").train, tmp_path) == ["summaries/debian.train.docs.txt"]


def test_the_built_in_sentences():
    old, modern = find("old", "a"), find("modern", "b")
    assert [p.name for p in old.train + old.test] == ["train.old.txt", "test.old.txt"]
    assert [len(p.read_text().splitlines()) for p in modern.train + modern.test] == [1000, 100]
