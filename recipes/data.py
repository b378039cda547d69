"""From what a user typed after --a and --b, or --domains, to folders with a domain."""

from __future__ import annotations

import re
from types import ModuleType

from domains.augment import pipeline
from domains.folder import Folder
from domains.sources import Files, find
from recipes import kinds
from translate.domain import Domain
from translate.errors import UserError

Sides = list[str] | dict[str, Domain]  # of a system with any number of domains


def open_data(
    a: str | Domain | Sides,
    b: str | Domain | None,
    size: int | None,
    full: bool,
    seed: int,
    augment: str | None = None,
) -> tuple[ModuleType, dict[str, Folder]]:
    """(the kind's module of recipes/kinds, all sides' folders); the kind follows from the files' suffixes.

    b None: a is all domains; their keys are their names. Domains in place of names: no files, for conversion.
    size: of a training item, in the kind's own unit; None: what suits. augment: a file, see domains/augment.py.
    """
    if isinstance(a, list):
        files = named([find(spec, "", "--domains") for spec in a])
    elif isinstance(a, str):
        files = {"a": find(a, "a"), "b": find(b, "b")}
    else:
        domains = {"a": a, "b": b} if b else a
        first = next(iter(domains.values()))
        return kinds.of(first), {key: Folder(domain, Files(key, [])) for key, domain in domains.items()}
    kind = kinds.common(files)
    data = kind.folders(files, size, full, seed)
    if augment:
        if kind is not kinds.named("images"):
            raise UserError(f"--augment {augment}: it is for pictures; {a} holds {kind.ITEMS}")
        for folder in data.values():
            folder.augment = pipeline(augment)
    return kind, data


def named(found: list[Files]) -> dict[str, Files]:
    """By their own names as data keys, in which "_" joins a row's keys; a name that is taken gets a number."""
    if len(found) < 2:
        raise UserError(f"--domains {' '.join(f.name for f in found)}: give at least two")
    files: dict[str, Files] = {}
    for one in found:
        name = re.sub(r"[\W_]+", "-", one.name).strip("-") or "set"
        n = sum(re.fullmatch(rf"{name}(-\d+)?", key) is not None for key in files)
        files[f"{name}-{n + 1}" if n else name] = one
    return files
