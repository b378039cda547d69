"""From what a user typed after --a and --b to folders with a domain."""

from __future__ import annotations

from types import ModuleType

from domains.folder import Folder
from domains.sources import Files, find
from recipes import kinds
from translate.domain import Domain


def open_data(
    a: str | Domain, b: str | Domain, size: int | None, full: bool, seed: int
) -> tuple[ModuleType, dict[str, Folder]]:
    """(the kind's module of recipes/kinds, both sides' folders); the kind follows from the files' suffixes.

    Domains in place of names: no files, for conversion. size: of a training item, in the kind's own unit; None: what suits.
    """
    if not isinstance(a, str):
        return kinds.of(a), {"a": Folder(a, Files("a", [])), "b": Folder(b, Files("b", []))}
    files = {"a": find(a, "a"), "b": find(b, "b")}
    kind = kinds.common(files)
    return kind, kind.folders(files, size, full, seed)
