"""What each kind of file needs of its own: one module a kind, one name here. The rest of recipes/ serves all kinds alike.

A kind's module holds

    Domain                                     its class; `Domain.spec()["domain"]` is the module's name
    ITEMS                                      what a person calls its items: "pictures"
    folders(files, size, full, seed)           {"a": Files, "b": Files} -> {"a": Folder, "b": Folder}, with a domain each; any keys
    numbers(domain, full, method)              what suits a method, as its title says it; full: on a GPU
    direction(source, target, generator, width, blocks, styles=0), critic(domain, critic, width, layers, scales, spectral, classes=1)
                                               CycleGAN's networks; styles: how many wanted domains an input's label may name; classes:
                                               of how many a critic says how real it would be
    halves(domain, width, blocks)              (encoder, decoder) of the systems whose sides share a code, both with a `deep` end
    attending(source, target, width, blocks), attending_critic(domain, width, layers)
                                               U-GAT-IT's networks
    pseudo_pairs(a, b)                         (a to b, b to a) of two folders: what an item probably is on the other side
    diffaugment(critic)                        the same critic, which sees items changed at random in training; where there is such a thing
    seeing(domain, path)                       a frozen, pretrained network, Sample -> features as a code; where there is one
    from_noise(domain, noise, width, blocks)   (generator, critic, encoder) of noise, the first two with a `deep` end
    styled(domain, width, blocks, style)       (content encoder, style encoder, decoder whose code's label is a style [B,style])
    judge(domains)                             the validation score, a Judge: load(), __call__(system, data), criterion
    MANY                                       test files that each direction of a run of many sides is scored on; None: all
    score(translators, files, ways, run) -> an iterator of (rows, facts): evaluation on test files, beside the floors, of each
                                               direction (source, to); files: of all sides
    samples(translator, files, source, to, stem), show(stem)
                                               unpicked translations written below docs/results, and the Markdown that shows them
    BETTER                                     {score: min or max}, where the first floor, the copied input, is to be beaten
    COLUMNS, ABOUT                             how scores are written: {key: (heading, format)}, and a paragraph
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable
from itertools import permutations
from types import ModuleType

from domains.sources import Files, option
from translate.domain import Domain
from translate.errors import UserError

KINDS = ("images", "tokens", "mels")


def named(name: str) -> ModuleType:
    """Raises KeyError for a name that is no kind's: a bundle's config may hold anything."""
    if name not in KINDS:
        raise KeyError(name)
    return importlib.import_module(f"{__name__}.{name}")


def of(domain: Domain) -> ModuleType:
    return named(domain.spec()["domain"])


def common(files: dict[str, Files]) -> ModuleType:
    """The kind that most files of all sides have; files of other kinds are dropped, and a side that has no other is refused."""
    votes = Counter(name for found in files.values() for item in found.train for name in KINDS if belongs(item, name))
    kind = named(votes.most_common(1)[0][0] if votes else KINDS[0])
    for side, found in files.items():
        keep(found, kind, side)
    return kind


def belongs(item, name: str) -> bool:
    """By its suffix; an item of an archive says itself what it is."""
    return getattr(item, "kind", None) == name or getattr(item, "suffix", "").lower() in named(name).Domain.suffixes


def keep(found: Files, kind: ModuleType, side: str) -> Files:
    """Drops files of other kinds; refuses where none is left."""
    name = kind.__name__.rpartition(".")[2]
    for split in (found.train, found.test):
        split[:] = [item for item in split if belongs(item, name)]
    if not found.train:
        raise UserError(
            f"{option(side)} {found.name}: no {kind.ITEMS} among its files; known suffixes are {', '.join(kind.Domain.suffixes)}"
        )
    return found


def directions(keys: Iterable[str]) -> list[tuple[str, str]]:
    """(source, to), every ordered pair."""
    return list(permutations(keys, 2))


def share(items: list, keys: Iterable[str], source: str, to: str) -> list:
    """Of a source's held-out items, those that judge this direction: all between two sides; among more, directions take turns, where
    there are at least two for each."""
    others = [key for key in keys if key != source]
    return items[others.index(to) :: len(others)] if len(items) >= 2 * len(others) else items
