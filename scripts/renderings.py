"""Digits in four renderings: see --help."""

from recipes.launch import command
from recipes.renderings import renderings

if __name__ == "__main__":
    command(renderings)
