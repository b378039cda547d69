"""Negative sentences to positive ones, and back."""

from __future__ import annotations

from recipes.sentences import sentences


def sentiment(a: str = "negative", b: str = "positive", matched: int = 0, **numbers):
    """Translate between two sentiments. scripts/sentences.py with other data: a and b are two text files, or names under --data-root.

    Args:
        a: one sentiment: a UTF-8 text file with a sentence a line, or a name: negative finds negative.txt under --data-root.
        b: the other.
        matched: none: sentences of two sentiments that are nearly the same say different things.
    """
    return sentences(a, b, matched=matched, **numbers)
