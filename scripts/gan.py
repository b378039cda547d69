"""Samples out of noise: see --help."""

from recipes.gan import gan
from recipes.launch import main

if __name__ == "__main__":
    main(gan)
