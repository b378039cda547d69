"""StarGAN between any number of collections: see --help."""

from recipes.launch import main
from recipes.stargan import stargan

if __name__ == "__main__":
    main(stargan)
