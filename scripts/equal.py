"""Compare systems under one budget: see --help."""

from recipes.equal import equal
from recipes.launch import command

if __name__ == "__main__":
    command(equal)
