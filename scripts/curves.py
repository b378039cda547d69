"""What a step costs against the picture's side, the batch, the width, on voices and on sentences: see --help."""

from recipes.curves import curves
from recipes.launch import command

if __name__ == "__main__":
    command(curves)
