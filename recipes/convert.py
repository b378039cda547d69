"""Files in, translated files out."""

from __future__ import annotations

import glob
import sys
from pathlib import Path
from typing import Literal


def convert(
    run: str,
    input: str = "-",
    output: str = "-",
    to: str = "b",
    source: str = "",
    style: str = "",
    seed: int | None = None,
    beam: int = 0,
    sample: bool = False,
    force: bool = False,
    which: Literal["best", "final"] = "best",
    tile: int = 0,
    vocoder: str = "auto",
    device: str = "auto",
    precision: Literal["fp32", "bf16", "auto"] = "fp32",
) -> None:
    """Translate a file, a folder or a glob with a trained run or bundle. Sizes, names and bit depths are kept.

    A folder: scripts/convert.py runs/cyclegan-photos-vangogh holiday/ painted/ --to b
    Sentences from a pipe: scripts/convert.py runs/sentences-old-modern --to b < psalms.txt > modern.txt

    Args:
        run: a run's folder, or a bundle.
        input: a file, a folder (with its sub-folders) or a quoted glob; of sentences -, left out, is what is typed or piped in.
        output: a file for one input file; a folder otherwise, made where it is missing; of sentences -, left out, prints them.
        to: the side to translate into: a or b, or of many domains one's name.
        source: of many domains the one that the input is from, where the method or the kind of file must know it.
        style: of a method with many translations (munit) a file of side `to` that they are to look like.
        seed: of the style where no file shows it; of --sample.
        beam: of sentences, how many beginnings a generator that writes word by word follows at a time; 0: the likeliest word each time.
        sample: of sentences, words are drawn, each as often as its probability says.
        force: overwrite files that are there.
        which: the checkpoint that validation selected, or the final one.
        tile: side in pixels of the tiles that large pictures are cut into; 0: whole while memory lasts.
        vocoder: of voices griffin-lim, hifigan, or the file of a HiFi-GAN generator; auto: hifigan where it is installed.
        device: auto, cpu or cuda.
        precision: fp32 gives the same pixels everywhere; bf16 is faster where the device has it.
    """
    from recipes.translator import Translator
    from translate import runtime
    from translate.errors import UserError, at_least

    if tile and tile < 64:
        raise UserError(
            f"--tile {tile}: tiles of less than 64 pixels show their seams; leave it out, or give 256 or more"
        )
    runtime.keep_memory()
    translator = Translator.from_pretrained(run, which, device=device, precision=precision)
    source = translator.source(to, source)
    if style and not Path(style).is_file():
        raise UserError(f"--style {style}: no such file")
    at_least(0, beam=beam)
    translator.decode(beam, sample, seed or 0)
    if style or (seed is not None and not sample):
        translator.restyle(to, style, seed or 0)
    if "-" in (input, output):
        return pipe(translator, input, output, to, source, force)
    pairs = plan(input, output, translator.domains[source].suffixes)
    if hasattr(translator.domains[to], "speak_with"):
        translator.domains[to].speak_with(vocoder)
    taken = [out for _, out in pairs if out.exists()]
    if taken and not force:
        raise UserError(
            f"{len(taken)} of {len(pairs)} outputs exist already, the first is {taken[0]}: --force overwrites them"
        )
    for folder in {out.parent for _, out in pairs}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder} cannot be made ({error.strerror}): choose another output") from error
    failed = 0
    for _, problem in bar(translator.files(pairs, to, tile, source=source), len(pairs)):
        if problem:
            failed += 1
            sys.stderr.write(f"skipped: {problem}\n")
    if failed == len(pairs):
        raise UserError(f"nothing was translated: {failed} of {failed} files were skipped")
    print(f"{len(pairs) - failed} translated into {output}" + (f", {failed} skipped" if failed else ""))


def pipe(translator, input: str, output: str, to: str, source: str, force: bool) -> None:
    """Sentences, a line each, as they come; a terminal is answered line by line."""
    from contextlib import nullcontext
    from itertools import islice

    from recipes import kinds
    from translate.errors import UserError, reason

    domain = translator.domains[source]
    kind = kinds.of(domain)
    if not hasattr(kind, "translated"):
        raise UserError(f"INPUT and OUTPUT are needed: {kind.ITEMS} do not go through pipes")
    if output != "-" and Path(output).exists() and not force:
        raise UserError(f"{output} exists already: --force overwrites it")
    net, at_once = translator.direction(source, to), 1 if input == "-" and sys.stdin.isatty() else 64
    try:
        said = nullcontext(sys.stdin.buffer) if input == "-" else open(input, "rb")
        sink = nullcontext(sys.stdout.buffer) if output == "-" else open(output, "wb")
        with said as lines, sink as out:
            while part := list(islice(lines, at_once)):
                texts = [line.decode("utf-8-sig").rstrip("\r\n") for line in part]
                translated = kind.translated(domain, net, texts, translator.device)
                out.write("".join(f"{text}\n" for text in translated).encode())
                out.flush()
    except BrokenPipeError:  # the reader, head for one, has seen enough
        sys.stderr.close()
    except UnicodeDecodeError as error:
        raise UserError(f"{'the input' if input == '-' else input} is not UTF-8: convert it first") from error
    except OSError as error:
        raise UserError(f"{error.filename} cannot be opened ({reason(error)}): choose another file") from error


def plan(input: str, output: str, suffixes: tuple[str, ...]) -> list[tuple[Path, Path]]:
    """(input, output) files."""
    from domains.sources import walk
    from translate.errors import UserError

    source, target = Path(input), Path(output)
    if source.is_dir():
        found = [p for p in walk(source) if p.suffix.lower() in suffixes]
        pairs = [(p, target / p.relative_to(source)) for p in found]
    elif source.is_file():
        if source.suffix.lower() not in suffixes:
            raise UserError(f"{source}: this translator reads {', '.join(suffixes)}")
        into = target / source.name if target.is_dir() or not target.suffix else target
        if into.suffix.lower() not in suffixes:
            raise UserError(f"{into}: this translator writes {', '.join(suffixes)}")
        return [(source, into)]
    else:
        found = [Path(p) for p in sorted(glob.glob(input, recursive=True)) if Path(p).suffix.lower() in suffixes]
        pairs = [(p, target / p.name) for p in found]
    if not pairs:
        raise UserError(
            f"{input}: no such file, or a folder without one that this translator reads: {', '.join(suffixes)}"
        )
    if target.exists() and not target.is_dir():
        raise UserError(f"{target} is a file, and {len(pairs)} files need a folder: name one")
    doubled = len(pairs) - len({out for _, out in pairs})
    if doubled:
        raise UserError(f"{input}: {doubled} files of the glob share a name with another; translate folder by folder")
    return pairs


def bar(items, total: int):
    """A progress bar on a terminal, nothing elsewhere."""
    from rich.progress import track

    return track(items, total=total, description="translating") if sys.stderr.isatty() else items
