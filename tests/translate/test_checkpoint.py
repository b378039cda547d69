"""A checkpoint is there whole or not at all, and what was damaged since is noticed."""

import errno
import hashlib
import json
import os
import pickle
import random
import resource
import shutil
from pathlib import Path

import pytest
import torch

from tests.cases import Hostile
from translate import checkpoint, runtime
from translate.checkpoint import checkpoints, load_latest, save, step_of, write_file
from translate.errors import UserError, reason


def state(step: int) -> tuple[dict, dict]:
    return {"step": step, "weights": torch.full((300,), float(step))}, {"buffers": {"pool": torch.arange(9) + step}}


def saved(out: Path, *steps: int, keep: int = 2) -> Path:
    for step in steps:
        save(out, step, *state(step), keep)
    return out


def loaded(out: Path) -> int:
    """The step that is found; its tensors are those of that step."""
    step, shared, own = load_latest(out)
    assert shared["step"] == step and torch.equal(shared["weights"], torch.full((300,), float(step)))
    assert torch.equal(own["buffers"]["pool"], torch.arange(9) + step)
    return step


def test_what_is_saved_is_loaded_and_the_last_ones_are_kept(tmp_path):
    assert load_latest(tmp_path) is None
    saved(tmp_path, 9, 10, 100, keep=2)
    assert [step_of(p) for p in checkpoints(tmp_path)] == [100, 10]
    assert loaded(tmp_path) == 100
    assert {p.name for p in checkpoints(tmp_path)[0].iterdir()} == {"shared.pt", "rank0.pt", "manifest.json"}
    saved(tmp_path, 100)  # again, over itself
    assert loaded(tmp_path) == 100 and not list((tmp_path / "checkpoints").glob(".*"))


def test_other_folders_are_no_checkpoints(tmp_path):
    saved(tmp_path, 1)
    for name in ("step_best", "step_00000001 (copy)", "step_"):
        (tmp_path / "checkpoints" / name).mkdir()
    assert loaded(tmp_path) == 1


def test_stale_temporaries_are_removed(tmp_path):
    saved(tmp_path, 1)
    stale = tmp_path / "checkpoints" / ".tmp-step_00000002"
    shutil.copytree(tmp_path / "checkpoints" / "step_00000001", stale)
    assert loaded(tmp_path) == 1 and not stale.exists()


@pytest.mark.parametrize("name", ["shared.pt", "rank0.pt", "manifest.json"])
def test_a_flipped_bit_falls_back_with_a_warning(name, tmp_path, capsys):
    out = saved(tmp_path, 1, 2)
    path = checkpoints(out)[0] / name
    sound, rng = path.read_bytes(), random.Random(name)
    for _ in range(20):
        at, bit = rng.randrange(len(sound)), rng.randrange(8)
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1 :])
        step, warned = loaded(out), capsys.readouterr().err
        if step == 2:  # the manifest's own step number and spaces matter to nobody
            assert name == "manifest.json" and json.loads(path.read_text())["files"] == json.loads(sound)["files"]
        else:
            assert step == 1 and "step_00000002 is damaged" in warned and warned.count("\n") == 1


def truncate(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:-7])


