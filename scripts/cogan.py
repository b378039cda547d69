"""CoGAN between two collections: see --help."""

from recipes.cogan import cogan
from recipes.launch import main

if __name__ == "__main__":
    main(cogan)
