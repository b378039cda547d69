"""A translation task with a known key."""

from __future__ import annotations


def cipher(text: str, folder: str, vocabulary: int = 50, seed: int = 0) -> None:
    """Make a word-substitution cipher out of a text: train.cipher50.txt and train.plain50.txt, which share no sentence, and tests with truth.

    scripts/cipher.py modern cipher50 --vocabulary 50
    scripts/sentences.py --a cipher50/train.cipher50.txt --b cipher50/train.plain50.txt --generator parallel
    A word's frequency alone gives about 60 % of the words at vocabulary 50 away.

    Args:
        text: a text file with a sentence a line, or the name of a set.
        folder: where the files are written.
        vocabulary: the most frequent words, which stand for each other in the cipher; all others are written <unk>.
        seed: of the key and of which sentences are enciphered.
    """
    from collections import Counter
    from pathlib import Path

    import numpy as np

    from domains.sources import find
    from recipes.kinds.tokens import enough, lines
    from translate.errors import UserError, at_least, reason

    at_least(2, vocabulary=vocabulary)
    found = lines(find(text, "a").train)
    enough(found, "a", text)
    rng = np.random.default_rng(seed)
    sentences = [found[i].text.split() for i in rng.permutation(len(found))]
    words = [word for word, _ in Counter(word for s in sentences for word in s).most_common(vocabulary)]
    key = dict(zip(words, [words[i] for i in rng.permutation(len(words))]))

    def written(part: list[list[str]], code: dict[str, str]) -> str:
        return "".join(" ".join(code.get(word, "<unk>") for word in s) + "\n" for s in part)

    plain = {word: word for word in words}
    held, half = len(sentences) // 20, len(sentences) // 2
    test, first, second = sentences[:held], sentences[held:half], sentences[half:]
    back = {value: word for word, value in key.items()}
    files = {
        f"train.cipher{vocabulary}.txt": written(first, key), f"train.plain{vocabulary}.txt": written(second, plain),
        f"test.cipher{vocabulary}.txt": written(test, key), f"test.cipher{vocabulary}.ref0.txt": written(test, plain),
        f"test.plain{vocabulary}.txt": written(test, plain), f"test.plain{vocabulary}.ref0.txt": written(test, key),
        "key.tsv": "".join(f"{code}\t{word}\n" for code, word in sorted(back.items())),
    }  # fmt: skip
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({reason(error)}): choose another folder") from error
    print(
        f"written: {folder}/train.cipher{vocabulary}.txt and train.plain{vocabulary}.txt, {len(first)} and {len(second)} sentences; tests beside them"
    )
