"""Checkpoints that survive a kill at any moment.

A checkpoint is a folder `checkpoints/step_00001000`, written under a temporary name, synced, then renamed: it is there whole or not
at all. `manifest.json` holds a sha256 of each file, because a flipped bit in a tensor loads without an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import sys
from pathlib import Path

import torch

from . import runtime
from .errors import UserError, reason

MANIFEST = "manifest.json"
# what opening, parsing and unpickling raise for files that are damaged or were not ours
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RuntimeError, pickle.UnpicklingError)


def digest(path: Path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def write_file(path: Path, content: bytes) -> None:
    """Atomic: a temporary file, fsync, rename."""
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        with open(temporary, "wb") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("step_"))


def checkpoints(out: Path) -> list[Path]:
    """Newest first."""
    found = (p for p in (out / "checkpoints").glob("step_*") if p.name.removeprefix("step_").isdecimal())
    return sorted(found, key=step_of, reverse=True)


def save(out: Path, step: int, shared: dict, own: dict, keep: int) -> None:
    """shared: what is equal on all processes, written by the first; own: this process's buffers and random states."""
    folder = out / "checkpoints" / f"step_{step:08d}"
    temporary = folder.with_name(f".tmp-{folder.name}")
    try:
        if runtime.rank() == 0:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
        runtime.barrier()
        parts = {f"rank{runtime.rank()}.pt": own} | ({"shared.pt": shared} if runtime.rank() == 0 else {})
        for name, state in parts.items():
            with open(temporary / name, "wb") as f:
                torch.save(state, f)
                f.flush()
                os.fsync(f.fileno())
        runtime.barrier()
        if runtime.rank() == 0:
            files = {p.name: digest(p) for p in sorted(temporary.iterdir())}
            write_file(temporary / MANIFEST, json.dumps({"step": step, "files": files}, indent=1).encode())
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(temporary, folder)
            sync_folder(folder.parent)
            for old in checkpoints(out)[keep:]:
                shutil.rmtree(old)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        shutil.rmtree(temporary, ignore_errors=True)
        raise UserError(
            f"{folder}: the checkpoint could not be written ({reason(error)}); earlier ones are intact: "
            "make room, then repeat the command"
        ) from error
    runtime.barrier()


def load_latest(out: Path) -> tuple[int, dict, dict] | None:
    """(step, shared, own) of the newest sound checkpoint, on the CPU; damaged ones are passed over with a warning.

    None where there is no checkpoint at all.
    """
    if runtime.rank() == 0:
        for stale in (out / "checkpoints").glob(".tmp-*"):
            shutil.rmtree(stale, ignore_errors=True)
    found = checkpoints(out)
    for folder in found:
        try:
            ranks = check(folder)
            if ranks != runtime.world_size():
                raise UserError(
                    f"{folder} was written by {ranks} processes, this run has {runtime.world_size()}: "
                    "start as many, or choose another --out"
                )
            parts = (folder / "shared.pt", folder / f"rank{runtime.rank()}.pt")
            return step_of(folder), *(torch.load(part, map_location="cpu", weights_only=True) for part in parts)
        except UNREADABLE as error:
            sys.stderr.write(f"warning: {folder} is damaged ({reason(error)}); trying the one before\n")
    if found:
        raise UserError(
            f"{out}: none of its {len(found)} checkpoints can be read; choose another --out, or delete it to start anew"
        )
    return None


def check(folder: Path) -> int:
    """How many processes wrote it; raises one of UNREADABLE where a file is not what the manifest says."""
    files = json.loads((folder / MANIFEST).read_text())["files"]
    ranks = len(files) - 1
    if set(files) != {"shared.pt", *(f"rank{i}.pt" for i in range(ranks))}:
        raise ValueError(f"{MANIFEST} does not list its files")
    for name, sha in files.items():
        if digest(folder / name) != sha:
            raise ValueError(f"{name} does not match its sha256")
    return ranks
