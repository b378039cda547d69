"""Draw from a trained generator: see --help."""

from recipes.launch import command
from recipes.sample import sample

if __name__ == "__main__":
    command(sample)
