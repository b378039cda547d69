"""UNIT between two collections: see --help."""

from recipes.launch import main
from recipes.unit import unit

if __name__ == "__main__":
    main(unit)
