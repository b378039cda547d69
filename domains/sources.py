"""What --a, --b and --domains may name: a folder, a trainA/trainB folder, a glob, @list.txt, an .npz, a file, a built-in set, a name under the data root."""

from __future__ import annotations

import difflib
import glob
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from translate.errors import UserError, reason

BUILTIN = {
    "photos": ("photos2vangogh", "a"),
    "vangogh": ("photos2vangogh", "b"),
    "digits": ("digits/digits.npz", ""),
    "old": ("old2modern/train.old.txt", "a"),
    "modern": ("old2modern/train.modern.txt", "b"),
    "slt": ("slt2rms", "a"),
    "rms": ("slt2rms", "b"),
}
NAMED = (".npz", ".txt")  # a set that is one file is called by its name without these
# what the test files' folder or file is called, where the training files' is called train
HELD = ("test", "eval", "dev")
CLASSES = 10_000  # at most: a class is an input of its own
DATA_ROOT = "UNPAIRED_DATA"  # environment variable; --data_root sets it


class Picture(NamedTuple):
    """One row of an .npz: an item that is no file of its own."""

    name: str
    array: np.ndarray  # [H,W] or [H,W,C] uint8
    kind = "images"  # a file says it by its suffix


class Sentence(NamedTuple):
    """One line of a text file."""

    name: str  # file:line
    text: str
    kind = "tokens"


Item = Path | Picture | Sentence


@dataclass
class Files:
    name: str  # short, for folders and titles
    train: list[Item]
    test: list[Item] = field(default_factory=list)
    labels: dict[str, np.ndarray] = field(default_factory=dict)  # "train", "test": [N] classes, where an .npz has them
    unit: str = "files"  # what its items are called


def option(side: str) -> str:
    """What a side is called on the command line: a and b have options of their own, x is a single one, others are some of many."""
    return {"a": "--a", "b": "--b", "x": "--data"}.get(side, "--domains")


def find(spec: str, side: str, said: str = "") -> Files:
    """The items that a specification names. side: "a" or "b", for sources that hold both; "" for one collection.

    said: the option that it was given to, for the message where there is no such thing.
    """
    said = said or f"--{side or 'data'}"
    if not spec:  # the path "" is the working folder
        raise UserError(f"{said}: its value is empty; give a folder, a file or a name")
    if spec.startswith("@"):
        return _listed(Path(spec[1:]).expanduser())
    path = Path(spec).expanduser()
    if path.exists():
        return _path(path, side)
    if any(c in spec for c in "*?["):
        return _files(path.parent.name or "glob", [Path(p) for p in sorted(glob.glob(str(path), recursive=True))], spec)
    if spec in BUILTIN:
        folder, own_side = BUILTIN[spec]
        files = _path(Path(__file__).parent / "builtin" / folder, own_side)
        files.name = spec
        return files
    roots = [Path(r) for r in os.environ.get(DATA_ROOT, "").split(os.pathsep) if r and not path.is_absolute()]
    for root in roots:
        for pattern in (
            spec,
            f"*/{spec}",
            f"train/{spec}",
            f"*/train/{spec}",
            *(
                f"{at}{name}{suffix}"
                for suffix in NAMED
                for name in (spec, _training(spec))
                for at in ("", "*/", "*/*/")
            ),
        ):
            for hit in sorted(root.glob(pattern)):
                return _path(hit, side)
    inside = [p for root in roots for at in ("*", "*/*", "*/train/*") for p in root.glob(at)]
    sets = {p.stem for p in inside if p.suffix in NAMED or (p.is_dir() and p.name not in ("train", *HELD))}
    known = [*BUILTIN, *sorted(sets)]
    near = difflib.get_close_matches(spec, known, 3, 0.4) or sorted(BUILTIN)
    where = "" if roots else f" (sets of your own are found by name under --data_root or ${DATA_ROOT})"
    raise UserError(f"{said} {spec}: no such file, folder or set; the nearest names are {', '.join(near)}{where}")


def _training(spec: str) -> str:
    """The file of a set's training split: humorous is train.humorous, debian.docs is debian.train.docs."""
    head, dot, last = spec.rpartition(".")
    return f"{head}{dot}train.{last}"


