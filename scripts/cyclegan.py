"""CycleGAN between two collections: see --help."""

from recipes.cyclegan import cyclegan
from recipes.launch import main

if __name__ == "__main__":
    main(cyclegan)
