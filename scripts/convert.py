"""Translate files with a trained run: see --help."""

from recipes.convert import convert
from recipes.launch import command

if __name__ == "__main__":
    command(convert)
