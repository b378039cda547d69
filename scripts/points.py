"""Theory that one can see: see --help."""

from recipes.launch import main
from recipes.points import points

if __name__ == "__main__":
    main(points)
