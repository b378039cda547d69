"""Import generators of the widely used CycleGAN implementation: see --help."""

from recipes.import_peer import import_peer
from recipes.launch import command

if __name__ == "__main__":
    command(import_peer)