DAMAGE = {
    "truncated": lambda f: truncate(f, "shared.pt"),
    "empty": lambda f: (f / "rank0.pt").write_bytes(b""),
    "file missing": lambda f: (f / "rank0.pt").unlink(),
    "no manifest": lambda f: (f / "manifest.json").unlink(),
    "manifest truncated": lambda f: truncate(f, "manifest.json"),
    "manifest of nothing": lambda f: (f / "manifest.json").write_text('{"files": {}}'),
    "manifest of another kind": lambda f: (f / "manifest.json").write_text("[1, 2]"),
    "manifest with a list": lambda f: (f / "manifest.json").write_text('{"files": ["shared.pt", "rank0.pt"]}'),
    "manifest not text": lambda f: (f / "manifest.json").write_bytes(b"\xff\xfe\x00"),
    "a file": lambda f: (shutil.rmtree(f), f.write_text("")),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_every_damage_falls_back(how, tmp_path, capsys):
    out = saved(tmp_path, 1, 2)
    DAMAGE[how](checkpoints(out)[0])
    assert loaded(out) == 1
    warned = capsys.readouterr().err
    assert warned.startswith("warning: ") and "step_00000002 is damaged" in warned and warned.count("\n") == 1


def test_where_none_is_sound_nothing_starts_anew(tmp_path):
    out = saved(tmp_path, 1, 2)
    for folder in checkpoints(out):
        truncate(folder, "shared.pt")
    with pytest.raises(UserError, match="none of its 2 checkpoints can be read; choose another --out, or delete it"):
        load_latest(out)


@pytest.mark.parametrize("file", ["shared.pt", "rank0.pt"])
@pytest.mark.parametrize("form", ["zip", "legacy", "bare pickle"])
def test_a_hostile_pickle_is_not_executed(file, form, tmp_path, capsys):
    """Though its manifest vouches for it."""
    out, mark = saved(tmp_path, 1, 2), tmp_path / "executed"
    path = checkpoints(out)[0] / file
    if form == "bare pickle":
        path.write_bytes(pickle.dumps(Hostile(mark), 2))
    else:
        torch.save({"step": 2, "weights": Hostile(mark)}, path, _use_new_zipfile_serialization=form == "zip")
    manifest = path.with_name("manifest.json")
    files = json.loads(manifest.read_text())["files"] | {file: hashlib.sha256(path.read_bytes()).hexdigest()}
    manifest.write_text(json.dumps({"step": 2, "files": files}))
    assert loaded(out) == 1 and "step_00000002 is damaged" in capsys.readouterr().err
    assert not mark.exists()
    pickle.loads(pickle.dumps(Hostile(mark)))
    assert mark.exists(), "the pickle does what it says where it is let"


def test_another_number_of_processes_is_refused(tmp_path, monkeypatch):
    saved(tmp_path, 1)
    monkeypatch.setattr(runtime, "world_size", lambda: 4)
    with pytest.raises(UserError, match="written by 1 processes, this run has 4: start as many"):
        load_latest(tmp_path)


# every point at which a save touches the disk
BOUNDARIES = [
    (os, "fsync"),
    (os, "replace"),
    (os, "rename"),
    (torch, "save"),
    (shutil, "rmtree"),
    (Path, "mkdir"),
    (checkpoint, "digest"),
]


def fail_at(monkeypatch, n: int, error: BaseException) -> list[int]:
    """The n-th call of any of them raises. Returns what counts the calls."""
    calls = [0]

    def failing(original):
        def call(*args, **kw):
            calls[0] += 1
            if calls[0] == n:
                raise error
            return original(*args, **kw)

        return call

    for owner, name in BOUNDARIES:
        monkeypatch.setattr(owner, name, failing(getattr(owner, name)))
    return calls


def boundaries(tmp_path, monkeypatch) -> int:
    with monkeypatch.context() as patch:
        calls = fail_at(patch, -1, OSError())
        saved(tmp_path / "counted", 1, 2, keep=1)
    return calls[0] // 2 + 1


class Killed(BaseException):
    pass


def test_a_kill_at_any_boundary_leaves_the_old_one_or_the_new_one(tmp_path, monkeypatch):
    n, ends = boundaries(tmp_path, monkeypatch), set()
    assert n > 10
    for i in range(1, n + 1):
        out = saved(tmp_path / str(i), 1)
        with monkeypatch.context() as patch:
            fail_at(patch, i, Killed())
            try:
                saved(out, 2, keep=1)
            except Killed:
                pass
        ends.add(loaded(out))
        saved(out, 3, keep=1)
        assert loaded(out) == 3 and not list((out / "checkpoints").glob(".tmp-*"))
    assert ends == {1, 2}


def test_a_failing_write_at_any_boundary_leaves_the_old_one_and_one_sentence(tmp_path, monkeypatch):
    n, failed = boundaries(tmp_path, monkeypatch), 0
    for i in range(1, n + 1):
        out = saved(tmp_path / str(i), 1)
        with monkeypatch.context() as patch:
            fail_at(patch, i, OSError(errno.ENOSPC, "No space left on device"))
            try:
                saved(out, 2, keep=2)
            except UserError as error:
                failed += 1
                assert "step_00000002: the checkpoint could not be written (No space left on device)" in str(error)
                assert "make room, then repeat the command" in str(error) and "\n" not in str(error)
        assert loaded(out) in (1, 2)
        assert not list((out / "checkpoints").glob(".tmp-*"))
    assert failed >= 8


def test_a_disk_that_is_really_full(tmp_path):
    """Files may not grow beyond 1 kB: what torch itself raises is understood."""
    out, before = saved(tmp_path, 1), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        with pytest.raises(UserError, match=r"could not be written \(.+\); earlier ones are intact") as said:
            save(out, 2, {"step": 2, "weights": torch.zeros(100_000)}, {}, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(said.value)
    assert loaded(out) == 1 and [p.name for p in (out / "checkpoints").iterdir()] == ["step_00000001"]


def test_a_file_is_replaced_whole(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    write_file(path, b"old")
    with monkeypatch.context() as patch:
        fail_at(patch, 1, OSError(errno.EIO, "Input/output error"))
        with pytest.raises(OSError):
            write_file(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    write_file(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_reasons_are_one_line():
    assert reason(OSError(errno.ENOSPC, "No space left on device", "/x")) == "No space left on device"
    assert reason(RuntimeError("first\nsecond")) == "first"
    assert reason(EOFError()) == "EOFError"
