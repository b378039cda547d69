"""One speaker's sentences in another's voice: see --help."""

from recipes.launch import main
from recipes.voice import voice

if __name__ == "__main__":
    main(voice)
