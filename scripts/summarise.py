"""Documents into short texts: see --help."""

from recipes.launch import main
from recipes.summarise import summarise

if __name__ == "__main__":
    main(summarise)