def _path(path: Path, side: str) -> Files:
    if path.suffix == ".npz":
        return _npz(path, side)
    if path.is_file():
        return Files(path.stem.removeprefix("train."), [path], _beside(path))
    if path.is_dir() and path.name in ("trainA", "trainB"):  # a side by itself
        return _path(path.parent, path.name[-1].lower())
    train = path / f"train{side.upper()}"
    if train.is_dir():
        test = path / f"test{side.upper()}"
        return Files(path.resolve().name + side.upper(), walk(train), walk(test) if test.is_dir() else [])
    if (path / "trainA").is_dir() or (path / "trainB").is_dir():
        raise UserError(f"{path} has no {train.name}: name the folder you mean directly")
    files = _files(path.resolve().name, walk(path), str(path))
    files.test = next((walk(folder) for folder in _split(path.resolve()) if folder.is_dir()), [])
    return files


def _split(path: Path) -> list[Path]:
    """Of `train/anna`, `test/anna` and its other names."""
    return [path.parent.with_name(split) / path.name for split in HELD] if path.parent.name == "train" else []


def _beside(path: Path) -> list[Item]:
    """Of `train.neg.txt`, the `test.neg.txt` or `dev.neg.txt` in the same folder."""
    parts = path.name.split(".")
    if "train" not in parts:
        return []
    named = [[split if part == "train" else part for part in parts] for split in HELD]
    return [p for p in (path.with_name(".".join(name)) for name in named) if p.is_file()][:1]


def walk(folder: Path) -> list[Item]:
    """Every file below it, but hidden ones."""
    try:
        found = sorted(p for p in folder.rglob("*") if p.is_file())
        return [p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({error.strerror}): check its permissions") from error


def _files(name: str, paths: list[Path], spec: str) -> Files:
    if not paths:
        raise UserError(f"{spec} holds no files: give a folder, a glob or a list that does")
    return Files(name, [p for p in paths if p.is_file()])


def _listed(path: Path) -> Files:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as a list ({reason(error)}): one path a line, UTF-8") from error
    paths = [path.parent / line.strip() for line in lines if line.strip() and not line.startswith("#")]
    missing = [p for p in paths if not p.is_file()]
    if missing:
        raise UserError(f"{path}: {len(missing)} of {len(paths)} listed files do not exist, the first is {missing[0]}")
    return _files(path.stem, paths, str(path))


def _npz(path: Path, side: str) -> Files:
    """Arrays trainA, trainB, testA, testB: [N,H,W] or [N,H,W,C], uint8 or float in [0, 1]; classes trainA_y ..., test_y.

    One collection is x_train, x_test, with its classes y_train, y_test; as a side it serves whole.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            both = side and "x_train" not in archive
            names = {split: f"{split}{side.upper()}" if both else f"x_{split}" for split in ("train", "test")}
            arrays = {split: archive[key] for split, key in names.items() if key in archive}
            keys = {split: (f"{key}_y", f"{split}_y", f"y_{split}") for split, key in names.items()}
            labels = {split: archive[k] for split, named in keys.items() for k in named if k in archive}
    except Exception as error:  # numpy raises a dozen kinds for a damaged archive
        raise UserError(f"{path} cannot be read as an .npz archive ({reason(error)}): save it again") from error
    if "train" not in arrays:
        wanted = (
            "trainA and trainB (testA, testB if you like)" if side else "x_train (x_test, y_train, y_test if you like)"
        )
        raise UserError(f"{path} has no array {names['train']}: it must hold {wanted}")
    for split in labels.keys() & arrays.keys():
        found = labels[split]
        whole = found.shape == arrays[split].shape[:1] and found.dtype.kind in "iu"
        if not whole or found.size and not 0 <= found.min() <= found.max() < CLASSES:
            raise UserError(
                f"{path}: the classes of {names[split]} must be one whole number a picture, from 0 on and below {CLASSES}"
            )
    for split, array in arrays.items():
        shape = list(array.shape)
        if (
            len(shape) not in (3, 4)
            or (len(shape) == 4 and shape[-1] not in (1, 3))
            or 0 in shape
            or array.dtype.kind not in "uf"
        ):
            raise UserError(
                f"{path}: {names[split]} is {array.dtype}{shape}; pictures are [N,H,W] or [N,H,W,3], uint8 or float in [0, 1]"
            )
        if array.dtype.kind == "f" and not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise UserError(
                f"{path}: {names[split]} has values outside [0, 1] or NaN: scale it to [0, 1], or give uint8"
            )
        if array.dtype != np.uint8:
            arrays[split] = (
                (array * 255).round().astype(np.uint8)
                if array.dtype.kind == "f"
                else np.uint8(array // (np.iinfo(array.dtype).max // 255))
            )
    rows = {split: [Picture(f"{split}{i:05d}", x) for i, x in enumerate(array)] for split, array in arrays.items()}
    return Files(path.stem + side.upper() * bool(both), rows["train"], rows.get("test", []), labels)
